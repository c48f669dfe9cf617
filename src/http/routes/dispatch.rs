//! Dispatches requests to operations.
//!
//! The router of actix-web compiles a regular expression for each path with a parameter, in every worker, and tries the patterns
//! one after the other. Here, the segments of a path lead to its operation, and one expression captures the only parameter.

use std::future::ready;
use std::sync::LazyLock;

use actix_service::{Service, ServiceFactory, always_ready};
use actix_web::dev::{ResourceDef, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::{Error, HttpResponse, Route, web};
use futures_core::future::LocalBoxFuture;

use super::Operation;
use crate::http::{AppState, envelope};
use crate::model::path_tree::PathTree;

/// The parameter of all paths that have one, at the beginning of the rest of a path.
static PARAMETER: LazyLock<ResourceDef> = LazyLock::new(|| ResourceDef::prefix("/{ref}"));

/// Creates a [`Dispatcher`] for each worker.
pub struct Dispatch(Vec<Operation>);

/// Serves a request by the operation of its path and method; responds 404 or 405 if there is none.
pub struct Dispatcher(PathTree<Vec<Target>>);

struct Target {
    method: Method,
    /// The length of the path before its parameter.
    before_parameter: Option<u16>,
    service: <Route as ServiceFactory<ServiceRequest>>::Service,
}

impl Dispatch {
    pub fn new(operations: Vec<Operation>) -> Dispatch {
        Dispatch(operations)
    }
}

impl ServiceFactory<ServiceRequest> for Dispatch {
    type Response = ServiceResponse;
    type Error = Error;
    type Config = ();
    type Service = Dispatcher;
    type InitError = ();
    type Future = LocalBoxFuture<'static, Result<Dispatcher, ()>>;

    fn new_service(&self, (): ()) -> Self::Future {
        let parts = |operation: &Operation| {
            (operation.path().to_owned(), operation.method(), operation.route().new_service(()))
        };
        let routes: Vec<_> = self.0.iter().map(parts).collect();
        Box::pin(async move {
            let mut targets = PathTree::<Vec<Target>>::default();
            for (path, method, service) in routes {
                let before_parameter = path.find("/{").and_then(|at| u16::try_from(at).ok());
                let target = Target { method, before_parameter, service: service.await? };
                targets.entry(&path).get_or_insert_default().push(target);
            }
            Ok(Dispatcher(targets))
        })
    }
}

impl Service<ServiceRequest> for Dispatcher {
    type Response = ServiceResponse;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<ServiceResponse, Error>>;

    always_ready!();

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let targets = self.0.find(request.path()).map_or(&[][..], Vec::as_slice);
        let Some(target) = targets.iter().find(|target| target.method == *request.method()) else {
            return Box::pin(ready(Ok(not_found(request))));
        };
        if let Some(length) = target.before_parameter {
            request.match_info_mut().skip(length);
            PARAMETER.capture_match_info(&mut request);
        }
        target.service.call(request)
    }
}

fn not_found(request: ServiceRequest) -> ServiceResponse {
    let response = match request.app_data::<web::Data<AppState>>() {
        Some(state) => HttpResponse::from_error(envelope::no_route(&state.catalog.contract, request.path())),
        None => HttpResponse::NotFound().finish(),
    };
    request.into_response(response)
}
