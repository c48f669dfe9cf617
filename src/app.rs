//! The application: all routes and middleware. The server and the tests use the same one.

use std::sync::{Arc, LazyLock};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::{App, Error, middleware, web};
use serde_json::Value;

use crate::access::oidc::Issuer;
use crate::access::policy::{Policy, Tag};
use crate::config::Settings;
use crate::db::reference::{Kind, Kinds};
use crate::db::{Conn, Store};
use crate::error::Result;
use crate::http::deprecation::{self, Deprecation};
use crate::http::export::ListWriters;
use crate::http::list::ListCounts;
use crate::http::routes::{Dispatch, ServiceConfig};
use crate::http::{AppState, cors, envelope, format, guard, limits, redirects, tags};
use crate::record::Catalog;
use crate::reports::facts::{FactStore, counts};
use crate::resources::{AnyResource, KEYS, RESOURCES};
use crate::transfer::export::rows::Rows;
use crate::transfer::imports::jobs::Jobs;
use crate::validation::Contract;
use crate::webhooks::target::Targets;
use crate::webhooks::{deliveries, endpoints};
use crate::{calendar, iati, openapi, reports, resources, transfer, web as pages};

/// Registers the operations of the published document.
pub fn operations(config: &mut ServiceConfig) {
    config.scope("/api/v1", |config| {
        resources::mount(config);
        endpoints::Webhooks.mount(config);
        deliveries::api::mount(config);
        transfer::mount(config);
        calendar::api::mount(config);
        iati::api::mount(config);
        reports::mount(config);
    });
    pages::service::mount(config);
}

/// The document, built from the code; [`openapi::published`] is the committed one.
pub fn document() -> Result<Value> {
    document_with(deprecation::TABLE)
}

/// The document with other deprecations.
pub fn document_with(deprecated: &[Deprecation]) -> Result<Value> {
    openapi::assemble(operations, &tags(), deprecated)
}

/// Every resource: those that bundles bring, in their order, then keys and webhooks.
pub fn resources() -> impl Iterator<Item = &'static dyn AnyResource> {
    let webhooks: &dyn AnyResource = &endpoints::Webhooks;
    RESOURCES.iter().chain(KEYS).copied().chain([webhooks])
}

/// The tags of the document, with who may use their operations.
pub fn tags() -> Vec<Tag> {
    let others = [
        transfer::imports::TAG,
        transfer::export::TAG,
        reports::TAG,
        calendar::TAG,
        resources::audit_events::TAG,
        resources::refusals::TAG,
        pages::service::TAG,
    ];
    resources().map(|resource| resource.tag()).chain(others).collect()
}

/// All kinds of records: those of imports, in the order of import, then keys and webhooks.
pub fn kinds() -> Kinds {
    static ALL: LazyLock<Vec<&'static Kind>> = LazyLock::new(|| resources().map(|resource| resource.kind()).collect());
    &ALL
}

/// The published schemas and the kinds of all resources.
pub fn catalog() -> Result<Catalog> {
    Ok(Catalog { contract: Contract::new(openapi::published::JSON)?, kinds: kinds() })
}

/// The initial state: that of the HTTP layer, and of the modules above it.
pub fn state(store: Store, catalog: Arc<Catalog>, settings: Settings, issuer: Option<Issuer>) -> Result<AppState> {
    let targets = Targets::new(settings.webhook_networks.clone());
    let policy = Policy::new(catalog.contract.document(), &tags(), pages::PAGES)?;
    let facts = FactStore::new(&store, catalog.kinds);
    let mut state = AppState::new(store, catalog, settings, issuer, policy)?;
    state.parts.insert(Jobs::default());
    state.parts.insert(facts);
    let facts = state.parts.get::<FactStore>()?;
    let count =
        move |conn: &mut Conn, kind: &Kind, filter: &Value, view| counts::of_list(&facts, conn, kind, filter, view);
    state.parts.insert(ListCounts(Box::new(count)));
    state.parts.insert(targets);
    state.parts.insert(ListWriters(Rows::writer));
    Ok(state)
}

/// Builds the application with a state.
pub fn app(
    state: web::Data<AppState>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    let cors = cors::middleware(&state.settings.cors_origins);
    App::new()
        .app_data(state)
        .configure(pages::mount)
        .default_service(Dispatch::new(ServiceConfig::collect(operations)))
        // The last middleware runs first. The envelope is outermost, so that it renders the errors of the others. CORS is
        // outside the limits, so that pages of other origins can read a 429. The limits are outside the authorization, so that
        // keys are looked up only for requests within the limits.
        .wrap(middleware::from_fn(guard::authorize))
        .wrap(middleware::from_fn(format::by_suffix))
        .wrap(middleware::from_fn(redirects::redirect))
        .wrap(middleware::Compress::default())
        .wrap(middleware::from_fn(tags::of_compressed))
        .wrap(middleware::from_fn(limits::enforce))
        .wrap(cors)
        .wrap(middleware::from_fn(envelope::wrap))
}
