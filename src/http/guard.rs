//! The authentication and authorization middleware, which runs before any handler.

use std::sync::Arc;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};

use super::{AppState, cost, envelope, peer};
use crate::access::policy::{Access, Policy};
use crate::access::secrets::keys::{Family, PresentedKey};
use crate::access::{Actor, Identity, PAIRING, feeds, keys, secrets};
use crate::db::{Class, Client};
use crate::error::{Error, Result};
use crate::model::types::Instant;

/// Marks an authorized request, with its operation; an extension of the request, required to create a [`super::Call`].
#[derive(Clone)]
pub struct Authorized {
    /// The operation's id; for a page, its route.
    pub operation: Arc<str>,
    /// The class of its reads, before the query is considered.
    pub class: Class,
}

/// The template of the route that matches a request.
pub fn route_of(request: &HttpRequest) -> Option<Arc<str>> {
    let state = request.app_data::<web::Data<AppState>>()?;
    state.policy.route(request.path()).map(|route| route.template.clone())
}

/// A valid feed key in the request's query; an extension of the request.
#[derive(Clone, Copy)]
pub struct FeedKey(pub feeds::Opening);

/// The caller with a valid key or token, whether authorized or not; an extension of the request.
#[derive(Clone)]
pub struct Caller(pub Actor);

/// The innermost middleware.
pub async fn authorize(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    match check_access(&request).await {
        Ok(()) => Ok(next.call(request).await?.map_into_boxed_body()),
        Err(error) => Ok(request.into_response(HttpResponse::from_error(error))),
    }
}

async fn check_access(request: &ServiceRequest) -> Result<()> {
    let Some(state) = request.app_data::<web::Data<AppState>>() else {
        return Err(Error::unexpected("the service has no state"));
    };
    let route = state.policy.route(request.path());
    let Some(permission) = route.and_then(|route| route.permission(request.method().as_str())) else {
        // The policy lists every operation and page, so that a route outside it stays unreachable.
        return Err(envelope::no_route(&state.catalog.contract, request.path()));
    };
    if permission.access != Access::Public {
        let actor = authenticate(state, request).await?;
        let opens_feed = authenticate_feed(state, request, permission.access).await?;
        Policy::authorize(permission.access, state.settings.private, actor.as_ref(), opens_feed)?;
    }
    request.extensions_mut().insert(Authorized { operation: permission.operation.clone(), class: permission.reads });
    Ok(())
}

/// The content of the `Authorization` header.
enum Credential {
    Key(PresentedKey),
    /// A bearer token that is not a key; not verified yet.
    Token(String),
    /// Neither a key nor a token.
    Malformed,
}

impl Credential {
    fn read(state: &AppState, request: &ServiceRequest) -> Option<Credential> {
        let mut headers = request.headers().get_all(header::AUTHORIZATION);
        let first = headers.next()?;
        let bearer = first
            .to_str()
            .ok()
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer") && headers.next().is_none())
            .map(|(_, bearer)| bearer.trim());
        Some(match bearer {
            Some(token) if state.issuer.is_some() && !Family::Api.has_prefix(token) => {
                Credential::Token(token.to_owned())
            }
            Some(key) => PresentedKey::parse(Family::Api, key).map_or(Credential::Malformed, Credential::Key),
            None => Credential::Malformed,
        })
    }

    /// The digest that identifies it, without disclosing it.
    fn sha256(&self) -> Option<String> {
        match self {
            Credential::Key(key) => Some(key.sha256.clone()),
            Credential::Token(token) => Some(secrets::sha256(token)),
            Credential::Malformed => None,
        }
    }

    /// The actor that it belongs to; `None` when it is not valid.
    async fn holder(self, state: &AppState, client: &Client) -> Result<Option<Actor>> {
        let store = &state.store;
        match self {
            Credential::Key(key) => {
                let today = state.settings.today();
                store.read_as(Class::KeyLookup, client, move |conn| keys::holder(conn, &key, today)).await
            }
            Credential::Token(token) => {
                let Some(issuer) = &state.issuer else { return Ok(None) };
                match issuer.holder(&token).await {
                    Ok(holder) => {
                        let actor = store.read_as(Class::KeyLookup, client, move |conn| holder.into_actor(conn));
                        actor.await.map(Some)
                    }
                    Err(error) if error.problem().status == 401 => Ok(None),
                    Err(error) => Err(error),
                }
            }
            Credential::Malformed => Ok(None),
        }
    }
}

/// The caller; `None` without a key or token. An invalid key or token is rejected for every operation, and counted against
/// the client's address.
async fn authenticate(state: &web::Data<AppState>, request: &ServiceRequest) -> Result<Option<Actor>> {
    let Some(credential) = Credential::read(state, request) else { return Ok(None) };
    let (limits, address) = (&state.limits, peer::of(request.request()));
    let sha256 = credential.sha256();
    limits.check_key_attempt(address, sha256.as_deref())?;
    let (Some(actor), Some(sha256)) =
        (credential.holder(state, &cost::client(request.request(), None)).await?, &sha256)
    else {
        limits.record_invalid_key(address, sha256.as_deref());
        return Err(secrets::invalid());
    };
    if state.revoked.contains(&actor) {
        return Err(secrets::invalid());
    }
    limits.record_valid_key(sha256);
    request.extensions_mut().insert(Caller(actor.clone()));
    limits.count_identity(request.request(), &actor.identity.to_string())?;
    if let Identity::Key(id) = actor.identity {
        state.uses.note(id, Instant::now());
    }
    Ok(Some(actor))
}

/// Whether the query has a valid key for the requested feed. An invalid key, or one sent to another operation, is rejected
/// and counted like any other invalid key.
///
/// A feed key does not create a [`Caller`]: the request has the rights of a reader without a key, except for the feed itself.
async fn authenticate_feed(state: &web::Data<AppState>, request: &ServiceRequest, access: Access) -> Result<bool> {
    let is_feed = access == Access::FeedReaders;
    let Some(text) = feeds::key_in(request.query_string(), is_feed) else { return Ok(false) };
    let (limits, address) = (&state.limits, peer::of(request.request()));
    let presented = PresentedKey::parse(Family::Calendar, &text);
    let sha256 = presented.as_ref().map(|presented| presented.sha256.clone());
    limits.check_key_attempt(address, sha256.as_deref())?;
    let opened = match (presented, feeds::Asked::read(request.path())) {
        (Some(presented), Some(asked)) if is_feed => {
            let (settings, pairings) = (state.settings.clone(), state.catalog.kind(PAIRING)?);
            let client = cost::client(request.request(), None);
            let opened = move |conn: &mut _| asked.opened_by(conn, pairings, &presented, &settings);
            state.store.read_as(Class::KeyLookup, &client, opened).await?
        }
        _ => None,
    };
    let (Some(opening), Some(sha256)) = (opened, &sha256) else {
        limits.record_invalid_key(address, sha256.as_deref());
        return Err(secrets::invalid());
    };
    limits.record_valid_key(sha256);
    request.extensions_mut().insert(FeedKey(opening));
    limits.count_identity(request.request(), &feeds::identity(opening.key))?;
    Ok(true)
}
