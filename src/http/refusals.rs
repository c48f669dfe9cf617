//! Records requests that authentication or authorization rejected.

use actix_web::{HttpMessage, HttpRequest, web};

use super::guard::{self, Caller};
use super::{AppState, limits, peer};
use crate::audit::refusals::Refusal;
use crate::error::Problem;

/// Records a request rejected with 401 or 403, or with 429 after too many invalid keys; ignores any other problem.
pub fn record(request: &HttpRequest, problem: &Problem, request_id: &str) {
    let Some(state) = request.app_data::<web::Data<AppState>>() else { return };
    if !matches!(problem.status, 401 | 403) && problem.code != limits::TOO_MANY_ATTEMPTS {
        return;
    }
    let caller =
        request.extensions().get::<Caller>().map(|Caller(actor)| (actor.name.clone(), actor.identity.to_string()));
    let method = request.method().as_str();
    let operation = guard::route_of(request).and_then(|pattern| {
        let operation = state.catalog.contract.operation(method, &pattern).ok()?;
        Some(operation.to_owned())
    });
    state.metrics.refusals.inc();
    state.refusals.note(Refusal {
        network: peer::of(request).map(|address| peer::network(address).to_string()),
        actor: caller,
        operation,
        method: method.to_owned(),
        path: request.path().to_owned(),
        status: problem.status,
        code: problem.code,
        request_id: request_id.to_owned(),
    });
}
