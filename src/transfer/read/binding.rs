//! The mapping of the columns of a sheet to those of its table.

use super::headings::{Heading, Headings};
use super::line::letters;
use super::{ReadOptions, faults};
use crate::error::Result;
use crate::model::text::Msg;
use crate::msg;
use crate::normalize::half_width;
use crate::transfer::amounts::{Measure, Unit};
use crate::transfer::columns::{Column, Table};
use crate::transfer::fault::ImportFault;
use crate::transfer::row::{Layout, Sink, Spot};

/// A column of a sheet that is read.
pub struct Bound<'a> {
    /// From 0.
    pub position: u32,
    pub letters: String,
    pub column: &'a Column,
    /// Unit that the header, or a line above it, gives to the numbers.
    pub unit: Option<Unit>,
}

/// The columns of a sheet.
pub struct Binding<'a> {
    pub table: &'a Table,
    pub sheet: Option<String>,
    pub columns: Vec<Bound<'a>>,
    /// Position of the column with the record's code.
    pub code: u32,
    /// Positions without a header that are reported already.
    pub nameless: Vec<u32>,
    /// Positions with a header.
    pub named: Vec<u32>,
}

impl<'a> Binding<'a> {
    /// Maps the headers of a row. `None` if there is no column of codes, without which the rows cannot be read. `above` is the
    /// unit that a line above the headers gives to amounts of money.
    pub fn of(
        headings: &Headings<'a>,
        sheet: Option<&str>,
        row: u32,
        headers: &[(u32, String)],
        above: Option<Unit>,
        options: ReadOptions<'_>,
        sink: &mut dyn Sink,
    ) -> Result<Option<Binding<'a>>> {
        let table = headings.table;
        let mut columns: Vec<Bound<'a>> = Vec::new();
        let (mut named, mut unknown) = (Vec::new(), Vec::new());
        for (position, header) in headers {
            let letters = letters(*position);
            let spot = Spot { sheet: sheet.map(str::to_owned), row, column: Some(letters.clone()) };
            let of_header = |fault: ImportFault, suggestion| ImportFault {
                resource: Some(table.path.to_owned()),
                value: faults::shown(header),
                suggestion,
                ..fault
            };
            named.push(*position);
            let shown = faults::shown(header).unwrap_or_default();
            let (column, unit) = match headings.find(header) {
                Heading::Column(column, unit) => (column, unit),
                Heading::RowNumber => continue,
                Heading::Unit(column) => {
                    let fault = faults::at(&spot, "unknown_unit", &unknown_unit(&shown));
                    sink.fault(of_header(fault, Some(column.zh.clone())))?;
                    continue;
                }
                Heading::Unknown => {
                    let suggestion = suggestion(table, header);
                    unknown.push((shown.clone(), suggestion.clone()));
                    let fault = faults::at(&spot, "unknown_column", &unknown_column(&shown));
                    let fault = of_header(fault, suggestion);
                    sink.fault(if options.ignore_unknown_columns { faults::warning(fault) } else { fault })?;
                    continue;
                }
            };
            if columns.iter().any(|other| std::ptr::eq(other.column, column)) {
                let message = msg!("“{shown}”列重复出现。", "repeats a column: \"{shown}\"");
                sink.fault(of_header(faults::at(&spot, "repeated", &message), None))?;
                continue;
            }
            let above = above.filter(|above| above.fits(column) && above.measure != Measure::Count && is_money(column));
            columns.push(Bound { position: *position, letters, column, unit: unit.or(above) });
        }
        columns.retain(|bound| !bound.column.is_read_only);
        let code = columns.iter().find(|bound| is_code(bound.column)).map(|bound| bound.position);
        let Some(code) = code else {
            let spot = Spot { sheet: sheet.map(str::to_owned), row, column: None };
            sink.fault(without_code(table, &columns, &unknown, &spot))?;
            return Ok(None);
        };
        let sheet = sheet.map(str::to_owned);
        Ok(Some(Binding { table, sheet, columns, code, nameless: Vec::new(), named }))
    }

    /// The layout of the sheet for the sink.
    pub fn layout(&self) -> Layout {
        let columns = self.columns.iter().map(|bound| (pointer(bound.column).to_owned(), bound.letters.clone()));
        Layout { sheet: self.sheet.clone(), columns: columns.collect() }
    }
}

fn unknown_unit(header: &str) -> Msg {
    msg!(
        "表头“{header}”的单位无法换算；请改为元、万元、亿元或百分比等，并换算数值。",
        "has a unit that cannot be converted: \"{header}\"; use the unit of the column and convert the numbers"
    )
}

fn unknown_column(header: &str) -> Msg {
    msg!(
        "没有“{header}”这一列；不需要的列可以删去，或选择忽略未知列（ignore_unknown_columns）。",
        "is not a column of this table: \"{header}\"; delete it, or ignore unknown columns (ignore_unknown_columns)"
    )
}

fn is_money(column: &Column) -> bool {
    Unit { measure: Measure::Money, power: 0 }.fits(column)
}

/// The fault of a sheet without a column of codes, with the required columns that are missing and the unknown ones.
fn without_code(
    table: &Table,
    columns: &[Bound<'_>],
    unknown: &[(String, Option<String>)],
    spot: &Spot,
) -> ImportFault {
    let is_missing = |column: &&Column| {
        (column.is_required || is_code(column)) && columns.iter().all(|bound| !std::ptr::eq(bound.column, *column))
    };
    let missing: Vec<&Column> = table.columns.iter().filter(is_missing).collect();
    let quoted = |names: Vec<&str>| names.iter().map(|name| format!("“{name}”")).collect::<Vec<_>>().join("、");
    let zh = quoted(missing.iter().map(|column| column.zh.as_str()).collect());
    let en = missing.iter().map(|column| format!("\"{}\" ({})", column.en, column.zh)).collect::<Vec<_>>().join(", ");
    let (mut message_zh, mut message_en) = (format!("缺少{zh}列"), format!("lacks the required columns {en}"));
    if !unknown.is_empty() {
        let some = unknown.iter().take(10);
        let zh: Vec<String> = some
            .clone()
            .map(|(name, meant)| match meant {
                Some(meant) => format!("“{name}”（是否指“{meant}”？）"),
                None => format!("“{name}”"),
            })
            .collect();
        let en: Vec<String> = some
            .map(|(name, meant)| match meant {
                Some(meant) => format!("\"{name}\" (did you mean \"{meant}\"?)"),
                None => format!("\"{name}\""),
            })
            .collect();
        message_zh += &format!("；无法识别的列：{}", zh.join("、"));
        message_en += &format!("; unknown columns: {}", en.join(", "));
    }
    let message = Msg::new(message_zh + "。", message_en);
    let fault = faults::at(spot, "required", &message);
    ImportFault { resource: Some(table.path.to_owned()), pointer: "/code".to_owned(), ..fault }
}

/// The header of a column that is most similar to an unknown one.
pub fn suggestion(table: &Table, header: &str) -> Option<String> {
    let all = table.columns.iter().filter(|column| !column.is_read_only);
    nearest(header, all.flat_map(|column| [column.zh.as_str(), column.en.as_str()]))
}

/// Whether a column has the code of the row's record.
pub fn is_code(column: &Column) -> bool {
    column.pointer.is_empty() || column.pointer == "/code"
}

fn pointer(column: &Column) -> &str {
    if column.pointer.is_empty() { "/code" } else { &column.pointer }
}

/// The table with a name in either language.
pub fn table<'a>(tables: &'a [Table], name: &str) -> Option<&'a Table> {
    let name = half_width(name);
    tables.iter().find(|table| table.zh == name || table.en.eq_ignore_ascii_case(&name))
}

/// The candidate that is most similar to a word, if one is similar enough.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    let word = half_width(word).trim_matches(['*', ' ']).to_lowercase();
    let alike = |candidate: &&str| strsim::normalized_damerau_levenshtein(&word, &candidate.to_lowercase());
    let scored = candidates.map(|candidate| (alike(&candidate), candidate));
    let best = scored.max_by(|(a, _), (b, _)| a.total_cmp(b));
    best.filter(|(score, _)| *score >= 0.5).map(|(_, candidate)| candidate.to_owned())
}
