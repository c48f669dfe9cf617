//! What administrators see of webhooks.

use actix_web::web::{Path, Payload};
use actix_web::{HttpResponse, post, rt};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use validator::Validate;

use super::{Status, Webhooks, store};
use crate::db::reference::Reference;
use crate::error::{Error, Faults, Result};
use crate::http::Call;
use crate::http::idempotency::Posted;
use crate::http::routes::{self, Routes, handlers};
use crate::model::types::{Code, Instant, Ref};
use crate::record::Resource;
use crate::resources;
use crate::resources::ApiResource;
use crate::text_enum;
use crate::webhooks::event::Change;
use crate::webhooks::target::Targets;

/// A kind of record that a webhook can be told of, as the history names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Entity(pub String);

impl PartialSchema for Entity {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("A kind of record, as the history names it."))
            .enum_values(Some(resources::kinds().iter().map(|kind| kind.name)))
            .into()
    }
}

impl ToSchema for Entity {
    fn name() -> std::borrow::Cow<'static, str> {
        std::borrow::Cow::Borrowed("WebhookEntity")
    }
}

/// A webhook, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct Webhook {
    /// The record's number, for ever.
    #[schema(minimum = 1, example = 1)]
    pub id: i64,
    /// The record's slug; null where nobody gave one.
    pub code: Option<Code>,
    /// Counts the changes of the record.
    #[schema(minimum = 1, example = 1)]
    pub version: i64,
    /// When the webhook was made.
    pub created_at: Instant,
    /// When the webhook was last changed.
    pub updated_at: Instant,
    /// Where messages are sent to.
    #[schema(max_length = 2000, example = "https://oa.example.org/hooks/pairing-tracker")]
    pub url: String,
    /// What it is for.
    #[schema(max_length = 1000, example = "办公系统：里程碑提醒")]
    pub description: Option<String>,
    /// Whether it is sent anything.
    pub status: Status,
    /// The kinds of record that it is told of; none: all.
    pub entities: Vec<Entity>,
    /// The changes that it is told of; none: all.
    pub actions: Vec<Change>,
    /// The pairings whose records it is told of; none: all records, those of no pairing too.
    pub pairings: Vec<Reference>,
    /// Until when messages are signed with the secret before the last rotation, too; null: with one secret alone.
    pub previous_secret_expires_at: Option<Instant>,
    /// The number of the last event of the history that was looked at for it.
    #[schema(minimum = 0, example = 1204)]
    pub event_cursor: i64,
    /// How many messages are still to be delivered, those under way included.
    #[schema(minimum = 0, example = 0)]
    pub pending: i64,
    /// How many messages were given up, within the time that deliveries are kept.
    #[schema(minimum = 0, example = 0)]
    pub failed: i64,
}

/// A webhook to make.
#[derive(Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct NewWebhook {
    /// The record's slug.
    #[serde(default)]
    pub code: Option<Code>,
    /// Where messages are sent to: https, and an address that is public; http and other addresses are for the networks
    /// that the operator allows. Without user, password or fragment.
    #[schema(
        min_length = 1,
        max_length = 2000,
        pattern = "^https?://[^\\u0000-\\u0020\\u007f]+$",
        example = "https://oa.example.org/hooks/pairing-tracker"
    )]
    pub url: String,
    /// What it is for.
    #[serde(default)]
    #[schema(max_length = 1000, example = "办公系统：里程碑提醒")]
    pub description: Option<String>,
    /// Whether it is sent anything.
    #[serde(default)]
    pub status: Status,
    /// The kinds of record that it is told of; none: all.
    #[serde(default)]
    #[schema(max_items = 50)]
    pub entities: Vec<Entity>,
    /// The changes that it is told of; none: all.
    #[serde(default)]
    #[schema(max_items = 10)]
    pub actions: Vec<Change>,
    /// The pairings whose records it is told of; none: all records, those of no pairing too.
    #[serde(default)]
    #[schema(max_items = 100)]
    pub pairings: Vec<Ref>,
    /// The secret, which the service makes; no client gives it.
    #[serde(skip)]
    #[schema(ignore)]
    pub secret: Option<String>,
}

/// A webhook whose secret was just made.
#[derive(Debug, Serialize, ToSchema)]
pub struct IssuedWebhook {
    /// The webhook as it will be read from now on.
    pub webhook: Webhook,
    /// What messages are signed with: `whsec_` and 32 bytes in base64. It is shown once: null when this is the answer to a
    /// retry.
    #[schema(max_length = 100, example = "whsec_…")]
    pub secret: Option<String>,
}

text_enum! {
    /// The orders of a list of webhooks; ties are ordered by id.
    Sort as "WebhookSort" {
        /// In the order of creation.
        Id => "id",
        /// Newest first.
        IdDesc => "-id",
        /// Least recently changed first.
        UpdatedAt => "updated_at",
        /// Most recently changed first.
        UpdatedAtDesc => "-updated_at",
    }
}

/// What a list of webhooks can be narrowed by.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WebhookFilter {
    /// Words in the description.
    #[param(max_length = 200, example = "办公")]
    pub q: Option<String>,
    /// With these statuses; several repeat the parameter.
    #[serde(default)]
    pub status: Vec<Status>,
    /// That name this pairing.
    pub pairing: Option<Ref>,
    /// Changed at this instant or later.
    pub updated_since: Option<DateTime<Utc>>,
    /// The order; a minus turns it round.
    #[param(inline)]
    pub sort: Option<Sort>,
}

/// Creates a webhook.
#[utoipa::path(
    post, path = "/webhooks", operation_id = "createWebhook", tag = "webhooks",
    summary = "Create a webhook · 新建推送",
    description = "Creates a webhook for events that follow. The response is the only one with its secret; a retry with the same \
        `Idempotency-Key` returns the response without it, and `rotate-secret` replaces it. A URL whose host resolves to an address \
        that is not public is rejected, here and at each delivery, unless the operator allows its network. Requires the role `admin`. \
        新建推送，只推送此后的变更；密钥仅显示一次；需要管理员密钥。",
    request_body(content = NewWebhook, description = "The webhook to create."),
    responses((status = 201, description = "The created webhook.", body = IssuedWebhook))
)]
#[post("/webhooks")]
async fn create(call: Call, payload: Payload) -> Result<HttpResponse> {
    let actor = call.writer()?;
    let body = call.json(payload, &["application/json"]).await?;
    call.state.catalog.contract.validate(Webhooks::NEW, &body)?;
    let new: NewWebhook = serde_json::from_value(body.clone())?;
    judge_target(&call, Some(&new.url)).await?;
    call.post(actor, &body, |tx| {
        let (webhook, secret) = store::issue(tx, new)?;
        let (id, version) = Webhooks::id_and_version(&webhook);
        let mut issued = IssuedWebhook { webhook, secret: Some(secret) };
        let posted = Posted::created(format!("/api/v1/webhooks/{id}"), version, &issued)?;
        issued.secret = None;
        posted.kept_as(&issued)
    })
    .await
}

/// Updates a webhook. The URL is validated before the transaction.
async fn update(call: Call, payload: Payload, reference: Path<String>) -> Result<HttpResponse> {
    handlers::update_judged::<Webhooks, _>(call, payload, reference.into_inner(), async |call, patch| {
        judge_target(call, patch["url"].as_str()).await
    })
    .await
}

/// Replaces a webhook's secret.
#[utoipa::path(
    post, path = "/webhooks/{ref}/rotate-secret", operation_id = "rotateWebhookSecret", tag = "webhooks",
    summary = "Replace the secret of a webhook · 更换推送密钥",
    description = "Replaces the secret. The response is the only one with the new secret; a retry with the same `Idempotency-Key` \
        returns the response without it. For 24 hours messages are signed with the new and the previous secret; another rotation \
        within that time drops the oldest. Requires the role `admin`. 更换密钥；24 小时内新旧密钥同时签名；需要管理员密钥。",
    params(("ref" = Ref, Path, description = "Code or numeric identifier of the webhook.")),
    responses((status = 200, description = "The webhook and its new secret.", body = IssuedWebhook))
)]
#[post("/webhooks/{ref}/rotate-secret")]
async fn rotate(call: Call, payload: Payload, reference: Path<String>) -> Result<HttpResponse> {
    let actor = call.writer()?;
    call.require_no_body(payload).await?;
    call.post(actor, &Value::Null, |tx| {
        let (webhook, secret) = store::rotate(tx, &Ref(reference.into_inner()))?;
        let (_, version) = Webhooks::id_and_version(&webhook);
        let mut issued = IssuedWebhook { webhook, secret: Some(secret) };
        let posted = Posted::done(version, &issued)?;
        issued.secret = None;
        posted.kept_as(&issued)
    })
    .await
}

/// Validates the address of a URL. Runs outside the transaction, because resolving a host name may take long.
async fn judge_target(call: &Call, url: Option<&str>) -> Result<()> {
    let Some(url) = url.map(str::to_owned) else { return Ok(()) };
    let targets = call.state.parts.get::<Targets>()?;
    let judged = rt::task::spawn_blocking(move || targets.judge(&url)).await.map_err(Error::unexpected)?;
    let mut faults = Faults::default();
    if let Err(refusal) = judged {
        faults.push("/url", refusal.code(), refusal.message());
    }
    faults.refuse()
}

impl ApiResource for Webhooks {
    const ROUTES: Routes = Routes { label: "推送", ..Routes::OF_ADMINISTRATORS };

    fn mount(config: &mut ServiceConfig<'_>) {
        let list = routes::list::<Self>(&Self::ROUTES).description(
            "Returns a page of the webhooks that match the filter parameters, without their secrets. Requires the role `admin`. \
             分页列出推送，不含密钥；需要管理员密钥。",
        );
        let get = routes::get::<Self>(&Self::ROUTES).description(
            "Returns one webhook by its code or identifier, without its secret. Requires the role `admin`. \
             按代码或编号读取一个推送，不含密钥；需要管理员密钥。",
        );
        let update = routes::update::<Self>(&Self::ROUTES).handler(update).description(
            "Applies a JSON Merge Patch (RFC 7396) to the URL, filters or status of a webhook. Deliveries that are pending go to \
             the new URL; new filters apply to events that are not yet queued. Requires the role `admin`. \
             以 JSON 合并补丁修改推送，须提供 If-Match；需要管理员密钥。",
        );
        let delete = routes::delete::<Self>(&Self::ROUTES).description(
            "Deletes a webhook with its deliveries; nothing more is sent to it. Its history is kept. Requires the role `admin`. \
             删除推送及其投递记录，变更历史保留；需要管理员密钥。",
        );
        config.service(list).service(create).service(get).service(update).service(delete).service(rotate);
        config.service(routes::history::<Self>(&Self::ROUTES));
    }
}
