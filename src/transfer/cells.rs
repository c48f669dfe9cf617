//! Conversion between values and cells.
//!
//! [`read()`] is the inverse of [`written`], in both languages and also through the text of a CSV file ([`Cell::text`]). A
//! decimal may lose zeros at its end (`100` for `100.00`), which does not change the number. [`read()`] accepts the notations
//! that people use (`2022年4月11日`, `1,200`, `是`). A text that is not of the column's type stays unchanged, so that the
//! validation reports it.

mod parse;
mod rows;
#[cfg(test)]
mod tests;

use chrono::NaiveDate;
use serde_json::{Number, Value};

use super::amounts::digits;
use super::columns::{Choice, Column, NAME_AND_CODE, SEPARATOR, Shape, split};
use crate::model::text::Language;
use crate::normalize::{half_width, name_key};
use parse::truth;
pub use parse::{NoDay, day, error_value, is_percent, no_day, number_text, plain, ungrouped};
pub use rows::{Cells, rows};

/// The content of a cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Empty,
    /// Text as in the file: one that looks like a formula has the `'` of [`defuse`] in front.
    Text(String),
    Number(f64),
    Date(NaiveDate),
    Boolean(bool),
}

impl Cell {
    /// The cell as text, for CSV.
    pub fn text(&self) -> String {
        match self {
            Cell::Empty => String::new(),
            Cell::Text(text) => text.clone(),
            Cell::Number(number) => number_text(*number),
            Cell::Date(day) => day.to_string(),
            Cell::Boolean(true) => "true".to_owned(),
            Cell::Boolean(false) => "false".to_owned(),
        }
    }

    /// Whether the cell is empty or shows only spaces.
    pub fn is_blank(&self) -> bool {
        match self {
            Cell::Empty => true,
            Cell::Text(text) => text.trim().is_empty(),
            _ => false,
        }
    }
}

/// The characters that begin a formula. Spreadsheets with a Chinese or Japanese locale accept the full-width forms as well.
const FORMULA_STARTS: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// Whether a spreadsheet may ignore a character in front of a formula: spaces of any width, line breaks and other control
/// characters.
fn is_dropped(letter: char) -> bool {
    letter.is_whitespace() || letter.is_control() || letter == '\u{feff}'
}

/// Whether a spreadsheet could evaluate a text as a formula, or this module read it as the error of one, after leading `'` are
/// removed. A leading tab or line break counts as well: a program that pastes the text splits the cell there.
fn looks_like_formula(text: &str) -> bool {
    let text = text.trim_start_matches('\'');
    text.starts_with(['\t', '\r', '\n'])
        || text.trim_start_matches(is_dropped).starts_with(FORMULA_STARTS)
        || error_value(text).is_some()
}

/// Prevents formula injection: puts a `'` in front of a text that a spreadsheet could evaluate. [`restore`] removes it again.
pub fn defuse(text: String) -> String {
    if looks_like_formula(&text) { format!("'{text}") } else { text }
}

/// The original text of a [`defuse`]d one.
pub fn restore(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if looks_like_formula(rest) => rest,
        _ => text,
    }
}

/// The cell of a column for a record or an item of a list. References may be objects `{id, code, name}`, as in a record that is
/// read, or codes, as in one that is written.
pub fn written(column: &Column, record: &Value, language: Language) -> Cell {
    let Some(value) = record.pointer(&column.pointer) else { return Cell::Empty };
    let words = |text: String| if text.is_empty() { Cell::Empty } else { Cell::Text(defuse(text)) };
    match (&column.shape, value) {
        (_, Value::Null) => Cell::Empty,
        (Shape::Boolean, Value::Bool(value)) => match language {
            Language::Zh => words(if *value { "是" } else { "否" }.to_owned()),
            Language::En => Cell::Boolean(*value),
        },
        (Shape::Date, Value::String(text)) => text.parse().map_or_else(|_| words(text.clone()), Cell::Date),
        (Shape::Integer | Shape::Number, Value::Number(number)) => of_number(number),
        (Shape::Decimal, Value::String(text)) => match text.parse::<f64>() {
            Ok(number) if plain(&number_text(number)) == plain(text) => Cell::Number(number),
            // A number with more digits than a float can hold; as text, without a `'` in front of its minus sign.
            _ if plain(text).is_some() => Cell::Text(text.clone()),
            _ => words(text.clone()),
        },
        (Shape::Choice(choices), Value::String(value)) => words(word_of(choices, value, language)),
        (Shape::Choices(choices), Value::Array(values)) => {
            words(joined(values, |value| value.as_str().map(|value| word_of(choices, value, language))))
        }
        (Shape::Reference(_) | Shape::Named, value) => words(named(value, language, |_| true)),
        (Shape::References(_) | Shape::NamedAll, Value::Array(values)) => {
            // A name with a separator in it would be read back as two references.
            words(joined(values, |value| Some(named(value, language, |name| split(name).eq([name])))))
        }
        (Shape::Texts, Value::Array(values)) => words(joined(values, |value| value.as_str().map(str::to_owned))),
        (_, Value::String(text)) => words(text.clone()),
        (_, other) => words(other.to_string()),
    }
}

/// The value of a cell, in the shape of a POST body; `None` if the field is absent.
///
/// An empty cell is an empty list in a column of lists, null in a nullable column, and otherwise absent: an import then leaves
/// the field of an existing record unchanged.
pub fn read(column: &Column, cell: &Cell) -> Option<Value> {
    if cell.is_blank() {
        let is_list = matches!(column.shape, Shape::Choices(_) | Shape::References(_) | Shape::NamedAll | Shape::Texts);
        return if is_list {
            Some(Value::Array(Vec::new()))
        } else if column.is_nullable {
            Some(Value::Null)
        } else {
            None
        };
    }
    let text = match cell {
        Cell::Text(text) => restore(text).to_owned(),
        Cell::Boolean(true) => "TRUE".to_owned(),
        Cell::Boolean(false) => "FALSE".to_owned(),
        other => other.text(),
    };
    let trimmed = text.trim();
    let unchanged = || Value::String(text.clone());
    Some(match &column.shape {
        Shape::Text | Shape::Instant => unchanged(),
        Shape::Code => Value::String(half_width(&text).into_owned()),
        Shape::Integer | Shape::Number => match cell {
            Cell::Number(number) => to_number(*number).unwrap_or_else(unchanged),
            _ => digits(column, None, trimmed).and_then(|digits| number(&digits)).unwrap_or_else(unchanged),
        },
        Shape::Decimal => digits(column, None, trimmed).map_or_else(unchanged, Value::String),
        Shape::Date => day(trimmed).map_or_else(unchanged, |day| Value::String(day.to_string())),
        Shape::Boolean => truth(&half_width(trimmed)).map_or_else(unchanged, Value::Bool),
        Shape::Choice(choices) => Value::String(value_of(choices, trimmed)),
        Shape::Choices(choices) => split(trimmed).map(|part| Value::String(value_of(choices, part))).collect(),
        Shape::Reference(_) | Shape::Named => Value::String(key(trimmed).to_owned()),
        Shape::References(_) | Shape::NamedAll => {
            split(trimmed).map(|part| Value::String(key(part).to_owned())).collect()
        }
        Shape::Texts => split(trimmed).map(|part| Value::String(part.to_owned())).collect(),
        Shape::Json => serde_json::from_str(trimmed).unwrap_or_else(|_| unchanged()),
    })
}

/// The part of a reference that identifies the record: the code of `恩平市 | enping`.
pub fn key(text: &str) -> &str {
    text.rsplit_once(NAME_AND_CODE).map_or(text, |(_, code)| code).trim()
}

/// A reference as text: its code, in Chinese files after its name.
fn named(value: &Value, language: Language, may_show: impl Fn(&str) -> bool) -> String {
    let code = match (value, &value["code"], &value["id"]) {
        (Value::String(code), ..) | (_, Value::String(code), _) => code.clone(),
        (_, _, Value::Number(id)) => id.to_string(),
        (other, ..) => return other.to_string(),
    };
    match value["name"]["zh"].as_str() {
        Some(name) if language == Language::Zh && !name.trim().is_empty() && may_show(name) => {
            format!("{name}{NAME_AND_CODE}{code}")
        }
        _ => code,
    }
}

fn joined(values: &[Value], word: impl Fn(&Value) -> Option<String>) -> String {
    let words: Vec<String> = values.iter().map(|value| word(value).unwrap_or_else(|| value.to_string())).collect();
    words.join(SEPARATOR)
}

fn word_of(choices: &[Choice], value: &str, language: Language) -> String {
    let choice = choices.iter().find(|choice| choice.value == value);
    match (choice, language) {
        (Some(choice), Language::Zh) => choice.zh.clone(),
        _ => value.to_owned(),
    }
}

fn value_of(choices: &[Choice], word: &str) -> String {
    let wanted = name_key(word);
    let choice = choices.iter().find(|choice| name_key(&choice.value) == wanted || name_key(&choice.zh) == wanted);
    choice.map_or(word, |choice| &choice.value).to_owned()
}

fn of_number(number: &Number) -> Cell {
    // Beyond 2^53 a float, which is what a cell holds, does not represent every integer.
    let fits = number.as_i64().is_none_or(|whole| whole.unsigned_abs() <= 1 << 53);
    match number.as_f64() {
        Some(float) if fits => Cell::Number(float),
        _ => Cell::Text(number.to_string()),
    }
}

fn to_number(number: f64) -> Option<Value> {
    let mut value = Value::Number(Number::from_f64(number)?);
    crate::validation::normalize_numbers(&mut value);
    Some(value)
}

fn number(digits: &str) -> Option<Value> {
    match digits.parse::<i64>() {
        Ok(whole) => Some(Value::from(whole)),
        Err(_) => to_number(digits.parse().ok()?),
    }
}
