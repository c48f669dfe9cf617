//! The published document: gathered from the handlers, and finished with what all operations share.
//!
//! `openapi/` holds what [`json`] and [`yaml`] print; the server serves the same bytes and judges requests by them. For
//! generators that do not read OpenAPI 3.1, [`v3_0`] says the same in 3.0.

mod components;
mod examples;
mod finish;
mod formats;
mod headers;
pub mod v3_0;
mod webhooks;

use actix_web::App;
use serde_json::Value;
use utoipa::OpenApi;
use utoipa::openapi::tag::TagBuilder;
use utoipa_actix_web::AppExt;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::access::policy::Tag;
use crate::error::{Error, Result};
use crate::http::deprecation::{self, Deprecation};
use crate::http::envelope::{FaultBody, ProblemBody};
use crate::webhooks::event::WebhookEvent;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "pairing-tracker",
        description = "Tracks policy pairings (对口协作 / 结对帮扶): who supports whom, what was agreed, what is done and what is late, and \
            where each figure comes from.\n\n\
            - **References.** A path takes a record's code or id. Requests name other records by code or id; answers embed `{id, code, name}`.\n\
            - **Lists** page by an opaque cursor; `count=true` adds `total`; `q` searches, Chinese words included.\n\
            - **Files.** Every list is also a file, whole and without pages: CSV, XLSX or NDJSON, by `Accept` or by a \
            suffix of the path (`/api/v1/milestones.csv?pairing=xinhui-taishan`), with the same filters, order and \
            rights; `limit`, `cursor` and `count` are refused. NDJSON has the list's items, one a line. CSV and XLSX \
            have a column for each field, in Chinese by `Accept-Language`; lists of objects are sheets of their own \
            in XLSX and left out in CSV; a record without a code goes by one that stands in for it, so that the file \
            can be brought in again. A transfer that ends early was broken off by a fault.\n\
            - **Changes** are JSON Merge Patches and need `If-Match` with the ETag that was read. A POST with an `Idempotency-Key` is done once.\n\
            - **Dates.** Whatever depends on a date takes `as_of`; today in the service's time zone unless given.\n\
            - **Errors** are problems (RFC 9457) with every fault of the request at once, in Chinese or English by `Accept-Language`.\n\n\
            所有列表均可整体下载为 CSV、XLSX 或 NDJSON（Accept 或路径后缀）。读取公开，写入需要密钥。所有名称均为中英双语，中文必填；错误信息按 Accept-Language 返回中文或英文。",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
        contact(name = "pairing-tracker")
    ),
    components(schemas(ProblemBody, FaultBody, WebhookEvent))
)]
struct Document;

/// Assembles the document from the operations that `mount` registers, under these tags; `deprecated` marks operations and
/// fields.
pub fn assemble(mount: fn(&mut ServiceConfig<'_>), tags: &[Tag], deprecated: &[Deprecation]) -> Result<Value> {
    let mut own = Document::openapi();
    let described = tags.iter().map(|tag| TagBuilder::new().name(tag.name).description(Some(tag.about)).build());
    own.tags = Some(described.collect());
    let (_, document) = App::new().into_utoipa_app().openapi(own).configure(mount).split_for_parts();
    let mut document = serde_json::to_value(document)?;
    finish::finish(&mut document, tags)?;
    webhooks::add(&mut document)?;
    deprecation::mark(&mut document, deprecated)?;
    Ok(document)
}

/// The document's text in JSON, as it is published.
pub fn json(document: &Value) -> Result<String> {
    Ok(format!("{}\n", serde_json::to_string_pretty(document)?))
}

/// The document's text in YAML, as it is published.
pub fn yaml(document: &Value) -> Result<String> {
    yaml_serde::to_string(document).map_err(Error::unexpected)
}
