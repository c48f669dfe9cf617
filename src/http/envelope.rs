//! The outermost middleware: it gives every response a request id and security headers, and renders errors as problems in
//! the client's language.

use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::guard::{self, Authorized};
use super::log::{self, Cause};
use super::{AppState, cors, framing, heads, language_of, limits, peer, refusals, unread_body};
use crate::access::secrets;
use crate::error::{Error, Problem};
use crate::model::text::Language;
use crate::msg;
use crate::validation::Contract;

/// The size of a request's head, in bytes; [`heads`] refuses much larger ones before they are complete.
const HEAD_MAX: usize = 16 * 1024;
/// The size of a path with its query, in bytes: the length that RFC 9110 (section 4.1) recommends servers to support.
const URI_MAX: usize = 8 * 1024;

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The number of faults that a problem lists.
const FAULTS_MAX: usize = 1_000;

/// The id of a request, in its response, in the log and in the audit log.
#[derive(Clone)]
pub struct RequestId(pub String);

/// An error response (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// URI of the problem type.
    #[serde(rename = "type")]
    #[schema(max_length = 200, example = "urn:pairing-tracker:problem:validation_failed")]
    pub kind: String,
    /// Summary of the problem type, in the language negotiated by `Accept-Language`.
    #[schema(example = "The request breaks a rule")]
    pub title: String,
    /// HTTP status code.
    #[schema(minimum = 400, maximum = 599, example = 422)]
    pub status: i32,
    /// Explanation of this occurrence; null when there is nothing to add.
    pub detail: Option<String>,
    /// Stable identifier of the problem type.
    #[schema(max_length = 100, example = "validation_failed")]
    pub code: String,
    /// Identifier of the request in the service's log and audit log.
    #[schema(max_length = 100, example = "b8c1f0d2a94e4f7c")]
    pub request_id: String,
    /// All faults of the request, by field; at most the first 1,000.
    pub errors: Vec<FaultBody>,
}

/// One fault of a request.
#[derive(Serialize, ToSchema)]
#[schema(as = Fault)]
pub struct FaultBody {
    /// JSON pointer into the request body; `/query/<name>` or `/header/<Name>` for a parameter or header.
    #[schema(example = "/due_on")]
    pub pointer: String,
    /// Stable identifier of the rule that was broken.
    #[schema(max_length = 100, example = "required")]
    pub code: String,
    /// Explanation, in the language negotiated by `Accept-Language`.
    #[schema(example = "is required")]
    pub message: String,
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.problem().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let problem = self.problem();
        let mut response = HttpResponse::new(self.status_code());
        if let Error::Unavailable(cause) | Error::OutcomeUnknown(cause) | Error::Unexpected(cause) = self {
            response.extensions_mut().insert(Cause(cause.clone()));
        }
        response.extensions_mut().insert(problem);
        response
    }
}

/// The outermost middleware.
pub async fn wrap(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let began = Instant::now();
    let id = request_id(&request);
    framing::route_head_as_get(&mut request);
    request.extensions_mut().insert(RequestId(id.clone()));
    if let Some(state) = request.app_data::<web::Data<AppState>>() {
        peer::find(&request, &state.settings.trusted_proxies);
    }
    let request_body = unread_body::share(&mut request);
    // Routing needs exclusive access to the request: it panics while another handle exists.
    let mut response = next.call(request).await?.map_into_boxed_body();
    let http = response.request().clone();
    let cause = response.response().extensions().get::<Cause>().cloned();
    if response.status().as_u16() >= 400 {
        let problem = response.response().extensions().get::<Problem>().cloned();
        let problem = problem.unwrap_or_else(|| problem_of_status(response.status()));
        refusals::record(&http, &problem, &id);
        let rendered = render(&problem, &id, language_of(&http), response.headers());
        response = response.into_response(rendered);
    }
    add_headers(&mut response, &http, &id);
    if http.head().connection_type() == ConnectionType::Upgrade {
        // No protocol upgrade is supported, and actix-http closes the connection without `Connection: close`. A client that
        // offers HTTP/2 (RFC 7540, section 3.2) would send its next request into the closed connection.
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    let (status, took) = (response.status(), began.elapsed());
    let route = guard::route_of(&http).unwrap_or_else(|| "unmatched".into());
    log::log_response(&http, &id, &route, status, took, cause.as_ref());
    if let Some(state) = http.app_data::<web::Data<AppState>>() {
        state.metrics.count(http.method().as_str(), &route, status.as_str(), took);
    }
    Ok(unread_body::hold_until_sent(framing::frame(response), request_body))
}

/// The problem with a request's head; `None` when it is well formed and small enough.
pub fn head_refusal(request: &ServiceRequest) -> Option<Problem> {
    if let Some(problem) = heads::problem_of(request) {
        return Some(problem);
    }
    let uri = request.uri().path_and_query().map_or(0, |uri| uri.as_str().len());
    if uri > URI_MAX {
        return Some(heads::long_target());
    }
    let head: usize = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    (head + uri > HEAD_MAX).then(heads::large)
}

/// The error for a request that matches no route: 405 with the allowed methods, or 404.
pub fn no_route(contract: &Contract, path: &str) -> Error {
    let mut methods = contract.methods_of(path);
    if methods.is_empty() {
        return Problem::new(404, "not_found", msg!("未找到", "Not found"))
            .detail(msg!("没有路径 {path}。", "There is no path {path}."))
            .into();
    }
    if methods.iter().any(|method| method == "GET") {
        methods.push("HEAD".to_owned());
    }
    methods.sort();
    method_not_allowed(&methods.join(", "))
}

/// The 405 error, with the methods that are allowed.
pub fn method_not_allowed(allow: &str) -> Error {
    Problem::new(405, "method_not_allowed", msg!("不支持此方法", "The method is not supported"))
        .detail(msg!("可用方法：{allow}。", "Allowed methods: {allow}."))
        .allow(allow.to_owned())
        .into()
}

/// The client's own request id when it is valid, else a random one.
fn request_id(request: &ServiceRequest) -> String {
    let given = request.headers().get(&REQUEST_ID).and_then(|value| value.to_str().ok());
    let is_valid = |id: &&str| {
        (1..=100).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    given.filter(is_valid).map_or_else(secrets::random_hex::<8>, str::to_owned)
}

/// The problem for an error response of actix-web.
fn problem_of_status(status: StatusCode) -> Problem {
    let words = status.canonical_reason().unwrap_or("Error");
    let code = match status.as_u16() {
        404 => "not_found",
        405 => "method_not_allowed",
        406 => "not_acceptable",
        408 => "timeout",
        413 => "too_large",
        414 => "uri_too_long",
        415 => "unsupported_media_type",
        431 => "head_too_large",
        400..=499 => "malformed_request",
        _ => "internal_error",
    };
    Problem::new(status.as_u16(), code, msg!("请求被拒绝（{words}）", "{words}"))
}

/// Headers that a problem takes over from the response that it replaces.
const TAKEN_OVER: [HeaderName; 3] =
    [header::VARY, header::ACCESS_CONTROL_ALLOW_ORIGIN, header::ACCESS_CONTROL_EXPOSE_HEADERS];

/// The response for a problem.
fn render(problem: &Problem, request_id: &str, language: Language, replaced: &HeaderMap) -> HttpResponse {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = ProblemBody {
        kind: format!("urn:pairing-tracker:problem:{}", problem.code),
        title: problem.title.get(language).to_owned(),
        status: i32::from(problem.status),
        detail: problem.detail.as_ref().map(|detail| detail.get(language).to_owned()),
        code: problem.code.to_owned(),
        request_id: request_id.to_owned(),
        errors: problem
            .faults
            .iter()
            .take(FAULTS_MAX)
            .map(|fault| FaultBody {
                pointer: fault.pointer.clone(),
                code: fault.code.to_owned(),
                message: fault.message.get(language).to_owned(),
            })
            .collect(),
    };
    let mut response: HttpResponseBuilder = HttpResponse::build(status);
    response
        .insert_header((header::CONTENT_LANGUAGE, language.tag()))
        .insert_header((header::CACHE_CONTROL, "no-store"));
    if problem.status == 401 {
        response.insert_header((header::WWW_AUTHENTICATE, "Bearer realm=\"pairing-tracker\""));
    }
    if let Some(seconds) = problem.retry_after {
        response.insert_header((header::RETRY_AFTER, seconds));
    }
    if let Some(allow) = &problem.allow {
        response.insert_header((header::ALLOW, allow.as_str()));
    }
    if let Some(codings) = problem.accept_encoding {
        response.insert_header((header::ACCEPT_ENCODING, codings));
    }
    for name in TAKEN_OVER {
        if let Some(value) = replaced.get(&name) {
            response.insert_header((name, value.clone()));
        }
    }
    // `json()` would set the media type `application/json`.
    let text = serde_json::to_string(&body).unwrap_or_default();
    response.content_type("application/problem+json").body(text)
}

/// Adds the headers that every response has, unless it has set its own.
fn add_headers(response: &mut ServiceResponse<BoxBody>, request: &HttpRequest, id: &str) {
    let headers = response.headers_mut();
    cors::remove_unused(headers);
    limits::add_headers(request, headers);
    let state = request.app_data::<web::Data<AppState>>();
    if let (Some(state), Some(Authorized { operation, .. })) = (state, request.extensions().get()) {
        state.deprecations.add_headers(operation, request.query_string(), headers);
    }
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID.clone(), id);
    }
    let of_private_service = state.is_some_and(|state| state.settings.private);
    let is_private = of_private_service || request.headers().contains_key(header::AUTHORIZATION);
    let defaults: [(HeaderName, &'static str); 6] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CONTENT_SECURITY_POLICY, content_security_policy(request)),
        (header::CACHE_CONTROL, if is_private { "private, no-cache" } else { "no-cache" }),
        // Other sites must not embed responses; pages of the configured origins use CORS instead.
        (header::CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
    ];
    for (name, value) in defaults {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    vary(headers, request.method());
}

/// Sets `Vary` to every request header that the response depends on, each once, including those set by other middleware.
fn vary(headers: &mut HeaderMap, method: &Method) {
    let given: Vec<HeaderValue> = headers.get_all(header::VARY).cloned().collect();
    let given = given.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let of_reads: &[&str] = if method == Method::GET { &["Authorization", "Accept", "Accept-Language"] } else { &[] };
    let mut names: Vec<&str> = Vec::new();
    for name in given.map(str::trim).chain(["Accept-Encoding"]).chain(of_reads.iter().copied()) {
        if !name.is_empty() && !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            names.push(name);
        }
    }
    if let Ok(value) = HeaderValue::from_str(&names.join(", ")) {
        headers.insert(header::VARY, value);
    }
}

fn content_security_policy(request: &HttpRequest) -> &'static str {
    let path = request.path();
    if path.starts_with("/docs") {
        // Swagger UI uses inline styles and `data:` icons.
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    } else if path == "/" {
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    } else {
        "default-src 'none'; frame-ancestors 'none'"
    }
}
