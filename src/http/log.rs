//! A line in the log for each answer. It names what was asked for by its path alone: a query may hold what nobody else
//! is to read, and so may a body or a header.

use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpMessage, HttpRequest};

use super::guard::{Caller, FeedKey};
use super::peer;
use crate::access::feeds;

/// An answer that took longer is worth a line of its own.
const SLOW: Duration = Duration::from_secs(1);

/// What went wrong, in words for the operator; an extension of an answer.
#[derive(Clone)]
pub struct Cause(pub String);

/// Logs an answer: what failed as an error or a warning; writes, refusals for want of a right and what was slow as
/// information; the rest for who looks for it.
pub fn answered(
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
                "answered"
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
