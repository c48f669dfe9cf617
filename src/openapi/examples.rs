//! Examples of the document: real requests and responses, generated from the seed data by a test.

use serde_json::Value;

use crate::error::Result;

/// `request` and `responses` by status, for each operation.
const EXAMPLES: &str = include_str!("examples.json");

/// All examples.
pub fn all() -> Result<Value> {
    Ok(serde_json::from_str(EXAMPLES)?)
}
