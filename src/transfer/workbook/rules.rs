//! What a column allows, as a spreadsheet's own checks and in words.

use rust_xlsxwriter::{DataValidation, DataValidationErrorStyle, DataValidationRule as Rule, ExcelDateTime, Formula};

use crate::error::Result;
use crate::model::text::Language;
use crate::transfer::columns::{Column, Shape};
use crate::transfer::read::is_code;

/// Whether no row can do without a column: what a new record needs, and the code, which says what record it is.
pub fn must_be_given(column: &Column) -> bool {
    !column.is_read_only && (column.is_required || is_code(column))
}

/// What a drop-down offers.
#[derive(Clone, Debug)]
pub enum Choices {
    /// No drop-down.
    Any,
    Words(Vec<String>),
    /// The cells that hold the words.
    Range(String),
}

/// The check of a column's cells; `None`: anything goes.
pub fn validation(column: &Column, choices: &Choices, language: Language) -> Result<Option<DataValidation>> {
    let is_zh = language == Language::Zh;
    let limit = |name: &str| column.schema[name].as_f64();
    let rule = DataValidation::new();
    let (rule, message) = match (&column.shape, choices) {
        (Shape::Reference(_), Choices::Range(range)) => {
            let words = if is_zh {
                "不在列表中。若此记录就在本文件里，可以照填。"
            } else {
                "Not in the list. Keep it if the record stands in this file."
            };
            // The record may be one that this file brings.
            let rule = rule.allow_list_formula(Formula::new(range)).set_error_style(DataValidationErrorStyle::Warning);
            (rule, words.to_owned())
        }
        (_, Choices::Range(range)) => (rule.allow_list_formula(Formula::new(range)), chosen(is_zh)),
        (_, Choices::Words(words)) => (rule.allow_list_strings(words)?, chosen(is_zh)),
        (Shape::Date, _) => {
            let words = if is_zh { "请填日期，如 2022-04-11。" } else { "A date is needed, like 2022-04-11." };
            let (first, last) = (ExcelDateTime::from_ymd(1901, 1, 1)?, ExcelDateTime::from_ymd(9999, 12, 31)?);
            (rule.allow_date(Rule::Between(first, last)), words.to_owned())
        }
        (Shape::Integer, _) => {
            let least = limit("minimum").unwrap_or(-2e9).max(-2e9);
            let most = limit("maximum").unwrap_or(2e9).min(2e9);
            #[expect(clippy::cast_possible_truncation, reason = "within what a check can say")]
            let (least, most) = (least as i32, most as i32);
            let words = if is_zh {
                format!("请填整数：{least} 至 {most}。")
            } else {
                format!("A whole number: {least} to {most}.")
            };
            (rule.allow_whole_number(Rule::Between(least, most)), words)
        }
        (Shape::Number | Shape::Decimal, _) => {
            let (least, most) = (limit("minimum").unwrap_or(-1e15), limit("maximum").unwrap_or(1e15));
            let words = if is_zh {
                format!("请只填数字：{least} 至 {most}。")
            } else {
                format!("A number alone: {least} to {most}.")
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

/// What the comment on a column's header says; `None` where the header says it all.
pub fn note(column: &Column, language: Language) -> Option<String> {
    let is_zh = language == Language::Zh;
    let say = |zh: &str, en: &str| if is_zh { zh.to_owned() } else { en.to_owned() };
    let mut lines = Vec::new();
    if must_be_given(column) {
        lines.push(say("必填。", "Required."));
    }
    if !is_zh && !column.about.is_empty() {
        lines.push(column.about.clone());
    }
    let rule = match &column.shape {
        Shape::Code if column.pointer.is_empty() => {
            say("此行所属记录的代码。", "The code of the record that the row belongs to.")
        }
        Shape::Code => {
            say("记录的唯一名字：小写字母、数字、连字符。", "Lower-case letters, digits and hyphens; unique.")
        }
        Shape::Date => say("日期，如 2022-04-11。", "A date, like 2022-04-11."),
        Shape::Decimal => say("只填数字。", "The number alone."),
        Shape::Choice(_) => say("从下拉列表选。", "Choose from the list."),
        Shape::Choices(choices) => {
            let words = choices.iter().map(|choice| if is_zh { choice.zh.as_str() } else { &choice.value });
            let words = words.collect::<Vec<_>>().join(if is_zh { "、" } else { ", " });
            say(&format!("可填多个，用分号隔开：{words}。"), &format!("Several, separated by semicolons: {words}."))
        }
        Shape::Reference(kind) => {
            let name = kind.name;
            say("从下拉列表选，或填代码、名称。", &format!("The code or the name of a {name}."))
        }
        Shape::References(kind) => {
            let name = kind.name;
            let en = format!("Codes or names, each of a {name}, separated by semicolons.");
            say("可填多个代码或名称，用分号隔开；可选的见“列表”工作表或相应的工作表。", &en)
        }
        Shape::Texts => say("可填多个，用分号隔开。", "Several, separated by semicolons."),
        _ => String::new(),
    };
    lines.push(rule);
    if let (Some(least), Some(most)) = (column.schema["minimum"].as_f64(), column.schema["maximum"].as_f64())
        && most < 1e12
    {
        lines.push(say(&format!("{least} 至 {most}。"), &format!("{least} to {most}.")));
    }
    // Of a text in two languages the schema says what holds for every such text, whatever it is about.
    let is_generic = column.en.ends_with(".zh") || column.en.ends_with(".en");
    if let (Some(most), Shape::Text, false) = (column.schema["maxLength"].as_u64(), &column.shape, is_generic) {
        lines.push(say(&format!("最多 {most} 个字。"), &format!("At most {most} characters.")));
    }
    let shows_example = !is_generic && matches!(column.shape, Shape::Text | Shape::Decimal);
    let example = [&column.schema["example"], &column.schema["examples"][0]];
    if shows_example
        && let Some(example) = example.into_iter().find_map(|example| example.as_str()).filter(|text| text.len() < 120)
    {
        lines.push(say(&format!("例：{example}"), &format!("Example: {example}")));
    }
    lines.retain(|line| !line.is_empty());
    (!lines.is_empty()).then(|| lines.join("\n"))
}
