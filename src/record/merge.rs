//! Merge patches: what a client read becomes what it would write, the patch is applied, and the two are compared.

use serde_json::{Map, Value};

use crate::validation::Contract;

/// What a client would send to write what it read: the fields of the request, references as codes.
pub fn writable(contract: &Contract, component: &str, read: &Value) -> Value {
    let Some(properties) = contract.properties(component) else { return Value::Null };
    let mut fields = Map::new();
    for name in properties.keys() {
        if let Some(value) = read.get(name) {
            fields.insert(name.clone(), as_written(value));
        }
    }
    Value::Object(fields)
}

/// An embedded reference becomes its code, or its id where it has none; null fields of nested objects stay.
fn as_written(value: &Value) -> Value {
    match value {
        Value::Object(fields)
            if fields.len() == 3 && ["id", "code", "name"].iter().all(|key| fields.contains_key(*key)) =>
        {
            match &fields["code"] {
                Value::String(code) => Value::String(code.clone()),
                _ => Value::String(fields["id"].to_string()),
            }
        }
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(name, value)| (name.clone(), as_written(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(as_written).collect()),
        other => other.clone(),
    }
}

/// Applies a JSON Merge Patch (RFC 7396).
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(fields) = target else { return };
    for (name, change) in changes {
        if change.is_null() {
            fields.shift_remove(name);
        } else {
            merge(fields.entry(name.clone()).or_insert(Value::Null), change);
        }
    }
}

/// The fields in which a record would become another. What is only written (a reason) is no field of the record.
pub fn differences(old: &Value, new: &Value) -> Vec<String> {
    let fields = old.as_object().into_iter().flatten();
    fields.filter(|(name, value)| new.get(name.as_str()) != Some(*value)).map(|(name, _)| name.clone()).collect()
}

/// What belongs to a record besides its rows, and has to be written.
#[derive(Clone, Copy)]
pub struct Parts {
    pub code: bool,
    pub citations: bool,
    /// What `q` searches.
    pub text: bool,
}

impl Parts {
    pub const ALL: Parts = Parts { code: true, citations: true, text: true };

    /// Those that a change of these fields concerns.
    pub fn of(fields: &[String]) -> Parts {
        let has = |name: &str| fields.iter().any(|field| field == name);
        Parts { code: has("code"), citations: has("citations"), text: true }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn null_clears_and_absent_leaves() {
        let mut target = json!({ "note": "a", "name": { "zh": "甲", "en": "A" }, "list": [1, 2] });
        merge(&mut target, &json!({ "note": null, "name": { "en": null }, "list": [3] }));
        assert_eq!(target, json!({ "name": { "zh": "甲" }, "list": [3] }));
    }
}
