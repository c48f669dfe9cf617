//! Converts the document to OpenAPI 3.0.3, for code generators that do not support 3.1.
//!
//! Operations and fields stay the same; schemas are converted to the dialect of 3.0 (`nullable`, a single type, no siblings of
//! `$ref`). Each body has one media type, because such generators support no more: of a list's formats only JSON is kept, and a
//! JSON Merge Patch is declared as `application/json`, which the service accepts as well. A problem is declared as
//! `application/json` besides `application/problem+json`, because some generators derive types from `application/json` only.
//!
//! Webhooks are omitted, because 3.0 has none. Examples of bodies are omitted, because they contain nulls for nullable
//! references, which 3.0 cannot express strictly.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

/// The URL of the license, because 3.0 has no SPDX identifiers.
const LICENSE: &str = "https://www.apache.org/licenses/LICENSE-2.0";

/// The types of components, by reference.
type Types = BTreeMap<String, Value>;

/// Converts a document from OpenAPI 3.1 to 3.0.3.
pub fn from_3_1(document: &Value) -> Value {
    let mut document = document.clone();
    document["openapi"] = json!("3.0.3");
    if let Some(license) = document["info"]["license"].as_object_mut() {
        license.shift_remove("identifier");
        license.insert("url".to_owned(), json!(LICENSE));
    }
    if let Some(fields) = document.as_object_mut() {
        fields.shift_remove("webhooks");
    }
    let types = types_of(&document["components"]["schemas"]);
    for (_, item) in members_of(&mut document["paths"]) {
        for (_, operation) in members_of(item) {
            convert(operation, &types);
        }
    }
    let components = &mut document["components"];
    members_of(&mut components["schemas"]).for_each(|(_, schema)| convert_schema(schema, &types));
    for group in ["parameters", "headers", "responses"] {
        // Indexing would insert null for a missing key.
        components.get_mut(group).into_iter().flat_map(members_of).for_each(|(_, part)| convert(part, &types));
    }
    remove_unused(&mut document);
    document
}

fn members_of(value: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    value.as_object_mut().into_iter().flatten()
}

/// The type of each component, by reference.
fn types_of(schemas: &Value) -> Types {
    let typed =
        |(name, schema): (&String, &Value)| Some((format!("#/components/schemas/{name}"), schema.get("type")?.clone()));
    schemas.as_object().into_iter().flatten().filter_map(typed).collect()
}

/// Converts all schemas and media types within an operation or a part of one.
fn convert(part: &mut Value, types: &Types) {
    match part {
        Value::Array(parts) => parts.iter_mut().for_each(|part| convert(part, types)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match name.as_str() {
                    "schema" => convert_schema(value, types),
                    "content" => {
                        keep_one_media_type(value);
                        for (_, media) in members_of(value) {
                            media.as_object_mut().and_then(|media| media.shift_remove("example"));
                        }
                        convert(value, types);
                    }
                    "example" | "examples" | "links" => {}
                    _ => convert(value, types),
                }
            }
        }
        _ => {}
    }
}

fn keep_one_media_type(content: &mut Value) {
    let Some(types) = content.as_object_mut() else { return };
    if let Some(problem) = types.get("application/problem+json").cloned() {
        types.insert("application/json".to_owned(), problem);
        return;
    }
    if types.contains_key("application/json") {
        types.retain(|name, _| name == "application/json");
    }
    if let Some(patch) = types.shift_remove("application/merge-patch+json") {
        types.insert("application/json".to_owned(), patch);
    }
}

fn convert_schema(schema: &mut Value, types: &Types) {
    let Some(fields) = schema.as_object_mut() else { return };
    for (name, value) in fields.iter_mut() {
        match (name.as_str(), value) {
            ("properties", Value::Object(properties)) => {
                properties.iter_mut().for_each(|(_, property)| convert_schema(property, types));
            }
            ("items" | "additionalProperties", inner) => convert_schema(inner, types),
            ("oneOf" | "allOf" | "anyOf", Value::Array(branches)) => {
                branches.iter_mut().for_each(|branch| convert_schema(branch, types));
            }
            _ => {}
        }
    }
    one_type(fields);
    choice_with_null(fields, types);
    if fields.contains_key("$ref")
        && fields.len() > 1
        && let Some(reference) = fields.shift_remove("$ref")
    {
        fields.insert("allOf".to_owned(), json!([{ "$ref": reference }]));
    }
    if let Some(Value::Array(examples)) = fields.shift_remove("examples")
        && let Some(first) = examples.into_iter().next()
    {
        fields.insert("example".to_owned(), first);
    }
}

/// Converts `["string", "null"]` to a nullable string.
fn one_type(fields: &mut Map<String, Value>) {
    let Some(Value::Array(types)) = fields.get("type") else { return };
    let others: Vec<&Value> = types.iter().filter(|name| *name != "null").collect();
    if let [only] = others.as_slice() {
        let (only, is_nullable) = ((*only).clone(), types.len() > 1);
        fields.insert("type".to_owned(), only);
        if is_nullable {
            fields.insert("nullable".to_owned(), json!(true));
        }
    }
}

/// Converts a choice between a schema and null to that schema with `nullable`.
///
/// The reference is wrapped in `allOf`, because it may have no siblings. The type is repeated, because `nullable` has no effect
/// without one.
fn choice_with_null(fields: &mut Map<String, Value>, types: &Types) {
    let Some(Value::Array(branches)) = fields.get("oneOf") else { return };
    let others: Vec<Value> = branches.iter().filter(|branch| branch["type"] != "null").cloned().collect();
    if others.len() == branches.len() {
        return;
    }
    if let [only] = others.as_slice() {
        if let Some(kind) = only["$ref"].as_str().and_then(|reference| types.get(reference)) {
            fields.insert("type".to_owned(), kind.clone());
        }
        fields.shift_remove("oneOf");
        fields.insert("allOf".to_owned(), Value::Array(others));
    } else {
        fields.insert("oneOf".to_owned(), Value::Array(others));
    }
    fields.insert("nullable".to_owned(), json!(true));
}

/// Removes tags and schemas that were used by removed parts only.
fn remove_unused(document: &mut Value) {
    let mut tags = BTreeSet::new();
    for (_, item) in members_of(&mut document["paths"]) {
        for (_, operation) in members_of(item) {
            tags.extend(
                operation["tags"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned),
            );
        }
    }
    if let Some(all) = document["tags"].as_array_mut() {
        all.retain(|tag| tag["name"].as_str().is_some_and(|name| tags.contains(name)));
    }
    loop {
        let used = references(document);
        let Some(schemas) = document["components"]["schemas"].as_object_mut() else { return };
        let before = schemas.len();
        schemas.retain(|name, _| used.contains(&format!("#/components/schemas/{name}")));
        if schemas.len() == before {
            return;
        }
    }
}

fn references(document: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut pending = vec![document];
    while let Some(value) = pending.pop() {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
                pending.extend(fields.values());
            }
            Value::Array(items) => pending.extend(items),
            _ => {}
        }
    }
    found
}
