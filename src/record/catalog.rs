//! The published schemas and the kinds of all resources.

use crate::db::reference::{Kind, Kinds};
use crate::error::{Error, Result};
use crate::validation::Contract;

/// The published schemas and every kind of record. Built once, by the application.
pub struct Catalog {
    /// Validates bodies against the published schemas.
    pub contract: Contract,
    /// Every kind, in the order in which imports apply them: a kind comes after those that it refers to.
    pub kinds: Kinds,
}

impl Catalog {
    /// Returns the kind with this name, which audit events and references use.
    pub fn kind(&self, name: &str) -> Result<&'static Kind> {
        let kind = self.kinds.iter().copied().find(|kind| kind.name == name);
        kind.ok_or_else(|| Error::unexpected(format!("no kind of record is named {name}")))
    }
}
