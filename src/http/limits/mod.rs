//! What one client may ask of the service, so that all are served: requests a minute for each address and for each key,
//! requests in flight, and keys that are tried.
//!
//! Answers tell how the budgets stand, as draft-ietf-httpapi-ratelimit-headers has it: `RateLimit-Policy` the quotas and
//! their windows, `RateLimit` what is left. Checks of the service's health are not limited, and neither is who has no
//! address. All counts are of this process alone.

mod budget;
mod guesses;
mod in_flight;
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
use guesses::Guesses;
use in_flight::{Full, InFlight, Place};
use streams::Streams;
pub use streams::{StreamOwner, StreamPlace};

use super::{AppState, connections, envelope, held, peer};
use crate::config::Settings;
use crate::error::{Error, Problem, Result};
use crate::model::text::Msg;
use crate::msg;

/// Paths that monitors ask, and that must answer them whatever else is going on.
pub const UNLIMITED: [&str; 2] = ["/healthz", "/readyz"];

/// An answer of more bytes than this is in flight until it is sent: smaller ones are out of the service's hands at once.
const SENT_AT_ONCE: u64 = 64 * 1024;

/// The problem's code for an address that has tried too many keys.
pub const TOO_MANY_ATTEMPTS: &str = "too_many_attempts";

/// Files that are sent at one time: to one address, and to all. That of a document has 20 MiB at most and is in memory; what
/// is taken out of the data may be of any size, of which little is in memory.
const FILES_OF_ONE: u32 = 4;
const FILES: u32 = 32;

/// Streams without an end at one time: to one client, and to all.
const STREAMS_OF_ONE: usize = 8;
const STREAMS: usize = 128;

static POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
static LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// The limits of one process, and how far they are used.
pub struct Limits {
    addresses: Option<Budget<IpAddr>>,
    identities: Option<Budget<String>>,
    guesses: Guesses,
    in_flight: Arc<InFlight>,
    files: Arc<InFlight>,
    streams: Arc<Streams>,
}

/// How the budgets stand that a request was counted in, as an extension of the request.
#[derive(Clone, Copy, Default)]
struct Counted {
    address: Option<Standing>,
    key: Option<Standing>,
}

impl Limits {
    /// The limits that the settings give.
    pub fn new(settings: &Settings) -> Limits {
        Limits {
            addresses: NonZeroU32::new(settings.rate_per_address).map(Budget::new),
            identities: NonZeroU32::new(settings.rate_per_key).map(Budget::new),
            guesses: Guesses::new(settings.wrong_keys_per_address),
            in_flight: InFlight::new(settings.in_flight_per_address, settings.in_flight),
            files: InFlight::new(FILES_OF_ONE, FILES),
            streams: Streams::new(STREAMS_OF_ONE, STREAMS),
        }
    }

    /// Counts a request of an address; 429 when its budget is spent.
    fn count_address(&self, request: &ServiceRequest, address: Option<IpAddr>) -> Result<()> {
        let (Some(budget), Some(address)) = (&self.addresses, address) else { return Ok(()) };
        let judged = budget.spend(&peer::counted(address));
        let (Ok(standing) | Err(standing)) = judged;
        request.extensions_mut().insert(Counted { address: Some(standing), key: None });
        judged.map(drop).map_err(|standing| {
            let quota = standing.quota;
            too_many(
                standing,
                msg!("每个地址每分钟最多 {quota} 次请求。", "An address may make {quota} requests a minute."),
            )
        })
    }

    /// Counts a request of whoever was authenticated, by a name that is no other's (`key:7`); 429 when the budget is
    /// spent.
    pub fn count_identity(&self, request: &HttpRequest, identity: &str) -> Result<()> {
        let Some(budget) = &self.identities else { return Ok(()) };
        let judged = budget.spend(&identity.to_owned());
        let (Ok(standing) | Err(standing)) = judged;
        let mut extensions = request.extensions_mut();
        let counted = extensions.get::<Counted>().copied().unwrap_or_default();
        extensions.insert(Counted { key: Some(standing), ..counted });
        judged.map(drop).map_err(|standing| {
            let quota = standing.quota;
            too_many(standing, msg!("每个密钥每分钟最多 {quota} 次请求。", "A key may make {quota} requests a minute."))
        })
    }

    /// Whether an address may try this key, given by the hash that is stored of it (`None`: a key of the wrong shape);
    /// 429 after too many that were not good, except for a key that was good on this process not long ago. To be asked
    /// before the key is looked up.
    pub fn may_try(&self, address: Option<IpAddr>, key_hash: Option<&str>) -> Result<()> {
        self.guesses.may_try(address, key_hash).map_err(|standing| {
            Problem::new(429, TOO_MANY_ATTEMPTS, title())
                .detail(msg!("此地址尝试了过多无效密钥。", "This address has tried too many keys that are not valid."))
                .retry_after(standing.reset)
                .into()
        })
    }

    /// Counts a key that was not good: malformed (`None`), unknown, expired or revoked.
    pub fn wrong_key(&self, address: Option<IpAddr>, key_hash: Option<&str>) {
        self.guesses.wrong(address, key_hash);
    }

    /// Remembers a key that was good.
    pub fn good_key(&self, key_hash: &str) {
        self.guesses.good(key_hash);
    }

    /// Takes a place among the requests in flight.
    fn enter(&self, address: Option<IpAddr>) -> Result<Place> {
        Limits::place(&self.in_flight, address)
    }

    /// Takes a place among the files that are sent: to be kept with the answer until then.
    pub fn enter_file(&self, address: Option<IpAddr>) -> Result<Place> {
        Limits::place(&self.files, address)
    }

    /// Takes a place for a stream without an end, until it is dropped.
    pub fn enter_stream(&self, client: StreamOwner) -> Result<StreamPlace> {
        self.streams.enter(client).map_err(|full| match full {
            Full::Service => Error::Unavailable("all streams are taken".to_owned()),
            Full::Address => too_many_at_once(msg!(
                "同一密钥或地址最多 {STREAMS_OF_ONE} 个流。",
                "A key, or an address without one, may have {STREAMS_OF_ONE} streams."
            )),
        })
    }

    /// How many streams there are.
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

    fn admit(&self, request: &ServiceRequest) -> Result<Place> {
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

/// The middleware that holds requests to the limits.
pub async fn hold(
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
    let place = match state.limits.admit(&request) {
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
        _ => Ok(response.map_body(|_, body| held::hold(body, (place, busy)))),
    }
}

/// Tells how the budgets stand that a request was counted in.
pub fn tell(request: &HttpRequest, headers: &mut HeaderMap) {
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
