//! The items of list sheets, held until the sheet with their records is read.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::binding::Binding;
use super::faults;
use crate::error::Result;
use crate::msg;
use crate::transfer::fault::ImportFault;
use crate::transfer::row::{Place, Row, Sink, Spot};
use crate::validation::escape;

/// The most items of all lists of a file together.
pub const MOST: usize = 200_000;

/// The items of one list.
pub struct List<'a> {
    pub binding: Binding<'a>,
    by_code: HashMap<String, Items>,
}

#[derive(Default)]
struct Items {
    is_taken: bool,
    /// Row number and JSON text, which takes less memory than the value.
    items: Vec<(u32, Box<str>)>,
}

impl<'a> List<'a> {
    pub fn new(binding: Binding<'a>) -> List<'a> {
        List { binding, by_code: HashMap::new() }
    }

    pub fn add(&mut self, code: String, row: u32, item: Map<String, Value>) {
        let json = Value::Object(item).to_string().into_boxed_str();
        self.by_code.entry(code).or_default().items.push((row, json));
    }

    fn name(&self) -> &str {
        self.binding.table.list.as_deref().unwrap_or_default()
    }

    /// Adds the items to their record; an empty list if there are none.
    pub fn join(&mut self, row: &mut Row) -> Result<()> {
        let name = self.name().to_owned();
        let mut values = Vec::new();
        if let Some(found) = self.by_code.get_mut(&row.code) {
            found.is_taken = true;
            let at = format!("/{}", escape(&name));
            for (index, (line, json)) in found.items.iter().enumerate() {
                let spot = |column: Option<&str>| Spot {
                    sheet: self.binding.sheet.clone(),
                    row: *line,
                    column: column.map(str::to_owned),
                };
                if index == 0 {
                    row.place.elsewhere.push((at.clone(), spot(None)));
                }
                row.place.elsewhere.push((format!("{at}/{index}"), spot(None)));
                for bound in self.binding.columns.iter().filter(|bound| bound.position != self.binding.code) {
                    let pointer = format!("{at}/{index}{}", bound.column.pointer);
                    row.place.elsewhere.push((pointer, spot(Some(&bound.letters))));
                }
                values.push(serde_json::from_str(json)?);
            }
        }
        if let Value::Object(fields) = &mut row.document {
            fields.insert(name, Value::Array(values));
        }
        Ok(())
    }

    /// Reports the items without a record in the file.
    pub fn report_orphans(&self, sink: &mut dyn Sink) -> Result<()> {
        let letters = self.binding.columns.iter().find(|bound| bound.position == self.binding.code);
        for (code, row) in self.orphans() {
            let column = letters.map(|bound| bound.letters.clone());
            let spot = Spot { sheet: self.binding.sheet.clone(), row, column };
            let path = self.binding.table.path;
            let message = msg!(
                "本文件的主表中没有代码为“{code}”的记录。",
                "belongs to no record: the main sheet ({path}) of this file has no code \"{code}\""
            );
            sink.fault(ImportFault {
                resource: Some(path.to_owned()),
                record: Some(code.to_owned()),
                value: faults::shown(code),
                ..faults::at(&spot, "unknown_record", &message)
            })?;
        }
        Ok(())
    }

    /// The codes of items without a record, each with its first row, in the order of the rows.
    fn orphans(&self) -> Vec<(&str, u32)> {
        let left = self.by_code.iter().filter(|(_, items)| !items.is_taken);
        let mut left: Vec<(&str, u32)> =
            left.filter_map(|(code, items)| Some((code.as_str(), items.items.first()?.0))).collect();
        left.sort_by_key(|(_, row)| *row);
        left
    }

    /// Yields records with nothing but their code and items, for a file without a main sheet.
    pub fn as_records(&mut self, table: u32, sink: &mut dyn Sink) -> Result<()> {
        let left: Vec<(String, u32)> = self.orphans().into_iter().map(|(code, row)| (code.to_owned(), row)).collect();
        for (code, line) in left {
            let document = Value::Object(Map::from_iter([("code".to_owned(), Value::String(code.clone()))]));
            let place = Place { table, row: line, elsewhere: Vec::new() };
            let mut row = Row { path: self.binding.table.path.to_owned(), code, document, place };
            self.join(&mut row)?;
            sink.row(row)?;
        }
        Ok(())
    }
}
