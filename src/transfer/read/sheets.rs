//! Conversion of rows of cells to records, for workbooks and CSV files.

use serde_json::Value;

use super::binding::{Binding, is_code};
use super::headings::{Heading, Headings, unit_above};
use super::line::Line;
use super::lists::{List, MOST};
use super::record::record;
use super::{ReadOptions, faults};
use crate::error::Result;
use crate::msg;
use crate::transfer::amounts::Unit;
use crate::transfer::columns::Table;
use crate::transfer::fault::ImportFault;
use crate::transfer::row::{Place, Row, Sink, Spot};
use crate::validation::Contract;

/// The number of rows among which the headers are searched.
const ABOVE: usize = 20;
/// The most tables or columns that a message lists.
const LISTED: usize = 5;

/// A sheet that is being read.
pub struct Open<'a> {
    /// `None` if the table is to be found by its headers.
    table: Option<&'a Table>,
    sheet: Option<String>,
    state: State<'a>,
}

enum State<'a> {
    /// The headers are not found yet; these are the rows so far.
    Above(Vec<Line>),
    /// The rows cannot be read.
    Unreadable,
    Records(Binding<'a>, u32),
    /// Index of the list.
    Items(usize),
}

impl<'a> Open<'a> {
    pub fn new(table: Option<&'a Table>, sheet: Option<String>) -> Open<'a> {
        Open { table, sheet, state: State::Above(Vec::new()) }
    }
}

/// The state of reading the sheets of a file.
pub struct Sheets<'a> {
    contract: &'a Contract,
    tables: &'a [Table],
    options: ReadOptions<'a>,
    pub sink: &'a mut dyn Sink,
    pub lists: Vec<List<'a>>,
    layouts: u32,
    items: usize,
}

impl<'a> Sheets<'a> {
    pub fn new(
        contract: &'a Contract,
        tables: &'a [Table],
        options: ReadOptions<'a>,
        sink: &'a mut dyn Sink,
    ) -> Sheets<'a> {
        Sheets { contract, tables, options, sink, lists: Vec::new(), layouts: 0, items: 0 }
    }

    /// Processes one row. Returns `false` if the rest of the sheet need not be read.
    pub fn line(&mut self, open: &mut Open<'a>, line: Line) -> Result<bool> {
        if line.is_blank() {
            return Ok(true);
        }
        match &mut open.state {
            State::Unreadable => return Ok(false),
            State::Above(first) => {
                first.push(line);
                return if first.len() < ABOVE { Ok(true) } else { self.begin(open) };
            }
            State::Records(binding, table) => {
                let Some((code, fields)) = record(self.contract, binding, &line, self.sink)? else { return Ok(true) };
                let mut document = serde_json::Map::from_iter([("code".to_owned(), Value::String(code.clone()))]);
                document.extend(fields);
                let place = Place { table: *table, row: line.row, elsewhere: Vec::new() };
                let path = binding.table.path;
                let mut row = Row { path: path.to_owned(), code, document: Value::Object(document), place };
                for list in self.lists.iter_mut().filter(|list| list.binding.table.path == path) {
                    list.join(&mut row)?;
                }
                self.sink.row(row)?;
            }
            State::Items(number) => {
                let Some(list) = self.lists.get_mut(*number) else { return Ok(false) };
                let Some((code, item)) = record(self.contract, &mut list.binding, &line, self.sink)? else {
                    return Ok(true);
                };
                if self.items == MOST {
                    let spot = Spot { sheet: open.sheet.clone(), row: line.row, column: None };
                    let message = msg!(
                        "一个文件的明细最多 {MOST} 行，请分成几个文件。",
                        "has more than {MOST} rows of lists; split it into several files"
                    );
                    self.sink.fault(faults::at(&spot, "too_many_items", &message))?;
                    open.state = State::Unreadable;
                    return Ok(false);
                }
                self.items += 1;
                list.add(code, line.row, item);
            }
        }
        Ok(true)
    }

    /// Ends a sheet.
    pub fn end(&mut self, open: &mut Open<'a>) -> Result<()> {
        match &open.state {
            State::Above(first) if !first.is_empty() => self.begin(open).map(drop),
            _ => Ok(()),
        }
    }

    /// Finds the headers among the first rows and processes the rows below them.
    fn begin(&mut self, open: &mut Open<'a>) -> Result<bool> {
        let State::Above(first) = std::mem::replace(&mut open.state, State::Unreadable) else { return Ok(true) };
        let headings = match open.table {
            Some(table) => Headings::new(table),
            None => match table_of(self.tables, &first, self.options.ignore_unknown_columns) {
                Ok(headings) => headings,
                Err(fault) => {
                    self.sink.fault(ImportFault { sheet: open.sheet.clone(), ..*fault })?;
                    return Ok(false);
                }
            },
        };
        let (table, found) = (headings.table, headers(&headings, &first));
        let Some(line) = first.get(found) else { return Ok(false) };
        // A single cell may be a title; several cells are headers, which are then reported as unknown.
        if known(&headings, line).count == 0 && line.headers().len() < 2 {
            self.sink.fault(without_headers(table, open.sheet.clone(), line))?;
            return Ok(false);
        }
        let above = self.unit_above(table, open.sheet.clone(), &first[..found])?;
        let (sheet, headers) = (open.sheet.as_deref(), line.headers());
        let bound = Binding::of(&headings, sheet, line.row, &headers, above, self.options, self.sink)?;
        open.state = match bound {
            None => State::Unreadable,
            Some(binding) if table.list.is_some() => {
                self.lists.push(List::new(binding));
                State::Items(self.lists.len() - 1)
            }
            Some(binding) => {
                self.layouts += 1;
                self.sink.layout(binding.layout())?;
                State::Records(binding, self.layouts - 1)
            }
        };
        for line in first.into_iter().skip(found + 1) {
            if !self.line(open, line)? {
                return Ok(false);
            }
        }
        Ok(!matches!(open.state, State::Unreadable))
    }

    /// The unit that the lines above the headers give to money. Reports one that cannot be converted.
    fn unit_above(&mut self, table: &Table, sheet: Option<String>, above: &[Line]) -> Result<Option<Unit>> {
        let mut found = None;
        for line in above {
            for (position, raw) in line.cells.iter().filter(|(at, _)| !line.inherited.contains(at)) {
                match unit_above(&raw.text()) {
                    Ok(unit) => found = unit.or(found),
                    Err(word) => {
                        let column = Some(super::line::letters(*position));
                        let spot = Spot { sheet: sheet.clone(), row: line.row, column };
                        let message = msg!(
                            "表头上方的单位“{word}”无法换算；请改为元、万元或亿元，并换算数值。",
                            "gives the unit \"{word}\", which cannot be converted; use 元, 万元 or 亿元 and convert the numbers"
                        );
                        let fault = faults::at(&spot, "unknown_unit", &message);
                        self.sink.fault(ImportFault { resource: Some(table.path.to_owned()), ..fault })?;
                    }
                }
            }
        }
        Ok(found)
    }

    /// Yields the items of a file that holds a list alone, as records.
    pub fn emit_lists_alone(&mut self) -> Result<()> {
        for list in &mut self.lists {
            self.sink.layout(list.binding.layout())?;
            list.as_records(self.layouts, self.sink)?;
            self.layouts += 1;
        }
        Ok(())
    }

    /// Reports the items of lists without a record in the file.
    pub fn report_orphans(&mut self) -> Result<()> {
        self.lists.iter().try_for_each(|list| list.report_orphans(self.sink))
    }
}

/// How many headers of a table a row has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Known {
    has_code: bool,
    count: usize,
    /// Whether all of its texts are headers.
    is_all: bool,
}

fn known(headings: &Headings<'_>, line: &Line) -> Known {
    let mut known = Known { has_code: false, count: 0, is_all: true };
    for (_, header) in line.headers() {
        match headings.find(&header) {
            Heading::Column(column, _) => {
                known.has_code = known.has_code || is_code(column);
                known.count += 1;
            }
            Heading::Unit(_) => known.count += 1,
            Heading::RowNumber => {}
            Heading::Unknown => known.is_all = false,
        }
    }
    known
}

/// The index of the row with most headers of a table; the first row if none has any.
fn headers(headings: &Headings<'_>, lines: &[Line]) -> usize {
    let scored = lines.iter().map(|line| known(headings, line)).map(|known| (known.has_code, known.count)).enumerate();
    // Of equal rows the first.
    scored.rev().max_by_key(|(_, score)| *score).map_or(0, |(at, _)| at)
}

/// The table that the headers belong to: the only table that has all of them, else the one that has most, whose unknown headers
/// are then reported. If unknown headers are to be ignored, the table must have all of them.
fn table_of<'t>(tables: &'t [Table], lines: &[Line], ignores: bool) -> Result<Headings<'t>, Box<ImportFault>> {
    let mut fitting: Vec<(Known, u32, Headings<'t>)> = Vec::new();
    for headings in tables.iter().map(Headings::new) {
        if let Some(line) = lines.get(headers(&headings, lines)) {
            fitting.push((known(&headings, line), line.row, headings));
        }
    }
    fitting.retain(|(known, ..)| known.count > 0);
    let rank = |(known, ..): &(Known, u32, Headings<'t>)| (known.has_code && known.is_all, known.has_code, known.count);
    fitting.sort_by_key(|one| std::cmp::Reverse(rank(one)));
    let row = fitting.first().map_or_else(|| lines.first().map_or(0, |line| line.row), |(_, row, _)| *row);
    let is_sure = match fitting.as_slice() {
        [best, next, ..] if rank(best).0 => !rank(next).0,
        // The best match, if no other table has as many of the headers.
        [best, next, ..] => !ignores && best.0.has_code && best.0.count > 2 && rank(best) > rank(next),
        [only] => only.0.has_code,
        [] => false,
    };
    if is_sure {
        return Ok(fitting.swap_remove(0).2);
    }
    let best = fitting.first().map(rank);
    let equal = fitting.iter().filter(|one| Some(rank(one)) == best).take(LISTED);
    let choices: Vec<&str> = equal.map(|(.., headings)| headings.table.en.as_str()).collect();
    let choices = if choices.is_empty() { vec!["milestones", "projects"] } else { choices };
    let names = choices.join(", ");
    let message = msg!(
        "无法从表头判断是哪种记录；请用 resource 指明，如：{names}。",
        "has headers that fit several resources or none; name the resource (resource), such as: {names}"
    );
    Err(Box::new(faults::at(&Spot { row, ..Spot::default() }, "which_table", &message)))
}

/// The fault of a sheet without headers in its first rows.
fn without_headers(table: &Table, sheet: Option<String>, line: &Line) -> ImportFault {
    let columns: Vec<_> = table.columns.iter().filter(|column| !column.is_read_only).take(LISTED).collect();
    let zh = columns.iter().map(|column| column.zh.as_str()).collect::<Vec<_>>().join("、");
    let en = columns.iter().map(|column| column.en.as_str()).collect::<Vec<_>>().join(", ");
    let message = msg!(
        "前 {ABOVE} 行中没有找到表头；应有一行列出各列名称，如：{zh}。",
        "has no headers in its first {ABOVE} rows; one row must name the columns, such as {en}"
    );
    let fault = faults::at(&Spot { sheet, row: line.row, column: None }, "no_headers", &message);
    ImportFault { resource: Some(table.path.to_owned()), ..fault }
}
