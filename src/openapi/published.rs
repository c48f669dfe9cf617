//! The committed document, which the service validates requests against. Building it from the code takes longer than the rest
//! of a start.

/// OpenAPI 3.1 in JSON.
pub const JSON: &str = include_str!("../../openapi/openapi.json");
