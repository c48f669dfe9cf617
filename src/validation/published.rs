//! The committed document, for unit tests of modules below the one that assembles it.

use super::Contract;

pub const PUBLISHED: &str = include_str!("../../openapi/openapi.json");

pub fn published() -> Contract {
    Contract::new(PUBLISHED).unwrap()
}
