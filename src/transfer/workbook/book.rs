//! A writer of workbooks, row by row.

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

/// The most rows of a sheet, including its header.
const ROWS: u32 = 1_048_576;
/// The most characters of a cell, in UTF-16 units.
const LETTERS: usize = 32_767;

/// A writer of a workbook. The rows of a sheet are written in order; several sheets can be written alternately.
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
/// Items of reports use [`Book::sheet`]. Content that exceeds the limits of a cell or sheet is a [`Problem`]
/// (`too_long_for_workbook`, `too_many_for_workbook`, 422) and is never truncated.
pub struct Book<'a> {
    pub(super) workbook: Workbook,
    pub(super) language: Language,
    pub(super) sheets: Vec<Sheet<'a>>,
    /// The number of worksheets before those of tables.
    offset: usize,
}

/// A sheet of a [`Book`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SheetId(usize);

pub(super) struct Sheet<'a> {
    /// `None` if the rows are not records.
    table: Option<&'a Table>,
    pub(super) columns: Vec<&'a Column>,
    styles: Vec<Style>,
    /// The next row to write.
    pub(super) next: u32,
}

impl<'a> Book<'a> {
    pub fn new(language: Language) -> Book<'a> {
        Book { workbook: Workbook::new(), language, sheets: Vec::new(), offset: 0 }
    }

    /// Adds a worksheet without a table, before those of tables.
    pub(super) fn front(&mut self) -> &mut Worksheet {
        self.offset += 1;
        self.workbook.add_worksheet()
    }

    /// Adds a sheet for one table of a resource, with or without its read-only columns.
    pub fn table(&mut self, table: &'a Table, with_read_only: bool) -> Result<SheetId> {
        let name = match self.language {
            Language::Zh => &table.zh,
            Language::En => &table.en,
        };
        let columns = table.columns.iter().filter(|column| with_read_only || !column.is_read_only).collect();
        self.add(name, Some(table), columns, false)
    }

    /// Adds a sheet for rows that are not records.
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
        // The header has no height of its own: with one, rust_xlsxwriter 0.102 writes the first row of an empty sheet twice in
        // constant memory mode, which Excel reports as damage.
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

    /// Writes the rows of a record: one row, or one for each item of the sheet's list.
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
                "A sheet has at most {ROWS} rows; narrow the filter, or use CSV."
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

    /// The next row to write; the header is row 0.
    pub(super) fn next_row(&self, sheet: SheetId) -> Result<u32> {
        self.sheets.get(sheet.0).map(|sheet| sheet.next).ok_or_else(unknown)
    }

    pub(super) fn worksheet(&mut self, sheet: SheetId) -> Result<&mut Worksheet> {
        Ok(self.workbook.worksheet_from_index(self.offset + sheet.0)?)
    }

    /// Adds the filters of the sheets and writes the file.
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
                "A cell has at most {LETTERS} characters; use CSV or NDJSON."
            );
            return Err(refused("too_long_for_workbook", detail));
        }
        Cell::Text(text) => {
            worksheet.write_string_with_format(row, at, text, format)?;
        }
    }
    Ok(())
}

/// The serial number of a date; `None` before 1901, because spreadsheets count the days before March 1900 wrongly.
fn serial(day: NaiveDate) -> Option<ExcelDateTime> {
    let year = u16::try_from(day.year()).ok().filter(|year| (1901..=9999).contains(year))?;
    ExcelDateTime::from_ymd(year, u8::try_from(day.month()).ok()?, u8::try_from(day.day()).ok()?).ok()
}

fn refused(code: &'static str, detail: crate::model::text::Msg) -> Error {
    Problem::new(422, code, msg!("超出工作簿的容量", "The content exceeds the limits of a workbook"))
        .detail(detail)
        .into()
}

fn unknown() -> Error {
    Error::unexpected("no such sheet")
}
