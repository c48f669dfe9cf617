//! Limits of one client: requests per minute for each address and each key, concurrent requests, files and streams, and
//! attempts with invalid keys.
//!
//! Responses have the headers of draft-ietf-httpapi-ratelimit-headers: `RateLimit-Policy` with the quotas and their windows, and
//! `RateLimit` with what is left. Health checks are not limited, nor are requests without an address. Each process counts for
//! itself.

mod budget;
mod in_flight;
mod key_attempts;
mod streams;

use std::fmt::Write;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};

pub use budget::Standing;
use budget::{Budget, WINDOW};
use in_flight::{Full, InFlight, Place};
use key_attempts::KeyAttempts;
use streams::Streams;
pub use streams::{StreamOwner, StreamPlace};

use super::{AppState, connections, envelope, guarded_body, peer};
use crate::config::Settings;
use crate::error::{Error, Problem, Result};
use crate::model::text::Msg;
use crate::msg;

/// Health checks, which must respond under any load.
pub const UNLIMITED: [&str; 2] = ["/healthz", "/readyz"];

/// The size up to which a response ends its request, in bytes; a larger one counts as in flight until it is sent.
const SENT_AT_ONCE: u64 = 64 * 1024;

/// The problem's code for an address that has tried too many keys.
pub const TOO_MANY_ATTEMPTS: &str = "too_many_attempts";

/// Concurrent file transfers, per address and in total. The file of a document is in memory and has 20 MiB at most; an export
/// can have any size and is streamed.
const FILES_OF_ONE: u32 = 4;
const FILES: u32 = 32;

/// Concurrent event streams, per client and in total.
const STREAMS_OF_ONE: usize = 8;
const STREAMS: usize = 128;

static POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
static LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// The limits of one process, with their current use.
pub struct Limits {
    addresses: Option<Budget<IpAddr>>,
    identities: Option<Budget<String>>,
    key_attempts: KeyAttempts,
    in_flight: Arc<InFlight>,
    files: Arc<InFlight>,
    streams: Arc<Streams>,
}

/// The state of the budgets that a request was counted against; an extension of the request.
#[derive(Clone, Copy, Default)]
struct Counted {
    address: Option<Standing>,
    key: Option<Standing>,
}

impl Limits {
    /// The limits in the settings.
    pub fn new(settings: &Settings) -> Limits {
        Limits {
            addresses: NonZeroU32::new(settings.rate_per_address).map(Budget::new),
            identities: NonZeroU32::new(settings.rate_per_key).map(Budget::new),
            key_attempts: KeyAttempts::new(settings.wrong_keys_per_address),
            in_flight: InFlight::new(settings.in_flight_per_address, settings.in_flight),
            files: InFlight::new(FILES_OF_ONE, FILES),
            streams: Streams::new(STREAMS_OF_ONE, STREAMS),
        }
    }

    /// Counts a request for its address; 429 when the budget is exhausted.
    fn count_address(&self, request: &ServiceRequest, address: Option<IpAddr>) -> Result<()> {
        let (Some(budget), Some(address)) = (&self.addresses, address) else { return Ok(()) };
        let outcome = budget.spend(&peer::counted(address));
        let (Ok(standing) | Err(standing)) = outcome;
        request.extensions_mut().insert(Counted { address: Some(standing), key: None });
        outcome.map(drop).map_err(|standing| {
            let quota = standing.quota;
            too_many(
                standing,
                msg!(
                    "每个地址每分钟最多 {quota} 次请求。",
                    "The limit is {quota} requests per minute for each address."
                ),
            )
        })
    }

    /// Counts a request for an authenticated identity, such as `key:7`; 429 when the budget is exhausted.
    pub fn count_identity(&self, request: &HttpRequest, identity: &str) -> Result<()> {
        let Some(budget) = &self.identities else { return Ok(()) };
        let outcome = budget.spend(&identity.to_owned());
        let (Ok(standing) | Err(standing)) = outcome;
        let mut extensions = request.extensions_mut();
        let counted = extensions.get::<Counted>().copied().unwrap_or_default();
        extensions.insert(Counted { key: Some(standing), ..counted });
        outcome.map(drop).map_err(|standing| {
            let quota = standing.quota;
            too_many(
                standing,
                msg!("每个密钥每分钟最多 {quota} 次请求。", "The limit is {quota} requests per minute for each key."),
            )
        })
    }

    /// Checks whether an address may try the key with this hash (`None` for a malformed key), before the key is looked up.
    ///
    /// 429 after too many invalid keys, except for a key that was valid on this process recently.
    pub fn check_key_attempt(&self, address: Option<IpAddr>, key_hash: Option<&str>) -> Result<()> {
        self.key_attempts.check(address, key_hash).map_err(|standing| {
            Problem::new(429, TOO_MANY_ATTEMPTS, title())
                .detail(msg!("此地址尝试了过多无效密钥。", "This address has sent too many invalid keys."))
                .retry_after(standing.reset)
                .into()
        })
    }

    /// Counts an invalid key: malformed (`None`), unknown, expired or revoked.
    pub fn record_invalid_key(&self, address: Option<IpAddr>, key_hash: Option<&str>) {
        self.key_attempts.record_invalid(address, key_hash);
    }

    /// Records a valid key.
    pub fn record_valid_key(&self, key_hash: &str) {
        self.key_attempts.record_valid(key_hash);
    }

    /// Takes a place among the requests in flight.
    fn enter(&self, address: Option<IpAddr>) -> Result<Place> {
        Limits::place(&self.in_flight, address)
    }

    /// Takes a place among the file transfers, to be kept until the file is sent.
    pub fn enter_file(&self, address: Option<IpAddr>) -> Result<Place> {
        Limits::place(&self.files, address)
    }

    /// Takes a place for an event stream, until it is dropped.
    pub fn enter_stream(&self, client: StreamOwner) -> Result<StreamPlace> {
        self.streams.enter(client).map_err(|full| match full {
            Full::Service => Error::Unavailable("the limit of event streams is reached".to_owned()),
            Full::Address => too_many_at_once(msg!(
                "同一密钥或地址最多 {STREAMS_OF_ONE} 个流。",
                "The limit is {STREAMS_OF_ONE} streams for each key, or for each address without a key."
            )),
        })
    }

    /// The number of open event streams.
    pub fn streams(&self) -> usize {
        self.streams.count()
    }

    fn place(among: &Arc<InFlight>, address: Option<IpAddr>) -> Result<Place> {
        among.enter(address.map(peer::counted)).map_err(|full| match full {
            Full::Service => Error::Unavailable("too many requests are in flight".to_owned()),
            Full::Address => {
                too_many_at_once(msg!("此地址同时进行的请求过多。", "This address has too many requests in flight."))
            }
        })
    }

    /// Counts a request and takes a place for it.
    fn enter_request(&self, request: &ServiceRequest) -> Result<Place> {
        let address = peer::of(request.request());
        self.count_address(request, address)?;
        self.enter(address)
    }
}

fn title() -> Msg {
    msg!("请求过于频繁", "Too many requests")
}

fn too_many_at_once(detail: Msg) -> Error {
    Problem::new(429, "rate_limited", title()).detail(detail).retry_after(1).into()
}

fn too_many(standing: Standing, detail: Msg) -> Error {
    Problem::new(429, "rate_limited", title()).detail(detail).retry_after(standing.reset).into()
}

/// The middleware that enforces the limits.
pub async fn enforce(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let busy = connections::busy(&request);
    let state = request.app_data::<web::Data<AppState>>().cloned();
    let (Some(state), false) = (state, UNLIMITED.contains(&request.path())) else {
        if let Some(problem) = envelope::head_refusal(&request) {
            return Ok(request.into_response(HttpResponse::from_error(Error::from(problem))));
        }
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    let place = match state.limits.enter_request(&request) {
        Ok(place) => place,
        Err(error) => return Ok(request.into_response(HttpResponse::from_error(error))),
    };
    if let Some(problem) = envelope::head_refusal(&request) {
        return Ok(request.into_response(HttpResponse::from_error(Error::from(problem))));
    }
    let response = next.call(request).await?.map_into_boxed_body();
    match response.response().body().size() {
        BodySize::Sized(size) if size <= SENT_AT_ONCE => Ok(response),
        BodySize::None => Ok(response),
        _ => Ok(response.map_body(|_, body| guarded_body::with_guard(body, (place, busy)))),
    }
}

/// Adds the headers with the state of the budgets that a request was counted against.
pub fn add_headers(request: &HttpRequest, headers: &mut HeaderMap) {
    let Some(counted) = request.extensions().get::<Counted>().copied() else { return };
    let (mut policy, mut limit) = (String::new(), String::new());
    for (name, standing) in [("address", counted.address), ("key", counted.key)] {
        let Some(Standing { quota, remaining, reset }) = standing else { continue };
        let comma = if policy.is_empty() { "" } else { ", " };
        // Writing to a string cannot fail.
        let _ = write!(policy, "{comma}\"{name}\";q={quota};w={WINDOW}");
        let _ = write!(limit, "{comma}\"{name}\";r={remaining};t={reset}");
    }
    for (name, value) in [(&POLICY, policy), (&LIMIT, limit)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name.clone(), value);
        }
    }
}
