//! Rows of cells become records, wherever the rows come from.

use serde_json::Value;

use super::binding::Binding;
use super::document::document;
use super::lists::{List, MOST};
use super::told;
use crate::contract::Contract;
use crate::error::Result;
use crate::msg;
use crate::transfer::cells::{Cell, key, restore};
use crate::transfer::columns::Table;
use crate::transfer::fault::ImportFault;
use crate::transfer::row::{Place, Row, Sink, Spot};

/// A column's letters: 0 is A, 26 is AA.
pub fn letters(position: u32) -> String {
    let mut letters = Vec::new();
    let mut left = position;
    loop {
        letters.push(char::from(b'A' + u8::try_from(left % 26).unwrap_or_default()));
        if left < 26 {
            break;
        }
        left = left / 26 - 1;
    }
    letters.iter().rev().collect()
}

/// What a file has in one cell.
#[derive(Clone, Debug)]
pub enum Raw {
    Cell(Cell),
    /// A formula that failed: `#N/A`.
    Error(String),
}

/// One row of a sheet.
#[derive(Debug, Default)]
pub struct Line {
    /// As a spreadsheet numbers it.
    pub row: u32,
    /// By position from 0, in order.
    pub cells: Vec<(u32, Raw)>,
}

impl Line {
    pub fn is_blank(&self) -> bool {
        self.cells.iter().all(|(_, raw)| matches!(raw, Raw::Cell(cell) if cell.is_blank()))
    }

    fn at(&self, position: u32) -> Option<&Raw> {
        let found = self.cells.binary_search_by_key(&position, |(at, _)| *at).ok()?;
        self.cells.get(found).map(|(_, raw)| raw)
    }

    /// The texts of a row of headers.
    pub fn headers(&self) -> Vec<(u32, String)> {
        let texts = self.cells.iter().filter_map(|(position, raw)| match raw {
            Raw::Cell(cell) if !cell.is_blank() => Some((*position, cell.text())),
            _ => None,
        });
        texts.collect()
    }
}

/// A sheet that is being read.
pub struct Open<'a> {
    table: &'a Table,
    sheet: Option<String>,
    state: State<'a>,
}

enum State<'a> {
    /// The row of headers is still to come.
    Above,
    /// Its rows cannot be read.
    Unreadable,
    Records(Binding<'a>, u32),
    /// The number of the list.
    Items(usize),
}

/// What is known while the sheets of a file are read.
pub struct Sheets<'a> {
    contract: &'a Contract,
    pub sink: &'a mut dyn Sink,
    pub lists: Vec<List<'a>>,
    layouts: u32,
    items: usize,
}

impl<'a> Sheets<'a> {
    pub fn new(contract: &'a Contract, sink: &'a mut dyn Sink) -> Sheets<'a> {
        Sheets { contract, sink, lists: Vec::new(), layouts: 0, items: 0 }
    }

    pub fn open(table: &'a Table, sheet: Option<String>) -> Open<'a> {
        Open { table, sheet, state: State::Above }
    }

    /// Takes one row; `false` when the rest of the sheet need not be read.
    pub fn line(&mut self, open: &mut Open<'a>, line: &Line) -> Result<bool> {
        if line.is_blank() {
            return Ok(true);
        }
        match &mut open.state {
            State::Unreadable => return Ok(false),
            State::Above => {
                let headers = line.headers();
                let bound = Binding::of(open.table, open.sheet.as_deref(), line.row, &headers, self.sink)?;
                open.state = match bound {
                    None => State::Unreadable,
                    Some(binding) if open.table.list.is_some() => {
                        self.lists.push(List::new(binding));
                        State::Items(self.lists.len() - 1)
                    }
                    Some(binding) => State::Records(binding, self.layout()?),
                };
                if let State::Records(binding, _) = &open.state {
                    self.sink.layout(binding.layout())?;
                }
            }
            State::Records(binding, table) => {
                let Some((code, fields)) = record(self.contract, binding, line, self.sink)? else { return Ok(true) };
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
                let Some((code, item)) = record(self.contract, &mut list.binding, line, self.sink)? else {
                    return Ok(true);
                };
                if self.items == MOST {
                    let spot = Spot { sheet: open.sheet.clone(), row: line.row, column: None };
                    let message = msg!(
                        "一个文件的明细最多 {MOST} 行；请分成几个文件。",
                        "A file has at most {MOST} rows of lists; split it."
                    );
                    self.sink.fault(told::at(&spot, "too_many_items", &message))?;
                    open.state = State::Unreadable;
                    return Ok(false);
                }
                self.items += 1;
                list.keep(code, line.row, item);
            }
        }
        Ok(true)
    }

    fn layout(&mut self) -> Result<u32> {
        self.layouts += 1;
        Ok(self.layouts - 1)
    }

    /// The items of a list that stands alone, as records.
    pub fn tell_lists_alone(&mut self) -> Result<()> {
        for list in &mut self.lists {
            self.sink.layout(list.binding.layout())?;
            list.as_records(self.layouts, self.sink)?;
            self.layouts += 1;
        }
        Ok(())
    }

    pub fn tell_left(&mut self) -> Result<()> {
        self.lists.iter().try_for_each(|list| list.tell_left(self.sink))
    }
}

/// The code and the other fields of a row; nothing where it has no cell that is read, or no code.
fn record(
    contract: &Contract,
    binding: &mut Binding<'_>,
    line: &Line,
    sink: &mut dyn Sink,
) -> Result<Option<(String, serde_json::Map<String, Value>)>> {
    let spot =
        |letters: Option<&String>| Spot { sheet: binding.sheet.clone(), row: line.row, column: letters.cloned() };
    let of_record = |fault: ImportFault| ImportFault { resource: Some(binding.table.path.to_owned()), ..fault };
    let text = |position| match line.at(position) {
        Some(Raw::Cell(cell)) if !cell.is_blank() => Some(key(restore(cell.text().trim())).to_owned()),
        _ => None,
    };
    let code = text(binding.code);
    let mut is_empty = true;
    for (position, letters, column) in &binding.columns {
        match line.at(*position) {
            Some(Raw::Error(error)) => {
                is_empty = false;
                let message = msg!("公式出错：{error}。", "is a formula that failed: {error}");
                let fault = of_record(told::at(&spot(Some(letters)), "cell_error", &message));
                let pointer = if column.pointer.is_empty() { "/code" } else { &column.pointer };
                sink.fault(ImportFault {
                    record: code.clone(),
                    pointer: pointer.to_owned(),
                    value: Some(error.clone()),
                    ..fault
                })?;
            }
            Some(Raw::Cell(cell)) => is_empty = is_empty && cell.is_blank(),
            None => {}
        }
    }
    let surprises = line.cells.iter().filter(|(position, raw)| {
        let is_known = binding.named.contains(position) || binding.nameless.contains(position);
        !is_known && !matches!(raw, Raw::Cell(cell) if cell.is_blank())
    });
    let surprises: Vec<u32> = surprises.map(|(position, _)| *position).take(20).collect();
    for position in &surprises {
        let message = msg!(
            "此列没有表头，其内容不会导入。",
            "has no header above it; what stands in this column is not imported"
        );
        let fault = told::at(&spot(Some(&letters(*position))), "no_header", &message);
        sink.fault(told::warning(of_record(fault)))?;
    }
    if is_empty {
        binding.nameless.extend(surprises);
        return Ok(None);
    }
    let Some(code) = code else {
        if !matches!(line.at(binding.code), Some(Raw::Error(_))) {
            let column = binding.columns.iter().find(|(position, ..)| *position == binding.code);
            let message = msg!("必须填写代码：它说明是哪一条记录。", "is required: it tells which record is meant");
            let fault = of_record(told::at(&spot(column.map(|(_, letters, _)| letters)), "required", &message));
            sink.fault(ImportFault { pointer: "/code".to_owned(), ..fault })?;
        }
        binding.nameless.extend(surprises);
        return Ok(None);
    };
    let fields = document(contract, binding, |position| match line.at(position) {
        Some(Raw::Cell(cell)) => Some(cell),
        Some(Raw::Error(_)) => None,
        None => Some(&Cell::Empty),
    });
    binding.nameless.extend(surprises);
    Ok(Some((code, fields)))
}
