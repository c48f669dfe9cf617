//! CSV: one table, in whatever way a spreadsheet saves it.

use std::io::{Read, Seek};

use csv_core::{ReadRecordResult, ReaderBuilder};

use super::binding;
use super::encoding::Text;
use super::sheets::{Line, Open, Raw, Sheets};
use super::told;
use crate::contract::Contract;
use crate::error::Result;
use crate::msg;
use crate::text::Msg;
use crate::transfer::cells::Cell;
use crate::transfer::columns::{Table, all_tables};
use crate::transfer::fault::ImportFault;
use crate::transfer::row::{Sink, Spot};

/// The most bytes and cells of one row.
const BYTES: usize = 1 << 20;
const CELLS: usize = 2_000;

pub fn read<F: Read + Seek>(
    file: &mut F,
    resource: Option<&str>,
    contract: &Contract,
    sink: &mut dyn Sink,
) -> Result<()> {
    let tables = all_tables(contract)?;
    let asked = match resource.map(|name| (name, binding::table(&tables, name))) {
        Some((name, None)) => return sink.fault(unknown_table(name, &tables)),
        Some((_, table)) => table,
        None => None,
    };
    let mut text = Text::new(file)?;
    let mut sheets = Sheets::new(contract, sink);
    let mut open = asked.map(|table| Sheets::open(table, None));
    let ended = lines(&mut text, |line| {
        if open.is_none() && !line.is_blank() {
            match table_of(&tables, line) {
                Ok(table) => open = Some(Sheets::open(table, None)),
                Err(fault) => {
                    sheets.sink.fault(*fault)?;
                    return Ok(false);
                }
            }
        }
        open.as_mut().map_or(Ok(true), |open: &mut Open<'_>| sheets.line(open, line))
    })?;
    if let Some((row, code, message)) = ended {
        sheets.sink.fault(told::at(&Spot { row, ..Spot::default() }, code, &message))?;
    }
    if text.had_errors {
        let message = msg!(
            "文字编码既不是 UTF-8、UTF-16，也不是 GB18030；请另存为“CSV UTF-8”。",
            "is text in neither UTF-8, UTF-16 nor GB18030; save it as \"CSV UTF-8\""
        );
        sheets.sink.fault(ImportFault::of_file("encoding", &message))?;
    }
    sheets.tell_lists_alone()
}

/// Calls `visit` with each row of the file, numbered as a spreadsheet numbers it, until it returns false.
pub fn rows<F: Read + Seek>(file: &mut F, visit: impl FnMut(&Line) -> Result<bool>) -> Result<()> {
    // What keeps a row from being read is a fault of the import already.
    lines(&mut Text::new(file)?, visit).map(drop)
}

/// What ended the reading before the file did: the row, the fault's code and message.
type Ended = Option<(u32, &'static str, Msg)>;

/// Tells the rows, with the numbers that a spreadsheet gives them, until `tell` has enough.
fn lines<F: Read + Seek>(text: &mut Text<'_, F>, mut tell: impl FnMut(&Line) -> Result<bool>) -> Result<Ended> {
    let mut piece = Vec::new();
    text.next(&mut piece)?;
    let mut reader = ReaderBuilder::new().delimiter(delimiter(&piece)).build();
    let (mut output, mut ends) = (vec![0; BYTES], vec![0; CELLS]);
    let (mut written, mut ended) = (0, 0);
    let (mut row, mut at, mut is_between, mut last) = (1_u32, 0, true, b'\n');
    loop {
        if is_between {
            // Blank lines, which the parser passes over, are rows to a spreadsheet.
            while let Some(byte) = piece.get(at).copied().filter(|byte| matches!(byte, b'\r' | b'\n')) {
                if !(last == b'\r' && byte == b'\n') {
                    row = row.saturating_add(1);
                }
                last = byte;
                at += 1;
            }
        }
        if at == piece.len() && !piece.is_empty() {
            text.next(&mut piece)?;
            at = 0;
            continue;
        }
        let (result, read, wrote, cells) = reader.read_record(&piece[at..], &mut output[written..], &mut ends[ended..]);
        if read > 0 {
            last = piece[at + read - 1];
        }
        at += read;
        written += wrote;
        ended += cells;
        is_between = false;
        match result {
            ReadRecordResult::InputEmpty => {}
            ReadRecordResult::OutputFull => {
                let message = msg!(
                    "一行超过 1 MiB：可能有未闭合的引号。",
                    "is a row of more than 1 MiB; a quotation mark may not be closed"
                );
                return Ok(Some((row, "row_too_long", message)));
            }
            ReadRecordResult::OutputEndsFull => {
                let message = msg!("一行超过 {CELLS} 列。", "is a row of more than {CELLS} columns");
                return Ok(Some((row, "too_many_columns", message)));
            }
            ReadRecordResult::Record => {
                let line = line(row, &output[..written], &ends[..ended]);
                let is_at_end = piece.is_empty();
                let closing = line.cells.last().is_some_and(|(_, raw)| {
                    matches!(raw, Raw::Cell(Cell::Text(text)) if text.contains('\n')) && last != b'"'
                });
                if is_at_end && closing {
                    let message =
                        msg!("引号未闭合，其后的内容无法读取。", "opens a quotation mark that is never closed");
                    return Ok(Some((row, "unclosed_quote", message)));
                }
                if !tell(&line)? {
                    return Ok(None);
                }
                (written, ended, is_between) = (0, 0, true);
                row = row.saturating_add(1);
                // The end of the row is counted; of `\r\n` the other half is still to come.
                if is_at_end {
                    last = b'\n';
                }
            }
            ReadRecordResult::End => return Ok(None),
        }
    }
}

fn line(row: u32, bytes: &[u8], ends: &[usize]) -> Line {
    let mut start = 0;
    let cells = (0..).zip(ends).filter_map(|(position, end)| {
        let text = String::from_utf8_lossy(bytes.get(start..*end)?).into_owned();
        start = *end;
        if text.is_empty() { None } else { Some((position, Raw::Cell(Cell::Text(text)))) }
    });
    Line { row, cells: cells.collect() }
}

/// What separates the cells: whichever of comma, tab and semicolon the first line has most of, outside quotes.
fn delimiter(text: &[u8]) -> u8 {
    let (mut counts, mut is_quoted) = ([0_usize; 3], false);
    const DELIMITERS: [u8; 3] = [b',', b'\t', b';'];
    let start = text.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or_default();
    for byte in &text[start..] {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\r' | b'\n' if !is_quoted => break,
            _ if is_quoted => {}
            byte => {
                if let Some(found) = DELIMITERS.iter().position(|delimiter| delimiter == byte) {
                    counts[found] += 1;
                }
            }
        }
    }
    let best = (0..3).rev().max_by_key(|index| counts[*index]).unwrap_or_default();
    DELIMITERS[best]
}

/// The one table that has all of the headers.
fn table_of<'t>(tables: &'t [Table], line: &Line) -> Result<&'t Table, Box<ImportFault>> {
    let headers = line.headers();
    let fits = |table: &&Table| {
        headers.iter().all(|(_, header)| binding::find(table, header).is_some())
            && headers.iter().any(|(_, header)| binding::find(table, header).is_some_and(binding::is_code))
    };
    let fitting: Vec<&Table> = tables.iter().filter(fits).collect();
    if let [only] = fitting.as_slice() {
        return Ok(only);
    }
    let choices = if fitting.is_empty() { tables.iter().collect() } else { fitting };
    let names: Vec<&str> = choices.iter().map(|table| table.en.as_str()).collect();
    let names = names.join(", ");
    let message = msg!(
        "从表头看不出是哪种记录；请用 resource 指明其一：{names}。",
        "does not say by its headers which records it holds; name them as the resource, one of: {names}"
    );
    Err(Box::new(told::at(&Spot { row: line.row, ..Spot::default() }, "which_table", &message)))
}

/// The fault of a resource that is none.
pub fn unknown_table(name: &str, tables: &[Table]) -> ImportFault {
    let names: Vec<&str> = tables.iter().map(|table| table.en.as_str()).collect();
    let (all, name) = (names.join(", "), told::shown(name).unwrap_or_default());
    let message = msg!("没有资源“{name}”；可用：{all}。", "\"{name}\" is no resource; there are: {all}");
    let suggestion = binding::nearest(&name, names.into_iter());
    ImportFault { suggestion, value: Some(name), ..ImportFault::of_file("unknown_resource", &message) }
}
