//! The documents of OpenAPI 3.1 and 3.0 say the same: each is read by the keywords of its version into plain facts, and the
//! facts are compared.

use std::collections::{BTreeMap, BTreeSet};

use pairing_tracker::openapi::v3_0;
use serde_json::{Value, json};

use crate::common::DOCUMENT;

/// The keywords of a version.
#[derive(Clone, Copy, PartialEq)]
enum Version {
    V3_0,
    V3_1,
}

fn branches(schema: &Value, word: &str) -> Vec<Value> {
    schema[word].as_array().cloned().unwrap_or_default()
}

/// A schema of 3.1 without null, and whether null is allowed: as one of the types, or as a branch.
fn without_null_3_1(mut schema: Value) -> (Value, bool) {
    let mut is_nullable = false;
    if let Some(types) = schema["type"].as_array().cloned() {
        is_nullable = types.contains(&json!("null"));
        let others: Vec<&Value> = types.iter().filter(|name| **name != json!("null")).collect();
        assert_eq!(others.len(), 1, "{schema}");
        schema["type"] = others[0].clone();
    }
    let (nulls, others): (Vec<Value>, Vec<Value>) =
        branches(&schema, "oneOf").into_iter().partition(|branch| branch["type"] == "null");
    if !nulls.is_empty() {
        is_nullable = true;
        assert_eq!(others.len(), 1, "{schema}");
        schema = others[0].clone();
    }
    (schema, is_nullable)
}

/// A schema of 3.0 without its `allOf` around a reference, and whether null is allowed.
fn without_null_3_0(mut schema: Value) -> (Value, bool) {
    let is_nullable = schema["nullable"] == true;
    assert!(!schema["type"].is_array() && schema["type"] != "null", "3.0 has one type, never null: {schema}");
    assert!(schema["examples"].is_null() && schema["const"].is_null(), "3.0 does not know these: {schema}");
    if schema["$ref"].is_string() {
        assert_eq!(schema.as_object().map(|fields| fields.len()), Some(1), "nothing beside a $ref: {schema}");
    }
    if let [only] = branches(&schema, "allOf").as_slice() {
        schema = only.clone();
    }
    (schema, is_nullable)
}

/// The keywords that are the same in both versions.
const PLAIN: [&str; 13] = [
    "$ref",
    "type",
    "format",
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "default",
    "writeOnly",
];

/// What a schema allows, in either version: its reference or type, whether null is allowed, its choices, its limits.
fn facts(version: Version, schema: &Value) -> Value {
    let (schema, is_nullable) = match version {
        Version::V3_1 => without_null_3_1(schema.clone()),
        Version::V3_0 => without_null_3_0(schema.clone()),
    };
    let properties: BTreeMap<String, Value> = schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, property)| (name.clone(), facts(version, property)))
        .collect();
    let required: BTreeSet<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let inner =
        |word: &str| if schema[word].is_object() { facts(version, &schema[word]) } else { schema[word].clone() };
    let others = |word: &str| branches(&schema, word).iter().map(|branch| facts(version, branch)).collect::<Vec<_>>();
    json!({
        "nullable": is_nullable,
        "properties": properties,
        "required": required,
        "items": inner("items"),
        "additionalProperties": inner("additionalProperties"),
        "oneOf": others("oneOf"),
        "anyOf": others("anyOf"),
        "plain": PLAIN.map(|word| schema[word].clone()),
    })
}

/// A parameter or header, resolved where it is a reference.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    value["$ref"].as_str().and_then(|reference| document.pointer(reference.trim_start_matches('#'))).unwrap_or(value)
}

/// The media type that both versions give a body, with its content.
fn body(version: Version, content: &Value) -> Value {
    let Some(types) = content.as_object() else { return Value::Null };
    let json = ["application/json", "application/merge-patch+json", "application/problem+json"]
        .iter()
        .find_map(|name| types.get(*name));
    if let Some(media) = json {
        return json!({ "json": facts(version, &media["schema"]) });
    }
    if version == Version::V3_0 {
        assert_eq!(types.len(), 1, "one media type for each body: {content}");
    }
    let all: BTreeMap<&String, Value> =
        types.iter().map(|(name, media)| (name, facts(version, &media["schema"]))).collect();
    json!(all)
}

fn operation_facts(version: Version, document: &Value, operation: &Value) -> Value {
    let parameters: BTreeMap<String, Value> = operation["parameters"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|parameter| {
            let parameter = resolved(document, parameter);
            let rest = ["required", "style", "explode", "deprecated"].map(|word| parameter[word].clone());
            let name = format!("{} {}", parameter["in"], parameter["name"]);
            (name, json!([rest, facts(version, &parameter["schema"])]))
        })
        .collect();
    let responses: BTreeMap<&String, Value> = operation["responses"]
        .as_object()
        .expect("responses")
        .iter()
        .map(|(status, response)| {
            let response = resolved(document, response);
            let headers: BTreeSet<&String> =
                response["headers"].as_object().into_iter().flatten().map(|(name, _)| name).collect();
            (
                status,
                json!({ "headers": headers, "links": response["links"], "body": body(version, &response["content"]) }),
            )
        })
        .collect();
    json!({
        "id": operation["operationId"],
        "tags": operation["tags"],
        "summary": operation["summary"],
        "deprecated": operation["deprecated"],
        "security": operation["security"],
        "parameters": parameters,
        "request": [operation["requestBody"]["required"], body(version, &operation["requestBody"]["content"])],
        "responses": responses,
    })
}

/// Every fact of a document, by name.
fn all_facts(version: Version, document: &Value) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("a path item") {
            all.insert(format!("{method} {path}"), operation_facts(version, document, operation));
        }
    }
    for (name, schema) in document["components"]["schemas"].as_object().expect("schemas") {
        all.insert(format!("schema {name}"), facts(version, schema));
    }
    all
}

/// Schemas that only the webhooks of 3.1 refer to, which 3.0 does not have.
fn only_of_webhooks(document: &Value) -> BTreeSet<String> {
    let (mut led_to, mut pending) = (BTreeSet::new(), vec![&document["paths"], &document["components"]["responses"]]);
    while let Some(value) = pending.pop() {
        match value {
            Value::Object(fields) => {
                if let Some(reference) = fields.get("$ref").and_then(Value::as_str)
                    && led_to.insert(reference.to_owned())
                {
                    pending.push(document.pointer(reference.trim_start_matches('#')).expect(reference));
                }
                pending.extend(fields.values());
            }
            Value::Array(items) => pending.extend(items),
            _ => {}
        }
    }
    let names = document["components"]["schemas"].as_object().expect("schemas").keys();
    let left = names.filter(|name| !led_to.contains(&format!("#/components/schemas/{name}")));
    left.map(|name| format!("schema {name}")).collect()
}

#[test]
fn both_versions_have_the_same_operations_fields_choices_and_nulls() {
    let document = &*DOCUMENT;
    let mut expected = all_facts(Version::V3_1, document);
    let left_out = only_of_webhooks(document);
    assert!(left_out.len() < 10, "{left_out:?}");
    expected.retain(|name, _| !left_out.contains(name));
    let found = all_facts(Version::V3_0, &v3_0::from_3_1(document));
    assert_eq!(expected.keys().collect::<Vec<_>>(), found.keys().collect::<Vec<_>>());
    for (name, facts) in &expected {
        assert_eq!(*facts, found[name], "{name} differs");
    }
}

#[test]
fn a_difference_between_the_versions_is_detected() {
    let document = &*DOCUMENT;
    let honest = v3_0::from_3_1(document);
    let expected = all_facts(Version::V3_1, document);
    let milestone = "/components/schemas/Milestone";
    let spoiled: [(&str, Value); 5] = [
        ("/properties/due_on/nullable", json!(true)),
        ("/properties/title", json!({ "type": "string" })),
        ("/properties/weight/maximum", json!(1)),
        ("/required", json!([])),
        ("/properties/kind", json!({ "$ref": "#/components/schemas/MilestoneStatus" })),
    ];
    for (place, value) in spoiled {
        let mut document = honest.clone();
        let (parent, last) = place.rsplit_once('/').expect("a place");
        let target = document.pointer_mut(&format!("{milestone}{parent}")).expect(place);
        target[last] = value;
        let found = all_facts(Version::V3_0, &document);
        assert_ne!(expected["schema Milestone"], found["schema Milestone"], "{place}");
    }
}

#[test]
fn keywords_of_3_1_are_converted_to_those_of_3_0() {
    let document = json!({
        "openapi": "3.1.0",
        "info": { "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" } },
        "tags": [{ "name": "things" }, { "name": "events" }],
        "paths": { "/things": { "patch": {
            "tags": ["things"],
            "requestBody": { "content": { "application/merge-patch+json": { "schema": { "$ref": "#/components/schemas/Thing" } } } },
            "responses": { "200": { "content": {
                "application/json": { "schema": { "$ref": "#/components/schemas/Thing" }, "example": { "owner": null } },
                "text/csv": { "schema": { "type": "string" } },
            } } },
        } } },
        "webhooks": { "thing": { "post": { "tags": ["events"], "requestBody": { "content": { "application/json": {
            "schema": { "$ref": "#/components/schemas/Event" } } } } } } },
        "components": { "schemas": {
            "Thing": { "type": "object", "properties": {
                "name": { "type": ["string", "null"], "examples": ["恩平", "开平"] },
                "owner": { "description": "Whose.", "oneOf": [{ "$ref": "#/components/schemas/Owner" }, { "type": "null" }] },
                "kind": { "$ref": "#/components/schemas/Owner", "description": "Which." },
            } },
            "Owner": { "type": "string", "enum": ["a"] },
            "Event": { "type": "object", "properties": { "inner": { "$ref": "#/components/schemas/Inner" } } },
            "Inner": { "type": "string" },
        } },
    });
    let expected = json!({
        "openapi": "3.0.3",
        "info": { "license": { "name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0" } },
        "tags": [{ "name": "things" }],
        "paths": { "/things": { "patch": {
            "tags": ["things"],
            "requestBody": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Thing" } } } },
            "responses": { "200": { "content": {
                "application/json": { "schema": { "$ref": "#/components/schemas/Thing" } },
            } } },
        } } },
        "components": { "schemas": {
            "Thing": { "type": "object", "properties": {
                "name": { "type": "string", "nullable": true, "example": "恩平" },
                "owner": { "description": "Whose.", "type": "string", "nullable": true, "allOf": [{ "$ref": "#/components/schemas/Owner" }] },
                "kind": { "description": "Which.", "allOf": [{ "$ref": "#/components/schemas/Owner" }] },
            } },
            "Owner": { "type": "string", "enum": ["a"] },
        } },
    });
    assert_eq!(v3_0::from_3_1(&document), expected);
}
