//! The door: every request is told apart, authenticated and admitted here, before any handler runs.

use std::sync::Arc;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use sha2::{Digest, Sha256};

use super::{AppState, cost, envelope, peer};
use crate::access::policy::{Access, Policy};
use crate::access::{Actor, Identity, feeds, keys};
use crate::db::{Class, Client};
use crate::error::{Error, Result};
use crate::model::hex;
use crate::model::types::Instant;

/// That a request was admitted, and to what; there is no [`super::Call`] without it.
#[derive(Clone)]
pub struct Admitted {
    /// The operation's id; for a page its route.
    pub operation: Arc<str>,
    /// What its reads cost, whatever is asked of it.
    pub class: Class,
}

/// The pattern that a request's path fits; found once, as many are tried for it.
struct Route(String);

/// The pattern that a request's path fits, if it fits any.
pub fn route_of(request: &HttpRequest) -> Option<String> {
    let found = request.extensions().get::<Route>().map(|route| route.0.clone());
    found.or_else(|| request.match_pattern())
}

/// The key of a feed that was shown.
#[derive(Clone, Copy)]
pub struct FeedKey(pub feeds::Opening);

/// Who calls, where a good key was shown; whether admitted or not.
#[derive(Clone)]
pub struct Caller(pub Actor);

/// The middleware right before the routes.
pub async fn admit(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    match decide(&request).await {
        Ok(()) => Ok(next.call(request).await?.map_into_boxed_body()),
        Err(error) => Ok(request.into_response(HttpResponse::from_error(error))),
    }
}

async fn decide(request: &ServiceRequest) -> Result<()> {
    let Some(state) = request.app_data::<web::Data<AppState>>() else {
        return Err(Error::unexpected("the service has no state"));
    };
    let route = request.match_pattern().unwrap_or_default();
    let permission = state.policy.permission(request.method().as_str(), &route);
    if !route.is_empty() {
        request.extensions_mut().insert(Route(route));
    }
    let Some(permission) = permission else {
        // Nothing is meant to answer this, whatever may be mounted there.
        return Err(envelope::no_route(&state.catalog.contract, request.path()));
    };
    if permission.access != Access::Public {
        let actor = authenticate(state, request).await?;
        let opens_feed = judge_feed_key(state, request, permission.access).await?;
        Policy::authorize(permission.access, state.settings.private, actor.as_ref(), opens_feed)?;
    }
    request.extensions_mut().insert(Admitted { operation: permission.operation.clone(), class: permission.reads });
    Ok(())
}

/// What a request shows of who calls.
enum Shown {
    Key(keys::Shown),
    /// A token of the issuer, as far as is known.
    Token(String),
    /// What can be neither.
    Neither,
}

impl Shown {
    fn read(state: &AppState, request: &ServiceRequest) -> Option<Shown> {
        let mut headers = request.headers().get_all(header::AUTHORIZATION);
        let first = headers.next()?;
        let bearer = first
            .to_str()
            .ok()
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer") && headers.next().is_none())
            .map(|(_, bearer)| bearer.trim());
        Some(match bearer {
            Some(token) if state.issuer.is_some() && !token.starts_with(keys::PREFIX) => Shown::Token(token.to_owned()),
            Some(key) => keys::Shown::read(key).map_or(Shown::Neither, Shown::Key),
            None => Shown::Neither,
        })
    }

    /// What it is known by without being told on.
    fn sha256(&self) -> Option<String> {
        match self {
            Shown::Key(key) => Some(key.sha256.clone()),
            Shown::Token(token) => Some(hex(&Sha256::digest(token))),
            Shown::Neither => None,
        }
    }

    /// Who holds it; `None` where it is not good.
    async fn holder(self, state: &AppState, client: &Client) -> Result<Option<Actor>> {
        let store = &state.store;
        match self {
            Shown::Key(key) => {
                let today = state.settings.today();
                store.read_as(Class::KeyLookup, client, move |conn| key.holder(conn, today)).await
            }
            Shown::Token(token) => {
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
            Shown::Neither => Ok(None),
        }
    }
}

/// Who calls; `None` without a key or token. One that is not good is refused wherever it is shown, and counted against the
/// address that shows it.
async fn authenticate(state: &web::Data<AppState>, request: &ServiceRequest) -> Result<Option<Actor>> {
    let Some(shown) = Shown::read(state, request) else { return Ok(None) };
    let (limits, address) = (&state.limits, peer::of(request.request()));
    let sha256 = shown.sha256();
    limits.may_try(address, sha256.as_deref())?;
    let (Some(actor), Some(sha256)) = (shown.holder(state, &cost::client(request.request(), None)).await?, &sha256)
    else {
        limits.wrong_key(address, sha256.as_deref());
        return Err(keys::not_good());
    };
    if state.revoked.contains(&actor) {
        return Err(keys::not_good());
    }
    limits.good_key(sha256);
    request.extensions_mut().insert(Caller(actor.clone()));
    limits.count_identity(request.request(), &actor.identity.to_string())?;
    if let Identity::Key(id) = actor.identity {
        state.uses.note(id, Instant::now());
    }
    Ok(Some(actor))
}

/// Whether the query holds a key of the very feed that is asked for. One that is not good, or is shown elsewhere, is refused
/// and counted like any other wrong key.
///
/// It makes nobody a [`Caller`]: who shows it is no more than a reader without a key, so that it opens nothing beyond what
/// the table has for feeds.
async fn judge_feed_key(state: &web::Data<AppState>, request: &ServiceRequest, access: Access) -> Result<bool> {
    let is_feed = access == Access::FeedReaders;
    let Some(text) = feeds::key_in(request.query_string(), is_feed) else { return Ok(false) };
    let (limits, address) = (&state.limits, peer::of(request.request()));
    let shown = keys::Shown::read_with(feeds::PREFIX, &text);
    let sha256 = shown.as_ref().map(|shown| shown.sha256.clone());
    limits.may_try(address, sha256.as_deref())?;
    let opened = match (shown, feeds::Asked::read(request.path())) {
        (Some(shown), Some(asked)) if is_feed => {
            let (settings, pairings) = (state.settings.clone(), state.catalog.kind("pairing")?);
            let client = cost::client(request.request(), None);
            let opened = move |conn: &mut _| asked.opened_by(conn, pairings, &shown, &settings);
            state.store.read_as(Class::KeyLookup, &client, opened).await?
        }
        _ => None,
    };
    let (Some(opening), Some(sha256)) = (opened, &sha256) else {
        limits.wrong_key(address, sha256.as_deref());
        return Err(keys::not_good());
    };
    limits.good_key(sha256);
    request.extensions_mut().insert(FeedKey(opening));
    limits.count_identity(request.request(), &feeds::identity(opening.key))?;
    Ok(true)
}
