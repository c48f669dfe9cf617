//! The committed document, which the service serves and validates requests against. Building it from the code takes longer
//! than the rest of a start.

/// OpenAPI 3.1 in JSON.
pub const JSON: &str = include_str!("../../openapi/openapi.json");
/// OpenAPI 3.1 in YAML.
pub const YAML: &str = include_str!("../../openapi/openapi.yaml");
/// OpenAPI 3.0 in JSON.
pub const JSON_3_0: &str = include_str!("../../openapi/openapi-3.0.json");
