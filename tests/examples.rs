//! The document's examples: real requests against the seed, and the responses to them.
//!
//! The requests are in `examples.yaml` of each resource and of the reports. `UPDATE=1` writes the responses of the service to
//! `src/openapi/examples.json`, from where the document takes them; without it the test compares the two. Values that differ
//! between runs (instants, request ids, digests) are replaced by fixed ones.

use std::path::Path;

use actix_web::http::Method;
use pairing_tracker::app::kinds;
use percent_encoding::{CONTROLS, utf8_percent_encode};
use serde_json::{Map, Value, json};

use crate::common::builders::operations;
use crate::common::{Client, databases};

/// A request whose response is an example.
pub struct Call {
    operation: String,
    method: Method,
    path: String,
    body: Option<Value>,
    /// A bundle, which is sent as a file.
    file: Option<Value>,
}

/// The requests of one file, in its order.
fn read(path: &Path) -> Vec<Call> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let entries: Vec<Value> = yaml_serde::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let call = |entry: &Value| {
        let methods = [("get", Method::GET), ("post", Method::POST), ("patch", Method::PATCH)];
        let (path, method) = methods.into_iter().find_map(|(name, method)| Some((entry[name].as_str()?, method)))?;
        let operation = entry["operation"].as_str()?.to_owned();
        let [body, file] = ["body", "file"].map(|name| entry.get(name).cloned());
        Some(Call { operation, method, path: path.to_owned(), body, file })
    };
    entries.iter().map(|entry| call(entry).unwrap_or_else(|| panic!("{}: {entry}", path.display()))).collect()
}

/// Every operation with a JSON body or response, in an order in which each finds the records that it needs.
fn calls() -> Vec<Call> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let of_service = [("getHealth", "/healthz"), ("getReadiness", "/readyz")].map(|(operation, path)| Call {
        operation: operation.to_owned(),
        method: Method::GET,
        path: path.to_owned(),
        body: None,
        file: None,
    });
    let kinds = kinds().iter().map(|kind| match kind.path {
        "webhooks" => source.join("webhooks/endpoints"),
        path => source.join("resources").join(path.replace('-', "_")),
    });
    let others = ["resources/audit_events", "resources/refusals", "reports", "transfer/export", "transfer/imports"];
    let folders = kinds.chain(others.map(|folder| source.join(folder)));
    of_service.into_iter().chain(folders.flat_map(|folder| read(&folder.join("examples.yaml")))).collect()
}

/// Replaces values that differ between runs.
fn fix_values(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let is_key =
                fields.contains_key("expires_on") && ["role", "feed"].iter().any(|name| fields.contains_key(*name));
            if is_key || fields.get("entity").is_some_and(|entity| entity == "api_key") {
                for name in ["code", "record_code"] {
                    fields.entry(name).and_modify(|code| *code = json!("k3m9q2xa"));
                }
            }
            // A value that secret scanners do not take for a key.
            let secret = if fields.contains_key("webhook") { "whsec_…" } else { "ptk_k3m9q2xa_…" };
            fields.entry("secret").and_modify(|own| *own = json!(secret));
            let message = "msg_5f0c2a9be1d44f7c8e21b7a90c3d6f58";
            fields.entry("message_id").and_modify(|own| *own = json!(message));
            let path = "/api/v1/pairings/xinhui-taishan/milestones.ics?key=ptf_k3m9q2xa_…";
            fields.entry("subscribe_path").and_modify(|own| *own = json!(path));
            for (name, field) in fields.iter_mut() {
                if (name.ends_with("_at") || name == "at") && field.is_string() {
                    *field = json!("2022-04-11T01:30:00Z");
                } else if name == "request_id" {
                    *field = json!("b8c1f0d2a94e4f7c");
                } else {
                    fix_values(field);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(fix_values),
        _ => {}
    }
}

/// Fixes the figures of today: a write takes no `as_of`.
fn fix_figures_of_today(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                if name == "days_late" && *field != json!(0) {
                    *field = json!(45);
                } else {
                    fix_figures_of_today(field);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(fix_figures_of_today),
        _ => {}
    }
}

/// Sends every request, which creates a record of every kind; returns the examples.
pub async fn create_examples(client: &Client) -> Value {
    let mut examples = Map::new();
    // One refusal, for the list of them.
    client.anonymous().post("sectors", json!({})).await.expect(401);
    for Call { operation, method, path, body, file } in calls() {
        let path = utf8_percent_encode(&path, CONTROLS).to_string();
        let is_read = method == Method::GET;
        // Waits for the end of a job on an import, so that the response is the final one; other tests' imports come before it.
        let wait = ("Prefer", "wait=30");
        let headers: &[(&str, &str)] = match method {
            Method::PATCH => &[("If-Match", "*")],
            Method::POST if path.starts_with("imports/") => &[wait],
            _ => &[],
        };
        let mut response = match file {
            Some(file) => {
                let headers = [("Content-Type", "application/json"), wait];
                client.send_bytes(method, &path, &headers, Some(file.to_string().into_bytes())).await
            }
            None => client.send(method, &path, headers, body.clone()).await,
        };
        assert!(response.status.is_success(), "{operation}: {}", response.body);
        fix_values(&mut response.body);
        if !is_read {
            fix_figures_of_today(&mut response.body);
        }
        if operation == "getBundle" {
            // One record of each kind is enough for an example.
            let kinds = response.body.as_object_mut().expect("a bundle");
            kinds.values_mut().for_each(|records| records.as_array_mut().expect("records").truncate(1));
        }
        let mut example = Map::new();
        if let Some(body) = body {
            example.insert("request".to_owned(), body);
        }
        example.insert("responses".to_owned(), json!({ response.status.as_u16().to_string(): response.body }));
        examples.insert(operation, Value::Object(example));
    }
    // The bytes of a file have no JSON; the response is a document, as for `getDocument`.
    examples.insert(
        "putDocumentContent".to_owned(),
        json!({ "responses": { "200": examples["getDocument"]["responses"]["200"] } }),
    );
    // The response of a restoration is the record, as for a GET.
    for operation in operations().iter().filter(|operation| operation.template.ends_with("/{ref}/restore")) {
        let read = operation.id.replacen("restore", "get", 1);
        examples
            .insert(operation.id.to_owned(), json!({ "responses": { "200": examples[&read]["responses"]["200"] } }));
    }
    Value::Object(examples)
}

#[test]
fn examples_match_the_responses_of_the_service() {
    let database = databases(true).swap_remove(0);
    let examples = actix_web::rt::System::new().block_on(async move { create_examples(&database.client()).await });
    let text = format!("{}\n", serde_json::to_string_pretty(&examples).expect("JSON"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/openapi/examples.json");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).expect("the examples are written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == text, "the examples are not current: UPDATE=1 cargo test --test suite, twice");
}
