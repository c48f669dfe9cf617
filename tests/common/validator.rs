//! Validates every response of every test against the published document: a response has only the status, headers, media type
//! and fields that its operation lists.

use std::sync::LazyLock;

use actix_web::http::Method;
use actix_web::http::header::HeaderMap;
use pairing_tracker::validation::Contract;
use serde_json::{Value, json};

use super::DOCUMENT;

/// The validator of the suite; compiles each schema once, on first use.
pub static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| Validator::new(&DOCUMENT));

/// Headers that any response may have and that an API document does not list: those of HTTP itself, and those for browsers and
/// proxies.
const GENERAL: &[&str] = &[
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "access-control-max-age",
    "cache-control",
    "connection",
    "content-language",
    "content-length",
    "content-security-policy",
    "content-type",
    "cross-origin-resource-policy",
    "date",
    "referrer-policy",
    "transfer-encoding",
    "vary",
    "x-accel-buffering",
    "x-content-type-options",
    "x-frame-options",
];

/// Paths outside the document's operations.
const PAGES: &[&str] = &["/", "/metrics", "/docs", "/openapi.json", "/openapi.yaml", "/openapi-3.0.json"];

/// The suffixes of files, each with the media type that it selects.
const SUFFIXES: &[(&str, &str)] = &[
    ("json", "application/json"),
    ("yaml", "application/yaml"),
    ("csv", "text/csv"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("ndjson", "application/x-ndjson"),
];

const PROBLEM: &str = "application/problem+json";
const NDJSON: &str = "application/x-ndjson";

/// A request and its response.
pub struct Exchange<'a> {
    pub method: &'a Method,
    /// With the query.
    pub path: &'a str,
    pub status: u16,
    pub headers: &'a HeaderMap,
    /// `None` where it is not read, or cannot be.
    pub body: Option<&'a [u8]>,
}

impl Exchange<'_> {
    fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    fn media_type(&self) -> String {
        let header = self.header("content-type").unwrap_or_default();
        header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }
}

/// The document with closed schemas: an object has no field that its schema does not list.
pub struct Validator {
    document: Value,
    closed: Contract,
}

impl Validator {
    pub fn new(document: &Value) -> Validator {
        let mut closed = document.clone();
        close(&mut closed["components"]["schemas"]);
        // Headers become schemas, so that their values are validated in the same way.
        let headers = closed["components"]["headers"].clone();
        for (name, header) in headers.as_object().expect("shared headers") {
            closed["components"]["schemas"][format!("Header{name}")] = header["schema"].clone();
        }
        let contract = Contract::new(closed.to_string()).expect("the document is good");
        Validator { document: closed, closed: contract }
    }

    /// Every difference between a response and the document.
    pub fn faults(&self, exchange: &Exchange<'_>) -> Vec<String> {
        let path = exchange.path.split(['?', '#']).next().unwrap_or_default();
        let method =
            if exchange.method == Method::HEAD { "get".to_owned() } else { exchange.method.as_str().to_lowercase() };
        let Some((template, by_suffix)) = self.template(&method, path) else { return self.outside(path, exchange) };
        let responses = &self.document["paths"][template][&method]["responses"];
        let response = self.resolve(&responses[exchange.status.to_string()]);
        if response.is_null() {
            return vec![format!("{method} {template} does not list the status {}", exchange.status)];
        }
        let mut faults = self.header_faults(response, exchange);
        faults.extend(self.content_faults(response, exchange));
        if let Some(media_type) = by_suffix.filter(|wanted| exchange.status == 200 && exchange.media_type() != *wanted)
        {
            faults.push(format!("the suffix asks for {media_type}"));
        }
        faults
    }

    /// The path of the requested operation, and the media type that the suffix of its path selects.
    fn template(&self, method: &str, path: &str) -> Option<(&str, Option<&'static str>)> {
        let paths = self.document["paths"].as_object().expect("paths");
        let find = |path: &str| {
            let fits = |template: &str| {
                let (left, right) = (template.split('/'), path.split('/'));
                left.clone().count() == right.clone().count()
                    && left.zip(right).all(|(l, r)| l == r || (l.starts_with('{') && !r.is_empty()))
            };
            // A literal path takes precedence over a template that matches it.
            let known = paths.get_key_value(path).or_else(|| paths.iter().find(|(template, _)| fits(template)));
            known.filter(|(_, item)| item.get(method).is_some()).map(|(template, _)| template.as_str())
        };
        if method == "get"
            && let Some((rest, suffix)) = path.rsplit_once('.')
            && let Some((_, media_type)) = SUFFIXES.iter().find(|(known, _)| *known == suffix)
            && self.closed.offers(rest, media_type)
        {
            return Some((find(rest)?, Some(media_type)));
        }
        Some((find(path)?, None))
    }

    /// Responses outside the operations: pages, preflight requests, and refusals of unknown paths.
    fn outside(&self, path: &str, exchange: &Exchange<'_>) -> Vec<String> {
        if exchange.status >= 400 {
            return self.problem_faults(exchange);
        }
        let without_slash = path.trim_end_matches('/');
        let to_document = exchange.status == 303 && without_slash == "/api/v1";
        let to_path =
            exchange.status == 308 && exchange.header("location").is_some_and(|to| to.starts_with(without_slash));
        if (to_document || (to_path && path != without_slash)) && exchange.body.is_none_or(<[u8]>::is_empty) {
            return Vec::new();
        }
        let is_page = PAGES.contains(&path) || path.starts_with("/docs/");
        let is_preflight =
            *exchange.method == Method::OPTIONS && exchange.header("access-control-allow-origin").is_some();
        if is_preflight || (is_page && matches!(*exchange.method, Method::GET | Method::HEAD)) {
            return Vec::new();
        }
        vec![format!("{} {path} is no operation of the document, and answers {}", exchange.method, exchange.status)]
    }

    fn problem_faults(&self, exchange: &Exchange<'_>) -> Vec<String> {
        let mut faults = Vec::new();
        if exchange.media_type() != PROBLEM {
            faults.push(format!("a refusal is no {PROBLEM}"));
        }
        faults.extend(exchange.body.into_iter().flat_map(|body| self.json_faults("Problem", body)));
        faults
    }

    fn header_faults(&self, response: &Value, exchange: &Exchange<'_>) -> Vec<String> {
        let mut faults = Vec::new();
        let none = serde_json::Map::new();
        let listed = response["headers"].as_object().unwrap_or(&none);
        for name in exchange.headers.keys().map(|name| name.as_str()) {
            if !GENERAL.contains(&name) && !listed.keys().any(|listed| listed.eq_ignore_ascii_case(name)) {
                faults.push(format!("the header {name} is not listed"));
            }
        }
        for (name, header) in listed {
            let component = header["$ref"].as_str().and_then(|at| at.strip_prefix("#/components/headers/"));
            let component = component.unwrap_or_else(|| panic!("{name} is no shared header"));
            let schema = format!("Header{component}");
            let is_number = self.document["components"]["schemas"][&schema]["type"] == "integer";
            for value in exchange.headers.get_all(name.as_str()) {
                let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
                let value = match text.parse::<i64>() {
                    Ok(number) if is_number => json!(number),
                    _ => json!(text),
                };
                faults.extend(self.value_faults(&schema, &value).into_iter().map(|fault| format!("{name}: {fault}")));
            }
            if self.resolve(header)["required"] == true && !exchange.headers.contains_key(name.as_str()) {
                faults.push(format!("the header {name} is required"));
            }
        }
        faults
    }

    fn content_faults(&self, response: &Value, exchange: &Exchange<'_>) -> Vec<String> {
        let given = exchange.media_type();
        let Some(content) = response["content"].as_object() else {
            let is_empty = given.is_empty() && exchange.body.is_none_or(<[u8]>::is_empty);
            return if is_empty { Vec::new() } else { vec![format!("no content is listed, and there is {given:?}")] };
        };
        let listed = content.get_key_value(&given).or_else(|| content.get_key_value("*/*"));
        let Some((name, media)) = listed.filter(|_| !given.is_empty()) else {
            return vec![format!("the media type {given:?} is not listed")];
        };
        let Some(body) = exchange.body.filter(|_| *exchange.method != Method::HEAD) else { return Vec::new() };
        let component = |schema: &Value| {
            let at = schema["$ref"].as_str().and_then(|at| at.strip_prefix("#/components/schemas/"));
            at.unwrap_or_else(|| panic!("{name} has no component of its own")).to_owned()
        };
        if name == "application/json" || name.ends_with("+json") {
            self.json_faults(&component(&media["schema"]), body)
        } else if name == NDJSON {
            // The lines are the items of the same list in JSON.
            let list = component(&content["application/json"]["schema"]);
            let items = &self.document["components"]["schemas"][list]["properties"]["items"]["items"];
            let item = component(items);
            let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            lines.flat_map(|line| self.json_faults(&item, line)).collect()
        } else if !is_text(name) || std::str::from_utf8(body).is_ok() {
            Vec::new()
        } else {
            vec![format!("{name} is no text")]
        }
    }

    fn json_faults(&self, component: &str, body: &[u8]) -> Vec<String> {
        match serde_json::from_slice(body) {
            Ok(value) => self.value_faults(component, &value),
            Err(error) => vec![format!("no JSON: {error}")],
        }
    }

    fn value_faults(&self, component: &str, value: &Value) -> Vec<String> {
        if self.closed.is_good(component, value).expect("the schema is good") {
            return Vec::new();
        }
        let faults = self.closed.faults(component, value).expect("the schema is good");
        // At least one fault, even if the schema gives no explanation.
        let messages = faults.iter().map(|fault| format!("{component}{}: {}", fault.pointer, fault.message.en));
        messages.chain(faults.is_empty().then(|| format!("not by {component}"))).collect()
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        let target = value["$ref"].as_str().map(|at| self.document.pointer(at.trim_start_matches('#')));
        target.map_or(value, |target| target.unwrap_or(&Value::Null))
    }
}

/// Whether a media type is text; the document describes every file as binary.
fn is_text(name: &str) -> bool {
    name.starts_with("text/") || ["application/yaml", "application/xml"].contains(&name)
}

/// Closes every object that lists its fields. One that lists none may have any: the state of a record in an event.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.get("properties").is_some_and(Value::is_object) && fields.contains_key("type") {
                fields.entry("additionalProperties").or_insert(json!(false));
            }
            fields.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}
