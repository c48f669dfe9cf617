//! What administrators see of API keys.

use actix_web::web::{Path, Payload};
use actix_web::{HttpResponse, get, patch, post};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use validator::{Validate, ValidationError};

use super::{ApiKeys, Status, store};
use crate::access::Role;
use crate::access::keys::Issued;
use crate::audit::types::{HistoryParams, RecordHistory};
use crate::db::page::RecordSort;
use crate::db::reference::Reference;
use crate::error::Result;
use crate::http::idempotency::Posted;
use crate::http::list::PageParams;
use crate::http::{Call, crud};
use crate::model::types::{Code, Instant, Ref};
use crate::record::Resource;
use crate::{msg, rules};

/// A key, without its secret part.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApiKey {
    /// The record's number, for ever.
    #[schema(minimum = 1, example = 1)]
    pub id: i64,
    /// The key's public part: what stands between `ptk_` and the next underscore.
    pub code: Code,
    /// Counts the changes of the record.
    #[schema(minimum = 1, example = 1)]
    pub version: i64,
    /// When the key was made.
    pub created_at: Instant,
    /// When the key was last changed.
    pub updated_at: Instant,
    /// Whose it is; the history keeps this name.
    #[schema(max_length = 200, example = "新会区对口办")]
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The pairings that it names: an editor writes in these alone (none: in all), a viewer sees their personal data (none:
    /// nobody's).
    pub pairings: Vec<Reference>,
    /// The last day on which it is good, in the service's time zone; null: until it is revoked.
    pub expires_on: Option<NaiveDate>,
    /// When it was revoked.
    pub revoked_at: Option<Instant>,
    /// When it was last used, to the minute; null: never.
    pub last_used_at: Option<Instant>,
    /// How it stands today.
    pub status: Status,
    /// What should be known about it.
    pub note: Option<String>,
}

/// A key to make.
#[derive(Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[validate(schema(function = "administrators_are_of_all"))]
pub struct NewApiKey {
    /// Whose it is, as the history and the records show it. Names that begin with `oidc:` (holders of tokens), and
    /// `anonymous`, `operator`, `other` and `service`, are refused (422).
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = "^[^\\u0000-\\u001f\\u007f]*[^\\u0000-\\u0020\\u007f][^\\u0000-\\u001f\\u007f]*$",
        example = "新会区对口办"
    )]
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The pairings that it names: an editor writes in these alone (none: in all), a viewer sees their personal data (none:
    /// nobody's). An administrator's key names none.
    #[serde(default)]
    #[schema(max_items = 100)]
    pub pairings: Vec<Ref>,
    /// The last day on which it is good, in the service's time zone; absent: until it is revoked.
    #[serde(default)]
    pub expires_on: Option<NaiveDate>,
    /// What should be known about it.
    #[serde(default)]
    pub note: Option<String>,
    /// The key itself, which the service makes; no client gives it.
    #[serde(skip)]
    #[schema(ignore)]
    pub issued: Option<Issued>,
}

fn administrators_are_of_all(new: &NewApiKey) -> Result<(), ValidationError> {
    if new.role == Role::Admin && !new.pairings.is_empty() {
        return Err(rules::broken(
            "/pairings",
            "not_for_role",
            msg!("admin 密钥不限定结对关系。", "an administrator's key names no pairings"),
        ));
    }
    Ok(())
}

/// A key that was just made.
#[derive(Debug, Serialize, ToSchema)]
pub struct IssuedApiKey {
    /// The key as it will be read from now on.
    pub key: ApiKey,
    /// The whole key, for `Authorization: Bearer`. It is shown once: null when this is the answer to a retry.
    #[schema(max_length = 100, example = "ptk_k3m9q2xa_…")]
    pub secret: Option<String>,
}

/// What a list of keys can be narrowed by.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ApiKeyFilter {
    /// Words in name and note.
    #[param(max_length = 200, example = "新会")]
    pub q: Option<String>,
    /// With these roles; several repeat the parameter.
    #[serde(default)]
    pub role: Vec<Role>,
    /// That name this pairing.
    pub pairing: Option<Ref>,
    /// Only those that were revoked, or only those that were not.
    pub revoked: Option<bool>,
    /// Changed at this instant or later.
    pub updated_since: Option<DateTime<Utc>>,
    /// The order; a minus turns it round.
    #[param(inline)]
    pub sort: Option<RecordSort>,
}

crate::page_type!(ApiKeyList of ApiKey);
crate::merge_patch!(ApiKeyPatch of NewApiKey);

/// Lists keys.
#[utoipa::path(
    get, path = "/api-keys", operation_id = "listApiKeys", tag = "api-keys",
    summary = "List api-keys · 密钥列表",
    description = "A page of the keys that fit the filter, without their secret parts. For administrators. 分页列出密钥，不含密文。",
    params(ApiKeyFilter, PageParams),
    responses((status = 200, description = "A page of api-keys.", body = ApiKeyList))
)]
#[get("/api-keys")]
async fn list(call: Call) -> Result<HttpResponse> {
    crud::list::<ApiKeys>(call, "listApiKeys").await
}

/// Makes a key.
#[utoipa::path(
    post, path = "/api-keys", operation_id = "createApiKey", tag = "api-keys",
    summary = "Make a key · 新建密钥",
    description = "Makes a key and shows it whole, once. A retry with the same `Idempotency-Key` gets the same answer without the \
        secret, which is kept nowhere: revoke that key and make another. For administrators. 新建密钥；密文仅显示一次。",
    request_body(content = NewApiKey, description = "The key to make."),
    responses((status = 201, description = "The key was made.", body = IssuedApiKey))
)]
#[post("/api-keys")]
async fn create(call: Call, payload: Payload) -> Result<HttpResponse> {
    let actor = call.writer()?;
    let body = call.json(payload, &["application/json"]).await?;
    call.state.catalog.contract.validate(ApiKeys::NEW, &body)?;
    let new: NewApiKey = serde_json::from_value(body.clone())?;
    call.post(actor, &body, |tx| {
        let (key, secret) = store::issue(tx, new)?;
        let (id, version) = ApiKeys::id_and_version(&key);
        let mut issued = IssuedApiKey { key, secret: Some(secret) };
        let posted = Posted::created(format!("/api/v1/api-keys/{id}"), version, &issued)?;
        issued.secret = None;
        posted.kept_as(&issued)
    })
    .await
}

/// Reads a key.
#[utoipa::path(
    get, path = "/api-keys/{ref}", operation_id = "getApiKey", tag = "api-keys",
    summary = "Read one key · 读取密钥",
    description = "One key by its code or id, without its secret part. For administrators. 读取一个密钥，不含密文。",
    params(("ref" = Ref, Path, description = "The key's code, or its id.")),
    responses((status = 200, description = "The key.", body = ApiKey))
)]
#[get("/api-keys/{ref}")]
async fn get(call: Call, reference: Path<String>) -> Result<HttpResponse> {
    crud::get::<ApiKeys>(call, reference.into_inner(), "getApiKey").await
}

/// Changes a key.
#[utoipa::path(
    patch, path = "/api-keys/{ref}", operation_id = "updateApiKey", tag = "api-keys",
    summary = "Change one key · 修改密钥",
    description = "Applies a JSON Merge Patch: what the key is called, may do and names, and how long. What changes holds from the \
        next request on. A revoked key never changes. For administrators. 以合并补丁修改密钥；需要 If-Match。",
    params(("ref" = Ref, Path, description = "The key's code, or its id.")),
    request_body(
        content = ApiKeyPatch,
        content_type = "application/merge-patch+json",
        description = "The fields to change; `application/json` is accepted as well.",
    ),
    responses((status = 200, description = "The key as it is now.", body = ApiKey))
)]
#[patch("/api-keys/{ref}")]
async fn update(call: Call, payload: Payload, reference: Path<String>) -> Result<HttpResponse> {
    crud::update::<ApiKeys>(call, payload, reference.into_inner()).await
}

/// Revokes a key.
#[utoipa::path(
    post, path = "/api-keys/{ref}/revoke", operation_id = "revokeApiKey", tag = "api-keys",
    summary = "Revoke a key · 吊销密钥",
    description = "From the next request on the key is refused, by every replica; it is never good again. A second revocation changes \
        nothing. For administrators. 吊销密钥，立即生效且不可恢复。",
    params(("ref" = Ref, Path, description = "The key's code, or its id.")),
    responses((status = 200, description = "The key as it is now.", body = ApiKey))
)]
#[post("/api-keys/{ref}/revoke")]
async fn revoke(call: Call, payload: Payload, reference: Path<String>) -> Result<HttpResponse> {
    let actor = call.writer()?;
    call.require_no_body(payload).await?;
    let reference = Ref(reference.into_inner());
    let (kind, asked) = (ApiKeys::KIND, reference.clone());
    let found = call.read(move |conn| Ok(kind.find(conn, &asked)?)).await?;
    // Until the database has it: an import may be in the way, perhaps of this very key.
    let _refused = found.map(|id| call.state.revoked.refuse(id));
    call.post(actor, &serde_json::Value::Null, move |tx| {
        let key = store::revoke(tx, &reference)?;
        let (_, version) = ApiKeys::id_and_version(&key);
        Posted::done(version, &key)
    })
    .await
}

/// Lists what was written to a key.
#[utoipa::path(
    get, path = "/api-keys/{ref}/history", operation_id = "listApiKeyHistory", tag = "api-keys",
    summary = "List the history of a key · 密钥的变更历史",
    description = "Every write to one key, oldest first: who, when, what stood before and after. For administrators. 一个密钥的全部写入记录。",
    params(("ref" = Ref, Path, description = "The key's code, or its id."), HistoryParams, PageParams),
    responses((status = 200, description = "A page of the history.", body = RecordHistory))
)]
#[get("/api-keys/{ref}/history")]
async fn history(call: Call, reference: Path<String>) -> Result<HttpResponse> {
    crud::history::<ApiKeys>(call, reference.into_inner(), "listApiKeyHistory").await
}

/// Mounts the operations.
pub fn mount(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(get).service(update).service(revoke).service(history);
}
