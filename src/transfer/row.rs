//! What a reader yields: records in the shape of their POST bodies, each with its place in the file.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fault::{ImportFault, Severity, bilingual};
use crate::error::{Fault, Result};
use crate::model::text::without_nul;
use crate::normalize::spelled;

/// One record of a file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Row {
    /// Path of the resource: `milestones`.
    pub path: String,
    pub code: String,
    /// In the shape of the resource's POST body. References may still be names.
    pub document: Value,
    pub place: Place,
}

/// The place of a record in its file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Index of its table among the [`Layout`]s that the reader has yielded.
    pub table: u32,
    /// Row number as in a spreadsheet, or line number; from 1.
    pub row: u32,
    /// Places of fields that are not in the columns of the table, by JSON pointer: in YAML the line of each field, in a
    /// workbook the cells of the sheets with the record's lists.
    pub elsewhere: Vec<(String, Spot)>,
}

/// One place in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spot {
    pub sheet: Option<String>,
    pub row: u32,
    /// Letters.
    pub column: Option<String>,
}

/// A table of a file: its sheet and columns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// Name of the sheet; `None` if the file has no sheets.
    pub sheet: Option<String>,
    /// JSON pointers within the record, each with the letters of its column.
    pub columns: Vec<(String, String)>,
}

/// Receives the results of a reader one by one, so that a file is never in memory as a whole.
pub trait Sink {
    /// A table begins. Its index is the number of tables before it.
    fn layout(&mut self, layout: Layout) -> Result<()>;
    fn row(&mut self, row: Row) -> Result<()>;
    fn fault(&mut self, fault: ImportFault) -> Result<()>;
}

impl Row {
    /// A fault of a field of this record, with its place and value.
    pub fn fault(&self, layouts: &[Layout], fault: &Fault) -> ImportFault {
        let spot = self.spot(layouts, &fault.pointer);
        ImportFault {
            severity: Severity::Error,
            sheet: spot.sheet,
            row: Some(i64::from(spot.row)),
            column: spot.column,
            resource: Some(self.path.clone()),
            record: Some(without_nul(&self.code)),
            pointer: fault.pointer.clone(),
            code: fault.code.to_owned(),
            message: bilingual(&fault.message),
            // A fault of the record as a whole has no value to show.
            value: Some(&fault.pointer)
                .filter(|at| !at.is_empty())
                .and_then(|at| self.document.pointer(at))
                .and_then(shown),
            suggestion: None,
        }
    }

    /// The place of a field, or of the nearest thing that contains it.
    pub fn spot(&self, layouts: &[Layout], pointer: &str) -> Spot {
        let layout = layouts.get(self.place.table as usize);
        let sheet = layout.and_then(|layout| layout.sheet.clone());
        let mut at = pointer;
        loop {
            if let Some((_, spot)) = self.place.elsewhere.iter().find(|(field, _)| field == at) {
                return spot.clone();
            }
            let column = layout.and_then(|layout| {
                let own = layout.columns.iter().find(|(field, _)| field == at);
                // A text without a language is placed at the first column, its Chinese.
                let first = || layout.columns.iter().find(|(field, _)| field.strip_prefix(at) == Some("/zh"));
                own.or_else(first).map(|(_, column)| column.clone())
            });
            if column.is_some() {
                return Spot { sheet, row: self.place.row, column };
            }
            match at.rfind('/') {
                Some(end) => at = &at[..end],
                None => return Spot { sheet, row: self.place.row, column: None },
            }
        }
    }
}

/// A value as a cell shows it, cut to 200 characters.
fn shown(value: &Value) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::String(text) => spelled(&without_nul(text)),
        other => other.to_string(),
    };
    Some(if text.chars().count() > 200 { text.chars().take(199).chain(['…']).collect() } else { text })
}
