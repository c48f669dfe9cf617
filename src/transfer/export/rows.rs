//! The items of a list as NDJSON, CSV and workbooks.

use std::fs::File;
use std::sync::Arc;

use serde_json::Value;

use super::bundle;
use crate::access::Visibility;
use crate::db::{Conn, surrogate_code};
use crate::error::{Error, Result};
use crate::http::export::ListWriter;
use crate::http::format::Format;
use crate::model::text::Language;
use crate::resources::{self, Form};
use crate::transfer::cells;
use crate::transfer::columns::{self, Column, Table};
use crate::transfer::workbook::{Book, SheetId};
use crate::validation::{Contract, Document};

/// The mark without which Excel does not read a CSV file as UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A writer for the items of one list.
pub struct Rows {
    format: Format,
    language: Language,
    shape: Shape,
}

enum Shape {
    /// Records, with their table and those of their lists of objects.
    Records(Box<Form>, Vec<Table>),
    /// Other items, by the name of their component.
    Items(String, Vec<Column>),
}

impl Rows {
    /// Creates the writer for the list of an operation, from the schema of its items.
    ///
    /// A reader who may see no personal data of any pairing gets no columns for it.
    pub fn writer(
        contract: &Contract,
        operation: &str,
        format: Format,
        language: Language,
        visibility: &Visibility,
    ) -> Result<Arc<dyn ListWriter>> {
        let component = item_of(contract.document(), operation)
            .ok_or_else(|| Error::unexpected(format!("{operation} returns no list")))?;
        let form = resources::forms().into_iter().find(|form| form.read == component);
        let shape = match form {
            Some(form) => {
                let mut tables = columns::tables(contract, &form)?;
                columns::remove_private(&mut tables, form.kind, visibility);
                Shape::Records(Box::new(form), tables)
            }
            None => Shape::Items(component.to_owned(), columns::of_component(contract, component)?),
        };
        Ok(Arc::new(Rows { format, language, shape }))
    }

    fn columns(&self) -> &[Column] {
        match &self.shape {
            Shape::Records(_, tables) => tables.first().map_or(&[], |table| &table.columns),
            Shape::Items(_, columns) => columns,
        }
    }

    /// Sets the surrogate code of a record without a code, because an import identifies the record of a row by its code.
    fn named(&self, mut item: Value) -> Value {
        if let Shape::Records(form, _) = &self.shape {
            surrogate_code::name(form.kind, &mut item);
        }
        item
    }
}

impl ListWriter for Rows {
    fn head(&self) -> Result<Vec<u8>> {
        if self.format != Format::Csv {
            return Ok(Vec::new());
        }
        let header = self.columns().iter().map(|column| match self.language {
            Language::Zh => &column.zh,
            Language::En => &column.en,
        });
        let mut head = BYTE_ORDER_MARK.to_vec();
        head.extend(csv(|csv| csv.write_record(header))?);
        Ok(head)
    }

    fn name_references(&self, conn: &mut Conn, items: &mut [Value]) -> Result<()> {
        match &self.shape {
            Shape::Records(form, _) => bundle::name_references(conn, form, items),
            Shape::Items(..) => Ok(()),
        }
    }

    fn lines(&self, items: Vec<Value>) -> Result<Vec<u8>> {
        if self.format == Format::Ndjson {
            let mut lines = Vec::new();
            for item in items {
                serde_json::to_writer(&mut lines, &item)?;
                lines.push(b'\n');
            }
            return Ok(lines);
        }
        let items: Vec<Value> = items.into_iter().map(|item| self.named(item)).collect();
        csv(|csv| {
            items.iter().try_for_each(|item| {
                let cell = |column: &Column| cells::written(column, item, self.language).text();
                csv.write_record(self.columns().iter().map(cell))
            })
        })
    }

    fn workbook(&self, pages: &mut dyn Iterator<Item = Vec<Value>>, file: &mut File) -> Result<()> {
        let mut book = Book::new(self.language);
        let sheets: Vec<SheetId> = match &self.shape {
            Shape::Records(_, tables) => tables.iter().map(|table| book.table(table, true)).collect::<Result<_>>()?,
            Shape::Items(name, columns) => vec![book.sheet(name, columns)?],
        };
        for item in pages.flatten() {
            let item = self.named(item);
            sheets.iter().try_for_each(|sheet| book.record(*sheet, &item))?;
        }
        book.save(file)
    }
}

fn csv(write: impl FnOnce(&mut csv::Writer<Vec<u8>>) -> csv::Result<()>) -> Result<Vec<u8>> {
    // RFC 4180 (section 2): lines end with CRLF.
    let mut csv = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    write(&mut csv).map_err(Error::unexpected)?;
    csv.into_inner().map_err(Error::unexpected)
}

/// The component of a list's items.
fn item_of<'a>(document: &'a Document, operation: &str) -> Option<&'a str> {
    let responses = document.responses(document.operation_by_id(operation)?);
    let page = component(&responses["200"]["content"]["application/json"]["schema"])?;
    component(&document.schema(page)["properties"]["items"]["items"])
}

fn component(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix("#/components/schemas/")
}
