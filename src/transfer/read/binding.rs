//! Which column of a table each column of a sheet is, by its header.

use super::sheets::letters;
use super::told;
use crate::error::Result;
use crate::msg;
use crate::transfer::columns::{Column, Table};
use crate::transfer::fault::ImportFault;
use crate::transfer::row::{Layout, Sink, Spot};

/// A sheet's columns.
pub struct Binding<'a> {
    pub table: &'a Table,
    pub sheet: Option<String>,
    /// The columns that are read, by their position from 0, with their letters.
    pub columns: Vec<(u32, String, &'a Column)>,
    /// The position of the column with the record's code.
    pub code: u32,
    /// Positions without a header, which were complained of already.
    pub nameless: Vec<u32>,
    /// Positions with a header: of these the cells are no surprise.
    pub named: Vec<u32>,
}

impl<'a> Binding<'a> {
    /// Reads the row of headers; `None` when the rows below cannot be read for lack of a code.
    pub fn of(
        table: &'a Table,
        sheet: Option<&str>,
        row: u32,
        headers: &[(u32, String)],
        sink: &mut dyn Sink,
    ) -> Result<Option<Binding<'a>>> {
        let mut columns: Vec<(u32, String, &Column)> = Vec::new();
        let mut named = Vec::new();
        for (position, header) in headers {
            let column_letters = letters(*position);
            let spot = Spot { sheet: sheet.map(str::to_owned), row, column: Some(column_letters.clone()) };
            let of_header = |fault: ImportFault, suggestion| ImportFault {
                resource: Some(table.path.to_owned()),
                value: told::shown(header),
                suggestion,
                ..fault
            };
            named.push(*position);
            let Some(column) = find(table, header) else {
                let all = table.columns.iter().filter(|column| !column.is_read_only);
                let suggestion = nearest(header, all.flat_map(|column| [column.zh.as_str(), column.en.as_str()]));
                let message = msg!("没有这一列。", "is no column of this table");
                sink.fault(of_header(told::at(&spot, "unknown_column", &message), suggestion))?;
                continue;
            };
            if columns.iter().any(|(_, _, other)| std::ptr::eq(*other, column)) {
                let message = msg!("此列重复出现。", "stands a second time");
                sink.fault(of_header(told::at(&spot, "repeated", &message), None))?;
                continue;
            }
            columns.push((*position, column_letters, column));
        }
        columns.retain(|(_, _, column)| !column.is_read_only);
        let code = columns.iter().find(|(_, _, column)| is_code(column)).map(|(position, ..)| *position);
        let Some(code) = code else {
            let name = table.columns.iter().find(|column| is_code(column)).map_or("code", |column| &column.zh);
            let spot = Spot { sheet: sheet.map(str::to_owned), row, column: None };
            let message = msg!("缺少“{name}”列。", "lacks the column \"code\" ({name})");
            let fault = told::at(&spot, "required", &message);
            sink.fault(ImportFault { resource: Some(table.path.to_owned()), pointer: "/code".to_owned(), ..fault })?;
            return Ok(None);
        };
        let sheet = sheet.map(str::to_owned);
        Ok(Some(Binding { table, sheet, columns, code, nameless: Vec::new(), named }))
    }

    /// What the sink is told of the sheet.
    pub fn layout(&self) -> Layout {
        let columns = self.columns.iter().map(|(_, letters, column)| (pointer(column).to_owned(), letters.clone()));
        Layout { sheet: self.sheet.clone(), columns: columns.collect() }
    }
}

/// Whether a column says which record a row is about.
pub fn is_code(column: &Column) -> bool {
    column.pointer.is_empty() || column.pointer == "/code"
}

fn pointer(column: &Column) -> &str {
    if column.pointer.is_empty() { "/code" } else { &column.pointer }
}

/// The column that a header names.
pub fn find<'a>(table: &'a Table, header: &str) -> Option<&'a Column> {
    let name = bare(header);
    table.columns.iter().find(|column| column.zh == name || column.en.eq_ignore_ascii_case(name))
}

/// A header without the mark of a required column.
fn bare(header: &str) -> &str {
    header.trim().trim_end_matches(['*', '＊']).trim_end()
}

/// The table of a name in either language.
pub fn table<'a>(tables: &'a [Table], name: &str) -> Option<&'a Table> {
    let name = name.trim();
    tables.iter().find(|table| table.zh == name || table.en.eq_ignore_ascii_case(name))
}

/// The candidate that a word is most likely a misspelling of.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    let word = bare(word).to_lowercase();
    let alike = |candidate: &&str| strsim::normalized_damerau_levenshtein(&word, &candidate.to_lowercase());
    let scored = candidates.map(|candidate| (alike(&candidate), candidate));
    let best = scored.max_by(|(a, _), (b, _)| a.total_cmp(b));
    best.filter(|(score, _)| *score >= 0.5).map(|(_, candidate)| candidate.to_owned())
}
