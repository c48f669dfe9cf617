//! Messages for people who fill in tables: with headers instead of field names, the labels of drop-down lists instead of
//! values, and the value that was found.

mod numbers;

use super::columns::{Choice, Column, Shape, Table};
use super::fault::{ImportFault, bilingual};
use super::names::column_of;
use crate::db::reference::Kind;
use crate::{msg, resources};

/// Rewrites the message of a fault in the terms of its column. A message that names no column stays as it is.
pub fn reword(tables: &[Table], fault: &mut ImportFault) {
    let column = column_of(tables, &fault.pointer).or_else(|| column_of(tables, &format!("{}/zh", fault.pointer)));
    if let Some(column) = column
        && let Some(message) = of_column(column, fault)
    {
        fault.message = bilingual(&message);
    }
    fault.message.zh = with_chinese_labels(tables, &fault.message.zh);
}

fn of_column(column: &Column, fault: &ImportFault) -> Option<crate::model::text::Msg> {
    let (zh, en) = (&column.zh, &column.en);
    Some(match (fault.code.as_str(), &column.shape) {
        // A rule between fields has a message of its own, which says why the field is required.
        ("required", _) if fault.message.en.as_deref() == Some("is required") => {
            msg!("“{zh}”为必填项。", "is required: \"{en}\"")
        }
        ("type" | "format", Shape::Date) => numbers::of_day(column, fault.value.as_deref()),
        ("type" | "pattern", Shape::Integer | Shape::Number | Shape::Decimal) => {
            numbers::of_number(column, fault.value.as_deref())
        }
        ("too_small" | "too_large", Shape::Integer | Shape::Number) => {
            let value = fault.value.as_deref().unwrap_or_default();
            let (limit_zh, limit_en) = (fault.message.zh.trim_end_matches('。'), fault.message.en.as_deref()?);
            msg!("“{zh}”{limit_zh}，现为 {value}。", "\"{en}\" {limit_en}, not {value}")
        }
        ("type", Shape::Boolean) => msg!("“{zh}”须为“是”或“否”。", "\"{en}\" must be true or false"),
        ("pattern", Shape::Code) => msg!(
            "“{zh}”只能由小写字母、数字和连字符组成，不能只有数字，如 xinhui-road-2026。",
            "\"{en}\" must be of lower-case letters, digits and hyphens, not of digits alone, such as xinhui-road-2026"
        ),
        ("enum", Shape::Choice(choices) | Shape::Choices(choices)) => {
            let words = choices.iter().map(|Choice { zh, .. }| zh.as_str()).collect::<Vec<_>>().join("、");
            let values = choices.iter().map(|Choice { value, .. }| value.as_str()).collect::<Vec<_>>().join(", ");
            msg!("“{zh}”须为下列之一：{words}。", "must be one of {values}")
        }
        ("unknown_reference", Shape::Reference(kind) | Shape::References(kind)) => {
            let (name, word) = (kind.name, word_for(kind));
            let value = fault.value.as_deref().unwrap_or_default();
            msg!("没有{word}“{value}”。", "there is no {name} \"{value}\"")
        }
        _ => return None,
    })
}

/// The Chinese name of a kind.
fn word_for(kind: &Kind) -> &'static str {
    let form = resources::forms().into_iter().find(|form| form.kind.name == kind.name);
    form.map_or("记录", |form| form.sheet.zh)
}

/// A Chinese message with the names of fields and values replaced by their Chinese headers and labels.
fn with_chinese_labels(tables: &[Table], message: &str) -> String {
    let mut chinese = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(start) = rest.find(|c: char| c.is_ascii_lowercase()) {
        let (before, word_on) = rest.split_at(start);
        let end = word_on.find(|c: char| !(c.is_ascii_lowercase() || c == '_')).unwrap_or(word_on.len());
        let (word, after) = word_on.split_at(end);
        // A part of a code or of a quoted text is not the name of a field.
        let is_whole = !before.ends_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '“' | '/' | '.'))
            && !after.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '”' | '/' | '.'));
        chinese += before;
        match zh_for(tables, word).filter(|_| is_whole) {
            Some(zh) => chinese += &format!("“{zh}”"),
            None => chinese += word,
        }
        rest = after;
    }
    chinese += rest;
    chinese
}

fn zh_for<'a>(tables: &'a [Table], word: &str) -> Option<&'a str> {
    let columns = || tables.iter().flat_map(|table| &table.columns);
    let field = columns().find(|column| column.en == word).map(|column| column.zh.as_str());
    let value = || {
        columns().find_map(|column| match &column.shape {
            Shape::Choice(choices) | Shape::Choices(choices) => {
                choices.iter().find(|choice| choice.value == word).map(|choice| choice.zh.as_str())
            }
            _ => None,
        })
    };
    field.or_else(value).filter(|zh| !zh.is_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::columns;

    fn milestones() -> Vec<Table> {
        let contract = crate::validation::published();
        let form = resources::forms().into_iter().find(|form| form.kind.path == "milestones").unwrap();
        columns::tables(&contract, &form).unwrap()
    }

    #[test]
    fn fields_and_values_have_the_labels_of_the_sheet() {
        let tables = milestones();
        for (message, wanted) in [
            ("状态为 met 时须给出完成日期。", "状态为 “已完成” 时须给出完成日期。"),
            ("agreement 与 project 只能给出一个。", "“协议” 与 “项目” 只能给出一个。"),
            ("没有里程碑“met-2”。", "没有里程碑“met-2”。"),
            ("“met”重复出现。", "“met”重复出现。"),
        ] {
            assert_eq!(with_chinese_labels(&tables, message), wanted);
        }
    }

    #[test]
    fn messages_show_what_to_write_instead_of_a_pattern() {
        let tables = milestones();
        let message = |pointer: &str, code: &str| {
            let plain = msg!("为必填项。", "is required");
            let other = msg!("须为两位数字。", "must be two digits");
            let mut fault = ImportFault::of_file(code, if code == "required" { &plain } else { &other });
            fault.pointer = pointer.to_owned();
            fault.value = Some("某县".to_owned());
            reword(&tables, &mut fault);
            fault.message.zh
        };
        assert_eq!(message("/due_on", "format"), "“到期日”须为日期，如 2026-09-30；“某县”不是。");
        assert_eq!(message("/title", "required"), "“名称”为必填项。");
        assert_eq!(message("/agreement", "unknown_reference"), "没有协议“某县”。");
        assert_eq!(message("/responsible/0", "unknown_reference"), "没有单位“某县”。");
        assert!(message("/status", "enum").starts_with("“状态”须为下列之一：未开始、进行中"));
        assert!(message("/code", "pattern").contains("小写字母"));
        assert_eq!(message("/note", "pattern"), "须为两位数字。");
    }
}
