//! Pages of other origins: which of them may call the API from a browser (the CORS protocol of the Fetch standard).
//!
//! None, unless the settings name it. A page that may call it shows its own key; there are no cookies to lend it.

use actix_cors::Cors;
use actix_web::http::header::{self, HeaderMap};
use actix_web::middleware::Condition;

/// How long a browser may keep what it was told, in seconds.
const MAX_AGE: usize = 3600;

/// What a page may send with a request.
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

/// What a page may read of an answer.
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

/// Lets pages of these origins call the API; without any it does nothing.
pub fn middleware(origins: &[String]) -> Condition<Cors> {
    let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
    let cors = Cors::default().allowed_methods(methods).allowed_headers(SENT).expose_headers(EXPOSED).max_age(MAX_AGE);
    let cors = origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin));
    Condition::new(!origins.is_empty(), cors)
}

/// Takes back what `actix-cors` tells every page of what pages may read, where this one may read nothing.
pub fn tidy(headers: &mut HeaderMap) {
    if !headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
        headers.remove(header::ACCESS_CONTROL_EXPOSE_HEADERS);
    }
}
