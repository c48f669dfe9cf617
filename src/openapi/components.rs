//! What all operations share: how a caller says who he is, headers, parameters, and every refusal there is.

use serde_json::{Map, Value, json};

use super::headers;
use crate::error::Result;

/// `*`, or a list of entity tags in which elements may be empty (RFC 9110, sections 5.6.1, 8.8.3 and 13.1.1).
const TAGS: &str = r#"^(\*|((W/)?"[!#-~\u0080-\u00ff]*")?([ \t]*,[ \t]*((W/)?"[!#-~\u0080-\u00ff]*")?)*)$"#;

/// Adds them to the document.
pub fn add(document: &mut Value) -> Result<()> {
    let components = super::finish::object(document, "components")?;
    components.insert(
        "securitySchemes".to_owned(),
        json!({ "bearer": {
        "type": "http", "scheme": "bearer",
        "description": "A key made by `pairing-tracker key create`, or a JWT of the OpenID Connect issuer that the service is set up for. \
            由 `pairing-tracker key create` 创建的密钥，或本服务所配置的 OpenID Connect 签发者的 JWT。",
    } }),
    );
    components.insert("headers".to_owned(), headers::components());
    components.insert("parameters".to_owned(), json!({
        "IfMatch": { "name": "If-Match", "in": "header", "required": true,
            "description": "The ETag that the record was read with, several of them, or `*`. Without it the answer is 428; when none is current, and for weak tags, 412.",
            "schema": { "type": "string", "maxLength": 4000, "pattern": TAGS }, "example": "*" },
        "IfNoneMatch": { "name": "If-None-Match", "in": "header", "required": false,
            "description": "The ETags of answers that the client has, or `*`; 304 when one is current.",
            "schema": { "type": "string", "maxLength": 4000, "pattern": TAGS }, "example": "\"1-5f0c2a9be1d4\"" },
        "IdempotencyKey": { "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "Makes a retry safe: the same key and body get the first answer again for 24 hours; the same key with another body gets 422.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" }, "example": "4f7c1d0e-import-2022-04" },
    }));
    let mut responses = Map::new();
    for (status, code, title) in REFUSALS {
        let errors = if matches!(status, 400 | 422) {
            json!([{ "pointer": "/due_on", "code": "required", "message": "is required" }])
        } else {
            json!([])
        };
        responses.insert(format!("Problem{status}"), json!({
            "description": title,
            "headers": headers::of_refusal(*status),
            "content": { "application/problem+json": {
                "schema": { "$ref": "#/components/schemas/Problem" },
                "example": { "type": format!("urn:pairing-tracker:problem:{code}"), "title": title, "status": status,
                    "detail": null, "code": code, "request_id": "b8c1f0d2a94e4f7c", "errors": errors },
            } },
        }));
    }
    responses.insert(
        "NotModified".to_owned(),
        json!({ "description": "The client has the current answer.", "headers": headers::of_not_modified() }),
    );
    components.insert("responses".to_owned(), Value::Object(responses));
    Ok(())
}

/// Every refusal there is: its status, its usual code, and what it means.
const REFUSALS: &[(u16, &str, &str)] = &[
    (400, "malformed_request", "The request is malformed."),
    (401, "unauthorized", "A valid key is needed."),
    (403, "forbidden", "The key or the token may not do this."),
    (404, "not_found", "There is no such record."),
    (406, "not_acceptable", "None of the media types that Accept names is offered."),
    (408, "timeout", "The request's body took too long."),
    (409, "conflict", "In conflict with what is there."),
    (412, "precondition_failed", "The record has changed since it was read."),
    (413, "too_large", "The request is too large."),
    (414, "uri_too_long", "The request's path and query are too long."),
    (415, "unsupported_media_type", "The media type is not supported."),
    (422, "validation_failed", "The request breaks a rule."),
    (428, "precondition_required", "If-Match is needed."),
    (429, "rate_limited", "Too many requests; Retry-After says when to go on."),
    (431, "head_too_large", "The request's head is too large."),
    (500, "internal_error", "A defect of the service; the log has the rest."),
    (
        503,
        "unavailable",
        "The service cannot serve now. Nothing was written, unless `code` is `outcome_unknown`: then repeat with the same Idempotency-Key, or read first.",
    ),
];
