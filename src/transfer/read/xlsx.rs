//! Workbooks: the sheets of lists first, then those of records, cell by cell.

use std::io::{BufReader, Read, Seek};

use calamine::{DataRef, Reader, SheetType, Xlsx, XlsxError};

use super::binding::{self, nearest};
use super::guard;
use super::sheets::{Line, Open, Raw, Sheets, letters};
use super::told;
use crate::contract::Contract;
use crate::error::{Error, Result};
use crate::msg;
use crate::transfer::cells::{Cell, number_text};
use crate::transfer::columns::{Table, all_tables};
use crate::transfer::fault::ImportFault;
use crate::transfer::row::{Sink, Spot};
use crate::transfer::workbook::guide;

/// The most letters that a spreadsheet has in a cell, and its last row and column.
const LETTERS: usize = 32_767;
const LAST: (u32, u32) = (1_048_575, 16_383);

pub fn read<F: Read + Seek>(
    file: &mut F,
    resource: Option<&str>,
    contract: &Contract,
    sink: &mut dyn Sink,
) -> Result<()> {
    if let Some(fault) = guard::check(file)? {
        return sink.fault(fault);
    }
    file.rewind().map_err(Error::unexpected)?;
    let mut book = match Xlsx::new(BufReader::new(file)) {
        Ok(book) => book,
        Err(error) => return sink.fault(unreadable(None, &error)),
    };
    let tables = all_tables(contract)?;
    let known = sheets_of(&book, &tables, resource, sink)?;
    if known.is_empty() {
        let named: Vec<&str> =
            tables.iter().filter(|table| table.list.is_none()).map(|table| table.zh.as_str()).collect();
        let all = named.join("、");
        let message = msg!(
            "没有可以导入的工作表；工作表须以此命名：{all}。",
            "has no sheet to import; sheets are named after what they hold: {all}, or in English"
        );
        return sink.fault(ImportFault::of_file("no_table", &message));
    }
    let mut sheets = Sheets::new(contract, sink);
    for (name, table) in &known {
        let mut open = Sheets::open(table, Some(name.clone()));
        rows(&mut book, name, &mut sheets, &mut open)?;
    }
    sheets.tell_left()
}

/// The sheets that are read, those of lists first.
fn sheets_of<'t, R: Read + Seek>(
    book: &Xlsx<R>,
    tables: &'t [Table],
    resource: Option<&str>,
    sink: &mut dyn Sink,
) -> Result<Vec<(String, &'t Table)>> {
    let metadata = book.sheets_metadata();
    let names: Vec<&str> = metadata
        .iter()
        .filter(|sheet| sheet.typ == SheetType::WorkSheet && !guide::is_own_sheet(&sheet.name))
        .map(|sheet| sheet.name.as_str())
        .collect();
    if let (Some(asked), [only]) = (resource, names.as_slice())
        && let Some(table) = binding::table(tables, asked)
        && binding::table(tables, only).is_none()
    {
        return Ok(vec![((*only).to_owned(), table)]);
    }
    let mut known: Vec<(String, &Table)> = Vec::new();
    for name in names {
        let of_sheet = |code, message| {
            let spot = Spot { sheet: Some(name.to_owned()), ..Spot::default() };
            told::at(&spot, code, &message)
        };
        match binding::table(tables, name) {
            Some(table) if known.iter().any(|(_, other)| std::ptr::eq(*other, table)) => {
                sink.fault(of_sheet(
                    "repeated",
                    msg!("同一种记录有两张工作表。", "is a second sheet of the same records"),
                ))?;
            }
            Some(table) => known.push((name.to_owned(), table)),
            None => {
                let suggestion = nearest(name, tables.iter().flat_map(|table| [table.zh.as_str(), table.en.as_str()]));
                let message =
                    msg!("工作表“{name}”不会导入：没有这种记录。", "is not imported: \"{name}\" names no records");
                sink.fault(ImportFault { suggestion, ..told::warning(of_sheet("unknown_sheet", message)) })?;
            }
        }
    }
    known.sort_by_key(|(_, table)| table.list.is_none());
    Ok(known)
}

fn rows<'a, R: Read + Seek>(
    book: &mut Xlsx<R>,
    name: &str,
    sheets: &mut Sheets<'a>,
    open: &mut Open<'a>,
) -> Result<()> {
    let mut cells = match book.worksheet_cells_reader(name) {
        Ok(cells) => cells,
        // A sheet without any data.
        Err(XlsxError::XmlEof(_)) => return Ok(()),
        Err(error) => return sheets.sink.fault(unreadable(Some(name), &error)),
    };
    let percents: Vec<bool> = cells
        .styles()
        .iter()
        .map(|style| style.number_format.as_ref().is_some_and(|format| format.format_code.contains('%')))
        .collect();
    let mut line = Line::default();
    loop {
        let (cell, style) = match cells.next_cell_with_style_id() {
            Ok(Some(found)) => found,
            Ok(None) => break,
            Err(error) => {
                sheets.line(open, &line)?;
                return sheets.sink.fault(unreadable(Some(name), &error));
            }
        };
        let (row, position) = cell.get_position();
        if row > LAST.0 || position > LAST.1 {
            continue;
        }
        if row + 1 != line.row {
            if !sheets.line(open, &line)? {
                return Ok(());
            }
            line = Line { row: row + 1, cells: Vec::new() };
        }
        let raw = raw(cell.get_value(), percents.get(style).copied().unwrap_or_default());
        if let Raw::Cell(Cell::Text(text)) = &raw
            && text.encode_utf16().count() > LETTERS
        {
            let spot = Spot { sheet: Some(name.to_owned()), row: line.row, column: Some(letters(position)) };
            let message = msg!("单元格最多 {LETTERS} 个字符。", "holds more than {LETTERS} characters");
            sheets.sink.fault(told::at(&spot, "too_long", &message))?;
            continue;
        }
        match line.cells.binary_search_by_key(&position, |(at, _)| *at) {
            _ if matches!(raw, Raw::Cell(Cell::Empty)) => {}
            Ok(found) => line.cells[found].1 = raw,
            Err(place) => line.cells.insert(place, (position, raw)),
        }
    }
    sheets.line(open, &line)?;
    Ok(())
}

fn raw(value: &DataRef<'_>, is_percent: bool) -> Raw {
    Raw::Cell(match value {
        DataRef::Empty => Cell::Empty,
        // The percent sign is part of what people see; what it means, the column says.
        DataRef::Float(number) if is_percent => Cell::Text(format!("{}%", number_text(*number * 100.0))),
        DataRef::Float(number) => Cell::Number(*number),
        #[expect(clippy::cast_precision_loss, reason = "a cell's number is a float")]
        DataRef::Int(number) => Cell::Number(*number as f64),
        DataRef::String(text) => Cell::Text(text.clone()),
        DataRef::SharedString(text) => Cell::Text((*text).to_owned()),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => Cell::Text(text.clone()),
        DataRef::Bool(value) => Cell::Boolean(*value),
        DataRef::Error(error) => return Raw::Error(error.to_string()),
        DataRef::DateTime(instant) if instant.is_datetime() => {
            // Days of the year 10000 and later are none to a spreadsheet, either.
            if !(0.0..2_958_466.0).contains(&instant.as_f64()) {
                return Raw::Cell(Cell::Number(instant.as_f64()));
            }
            let (year, month, day, hour, minute, second, _) = instant.to_ymd_hms_milli();
            let date = chrono::NaiveDate::from_ymd_opt(i32::from(year), u32::from(month), u32::from(day));
            match date {
                Some(date) if (hour, minute, second) == (0, 0, 0) => Cell::Date(date),
                _ => Cell::Text(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")),
            }
        }
        DataRef::DateTime(duration) => Cell::Number(duration.as_f64()),
    })
}

fn unreadable(sheet: Option<&str>, error: &XlsxError) -> ImportFault {
    let words = error.to_string();
    let spot = Spot { sheet: sheet.map(str::to_owned), ..Spot::default() };
    told::at(&spot, "unreadable", &msg!("无法读取：{words}。", "cannot be read: {words}"))
}
