//! Conversion of a CSV file to a workbook with the same rows at the same places and every cell as text, so that its faults can be
//! marked and the workbook can be imported in its place.

use std::io::{Read, Seek, Write};

use rust_xlsxwriter::{Workbook, XlsxError};

use crate::error::Result;
use crate::transfer::read::{Line, csv_rows};

/// The limits of a sheet: rows, columns, and characters of a cell.
const ROWS: u32 = 1_048_576;
const COLUMNS: u32 = 16_384;
const LETTERS: usize = 32_767;
/// The width of the columns in characters.
const WIDTH: f64 = 18.0;

/// Writes the rows of a CSV file to a workbook with one sheet. Returns whether they fit into a sheet.
pub fn of_csv<F: Read + Seek>(file: &mut F, sheet: &str, out: &mut (impl Write + Seek + Send)) -> Result<bool> {
    let mut workbook = Workbook::new();
    let worksheet = workbook.add_worksheet_with_constant_memory()?;
    worksheet.set_name(sheet)?.set_freeze_panes(1, 0)?;
    let (mut fits, mut widest) = (true, 0);
    csv_rows(file, |Line { row, cells, .. }| {
        for (position, raw) in cells {
            let text = raw.text();
            // Excel counts UTF-16 units.
            if row > ROWS || position >= COLUMNS || text.encode_utf16().count() > LETTERS {
                fits = false;
                return Ok(false);
            }
            let column = u16::try_from(position).unwrap_or(u16::MAX);
            worksheet.write_string(row - 1, column, text)?;
            widest = widest.max(column);
        }
        Ok(true)
    })?;
    if fits {
        worksheet.set_column_range_width(0, widest, WIDTH)?;
        workbook.save_to_writer(out)?;
    }
    Ok(fits)
}

/// A valid name of a sheet that is closest to a wanted one.
pub fn sheet_name(wanted: &str) -> String {
    let name: String = wanted
        .chars()
        .filter(|letter| !matches!(letter, '[' | ']' | ':' | '*' | '?' | '/' | '\\') && !letter.is_control())
        .take(31)
        .collect();
    let name = name.trim_matches('\'').trim();
    let is_good = !name.is_empty() && is_allowed(name);
    if is_good { name.to_owned() } else { "CSV".to_owned() }
}

/// Whether Excel accepts a name; `History` is reserved.
fn is_allowed(name: &str) -> bool {
    let mut workbook = Workbook::new();
    let named: Result<_, XlsxError> = workbook.add_worksheet().set_name(name).map(drop);
    named.is_ok() && !name.eq_ignore_ascii_case("history")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sheet_names_are_valid_in_excel() {
        for (wanted, name) in [
            ("里程碑", "里程碑"),
            ("pairings.members", "pairings.members"),
            ("a[b]/c:d", "abcd"),
            ("'quoted'", "quoted"),
            ("", "CSV"),
            ("History", "CSV"),
            ("***", "CSV"),
        ] {
            assert_eq!(sheet_name(wanted), name);
        }
        assert_eq!(sheet_name(&"长".repeat(40)).chars().count(), 31);
    }
}
