//! What administrators see of API keys.

use actix_web::HttpResponse;
use actix_web::web::{Path, Payload};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{ApiKeys, Status, store};
use crate::access::Role;
use crate::access::secrets::ShownOnce;
use crate::access::secrets::keys::IssuedKey;
use crate::db::page::RecordSort;
use crate::db::reference::Reference;
use crate::error::{Faults, Result};
use crate::http::Call;
use crate::http::idempotency::Posted;
use crate::http::routes::{self, Routes, ServiceConfig, operation};
use crate::model::types::{Code, Instant, Ref};
use crate::msg;
use crate::record::Record;
use crate::resources::ApiResource;

/// A key, without its secret part.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApiKey {
    /// Numeric identifier, assigned on creation and never reused.
    #[schema(minimum = 1, example = 1)]
    pub id: i64,
    /// The key's public part: what stands between `ptk_` and the next underscore.
    pub code: Code,
    /// Version, incremented by every change.
    #[schema(minimum = 1, example = 1)]
    pub version: i64,
    /// When the key was made.
    pub created_at: Instant,
    /// When the key was last changed.
    pub updated_at: Instant,
    /// Name of the holder, as the history shows it.
    #[schema(max_length = 200, example = "新会区对口办")]
    pub name: String,
    /// Role of the key.
    pub role: Role,
    /// Pairings of the key: an editor writes in these only (in all if the list is empty), a viewer sees their personal data
    /// (none if the list is empty).
    pub pairings: Vec<Reference>,
    /// Last day of validity, in the service's time zone; null if it is valid until revoked.
    pub expires_on: Option<NaiveDate>,
    /// Time of revocation; null if the key is not revoked.
    pub revoked_at: Option<Instant>,
    /// When it was last used, to the minute; null: never.
    pub last_used_at: Option<Instant>,
    /// Status today.
    pub status: Status,
    /// Free-text note.
    pub note: Option<String>,
}

/// A key to make.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
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
    /// Role of the key.
    pub role: Role,
    /// Pairings of the key: an editor writes in these only (in all if the list is empty), a viewer sees their personal data
    /// (none if the list is empty). Empty for administrators.
    #[serde(default)]
    #[schema(max_items = 100)]
    pub pairings: Vec<Ref>,
    /// The last day on which it is good, in the service's time zone; absent: until it is revoked.
    #[serde(default)]
    pub expires_on: Option<NaiveDate>,
    /// Free-text note.
    #[serde(default)]
    pub note: Option<String>,
    /// The key itself, which the service makes; no client gives it.
    #[serde(skip)]
    #[schema(ignore)]
    pub issued: Option<IssuedKey>,
}

/// Checks the rules across the fields of a request.
pub fn validate(new: &NewApiKey, faults: &mut Faults) {
    if new.role == Role::Admin && !new.pairings.is_empty() {
        faults.push(
            "/pairings",
            "not_for_role",
            msg!("admin 密钥不限定结对关系。", "an administrator's key names no pairings"),
        );
    }
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

impl ShownOnce for IssuedApiKey {
    fn withhold(&mut self) {
        self.secret = None;
    }
}

/// Filter parameters of the list of keys.
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
    /// Only records changed at this instant or later.
    pub updated_since: Option<DateTime<Utc>>,
    /// Sort order; a leading `-` sorts descending.
    #[param(inline)]
    pub sort: Option<RecordSort>,
}

/// Creates a key.
#[utoipa::path(
    post, path = "/api-keys", operation_id = "createApiKey", tag = "api-keys",
    summary = "Create an API key · 新建密钥",
    description = "Creates an API key. The response is the only one with the whole key: the secret is not stored, and a retry with the \
        same `Idempotency-Key` returns the response without it. If it was lost, revoke the key and create another. Requires the role \
        `admin`. 新建密钥；密文仅显示一次；需要管理员密钥。",
    request_body(content = NewApiKey, description = "The API key to create."),
    responses((status = 201, description = "The created API key.", body = IssuedApiKey))
)]
async fn create(call: Call, payload: Payload) -> Result<HttpResponse> {
    let actor = call.writer()?;
    let body = call.json(payload, &["application/json"]).await?;
    call.state.catalog.contract.validate(ApiKeys::NEW, &body)?;
    let new: NewApiKey = serde_json::from_value(body.clone())?;
    call.post(actor, &body, |tx| {
        let (key, secret) = store::issue(tx, new)?;
        let (id, version) = ApiKeys::id_and_version(&key);
        let issued = IssuedApiKey { key, secret: Some(secret.expose().to_owned()) };
        Posted::created_once(format!("/api/v1/api-keys/{id}"), version, issued)
    })
    .await
}

/// Revokes a key.
#[utoipa::path(
    post, path = "/api-keys/{ref}/revoke", operation_id = "revokeApiKey", tag = "api-keys",
    summary = "Revoke an API key · 吊销密钥",
    description = "Revokes an API key for good: every replica rejects requests with it that follow. Revoking a revoked key has no \
        effect. Requires the role `admin`. 吊销密钥，立即生效且不可恢复；需要管理员密钥。",
    params(("ref" = Ref, Path, description = "Code or numeric identifier of the API key.")),
    responses((status = 200, description = "The revoked API key.", body = ApiKey))
)]
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

impl ApiResource for ApiKeys {
    const ROUTES: Routes =
        Routes { label: "密钥", english: Some(("API key", "API keys")), ..Routes::OF_ADMINISTRATORS };

    fn mount(config: &mut ServiceConfig) {
        let list = routes::list::<Self>(&Self::ROUTES).description(
            "Returns a page of the API keys that match the filter parameters, without their secrets. Requires the role `admin`. \
             分页列出密钥，不含密文；需要管理员密钥。",
        );
        let get = routes::get::<Self>(&Self::ROUTES).description(
            "Returns one API key by its code or identifier, without its secret. Requires the role `admin`. \
             按代码或编号读取一个密钥，不含密文；需要管理员密钥。",
        );
        let update = routes::update::<Self>(&Self::ROUTES).description(
            "Applies a JSON Merge Patch (RFC 7396) to the name, role, pairings, expiry or note of a key. Requests that follow \
             use the new values. A revoked key cannot be changed. Requires the role `admin`. \
             以 JSON 合并补丁修改密钥，须提供 If-Match；已吊销的密钥不能修改；需要管理员密钥。",
        );
        config.service(list).service(operation!(create)).service(get).service(update).service(operation!(revoke));
        config.service(routes::history::<Self>(&Self::ROUTES));
    }
}
