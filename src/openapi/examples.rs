//! Examples in the document: real requests and answers, made from the seed by the test that keeps them current.

use serde_json::Value;

use crate::error::Result;

/// By operation: `request`, and `responses` by status.
const EXAMPLES: &str = include_str!("examples.json");

/// All examples.
pub fn all() -> Result<Value> {
    Ok(serde_json::from_str(EXAMPLES)?)
}
