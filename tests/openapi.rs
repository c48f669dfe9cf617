//! The published document: current, complete, and usable by generators.

use std::collections::BTreeSet;
use std::path::Path;

use pairing_tracker::openapi;
use serde_json::Value;

use crate::common::{CONTRACT, DOCUMENT};

fn operations() -> Vec<(String, String, Value)> {
    let mut all = Vec::new();
    for (path, item) in DOCUMENT["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("a path item") {
            all.push((path.clone(), method.clone(), operation.clone()));
        }
    }
    all
}

#[test]
fn the_committed_document_is_the_one_that_the_program_prints() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi");
    let document = &*DOCUMENT;
    for (name, text) in [
        ("openapi.json", openapi::json(document).expect("JSON")),
        ("openapi.yaml", openapi::yaml(document).expect("YAML")),
        ("openapi-3.0.json", openapi::json(&openapi::v3_0::from_3_1(document)).expect("JSON")),
    ] {
        let path = directory.join(name);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &text).expect("the document is written");
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == text, "openapi/{name} is not current: UPDATE=1 cargo test --test suite openapi");
    }
}

/// The service compiles a schema when it is first used, so that only this test compiles all of them.
#[test]
fn every_schema_compiles() {
    let nothing = Value::Null;
    let components = &DOCUMENT["components"];
    for name in components["schemas"].as_object().expect("schemas").keys() {
        assert!(CONTRACT.is_good(name, &nothing).is_ok(), "{name} does not compile");
    }
    for (name, parameter) in components["parameters"].as_object().expect("parameters") {
        let header = parameter["name"].as_str().expect("a name");
        assert!(CONTRACT.header_faults(header, name, "").is_ok(), "{name} does not compile");
    }
    for (path, method, operation) in operations() {
        let id = operation["operationId"].as_str().expect("an id");
        let error = CONTRACT.query(id, "").err().map(|error| error.problem().status);
        assert!(error.is_none_or(|status| status == 400), "the query of {method} {path} does not compile");
    }
}

#[test]
fn every_operation_is_fully_described() {
    let mut ids = BTreeSet::new();
    for (path, method, operation) in operations() {
        let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
        let name = format!("{method} {path}");
        assert!(id.starts_with(|c: char| c.is_ascii_lowercase()), "{name} has no id in camelCase");
        assert!(ids.insert(id.clone()), "{id} is there twice");
        for field in ["summary", "description"] {
            assert!(operation[field].as_str().is_some_and(|text| !text.is_empty()), "{id} has no {field}");
        }
        assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{id} has not one tag");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let described =
                parameter["$ref"].is_string() || parameter["description"].as_str().is_some_and(|text| !text.is_empty());
            assert!(described, "{id}: {} has no description", parameter["name"]);
        }
        for (status, response) in operation["responses"].as_object().expect("responses") {
            let described =
                response["$ref"].is_string() || response["description"].as_str().is_some_and(|text| !text.is_empty());
            assert!(described, "{id}: {status} has no description");
        }
    }
}

#[test]
fn every_reference_resolves_and_every_field_is_described() {
    let document = &*DOCUMENT;
    let mut pending = vec![document];
    while let Some(value) = pending.pop() {
        match value {
            Value::Object(fields) => {
                if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                    let target = document.pointer(reference.trim_start_matches('#'));
                    assert!(target.is_some(), "{reference} leads nowhere");
                }
                pending.extend(fields.values());
            }
            Value::Array(items) => pending.extend(items),
            _ => {}
        }
    }
    for (name, schema) in document["components"]["schemas"].as_object().expect("schemas") {
        for (field, property) in schema["properties"].as_object().into_iter().flatten() {
            let described =
                property["$ref"].is_string() || property["description"].as_str().is_some_and(|text| !text.is_empty());
            assert!(described, "{name}.{field} has no description: {property}");
        }
    }
}

/// Collects the fields marked with a keyword in a value of the document and in everything that it refers to.
fn marked(document: &Value, value: &Value, word: &str, seen: &mut BTreeSet<String>, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(reference) = fields.get("$ref").and_then(Value::as_str)
                && seen.insert(reference.to_owned())
            {
                let target = document.pointer(reference.trim_start_matches('#')).expect("it is there");
                marked(document, target, word, seen, found);
            }
            for (name, property) in fields.get("properties").and_then(Value::as_object).into_iter().flatten() {
                if property[word] == true {
                    found.insert(name.clone());
                }
            }
            fields.values().for_each(|value| marked(document, value, word, seen, found));
        }
        Value::Array(items) => items.iter().for_each(|value| marked(document, value, word, seen, found)),
        _ => {}
    }
}

#[test]
fn no_response_has_write_only_fields_and_no_request_read_only_ones() {
    let document = &*DOCUMENT;
    for (part, word) in [("responses", "writeOnly"), ("requestBody", "readOnly")] {
        for (path, method, operation) in operations() {
            let (mut seen, mut found) = (BTreeSet::new(), BTreeSet::new());
            marked(document, &operation[part], word, &mut seen, &mut found);
            assert_eq!(found, BTreeSet::new(), "{method} {path}: {word} in its {part}");
        }
    }
}
