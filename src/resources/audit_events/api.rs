//! What clients see of the history.

use actix_web::HttpResponse;
use serde::Deserialize;
use utoipa::IntoParams;

use super::follow;
use crate::audit::log;
use crate::audit::types::{AuditEvent, AuditEventFilter};
use crate::db::Conn;
use crate::db::page::{KeyValue, PageRequest};
use crate::error::Result;
use crate::http::list::{ListPage, Page, PageParams};
use crate::http::routes::{ServiceConfig, operation};
use crate::http::{Call, typed};

/// A page of a list.
pub type AuditEventList = ListPage<AuditEvent>;

/// Whether the history is followed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FollowParams {
    /// Answers with a stream of server-sent events that goes on: what is written from now on, or after `Last-Event-ID`.
    /// Pages, orders and dates are not for this.
    pub follow: Option<bool>,
}

/// Lists the history of all records, or follows it.
#[utoipa::path(
    get, path = "/audit-events", operation_id = "listAuditEvents", tag = "audit-events",
    summary = "List the history of all records · 全部变更历史",
    description = "Every write to every record, newest first unless `sort` says otherwise. Administrators see here, too, what became of keys and webhooks. Refused requests are listed by `/refusals`; those that versions before 0.2.0 recorded here stay (`entity=request`).\n\nWith `follow` the answer is `text/event-stream`: each event once it is written, oldest first, `id` its number and `data` the event as in the list. A stream ends after five minutes, and when the service stops; a client that comes again with `Last-Event-ID` misses nothing. 全部记录的写入历史；管理员另可见密钥与推送的变更；被拒绝的请求见 /refusals。加 follow 则以 SSE 持续推送，断线后凭 Last-Event-ID 续传。",
    params(AuditEventFilter, PageParams, FollowParams),
    responses((status = 200, description = "A page of the history, or the stream of it.",
        content((AuditEventList = "application/json"), (String = "text/event-stream"))))
)]
async fn list(call: Call) -> Result<HttpResponse> {
    if let Some(followed) = follow::asked(&call)? {
        return follow::answer(&call, followed).await;
    }
    let kinds = call.state.catalog.kinds;
    call.list("listAuditEvents", |_, query, visibility| {
        let filter: AuditEventFilter = typed(query)?;
        Ok(move |conn: &mut Conn, page: &PageRequest| {
            let page = log::page(conn, kinds, &filter, page, &visibility)?;
            let (events, page) = log::load_page(conn, kinds, page, &visibility, |event| event.at.to_key())?;
            Ok(Page::new(events, page))
        })
    })
    .await
}

/// Mounts the operations.
pub fn mount(config: &mut ServiceConfig) {
    config.service(operation!(list));
}
