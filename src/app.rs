//! The application: every route, and what is around all of them. The server and the tests use the very same one.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::{App, Error, middleware, web};
use utoipa_actix_web::AppExt;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::http::{AppState, cors, envelope, format, guard, limits, tags};
use crate::{reports, resources, transfer, web as pages};

/// The operations of the published document.
pub fn operations(config: &mut ServiceConfig<'_>) {
    config.service(
        utoipa_actix_web::scope("/api/v1")
            .configure(resources::mount)
            .configure(transfer::mount)
            .configure(reports::mount),
    );
    pages::service::mount(config);
}

/// The application over a state.
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
    let (app, _) = App::new().into_utoipa_app().configure(operations).split_for_parts();
    app.app_data(state)
        .configure(pages::mount)
        .default_service(web::route().to(envelope::unmounted))
        // The last to be wrapped is the first to run: the envelope dresses what the others refuse, a page of another origin
        // may read that it asks too often, and nobody is looked for in the database before he is within the limits.
        .wrap(middleware::from_fn(guard::admit))
        .wrap(middleware::from_fn(format::by_suffix))
        .wrap(middleware::Compress::default())
        .wrap(middleware::from_fn(tags::of_compressed))
        .wrap(middleware::from_fn(limits::hold))
        .wrap(cors)
        .wrap(middleware::from_fn(envelope::wrap))
}
