//! Fills in cells of a workbook, as a reader does in a spreadsheet program. Everything else of the file stays as it is.

use std::io::{Cursor, Read, Write};
use std::path::Path;

use calamine::{Data, Reader, Xlsx};
use regex::{NoExpand, Regex};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::page::Table;

/// Writes a page's table into its workbook. A row whose first cell is in the sheet is changed, any other is added.
pub fn fill(directory: &Path, table: &Table) {
    let path = directory.join(&table.workbook);
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let cells = places(&bytes, table);
    let mut parts = parts(&bytes);
    let sheet = sheet_part(&parts, &table.sheet);
    let (_, part) = parts.iter_mut().find(|(name, _)| *name == sheet).expect("the sheet's part");
    let mut xml = String::from_utf8(std::mem::take(part)).expect("UTF-8");
    for (column, row, text) in cells {
        xml = set(&xml, &column, row, &text);
    }
    *part = xml.into_bytes();
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        zip.start_file(&name, SimpleFileOptions::default()).expect("a part");
        zip.write_all(&bytes).expect("its bytes");
    }
    std::fs::write(&path, zip.finish().expect("a workbook").into_inner()).expect("a file");
}

/// The cells to write: column, row and text.
fn places(bytes: &[u8], table: &Table) -> Vec<(String, usize, String)> {
    let mut workbook: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(bytes)).expect("a workbook");
    let range = workbook.worksheet_range(&table.sheet).expect("the sheet");
    let text = |row: usize, column: usize| {
        let value = range.get_value((u32::try_from(row).ok()?, u32::try_from(column).ok()?))?;
        if let Data::String(text) = value { Some(text.trim_matches(['*', ' ']).to_owned()) } else { None }
    };
    let (last, width) = range.end().map_or((0, 0), |(row, column)| (row as usize, column as usize));
    let header = (0..=last).find(|row| text(*row, 0).as_ref() == table.headers.first()).expect("the row of headers");
    let columns: Vec<usize> = (table.headers.iter())
        .map(|name| {
            let found = (0..=width).find(|column| text(header, *column).as_ref() == Some(name));
            found.unwrap_or_else(|| panic!("{} has no column {name}", table.sheet))
        })
        .collect();
    let used = (header..=last).rev().find(|row| (0..=width).any(|column| text(*row, column).is_some()));
    let mut next = used.unwrap_or(header) + 1;
    let mut places = Vec::new();
    for row in &table.rows {
        let there = (header..=last).find(|at| text(*at, columns[0]).as_ref() == row.first());
        let at = there.unwrap_or(next);
        next += usize::from(there.is_none());
        let filled = columns.iter().zip(row).filter(|(_, text)| !text.is_empty());
        places.extend(filled.map(|(column, text)| (letters(*column), at + 1, text.clone())));
    }
    places
}

/// The name of a column, from 0 for A.
fn letters(column: usize) -> String {
    let last = char::from(b'A' + u8::try_from(column % 26).expect("a letter"));
    if column < 26 { last.to_string() } else { letters(column / 26 - 1) + &last.to_string() }
}

fn parts(workbook: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = ZipArchive::new(Cursor::new(workbook)).expect("a workbook");
    let count = archive.len();
    let read = |index| {
        let mut entry = archive.by_index(index).expect("a part");
        let name = String::from_utf8(entry.name_raw().to_vec()).expect("a name");
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).expect("its bytes");
        (name, bytes)
    };
    (0..count).map(read).collect()
}

/// The name of the part that holds a sheet.
fn sheet_part(parts: &[(String, Vec<u8>)], sheet: &str) -> String {
    let capture = |part: &str, pattern: &str| {
        let (_, bytes) = parts.iter().find(|(name, _)| name == part).expect("a part");
        let found = Regex::new(pattern).expect("a pattern").captures(&String::from_utf8_lossy(bytes))?[1].to_owned();
        Some(found)
    };
    let sheet = regex::escape(sheet);
    let id =
        capture("xl/workbook.xml", &format!("<sheet [^>]*name=\"{sheet}\"[^>]*r:id=\"([^\"]+)\"")).expect("a sheet");
    let relations = "xl/_rels/workbook.xml.rels";
    let target = capture(relations, &format!("<Relationship [^>]*Id=\"{id}\"[^>]*Target=\"([^\"]+)\""))
        .or_else(|| capture(relations, &format!("<Relationship [^>]*Target=\"([^\"]+)\"[^>]*Id=\"{id}\"")));
    let target = target.expect("a target");
    target.strip_prefix('/').map_or_else(|| format!("xl/{target}"), str::to_owned)
}

/// The sheet with a text in a cell, whose style stays.
fn set(xml: &str, column: &str, row: usize, text: &str) -> String {
    let pattern = |text: &str| Regex::new(text).expect("a pattern");
    let name = format!("{column}{row}");
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let cell = |style: &str| format!("<c r=\"{name}\"{style} t=\"inlineStr\"><is><t>{escaped}</t></is></c>");
    let whole = pattern(&format!("(?s)<c r=\"{name}\"([^>]*?)(/>|>.*?</c>)"));
    if let Some(found) = whole.captures(xml) {
        let style = pattern(" s=\"[0-9]+\"").find(&found[1]).map_or("", |style| style.as_str());
        return whole.replace(xml, NoExpand(&cell(style))).into_owned();
    }
    let line = pattern(&format!("(?s)(<row r=\"{row}\"[^>]*?)(/>|>(.*?)</row>)"));
    let Some(found) = line.captures(xml) else {
        let new = format!("<row r=\"{row}\">{}</row></sheetData>", cell(""));
        return xml.replace("<sheetData/>", "<sheetData></sheetData>").replace("</sheetData>", &new);
    };
    let cells = found.get(3).map_or("", |cells| cells.as_str());
    // Cells stand in the order of their columns.
    let after = pattern("<c r=\"([A-Z]+)[0-9]+\"").captures_iter(cells).find_map(|other| {
        let (whole, other) = (other.get(0)?, &other[1]);
        ((other.len(), other) > (column.len(), column)).then_some(whole.start())
    });
    let (before, rest) = cells.split_at(after.unwrap_or(cells.len()));
    let new = format!("{}>{before}{}{rest}</row>", &found[1], cell(""));
    line.replace(xml, NoExpand(&new)).into_owned()
}
