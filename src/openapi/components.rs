//! The shared components of the document: security schemes, headers, parameters and error responses.

use serde_json::{Map, Value, json};

use super::headers;
use crate::error::Result;

/// `*`, or a list of entity tags in which elements may be empty (RFC 9110, sections 5.6.1, 8.8.3 and 13.1.1).
const TAGS: &str = r#"^(\*|((W/)?"[!#-~\u0080-\u00ff]*")?([ \t]*,[ \t]*((W/)?"[!#-~\u0080-\u00ff]*")?)*)$"#;

/// Adds the components to the document.
pub fn add(document: &mut Value) -> Result<()> {
    let components = super::finish::object(document, "components")?;
    components.insert(
        "securitySchemes".to_owned(),
        json!({ "bearer": {
        "type": "http", "scheme": "bearer",
        "description": "A key created by `pairing-tracker key create`, or a JWT of the configured OpenID Connect issuer. \
            使用 `pairing-tracker key create` 创建的密钥，或本服务所配置的 OpenID Connect 签发方签发的 JWT。",
    } }),
    );
    components.insert("headers".to_owned(), headers::components());
    components.insert("parameters".to_owned(), json!({
        "IfMatch": { "name": "If-Match", "in": "header", "required": true,
            "description": "The ETag of the last read of the record, a list of ETags, or `*` for any version. 428 when the header is missing; 412 when no ETag is current. Weak tags never match.",
            "schema": { "type": "string", "maxLength": 4000, "pattern": TAGS }, "example": "*" },
        "IfNoneMatch": { "name": "If-None-Match", "in": "header", "required": false,
            "description": "The ETags of cached responses, or `*`; 304 when one of them is current.",
            "schema": { "type": "string", "maxLength": 4000, "pattern": TAGS }, "example": "\"1-5f0c2a9be1d4\"" },
        "IdempotencyKey": { "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "Unique key that makes retries safe. For 24 hours, a request with the same key and body returns the first response; the same key with another body returns 422.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" }, "example": "4f7c1d0e-import-2022-04" },
    }));
    let mut responses = Map::new();
    for (status, code, title) in ERRORS {
        let errors = if matches!(status, 400 | 422) {
            json!([{ "pointer": "/due_on", "code": "required", "message": "is required" }])
        } else {
            json!([])
        };
        responses.insert(format!("Problem{status}"), json!({
            "description": title,
            "headers": headers::of_error(*status),
            "content": { "application/problem+json": {
                "schema": { "$ref": "#/components/schemas/Problem" },
                "example": { "type": format!("urn:pairing-tracker:problem:{code}"), "title": title, "status": status,
                    "detail": null, "code": code, "request_id": "b8c1f0d2a94e4f7c", "errors": errors },
            } },
        }));
    }
    responses.insert(
        "NotModified".to_owned(),
        json!({ "description": "The cached response is current.", "headers": headers::of_not_modified() }),
    );
    components.insert("responses".to_owned(), Value::Object(responses));
    Ok(())
}

/// The error responses: status, usual code and description.
const ERRORS: &[(u16, &str, &str)] = &[
    (400, "malformed_request", "The request is malformed."),
    (401, "unauthorized", "A valid key or token is required."),
    (403, "forbidden", "The key or token does not permit this operation."),
    (404, "not_found", "The record does not exist."),
    (406, "not_acceptable", "None of the media types in Accept is available."),
    (408, "timeout", "The request body took too long to arrive."),
    (409, "conflict", "The request conflicts with existing data."),
    (412, "precondition_failed", "The record has changed since it was read."),
    (413, "too_large", "The request is too large."),
    (414, "uri_too_long", "The path and query of the request are too long."),
    (415, "unsupported_media_type", "The media type is not supported."),
    (422, "validation_failed", "The request breaks a rule."),
    (428, "precondition_required", "If-Match is required."),
    (429, "rate_limited", "Too many requests. Retry after the time in Retry-After."),
    (431, "head_too_large", "The request head is too large."),
    (500, "internal_error", "An internal error. The log has the details, under the request id."),
    (
        503,
        "unavailable",
        "The service is temporarily unavailable. Nothing was written, unless `code` is `outcome_unknown`: in that case, repeat the request with the same Idempotency-Key, or read the record first.",
    ),
];
