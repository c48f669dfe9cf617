//! The HTTP layer: authentication, limits, parsing and validation of requests, responses and the response cache.
//!
//! It implements the conventions that all operations share, and depends on no resource.

pub mod body;
pub mod coding;
pub mod connections;
pub mod cors;
pub mod cost;
pub mod deprecation;
pub mod envelope;
pub mod export;
pub mod format;
pub mod framing;
pub mod guard;
pub mod guarded_body;
pub mod heads;
pub mod idempotency;
pub mod language;
pub mod limits;
pub mod list;
mod log;
pub mod metrics;
pub mod multipart;
pub mod parts;
pub mod patch;
pub mod peer;
pub mod readiness;
pub mod record_cache;
pub mod redirects;
mod refusals;
pub mod response;
mod response_cache;
pub mod routes;
pub mod spooled;
pub mod tags;
mod unread_body;

use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use chrono::NaiveDate;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::watch;

use crate::access::oidc::Issuer;
use crate::access::policy::Policy;
use crate::access::revoked::Revoked;
use crate::access::{Actor, Uses, Visibility};
use crate::audit::refusals::Refusals;
use crate::audit::sealer::Sealer;
use crate::config::Settings;
use crate::db::changes::KindSet;
use crate::db::reference::Kind;
use crate::db::{Class, Conn, Store};
use crate::error::{Error, Fault, Problem, Result};
use crate::model::text::Language;
use crate::msg;
use crate::record::{Catalog, Precondition, ReadContext, Tx};
use deprecation::Deprecations;
use envelope::RequestId;
use guard::{Authorized, Caller};
use parts::Parts;
use record_cache::RecordCache;
use response_cache::ResponseCache;
use tags::Tags;

/// The path of the API catalog (RFC 9727, section 2).
pub const API_CATALOG_PATH: &str = "/.well-known/api-catalog";

/// Headers that are lists of entity tags, with the parameter component of each in the document.
const TAG_HEADERS: [(&str, header::HeaderName, &str); 2] =
    [("If-Match", header::IF_MATCH, "IfMatch"), ("If-None-Match", header::IF_NONE_MATCH, "IfNoneMatch")];

/// The state shared by all requests.
pub struct AppState {
    pub store: Store,
    pub catalog: Arc<Catalog>,
    pub settings: Arc<Settings>,
    /// The OpenID Connect issuer whose tokens are accepted besides keys.
    pub issuer: Option<Issuer>,
    pub cache: ResponseCache,
    pub records: Arc<RecordCache>,
    pub metrics: metrics::Metrics,
    pub policy: Policy,
    pub uses: Uses,
    pub refusals: Refusals,
    pub sealer: Sealer,
    /// Keys that are being revoked.
    pub revoked: Revoked,
    pub limits: limits::Limits,
    /// True once the service is shutting down, so that event streams end.
    pub stopping: watch::Sender<bool>,
    pub deprecations: Deprecations,
    pub readiness: readiness::Readiness,
    /// The state of modules above this one.
    pub parts: Parts,
}

impl AppState {
    /// The initial state of the service.
    pub fn new(
        store: Store,
        catalog: Arc<Catalog>,
        settings: Settings,
        issuer: Option<Issuer>,
        policy: Policy,
    ) -> Result<AppState> {
        Ok(AppState {
            issuer,
            policy,
            catalog,
            limits: limits::Limits::new(&settings),
            settings: Arc::new(settings),
            cache: ResponseCache::default(),
            records: RecordCache::new(store.changes()),
            metrics: metrics::Metrics::new()?,
            uses: Uses::default(),
            refusals: Refusals::default(),
            sealer: Sealer::start(&store)?,
            store,
            revoked: Revoked::default(),
            stopping: watch::Sender::new(false),
            deprecations: Deprecations::new(deprecation::TABLE)?,
            readiness: readiness::Readiness::default(),
            parts: Parts::default(),
        })
    }
}

/// An authorized request, as handlers receive it.
pub struct Call {
    pub state: web::Data<AppState>,
    pub request: HttpRequest,
    pub request_id: String,
    /// The operation's id; for a page, its route.
    pub operation: Arc<str>,
    /// The class of the operation's reads, before the query is considered.
    class: Class,
    /// The caller; `None` without a key or token.
    pub actor: Option<Actor>,
    /// The kinds that a cached response is made from; `None` for responses that are not cached.
    sources: Option<KindSet>,
}

impl FromRequest for Call {
    type Error = Error;
    type Future = Ready<Result<Call>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let Some(state) = request.app_data::<web::Data<AppState>>() else {
            return ready(Err(Error::unexpected("the service has no state")));
        };
        let extensions = request.extensions();
        let Some(Authorized { operation, class }) = extensions.get().cloned() else {
            return ready(Err(Error::unexpected("a request bypassed the authorization middleware")));
        };
        ready(Ok(Call {
            state: state.clone(),
            request: request.clone(),
            request_id: extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default(),
            operation,
            class,
            actor: extensions.get::<Caller>().map(|caller| caller.0.clone()),
            sources: Some(KindSet::ALL),
        }))
    }
}

impl Call {
    /// The same call, whose response is made from records of a kind and what they embed. Without this, a cached response is
    /// dropped by any change.
    #[must_use]
    pub fn reads(self, kind: &Kind) -> Call {
        let sources = self.state.store.changes().sources().all(kind);
        Call { sources: kind.is_cached.then_some(sources), ..self }
    }

    /// The same call, whose response is made from records of any kind, and not from the audit log.
    #[must_use]
    pub fn reads_records(self) -> Call {
        Call { sources: Some(KindSet::RECORDS), ..self }
    }

    /// The same call, whose response is not cached, because its data changes without audit events.
    #[must_use]
    pub fn uncached(self) -> Call {
        Call { sources: None, ..self }
    }

    /// The same call, whose reads have another class than those of its tag.
    #[must_use]
    pub fn in_class(self, class: Class) -> Call {
        Call { class, ..self }
    }

    /// A header's value; `None` when it is not visible ASCII, as no header of this API allows other characters.
    pub fn header(&self, name: impl header::AsHeaderName) -> Option<&str> {
        self.request.headers().get(name)?.to_str().ok()
    }

    /// The language negotiated for this request.
    pub fn language(&self) -> Language {
        language_of(&self.request)
    }

    /// Today in the service's time zone.
    pub fn today(&self) -> NaiveDate {
        self.state.settings.today()
    }

    /// Validates the query string against an operation's parameters.
    pub fn query(&self, operation: &str) -> Result<Value> {
        self.state.catalog.contract.query(operation, self.request.query_string())
    }

    /// The date of the read, from `as_of` in a query.
    pub fn view(&self, query: &Value) -> ReadContext {
        let as_of = query["as_of"].as_str().and_then(|date| date.parse().ok());
        ReadContext { as_of: as_of.unwrap_or_else(|| self.today()) }
    }

    /// The personal data that the caller may see.
    pub fn visibility(&self) -> Visibility {
        self.actor.as_ref().map_or(Visibility::Nothing, Actor::visibility)
    }

    /// The actor of a write, after the headers are validated.
    pub fn writer(&self) -> Result<Actor> {
        // The authorization middleware rejects writes without a key or token.
        let actor = self.actor.clone().ok_or_else(|| Error::unexpected("a write without an actor"))?;
        self.validate_headers()?;
        // Writes have no query parameters, so that the validation rejects any.
        if !self.request.query_string().is_empty() {
            self.query(&self.operation)?;
        }
        Ok(actor)
    }

    /// Validates the headers against their schemas in the document.
    pub fn validate_headers(&self) -> Result<()> {
        let headers = self.request.headers();
        let contract = &self.state.catalog.contract;
        let mut faults = Vec::new();
        for (name, key, component) in &TAG_HEADERS {
            if let Some(value) = tags::joined(headers, key) {
                faults.extend(contract.header_faults(name, component, &value)?);
            }
        }
        for value in headers.get_all("Idempotency-Key") {
            let text = String::from_utf8_lossy(value.as_bytes());
            faults.extend(contract.header_faults("Idempotency-Key", "IdempotencyKey", &text)?);
        }
        if faults.is_empty() { Ok(()) } else { Err(Problem::malformed(faults).into()) }
    }

    /// The precondition of a change or a deletion (`If-Match`); 428 when it is missing.
    ///
    /// A weak tag never matches (RFC 9110, section 13.1.1).
    pub fn precondition(&self) -> Result<Precondition> {
        let Some(value) = tags::joined(self.request.headers(), &header::IF_MATCH) else {
            return Err(Problem::new(428, "precondition_required", msg!("需要 If-Match", "If-Match is required"))
                .detail(msg!(
                    "请在 If-Match 中给出读取时得到的 ETag，或用 * 覆盖。",
                    "Send the ETag from the last read of the record in If-Match, or * to overwrite any version."
                ))
                .into());
        };
        match Tags::parse(&value).ok_or_else(invalid_if_match)? {
            Tags::Any => Ok(Precondition::Any),
            Tags::List(tags) => {
                let strong = tags.iter().filter(|tag| !tag.weak);
                let version = |tag: &header::EntityTag| tag.tag().split('-').next()?.parse::<i64>().ok();
                Ok(Precondition::Versions(strong.filter_map(version).collect()))
            }
        }
    }

    /// Whether only the head of the response will be sent, so that its body need not be generated.
    pub fn is_head(&self) -> bool {
        framing::is_head(&self.request)
    }

    /// Runs a write in its transaction.
    pub async fn write<T: Send + 'static>(
        &self,
        actor: Actor,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let catalog = self.state.catalog.clone();
        let request_id = self.request_id.clone();
        let today = self.today();
        let work = move |conn: &mut Conn| Tx::run(conn, &actor, &request_id, &catalog, today, work);
        self.state.store.write_records(&self.client(), work).await
    }
}

/// Deserializes a validated query into the type of its operation.
pub fn typed<T: DeserializeOwned>(query: &Value) -> Result<T> {
    T::deserialize(query).map_err(|error| {
        let words = error.to_string();
        Problem::malformed(vec![Fault {
            pointer: "/query".to_owned(),
            code: "invalid",
            message: msg!("无效：{words}", "is not valid: {words}"),
        }])
        .into()
    })
}

/// The language negotiated for a request; English unless Chinese is preferred.
pub fn language_of(request: &HttpRequest) -> Language {
    language::negotiate(request, Language::En)
}

fn invalid_if_match() -> Error {
    Problem::malformed(vec![Fault {
        pointer: "/header/If-Match".to_owned(),
        code: "format",
        message: msg!("须为带引号的 ETag 或 *。", "must be quoted ETags or *"),
    }])
    .into()
}
