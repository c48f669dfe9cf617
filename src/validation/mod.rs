//! Validates requests against the published OpenAPI document, so that the document and the service always agree.
//!
//! Undocumented fields and any fault of a query are a malformed request (400); a body that breaks another rule is 422. All
//! faults are reported at their fields, in both languages.

mod document;
mod explain;
mod normal;
#[cfg(test)]
mod published;

#[cfg(test)]
pub use published::{PUBLISHED, published};

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jsonschema::Validator;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use crate::error::{Error, Fault, Problem, Result};
use crate::model::text::{Msg, without_nul};
use crate::msg;
pub use document::{Document, Operation};
use explain::{Roots, explain, with_value};
use normal::Rule;

/// The published document, with validators for its schemas.
pub struct Contract {
    document: Document,
    /// Validators, compiled on first use, so that the service starts without compiling all of them.
    validators: Mutex<HashMap<String, Arc<Validator>>>,
    /// Normalization rules of components, computed on first use.
    rules: Mutex<HashMap<String, Arc<Rule>>>,
    /// The schema of each operation's query, as an object, by the operation's id; computed on first use.
    queries: HashMap<String, OnceLock<Value>>,
}

impl Contract {
    /// The contract of a document in JSON.
    pub fn new(document: impl Into<Cow<'static, str>>) -> Result<Contract> {
        let document = Document::open(document)?;
        let queries = document.operations().iter().map(|operation| (operation.id.clone(), OnceLock::new())).collect();
        Ok(Contract { document, validators: Mutex::default(), rules: Mutex::default(), queries })
    }

    /// The document.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The methods of a path; empty when the document has no such path.
    pub fn methods_of(&self, path: &str) -> Vec<String> {
        self.document.operations_of(path).iter().map(|operation| operation.method.clone()).collect()
    }

    /// Whether a read of this path offers this media type among others.
    pub fn offers(&self, path: &str, media_type: &str) -> bool {
        let mut operations = self.document.operations_of(path).iter();
        let Some(read) = operations.find(|operation| operation.method == "GET") else { return false };
        let content = self.document.responses(read)["200"]["content"].as_object();
        content.is_some_and(|content| content.len() > 1 && content.contains_key(media_type))
    }

    /// The id of the operation that a route serves.
    pub fn operation(&self, method: &str, pattern: &str) -> Result<&str> {
        let found = self.document.operation(method, pattern);
        found
            .map(|found| found.id.as_str())
            .ok_or_else(|| Error::unexpected(format!("no operation {method} {pattern}")))
    }

    /// The faults of a header's value, against a parameter component.
    pub fn header_faults(&self, name: &str, component: &str, value: &str) -> Result<Vec<Fault>> {
        let reference = format!("#/components/parameters/{component}/schema");
        let validator = self.validator(&reference, || json!({ "$ref": reference }))?;
        let faults = explain(&validator, Roots::of(&self.document), &Value::from(value));
        Ok(faults.into_iter().map(|fault| Fault { pointer: format!("/header/{name}"), ..fault }).collect())
    }

    /// The properties of a component.
    pub fn properties(&self, component: &str) -> Option<&Map<String, Value>> {
        self.document.schema(component)["properties"].as_object()
    }

    /// Normalizes the texts of a value by the schema of a component: names, codes and references as a line, free text as a
    /// passage ([`crate::normalize`]).
    pub fn normalize(&self, component: &str, value: &mut Value) {
        let known = self.rules.lock().unwrap_or_else(PoisonError::into_inner).get(component).cloned();
        let rule = known.unwrap_or_else(|| {
            let rule = Arc::new(Rule::of_component(&self.document, component));
            self.rules.lock().unwrap_or_else(PoisonError::into_inner).insert(component.to_owned(), rule.clone());
            rule
        });
        rule.apply(value);
    }

    /// Validates a body against a component.
    pub fn validate(&self, component: &str, body: &Value) -> Result<()> {
        if self.is_good(component, body)? {
            return Ok(());
        }
        let faults = self.faults(component, body)?;
        if faults.is_empty() {
            Ok(())
        } else if faults.iter().any(|fault| fault.code == "unknown_field") {
            Err(Problem::malformed(faults).into())
        } else {
            Err(Problem::invalid(faults).into())
        }
    }

    /// Whether a value is valid against a component; much faster than [`Contract::faults`].
    pub fn is_good(&self, component: &str, value: &Value) -> Result<bool> {
        Ok(self.of_component(component)?.is_valid(value))
    }

    /// The faults of a value against a component.
    pub fn faults(&self, component: &str, value: &Value) -> Result<Vec<Fault>> {
        Ok(explain(&*self.of_component(component)?, Roots::of(&self.document), value))
    }

    fn of_component(&self, component: &str) -> Result<Arc<Validator>> {
        self.validator(component, || json!({ "$ref": format!("#/components/schemas/{component}") }))
    }

    /// Parses and validates a query string against the parameters of an operation; returns a JSON object.
    pub fn query(&self, operation: &str, raw: &str) -> Result<Value> {
        let schema = self.query_schema(operation)?;
        let mut faults = Vec::new();
        let mut query = Map::new();
        for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
            let is_name_alone = !pair.contains('=');
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (Some(name), Some(mut value)) = (decode(name), decode(value)) else {
                faults.push(query_fault(
                    pair,
                    "encoding",
                    msg!("不是有效的 UTF-8 编码。", "is not percent-encoded UTF-8"),
                ));
                continue;
            };
            let parameter = &schema["properties"][&name];
            // `?follow` is equivalent to `?follow=true`.
            if is_name_alone && parameter["type"] == "boolean" {
                "true".clone_into(&mut value);
            }
            if parameter.is_null() {
                let known: Vec<&str> =
                    schema["properties"].as_object().into_iter().flatten().map(|(k, _)| k.as_str()).collect();
                let known = known.join(", ");
                faults.push(query_fault(
                    &name,
                    "unknown_parameter",
                    msg!("没有此参数；可用：{known}。", "is not a parameter of this operation; available: {known}"),
                ));
            } else if parameter["type"] == "array" {
                let items = &parameter["items"];
                let values = query.entry(name).or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(values) = values {
                    values.push(typed(self.document.resolve(items), value));
                }
            } else if query.contains_key(&name) {
                faults.push(query_fault(&name, "repeated", msg!("只能出现一次。", "may be given only once")));
            } else {
                let value = typed(self.document.resolve(parameter), value);
                query.insert(name, value);
            }
        }
        let query = Value::Object(query);
        let validator = self.validator(&format!("{operation}?"), || schema.clone())?;
        faults.extend(
            explain(&validator, Roots { schema: Some(schema), document: &self.document }, &query)
                .into_iter()
                .map(|fault| with_value(fault, &query))
                .map(|fault| Fault { pointer: format!("/query{}", fault.pointer), ..fault }),
        );
        if faults.is_empty() { Ok(query) } else { Err(Problem::malformed(faults).into()) }
    }

    /// The schema of an operation's query.
    fn query_schema(&self, operation: &str) -> Result<&Value> {
        let unknown = || Error::unexpected(format!("no operation {operation}"));
        let schema = self.queries.get(operation).ok_or_else(unknown)?;
        Ok(schema.get_or_init(|| {
            let found = self.document.operation_by_id(operation);
            found.map_or(Value::Null, |found| query_schema(&self.document, found))
        }))
    }

    fn validator(&self, name: &str, schema: impl FnOnce() -> Value) -> Result<Arc<Validator>> {
        if let Some(found) = self.validators.lock().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Ok(found.clone());
        }
        let mut schema = schema();
        schema["components"] = referred(&self.document, &schema);
        let validator = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .should_validate_formats(true)
            .build(&schema)
            .map_err(Error::unexpected)?;
        let validator = Arc::new(validator);
        self.validators.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), validator.clone());
        Ok(validator)
    }
}

/// The components that a schema refers to, directly or indirectly.
///
/// Validators contain only these, because copies of the whole document in many validators would take more memory than the
/// data.
fn referred(document: &Document, schema: &Value) -> Value {
    let mut components = json!({});
    let mut left = vec![schema];
    while let Some(value) = left.pop() {
        match value {
            Value::Array(items) => left.extend(items),
            Value::Object(fields) => {
                let path =
                    fields.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix("#/components/"));
                let mut names = path.into_iter().flat_map(|path| path.split('/'));
                if let (Some(group), Some(name)) = (names.next(), names.next())
                    && components[group][name].is_null()
                {
                    let component = document.component(group, name);
                    components[group][name] = component.clone();
                    left.push(component);
                }
                left.extend(fields.values());
            }
            _ => {}
        }
    }
    components
}

fn query_schema(document: &Document, operation: &Operation) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for parameter in document.parameters(operation).as_array().into_iter().flatten() {
        let parameter = document.resolve(parameter);
        if parameter["in"] != "query" {
            continue;
        }
        let Some(name) = parameter["name"].as_str() else { continue };
        if parameter["required"] == true {
            required.push(json!(name));
        }
        properties.insert(name.to_owned(), parameter["schema"].clone());
    }
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn decode(text: &str) -> Option<String> {
    percent_decode_str(&text.replace('+', " ")).decode_utf8().ok().map(|text| text.into_owned())
}

fn query_fault(name: &str, code: &'static str, message: Msg) -> Fault {
    Fault { pointer: format!("/query/{}", escape(name)), code, message }
}

/// Converts a parameter to the type of its schema; a text that cannot be converted stays text and fails the validation.
fn typed(schema: &Value, text: String) -> Value {
    match schema["type"].as_str() {
        // Only the canonical notation is accepted, not `+5` or `05`.
        Some("integer") => match text.parse::<i64>() {
            Ok(number) if number.to_string() == text => json!(number),
            _ => json!(text),
        },
        Some("boolean") => match text.as_str() {
            "true" => json!(true),
            "false" => json!(false),
            _ => json!(text),
        },
        _ => json!(text),
    }
}

/// Converts whole floats to integers: JSON Schema accepts `35.0` as an integer, but serde does not.
pub fn normalize_numbers(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            // Beyond 2^53, floats do not represent all integers.
            let whole = number.as_f64().filter(|n| n.fract() == 0.0 && n.abs() < 9_007_199_254_740_992.0);
            if let Some(whole) = whole {
                #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
                let integer = whole as i64;
                *value = Value::from(integer);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(normalize_numbers),
        Value::Object(fields) => fields.values_mut().for_each(normalize_numbers),
        _ => {}
    }
}

/// Escapes a token of a JSON pointer (RFC 6901); NUL is removed, because clients can send any name.
pub fn escape(token: &str) -> String {
    without_nul(token).replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests;
