//! The OpenAPI document: collected from the handlers, and completed with what all operations share.
//!
//! `openapi/` has the output of [`json`] and [`yaml`]; [`published`] embeds these files, which the server serves and validates
//! requests against. [`v3_0`] converts the document to OpenAPI 3.0, for code generators that do not support 3.1.

mod components;
mod examples;
mod finish;
mod formats;
mod headers;
pub mod published;
pub mod v3_0;
mod webhooks;

use serde_json::Value;
use utoipa::OpenApi;
use utoipa::openapi::tag::TagBuilder;

use crate::access::policy::Tag;
use crate::error::{Error, Result};
use crate::http::deprecation::{self, Deprecation};
use crate::http::envelope::{FaultBody, ProblemBody};
use crate::http::routes::{self, ServiceConfig};
use crate::webhooks::event::WebhookEvent;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "pairing-tracker",
        description = "Tracks policy pairings (对口协作 / 结对帮扶): who supports whom, what was agreed, what is done and what is late, and \
            where each figure comes from.\n\n\
            - **References.** Paths and requests identify records by code or id; responses embed `{id, code, name}`.\n\
            - **Lists** are paged by an opaque cursor; `count=true` adds `total`; `q` searches texts in Chinese and English.\n\
            - **Files.** Every list can also be downloaded as a whole in CSV, XLSX or NDJSON, chosen by `Accept` or by a \
            suffix of the path (`/api/v1/milestones.csv?pairing=xinhui-taishan`), with the same filters, sort order and \
            access rights; `limit`, `cursor` and `count` are rejected. NDJSON has one item per line. CSV and XLSX \
            have a column for each field, with names in the language of `Accept-Language`; lists of objects are separate sheets \
            in XLSX and omitted in CSV; a record without a code has a surrogate code, so that the file \
            can be imported again. A transfer that ends early was aborted by an error and is incomplete.\n\
            - **Changes** are JSON Merge Patches and require `If-Match` with the ETag of the last read. A POST with an `Idempotency-Key` is executed once.\n\
            - **Dates.** Operations with date-dependent figures accept `as_of`; the default is today in the service's time zone.\n\
            - **Errors** are problems (RFC 9457) that list all faults of the request, in Chinese or English by `Accept-Language`.\n\n\
            所有列表均可整体下载为 CSV、XLSX 或 NDJSON（通过 Accept 或路径后缀选择）。读取公开，写入需要密钥。名称为中英双语，中文必填；错误信息按 Accept-Language 返回中文或英文。",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
        contact(name = "pairing-tracker")
    ),
    components(schemas(ProblemBody, FaultBody, WebhookEvent))
)]
struct Document;

/// Assembles the document from the operations that `mount` registers, under these tags; `deprecated` marks operations and
/// fields.
pub fn assemble(mount: fn(&mut ServiceConfig), tags: &[Tag], deprecated: &[Deprecation]) -> Result<Value> {
    let mut own = Document::openapi();
    let described = tags.iter().map(|tag| TagBuilder::new().name(tag.name).description(Some(tag.about)).build());
    own.tags = Some(described.collect());
    let (paths, schemas) = routes::entries(&ServiceConfig::collect(mount));
    own.paths = paths;
    own.components.get_or_insert_default().schemas.extend(schemas);
    let mut document = serde_json::to_value(own)?;
    finish::finish(&mut document, tags)?;
    webhooks::add(&mut document)?;
    deprecation::mark(&mut document, deprecated)?;
    Ok(document)
}

/// Renders the document in JSON.
pub fn json(document: &Value) -> Result<String> {
    Ok(format!("{}\n", serde_json::to_string_pretty(document)?))
}

/// Renders the document in YAML.
pub fn yaml(document: &Value) -> Result<String> {
    yaml_serde::to_string(document).map_err(Error::unexpected)
}
