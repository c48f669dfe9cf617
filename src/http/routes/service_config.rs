//! Collects the operations of all modules, for the server and for the document.

use utoipa::openapi::path::{Paths, PathsBuilder};

use super::{Operation, Schemas};

/// Collects operations, which modules register in their `mount`.
///
/// The `ServiceConfig` of utoipa-actix-web registers operations with the server and in a document at once, so that every worker
/// would build the document when it starts.
#[derive(Default)]
pub struct ServiceConfig {
    prefix: &'static str,
    operations: Vec<Operation>,
}

impl ServiceConfig {
    /// The operations that `mount` registers.
    pub fn collect(mount: impl FnOnce(&mut ServiceConfig)) -> Vec<Operation> {
        let mut config = ServiceConfig::default();
        mount(&mut config);
        config.operations
    }

    /// Registers an operation.
    pub fn service(&mut self, operation: Operation) -> &mut Self {
        self.operations.push(operation.below(self.prefix));
        self
    }

    /// Registers operations below a prefix of their paths.
    pub fn scope(&mut self, prefix: &'static str, mount: impl FnOnce(&mut ServiceConfig)) -> &mut Self {
        let outer = std::mem::replace(&mut self.prefix, prefix);
        mount(self);
        self.prefix = outer;
        self
    }
}

/// The entries of operations in the document, with the components that they refer to.
pub fn entries(operations: &[Operation]) -> (Paths, Schemas) {
    let (mut paths, mut schemas) = (Paths::default(), Schemas::new());
    for operation in operations {
        let item = operation.entry(&mut schemas);
        paths.merge(PathsBuilder::new().path(operation.path(), item).build());
    }
    (paths, schemas)
}
