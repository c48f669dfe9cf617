//! Completes the document with what follows from the operations, and with what code generators need.
//!
//! Handlers declare their path, parameters, body and successful response. This module adds error responses, headers and
//! limits.

use serde_json::{Map, Value, json};

use super::{components, examples, formats, headers};
use crate::access::policy::{Access, Tag};
use crate::error::{Error, Result};
use crate::http::limits::UNLIMITED;
use crate::model::text::NO_NUL;

/// The default maximum length of a text.
const TEXT_MAX: u64 = 10_000;
/// The default maximum length of a list in a body.
const ITEMS_MAX: u64 = 1_000;

/// The default maximum number of values of a repeatable parameter.
const VALUES_MAX: u64 = 50;

/// Finishes the document.
pub fn finish(document: &mut Value, tags: &[Tag]) -> Result<()> {
    let examples = examples::all()?;
    components::add(document)?;
    document["servers"] = json!([{
        "url": "/",
        "description": "The server of this document, in production or staging.",
        "x-internal": false,
    }]);
    let paths = object(document, "paths")?;
    for (path, item) in paths.iter_mut() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            finish_operation(path, method, operation, tags, &examples)?;
        }
    }
    link_creations(paths);
    let schemas = object(&mut document["components"], "schemas")?;
    schemas.insert("Bundle".to_owned(), formats::bundle());
    for (name, schema) in schemas.iter_mut() {
        let is_written = name.starts_with("New") || name.ends_with("Patch") || name == "Text" || name == "Bundle";
        if !is_written {
            require_all(schema);
        }
        limit(schema);
        lift_descriptions(schema);
    }
    Ok(())
}

/// Moves descriptions from inside a `oneOf` with null to the field itself, where code generators read them.
fn lift_descriptions(schema: &mut Value) {
    // Indexing would insert null for a missing key.
    for (_, property) in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        let inner = property.get_mut("oneOf").and_then(Value::as_array_mut).into_iter().flatten();
        let lifted: Vec<Value> =
            inner.filter_map(|branch| branch.as_object_mut()?.shift_remove("description")).collect();
        if let (Some(description), true) = (lifted.into_iter().next(), property.get("description").is_none()) {
            property["description"] = description;
        }
    }
}

/// The object at a key of another object; fails when there is none.
pub fn object<'a>(value: &'a mut Value, key: &str) -> Result<&'a mut Map<String, Value>> {
    value[key].as_object_mut().ok_or_else(|| Error::unexpected(format!("the document has no {key}")))
}

/// The properties of an operation on which its parameters, headers and errors depend.
struct OperationTraits<'a> {
    path: &'a str,
    method: &'a str,
    id: String,
    /// Whether a query parameter refers to a record.
    has_references: bool,
    has_pages: bool,
    is_generated_file: bool,
}

impl<'a> OperationTraits<'a> {
    fn of(path: &'a str, method: &'a str, operation: &Value) -> OperationTraits<'a> {
        let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default().to_owned();
        let parameters = operation.get("parameters").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let has_references =
            parameters.iter().any(|parameter| parameter["in"] == "query" && names_reference(&parameter["schema"]));
        let has_pages = parameters.iter().any(|parameter| parameter["name"] == "cursor");
        let is_generated_file = headers::is_generated_file(has_pages, &operation["responses"]["200"]);
        OperationTraits { path, method, id, has_references, has_pages, is_generated_file }
    }

    fn is_in_api(&self) -> bool {
        self.path.starts_with("/api/")
    }

    fn is_read(&self) -> bool {
        self.method == "get"
    }

    /// Whether the response has an entity tag, so that it can be 304.
    fn is_conditional_read(&self) -> bool {
        self.is_read() && self.is_in_api() && !self.is_generated_file
    }
}

fn finish_operation(path: &str, method: &str, operation: &mut Value, tags: &[Tag], examples: &Value) -> Result<()> {
    if operation["operationId"] == "getBundle" {
        formats::offer_bundle(&mut operation["responses"]["200"]);
    }
    let traits = OperationTraits::of(path, method, operation);
    operation["security"] = security(&traits, operation, tags);
    finish_parameters(&traits, operation);
    let errors = error_statuses(&traits, operation);
    let examples = &examples[&traits.id];
    finish_responses(&traits, object(operation, "responses")?, &errors, &examples["responses"]);
    finish_request_body(operation, &examples["request"]);
    Ok(())
}

/// The security requirements of an operation by the access that its tag gives.
fn security(traits: &OperationTraits<'_>, operation: &Value, tags: &[Tag]) -> Value {
    let tag = tags.iter().find(|tag| operation["tags"][0] == tag.name);
    match tag.map(|tag| tag.access(&traits.id, traits.is_read())) {
        Some(Access::Public) => json!([]),
        // Public unless the service is private; a key may give access to personal data.
        Some(Access::Readers | Access::FeedReaders) => json!([{ "bearer": [] }, {}]),
        _ => json!([{ "bearer": [] }]),
    }
}

/// Finishes the declared parameters, and adds the request headers of the method.
fn finish_parameters(traits: &OperationTraits<'_>, operation: &mut Value) {
    let mut parameters = operation.get("parameters").and_then(Value::as_array).cloned().unwrap_or_default();
    parameters.iter_mut().for_each(finish_parameter);
    let header = match traits.method {
        "get" if traits.is_conditional_read() => Some("IfNoneMatch"),
        "post" => Some("IdempotencyKey"),
        "patch" | "delete" => Some("IfMatch"),
        _ => None,
    };
    parameters.extend(header.map(|name| json!({ "$ref": format!("#/components/parameters/{name}") })));
    if !parameters.is_empty() {
        operation["parameters"] = Value::Array(parameters);
    }
}

/// The statuses of the error responses, in ascending order.
fn error_statuses(traits: &OperationTraits<'_>, operation: &Value) -> Vec<u16> {
    // The head of any request can be too large.
    let mut errors = vec![400, 414, 431, 500];
    if !UNLIMITED.contains(&traits.path) {
        errors.extend([429, 503]);
    }
    if traits.is_in_api() {
        // A valid token can lack all rights, including reading.
        errors.extend([401, 403]);
        if traits.path.contains('{') {
            errors.push(404);
        }
        match traits.method {
            "get" if traits.has_references => errors.push(422),
            "post" => errors.extend([408, 409, 413, 415, 422]),
            "patch" => errors.extend([408, 409, 412, 413, 415, 422, 428]),
            "put" => errors.extend([408, 409, 413, 415]),
            "delete" => errors.extend([409, 412, 428]),
            _ => {}
        }
    }
    match traits.id.as_str() {
        "getReadiness" => errors.push(503),
        // IATI requires a date, which a programme can lack.
        "getProgrammeIati" => errors.push(409),
        _ => {}
    }
    if formats::are_offered(operation, traits.has_pages) {
        errors.push(406);
    }
    errors.sort_unstable();
    errors
}

/// Finishes the declared responses, and adds 304 and the error responses.
fn finish_responses(
    traits: &OperationTraits<'_>,
    responses: &mut Map<String, Value>,
    errors: &[u16],
    examples: &Value,
) {
    for (status, response) in responses.iter_mut() {
        finish_success(traits, status, response, &examples[status.as_str()]);
    }
    if traits.has_pages {
        formats::offer(&mut responses["200"]);
    }
    if traits.is_conditional_read() {
        responses.insert("304".to_owned(), json!({ "$ref": "#/components/responses/NotModified" }));
    }
    for status in errors {
        responses.insert(status.to_string(), json!({ "$ref": format!("#/components/responses/Problem{status}") }));
    }
}

fn finish_request_body(operation: &mut Value, example: &Value) {
    let Some(body) = operation.get_mut("requestBody") else { return };
    if let (Some(content), false) = (body.get_mut("content").and_then(Value::as_object_mut), example.is_null()) {
        for (_, media) in content.iter_mut() {
            media["example"] = example.clone();
        }
    }
    body["required"] = json!(true);
    if let Some(file) = body.pointer_mut("/content/application~1octet-stream") {
        file["schema"] = formats::binary();
    }
}

fn finish_success(traits: &OperationTraits<'_>, status: &str, response: &mut Value, example: &Value) {
    response["headers"] = headers::of_success(traits.path, traits.method, status, traits.has_pages, response);
    if response.pointer("/content/application~1octet-stream").is_some() {
        // A file is returned with the media type of its upload.
        response["content"] = json!({ "*/*": {} });
    }
    for (media_type, media) in response.get_mut("content").and_then(Value::as_object_mut).into_iter().flatten() {
        if media_type == "text/event-stream" {
            media["schema"] = formats::server_sent_event();
        } else if !media_type.ends_with("json") {
            media["schema"] = formats::binary();
        } else if !example.is_null() && media_type == "application/json" {
            media["example"] = example.clone();
        }
    }
}

fn finish_parameter(parameter: &mut Value) {
    let schema = &mut parameter["schema"];
    strip_null(schema);
    if schema["type"] == "array" && schema["maxItems"].is_null() {
        schema["maxItems"] = json!(VALUES_MAX);
    }
    limit(schema);
    if let Some(description) = schema.as_object_mut().and_then(|schema| schema.remove("description")) {
        let has_own = parameter["description"].as_str().is_some_and(|text| !text.is_empty());
        if !has_own {
            parameter["description"] = description;
        }
    }
    if parameter["schema"]["type"] == "array" {
        parameter["style"] = json!("form");
        parameter["explode"] = json!(true);
        parameter["required"] = json!(false);
    }
}

/// Removes null from the types of a parameter, which can be absent but not null.
fn strip_null(schema: &mut Value) {
    if let Some(types) = schema.get("type").and_then(Value::as_array) {
        let rest: Vec<&Value> = types.iter().filter(|kind| *kind != "null").collect();
        if let [only] = rest.as_slice() {
            schema["type"] = (*only).clone();
        }
    }
    if let Some(branches) = schema.get("oneOf").and_then(Value::as_array) {
        let rest: Vec<Value> = branches.iter().filter(|branch| branch["type"] != "null").cloned().collect();
        if let [only] = rest.as_slice() {
            *schema = only.clone();
        }
    }
}

fn names_reference(schema: &Value) -> bool {
    schema.to_string().contains("#/components/schemas/Ref\"")
}

/// Marks the fields of a response as `required`: they are always present, although they may be null.
fn require_all(schema: &mut Value) {
    if let Some(total) = schema.pointer_mut("/properties/total") {
        strip_null(total);
    }
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    // The total of a list is present only when it was requested.
    let names: Vec<&String> = properties.keys().filter(|name| *name != "total").collect();
    let names = json!(names);
    schema["required"] = names;
}

/// Adds the default limits to a schema and its subschemas.
fn limit(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else { return };
    let is = |fields: &Map<String, Value>, name: &str| match &fields.get("type") {
        Some(Value::String(one)) => one == name,
        Some(Value::Array(all)) => all.iter().any(|one| one == name),
        _ => false,
    };
    if is(fields, "string") && !fields.contains_key("enum") && !fields.contains_key("format") {
        fields.entry("maxLength").or_insert(json!(TEXT_MAX));
        fields.entry("pattern").or_insert(json!(NO_NUL));
    }
    if is(fields, "array") {
        fields.entry("maxItems").or_insert(json!(ITEMS_MAX));
    }
    if is(fields, "integer") {
        let (least, most) = if fields.get("format") == Some(&json!("int32")) {
            (i64::from(i32::MIN), i64::from(i32::MAX))
        } else {
            // The integers that JavaScript represents exactly (2^53 - 1).
            (-9_007_199_254_740_991, 9_007_199_254_740_991)
        };
        fields.entry("minimum").or_insert(json!(least));
        fields.entry("maximum").or_insert(json!(most));
    }
    for (name, value) in fields.iter_mut() {
        match (name.as_str(), value) {
            ("properties", Value::Object(properties)) => properties.iter_mut().for_each(|(_, schema)| limit(schema)),
            ("items", items) => limit(items),
            ("oneOf" | "allOf" | "anyOf", Value::Array(branches)) => branches.iter_mut().for_each(limit),
            _ => {}
        }
    }
}

/// Adds links from each creation to the operations on the new record.
fn link_creations(paths: &mut Map<String, Value>) {
    let items: Vec<(String, Vec<(String, String)>)> = paths
        .iter()
        .filter(|(path, _)| path.ends_with("/{ref}"))
        .map(|(path, item)| {
            let operations = item.as_object().into_iter().flatten();
            let ids =
                operations.filter_map(|(method, op)| Some((method.clone(), op["operationId"].as_str()?.to_owned())));
            (path.trim_end_matches("/{ref}").to_owned(), ids.collect())
        })
        .collect();
    for (collection, operations) in items {
        let Some(created) = paths.get_mut(&collection).and_then(|item| item.pointer_mut("/post/responses/201")) else {
            continue;
        };
        // New keys and webhooks are wrapped in an object together with their secret.
        let holders = [("/api/v1/api-keys", "/key"), ("/api/v1/webhooks", "/webhook")];
        let holder = holders.iter().find(|(of, _)| *of == collection).map_or("", |(_, holder)| holder);
        let own_id = format!("$response.body#{holder}/id");
        for (method, id) in operations {
            let name = match method.as_str() {
                "get" => "read",
                "patch" => "change",
                "delete" => "delete",
                _ => continue,
            };
            created["links"][name] = json!({ "operationId": id, "parameters": { "ref": own_id } });
        }
    }
}
