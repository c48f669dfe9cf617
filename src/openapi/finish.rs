//! What all operations share, and what generators need, put into the document in one place.
//!
//! Handlers say what is their own: path, parameters, body, the answer of success. From that follow the refusals, headers
//! and limits here.

use serde_json::{Map, Value, json};

use super::{NO_NUL, examples, formats};
use crate::access::policy::{Who, who_may};
use crate::error::{Error, Result};

/// Text without a limit of its own.
const TEXT_MAX: u64 = 10_000;
/// A list in a body without a limit of its own.
const ITEMS_MAX: u64 = 1_000;

/// The values that a parameter may be repeated with.
const VALUES_MAX: u64 = 50;

/// Finishes the document.
pub fn finish(document: &mut Value) -> Result<()> {
    let examples = examples::all()?;
    add_components(document)?;
    let paths = object(document, "paths")?;
    for (path, item) in paths.iter_mut() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            finish_operation(path, method, operation, &examples)?;
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

/// A field that is a reference or null is described beside the choice, not inside it, where generators look for it.
fn lift_descriptions(schema: &mut Value) {
    // `get_mut`, because indexing would put a null where there is nothing.
    for (_, property) in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        let inner = property.get_mut("oneOf").and_then(Value::as_array_mut).into_iter().flatten();
        let lifted: Vec<Value> =
            inner.filter_map(|branch| branch.as_object_mut()?.shift_remove("description")).collect();
        if let (Some(description), true) = (lifted.into_iter().next(), property.get("description").is_none()) {
            property["description"] = description;
        }
    }
}

fn object<'a>(value: &'a mut Value, key: &str) -> Result<&'a mut Map<String, Value>> {
    value[key].as_object_mut().ok_or_else(|| Error::unexpected(format!("the document has no {key}")))
}

fn add_components(document: &mut Value) -> Result<()> {
    let text = |description: &str, example: &str| json!({ "description": description, "schema": { "type": "string", "maxLength": 4000 }, "example": example });
    let components = object(document, "components")?;
    components.insert(
        "securitySchemes".to_owned(),
        json!({ "bearer": {
        "type": "http", "scheme": "bearer",
        "description": "A key made by `pairing-tracker key create`, or a JWT of the OpenID Connect issuer that the service is set up for. \
            由 `pairing-tracker key create` 创建的密钥，或本服务所配置的 OpenID Connect 签发者的 JWT。",
    } }),
    );
    components.insert("headers".to_owned(), json!({
        "ETag": text("Version and digest of the answer, for If-Match and If-None-Match.", "\"1-5f0c2a9be1d4\""),
        "Location": text("Where the new record is.", "/api/v1/agreements/4"),
        "Link": text("The next page, where there is one (RFC 8288).", "</api/v1/agreements?limit=20&cursor=eyJ>; rel=\"next\""),
        "XRequestId": text("Names the request in the service's log and history.", "b8c1f0d2a94e4f7c"),
        "IdempotentReplayed": { "description": "`true` when this is the first answer again.",
            "schema": { "type": "string", "enum": ["true"] }, "example": "true" },
        "RetryAfter": { "description": "Seconds after which to try again.",
            "schema": { "type": "integer", "format": "int32", "minimum": 0, "maximum": 3600 }, "example": 1 },
        "RateLimitPolicy": text("Requests that an address and a key may make (`q`) in a window of seconds (`w`), where they are limited.",
            "\"address\";q=6000;w=60, \"key\";q=6000;w=60"),
        "RateLimit": text("Requests that are left of each quota (`r`), and seconds until it is whole again, or, when none is left, until the next (`t`).",
            "\"address\";r=5999;t=1, \"key\";r=5998;t=1"),
        "WwwAuthenticate": text("How to authenticate.", "Bearer realm=\"pairing-tracker\""),
    }));
    components.insert("parameters".to_owned(), json!({
        "IfMatch": { "name": "If-Match", "in": "header", "required": false,
            "description": "The ETag that the record was read with, or `*`. Without it the answer is 428; when it is stale, 412.",
            "schema": { "type": "string", "maxLength": 1000, "pattern": "^(\\*|\"[!#-~]*\"( *, *\"[!#-~]*\")*)$" }, "example": "*" },
        "IfNoneMatch": { "name": "If-None-Match", "in": "header", "required": false,
            "description": "The ETag of an answer that the client has; 304 when it is current.",
            "schema": { "type": "string", "maxLength": 1000 }, "example": "\"1-5f0c2a9be1d4\"" },
        "IdempotencyKey": { "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "Makes a retry safe: the same key and body get the first answer again for 24 hours; the same key with another body gets 422.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" }, "example": "4f7c1d0e-import-2022-04" },
    }));
    let mut responses = Map::new();
    for (status, code, title) in REFUSALS {
        let mut headers = shared_headers();
        if matches!(status, 429 | 503) {
            headers["Retry-After"] = json!({ "$ref": "#/components/headers/RetryAfter" });
        }
        if *status == 401 {
            headers["WWW-Authenticate"] = json!({ "$ref": "#/components/headers/WwwAuthenticate" });
        }
        let errors = if matches!(status, 400 | 422) {
            json!([{ "pointer": "/due_on", "code": "required", "message": "is required" }])
        } else {
            json!([])
        };
        responses.insert(format!("Problem{status}"), json!({
            "description": title,
            "headers": headers,
            "content": { "application/problem+json": {
                "schema": { "$ref": "#/components/schemas/Problem" },
                "example": { "type": format!("urn:pairing-tracker:problem:{code}"), "title": title, "status": status,
                    "detail": null, "code": code, "request_id": "b8c1f0d2a94e4f7c", "errors": errors },
            } },
        }));
    }
    let mut headers = shared_headers();
    headers["ETag"] = json!({ "$ref": "#/components/headers/ETag" });
    responses.insert(
        "NotModified".to_owned(),
        json!({ "description": "The client has the current answer.", "headers": headers }),
    );
    components.insert("responses".to_owned(), Value::Object(responses));
    Ok(())
}

/// The headers of every answer of the API.
fn shared_headers() -> Value {
    json!({
        "X-Request-Id": { "$ref": "#/components/headers/XRequestId" },
        "RateLimit": { "$ref": "#/components/headers/RateLimit" },
        "RateLimit-Policy": { "$ref": "#/components/headers/RateLimitPolicy" },
    })
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
    (415, "unsupported_media_type", "The media type is not supported."),
    (422, "validation_failed", "The request breaks a rule."),
    (428, "precondition_required", "If-Match is needed."),
    (429, "rate_limited", "Too many requests; Retry-After says when to go on."),
    (500, "internal_error", "A defect of the service; the log has the rest."),
    (503, "unavailable", "The service cannot serve now; nothing was written."),
];

fn finish_operation(path: &str, method: &str, operation: &mut Value, examples: &Value) -> Result<()> {
    let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default().to_owned();
    let in_api = path.starts_with("/api/");
    let is_read = method == "get";
    let tag = operation["tags"][0].as_str().unwrap_or_default();
    let is_open = matches!(who_may(tag, is_read), Some(Who::Anyone | Who::Readers | Who::FeedReaders));
    operation["security"] = if is_open { json!([]) } else { json!([{ "bearer": [] }]) };

    let mut parameters = operation.get("parameters").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut has_references = false;
    let has_pages = parameters.iter().any(|parameter| parameter["name"] == "cursor");
    for parameter in &mut parameters {
        has_references |= parameter["in"] == "query" && names_reference(&parameter["schema"]);
        finish_parameter(parameter);
    }
    let mut refer = |name: &str| parameters.push(json!({ "$ref": format!("#/components/parameters/{name}") }));
    match method {
        "get" if in_api => refer("IfNoneMatch"),
        "post" => refer("IdempotencyKey"),
        "patch" | "delete" => refer("IfMatch"),
        _ => {}
    }
    if !parameters.is_empty() {
        operation["parameters"] = Value::Array(parameters);
    }

    let mut refusals = vec![400, 500];
    if in_api {
        // A token may be good and grant nothing, not even reading.
        refusals.extend([401, 403, 429, 503]);
        if path.contains('{') {
            refusals.push(404);
        }
        match method {
            "get" if has_references => refusals.push(422),
            "post" => refusals.extend([408, 409, 413, 415, 422]),
            "patch" => refusals.extend([408, 409, 412, 413, 415, 422, 428]),
            "put" => refusals.extend([408, 409, 413, 415]),
            "delete" => refusals.extend([409, 412, 428]),
            _ => {}
        }
    }
    match id.as_str() {
        "getReadiness" => refusals.push(503),
        // A programme without any date cannot be told as the standard wants it.
        "getProgrammeIati" => refusals.push(409),
        _ => {}
    }
    if formats::are_offered(operation, has_pages) {
        refusals.push(406);
    }
    refusals.sort_unstable();
    let responses = object(operation, "responses")?;
    for (status, response) in responses.iter_mut() {
        if id == "getBundle" && status == "200" {
            formats::offer_bundle(response);
        }
        finish_success(path, method, status, has_pages, response, &examples[&id]["responses"][status.as_str()]);
    }
    if has_pages {
        formats::offer(&mut responses["200"]);
    }
    if is_read && in_api {
        responses.insert("304".to_owned(), json!({ "$ref": "#/components/responses/NotModified" }));
    }
    for status in refusals {
        responses.insert(status.to_string(), json!({ "$ref": format!("#/components/responses/Problem{status}") }));
    }
    let request = &examples[&id]["request"];
    if let (Some(content), false) =
        (operation.pointer_mut("/requestBody/content").and_then(Value::as_object_mut), request.is_null())
    {
        for (_, media) in content.iter_mut() {
            media["example"] = request.clone();
        }
    }
    if let Some(body) = operation.get_mut("requestBody") {
        body["required"] = json!(true);
    }
    if id == "putDocumentContent" {
        let binary = json!({ "schema": { "type": "string", "format": "binary" } });
        operation["requestBody"]["content"]["application/octet-stream"] = binary;
    }
    Ok(())
}

fn finish_success(path: &str, method: &str, status: &str, has_pages: bool, response: &mut Value, example: &Value) {
    let refer = |name: &str| json!({ "$ref": format!("#/components/headers/{name}") });
    response["headers"]["X-Request-Id"] = refer("XRequestId");
    if path.starts_with("/api/") {
        response["headers"] = shared_headers();
    }
    if path.starts_with("/api/") && status != "204" {
        response["headers"]["ETag"] = refer("ETag");
    }
    if has_pages {
        response["headers"]["Link"] = refer("Link");
    }
    if method == "post" {
        if status == "201" {
            response["headers"]["Location"] = refer("Location");
        }
        response["headers"]["Idempotent-Replayed"] = refer("IdempotentReplayed");
    }
    if response.pointer("/content/application~1octet-stream").is_some() {
        // A file comes with the media type that it was attached with.
        let binary = json!({ "schema": { "type": "string", "format": "binary" } });
        response["content"] = json!({ "*/*": binary });
    }
    for (media_type, media) in response.get_mut("content").and_then(Value::as_object_mut).into_iter().flatten() {
        if !example.is_null() && media_type == "application/json" {
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

/// A parameter is given or not; it is never null.
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

/// Everything that is always there is `required`, though it may be null.
fn require_all(schema: &mut Value) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    // A list's total is there only when it was asked for.
    let names: Vec<&String> = properties.keys().filter(|name| *name != "total").collect();
    let names = json!(names);
    schema["required"] = names;
}

/// Gives limits to whatever has none, all the way down.
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
            // What every client's numbers hold exactly (2^53 - 1).
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

/// Links each creation to the operations on what it created.
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
        // A key is told together with its secret.
        let own_id = if collection == "/api/v1/api-keys" { "$response.body#/key/id" } else { "$response.body#/id" };
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
