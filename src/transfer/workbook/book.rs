//! A workbook of tables, written row by row.

use std::io::{Seek, Write};

use rust_xlsxwriter::{ExcelDateTime, Format, Workbook, Worksheet};
use serde_json::Value;

use super::rules::must_be_given;
use super::styles::Style;
use crate::error::{Error, Problem, Result};
use crate::model::text::Language;
use crate::msg;
use crate::transfer::cells::{Cell, rows, written};
use crate::transfer::columns::{Column, Table};
use chrono::{Datelike, NaiveDate};

/// The most rows that a sheet has, its header included.
const ROWS: u32 = 1_048_576;
/// The most letters that a cell holds, in units of UTF-16.
const LETTERS: usize = 32_767;

/// A workbook that is being written. Each sheet's rows come in order; several sheets may grow at the same time.
///
/// ```ignore
/// let mut book = Book::new(Language::Zh)?;
/// let pairings = book.table(&tables[0], true)?;
/// let members = book.table(&tables[1], true)?;
/// for record in records {
///     book.record(pairings, &record)?;
///     book.record(members, &record)?;
/// }
/// book.save(&mut file)?;
/// ```
///
/// A report's items go to a sheet of [`Book::sheet`]. What a cell or a sheet cannot hold is a [`Problem`]
/// (`too_long_for_workbook`, `too_many_for_workbook`, 422): nothing is cut off.
pub struct Book<'a> {
    pub(super) workbook: Workbook,
    pub(super) language: Language,
    pub(super) sheets: Vec<Sheet<'a>>,
    /// How many worksheets come before those of tables.
    offset: usize,
}

/// A sheet of a [`Book`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SheetId(usize);

pub(super) struct Sheet<'a> {
    /// `None`: the rows are no records.
    table: Option<&'a Table>,
    pub(super) columns: Vec<&'a Column>,
    styles: Vec<Style>,
    /// The row that is written next.
    pub(super) next: u32,
}

impl<'a> Book<'a> {
    pub fn new(language: Language) -> Book<'a> {
        Book { workbook: Workbook::new(), language, sheets: Vec::new(), offset: 0 }
    }

    /// A worksheet of free form, before those of tables.
    pub(super) fn front(&mut self) -> &mut Worksheet {
        self.offset += 1;
        self.workbook.add_worksheet()
    }

    /// A sheet for one table of a resource; without its read-only columns where `with_read_only` is not set.
    pub fn table(&mut self, table: &'a Table, with_read_only: bool) -> Result<SheetId> {
        let name = match self.language {
            Language::Zh => &table.zh,
            Language::En => &table.en,
        };
        let columns = table.columns.iter().filter(|column| with_read_only || !column.is_read_only).collect();
        self.add(name, Some(table), columns, false)
    }

    /// A sheet for the rows of anything else.
    pub fn sheet(&mut self, name: &str, columns: &'a [Column]) -> Result<SheetId> {
        self.add(name, None, columns.iter().collect(), false)
    }

    pub(super) fn add(
        &mut self,
        name: &str,
        table: Option<&'a Table>,
        columns: Vec<&'a Column>,
        marks_required: bool,
    ) -> Result<SheetId> {
        let titles: Vec<String> = columns
            .iter()
            .map(|column| {
                let title = self.title(column);
                if marks_required && must_be_given(column) { format!("{title} *") } else { title.to_owned() }
            })
            .collect();
        let styles: Vec<Style> =
            columns.iter().zip(&titles).map(|(column, title)| Style::of(column, title, marks_required)).collect();
        let worksheet = self.workbook.add_worksheet_with_constant_memory()?;
        worksheet.set_name(name)?.set_freeze_panes(1, 0)?;
        // Without a height for the header: with it, a sheet of no rows in constant memory has its first row twice, which
        // Excel takes for damage (rust_xlsxwriter 0.102).
        for (at, (title, style)) in (0_u16..).zip(titles.iter().zip(&styles)) {
            worksheet.set_column_width(at, style.width)?.set_column_format(at, &style.cell)?;
            worksheet.write_string_with_format(0, at, title, &style.header)?;
        }
        worksheet.set_landscape().set_paper_size(9).set_print_fit_to_pages(1, 0).set_repeat_rows(0, 0)?;
        self.sheets.push(Sheet { table, columns, styles, next: 1 });
        Ok(SheetId(self.sheets.len() - 1))
    }

    pub(super) fn title(&self, column: &'a Column) -> &'a str {
        match self.language {
            Language::Zh => &column.zh,
            Language::En => &column.en,
        }
    }

    /// Writes what a record has in the sheet's table: a row, or a row for each item of the list.
    pub fn record(&mut self, sheet: SheetId, record: &Value) -> Result<()> {
        let language = self.language;
        let Some(of) = self.sheets.get(sheet.0) else { return Err(unknown()) };
        let all = match of.table {
            Some(table) => rows(table, &of.columns, record, language),
            None => vec![of.columns.iter().map(|column| written(column, record, language)).collect()],
        };
        all.iter().try_for_each(|cells| self.row(sheet, cells))
    }

    /// Writes one row.
    pub fn row(&mut self, sheet: SheetId, cells: &[Cell]) -> Result<()> {
        let Some(of) = self.sheets.get_mut(sheet.0) else { return Err(unknown()) };
        if of.next >= ROWS {
            let detail = msg!(
                "工作表最多 {ROWS} 行；请缩小范围，或改用 CSV。",
                "A sheet has at most {ROWS} rows; ask for less, or for CSV."
            );
            return Err(refused("too_many_for_workbook", detail));
        }
        let worksheet = self.workbook.worksheet_from_index(self.offset + sheet.0)?;
        for (at, (cell, style)) in (0_u16..).zip(cells.iter().zip(&of.styles)) {
            put(worksheet, of.next, at, cell, &style.cell)?;
        }
        of.next += 1;
        Ok(())
    }

    /// The number of the row that is written next; the header is row 0.
    pub(super) fn next_row(&self, sheet: SheetId) -> Result<u32> {
        self.sheets.get(sheet.0).map(|sheet| sheet.next).ok_or_else(unknown)
    }

    pub(super) fn worksheet(&mut self, sheet: SheetId) -> Result<&mut Worksheet> {
        Ok(self.workbook.worksheet_from_index(self.offset + sheet.0)?)
    }

    /// Ends the sheets and writes the file.
    pub fn save(mut self, file: &mut (impl Write + Seek + Send)) -> Result<()> {
        for (index, sheet) in self.sheets.iter().enumerate() {
            let last = u16::try_from(sheet.columns.len().saturating_sub(1)).map_err(Error::unexpected)?;
            let worksheet = self.workbook.worksheet_from_index(self.offset + index)?;
            worksheet.autofilter(0, 0, sheet.next.saturating_sub(1).max(1), last)?;
        }
        Ok(self.workbook.save_to_writer(file)?)
    }
}

pub(super) fn put(worksheet: &mut Worksheet, row: u32, at: u16, cell: &Cell, format: &Format) -> Result<()> {
    match cell {
        Cell::Empty => {}
        Cell::Number(number) => {
            worksheet.write_number_with_format(row, at, *number, format)?;
        }
        Cell::Boolean(value) => {
            worksheet.write_boolean_with_format(row, at, *value, format)?;
        }
        Cell::Date(day) => match serial(*day) {
            Some(date) => {
                worksheet.write_datetime_with_format(row, at, &date, format)?;
            }
            None => {
                worksheet.write_string_with_format(row, at, day.to_string(), format)?;
            }
        },
        Cell::Text(text) if text.encode_utf16().count() > LETTERS => {
            let detail = msg!(
                "单元格最多 {LETTERS} 个字符；请改用 CSV 或 NDJSON。",
                "A cell has at most {LETTERS} characters; ask for CSV or NDJSON."
            );
            return Err(refused("too_long_for_workbook", detail));
        }
        Cell::Text(text) => {
            worksheet.write_string_with_format(row, at, text, format)?;
        }
    }
    Ok(())
}

/// A day as a spreadsheet counts it; before March 1900 spreadsheets count wrongly, or not at all.
fn serial(day: NaiveDate) -> Option<ExcelDateTime> {
    let year = u16::try_from(day.year()).ok().filter(|year| (1901..=9999).contains(year))?;
    ExcelDateTime::from_ymd(year, u8::try_from(day.month()).ok()?, u8::try_from(day.day()).ok()?).ok()
}

fn refused(code: &'static str, detail: crate::model::text::Msg) -> Error {
    Problem::new(422, code, msg!("工作簿容纳不下", "More than a workbook can hold")).detail(detail).into()
}

fn unknown() -> Error {
    Error::unexpected("no such sheet")
}
