//! The door: every request is told apart, authenticated and admitted here, before any handler runs.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpResponse, web};

use super::{AppState, envelope};
use crate::access::keys::{self, Shown};
use crate::access::policy::{Policy, Who};
use crate::access::{Actor, Identity};
use crate::db::types::Instant;
use crate::error::{Error, Result};

/// Who was admitted; a handler without it answers nothing.
#[derive(Clone)]
pub struct Admitted {
    /// The operation's id; for a page its route.
    pub operation: String,
}

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
    let Some(asked) = state.policy.asked(request.method().as_str(), &route) else {
        // Nothing is meant to answer this, whatever may be mounted there.
        return Err(envelope::no_route(&state.contract, request.path()));
    };
    if asked.who != Who::Anyone {
        let actor = authenticate(state, request).await?;
        let admitted = Policy::admit(asked.who, state.settings.private, actor.as_ref());
        if let Some(actor) = actor {
            request.extensions_mut().insert(Caller(actor));
        }
        admitted?;
    }
    request.extensions_mut().insert(Admitted { operation: asked.operation.to_owned() });
    Ok(())
}

/// Who calls; `None` without a key or token. One that is not good is refused wherever it is shown.
async fn authenticate(state: &web::Data<AppState>, request: &ServiceRequest) -> Result<Option<Actor>> {
    let mut headers = request.headers().get_all(header::AUTHORIZATION);
    let Some(value) = headers.next() else { return Ok(None) };
    if headers.next().is_some() {
        return Err(keys::not_good());
    }
    let bearer = value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, bearer)| bearer.trim())
        .ok_or_else(keys::not_good)?;
    if let Some(issuer) = state.issuer.as_ref().filter(|_| !bearer.starts_with(keys::PREFIX)) {
        let holder = issuer.holder(bearer).await?;
        return state.store.read(move |conn| holder.into_actor(conn)).await.map(Some);
    }
    let shown = Shown::read(bearer).ok_or_else(keys::not_good)?;
    let today = state.settings.today();
    let actor = state.store.read(move |conn| shown.holder(conn, today)).await?.ok_or_else(keys::not_good)?;
    if let Identity::Key(id) = actor.identity {
        state.uses.note(id, Instant::now());
    }
    Ok(Some(actor))
}
