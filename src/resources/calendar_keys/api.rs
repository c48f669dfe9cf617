//! What editors see of the keys of calendars.

use actix_web::HttpResponse;
use actix_web::web::{Path, Payload};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{CalendarKeys, Status, store};
use crate::access::feeds::{Feed, PARAMETER};
use crate::access::policy::{Access, Reach};
use crate::access::secrets::ShownOnce;
use crate::access::secrets::keys::IssuedKey;
use crate::db::Conn;
use crate::db::page::{PageRequest, RecordSort};
use crate::db::reference::Reference;
use crate::error::{Problem, Result};
use crate::http::idempotency::Posted;
use crate::http::list::{ListPage, Page, PageParams};
use crate::http::response::ReadResponse;
use crate::http::routes::{self, Routes, ServiceConfig, handlers, operation};
use crate::http::{Call, typed};
use crate::model::types::{Code, Instant, Ref};
use crate::record::{Record, Resource};
use crate::resources::{ApiResource, pairings};

/// A key of a calendar, without its secret part.
#[derive(Debug, Serialize, ToSchema)]
pub struct CalendarKey {
    /// Numeric identifier, assigned on creation and never reused.
    #[schema(minimum = 1, example = 1)]
    pub id: i64,
    /// The key's public part: what stands between `ptf_` and the next underscore.
    pub code: Code,
    /// Version, incremented by every change.
    #[schema(minimum = 1, example = 1)]
    pub version: i64,
    /// When the key was made.
    pub created_at: Instant,
    /// When the key was last changed.
    pub updated_at: Instant,
    /// The pairing whose feed it opens.
    pub pairing: Reference,
    /// The feed that it opens.
    pub feed: Feed,
    /// Whose calendar it is for.
    #[schema(max_length = 200, example = "新会区对口办的手机日历")]
    pub name: String,
    /// The last day on which it is good, in the service's time zone; null: until it is revoked.
    pub expires_on: Option<NaiveDate>,
    /// When it was revoked.
    pub revoked_at: Option<Instant>,
    /// Who made it.
    #[schema(max_length = 200, example = "新会区对口办")]
    pub created_by: String,
    /// Status today.
    pub status: Status,
}

/// A key of a calendar to make.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCalendarKey {
    /// Whose calendar it is for.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = "^[^\\u0000-\\u001f\\u007f]*[^\\u0000-\\u0020\\u007f][^\\u0000-\\u001f\\u007f]*$",
        example = "新会区对口办的手机日历"
    )]
    pub name: String,
    /// The feed that it opens.
    pub feed: Feed,
    /// The last day on which it is good, in the service's time zone; absent: until it is revoked.
    #[serde(default)]
    pub expires_on: Option<NaiveDate>,
    /// The id of the pairing, which the path names.
    #[serde(skip)]
    #[schema(ignore)]
    pub pairing: Option<i64>,
    /// The key itself, which the service makes; no client gives it.
    #[serde(skip)]
    #[schema(ignore)]
    pub issued: Option<IssuedKey>,
}

/// A key of a calendar that was just made.
#[derive(Debug, Serialize, ToSchema)]
pub struct IssuedCalendarKey {
    /// The key as it will be read from now on.
    pub key: CalendarKey,
    /// The path of the feed with the whole key, to be subscribed below the service's address. It is shown once: null when
    /// this is the answer to a retry.
    #[schema(max_length = 400, example = "/api/v1/pairings/xinhui-taishan/milestones.ics?key=ptf_k3m9q2xa_…")]
    pub subscribe_path: Option<String>,
}

impl ShownOnce for IssuedCalendarKey {
    fn withhold(&mut self) {
        self.subscribe_path = None;
    }
}

/// Filter parameters of the list of keys of calendars.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CalendarKeyFilter {
    /// Of this pairing.
    pub pairing: Option<Ref>,
    /// Of these feeds; several repeat the parameter.
    #[serde(default)]
    pub feed: Vec<Feed>,
    /// Only those that were revoked, or only those that were not.
    pub revoked: Option<bool>,
    /// Only records changed at this instant or later.
    pub updated_since: Option<DateTime<Utc>>,
    /// Sort order; a leading `-` sorts descending.
    #[param(inline)]
    pub sort: Option<RecordSort>,
}

/// A page of a list.
pub type CalendarKeyList = ListPage<CalendarKey>;

/// Lists the calendar keys of the pairings that the caller may write.
async fn list(call: Call) -> Result<HttpResponse> {
    call.uncached()
        .list("listCalendarKeys", |call, query, visibility| {
            let filter: CalendarKeyFilter = typed(query)?;
            let view = call.view(query);
            Ok(move |conn: &mut Conn, page: &PageRequest| {
                let page = store::page(conn, &filter, page, &visibility)?;
                Ok(Page::new(CalendarKeys::load(conn, &page.ids, view)?, page))
            })
        })
        .await
}

/// Lists the calendar keys of a pairing.
#[utoipa::path(
    get, path = "/pairings/{ref}/calendar-keys", operation_id = "listPairingCalendarKeys", tag = "calendar-keys",
    summary = "List the calendar keys of a pairing · 结对关系的日历密钥",
    description = "Returns a page of the calendar keys of one pairing, without their secrets. Requires write access to the pairing. \
        分页列出一个结对关系的日历密钥，不含密文；需要对该结对关系的写入权限。",
    params(("ref" = Ref, Path, description = "Code or numeric identifier of the pairing."), PageParams),
    responses((status = 200, description = "A page of calendar keys.", body = CalendarKeyList))
)]
async fn list_of_pairing(call: Call, reference: Path<String>) -> Result<HttpResponse> {
    call.uncached()
        .list("listPairingCalendarKeys", |call, query, visibility| {
            let view = call.view(query);
            let reference = Ref(reference.into_inner());
            Ok(move |conn: &mut Conn, page: &PageRequest| {
                let not_found = || Problem::not_found(pairings::KIND.name, &reference.0);
                let id = pairings::KIND.find(conn, &reference)?.ok_or_else(not_found)?;
                visibility.require_pairing(id)?;
                let filter = CalendarKeyFilter { pairing: Some(reference.clone()), ..CalendarKeyFilter::default() };
                let page = store::page(conn, &filter, page, &visibility)?;
                Ok(Page::new(CalendarKeys::load(conn, &page.ids, view)?, page))
            })
        })
        .await
}

/// Creates a calendar key.
#[utoipa::path(
    post, path = "/pairings/{ref}/calendar-keys", operation_id = "createPairingCalendarKey", tag = "calendar-keys",
    summary = "Create a calendar key · 新建日历密钥",
    description = "Creates a key that grants access to one calendar feed of the pairing and to nothing else. The response is the only one \
        with the feed's path, which contains the key; a retry with the same `Idempotency-Key` returns the response without it. If it \
        was lost, revoke the key and create another. 新建仅可读取该结对关系某一日历的密钥；含密钥的地址仅显示一次。",
    params(("ref" = Ref, Path, description = "Code or numeric identifier of the pairing.")),
    request_body(content = NewCalendarKey, description = "The calendar key to create."),
    responses((status = 201, description = "The created calendar key.", body = IssuedCalendarKey))
)]
async fn create(call: Call, payload: Payload, reference: Path<String>) -> Result<HttpResponse> {
    let actor = call.writer()?;
    let body = call.json(payload, &["application/json"]).await?;
    call.state.catalog.contract.validate(CalendarKeys::NEW, &body)?;
    let new: NewCalendarKey = serde_json::from_value(body.clone())?;
    call.post(actor, &body, |tx| {
        let (key, secret) = store::issue(tx, &Ref(reference.into_inner()), new)?;
        let (id, version) = CalendarKeys::id_and_version(&key);
        let feed = key.feed.path(&key.pairing.key().0);
        let subscribe_path = Some(format!("{feed}?{PARAMETER}={}", secret.expose()));
        Posted::created_once(format!("/api/v1/calendar-keys/{id}"), version, IssuedCalendarKey { key, subscribe_path })
    })
    .await
}

/// Returns a calendar key of a pairing that the caller may write.
async fn get(call: Call, reference: Path<String>) -> Result<HttpResponse> {
    call.uncached()
        .respond(|call, visibility| {
            let view = call.view(&call.query("getCalendarKey")?);
            Ok(move |conn: &mut Conn| {
                let key = handlers::find::<CalendarKeys>(conn, &Ref(reference.into_inner()), view)?;
                visibility.require_pairing(key.pairing.id)?;
                ReadResponse::record(&key, key.version)
            })
        })
        .await
}

/// Revokes a calendar key.
#[utoipa::path(
    post, path = "/calendar-keys/{ref}/revoke", operation_id = "revokeCalendarKey", tag = "calendar-keys",
    summary = "Revoke a calendar key · 吊销日历密钥",
    description = "Revokes a calendar key for good: every replica rejects requests with it that follow. Revoking a revoked key has no \
        effect. 吊销日历密钥，立即生效且不可恢复。",
    params(("ref" = Ref, Path, description = "Code or numeric identifier of the calendar key.")),
    responses((status = 200, description = "The revoked calendar key.", body = CalendarKey))
)]
async fn revoke(call: Call, payload: Payload, reference: Path<String>) -> Result<HttpResponse> {
    let actor = call.writer()?;
    call.require_no_body(payload).await?;
    call.post(actor, &serde_json::Value::Null, |tx| {
        let key = store::revoke(tx, &Ref(reference.into_inner()))?;
        let (_, version) = CalendarKeys::id_and_version(&key);
        Posted::done(version, &key)
    })
    .await
}

impl ApiResource for CalendarKeys {
    const ROUTES: Routes = Routes {
        label: "日历密钥",
        read: Access::Editors(Reach::RecordPairing),
        exceptions: &[("listCalendarKeys", Access::Editors(Reach::AllRecords))],
        ..Routes::OF_PAIRING
    };

    fn mount(config: &mut ServiceConfig) {
        let list = routes::list::<Self>(&Self::ROUTES).handler(list).description(
            "Returns a page of the calendar keys of the pairings that the caller may write, without their secrets. \
             分页列出调用者可写入的结对关系的日历密钥，不含密文。",
        );
        let get = routes::get::<Self>(&Self::ROUTES).handler(get).description(
            "Returns one calendar key by its code or identifier, without its secret. Requires write access to its pairing. \
             按代码或编号读取一个日历密钥，不含密文；需要对该结对关系的写入权限。",
        );
        config
            .service(list)
            .service(operation!(list_of_pairing))
            .service(operation!(create))
            .service(get)
            .service(operation!(revoke));
    }
}
