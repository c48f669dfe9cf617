//! The response headers in the document.
//!
//! A `required` header is present in every response that lists it. Tests verify this, and that no response has undocumented
//! headers.

use serde_json::{Value, json};

use crate::http::format::Format;
use crate::http::limits::UNLIMITED;
use crate::http::{API_CATALOG_PATH, coding};

/// An entity tag (RFC 9110, section 8.8.3).
const TAG: &str = "^(W/)?\"[!#-~]*\"$";
/// Links with their relation (RFC 8288).
const LINKS: &str = "^<[!-~]+>; rel=\"";
/// Visible ASCII and spaces, the characters of structured fields (RFC 9651).
const VISIBLE: &str = "^[ -~]+$";

/// The header components.
pub fn components() -> Value {
    let groups = [of_representations(), of_requests()];
    groups.iter().filter_map(Value::as_object).flatten().map(|(name, header)| (name.clone(), header.clone())).collect()
}

/// A header component whose value is a text.
fn text_header(is_required: bool, pattern: &str, description: &str, example: &str) -> Value {
    json!({ "description": description, "required": is_required,
        "schema": { "type": "string", "maxLength": 4000, "pattern": pattern }, "example": example })
}

/// The header components about the returned resource: its version, place, links and file name.
fn of_representations() -> Value {
    json!({
        "ETag": text_header(true, TAG, "Version and digest of the response, for If-Match and If-None-Match.", "\"1-5f0c2a9be1d4\""),
        "PageETag": text_header(false, TAG, "Digest of the page, for If-None-Match; absent for files.", "\"5f0c2a9be1d4a3b7\""),
        "Location": text_header(true, "^/[!-~]+$", "Path of the new record.", "/api/v1/agreements/4"),
        "Link": text_header(
            false,
            LINKS,
            "Links (RFC 8288): `next` to the next page of a list, and `deprecation` to information about a deprecation.",
            "</api/v1/agreements?limit=20&cursor=eyJ>; rel=\"next\"",
        ),
        "CatalogLink": text_header(
            true,
            LINKS,
            "Identifies this document as the API catalog (RFC 9727, section 2).",
            "</.well-known/api-catalog>; rel=\"api-catalog\"",
        ),
        "ContentDisposition": text_header(
            true,
            VISIBLE,
            "Suggested file name (RFC 6266).",
            "attachment; filename=\"bundle-2022-04-11.yaml\"",
        ),
        "PageContentDisposition": text_header(
            false,
            VISIBLE,
            "Suggested file name (RFC 6266); absent for pages.",
            "attachment; filename=\"milestones-2022-04-11.csv\"",
        ),
    })
}

/// The header components about the handling of a request: deprecation, retries, limits and refusals.
fn of_requests() -> Value {
    json!({
        "Deprecation": text_header(
            false,
            "^@-?[0-9]+$",
            "Date of deprecation in seconds since 1970 (RFC 9745); absent when nothing in the request is deprecated.",
            "@1688169599",
        ),
        "Sunset": text_header(
            false,
            VISIBLE,
            "Date from which what is deprecated may be removed (RFC 8594).",
            "Sun, 30 Jun 2024 23:59:59 GMT",
        ),
        "XRequestId": text_header(true, "^[!-~]+$", "Identifier of the request in the service's log and audit log.", "b8c1f0d2a94e4f7c"),
        "IdempotentReplayed": { "description": "`true` when this is the stored response to an earlier request with the same Idempotency-Key.",
            "schema": { "type": "string", "enum": ["true"] }, "example": "true" },
        "RetryAfter": { "description": "Seconds to wait before a retry.", "required": true,
            "schema": { "type": "integer", "format": "int32", "minimum": 0, "maximum": 3600 }, "example": 1 },
        "RateLimitPolicy": text_header(
            false,
            VISIBLE,
            "Requests (`q`) that an address and a key may make in a window of seconds (`w`); absent when they are not limited.",
            "\"address\";q=6000;w=60, \"key\";q=6000;w=60",
        ),
        "RateLimit": text_header(
            false,
            VISIBLE,
            "Remaining requests of each quota (`r`), and seconds until it is full again or, when none remain, until the next \
             request is allowed (`t`).",
            "\"address\";r=5999;t=1, \"key\";r=5998;t=1",
        ),
        "AcceptEncoding": text_header(
            false,
            VISIBLE,
            "Accepted content codings; present when the coding of the request is not accepted (RFC 9110, section 15.5.16).",
            coding::ACCEPTED,
        ),
        "WwwAuthenticate": text_header(true, VISIBLE, "Authentication scheme.", "Bearer realm=\"pairing-tracker\""),
    })
}

fn refer(component: &str) -> Value {
    json!({ "$ref": format!("#/components/headers/{component}") })
}

/// The headers of every response to a rate-limited operation.
fn of_all() -> Value {
    json!({
        "X-Request-Id": refer("XRequestId"),
        "RateLimit": refer("RateLimit"),
        "RateLimit-Policy": refer("RateLimitPolicy"),
        "Deprecation": refer("Deprecation"),
        "Sunset": refer("Sunset"),
        "Link": refer("Link"),
    })
}

/// The headers of an error response.
pub fn of_error(status: u16) -> Value {
    let mut headers = of_all();
    if matches!(status, 429 | 503) {
        headers["Retry-After"] = refer("RetryAfter");
    }
    if status == 415 {
        headers["Accept-Encoding"] = refer("AcceptEncoding");
    }
    if status == 401 {
        headers["WWW-Authenticate"] = refer("WwwAuthenticate");
    }
    headers
}

/// The headers of a 304 response.
pub fn of_not_modified() -> Value {
    let mut headers = of_all();
    headers["ETag"] = refer("ETag");
    headers
}

/// Whether a response is a file generated for each request, which has no entity tag and is never 304.
pub fn is_generated_file(has_pages: bool, response: &Value) -> bool {
    !has_pages && response["content"].get(Format::Xlsx.media_type()).is_some()
}

/// The headers of a successful response; `response` does not contain the file formats of lists yet.
pub fn of_success(path: &str, method: &str, status: &str, has_pages: bool, response: &Value) -> Value {
    if UNLIMITED.contains(&path) {
        return json!({ "X-Request-Id": refer("XRequestId") });
    }
    let mut headers = of_all();
    if path == API_CATALOG_PATH {
        headers["Link"] = refer("CatalogLink");
        return headers;
    }
    let is_generated_file = is_generated_file(has_pages, response);
    if has_pages {
        headers["ETag"] = refer("PageETag");
        headers["Content-Disposition"] = refer("PageContentDisposition");
    } else if status != "204" && !is_generated_file {
        headers["ETag"] = refer("ETag");
    }
    if is_generated_file || response["content"].get("application/octet-stream").is_some() {
        headers["Content-Disposition"] = refer("ContentDisposition");
    }
    if method == "post" {
        if status == "201" {
            headers["Location"] = refer("Location");
        }
        headers["Idempotent-Replayed"] = refer("IdempotentReplayed");
    }
    headers
}
