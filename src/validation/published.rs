//! The schemas of the committed document, for unit tests of modules below the one that assembles it.

use super::Contract;

pub fn published() -> Contract {
    Contract::new(serde_json::from_str(include_str!("../../openapi/openapi.json")).unwrap())
}
