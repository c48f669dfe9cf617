//! The catalog of the APIs that this service publishes: where a program that knows the host alone finds them (RFC 9727).
//!
//! Its links are relative to where it was fetched. RFC 9264 (4.2) would have them absolute, for who keeps the catalog
//! apart from its address. But behind a proxy the service does not know the address that its clients use: it would have
//! to believe what they say in `Host` and `X-Forwarded-Proto`, and who lies there could lead others astray through a
//! cache. A relative link is right behind any proxy.

use actix_web::http::header;
use actix_web::{HttpResponse, get};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Result;
use crate::http::Call;

/// The form of links (RFC 9264, 4.2), with the profile that makes it a catalog of APIs (RFC 9727, 4.2).
const MEDIA_TYPE: &str = "application/linkset+json; profile=\"https://www.rfc-editor.org/info/rfc9727\"";
/// What the head of the answer says of it (RFC 9727, 2 and 3).
const LINK: &str = "</.well-known/api-catalog>; rel=\"api-catalog\"; type=\"application/linkset+json\"";

/// The APIs that a host publishes (RFC 9727), as a set of links (RFC 9264).
#[derive(Serialize, ToSchema)]
pub struct ApiCatalog {
    /// An entry for each API.
    #[schema(max_items = 10)]
    linkset: Vec<ApiLinks>,
}

/// An API, and what there is about it.
#[derive(Serialize, ToSchema)]
pub struct ApiLinks {
    /// The API: what all its paths begin with.
    #[schema(max_length = 100, example = "/api/v1/")]
    anchor: &'static str,
    /// Descriptions for programs (RFC 8631).
    #[serde(rename = "service-desc")]
    #[schema(max_items = 10)]
    service_desc: Vec<ApiLink>,
    /// Documentation for people (RFC 8631).
    #[serde(rename = "service-doc")]
    #[schema(max_items = 10)]
    service_doc: Vec<ApiLink>,
    /// How the service is (RFC 8631).
    #[schema(max_items = 10)]
    status: Vec<ApiLink>,
}

/// One link of a catalog.
#[derive(Serialize, ToSchema)]
pub struct ApiLink {
    /// Where it leads, relative to the catalog's own address.
    #[schema(max_length = 100, example = "/openapi.json")]
    href: &'static str,
    /// The media type of what is there.
    #[serde(rename = "type")]
    #[schema(max_length = 100, example = "application/json")]
    media_type: &'static str,
    /// What is there.
    #[schema(max_length = 100, example = "OpenAPI 3.1")]
    title: &'static str,
}

/// The catalog, which is always the same.
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
            status: vec![link("/readyz", "application/json", "就绪检查 · Whether it can serve")],
        }],
    }
}

/// Tells which APIs there are.
#[utoipa::path(
    get, path = "/.well-known/api-catalog", operation_id = "getApiCatalog", tag = "service",
    summary = "Which APIs there are · 接口目录",
    description = "The catalog of RFC 9727: for each API its descriptions (`service-desc`), its documentation (`service-doc`) and its status \
        (`status`), as links (RFC 9264) relative to this address. The media type has the parameter \
        `profile=\"https://www.rfc-editor.org/info/rfc9727\"`; a `HEAD` is answered with the same `Link`. 供程序自动发现本服务的接口、文档与状态。",
    responses((
        status = 200, description = "The catalog.", body = ApiCatalog, content_type = "application/linkset+json",
        example = json!(catalog()),
    ))
)]
#[get("/.well-known/api-catalog")]
pub async fn api_catalog(call: Call) -> Result<HttpResponse> {
    call.query("getApiCatalog")?;
    let text = serde_json::to_string(&catalog())?;
    Ok(HttpResponse::Ok().insert_header((header::LINK, LINK)).content_type(MEDIA_TYPE).body(text))
}
