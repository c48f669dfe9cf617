//! A CSV file as a workbook: the same rows at the same places, each cell the text that it is, so that its faults can be marked
//! and the workbook can be imported as the file was.

use std::io::{Read, Seek, Write};

use rust_xlsxwriter::{Workbook, XlsxError};

use crate::error::Result;
use crate::transfer::read::{Line, csv_rows};

/// What a sheet can hold: rows, columns, and letters of a cell.
const ROWS: u32 = 1_048_576;
const COLUMNS: u32 = 16_384;
const LETTERS: usize = 32_767;
/// The width of the columns, in letters.
const WIDTH: f64 = 18.0;

/// Writes the rows of a CSV file to the one sheet of a workbook; false where a sheet cannot hold them.
pub fn of_csv<F: Read + Seek>(file: &mut F, sheet: &str, out: &mut (impl Write + Seek + Send)) -> Result<bool> {
    let mut workbook = Workbook::new();
    let worksheet = workbook.add_worksheet_with_constant_memory()?;
    worksheet.set_name(sheet)?.set_freeze_panes(1, 0)?;
    let (mut fits, mut widest) = (true, 0);
    csv_rows(file, |Line { row, cells, .. }| {
        for (position, raw) in cells {
            let text = raw.text();
            // Excel counts letters as UTF-16 does.
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

/// A name that a sheet may have, after a wanted one.
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

/// Whether Excel takes a name; it reserves one.
fn is_allowed(name: &str) -> bool {
    let mut workbook = Workbook::new();
    let named: Result<_, XlsxError> = workbook.add_worksheet().set_name(name).map(drop);
    named.is_ok() && !name.eq_ignore_ascii_case("history")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_has_a_name_that_excel_takes() {
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
