//! The sheets of lists, kept until their records come.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::binding::Binding;
use super::told;
use crate::error::Result;
use crate::msg;
use crate::transfer::fault::ImportFault;
use crate::transfer::row::{Place, Row, Sink, Spot};
use crate::validation::escape;

/// The most items that are kept, of all lists of a file.
pub const MOST: usize = 200_000;

/// One list's items.
pub struct List<'a> {
    pub binding: Binding<'a>,
    by_code: HashMap<String, Items>,
}

#[derive(Default)]
struct Items {
    is_taken: bool,
    /// Row and JSON, which takes less room than the value.
    items: Vec<(u32, Box<str>)>,
}

impl<'a> List<'a> {
    pub fn new(binding: Binding<'a>) -> List<'a> {
        List { binding, by_code: HashMap::new() }
    }

    pub fn keep(&mut self, code: String, row: u32, item: Map<String, Value>) {
        let json = Value::Object(item).to_string().into_boxed_str();
        self.by_code.entry(code).or_default().items.push((row, json));
    }

    fn name(&self) -> &str {
        self.binding.table.list.as_deref().unwrap_or_default()
    }

    /// Gives a record its items; an empty list where there are none.
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

    /// The items whose record never came are faults.
    pub fn tell_left(&self, sink: &mut dyn Sink) -> Result<()> {
        let letters = self.binding.columns.iter().find(|bound| bound.position == self.binding.code);
        for (code, row) in self.left() {
            let column = letters.map(|bound| bound.letters.clone());
            let spot = Spot { sheet: self.binding.sheet.clone(), row, column };
            let path = self.binding.table.path;
            let message = msg!(
                "本文件的主表中没有代码为“{code}”的记录。",
                "belongs to no record of this file: its main sheet ({path}) has no \"{code}\""
            );
            sink.fault(ImportFault {
                resource: Some(path.to_owned()),
                record: Some(code.to_owned()),
                value: told::shown(code),
                ..told::at(&spot, "unknown_record", &message)
            })?;
        }
        Ok(())
    }

    /// Each record that never came, with its first row, in the order of the rows.
    fn left(&self) -> Vec<(&str, u32)> {
        let left = self.by_code.iter().filter(|(_, items)| !items.is_taken);
        let mut left: Vec<(&str, u32)> =
            left.filter_map(|(code, items)| Some((code.as_str(), items.items.first()?.0))).collect();
        left.sort_by_key(|(_, row)| *row);
        left
    }

    /// The items as records of which nothing else is said: for a file that has no main sheet.
    pub fn as_records(&mut self, table: u32, sink: &mut dyn Sink) -> Result<()> {
        let left: Vec<(String, u32)> = self.left().into_iter().map(|(code, row)| (code.to_owned(), row)).collect();
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
