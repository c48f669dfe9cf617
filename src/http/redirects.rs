//! Redirects from addresses that clients try although the document does not list them: the prefix of the API, and paths of
//! the document followed by a slash.
//!
//! A target is a constant, or a path of the document that the request has named itself. It therefore begins with a single
//! slash and stays on this host.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{HttpResponse, web};

use super::{AppState, envelope, format};

/// The prefix of the API's paths.
const PREFIX: &str = "/api/v1";
/// Where a browser learns about the API.
const DOCUMENTATION: &str = "/docs/";
/// Where a program learns about the API.
const DOCUMENT: &str = "/openapi.json";
/// Links of the prefix to its documentation (RFC 8631), and to the catalog (RFC 9727).
const LINKS: &str = "</openapi.json>; rel=\"service-desc\"; type=\"application/json\", \
     </docs/>; rel=\"service-doc\"; type=\"text/html\", \
     </.well-known/api-catalog>; rel=\"api-catalog\"; type=\"application/linkset+json\"";

/// The middleware that redirects; any other request passes.
///
/// `NormalizePath` of actix-web would serve each resource at two addresses instead.
pub async fn redirect(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    match redirection(&request) {
        Some(response) => Ok(request.into_response(response)),
        None => Ok(next.call(request).await?.map_into_boxed_body()),
    }
}

fn redirection(request: &ServiceRequest) -> Option<HttpResponse> {
    let path = request.uri().path();
    let without_slash = path.trim_end_matches('/');
    if without_slash == PREFIX {
        return Some(of_prefix(request));
    }
    if without_slash == path {
        return None;
    }
    let contract = &request.app_data::<web::Data<AppState>>()?.catalog.contract;
    let is_known = !contract.methods_of(without_slash).is_empty() || format::by_path(contract, without_slash).is_some();
    // A path that is in the document cannot begin with two slashes, which would name another host.
    if !is_known {
        return None;
    }
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    let target = HeaderValue::try_from(format!("{without_slash}{query}")).ok()?;
    // 308 keeps the method and the body.
    Some(HttpResponse::PermanentRedirect().insert_header((header::LOCATION, target)).finish())
}

/// The prefix alone is no resource: 303, to the documentation for a client that prefers HTML, else to the document.
fn of_prefix(request: &ServiceRequest) -> HttpResponse {
    if *request.method() != Method::GET {
        return HttpResponse::from_error(envelope::method_not_allowed("GET, HEAD"));
    }
    let target = if format::prefers_html(request.request()) { DOCUMENTATION } else { DOCUMENT };
    HttpResponse::SeeOther().insert_header((header::LOCATION, target)).insert_header((header::LINK, LINKS)).finish()
}
