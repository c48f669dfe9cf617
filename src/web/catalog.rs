//! The API catalog (RFC 9727), by which programs discover the APIs of a host.
//!
//! Its links are relative to its own address, although RFC 9264 (section 4.2) recommends absolute links. Behind a proxy, absolute
//! links would have to be derived from `Host` and `X-Forwarded-Proto`. A client could forge these headers, and a shared cache
//! would then return the forged links to others. Relative links are correct behind any proxy.

use actix_web::HttpResponse;
use actix_web::http::header;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Result;
use crate::http::Call;

/// The media type of link sets (RFC 9264, section 4.2), with the profile of API catalogs (RFC 9727, section 4.2).
const MEDIA_TYPE: &str = "application/linkset+json; profile=\"https://www.rfc-editor.org/info/rfc9727\"";
/// The `Link` header of the response (RFC 9727, sections 2 and 3).
const LINK: &str = "</.well-known/api-catalog>; rel=\"api-catalog\"; type=\"application/linkset+json\"";

/// The APIs of this host (RFC 9727), as a link set (RFC 9264).
#[derive(Serialize, ToSchema)]
pub struct ApiCatalog {
    /// One entry per API.
    #[schema(max_items = 10)]
    linkset: Vec<ApiLinks>,
}

/// An API with its links.
#[derive(Serialize, ToSchema)]
pub struct ApiLinks {
    /// The prefix of all paths of the API.
    #[schema(max_length = 100, example = "/api/v1/")]
    anchor: &'static str,
    /// Machine-readable descriptions (RFC 8631).
    #[serde(rename = "service-desc")]
    #[schema(max_items = 10)]
    service_desc: Vec<ApiLink>,
    /// Human-readable documentation (RFC 8631).
    #[serde(rename = "service-doc")]
    #[schema(max_items = 10)]
    service_doc: Vec<ApiLink>,
    /// Status of the API (RFC 8631).
    #[schema(max_items = 10)]
    status: Vec<ApiLink>,
}

/// A link of the catalog.
#[derive(Serialize, ToSchema)]
pub struct ApiLink {
    /// Target, relative to the address of the catalog.
    #[schema(max_length = 100, example = "/openapi.json")]
    href: &'static str,
    /// Media type of the target.
    #[serde(rename = "type")]
    #[schema(max_length = 100, example = "application/json")]
    media_type: &'static str,
    /// Title of the target.
    #[schema(max_length = 100, example = "OpenAPI 3.1")]
    title: &'static str,
}

/// The catalog, which never changes.
fn catalog() -> ApiCatalog {
    let link = |href, media_type, title| ApiLink { href, media_type, title };
    ApiCatalog {
        linkset: vec![ApiLinks {
            anchor: "/api/v1/",
            service_desc: vec![
                link("/openapi.json", "application/json", "OpenAPI 3.1"),
                link("/openapi.yaml", "application/yaml", "OpenAPI 3.1"),
                link("/openapi-3.0.json", "application/json", "OpenAPI 3.0"),
            ],
            service_doc: vec![link("/docs/", "text/html", "接口文档 · Documentation")],
            status: vec![link("/readyz", "application/json", "就绪检查 · Readiness check")],
        }],
    }
}

/// Returns the API catalog.
#[utoipa::path(
    get, path = "/.well-known/api-catalog", operation_id = "getApiCatalog", tag = "service",
    summary = "Get the API catalog · 接口目录",
    description = "The catalog of RFC 9727: for each API its descriptions (`service-desc`), its documentation (`service-doc`) and its status \
        (`status`), as links (RFC 9264) relative to this address. The media type has the parameter \
        `profile=\"https://www.rfc-editor.org/info/rfc9727\"`; a `HEAD` request returns the same `Link`. 供程序自动发现本服务的接口、文档与状态。",
    responses((
        status = 200, description = "The catalog.", body = ApiCatalog, content_type = "application/linkset+json",
        example = json!(catalog()),
    ))
)]
pub async fn api_catalog(call: Call) -> Result<HttpResponse> {
    call.query("getApiCatalog")?;
    let text = serde_json::to_string(&catalog())?;
    Ok(HttpResponse::Ok().insert_header((header::LINK, LINK)).content_type(MEDIA_TYPE).body(text))
}
