//! Bundles as YAML or JSON, written record by record.
//!
//! Both are read back exactly, whatever characters a text has. In YAML a record is a block that people can read. A record with
//! characters that YAML readers treat as line breaks or reject is written as JSON, a subset of YAML that has escapes for them.

use std::io::Write;

use serde_json::Value;

use crate::error::{Error, Result};
use crate::http::format::Format;

/// A writer of bundles.
pub struct Text<W> {
    format: Format,
    file: W,
    /// The path of the previous record.
    path: Option<&'static str>,
}

impl<W: Write> Text<W> {
    /// Creates a writer of an empty bundle.
    pub fn new(format: Format, file: W) -> Text<W> {
        Text { format, file, path: None }
    }

    /// Writes the next record. All records of a kind must be written in succession.
    pub fn record(&mut self, path: &'static str, record: &Value) -> Result<()> {
        let is_first_of_kind = self.path != Some(path);
        let before = match (self.format, self.path) {
            (Format::Yaml, _) if is_first_of_kind => format!("{path}:\n"),
            (Format::Yaml, _) => String::new(),
            (_, None) => format!("{{\n\"{path}\": [\n"),
            (_, Some(_)) if is_first_of_kind => format!("\n],\n\"{path}\": [\n"),
            (..) => ",\n".to_owned(),
        };
        self.path = Some(path);
        let record = match self.format {
            Format::Yaml if is_plain(record) => yaml_serde::to_string(&[record]).map_err(Error::unexpected)?,
            Format::Yaml => format!("- {}\n", escaped(record)?),
            _ => escaped(record)?,
        };
        self.put(&before)?;
        self.put(&record)
    }

    /// Writes the end of the bundle.
    pub fn end(mut self) -> Result<()> {
        match (self.format, self.path) {
            (_, None) => self.put("{}\n")?,
            (Format::Yaml, Some(_)) => {}
            (_, Some(_)) => self.put("\n]\n}\n")?,
        }
        self.file.flush().map_err(failed)
    }

    fn put(&mut self, text: &str) -> Result<()> {
        self.file.write_all(text.as_bytes()).map_err(failed)
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::Unavailable(format!("cannot write a temporary file: {error}"))
}

/// Whether a character beyond ASCII is written with an escape: control characters from DEL on, line and paragraph separators,
/// and the byte order mark.
fn needs_escape(letter: char) -> bool {
    matches!(letter, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// Whether a block of YAML can represent every text of a value.
fn is_plain(value: &Value) -> bool {
    match value {
        Value::String(text) => {
            !text.chars().any(|letter| (letter.is_control() && letter != '\n') || needs_escape(letter))
        }
        Value::Array(items) => items.iter().all(is_plain),
        Value::Object(fields) => fields.values().all(is_plain),
        _ => true,
    }
}

/// Renders a value as JSON on one line.
fn escaped(value: &Value) -> Result<String> {
    let text = serde_json::to_string(value)?;
    if !text.contains(needs_escape) {
        return Ok(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        if needs_escape(letter) {
            // Such a character occurs only in strings, and has one UTF-16 unit.
            safe.push_str(&format!("\\u{:04x}", u32::from(letter)));
        } else {
            safe.push(letter);
        }
    }
    Ok(safe)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::transfer::format::Format as Read;
    use crate::transfer::read::{ReadOptions, read};
    use crate::transfer::row::{Layout, Row, Sink};
    use crate::validation::Contract;

    /// Collects the records of a reader.
    #[derive(Default)]
    struct Collected(Vec<Value>);

    impl Sink for Collected {
        fn layout(&mut self, _: Layout) -> Result<()> {
            Ok(())
        }

        fn row(&mut self, row: Row) -> Result<()> {
            self.0.push(row.document);
            Ok(())
        }

        fn fault(&mut self, fault: crate::transfer::fault::ImportFault) -> Result<()> {
            panic!("{fault:?}")
        }
    }

    fn read_back(format: Format, records: &[Value]) -> Vec<Value> {
        let mut bytes = Vec::new();
        let mut text = Text::new(format, &mut bytes);
        records.iter().for_each(|record| text.record("milestones", record).unwrap());
        text.end().unwrap();
        let contract = Contract::new(r#"{ "paths": {} }"#).unwrap();
        let mut collected = Collected::default();
        read(&mut std::io::Cursor::new(bytes), Read::Yaml, ReadOptions::default(), &contract, &mut collected).unwrap();
        collected.0
    }

    /// Texts that a format can confuse with another type or with its syntax.
    const AMBIGUOUS: [&str; 76] = [
        "",
        "no",
        "NO",
        "yes",
        "on",
        "y",
        "true",
        "null",
        "~",
        "1e3",
        "0x1F",
        "0o17",
        "1_000",
        "12:30:45",
        ".inf",
        ".5",
        "5.",
        "+1",
        "-1",
        "1.0",
        "2022-04-11",
        " leading",
        "trailing ",
        "  ",
        "a\nb",
        "a\n",
        "\na",
        "\n",
        "a\n\n",
        " a\n b",
        "a\r\nb",
        "\r",
        "=1+1",
        "'=1+1",
        "''",
        "\"",
        "😀",
        "a\u{85}b",
        "a\u{2028}b",
        "\u{2029}",
        "\u{feff}x",
        "\tx",
        "x\t",
        "a\tb\nc",
        "\\",
        "\\n",
        "# x",
        "x # y",
        "x: y",
        "x:",
        ":",
        "- x",
        "-",
        "?",
        "? x",
        "[x",
        "{x",
        "}",
        "*x",
        "&x",
        "!x",
        "|",
        ">",
        "%x",
        "@x",
        "`x",
        "---",
        "...",
        "--- x",
        "<<",
        "=",
        "\u{1}",
        "\u{1b}",
        "\u{7f}",
        "中文：一、二",
        "a,b",
    ];

    #[test]
    fn ambiguous_texts_are_read_back() {
        for format in [Format::Yaml, Format::Json] {
            let records: Vec<Value> = AMBIGUOUS
                .iter()
                .enumerate()
                .map(|(index, text)| json!({ "code": format!("m-{index}"), "note": text, "title": { "zh": text, "en": null }, "list": [text] }))
                .collect();
            assert_eq!(read_back(format, &records), records);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_back(texts in prop::collection::vec("[ \\n\\t:#'\"a1=\\-\u{85}\u{2028}中😀\\\\|>{}\\[\\],&*!%@`?~.\\r]{0,12}", 1..4)) {
            let records: Vec<Value> = texts
                .iter()
                .enumerate()
                .map(|(index, text)| json!({ "code": format!("m-{index}"), "note": text, "list": [{ "x": text }, text] }))
                .collect();
            for format in [Format::Yaml, Format::Json] {
                prop_assert_eq!(read_back(format, &records), records.clone());
            }
        }
    }
}
