//! Violations of a schema as faults: the field, a stable code, and a message in both languages.

mod expected;

use jsonschema::error::{TypeKind, ValidationErrorKind as Broken};
use jsonschema::{ValidationError, Validator};
use serde_json::Value;

use super::{Document, escape};
use crate::error::Fault;
use crate::model::text::{Msg, NO_NUL};
use crate::msg;

/// How much of a wrong value a fault shows, in characters.
const SHOWN_MAX: usize = 100;

/// Where the schema of a validator is found.
#[derive(Clone, Copy)]
pub struct Roots<'a> {
    /// The schema itself, where it is no component.
    pub schema: Option<&'a Value>,
    pub document: &'a Document,
}

impl<'a> Roots<'a> {
    /// For a validator of components alone.
    pub fn of(document: &'a Document) -> Roots<'a> {
        Roots { schema: None, document }
    }

    fn pointer(self, pointer: &str) -> Option<&'a Value> {
        self.schema.and_then(|schema| schema.pointer(pointer)).or_else(|| self.document.pointer(pointer))
    }
}

/// Every fault of a value. `roots` hold the validator's schema: messages say what is expected, which the violation itself
/// knows for its own keyword alone.
pub fn explain(validator: &Validator, roots: Roots<'_>, value: &Value) -> Vec<Fault> {
    let mut faults = Vec::new();
    for error in validator.iter_errors(value) {
        explain_one(&error, roots, &mut faults);
    }
    faults.dedup();
    faults
}

fn explain_one(error: &ValidationError<'_>, roots: Roots<'_>, faults: &mut Vec<Fault>) {
    let at = error.instance_path().to_string();
    let mut push = |pointer: String, code, message| faults.push(Fault { pointer, code, message });
    match error.kind() {
        Broken::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            push(format!("{at}/{}", escape(name)), "required", msg!("为必填项。", "is required"));
        }
        Broken::AdditionalProperties { unexpected } | Broken::UnevaluatedProperties { unexpected } => {
            for name in unexpected {
                push(
                    format!("{at}/{}", escape(name)),
                    "unknown_field",
                    msg!("没有此字段。", "is not a field of this request"),
                );
            }
        }
        Broken::Type { kind } => {
            let message = match schema_of(error, roots) {
                Some(schema) => of_wrong_type(schema),
                None => must_be(&expected::of_type(&type_names(kind))),
            };
            push(at, "type", message);
        }
        Broken::Enum { options } => {
            let allowed: Vec<&str> = options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let allowed = allowed.join(", ");
            push(at, "enum", msg!("须为下列之一：{allowed}。", "must be one of {allowed}"));
        }
        Broken::Pattern { pattern } if pattern == NO_NUL => {
            push(at, "nul", msg!("不得含有 NUL 字符。", "must not contain the character NUL"));
        }
        Broken::Pattern { pattern } => {
            let message = expected::of_pattern(pattern);
            push(at, "pattern", message.map_or_else(unexpected_form, |phrase| must_be(&phrase)));
        }
        Broken::Format { format } => {
            let message = expected::of_format(format);
            push(at, "format", message.map_or_else(unexpected_form, |phrase| must_be(&phrase)));
        }
        Broken::OneOfNotValid { context } | Broken::AnyOf { context } => {
            // Of `oneOf: [null, X]` the faults of X are reported: those of null are beside the point.
            let is_null = |errors: &&Vec<ValidationError<'static>>| !matches!(errors.as_slice(), [only] if matches!(only.kind(), Broken::Type { kind: TypeKind::Single(kind) } if kind.to_string() == "null"));
            match context.iter().find(is_null) {
                Some(branch) => branch.iter().for_each(|error| explain_one(error, roots, faults)),
                None => push(at, "invalid", msg!("无效。", "is not valid")),
            }
        }
        kind => {
            // The library's own words name types and patterns.
            let (code, message) = beyond_limit(kind).unwrap_or_else(|| ("invalid", msg!("无效。", "is not valid")));
            push(at, code, message);
        }
    }
}

/// The code and message of a value that is beyond a limit of its length, its number of items or its size.
fn beyond_limit(kind: &Broken) -> Option<(&'static str, Msg)> {
    Some(match kind {
        Broken::MaxLength { limit } => {
            ("too_long", msg!("最多 {limit} 个字符。", "must have at most {limit} characters"))
        }
        Broken::MinLength { limit } => {
            ("too_short", msg!("至少 {limit} 个字符。", "must have at least {limit} characters"))
        }
        Broken::MaxItems { limit } => ("too_many", msg!("最多 {limit} 项。", "must have at most {limit} items")),
        Broken::MinItems { limit } => ("too_few", msg!("至少 {limit} 项。", "must have at least {limit} items")),
        Broken::Minimum { limit } => ("too_small", msg!("不得小于 {limit}。", "must be at least {limit}")),
        Broken::Maximum { limit } => ("too_large", msg!("不得大于 {limit}。", "must be at most {limit}")),
        _ => return None,
    })
}

fn must_be(phrase: &Msg) -> Msg {
    let Msg { zh, en } = phrase;
    msg!("须为{zh}。", "must be {en}")
}

fn unexpected_form() -> Msg {
    msg!("格式不正确。", "does not have the required form")
}

/// What is expected in the place of a value of a wrong type. A number that stands for a date or an amount lacks its
/// quotation marks, which the phrase for the format alone would not show.
fn of_wrong_type(schema: &Value) -> Msg {
    let phrase = expected::of_schema(schema);
    let is_text = schema["type"] == "string"
        || schema["type"].as_array().is_some_and(|types| types.iter().any(|name| name == "string"));
    let has_form = schema["pattern"].as_str().is_some_and(|pattern| pattern != NO_NUL) || schema["format"].is_string();
    if is_text && !has_form {
        return must_be(&msg!("文本", "text"));
    }
    let Msg { zh, en } = &phrase;
    if is_text {
        msg!("须为{zh}，写成带引号的文本。", "must be {en}, written as text in quotation marks")
    } else {
        must_be(&phrase)
    }
}

/// The schema whose keyword a value violates, looked up by the keyword's location.
fn schema_of<'a>(error: &ValidationError<'_>, roots: Roots<'a>) -> Option<&'a Value> {
    let keyword = error.schema_path().as_str();
    let (schema, _) = keyword.rsplit_once('/')?;
    roots.pointer(keyword).and_then(|_| roots.pointer(schema))
}

fn type_names(kind: &TypeKind) -> Value {
    match kind {
        TypeKind::Single(kind) => Value::from(kind.to_string()),
        TypeKind::Multiple(kinds) => kinds.iter().map(|kind| kind.to_string()).collect(),
    }
}

/// Adds the value that was received to the fault of a parameter whose format is wrong. A query string encodes a space as `+`,
/// so that the `+` of a time zone (`2022-01-01T00:00:00+08:00`) arrives as a space.
pub fn with_value(fault: Fault, query: &Value) -> Fault {
    let Some(value) = query.pointer(&fault.pointer).and_then(Value::as_str).filter(|_| fault.code == "format") else {
        return fault;
    };
    let shown: String = value.chars().filter(|letter| !letter.is_control()).take(SHOWN_MAX).collect();
    let Msg { zh, en } = &fault.message;
    let (zh, en) = (zh.trim_end_matches('。'), en.as_str());
    let message = if value.contains(' ') {
        msg!(
            "{zh}；收到的是“{shown}”。查询字符串中的 + 表示空格，加号须写作 %2B。",
            "{en}; received \"{shown}\": in a query, + stands for a space, and a plus sign is written as %2B"
        )
    } else {
        msg!("{zh}；收到的是“{shown}”。", "{en}; received \"{shown}\"")
    };
    Fault { message, ..fault }
}
