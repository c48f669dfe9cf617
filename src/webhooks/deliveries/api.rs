//! Endpoints for administrators: list deliveries, replay messages and send a test.

use actix_web::HttpResponse;
use actix_web::web::{Path, Payload};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::{Status, store};
use crate::db::Conn;
use crate::db::page::PageRequest;
use crate::error::{Faults, Result};
use crate::http::idempotency::Posted;
use crate::http::list::{ListPage, Page, PageParams};
use crate::http::routes::{ServiceConfig, operation};
use crate::http::{Call, typed};
use crate::model::types::{Instant, Ref};
use crate::webhooks::send::Failure;
use crate::{msg, text_enum};

/// A message to a webhook and the outcome of its attempts.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookDelivery {
    /// Numeric identifier of the delivery.
    #[schema(minimum = 1, example = 1)]
    pub id: i64,
    /// Value of the header `webhook-id`, the same for every attempt and replay of the event.
    #[schema(max_length = 100, example = "msg_5f0c2a9be1d44f7c8e21b7a90c3d6f58")]
    pub message_id: String,
    /// Numeric identifier of the audit event; null for a test.
    #[schema(minimum = 1, example = 1204)]
    pub event_id: Option<i64>,
    /// The type of the message.
    #[schema(max_length = 100, example = "milestone.updated")]
    pub event_type: String,
    /// The kind of the changed record.
    #[schema(max_length = 100, example = "milestone")]
    pub entity: String,
    /// The record's id.
    #[schema(minimum = 1, example = 7)]
    pub record_id: i64,
    /// The status of the delivery.
    pub status: Status,
    /// Number of attempts since the delivery was created or last replayed.
    #[schema(minimum = 0, example = 1)]
    pub attempts: i32,
    /// When the delivery was created.
    pub created_at: Instant,
    /// When the last attempt was made; null before the first one.
    pub last_attempt_at: Option<Instant>,
    /// Earliest time of the next attempt, which also waits until earlier deliveries of the same record have ended. Null
    /// once the delivery has ended.
    pub next_attempt_at: Option<Instant>,
    /// HTTP status of the last response; null if there was no response.
    #[schema(minimum = 100, maximum = 999, example = 204)]
    pub last_status_code: Option<i32>,
    /// Why the last attempt failed; null if it succeeded or none was made.
    pub last_failure: Option<Failure>,
    /// When the message was delivered or given up; null while it is pending.
    pub ended_at: Option<Instant>,
}

text_enum! {
    /// Sort orders of deliveries.
    Sort as "WebhookDeliverySort" {
        /// Oldest first.
        Id => "id",
        /// Newest first.
        IdDesc => "-id",
    }
}

/// Filter parameters of the list of deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WebhookDeliveryFilter {
    /// Only deliveries with this status.
    pub status: Option<Status>,
    /// Sort order; a leading `-` sorts descending. Default: `-id`.
    #[param(inline)]
    pub sort: Option<Sort>,
}

/// The messages to send again. Give `since`, `failed` or both, or `events` alone.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWebhookReplay {
    /// Replay all events recorded at this instant or later, delivered or not; with `failed`, only those that were given
    /// up.
    #[serde(default)]
    #[schema(example = "2022-04-11T01:30:00Z")]
    pub since: Option<DateTime<Utc>>,
    /// Ids of the audit events to replay.
    #[serde(default)]
    #[schema(max_items = 1000, example = json!([1204]))]
    pub events: Vec<i64>,
    /// Whether to replay only messages that were given up.
    #[serde(default)]
    #[schema(example = true)]
    pub failed: bool,
}

/// Checks the rules across the fields of a request.
pub fn validate(new: &NewWebhookReplay, faults: &mut Faults) {
    let NewWebhookReplay { since, events, failed } = new;
    match (since.is_some() || *failed, events.is_empty()) {
        (true, true) | (false, false) => {}
        (false, true) => faults.push(
            "",
            "required",
            msg!("须给出 since、events 或 failed。", "requires one of since, events and failed"),
        ),
        (true, false) => faults.push(
            "/events",
            "not_together",
            msg!("不能与 since 或 failed 同时给出。", "cannot be combined with since or failed"),
        ),
    }
}

/// The result of a replay request.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookReplay {
    /// Number of messages to be sent again; with `since` alone, number of events to be processed again, including those
    /// that the webhook is not subscribed to.
    #[schema(minimum = 0, example = 3)]
    pub events: i64,
}

/// A page of a list.
pub type WebhookDeliveryList = ListPage<WebhookDelivery>;

/// Lists the deliveries of a webhook.
#[utoipa::path(
    get, path = "/webhooks/{ref}/deliveries", operation_id = "listWebhookDeliveries", tag = "webhooks",
    summary = "List the deliveries of a webhook · 投递记录",
    description = "Lists the messages sent or due to one webhook and their outcomes, newest first by default. \
        Deliveries are deleted 30 days after they ended. For administrators. 一个推送的投递记录，结束后保留 30 天。",
    params(("ref" = Ref, Path, description = "Code or numeric identifier of the webhook."), WebhookDeliveryFilter, PageParams),
    responses((status = 200, description = "A page of deliveries.", body = WebhookDeliveryList))
)]
async fn list(call: Call, reference: Path<String>) -> Result<HttpResponse> {
    let reference = Ref(reference.into_inner());
    call.uncached()
        .list("listWebhookDeliveries", |_, query, _| {
            let filter: WebhookDeliveryFilter = typed(query)?;
            Ok(move |conn: &mut Conn, page: &PageRequest| {
                let page = store::page(conn, &reference, &filter, page)?;
                Ok(Page::new(store::load(conn, &page.ids)?, page))
            })
        })
        .await
}

/// Sends messages again.
#[utoipa::path(
    post, path = "/webhooks/{ref}/replays", operation_id = "replayWebhook", tag = "webhooks",
    summary = "Send messages again · 重新投递",
    description = "Sends messages again: those since an instant, those of some events, or those that were given up. \
        Only events that the webhook is subscribed to are sent, in the order of the history, each with its original \
        `webhook-id`. With `since` alone the webhook's cursor is set back, so newer events are sent after the \
        replayed ones. For administrators. 重新投递某时刻以来的事件、指定的事件或已放弃的事件。",
    params(("ref" = Ref, Path, description = "Code or numeric identifier of the webhook.")),
    request_body(content = NewWebhookReplay, description = "The messages to send again."),
    responses((status = 200, description = "The number of messages or events to be sent again.", body = WebhookReplay))
)]
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
    description = "Sends a message of type `webhook.test` through the same queue as any other; the list of deliveries \
        shows its outcome. A paused webhook responds with 409. For administrators. 发送一条 webhook.test 测试消息。",
    params(("ref" = Ref, Path, description = "Code or numeric identifier of the webhook.")),
    responses((status = 200, description = "The delivery of the test.", body = WebhookDelivery))
)]
async fn test(call: Call, payload: Payload, reference: Path<String>) -> Result<HttpResponse> {
    let actor = call.writer()?;
    call.require_no_body(payload).await?;
    call.post(actor, &Value::Null, |tx| {
        let (version, delivery) = store::test(tx, &Ref(reference.into_inner()))?;
        Posted::done(version, &delivery)
    })
    .await
}

/// Registers the routes.
pub fn mount(config: &mut ServiceConfig) {
    config.service(operation!(list)).service(operation!(replay)).service(operation!(test));
}
