//! What is wrong with a file, cell by cell.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::text::{Language, Msg, Text};
use crate::text_enum;

text_enum! {
    /// How much a fault weighs.
    Severity as "ImportSeverity" {
        /// 错误: nothing is written while it stands.
        Error => "error",
        /// 警告: it is written all the same, and somebody should look at it.
        Warning => "warning",
    }
}

/// One fault of a file, or one thing that somebody should look at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ImportFault {
    /// Whether it keeps the file from being applied.
    pub severity: Severity,
    /// The sheet of a workbook; null in other files.
    #[schema(max_length = 200, example = "里程碑")]
    pub sheet: Option<String>,
    /// The row of the sheet or of the CSV file as a spreadsheet numbers it, or the line of another file; null where it is
    /// about the file as a whole.
    #[schema(minimum = 1, maximum = 4_294_967_295_i64, example = 12)]
    pub row: Option<i64>,
    /// The column's letters; null where it is about the whole row, or the file has no columns.
    #[schema(max_length = 3, pattern = "^[A-Z]+$", example = "F")]
    pub column: Option<String>,
    /// The resource; null where it is about no record.
    #[schema(max_length = 50, example = "milestones")]
    pub resource: Option<String>,
    /// The record's code, where it has one.
    #[schema(max_length = 100, example = "enping-hospital-opening")]
    pub record: Option<String>,
    /// JSON pointer of the field within the record; empty: the record or the file as a whole.
    #[schema(max_length = 500, example = "/due_on")]
    pub pointer: String,
    /// Stable and snake_case.
    #[schema(max_length = 50, example = "required")]
    pub code: String,
    /// What is wrong, in both languages.
    pub message: Text,
    /// What stands there; null where nothing does.
    #[schema(max_length = 1000, example = "恩平县")]
    pub value: Option<String>,
    /// What may have been meant: written there, it would do.
    #[schema(max_length = 1000, example = "enping")]
    pub suggestion: Option<String>,
}

impl ImportFault {
    /// A fault of the file as a whole.
    pub fn of_file(code: &str, message: &Msg) -> ImportFault {
        ImportFault {
            severity: Severity::Error,
            sheet: None,
            row: None,
            column: None,
            resource: None,
            record: None,
            pointer: String::new(),
            code: code.to_owned(),
            message: bilingual(message),
            value: None,
            suggestion: None,
        }
    }

    /// The fault as one line: `里程碑!F12: milestones/x-y /due_on: is required`.
    pub fn line(&self, file: &str, language: Language) -> String {
        let mut place = self.sheet.clone().unwrap_or_else(|| file.to_owned());
        match (&self.column, self.row) {
            (Some(column), Some(row)) => place += &format!("!{column}{row}"),
            (None, Some(row)) => place += &format!(":{row}"),
            (_, None) => {}
        }
        let record = match (&self.resource, &self.record) {
            (Some(resource), Some(code)) => format!(" {resource}/{code}"),
            (Some(resource), None) => format!(" {resource}"),
            _ => String::new(),
        };
        let field = if self.pointer.is_empty() { String::new() } else { format!(" {}", self.pointer) };
        let colon = if record.is_empty() && field.is_empty() { "" } else { ":" };
        let message = match language {
            Language::Zh => &self.message.zh,
            Language::En => self.message.en.as_ref().unwrap_or(&self.message.zh),
        };
        format!("{place}:{record}{field}{colon} {message}")
    }
}

/// A message in both languages, as data.
pub fn bilingual(message: &Msg) -> Text {
    Text { zh: message.get(Language::Zh).to_owned(), en: Some(message.get(Language::En).to_owned()) }
}
