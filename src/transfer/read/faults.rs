//! Construction of faults with a place in the file.

use crate::model::text::Msg;
use crate::normalize::spelled;
use crate::transfer::fault::{ImportFault, Severity};
use crate::transfer::row::Spot;

/// A fault at a place.
pub fn at(spot: &Spot, code: &str, message: &Msg) -> ImportFault {
    ImportFault {
        sheet: spot.sheet.clone(),
        row: Some(i64::from(spot.row)).filter(|row| *row > 0),
        column: spot.column.clone(),
        ..ImportFault::of_file(code, message)
    }
}

/// The same fault as a warning.
pub fn warning(fault: ImportFault) -> ImportFault {
    ImportFault { severity: Severity::Warning, ..fault }
}

/// A value as messages show it: on one line, with invisible characters spelled out, cut to 200 characters.
pub fn shown(text: &str) -> Option<String> {
    let line = text.trim().replace(['\r', '\n', '\t'], " ");
    let short: String = spelled(&line).chars().take(200).collect();
    Some(short).filter(|short| !short.is_empty())
}
