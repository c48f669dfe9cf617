//! Health checks and the OpenAPI document.

use actix_web::{HttpRequest, HttpResponse, get};
use serde::Serialize;
use utoipa::ToSchema;

use super::catalog;
use super::embedded::{Embedded, embedded};
use crate::access::policy::{Access, PersonalData, Tag};
use crate::db::Class;
use crate::error::Result;
use crate::http::Call;
use crate::http::routes::{ServiceConfig, operation};

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
    /// Always `ok`; any other status is returned as a problem.
    #[schema(max_length = 10, example = "ok")]
    pub status: String,
    /// Version of the program.
    #[schema(max_length = 50, example = "0.1.0")]
    pub version: String,
}

impl ServiceStatus {
    fn ok() -> ServiceStatus {
        ServiceStatus { status: "ok".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }
    }
}

/// The liveness check.
#[utoipa::path(
    get, path = "/healthz", operation_id = "getHealth", tag = "service",
    summary = "Liveness check · 存活检查",
    description = "Returns 200 while the process runs; does not access the database. 进程运行时返回 200，不访问数据库。",
    responses((status = 200, description = "The process runs.", body = ServiceStatus))
)]
async fn health(call: Call) -> Result<HttpResponse> {
    call.query("getHealth")?;
    Ok(HttpResponse::Ok().json(ServiceStatus::ok()))
}

/// The readiness check.
#[utoipa::path(
    get, path = "/readyz", operation_id = "getReadiness", tag = "service",
    summary = "Readiness check · 就绪检查",
    description = "Checks that the database can be read and written, each within a second; 503 lists the failed checks, `read` or `write`. A \
        successful write is reused for a second. 数据库可读可写时返回 200，否则返回 503 并列出未通过的检查。",
    responses((status = 200, description = "The service is ready.", body = ServiceStatus))
)]
async fn readiness(call: Call) -> Result<HttpResponse> {
    call.query("getReadiness")?;
    call.state.readiness.check(&call.state.store).await?;
    Ok(HttpResponse::Ok().json(ServiceStatus::ok()))
}

#[get("/openapi.json")]
async fn document_json(request: HttpRequest) -> Result<HttpResponse> {
    static FILE: Embedded = embedded!("application/json", "openapi.json");
    FILE.respond(&request)
}

#[get("/openapi-3.0.json")]
async fn document_3_0_json(request: HttpRequest) -> Result<HttpResponse> {
    static FILE: Embedded = embedded!("application/json", "openapi-3.0.json");
    FILE.respond(&request)
}

#[get("/openapi.yaml")]
async fn document_yaml(request: HttpRequest) -> Result<HttpResponse> {
    static FILE: Embedded = embedded!("application/yaml", "openapi.yaml");
    FILE.respond(&request)
}

/// Mounts the operations that are part of the document.
pub fn mount(config: &mut ServiceConfig) {
    config.service(operation!(health)).service(operation!(readiness)).service(operation!(catalog::api_catalog));
}

/// Mounts the document in each format.
pub fn mount_document(config: &mut actix_web::web::ServiceConfig) {
    config.service(document_json).service(document_3_0_json).service(document_yaml);
}
