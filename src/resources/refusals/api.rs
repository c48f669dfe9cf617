//! What administrators see of refused requests.

use actix_web::HttpResponse;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::store;
use crate::db::Conn;
use crate::db::page::PageRequest;
use crate::error::Result;
use crate::http::list::{ListPage, Page, PageParams};
use crate::http::routes::{ServiceConfig, operation};
use crate::http::{Call, typed};
use crate::model::types::Instant;
use crate::text_enum;

/// Requests of one hour that were refused for the same reason: for the same operation, of the same caller, from the same network.
#[derive(Debug, Serialize, ToSchema)]
pub struct Refusal {
    /// Numeric identifier, never reused.
    #[schema(minimum = 1, example = 1)]
    pub id: i64,
    /// When the first of them was refused.
    pub first_at: Instant,
    /// When the last of them was refused.
    pub last_at: Instant,
    /// How many there were.
    #[schema(minimum = 1, example = 12)]
    pub count: i64,
    /// The network that they came from: the first 24 bits of an IPv4 address, the first 48 of an IPv6 address. Null where it is
    /// unknown.
    #[schema(max_length = 100, example = "198.51.100.0/24")]
    pub network: Option<String>,
    /// The name of the key; `anonymous` without a good key, `other` where refusals of different callers are summed.
    #[schema(example = "operator")]
    pub actor: String,
    /// Which key that is, whatever its name: `key:` and its id, `anonymous`, or `other`.
    #[schema(max_length = 300, example = "key:7")]
    pub actor_id: String,
    /// The operation that was requested; null for what is no operation.
    #[schema(max_length = 100, example = "createSector")]
    pub operation: Option<String>,
    /// The problem's code; `other` where different ones are summed.
    #[schema(max_length = 100, example = "unauthorized")]
    pub code: String,
    /// The HTTP status of the first; null where different ones are summed.
    #[schema(minimum = 400, maximum = 499, example = 401)]
    pub status: Option<i32>,
    /// The method of the first; null where different ones are summed.
    #[schema(max_length = 50, example = "POST")]
    pub method: Option<String>,
    /// The path of the first, without its query; null where different ones are summed.
    #[schema(max_length = 300, example = "/api/v1/sectors")]
    pub path: Option<String>,
    /// Names the first in the service's log.
    #[schema(max_length = 100, example = "b8c1f0d2a94e4f7c")]
    pub request_id: String,
}

text_enum! {
    /// The orders of a list of refusals.
    Sort as "RefusalSort" {
        /// Oldest first.
        FirstAt => "first_at",
        /// Newest first.
        FirstAtDesc => "-first_at",
    }
}

/// Filters of a list of refusals.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RefusalFilter {
    /// Of the key with this name.
    #[param(max_length = 200, example = "operator")]
    pub actor: Option<String>,
    /// For the operation with this id.
    #[param(max_length = 100, example = "createSector")]
    pub operation: Option<String>,
    /// With this code.
    #[param(max_length = 100, example = "unauthorized")]
    pub code: Option<String>,
    /// From this network, as the list shows it.
    #[param(max_length = 100, example = "198.51.100.0/24")]
    pub network: Option<String>,
    /// Begun at this instant or later.
    pub first_from: Option<DateTime<Utc>>,
    /// Begun before this instant.
    pub first_before: Option<DateTime<Utc>>,
    /// Sort order; a leading `-` sorts descending. Newest first.
    #[param(inline)]
    pub sort: Option<Sort>,
}

/// A page of a list.
pub type RefusalList = ListPage<Refusal>;

/// Lists refused requests.
#[utoipa::path(
    get, path = "/refusals", operation_id = "listRefusals", tag = "refusals",
    summary = "List refused requests · 被拒绝的请求",
    description = "Requests that were refused for want of a good key (401, and 429 after too many wrong ones) or of a right (403), newest \
        first unless `sort` says otherwise. Equal refusals of an hour are one row with their count. An hour has 200 rows at most; what \
        exceeds them is summed in one row, whose actor is `other`. Rows are deleted after 90 days, or after the time that the service is \
        set up for. For administrators. 按小时汇总的被拒绝请求，默认保留 90 天，仅管理员可见。",
    params(RefusalFilter, PageParams),
    responses((status = 200, description = "A page of refusals.", body = RefusalList))
)]
async fn list(call: Call) -> Result<HttpResponse> {
    // So that what was refused a moment ago is in the list; where it cannot be written, the rest can be read.
    if let Err(error) = call.state.refusals.flush(&call.state.store).await {
        tracing::warn!(%error, "cannot write refusals; trying again");
    }
    call.uncached()
        .list("listRefusals", |_, query, _| {
            let filter: RefusalFilter = typed(query)?;
            Ok(move |conn: &mut Conn, page: &PageRequest| {
                let page = store::page(conn, &filter, page)?;
                Ok(Page::new(store::load(conn, &page.ids)?, page))
            })
        })
        .await
}

/// Mounts the operations.
pub fn mount(config: &mut ServiceConfig) {
    config.service(operation!(list));
}
