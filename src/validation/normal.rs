//! Normalization rules for the texts of a component, derived from its schema.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::Value;

use super::Document;
use crate::normalize::{half_width, line, passage};

/// Fields with free text, which can have several lines.
const PASSAGES: &[&str] =
    &["note", "summary", "description", "principles", "narrative", "return_note", "status_reason", "reason", "text"];
/// The maximum nesting depth of objects; records have two levels.
const DEPTH_MAX: usize = 8;

/// The normalization of a value.
#[derive(Debug)]
pub enum Rule {
    /// Unchanged: dates, enums and numbers.
    None,
    /// A line; an empty one becomes null if the field is nullable.
    Line {
        is_nullable: bool,
    },
    Passage,
    /// A code or a reference.
    Code,
    Object(HashMap<String, Rule>),
    List(Box<Rule>),
}

impl Rule {
    pub fn of_component(document: &Document, component: &str) -> Rule {
        of_schema(document, document.schema(component), "", DEPTH_MAX)
    }

    pub fn apply(&self, value: &mut Value) {
        match (self, value) {
            (Rule::Line { is_nullable }, value @ Value::String(_)) => {
                let Value::String(text) = &*value else { return };
                match line(text) {
                    Cow::Owned(normal) if normal.is_empty() && *is_nullable => *value = Value::Null,
                    Cow::Owned(normal) => *value = Value::String(normal),
                    Cow::Borrowed(_) => {}
                }
            }
            (Rule::Passage, Value::String(text)) => {
                if let Cow::Owned(normal) = passage(text) {
                    *text = normal;
                }
            }
            (Rule::Code, Value::String(text)) => {
                let normal = half_width(text);
                if *normal != **text {
                    *text = normal.into_owned();
                }
            }
            (Rule::Object(rules), Value::Object(fields)) => {
                for (name, value) in fields {
                    if let Some(rule) = rules.get(name) {
                        rule.apply(value);
                    }
                }
            }
            (Rule::List(rule), Value::Array(items)) => items.iter_mut().for_each(|item| rule.apply(item)),
            _ => {}
        }
    }
}

/// The rule for a schema; `name` is the name of its field.
fn of_schema(document: &Document, schema: &Value, name: &str, depth: usize) -> Rule {
    if depth == 0 {
        return Rule::None;
    }
    if let Some(options) = schema["oneOf"].as_array() {
        let some = options.iter().find(|option| option["type"] != "null");
        return some.map_or(Rule::None, |some| of_schema(document, some, name, depth));
    }
    if let Some(path) = schema["$ref"].as_str() {
        return match path.rsplit('/').next() {
            Some("Code" | "Ref") => Rule::Code,
            _ => {
                let target = document.pointer(path.trim_start_matches('#')).unwrap_or(&Value::Null);
                of_schema(document, target, name, depth - 1)
            }
        };
    }
    let is = |wanted: &str| {
        schema["type"] == wanted || schema["type"].as_array().is_some_and(|types| types.iter().any(|one| one == wanted))
    };
    if let Some(properties) = schema["properties"].as_object() {
        let rule = |(field, schema): (&String, &Value)| {
            // The languages of a bilingual text have the rule of its field.
            let name = if field == "zh" || field == "en" { name } else { field };
            (field.clone(), of_schema(document, schema, name, depth - 1))
        };
        return Rule::Object(properties.iter().map(rule).collect());
    }
    if is("array") {
        return Rule::List(Box::new(of_schema(document, &schema["items"], name, depth - 1)));
    }
    let is_free = schema["pattern"].is_null() || schema["pattern"] == crate::model::text::NO_NUL;
    if !is("string") || !is_free || !schema["format"].is_null() || !schema["enum"].is_null() {
        Rule::None
    } else if PASSAGES.contains(&name) {
        Rule::Passage
    } else {
        Rule::Line { is_nullable: is("null") }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn each_text_of_a_record_is_normalized_by_its_schema() {
        let contract = crate::validation::published();
        let mut project = json!({
            "code": " ｐ－1 ", "pairing": "xinhui-taishan\u{200b}", "title": { "zh": "共建\u{3000} 园区\n", "en": " Park " },
            "description": { "zh": " 一\r\n二 " }, "location": "\u{feff}enping", "currency": " CNY", "note": "a\u{200b}\r\nb ",
            "planned_start_on": " 2022-01-01", "sectors": [{ "sector": " x", "percent": 100 }],
        });
        contract.normalize("NewProject", &mut project);
        assert_eq!(
            project,
            json!({
                "code": "p-1", "pairing": "xinhui-taishan", "title": { "zh": "共建 园区", "en": "Park" },
                "description": { "zh": " 一\n二 " }, "location": "enping", "currency": " CNY", "note": "a\nb ",
                "planned_start_on": " 2022-01-01", "sectors": [{ "sector": "x", "percent": 100 }],
            })
        );
        let mut participants = json!({ "participants": [{ "name": " 张\u{3000}三 ", "title": " " }] });
        contract.normalize("NewConference", &mut participants);
        assert_eq!(participants, json!({ "participants": [{ "name": "张 三", "title": null }] }));
    }
}
