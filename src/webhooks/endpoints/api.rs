//! What administrators see of webhooks.

use actix_web::web::{Path, Payload};
use actix_web::{HttpResponse, delete, get, patch, post, rt};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use validator::Validate;

use super::{Status, Webhooks, store};
use crate::audit::types::{HistoryParams, RecordHistory};
use crate::db::reference::Reference;
use crate::error::{Error, Faults, Result};
use crate::http::idempotency::Posted;
use crate::http::list::PageParams;
use crate::http::{Call, crud};
use crate::model::types::{Code, Instant, Ref};
use crate::record::Resource;
use crate::resources;
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
            .enum_values(Some(resources::KINDS.iter().map(|kind| kind.name)))
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

crate::page_type!(WebhookList of Webhook);
crate::merge_patch!(WebhookPatch of NewWebhook);

/// Lists webhooks.
#[utoipa::path(
    get, path = "/webhooks", operation_id = "listWebhooks", tag = "webhooks",
    summary = "List webhooks · 推送列表",
    description = "A page of the webhooks that fit the filter, without their secrets. For administrators. 分页列出推送，不含密钥。",
    params(WebhookFilter, PageParams),
    responses((status = 200, description = "A page of webhooks.", body = WebhookList))
)]
#[get("/webhooks")]
async fn list(call: Call) -> Result<HttpResponse> {
    crud::list::<Webhooks>(call, "listWebhooks").await
}

/// Makes a webhook.
#[utoipa::path(
    post, path = "/webhooks", operation_id = "createWebhook", tag = "webhooks",
    summary = "Make a webhook · 新建推送",
    description = "Makes a webhook and shows its secret, once. It is told of what is written from now on. A retry with the same \
        `Idempotency-Key` gets the same answer without the secret, which can be replaced. A URL that leads to an address that is not \
        public is refused, here and whenever a message is sent, unless the operator allows its network. For administrators. \
        新建推送；密钥仅显示一次，只推送此后的变更。",
    request_body(content = NewWebhook, description = "The webhook to make."),
    responses((status = 201, description = "The webhook was made.", body = IssuedWebhook))
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

/// Reads a webhook.
#[utoipa::path(
    get, path = "/webhooks/{ref}", operation_id = "getWebhook", tag = "webhooks",
    summary = "Read one webhook · 读取推送",
    description = "One webhook by its code or id, without its secret. For administrators. 读取一个推送，不含密钥。",
    params(("ref" = Ref, Path, description = "The webhook's code, or its id.")),
    responses((status = 200, description = "The webhook.", body = Webhook))
)]
#[get("/webhooks/{ref}")]
async fn get(call: Call, reference: Path<String>) -> Result<HttpResponse> {
    crud::get::<Webhooks>(call, reference.into_inner(), "getWebhook").await
}

/// Changes a webhook.
#[utoipa::path(
    patch, path = "/webhooks/{ref}", operation_id = "updateWebhook", tag = "webhooks",
    summary = "Change one webhook · 修改推送",
    description = "Applies a JSON Merge Patch: where messages go, what they tell of, whether any are sent. What is still to be \
        delivered goes to the new place; what is told of changes with the events that are looked at next. For administrators. \
        以合并补丁修改推送；需要 If-Match。",
    params(("ref" = Ref, Path, description = "The webhook's code, or its id.")),
    request_body(
        content = WebhookPatch,
        content_type = "application/merge-patch+json",
        description = "The fields to change; `application/json` is accepted as well.",
    ),
    responses((status = 200, description = "The webhook as it is now.", body = Webhook))
)]
#[patch("/webhooks/{ref}")]
async fn update(call: Call, payload: Payload, reference: Path<String>) -> Result<HttpResponse> {
    crud::update_judged::<Webhooks, _>(call, payload, reference.into_inner(), async |call, patch| {
        judge_target(call, patch["url"].as_str()).await
    })
    .await
}

/// Deletes a webhook.
#[utoipa::path(
    delete, path = "/webhooks/{ref}", operation_id = "deleteWebhook", tag = "webhooks",
    summary = "Delete one webhook · 删除推送",
    description = "Deletes a webhook with its deliveries: nothing more is sent to it. Its history stays. For administrators. 删除推送及其投递记录。",
    params(("ref" = Ref, Path, description = "The webhook's code, or its id.")),
    responses((status = 204, description = "The webhook was deleted."))
)]
#[delete("/webhooks/{ref}")]
async fn remove(call: Call, reference: Path<String>) -> Result<HttpResponse> {
    crud::delete::<Webhooks>(call, reference.into_inner()).await
}

/// Replaces a webhook's secret.
#[utoipa::path(
    post, path = "/webhooks/{ref}/rotate-secret", operation_id = "rotateWebhookSecret", tag = "webhooks",
    summary = "Replace a webhook's secret · 更换推送密钥",
    description = "Makes a new secret and shows it, once. For 24 hours messages are signed with both, the new one first, so that no \
        message is missed meanwhile; a second rotation within that time drops the oldest. A retry with the same `Idempotency-Key` gets \
        the same answer without the secret. For administrators. 更换密钥；24 小时内新旧密钥同时签名。",
    params(("ref" = Ref, Path, description = "The webhook's code, or its id.")),
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

/// Lists what was written to a webhook.
#[utoipa::path(
    get, path = "/webhooks/{ref}/history", operation_id = "listWebhookHistory", tag = "webhooks",
    summary = "List the history of a webhook · 推送的变更历史",
    description = "Every write to one webhook, oldest first: who, when, what stood before and after; never its secret. For administrators. 一个推送的全部写入记录。",
    params(("ref" = Ref, Path, description = "The webhook's code, or its id."), HistoryParams, PageParams),
    responses((status = 200, description = "A page of the history.", body = RecordHistory))
)]
#[get("/webhooks/{ref}/history")]
async fn history(call: Call, reference: Path<String>) -> Result<HttpResponse> {
    crud::history::<Webhooks>(call, reference.into_inner(), "listWebhookHistory").await
}

/// Refuses a URL for where it leads. Not in the transaction: a name may take long to be found.
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

/// Mounts the operations.
pub fn mount(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(get).service(update).service(remove).service(rotate).service(history);
}
