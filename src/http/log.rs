//! The access log: one line for each response.
//!
//! A line has the path of the request, but neither its query, its body nor its headers, which can contain personal data and
//! keys.

use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpMessage, HttpRequest};

use super::guard::{Caller, FeedKey};
use super::peer;
use crate::access::feeds;

/// Slower responses are logged at level `info`.
const SLOW: Duration = Duration::from_secs(1);

/// The cause of an error, for the operator; an extension of the response.
#[derive(Clone)]
pub struct Cause(pub String);

/// Logs a response: server errors at level `error`, 503 at `warn`; writes, responses 401, 403 and 429, and slow responses at
/// `info`; all others at `debug`.
pub fn log_response(
    request: &HttpRequest,
    id: &str,
    route: &str,
    status: StatusCode,
    took: Duration,
    cause: Option<&Cause>,
) {
    let caller = || {
        let extensions = request.extensions();
        let holder = extensions.get::<Caller>().map(|Caller(actor)| actor.identity.to_string());
        holder.or_else(|| extensions.get::<FeedKey>().map(|FeedKey(opening)| feeds::identity(opening.key)))
    };
    let client = || peer::of(request).map(|address| address.to_string());
    let milliseconds = took.as_secs_f64() * 1000.0;
    // `line!(warn)` expands to `tracing::warn!` with all fields; the level of `tracing::event!` must be constant.
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                target: "pairing_tracker::request",
                request_id = id,
                method = request.method().as_str(),
                route,
                path = request.path(),
                status = status.as_u16(),
                milliseconds,
                caller = caller(),
                client = client(),
                cause = cause.map(|cause| cause.0.as_str()),
                "responded"
            )
        };
    }
    let writes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    match status.as_u16() {
        503 => line!(warn),
        500.. => line!(error),
        401 | 403 | 429 => line!(info),
        _ if writes || took > SLOW => line!(info),
        _ => line!(debug),
    }
}
