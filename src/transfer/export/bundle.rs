//! Bundles: records in the shape that imports read.
//!
//! A bundle maps the path of each resource to its records, in the shape of their POST bodies. A record has every field, also
//! null and empty lists: an import leaves absent fields unchanged, so that only a complete record restores the exported state.
//! Personal data that the reader may not see is left out, or marked in a workbook, so that importing the file does not clear
//! it. Kinds are in the order of import, and records in the order of their codes; progress reports are in the order of their
//! creation, because reports of overlapping periods can be imported in that order alone.
//!
//! A bundle lacks what a POST body cannot contain: ids, versions and timestamps, baselines and revisions of due dates,
//! confirmations, amendments, who submitted and approved a report, the files of documents, and the history.

use std::collections::HashMap;
use std::io::{Seek, Write};

use serde_json::{Value, json};

use super::closure::Closure;
use super::text::Text;
use crate::access::Visibility;
use crate::access::redaction::Hidden;
use crate::db::page::PageRequest;
use crate::db::reference::Kind;
use crate::db::{Conn, surrogate_code};
use crate::error::Result;
use crate::http::format::Format;
use crate::model::text::Language;
use crate::model::types::Ref;
use crate::record::merge::writable;
use crate::record::{ReadContext, references};
use crate::resources::{self, Form, progress_reports};
use crate::transfer::columns::{self, Table};
use crate::transfer::workbook::{Book, SheetId};
use crate::validation::Contract;

/// Records held in memory at a time.
pub const PAGE: usize = 500;

/// The options of a bundle.
pub struct Bundle<'a> {
    pub contract: &'a Contract,
    /// The personal data that it may contain.
    pub visibility: &'a Visibility,
    /// The programme whose records it has; `None` for every record.
    pub programme: Option<&'a Ref>,
    pub format: Format,
    /// Language of a workbook's headers and labels.
    pub language: Language,
    pub view: ReadContext,
}

impl Bundle<'_> {
    /// Writes the bundle. The caller opens a snapshot of the database, so that all records are of one moment.
    pub fn write(&self, conn: &mut Conn, file: &mut (impl Write + Seek + Send)) -> Result<()> {
        if self.format == Format::Xlsx {
            return self.write_workbook(conn, file);
        }
        let mut text = Text::new(self.format, file);
        self.each_kind(conn, |conn, form, ids| {
            self.each_record(conn, form, ids, &mut |record| {
                text.record(form.kind.path, &writable(self.contract, form.new, record))
            })
        })?;
        text.end()
    }

    fn write_workbook(&self, conn: &mut Conn, file: &mut (impl Write + Seek + Send)) -> Result<()> {
        let mut all: Vec<Table> = Vec::new();
        for form in resources::forms() {
            let mut tables = columns::tables(self.contract, &form)?;
            columns::remove_private(&mut tables, form.kind, self.visibility);
            all.extend(tables);
        }
        let mut book = Book::new(self.language);
        let mut sheets: HashMap<&str, Vec<SheetId>> = HashMap::new();
        for table in &all {
            let sheet = book.table(table, false)?;
            sheets.entry(table.path).or_default().push(sheet);
        }
        self.each_kind(conn, |conn, form, ids| {
            let sheets = sheets.get(form.kind.path).map_or(&[][..], Vec::as_slice);
            self.each_record(conn, form, ids, &mut |record| {
                sheets.iter().try_for_each(|sheet| book.record(*sheet, record))
            })
        })?;
        book.save(file)
    }

    /// Visits each kind with the ids of its records, in the order of their codes.
    fn each_kind(&self, conn: &mut Conn, mut visit: impl FnMut(&mut Conn, &Form, &[i64]) -> Result<()>) -> Result<()> {
        let closure = match self.programme {
            Some(programme) => Some(Closure::of(conn, self.contract, programme, self.view)?),
            None => None,
        };
        for form in resources::forms() {
            let ids = match &closure {
                Some(closure) => closure.ids(form.kind),
                None => all_of(conn, form.kind, &json!({ "sort": "id" }), self.view)?,
            };
            let ids = by_code(conn, form.kind, &ids)?;
            visit(conn, &form, &ids)?;
        }
        Ok(())
    }

    /// Visits records as they are read, with surrogate codes for themselves and their references where these have no code.
    fn each_record(
        &self,
        conn: &mut Conn,
        form: &Form,
        ids: &[i64],
        visit: &mut impl FnMut(&Value) -> Result<()>,
    ) -> Result<()> {
        let hidden = if self.format == Format::Xlsx { Hidden::Marked(self.language) } else { Hidden::Absent };
        for chunk in ids.chunks(PAGE) {
            let mut records = resources::by_path(form.kind.path)?.load(conn, chunk, self.view)?;
            name_references(conn, form, &mut records)?;
            for record in &mut records {
                surrogate_code::name(form.kind, record);
                self.visibility.redact(form.kind, record, hidden);
                visit(record)?;
            }
        }
        Ok(())
    }
}

/// The ids of all records that match a filter.
pub fn all_of(conn: &mut Conn, kind: &Kind, filter: &Value, view: ReadContext) -> Result<Vec<i64>> {
    let (mut ids, mut after) = (Vec::new(), None);
    loop {
        let request = PageRequest { limit: 10_000, after, count: false, list: String::new() };
        let page = resources::by_path(kind.path)?.page(conn, filter, &request, view)?;
        ids.extend(page.ids);
        after = page.next;
        if after.is_none() {
            return Ok(ids);
        }
    }
}

/// Sorts ids by the codes of their records, surrogate codes included.
fn by_code(conn: &mut Conn, kind: &Kind, ids: &[i64]) -> Result<Vec<i64>> {
    let mut named: Vec<(Box<str>, i64)> = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(10_000) {
        for (id, code, created_at) in kind.made(conn, chunk)? {
            let code = code.unwrap_or_else(|| surrogate_code::code(kind, id, created_at));
            named.push((code.into(), id));
        }
    }
    named.sort_unstable();
    let ids = named.into_iter().map(|(_, id)| id).collect();
    if kind.name == progress_reports::KIND.name { progress_reports::order::of_creation(conn, ids) } else { Ok(ids) }
}

/// Sets surrogate codes in references to records without a code.
pub fn name_references(conn: &mut Conn, form: &Form, records: &mut [Value]) -> Result<()> {
    let mut nameless: HashMap<&'static str, (&'static Kind, Vec<i64>)> = HashMap::new();
    let is_nameless = |value: &Value| if value["code"].is_null() { value["id"].as_i64() } else { None };
    for record in &mut *records {
        references::each(resources::kinds(), form.sheet, record, &mut |kind, value| {
            nameless.entry(kind.name).or_insert_with(|| (kind, Vec::new())).1.extend(is_nameless(value));
            Ok(())
        })?;
    }
    let mut codes: HashMap<(&'static str, i64), String> = HashMap::new();
    for (name, (kind, ids)) in nameless {
        for (id, code, created_at) in kind.made(conn, &ids)? {
            codes.insert((name, id), code.unwrap_or_else(|| surrogate_code::code(kind, id, created_at)));
        }
    }
    for record in records {
        references::each(resources::kinds(), form.sheet, record, &mut |kind, value| {
            if let Some(code) = is_nameless(value).and_then(|id| codes.get(&(kind.name, id))) {
                value["code"] = Value::String(code.clone());
            }
            Ok(())
        })?;
    }
    Ok(())
}
