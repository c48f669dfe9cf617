//! Faults of a file, each with its cell.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::text::{Language, Msg, Text};
use crate::text_enum;

text_enum! {
    /// How serious a fault is.
    Severity as "ImportSeverity" {
        /// 错误: the file cannot be applied.
        Error => "error",
        /// 警告: the file can be applied, but the cell should be checked.
        Warning => "warning",
    }
}

/// A fault of a file: an error or a warning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ImportFault {
    /// Whether the fault prevents the file from being applied.
    pub severity: Severity,
    /// Sheet of the workbook; null for other files.
    #[schema(max_length = 200, example = "里程碑")]
    pub sheet: Option<String>,
    /// Row number of the sheet or CSV file as in a spreadsheet, or line number of another file; null for a fault of the file
    /// as a whole.
    #[schema(minimum = 1, maximum = 4_294_967_295_i64, example = 12)]
    pub row: Option<i64>,
    /// Letters of the column; null for a fault of the whole row, or a file without columns.
    #[schema(max_length = 3, pattern = "^[A-Z]+$", example = "F")]
    pub column: Option<String>,
    /// Path of the resource; null for a fault that concerns no record.
    #[schema(max_length = 50, example = "milestones")]
    pub resource: Option<String>,
    /// Code of the record; null if it has none.
    #[schema(max_length = 100, example = "enping-hospital-opening")]
    pub record: Option<String>,
    /// JSON pointer of the field within the record; empty for the record or the file as a whole.
    #[schema(max_length = 500, example = "/due_on")]
    pub pointer: String,
    /// Stable code of the fault in snake_case.
    #[schema(max_length = 50, example = "required")]
    pub code: String,
    /// Message in both languages.
    pub message: Text,
    /// Value of the cell; null if it is empty.
    #[schema(max_length = 1000, example = "恩平县")]
    pub value: Option<String>,
    /// Similar value that would be valid; null if there is none.
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

/// Converts a message to a text in both languages.
pub fn bilingual(message: &Msg) -> Text {
    Text { zh: message.get(Language::Zh).to_owned(), en: Some(message.get(Language::En).to_owned()) }
}
