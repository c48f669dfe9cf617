//! Merge patches: the record as read is converted to a request, the patch is applied, and the two are compared.

use serde_json::{Map, Value};

use crate::validation::Contract;

/// Converts a record as read to the request that would write it: the fields of the request, references as codes.
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

/// Returns the fields that differ. Write-only fields, such as a reason, are not fields of the record.
pub fn differences(old: &Value, new: &Value) -> Vec<String> {
    let fields = old.as_object().into_iter().flatten();
    fields.filter(|(name, value)| new.get(name.as_str()) != Some(*value)).map(|(name, _)| name.clone()).collect()
}

/// The parts of a record outside its rows that a write must update.
#[derive(Clone, Copy)]
pub struct Parts {
    pub code: bool,
    pub citations: bool,
    /// The text that `q` searches.
    pub text: bool,
}

impl Parts {
    pub const ALL: Parts = Parts { code: true, citations: true, text: true };

    /// The parts that a change of these fields affects.
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
