//! What the service says of itself: whether it lives, whether it is ready, and the document.

use std::sync::OnceLock;

use actix_web::web::Bytes;
use actix_web::{HttpResponse, get};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::access::policy::{Access, PersonalData, Tag};
use crate::db::Class;
use crate::error::Result;
use crate::http::Call;
use crate::openapi;

/// Who may use the operations of this module.
pub const TAG: Tag = Tag {
    name: "service",
    about: "State and description of the service. 服务状态。",
    read: Access::Public,
    write: Access::Denied,
    exceptions: &[],
    reads: Class::ShortRead,
    personal_data: PersonalData::None,
};

/// How the service is.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServiceStatus {
    /// Always `ok`; a service that is not answers with a problem.
    #[schema(max_length = 10, example = "ok")]
    pub status: String,
    /// The program's version.
    #[schema(max_length = 50, example = "0.1.0")]
    pub version: String,
}

impl ServiceStatus {
    fn ok() -> ServiceStatus {
        ServiceStatus { status: "ok".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }
    }
}

/// Says that the process lives.
#[utoipa::path(
    get, path = "/healthz", operation_id = "getHealth", tag = "service",
    summary = "Whether the process lives · 存活检查",
    description = "Answers without asking the database. 不访问数据库。",
    responses((status = 200, description = "It lives.", body = ServiceStatus))
)]
#[get("/healthz")]
async fn health(call: Call) -> Result<HttpResponse> {
    call.query("getHealth")?;
    Ok(HttpResponse::Ok().json(ServiceStatus::ok()))
}

/// Checks the database.
#[utoipa::path(
    get, path = "/readyz", operation_id = "getReadiness", tag = "service",
    summary = "Whether the service can serve · 就绪检查",
    description = "Reads and writes in the database, each within a second; 503 names the checks that failed, `read` or `write`. A write that \
        succeeded less than a second ago is not repeated. 数据库可读可写时返回 200，否则指出未通过的检查。",
    responses((status = 200, description = "It can serve.", body = ServiceStatus))
)]
#[get("/readyz")]
async fn readiness(call: Call) -> Result<HttpResponse> {
    call.query("getReadiness")?;
    call.state.readiness.check(&call.state.store).await?;
    Ok(HttpResponse::Ok().json(ServiceStatus::ok()))
}

/// Prints the document once: it is large, and always the same.
fn printed(kept: &OnceLock<Bytes>, print: impl FnOnce() -> Result<String>) -> Result<Bytes> {
    match kept.get() {
        Some(text) => Ok(text.clone()),
        None => {
            let text = Bytes::from(print()?);
            Ok(kept.get_or_init(|| text).clone())
        }
    }
}

#[get("/openapi.json")]
async fn document_json(call: Call) -> Result<HttpResponse> {
    static TEXT: OnceLock<Bytes> = OnceLock::new();
    let text = printed(&TEXT, || openapi::json(call.state.catalog.contract.document()))?;
    Ok(HttpResponse::Ok().content_type("application/json").body(text))
}

#[get("/openapi-3.0.json")]
async fn document_3_0_json(call: Call) -> Result<HttpResponse> {
    static TEXT: OnceLock<Bytes> = OnceLock::new();
    let text = printed(&TEXT, || openapi::json(&openapi::v3_0::from_3_1(call.state.catalog.contract.document())))?;
    Ok(HttpResponse::Ok().content_type("application/json").body(text))
}

#[get("/openapi.yaml")]
async fn document_yaml(call: Call) -> Result<HttpResponse> {
    static TEXT: OnceLock<Bytes> = OnceLock::new();
    let text = printed(&TEXT, || openapi::yaml(call.state.catalog.contract.document()))?;
    Ok(HttpResponse::Ok().content_type("application/yaml").body(text))
}

/// Mounts the operations of the document; the document itself is none.
pub fn mount(config: &mut ServiceConfig<'_>) {
    config.service(health).service(readiness).service(super::catalog::api_catalog);
}

/// Mounts the document.
pub fn mount_document(config: &mut actix_web::web::ServiceConfig) {
    config.service(document_json).service(document_3_0_json).service(document_yaml);
}
