//! Where operations are registered: with the server, or in the document.

use std::mem;

use actix_web::dev::HttpServiceFactory;
use actix_web::web;
use utoipa::openapi::path::{Paths, PathsBuilder};
use utoipa_actix_web::OpenApiFactory;

use super::Schemas;

/// Registers operations either with the server or in the document.
///
/// The `ServiceConfig` of utoipa-actix-web does both at once, so that every worker would build the document when it starts.
pub struct ServiceConfig<'a>(Target<'a>);

enum Target<'a> {
    Server(&'a mut web::ServiceConfig),
    Document(&'a mut Entries),
}

/// The entries of operations in the document.
#[derive(Default)]
pub struct Entries {
    pub paths: Paths,
    pub schemas: Schemas,
}

impl Entries {
    /// The entries of the operations that `mount` registers.
    pub fn of(mount: impl FnOnce(&mut ServiceConfig<'_>)) -> Entries {
        let mut entries = Entries::default();
        mount(&mut ServiceConfig(Target::Document(&mut entries)));
        entries
    }

    fn add(&mut self, operation: &impl OpenApiFactory) {
        self.paths.merge(operation.paths());
        operation.schemas(&mut self.schemas);
    }

    /// Adds entries below a prefix of their paths.
    fn add_below(&mut self, prefix: &str, mut entries: Entries) {
        for (path, item) in mem::take(&mut entries.paths.paths) {
            self.paths.merge(PathsBuilder::new().path(format!("{prefix}{path}"), item).build());
        }
        self.schemas.append(&mut entries.schemas);
    }
}

impl ServiceConfig<'_> {
    /// Registers operations with the server.
    pub fn server(config: &mut web::ServiceConfig) -> ServiceConfig<'_> {
        ServiceConfig(Target::Server(config))
    }

    /// Registers an operation.
    pub fn service(&mut self, operation: impl HttpServiceFactory + OpenApiFactory + 'static) -> &mut Self {
        match &mut self.0 {
            Target::Server(config) => {
                config.service(operation);
            }
            Target::Document(entries) => entries.add(&operation),
        }
        self
    }

    /// Registers operations below a prefix of their paths.
    pub fn scope(&mut self, prefix: &str, mount: impl FnOnce(&mut ServiceConfig<'_>)) -> &mut Self {
        match &mut self.0 {
            Target::Server(config) => {
                config.service(web::scope(prefix).configure(|config| mount(&mut ServiceConfig::server(config))));
            }
            Target::Document(entries) => entries.add_below(prefix, Entries::of(mount)),
        }
        self
    }
}
