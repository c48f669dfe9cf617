//! What reading a file gives: records in the shape of their POST bodies, each with where it stands.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fault::{ImportFault, Severity, bilingual};
use crate::error::{Fault, Result};
use crate::model::text::without_nul;
use crate::normalize::spelled;

/// One record of a file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Row {
    /// The resource's path: `milestones`.
    pub path: String,
    pub code: String,
    /// In the shape of the resource's POST body. References may be names still.
    pub document: Value,
    pub place: Place,
}

/// Where a record stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// The number of the table that it stands in, among the [`Layout`]s that the reader gave.
    pub table: u32,
    /// The row as a spreadsheet numbers it, or the line of the file; from 1.
    pub row: u32,
    /// Fields that stand elsewhere than the table's columns say: JSON pointer and place. For a YAML file the line of each
    /// field; for a workbook the cells of the sheets that hold the record's lists.
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

/// A table of a file: what all of its rows have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// The sheet's name; `None` where the file has no sheets.
    pub sheet: Option<String>,
    /// JSON pointer within the record, and the letters of its column.
    pub columns: Vec<(String, String)>,
}

/// What a reader finds, told one by one, so that a file is never in memory as a whole.
pub trait Sink {
    /// A table begins; its number is how many were told before.
    fn layout(&mut self, layout: Layout) -> Result<()>;
    fn row(&mut self, row: Row) -> Result<()>;
    fn fault(&mut self, fault: ImportFault) -> Result<()>;
}

impl Row {
    /// The fault of a field of this record, with its place, and what stands there.
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
            // The record as a whole is no value of a cell.
            value: Some(&fault.pointer)
                .filter(|at| !at.is_empty())
                .and_then(|at| self.document.pointer(at))
                .and_then(shown),
            suggestion: None,
        }
    }

    /// Where a field stands, or the nearest thing around it.
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
                // A text without its language is that of its first column.
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

/// A value as a cell would show it; long ones are cut.
fn shown(value: &Value) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::String(text) => spelled(&without_nul(text)),
        other => other.to_string(),
    };
    Some(if text.chars().count() > 200 { text.chars().take(199).chain(['…']).collect() } else { text })
}
