//! Cross-origin requests from browsers (CORS, Fetch standard).
//!
//! Only the configured origins may call the API; by default there are none. Their pages authenticate with a key of their own,
//! as the API has no cookies.

use actix_cors::Cors;
use actix_web::http::header::{self, HeaderMap};
use actix_web::middleware::Condition;

/// How long a browser may cache the result of a preflight request, in seconds.
const MAX_AGE: usize = 3600;

/// The request headers that a page may send.
const SENT: [&str; 8] = [
    "Accept",
    "Accept-Language",
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "X-Request-Id",
];

/// The response headers that a page may read.
const EXPOSED: [&str; 11] = [
    "Content-Disposition",
    "Deprecation",
    "ETag",
    "Idempotent-Replayed",
    "Link",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "Sunset",
    "X-Request-Id",
];

/// The CORS middleware for these origins; without any it is disabled.
pub fn middleware(origins: &[String]) -> Condition<Cors> {
    let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
    let cors = Cors::default().allowed_methods(methods).allowed_headers(SENT).expose_headers(EXPOSED).max_age(MAX_AGE);
    let cors = origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin));
    Condition::new(!origins.is_empty(), cors)
}

/// Removes `Access-Control-Expose-Headers` from responses that allow no origin; `actix-cors` adds it to all responses.
pub fn remove_unused(headers: &mut HeaderMap) {
    if !headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
        headers.remove(header::ACCESS_CONTROL_EXPOSE_HEADERS);
    }
}
