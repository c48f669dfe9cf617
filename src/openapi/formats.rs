//! The formats of responses besides JSON.

use serde_json::{Map, Value, json};

use crate::http::format::{Format, OF_BUNDLES, OF_LISTS};
use crate::model::text::NO_NUL;
use crate::resources::{self, Form};

/// The maximum number of records of a kind in the schema of a bundle; imports and exports have no limit.
const RECORDS_MAX: u64 = 1_000_000_000;

/// Adds the file formats of a list to its response.
pub fn offer(response: &mut Value) {
    for format in OF_LISTS.iter().filter(|format| **format != Format::Json) {
        response["content"][format.media_type()] = json!({ "schema": binary() });
    }
}

/// Adds the formats of a bundle to its response.
pub fn offer_bundle(response: &mut Value) {
    for format in OF_BUNDLES {
        let schema = match format {
            Format::Json => json!({ "$ref": "#/components/schemas/Bundle" }),
            _ => binary(),
        };
        response["content"][format.media_type()] = json!({ "schema": schema });
    }
}

/// The schema of a bundle: the records of each kind in the shape of a creation, in the order of import.
pub fn bundle() -> Value {
    let of_kind = |form: Form| {
        let zh = form.sheet.zh;
        let schema = json!({
            "type": "array",
            "items": { "$ref": format!("#/components/schemas/{}", form.new) },
            "maxItems": RECORDS_MAX,
            "description": format!("The {}, sorted by code; absent when there are none. {zh}。", form.kind.path),
        });
        (form.kind.path.to_owned(), schema)
    };
    let properties: Map<String, Value> = resources::forms().into_iter().map(of_kind).collect();
    json!({
        "type": "object",
        "description": "Records in the format of imports. Personal data that the caller may not see is omitted.",
        "properties": properties,
    })
}

/// Whether an operation has several formats, so that it can respond 406.
pub fn are_offered(operation: &Value, has_pages: bool) -> bool {
    has_pages || operation["operationId"] == "getBundle"
}

/// The schema of a server-sent event.
pub fn server_sent_event() -> Value {
    json!({
        "type": "object",
        "description": "One event of the stream.",
        "properties": {
            "id": { "type": "string", "description": "Identifier of the event, for `Last-Event-ID`.", "maxLength": 19,
                "pattern": "^[0-9]+$" },
            "data": { "type": "string", "description": "The event in JSON, as in the list.", "maxLength": 10_000_000,
                "pattern": NO_NUL },
        },
    })
}

/// The schema of a file.
pub fn binary() -> Value {
    json!({ "type": "string", "format": "binary" })
}
