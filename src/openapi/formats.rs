//! What answers can be had in besides JSON: said here of all lists, once.

use serde_json::{Map, Value, json};

use crate::http::format::{Format, OF_BUNDLES, OF_LISTS};
use crate::model::text::NO_NUL;
use crate::resources::{self, Form};

/// No bundle has more records of a kind; there is no other limit to them.
const RECORDS_MAX: u64 = 1_000_000_000;

/// Adds the files that a list can be had as to the answer that has a page of it.
pub fn offer(response: &mut Value) {
    for format in OF_LISTS.iter().filter(|format| **format != Format::Json) {
        response["content"][format.media_type()] = json!({ "schema": binary() });
    }
}

/// Adds what a bundle can be had as.
pub fn offer_bundle(response: &mut Value) {
    for format in OF_BUNDLES {
        let schema = match format {
            Format::Json => json!({ "$ref": "#/components/schemas/Bundle" }),
            _ => binary(),
        };
        response["content"][format.media_type()] = json!({ "schema": schema });
    }
}

/// The component of a bundle: of each kind, in the order in which they are brought in, the records as they are created.
pub fn bundle() -> Value {
    let of_kind = |form: Form| {
        let zh = form.sheet.zh;
        let schema = json!({
            "type": "array",
            "items": { "$ref": format!("#/components/schemas/{}", form.new) },
            "maxItems": RECORDS_MAX,
            "description": format!("The {}, in the order of their codes; absent where there is none. {zh}。", form.kind.path),
        });
        (form.kind.path.to_owned(), schema)
    };
    let properties: Map<String, Value> = resources::forms().into_iter().map(of_kind).collect();
    json!({
        "type": "object",
        "description": "Records in the shape that imports read. Personal data that the caller may not see is left out.",
        "properties": properties,
    })
}

/// Whether an operation answers in several formats, so that a client may take none of them.
pub fn are_offered(operation: &Value, has_pages: bool) -> bool {
    has_pages || operation["operationId"] == "getBundle"
}

/// The schema of one server-sent event, of which a stream has any number: its fields, as a client for them reads them.
pub fn server_sent_event() -> Value {
    json!({
        "type": "object",
        "description": "One event of the stream.",
        "properties": {
            "id": { "type": "string", "description": "Its number, for `Last-Event-ID`.", "maxLength": 19,
                "pattern": "^[0-9]+$" },
            "data": { "type": "string", "description": "The event as the list has it, in JSON.", "maxLength": 10_000_000,
                "pattern": NO_NUL },
        },
    })
}

/// The schema of a file: bytes to be kept as they come, text or not.
pub fn binary() -> Value {
    json!({ "type": "string", "format": "binary" })
}
