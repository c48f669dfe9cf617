//! The published document: gathered from the handlers, and finished with what all operations share.
//!
//! `openapi/` holds what [`json`] and [`yaml`] print; the server serves the same bytes and judges requests by them.

mod examples;
mod finish;

use actix_web::App;
use serde_json::Value;
use utoipa::OpenApi;
use utoipa_actix_web::AppExt;

use crate::error::{Error, Result};
use crate::http::envelope::{FaultBody, ProblemBody};

/// What free text may hold: anything but NUL, which PostgreSQL cannot keep.
pub const NO_NUL: &str = "^[^\\u0000]*$";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "pairing-tracker",
        description = "Tracks policy pairings (对口协作 / 结对帮扶): who supports whom, what was agreed, what is done and what is late, and \
            where each figure comes from.\n\n\
            - **References.** A path takes a record's code or id. Requests name other records by code or id; answers embed `{id, code, name}`.\n\
            - **Lists** page by an opaque cursor; `count=true` adds `total`; `q` searches, Chinese words included.\n\
            - **Changes** are JSON Merge Patches and need `If-Match` with the ETag that was read. A POST with an `Idempotency-Key` is done once.\n\
            - **Dates.** Whatever depends on a date takes `as_of`; today in the service's time zone unless given.\n\
            - **Errors** are problems (RFC 9457) with every fault of the request at once, in Chinese or English by `Accept-Language`.\n\n\
            读取公开，写入需要密钥。所有名称均为中英双语，中文必填；错误信息按 Accept-Language 返回中文或英文。",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
        contact(name = "pairing-tracker")
    ),
    servers((url = "/", description = "The server that serves this document.")),
    tags(
        (name = "programmes", description = "Policies that pair regions. 计划：结对政策。"),
        (name = "regions", description = "Administrative divisions and functional zones. 行政区与功能区。"),
        (name = "organizations", description = "Departments, companies, schools, hospitals. 单位。"),
        (name = "sectors", description = "Fields of cooperation. 合作领域。"),
        (name = "pairings", description = "Supporters tied to recipients. 结对关系。"),
        (name = "agreements", description = "What the sides signed, and its amendments. 协议及其变更。"),
        (name = "milestones", description = "Dated, checkable points. 里程碑。"),
        (name = "documents", description = "Files and web sources that records cite. 文件与出处。"),
        (name = "reports", description = "What the office above asks for. 报表。"),
        (name = "audit-events", description = "Who wrote what, when. 变更历史。"),
        (name = "service", description = "The service itself. 服务状态。")
    ),
    components(schemas(ProblemBody, FaultBody))
)]
struct Document;

/// The document as JSON.
pub fn document() -> Result<Value> {
    let (_, document) =
        App::new().into_utoipa_app().openapi(Document::openapi()).configure(crate::app::operations).split_for_parts();
    let mut document = serde_json::to_value(document)?;
    finish::finish(&mut document)?;
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
