//! The headers of answers: what each is, said once, and which answers have which.
//!
//! One that is `required` is there in every answer that lists it; the tests hold all answers to that, and to having no
//! others.

use serde_json::{Value, json};

use crate::http::API_CATALOG_PATH;
use crate::http::coding;
use crate::http::format::Format;
use crate::http::limits::UNLIMITED;

/// An entity tag (RFC 9110, section 8.8.3).
const TAG: &str = "^(W/)?\"[!#-~]*\"$";
/// Links (RFC 8288): their targets in angle brackets, and what they are.
const LINKS: &str = "^<[!-~]+>; rel=\"";
/// What is visible, and spaces: the characters of structured fields (RFC 9651).
const VISIBLE: &str = "^[ -~]+$";

/// Every header of an answer.
pub fn components() -> Value {
    let header = |required: bool, pattern: &str, description: &str, example: &str| {
        json!({ "description": description, "required": required,
            "schema": { "type": "string", "maxLength": 4000, "pattern": pattern }, "example": example })
    };
    json!({
        "ETag": header(true, TAG, "Version and digest of the answer, for If-Match and If-None-Match.", "\"1-5f0c2a9be1d4\""),
        "PageETag": header(false, TAG, "Digest of a page, for If-None-Match; a file has none.", "\"5f0c2a9be1d4a3b7\""),
        "Location": header(true, "^/[!-~]+$", "Where the new record is.", "/api/v1/agreements/4"),
        "Link": header(
            false,
            LINKS,
            "Links of the answer (RFC 8288): `next`, where a list goes on, and `deprecation`, where what was asked for is on its \
             way out.",
            "</api/v1/agreements?limit=20&cursor=eyJ>; rel=\"next\"",
        ),
        "CatalogLink": header(
            true,
            LINKS,
            "Names this document as the catalog of APIs (RFC 9727, 2).",
            "</.well-known/api-catalog>; rel=\"api-catalog\"",
        ),
        "ContentDisposition": header(
            true,
            VISIBLE,
            "The file's name to save it by (RFC 6266).",
            "attachment; filename=\"bundle-2022-04-11.yaml\"",
        ),
        "PageContentDisposition": header(
            false,
            VISIBLE,
            "The file's name to save it by (RFC 6266); a page has none.",
            "attachment; filename=\"milestones-2022-04-11.csv\"",
        ),
        "Deprecation": header(
            false,
            "^@-?[0-9]+$",
            "Since when what was asked for is deprecated (RFC 9745): seconds since 1970. Absent from everything else.",
            "@1688169599",
        ),
        "Sunset": header(
            false,
            VISIBLE,
            "From when on what is deprecated may be gone (RFC 8594).",
            "Sun, 30 Jun 2024 23:59:59 GMT",
        ),
        "XRequestId": header(true, "^[!-~]+$", "Names the request in the service's log and history.", "b8c1f0d2a94e4f7c"),
        "IdempotentReplayed": { "description": "`true` when this is the first answer again.",
            "schema": { "type": "string", "enum": ["true"] }, "example": "true" },
        "RetryAfter": { "description": "Seconds after which to try again.", "required": true,
            "schema": { "type": "integer", "format": "int32", "minimum": 0, "maximum": 3600 }, "example": 1 },
        "RateLimitPolicy": header(
            false,
            VISIBLE,
            "Requests that an address and a key may make (`q`) in a window of seconds (`w`), where they are limited.",
            "\"address\";q=6000;w=60, \"key\";q=6000;w=60",
        ),
        "RateLimit": header(
            false,
            VISIBLE,
            "Requests that are left of each quota (`r`), and seconds until it is whole again, or, when none is left, until \
             the next (`t`).",
            "\"address\";r=5999;t=1, \"key\";r=5998;t=1",
        ),
        "AcceptEncoding": header(
            false,
            VISIBLE,
            "The content codings that are accepted; only where the one of the request is not (RFC 9110, 15.5.16).",
            coding::ACCEPTED,
        ),
        "WwwAuthenticate": header(true, VISIBLE, "How to authenticate.", "Bearer realm=\"pairing-tracker\""),
    })
}

fn refer(component: &str) -> Value {
    json!({ "$ref": format!("#/components/headers/{component}") })
}

/// Those of every answer that counts against the limits.
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

/// Those of a refusal.
pub fn of_refusal(status: u16) -> Value {
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

/// Those of word that the client has the answer.
pub fn of_not_modified() -> Value {
    let mut headers = of_all();
    headers["ETag"] = refer("ETag");
    headers
}

/// Whether an answer is a file that is made anew each time: it has no tag, and is never told to be current.
pub fn is_made_file(has_pages: bool, response: &Value) -> bool {
    !has_pages && response["content"].get(Format::Xlsx.media_type()).is_some()
}

/// Those of success; the answer's content as its handler has it, without the files that every list can be had as.
pub fn of_success(path: &str, method: &str, status: &str, has_pages: bool, response: &Value) -> Value {
    if UNLIMITED.contains(&path) {
        return json!({ "X-Request-Id": refer("XRequestId") });
    }
    let mut headers = of_all();
    if path == API_CATALOG_PATH {
        headers["Link"] = refer("CatalogLink");
        return headers;
    }
    let is_made_file = is_made_file(has_pages, response);
    if has_pages {
        headers["ETag"] = refer("PageETag");
        headers["Content-Disposition"] = refer("PageContentDisposition");
    } else if status != "204" && !is_made_file {
        headers["ETag"] = refer("ETag");
    }
    if is_made_file || response["content"].get("application/octet-stream").is_some() {
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
