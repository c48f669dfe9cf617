//! The rules of a column: the checks of the spreadsheet program, and the comment on the header.

use rust_xlsxwriter::{DataValidation, DataValidationErrorStyle, DataValidationRule as Rule, ExcelDateTime, Formula};

use super::hints;
use crate::db::reference::Kind;
use crate::error::Result;
use crate::model::text::Language;
use crate::resources;
use crate::transfer::columns::{Column, Shape, Table};
use crate::transfer::read::is_code;

/// Whether a column is marked as required: it is required for new records, or has the code that identifies the record.
pub fn must_be_given(column: &Column) -> bool {
    !column.is_read_only && (column.is_required || is_code(column))
}

/// The values of a drop-down list.
#[derive(Clone, Debug)]
pub enum Choices {
    /// No drop-down list.
    Any,
    Words(Vec<String>),
    /// The range of cells with the values.
    Range(String),
}

/// The check of a column's cells; `None` if there is none.
pub fn validation(column: &Column, choices: &Choices, language: Language) -> Result<Option<DataValidation>> {
    let is_zh = language == Language::Zh;
    let limit = |name: &str| column.schema[name].as_f64();
    let rule = DataValidation::new();
    let (rule, message) = match (&column.shape, choices) {
        (Shape::Reference(_), Choices::Range(range)) => {
            let words = if is_zh {
                "不在列表中。若要引用的记录就在本文件里，可以照填。"
            } else {
                "Not in the list. Keep it if the record is in this file."
            };
            // Only a warning, because the record may be created by this file.
            let rule = rule.allow_list_formula(Formula::new(range)).set_error_style(DataValidationErrorStyle::Warning);
            (rule, words.to_owned())
        }
        (_, Choices::Range(range)) => (rule.allow_list_formula(Formula::new(range)), chosen(is_zh)),
        (_, Choices::Words(words)) => (rule.allow_list_strings(words)?, chosen(is_zh)),
        (Shape::Date, _) => {
            let words = if is_zh { "请填日期，如 2022-04-11。" } else { "Enter a date, such as 2022-04-11." };
            let (first, last) = (ExcelDateTime::from_ymd(1901, 1, 1)?, ExcelDateTime::from_ymd(9999, 12, 31)?);
            (rule.allow_date(Rule::Between(first, last)), words.to_owned())
        }
        (Shape::Integer, _) => {
            let least = limit("minimum").unwrap_or(-2e9).max(-2e9);
            let most = limit("maximum").unwrap_or(2e9).min(2e9);
            #[expect(clippy::cast_possible_truncation, reason = "within the limits of a check")]
            let (least, most) = (least as i32, most as i32);
            let words = if is_zh {
                format!("请填整数：{least} 至 {most}。")
            } else {
                format!("Enter a whole number from {least} to {most}.")
            };
            (rule.allow_whole_number(Rule::Between(least, most)), words)
        }
        (Shape::Number | Shape::Decimal, _) => {
            let (least, most) = (limit("minimum").unwrap_or(-1e15), limit("maximum").unwrap_or(1e15));
            let words = if is_zh {
                format!("请只填数字：{least} 至 {most}。")
            } else {
                format!("Enter a number alone, from {least} to {most}.")
            };
            (rule.allow_decimal_number(Rule::Between(least, most)), words)
        }
        (Shape::Text | Shape::Code, _) => match column.schema["maxLength"].as_u64() {
            Some(most) => {
                let most = u32::try_from(most).unwrap_or(32_767).min(32_767);
                let words =
                    if is_zh { format!("最多 {most} 个字。") } else { format!("At most {most} characters.") };
                (rule.allow_text_length(Rule::LessThanOrEqualTo(most)), words)
            }
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    let title = if is_zh { "请检查" } else { "Please check" };
    Ok(Some(rule.set_error_title(title)?.set_error_message(message)?))
}

fn chosen(is_zh: bool) -> String {
    if is_zh { "请从下拉列表中选择。" } else { "Choose from the list." }.to_owned()
}

/// The comment on the header of a column; `None` if there is nothing to explain.
///
/// In English it begins with the description in the schema. That has no Chinese translation, so that a Chinese comment has the
/// rules between columns from [`hints`].
pub fn note(table: &Table, column: &Column, language: Language) -> Option<String> {
    let is_zh = language == Language::Zh;
    let mut lines = Vec::new();
    if !is_zh && !column.about.is_empty() {
        lines.push(column.about.clone());
    }
    lines.extend(content(column, is_zh));
    lines.extend(limits(column, is_zh));
    if is_zh {
        lines.extend(hints::zh(&table.en, &column.en).map(str::to_owned));
    }
    lines.extend(when_empty(table, column, is_zh));
    lines.extend(example(column, is_zh));
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn pick(is_zh: bool, zh: &str, en: &str) -> String {
    if is_zh { zh } else { en }.to_owned()
}

/// The content that the cells of a column take.
fn content(column: &Column, is_zh: bool) -> Option<String> {
    Some(match &column.shape {
        Shape::Code if column.pointer.is_empty() => pick(
            is_zh,
            "此行所属记录的代码，该记录须在本文件的主表中。",
            "The record must be in the main sheet of this file.",
        ),
        Shape::Code => pick(
            is_zh,
            "记录的唯一标识：由小写字母、数字和连字符组成，不能只有数字。代码已存在则修改该记录，不存在则新建。",
            "Lower-case letters, digits and hyphens, not digits alone. An existing code changes that record, a new code creates one.",
        ),
        Shape::Date => pick(
            is_zh,
            "日期：YYYY-MM-DD，如 2022-04-11，或日期格式的单元格；须写明年、月、日。",
            "A date: YYYY-MM-DD, such as 2022-04-11, or a cell with a date format; always with year, month and day.",
        ),
        Shape::Integer => pick(is_zh, "整数。", "A whole number."),
        Shape::Number | Shape::Decimal => pick(is_zh, "只填数字。", "The number alone."),
        Shape::Choice(_) | Shape::Boolean => pick(is_zh, "从下拉列表选。", "Choose from the list."),
        Shape::Choices(choices) => {
            let words = choices.iter().map(|choice| if is_zh { choice.zh.as_str() } else { &choice.value });
            let words = words.collect::<Vec<_>>().join(if is_zh { "、" } else { ", " });
            if is_zh {
                format!("可填多个，用分号隔开：{words}。")
            } else {
                format!("One or more, separated by semicolons: {words}.")
            }
        }
        Shape::Reference(kind) => {
            let (zh, en) = (zh_name(kind), kind.name);
            if is_zh {
                format!("引用{zh}：从下拉列表选，或填代码或名称，不能填编号。")
            } else {
                format!("Choose from the list, or enter the code or the name of a record ({en}), not its id.")
            }
        }
        Shape::References(kind) => {
            let (zh, en) = (zh_name(kind), kind.name);
            if is_zh {
                format!("引用{zh}：填代码或名称，不能填编号；可填多个，用分号隔开。")
            } else {
                format!("Codes or names of records ({en}), not ids, separated by semicolons.")
            }
        }
        Shape::Texts => pick(is_zh, "可填多个，用分号隔开。", "One or more, separated by semicolons."),
        _ => return None,
    })
}

fn zh_name(kind: &Kind) -> &'static str {
    let form = resources::forms().into_iter().find(|form| form.kind.name == kind.name);
    form.map_or("记录", |form| form.sheet.zh)
}

/// Whether the schema is the one that all bilingual texts share, whose limits and example do not describe the column.
fn is_generic(column: &Column) -> bool {
    column.en.ends_with(".zh") || column.en.ends_with(".en")
}

fn limits(column: &Column, is_zh: bool) -> Option<String> {
    let limit = |name: &str| column.schema[name].as_f64();
    if let (Some(least), Some(most)) = (limit("minimum"), limit("maximum"))
        && most < 1e12
    {
        return Some(pick(is_zh, &format!("{least} 至 {most}。"), &format!("From {least} to {most}.")));
    }
    match (column.schema["maxLength"].as_u64(), &column.shape) {
        (Some(most), Shape::Text) if !is_generic(column) => {
            Some(pick(is_zh, &format!("最多 {most} 个字。"), &format!("At most {most} characters.")))
        }
        _ => None,
    }
}

/// The effect of an empty cell. It clears a nullable field or a list; any other field is absent, which leaves an existing record
/// unchanged. Items of lists have no such comment, because a list is replaced as a whole.
fn when_empty(table: &Table, column: &Column, is_zh: bool) -> Option<String> {
    let is_list = matches!(column.shape, Shape::Choices(_) | Shape::References(_) | Shape::Texts);
    Some(if is_code(column) || (column.is_required && table.list.is_some()) {
        pick(is_zh, "必填。", "Required.")
    } else if column.is_required {
        pick(
            is_zh,
            "新建时必填；修改时留空，保持原值。",
            "Required for a new record; empty leaves an existing one unchanged.",
        )
    } else if table.list.is_some() {
        return None;
    } else if is_list || column.is_nullable {
        pick(is_zh, "留空：清空原值。", "Empty clears the field.")
    } else {
        pick(
            is_zh,
            "留空：新建时取默认值，修改时保持原值。",
            "Empty gives a new record the default, and leaves an existing one unchanged.",
        )
    })
}

fn example(column: &Column, is_zh: bool) -> Option<String> {
    if is_generic(column) || !matches!(column.shape, Shape::Text | Shape::Decimal) {
        return None;
    }
    let examples = [&column.schema["example"], &column.schema["examples"][0]];
    let example = examples.into_iter().find_map(|example| example.as_str()).filter(|text| text.len() < 120)?;
    Some(pick(is_zh, &format!("例：{example}"), &format!("Example: {example}")))
}
