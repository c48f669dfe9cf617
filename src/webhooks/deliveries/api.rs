//! What administrators see of deliveries, and how they have messages sent again.

use actix_web::web::{Path, Payload};
use actix_web::{HttpResponse, get, post};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use validator::{Validate, ValidationError};

use super::{Status, store};
use crate::db::Conn;
use crate::db::page::PageRequest;
use crate::error::Result;
use crate::http::idempotency::Posted;
use crate::http::list::{ListPage, Page, PageParams};
use crate::http::{Call, typed};
use crate::model::types::{Instant, Ref};
use crate::webhooks::send::Failure;
use crate::{msg, rules, text_enum};

/// A message to a webhook, and what came of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookDelivery {
    /// The delivery's number.
    #[schema(minimum = 1, example = 1)]
    pub id: i64,
    /// The header `webhook-id` of the message: the same at every attempt, and when the event is sent again.
    #[schema(max_length = 100, example = "msg_5f0c2a9be1d44f7c8e21b7a90c3d6f58")]
    pub message_id: String,
    /// The number of the event in the history; null for a test.
    #[schema(minimum = 1, example = 1204)]
    pub event_id: Option<i64>,
    /// The type of the message.
    #[schema(max_length = 100, example = "milestone.updated")]
    pub event_type: String,
    /// The kind of record that it tells of.
    #[schema(max_length = 100, example = "milestone")]
    pub entity: String,
    /// The record's id.
    #[schema(minimum = 1, example = 7)]
    pub record_id: i64,
    /// How it stands.
    pub status: Status,
    /// How often it was tried, since it was last asked for.
    #[schema(minimum = 0, example = 1)]
    pub attempts: i32,
    /// When it was first due.
    pub created_at: Instant,
    /// When it was last tried; null: not yet.
    pub last_attempt_at: Option<Instant>,
    /// When it is tried next, at the earliest: not before the earlier ones of the same record have ended. Null when it has
    /// ended itself.
    pub next_attempt_at: Option<Instant>,
    /// The status of the last answer; null where there was none.
    #[schema(minimum = 100, maximum = 999, example = 204)]
    pub last_status_code: Option<i32>,
    /// Why the last attempt failed.
    pub last_failure: Option<Failure>,
    /// When it was delivered or given up.
    pub ended_at: Option<Instant>,
}

text_enum! {
    /// The orders of a list of deliveries.
    Sort as "WebhookDeliverySort" {
        /// In the order in which they were first due.
        Id => "id",
        /// Newest first.
        IdDesc => "-id",
    }
}

/// What a list of deliveries can be narrowed by.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WebhookDeliveryFilter {
    /// Only those that stand so.
    pub status: Option<Status>,
    /// The order; a minus turns it round. Newest first unless given.
    #[param(inline)]
    pub sort: Option<Sort>,
}

/// What is to be sent again. At least one of the fields is given; `events` stands alone.
#[derive(Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[validate(schema(function = "says_what"))]
pub struct NewWebhookReplay {
    /// Every event that was written at this instant or later, whether it was delivered or not; with `failed`, those that
    /// were given up alone.
    #[serde(default)]
    #[schema(example = "2022-04-11T01:30:00Z")]
    pub since: Option<DateTime<Utc>>,
    /// The events with these numbers.
    #[serde(default)]
    #[schema(max_items = 1000, example = json!([1204]))]
    pub events: Vec<i64>,
    /// Whether only messages that were given up are sent again.
    #[serde(default)]
    #[schema(example = true)]
    pub failed: bool,
}

fn says_what(new: &NewWebhookReplay) -> Result<(), ValidationError> {
    let NewWebhookReplay { since, events, failed } = new;
    match (since.is_some() || *failed, events.is_empty()) {
        (true, true) | (false, false) => Ok(()),
        (false, true) => Err(rules::broken(
            "",
            "required",
            msg!("须给出 since、events 或 failed。", "needs one of since, events and failed"),
        )),
        (true, false) => Err(rules::broken(
            "/events",
            "not_together",
            msg!("不能与 since 或 failed 同时给出。", "stands alone, without since and failed"),
        )),
    }
}

/// What will be sent again.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookReplay {
    /// How many events are sent again; with `since` alone, how many are looked at again, those included that the webhook
    /// does not ask for.
    #[schema(minimum = 0, example = 3)]
    pub events: i64,
}

/// A page of a list.
pub type WebhookDeliveryList = ListPage<WebhookDelivery>;

/// Lists the deliveries of a webhook.
#[utoipa::path(
    get, path = "/webhooks/{ref}/deliveries", operation_id = "listWebhookDeliveries", tag = "webhooks",
    summary = "List the deliveries of a webhook · 投递记录",
    description = "What one webhook was told or is to be told, newest first unless `sort` says otherwise, and what came of it. One that \
        ended more than 30 days ago is no longer kept. For administrators. 一个推送的投递记录，结束后保留 30 天。",
    params(("ref" = Ref, Path, description = "Code or numeric identifier of the webhook."), WebhookDeliveryFilter, PageParams),
    responses((status = 200, description = "A page of deliveries.", body = WebhookDeliveryList))
)]
#[get("/webhooks/{ref}/deliveries")]
async fn list(call: Call, reference: Path<String>) -> Result<HttpResponse> {
    let reference = Ref(reference.into_inner());
    call.list("listWebhookDeliveries", |_, query, _| {
        let filter: WebhookDeliveryFilter = typed(query)?;
        Ok(move |conn: &mut Conn, page: &PageRequest| {
            let page = store::page(conn, &reference, &filter, page)?;
            Page::new(&store::load(conn, &page.ids)?, page)
        })
    })
    .await
}

/// Sends messages again.
#[utoipa::path(
    post, path = "/webhooks/{ref}/replays", operation_id = "replayWebhook", tag = "webhooks",
    summary = "Send messages again · 重新投递",
    description = "Sends again what happened since an instant, some events, or what was given up; as far as the webhook asks for it, in \
        the order of the history, and each with the `webhook-id` that it had. With `since` alone the webhook goes back: what happens \
        meanwhile is told after it. For administrators. 重新投递某时刻以来的、指定的或已放弃的事件。",
    params(("ref" = Ref, Path, description = "Code or numeric identifier of the webhook.")),
    request_body(content = NewWebhookReplay, description = "What is to be sent again."),
    responses((status = 200, description = "What will be sent again.", body = WebhookReplay))
)]
#[post("/webhooks/{ref}/replays")]
async fn replay(call: Call, payload: Payload, reference: Path<String>) -> Result<HttpResponse> {
    let actor = call.writer()?;
    let body = call.json(payload, &["application/json"]).await?;
    call.state.catalog.contract.validate("NewWebhookReplay", &body)?;
    let new: NewWebhookReplay = serde_json::from_value(body.clone())?;
    call.post(actor, &body, |tx| {
        let (version, events) = store::replay(tx, &Ref(reference.into_inner()), new)?;
        Posted::done(version, &WebhookReplay { events })
    })
    .await
}

/// Sends a test.
#[utoipa::path(
    post, path = "/webhooks/{ref}/test", operation_id = "testWebhook", tag = "webhooks",
    summary = "Send a test · 发送测试消息",
    description = "Sends a message of the type `webhook.test` on the same way as any other; the list of deliveries says what came of it. \
        A paused webhook is sent none. For administrators. 发送一条 webhook.test 测试消息。",
    params(("ref" = Ref, Path, description = "Code or numeric identifier of the webhook.")),
    responses((status = 200, description = "The delivery of the test.", body = WebhookDelivery))
)]
#[post("/webhooks/{ref}/test")]
async fn test(call: Call, payload: Payload, reference: Path<String>) -> Result<HttpResponse> {
    let actor = call.writer()?;
    call.require_no_body(payload).await?;
    call.post(actor, &Value::Null, |tx| {
        let (version, delivery) = store::test(tx, &Ref(reference.into_inner()))?;
        Posted::done(version, &delivery)
    })
    .await
}

/// Mounts the operations.
pub fn mount(config: &mut ServiceConfig<'_>) {
    config.service(list).service(replay).service(test);
}
