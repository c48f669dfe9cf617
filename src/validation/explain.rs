//! What a schema finds, as faults in both languages.

use jsonschema::error::{TypeKind, ValidationErrorKind as Broken};
use jsonschema::{ValidationError, Validator};
use serde_json::Value;

use super::escape;
use crate::error::Fault;
use crate::model::text::Msg;
use crate::msg;

/// How much of a wrong value a fault shows, in characters.
const SHOWN_MAX: usize = 100;

/// Every fault of a value, in words.
pub fn explain(validator: &Validator, value: &Value) -> Vec<Fault> {
    let mut faults = Vec::new();
    for error in validator.iter_errors(value) {
        explain_one(&error, &mut faults);
    }
    faults.dedup();
    faults
}

fn explain_one(error: &ValidationError<'_>, faults: &mut Vec<Fault>) {
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
                    msg!("没有此字段。", "is no field of this request"),
                );
            }
        }
        Broken::Type { kind } => {
            let wanted = match kind {
                TypeKind::Single(kind) => kind.to_string(),
                TypeKind::Multiple(kinds) => kinds.iter().map(|kind| kind.to_string()).collect::<Vec<_>>().join(" / "),
            };
            push(at, "type", msg!("类型须为 {wanted}。", "must be of type {wanted}"));
        }
        Broken::Enum { options } => {
            let allowed: Vec<&str> = options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let allowed = allowed.join(", ");
            push(at, "enum", msg!("须为下列之一：{allowed}。", "must be one of {allowed}"));
        }
        Broken::Pattern { pattern } if pattern == crate::model::text::NO_NUL => {
            push(at, "nul", msg!("不得含有 NUL 字符。", "must not contain the character NUL"));
        }
        Broken::Pattern { pattern } => push(at, "pattern", msg!("须符合格式 {pattern}。", "must match {pattern}")),
        Broken::Format { format } => push(at, "format", msg!("不是有效的 {format}。", "is not a valid {format}")),
        Broken::MaxLength { limit } => {
            push(at, "too_long", msg!("最多 {limit} 个字符。", "may have {limit} characters at most"))
        }
        Broken::MinLength { limit } => {
            push(at, "too_short", msg!("至少 {limit} 个字符。", "must have {limit} characters at least"))
        }
        Broken::MaxItems { limit } => push(at, "too_many", msg!("最多 {limit} 项。", "may have {limit} items at most")),
        Broken::MinItems { limit } => {
            push(at, "too_few", msg!("至少 {limit} 项。", "must have {limit} items at least"))
        }
        Broken::Minimum { limit } => push(at, "too_small", msg!("不得小于 {limit}。", "must be {limit} at least")),
        Broken::Maximum { limit } => push(at, "too_large", msg!("不得大于 {limit}。", "must be {limit} at most")),
        Broken::OneOfNotValid { context } | Broken::AnyOf { context } => {
            // `oneOf: [null, X]`: what X says is what is wrong.
            let is_null = |errors: &&Vec<ValidationError<'static>>| !matches!(errors.as_slice(), [only] if matches!(only.kind(), Broken::Type { kind: TypeKind::Single(kind) } if kind.to_string() == "null"));
            match context.iter().find(is_null) {
                Some(branch) => branch.iter().for_each(|error| explain_one(error, faults)),
                None => push(at, "invalid", msg!("无效。", "is not valid")),
            }
        }
        _ => {
            let words = error.masked().to_string();
            push(at, "invalid", msg!("无效：{words}", "is not valid: {words}"));
        }
    }
}

/// Shows the value of a parameter whose format is wrong as it arrived. A `+` arrives as a blank, which most often is the
/// offset of an instant (`2022-01-01T00:00:00+08:00`).
pub fn with_value(fault: Fault, query: &Value) -> Fault {
    let Some(value) = query.pointer(&fault.pointer).and_then(Value::as_str).filter(|_| fault.code == "format") else {
        return fault;
    };
    let shown: String = value.chars().filter(|letter| !letter.is_control()).take(SHOWN_MAX).collect();
    let Msg { zh, en } = &fault.message;
    let (zh, en) = (zh.trim_end_matches('。'), en.as_str());
    let message = if value.contains(' ') {
        msg!(
            "{zh}；收到的是“{shown}”。查询中的 + 表示空格，加号请写作 %2B。",
            "{en}: \"{shown}\" arrived; a + in a query is a blank, write a plus sign as %2B"
        )
    } else {
        msg!("{zh}；收到的是“{shown}”。", "{en}: \"{shown}\" arrived")
    };
    Fault { message, ..fault }
}
