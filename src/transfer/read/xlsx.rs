//! Workbooks (XLSX), read cell by cell: first the sheets of lists, then those of records.

use std::collections::{HashMap, HashSet};
use std::io::{BufReader, Read, Seek};
use std::sync::Arc;

use calamine::{DataRef, Reader, SheetType, SheetVisible, Style, Xlsx, XlsxError};
use chrono::{NaiveDate, NaiveDateTime};

use super::binding::{self, nearest};
use super::csv::unknown_table;
use super::guard::{self, Facts};
use super::line::{Line, Numeric, Raw, letters};
use super::merges::Merges;
use super::numfmt::NumberFormat;
use super::sheets::{Open, Sheets};
use super::{ReadOptions, faults};
use crate::error::{Error, Result};
use crate::msg;
use crate::transfer::cells::Cell;
use crate::transfer::columns::{Table, all_tables};
use crate::transfer::fault::ImportFault;
use crate::transfer::guide;
use crate::transfer::row::{Sink, Spot};
use crate::validation::Contract;

/// The most characters of a cell, and the last row and column of a sheet.
const LETTERS: usize = 32_767;
const LAST: (u32, u32) = (1_048_575, 16_383);
/// The most formulas without a result.
const UNSAVED: usize = 1_000_000;

pub fn read<F: Read + Seek>(
    file: &mut F,
    options: ReadOptions<'_>,
    contract: &Contract,
    sink: &mut dyn Sink,
) -> Result<()> {
    let facts = match guard::check(file)? {
        Ok(facts) => facts,
        Err(fault) => return sink.fault(fault),
    };
    file.rewind().map_err(Error::unexpected)?;
    let mut book = match Xlsx::new(BufReader::new(file)) {
        Ok(book) => book,
        Err(error) => return sink.fault(unreadable(None, &error)),
    };
    let tables = all_tables(contract)?;
    if let Some(name) = options.resource
        && binding::table(&tables, name).is_none()
    {
        return sink.fault(unknown_table(name, &tables));
    }
    let chosen = chosen(&mut book, &tables, options.resource, sink)?;
    if chosen.is_empty() {
        let message = msg!(
            "没有可以导入的工作表；工作表须以记录种类命名（如“里程碑”“项目”），只有一张工作表有内容时也可用 resource 指明。",
            "has no sheet to import; a sheet is named after its records (such as \"milestones\" or \"里程碑\"), or the records of \
             the only filled sheet are named by resource"
        );
        return sink.fault(ImportFault::of_file("no_table", &message));
    }
    let mut sheets = Sheets::new(contract, &tables, options, sink);
    for (name, table) in chosen {
        let mut open = Open::new(table, Some(name.clone()));
        rows(&mut book, &name, facts, &mut sheets, &mut open)?;
        sheets.end(&mut open)?;
    }
    sheets.report_orphans()
}

/// The sheets to read, those of lists first. A sheet without a table is identified by its headers. Hidden and empty sheets are
/// skipped.
fn chosen<'t, R: Read + Seek>(
    book: &mut Xlsx<R>,
    tables: &'t [Table],
    resource: Option<&str>,
    sink: &mut dyn Sink,
) -> Result<Vec<(String, Option<&'t Table>)>> {
    let metadata = book.sheets_metadata().to_vec();
    let sheets = metadata.iter().filter(|sheet| sheet.typ == SheetType::WorkSheet && !guide::is_own_sheet(&sheet.name));
    let (shown, hidden): (Vec<_>, Vec<_>) = sheets.partition(|sheet| sheet.visible == SheetVisible::Visible);
    let of_sheet = |name: &str, code, message| {
        let spot = Spot { sheet: Some(name.to_owned()), ..Spot::default() };
        faults::at(&spot, code, &message)
    };
    for sheet in hidden.iter().filter(|sheet| binding::table(tables, &sheet.name).is_some()) {
        let message = msg!("隐藏的工作表不会导入。", "is a hidden sheet, which is not imported");
        sink.fault(faults::warning(of_sheet(&sheet.name, "hidden_sheet", message)))?;
    }
    let names: Vec<&str> = shown.iter().map(|sheet| sheet.name.as_str()).collect();
    let mut known: Vec<(String, Option<&Table>)> = Vec::new();
    let mut unknown = Vec::new();
    for name in names {
        match binding::table(tables, name) {
            Some(table) if known.iter().any(|(_, other)| other.is_some_and(|other| std::ptr::eq(other, table))) => {
                let message = msg!("同一种记录有两张工作表。", "is a second sheet of the same kind of records");
                sink.fault(of_sheet(name, "repeated", message))?;
            }
            Some(table) => known.push((name.to_owned(), Some(table))),
            None if is_filled(book, name) => unknown.push(name),
            None => {}
        }
    }
    let asked = resource.and_then(|name| binding::table(tables, name));
    // If only one sheet is filled, the client may name its resource, whatever the sheet is called.
    if unknown.len() == 1 || (unknown.is_empty() && asked.is_some()) {
        let named = known.iter().map(|(name, _)| name.as_str()).filter(|name| is_filled(book, name));
        let filled: Vec<&str> = named.chain(unknown.iter().copied()).collect();
        if let [only] = filled.as_slice() {
            return Ok(vec![((*only).to_owned(), asked)]);
        }
    }
    for name in unknown {
        let suggestion = nearest(name, tables.iter().flat_map(|table| [table.zh.as_str(), table.en.as_str()]));
        let message =
            msg!("工作表“{name}”不会导入：没有这种记录。", "is not imported: there are no records called \"{name}\"");
        sink.fault(ImportFault { suggestion, ..faults::warning(of_sheet(name, "unknown_sheet", message)) })?;
    }
    known.sort_by_key(|(_, table)| table.is_none_or(|table| table.list.is_none()));
    Ok(known)
}

/// Whether a sheet has any cell that is not empty.
fn is_filled<R: Read + Seek>(book: &mut Xlsx<R>, name: &str) -> bool {
    let Ok(mut cells) = book.worksheet_cells_reader(name) else { return false };
    while let Ok(Some(cell)) = cells.next_cell() {
        match cell.get_value() {
            DataRef::Empty => {}
            DataRef::String(text) if text.trim().is_empty() => {}
            DataRef::SharedString(text) if text.trim().is_empty() => {}
            _ => return true,
        }
    }
    false
}

fn rows<'a, R: Read + Seek>(
    book: &mut Xlsx<R>,
    name: &str,
    facts: Facts,
    sheets: &mut Sheets<'a>,
    open: &mut Open<'a>,
) -> Result<()> {
    let of_sheet = |error: &XlsxError| unreadable(Some(name), error);
    let (mut merges, unsaved, damage) = merges_and_unsaved(book, name, facts);
    let is_1904 = book.has_1904_epoch();
    let mut cells = match book.worksheet_cells_reader(name) {
        Ok(cells) => cells,
        // The sheet has no data.
        Err(XlsxError::XmlEof(_)) => return Ok(()),
        Err(error) => return sheets.sink.fault(of_sheet(&error)),
    };
    let formats = Formats::of(cells.styles(), is_1904);
    let mut line = Line::default();
    loop {
        let (cell, style) = match cells.next_cell_with_style_id() {
            Ok(Some(found)) => found,
            Ok(None) => break,
            Err(error) => {
                finish(&mut merges, line, name, sheets, open)?;
                return sheets.sink.fault(of_sheet(&error));
            }
        };
        let (row, position) = cell.get_position();
        if row > LAST.0 || position > LAST.1 {
            continue;
        }
        if row + 1 != line.row {
            if !finish(&mut merges, std::mem::take(&mut line), name, sheets, open)? {
                return Ok(());
            }
            line.row = row + 1;
        }
        let raw = if unsaved.contains(&(row, position)) {
            Raw::Unreadable("no_result", without_result())
        } else {
            formats.raw(cell.get_value(), style)
        };
        if is_too_long(&raw) {
            let spot = Spot { sheet: Some(name.to_owned()), row: line.row, column: Some(letters(position)) };
            let message = msg!("单元格最多 {LETTERS} 个字符。", "holds more than {LETTERS} characters");
            sheets.sink.fault(faults::at(&spot, "too_long", &message))?;
            continue;
        }
        insert(&mut line, position, raw);
    }
    finish(&mut merges, line, name, sheets, open)?;
    damage.map_or(Ok(()), |error| sheets.sink.fault(of_sheet(&error)))
}

/// Whether a text is longer than the file format allows.
fn is_too_long(raw: &Raw) -> bool {
    matches!(raw, Raw::Cell(Cell::Text(text)) if text.encode_utf16().count() > LETTERS)
}

/// Inserts a cell that is not empty into its row, in the order of the columns. It replaces an earlier one of the same column.
fn insert(line: &mut Line, position: u32, raw: Raw) {
    match line.cells.binary_search_by_key(&position, |(at, _)| *at) {
        _ if matches!(raw, Raw::Cell(Cell::Empty)) => {}
        Ok(found) => line.cells[found].1 = raw,
        Err(place) => line.cells.insert(place, (position, raw)),
    }
}

/// Passes a row on with the values of merged ranges. Returns `false` if the rest of the sheet need not be read.
fn finish<'a>(
    merges: &mut Merges,
    mut line: Line,
    name: &str,
    sheets: &mut Sheets<'a>,
    open: &mut Open<'a>,
) -> Result<bool> {
    if merges.fill(&mut line) {
        return sheets.line(open, line);
    }
    let spot = Spot { sheet: Some(name.to_owned()), row: line.row, column: None };
    let message = msg!("合并单元格的内容过多。", "has merged ranges with too much content");
    sheets.sink.fault(faults::at(&spot, "too_large", &message))?;
    Ok(false)
}

/// The merged ranges of a sheet, its formulas without a result, and the error if either cannot be read. The readable part of a
/// damaged sheet is read, so that its other faults are reported as well.
fn merges_and_unsaved<R: Read + Seek>(
    book: &mut Xlsx<R>,
    name: &str,
    facts: Facts,
) -> (Merges, HashSet<(u32, u32)>, Option<XlsxError>) {
    let mut damage = None;
    let merges = merges(book, name, facts).unwrap_or_else(|error| {
        damage = Some(error);
        Merges::new(Vec::new())
    });
    let unsaved = unsaved(book, name, facts).unwrap_or_else(|error| {
        damage = Some(error);
        HashSet::new()
    });
    (merges, unsaved, damage)
}

fn merges<R: Read + Seek>(book: &mut Xlsx<R>, name: &str, facts: Facts) -> Result<Merges, XlsxError> {
    Ok(Merges::new(if facts.has_merges { book.merge_cells_by_sheet_name(name)? } else { Vec::new() }))
}

/// The cells whose formula has no result in the file. In a workbook that is computed on opening, zeros count as missing results,
/// because some programs write a zero with every formula.
fn unsaved<R: Read + Seek>(book: &mut Xlsx<R>, name: &str, facts: Facts) -> Result<HashSet<(u32, u32)>, XlsxError> {
    let mut unsaved = HashSet::new();
    if !facts.has_formulas {
        return Ok(unsaved);
    }
    let mut cells = book.worksheet_cells_reader(name)?;
    while let Some(cell) = cells.next_cell_with_formula_metadata()? {
        let is_nothing = match &cell.value {
            DataRef::Empty => true,
            DataRef::Float(number) => *number == 0.0 && facts.is_uncomputed,
            DataRef::Int(number) => *number == 0 && facts.is_uncomputed,
            DataRef::DateTime(instant) => instant.as_f64() == 0.0 && facts.is_uncomputed,
            _ => false,
        };
        if cell.formula.is_some() && is_nothing {
            unsaved.insert(cell.pos);
            if unsaved.len() > UNSAVED {
                return Err(XlsxError::Unexpected("too many formulas without a result"));
            }
        }
    }
    Ok(unsaved)
}

fn without_result() -> crate::model::text::Msg {
    msg!(
        "公式没有保存计算结果；请用 Excel 或 WPS 打开并保存一次，或改填数值。",
        "is a formula without a saved result; open and save the file in a spreadsheet program, or enter the value itself"
    )
}

/// The number formats of a workbook's styles.
struct Formats {
    of_styles: Vec<Arc<NumberFormat>>,
    general: Arc<NumberFormat>,
    is_1904: bool,
}

impl Formats {
    fn of(styles: &[Style], is_1904: bool) -> Formats {
        let general = Arc::new(NumberFormat::new("General", None));
        let mut known: HashMap<(&str, Option<u32>), Arc<NumberFormat>> = HashMap::new();
        let of_styles = styles.iter().map(|style| match &style.number_format {
            None => general.clone(),
            Some(format) => {
                let new = || Arc::new(NumberFormat::new(&format.format_code, format.format_id));
                known.entry((format.format_code.as_str(), format.format_id)).or_insert_with(new).clone()
            }
        });
        Formats { of_styles: of_styles.collect(), general: general.clone(), is_1904 }
    }

    fn raw(&self, value: &DataRef<'_>, style: usize) -> Raw {
        let format = self.of_styles.get(style).unwrap_or(&self.general);
        let number = |value: f64| Raw::Number(Numeric { value, format: format.clone(), is_1904: self.is_1904 });
        match value {
            DataRef::Empty => Raw::Cell(Cell::Empty),
            DataRef::Float(value) => number(*value),
            #[expect(clippy::cast_precision_loss, reason = "a cell's number is a float")]
            DataRef::Int(value) => number(*value as f64),
            DataRef::DateTime(instant) => number(instant.as_f64()),
            DataRef::String(text) => of_text(text, format),
            DataRef::SharedString(text) => of_text(text, format),
            DataRef::DateTimeIso(text) => match serial(text, self.is_1904) {
                Some(value) => number(value),
                None => Raw::Cell(Cell::Text(text.clone())),
            },
            DataRef::DurationIso(text) => Raw::Cell(Cell::Text(text.clone())),
            DataRef::Bool(value) => Raw::Cell(Cell::Boolean(*value)),
            DataRef::Error(error) => Raw::Error(error.to_string()),
        }
    }
}

/// A text as its format shows it; a format can hide it or add words.
fn of_text(text: &str, format: &NumberFormat) -> Raw {
    match format.shown_text(text) {
        Some(shown) if shown.trim().is_empty() && !text.trim().is_empty() => Raw::Unreadable(
            "hidden",
            msg!(
                "单元格的格式使内容不可见；请改为“常规”或“文本”格式。",
                "has a format that hides its content; format the cell as text"
            ),
        ),
        Some(shown) if shown.trim() != text.trim() => Raw::Cell(Cell::Text(shown)),
        _ => Raw::Cell(Cell::Text(text.to_owned())),
    }
}

/// The serial number of a date and time in ISO 8601.
fn serial(text: &str, is_1904: bool) -> Option<f64> {
    let text = text.trim_end_matches('Z');
    let instant: NaiveDateTime = match text.parse() {
        Ok(instant) => instant,
        Err(_) => text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0)?,
    };
    let epoch = if is_1904 { NaiveDate::from_ymd_opt(1904, 1, 1)? } else { NaiveDate::from_ymd_opt(1899, 12, 30)? };
    let seconds = (instant - epoch.and_hms_opt(0, 0, 0)?).num_seconds();
    #[expect(clippy::cast_precision_loss, reason = "a day of four digits has few seconds")]
    let days = seconds as f64 / 86_400.0;
    Some(days)
}

fn unreadable(sheet: Option<&str>, error: &XlsxError) -> ImportFault {
    let words = error.to_string();
    let spot = Spot { sheet: sheet.map(str::to_owned), ..Spot::default() };
    faults::at(&spot, "unreadable", &msg!("无法读取：{words}。", "cannot be read: {words}"))
}
