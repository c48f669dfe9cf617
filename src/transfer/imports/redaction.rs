//! Redaction of the changes of an import for a reader.
//!
//! A plan stores the previous value of each field, personal data included, and the rights of its sender may have changed since.
//! Changes are therefore redacted by the rights of today. Faults are not redacted: they quote the sender's own file, and suggest
//! names and codes of records, which every reader may see.

use std::collections::{BTreeMap, BTreeSet};

use super::types::ImportStaleLine;
use crate::access::Visibility;
use crate::db::Conn;
use crate::db::reference::Kind;
use crate::error::Result;
use crate::record::ReadContext;
use crate::resources;
use crate::transfer::plan::{ImportChange, ImportLine};

/// Records loaded per query.
const BATCH: usize = 500;

/// The changes of one record's fields.
pub trait Changes {
    /// The resource's path, the record's code, and its changes.
    fn parts(&mut self) -> (&str, Option<&str>, &mut Vec<ImportChange>);
}

impl Changes for ImportLine {
    fn parts(&mut self) -> (&str, Option<&str>, &mut Vec<ImportChange>) {
        (&self.resource, self.code.as_deref(), &mut self.changes)
    }
}

impl Changes for ImportStaleLine {
    fn parts(&mut self) -> (&str, Option<&str>, &mut Vec<ImportChange>) {
        (&self.resource, self.code.as_deref(), &mut self.changes)
    }
}

/// Replaces personal data that the reader may not see by null. A record that no longer exists belongs to no pairing, so that only
/// readers of all pairings see its personal data.
pub fn redact<T: Changes>(conn: &mut Conn, visibility: &Visibility, lines: &mut [T]) -> Result<()> {
    if visibility.is_of_all() {
        return Ok(());
    }
    let mut codes_by_path: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
    for line in lines.iter_mut() {
        if let Some((kind, code, _)) = personal(line) {
            codes_by_path.entry(kind.path).or_default().extend(code.map(str::to_owned));
        }
    }
    let mut visible: BTreeSet<(&'static str, String)> = BTreeSet::new();
    for (path, codes) in codes_by_path {
        let Some(kind) = kind_of(path) else { continue };
        for code in visible_codes(conn, visibility, kind, codes)? {
            visible.insert((path, code));
        }
    }
    for line in lines {
        let Some((kind, code, changes)) = personal(line) else { continue };
        if code.is_some_and(|code| visible.contains(&(kind.path, code.to_owned()))) {
            continue;
        }
        for change in changes.iter_mut().filter(|change| kind.private.contains(&change.field.as_str())) {
            (change.before, change.after) = (None, None);
        }
    }
    Ok(())
}

fn kind_of(path: &str) -> Option<&'static Kind> {
    resources::kinds().iter().copied().find(|kind| kind.path == path)
}

/// The parts of a line, if it changes personal data.
fn personal<T: Changes>(line: &mut T) -> Option<(&'static Kind, Option<&str>, &mut Vec<ImportChange>)> {
    let (path, code, changes) = line.parts();
    let kind = kind_of(path)?;
    let is_personal = changes.iter().any(|change| kind.private.contains(&change.field.as_str()));
    is_personal.then_some((kind, code, changes))
}

/// The codes whose records the reader may see without redaction.
fn visible_codes(
    conn: &mut Conn,
    visibility: &Visibility,
    kind: &'static Kind,
    codes: BTreeSet<String>,
) -> Result<Vec<String>> {
    let mut by_id: BTreeMap<i64, String> = BTreeMap::new();
    for code in codes {
        if let Some(id) = kind.find_code(conn, &code)? {
            by_id.insert(id, code);
        }
    }
    let ids: Vec<i64> = by_id.keys().copied().collect();
    let view = ReadContext { as_of: chrono::NaiveDate::default() };
    let mut visible = Vec::new();
    for chunk in ids.chunks(BATCH) {
        for record in resources::by_path(kind.path)?.load(conn, chunk, view)? {
            let is_visible = record.as_object().is_some_and(|fields| visibility.covers(fields));
            if let (true, Some(code)) = (is_visible, record["id"].as_i64().and_then(|id| by_id.remove(&id))) {
                visible.push(code);
            }
        }
    }
    Ok(visible)
}
