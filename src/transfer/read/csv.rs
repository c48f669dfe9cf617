//! CSV files with one table, in the encodings and with the separators that spreadsheets use.

use std::io::{Read, Seek};

use csv_core::{ReadRecordResult, ReaderBuilder};

use super::encoding::Text;
use super::line::{Line, Raw};
use super::sheets::{Open, Sheets};
use super::{ReadOptions, binding, faults};
use crate::error::Result;
use crate::model::text::Msg;
use crate::msg;
use crate::transfer::cells::Cell;
use crate::transfer::columns::{Table, all_tables};
use crate::transfer::fault::ImportFault;
use crate::transfer::row::{Sink, Spot};
use crate::validation::Contract;

/// The most bytes and cells of one row.
const BYTES: usize = 1 << 20;
const CELLS: usize = 2_000;
/// The number of lines by which the separator is detected.
const LOOKED_AT: usize = 20;

pub fn read<F: Read + Seek>(
    file: &mut F,
    options: ReadOptions<'_>,
    contract: &Contract,
    sink: &mut dyn Sink,
) -> Result<()> {
    let tables = all_tables(contract)?;
    let asked = match options.resource.map(|name| (name, binding::table(&tables, name))) {
        Some((name, None)) => return sink.fault(unknown_table(name, &tables)),
        Some((_, table)) => table,
        None => None,
    };
    let mut text = Text::new(file)?;
    let mut sheets = Sheets::new(contract, &tables, options, sink);
    let mut open = Open::new(asked, None);
    let ended = lines(&mut text, |line| sheets.line(&mut open, line))?;
    sheets.end(&mut open)?;
    if let Some((row, code, message)) = ended {
        sheets.sink.fault(faults::at(&Spot { row, ..Spot::default() }, code, &message))?;
    }
    sheets.emit_lists_alone()
}

/// Calls `visit` with each row of the file, numbered as a spreadsheet numbers it, until it returns false.
pub fn rows<F: Read + Seek>(file: &mut F, visit: impl FnMut(Line) -> Result<bool>) -> Result<()> {
    // A row that cannot be read is a fault of the import already.
    lines(&mut Text::new(file)?, visit).map(drop)
}

/// The fault at which reading stopped before the end of the file: its row, code and message.
type RowFault = (u32, &'static str, Msg);

/// Visits the rows, numbered as in a spreadsheet, until `visit` returns `false`.
fn lines<F: Read + Seek>(
    text: &mut Text<'_, F>,
    mut visit: impl FnMut(Line) -> Result<bool>,
) -> Result<Option<RowFault>> {
    let mut piece = Vec::new();
    text.next(&mut piece)?;
    let declared = declared(&piece);
    let delimiter = declared.map_or_else(|| delimiter(&piece), |(delimiter, _)| delimiter);
    // A spreadsheet shows the line below `sep=` as its first row.
    let start = declared.map_or(0, |(_, length)| length);
    let mut reader = ReaderBuilder::new().delimiter(delimiter).build();
    let (mut output, mut ends) = (vec![0; BYTES], vec![0; CELLS]);
    let (mut written, mut ended) = (0, 0);
    let mut position = TextPosition { row: 1, at: start, last: b'\n' };
    let mut is_between = true;
    loop {
        if is_between {
            position.skip_line_ends(&piece);
        }
        if position.at == piece.len() && !piece.is_empty() {
            text.next(&mut piece)?;
            position.at = 0;
            continue;
        }
        let (result, read, wrote, cells) =
            reader.read_record(&piece[position.at..], &mut output[written..], &mut ends[ended..]);
        position.advance(&piece, read);
        written += wrote;
        ended += cells;
        is_between = false;
        match result {
            ReadRecordResult::InputEmpty => {}
            ReadRecordResult::OutputFull => return Ok(Some(too_long(position.row))),
            ReadRecordResult::OutputEndsFull => return Ok(Some(too_wide(position.row))),
            ReadRecordResult::Record => {
                let line = line(position.row, &output[..written], &ends[..ended]);
                let is_at_end = piece.is_empty();
                if is_at_end && ends_in_open_quote(&line, position.last) {
                    return Ok(Some(unclosed_quote(position.row)));
                }
                if !visit(line)? {
                    return Ok(None);
                }
                (written, ended, is_between) = (0, 0, true);
                position.row = position.row.saturating_add(1);
                // The line end is counted already; the `\n` of a `\r\n` may follow.
                if is_at_end {
                    position.last = b'\n';
                }
            }
            ReadRecordResult::End => return Ok(None),
        }
    }
}

/// The position of the parser in the file.
struct TextPosition {
    /// The row as a spreadsheet numbers it, from 1.
    row: u32,
    /// The offset in the current piece of the text.
    at: usize,
    /// The last byte read.
    last: u8,
}

impl TextPosition {
    /// Counts and skips the line ends between two records: the parser skips blank lines, which a spreadsheet counts as rows.
    fn skip_line_ends(&mut self, piece: &[u8]) {
        while let Some(byte) = piece.get(self.at).copied().filter(|byte| matches!(byte, b'\r' | b'\n')) {
            if !(self.last == b'\r' && byte == b'\n') {
                self.row = self.row.saturating_add(1);
            }
            self.last = byte;
            self.at += 1;
        }
    }

    fn advance(&mut self, piece: &[u8], read: usize) {
        if read > 0 {
            self.last = piece[self.at + read - 1];
        }
        self.at += read;
    }
}

fn too_long(row: u32) -> RowFault {
    let message =
        msg!("一行超过 1 MiB：可能有未闭合的引号。", "is a row longer than 1 MiB; a quotation mark may not be closed");
    (row, "row_too_long", message)
}

fn too_wide(row: u32) -> RowFault {
    (row, "too_many_columns", msg!("一行超过 {CELLS} 列。", "is a row with more than {CELLS} columns"))
}

fn unclosed_quote(row: u32) -> RowFault {
    let message = msg!("引号未闭合，其后的内容无法读取。", "opens a quotation mark that is never closed");
    (row, "unclosed_quote", message)
}

/// Whether the last row of a file ends inside a quotation: its last cell has several lines, and no quotation mark closes it.
fn ends_in_open_quote(line: &Line, last: u8) -> bool {
    line.cells
        .last()
        .is_some_and(|(_, raw)| matches!(raw, Raw::Cell(Cell::Text(text)) if text.contains('\n')) && last != b'"')
}

fn line(row: u32, bytes: &[u8], ends: &[usize]) -> Line {
    let mut start = 0;
    let cells = (0..).zip(ends).filter_map(|(position, end)| {
        let text = String::from_utf8_lossy(bytes.get(start..*end)?).into_owned();
        start = *end;
        if text.is_empty() { None } else { Some((position, Raw::Cell(Cell::Text(text)))) }
    });
    Line { row, cells: cells.collect(), ..Line::default() }
}

/// The separator that a first line `sep=;` declares, as Excel writes and reads it, and the length of that line.
fn declared(text: &[u8]) -> Option<(u8, usize)> {
    let end = text.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(text.len());
    let (line, rest) = text.split_at(end);
    let line = line.trim_ascii_start();
    let line = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    // Some spreadsheets pad the line with separators to the width of the table.
    let [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', delimiter, fill @ ..] = line else { return None };
    if !fill.iter().all(|byte| byte == delimiter || byte.is_ascii_whitespace()) || !delimiter.is_ascii() {
        return None;
    }
    let line_end = if rest.starts_with(b"\r\n") { 2 } else { rest.len().min(1) };
    Some((*delimiter, end + line_end))
}

/// Detects the separator: the one of comma, tab and semicolon that occurs most often outside quotes in one of the first lines.
/// The maximum counts because a title above the headers has none.
fn delimiter(text: &[u8]) -> u8 {
    const DELIMITERS: [u8; 3] = [b',', b'\t', b';'];
    let (mut most, mut counts, mut is_quoted, mut lines) = ([0_usize; 3], [0_usize; 3], false, 0);
    for byte in text {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\r' | b'\n' if !is_quoted => {
                if counts != [0; 3] {
                    lines += 1;
                    most = std::array::from_fn(|index| most[index].max(counts[index]));
                }
                counts = [0; 3];
                if lines == LOOKED_AT {
                    break;
                }
            }
            _ if is_quoted => {}
            byte => {
                if let Some(found) = DELIMITERS.iter().position(|delimiter| delimiter == byte) {
                    counts[found] += 1;
                }
            }
        }
    }
    most = std::array::from_fn(|index| most[index].max(counts[index]));
    let best = (0..3).rev().max_by_key(|index| most[*index]).unwrap_or_default();
    DELIMITERS[best]
}

/// The fault of an unknown resource.
pub fn unknown_table(name: &str, tables: &[Table]) -> ImportFault {
    let name = faults::shown(name).unwrap_or_default();
    let names = || tables.iter().flat_map(|table| [table.en.as_str(), table.zh.as_str()]);
    let suggestion = binding::nearest(&name, names());
    let message = msg!(
        "没有资源“{name}”；资源名与 API 路径相同，如 milestones、projects。",
        "there is no resource \"{name}\"; resources are named as in the paths of the API, such as milestones or projects"
    );
    ImportFault { suggestion, value: Some(name), ..ImportFault::of_file("unknown_resource", &message) }
}
