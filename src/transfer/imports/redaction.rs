//! What a reader may see of the changes of an import, by the rights of today: the plan was made with those of its day, and
//! keeps what stood in each field before.
//!
//! Faults need none of this: what they quote is the sender's own file, and what they suggest are names and codes of
//! records, which every reader sees.

use std::collections::{BTreeMap, BTreeSet};

use super::types::ImportStaleLine;
use crate::access::Sight;
use crate::db::Conn;
use crate::db::reference::Kind;
use crate::error::Result;
use crate::record::View;
use crate::resources;
use crate::transfer::plan::{ImportChange, ImportLine};

/// Records that are loaded together.
const LOADED_TOGETHER: usize = 500;

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

/// Puts null in the place of personal data that a reader may not see today. A record that is no longer there belongs to
/// no pairing, so that its personal data is shown only to readers of all pairings.
pub fn redact<T: Changes>(conn: &mut Conn, sight: &Sight, lines: &mut [T]) -> Result<()> {
    if sight.is_of_all() {
        return Ok(());
    }
    let mut asked: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
    for line in lines.iter_mut() {
        if let Some((kind, code, _)) = personal(line) {
            asked.entry(kind.path).or_default().extend(code.map(str::to_owned));
        }
    }
    let mut seen: BTreeSet<(&'static str, String)> = BTreeSet::new();
    for (path, codes) in asked {
        let Some(kind) = kind_of(path) else { continue };
        for code in seen_codes(conn, sight, kind, codes)? {
            seen.insert((path, code));
        }
    }
    for line in lines {
        let Some((kind, code, changes)) = personal(line) else { continue };
        if code.is_some_and(|code| seen.contains(&(kind.path, code.to_owned()))) {
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

/// The parts of a line that changes personal data.
fn personal<T: Changes>(line: &mut T) -> Option<(&'static Kind, Option<&str>, &mut Vec<ImportChange>)> {
    let (path, code, changes) = line.parts();
    let kind = kind_of(path)?;
    let is_personal = changes.iter().any(|change| kind.private.contains(&change.field.as_str()));
    is_personal.then_some((kind, code, changes))
}

/// Those of the codes whose records a reader sees whole.
fn seen_codes(conn: &mut Conn, sight: &Sight, kind: &'static Kind, codes: BTreeSet<String>) -> Result<Vec<String>> {
    let mut by_id: BTreeMap<i64, String> = BTreeMap::new();
    for code in codes {
        if let Some(id) = kind.find_code(conn, &code)? {
            by_id.insert(id, code);
        }
    }
    let ids: Vec<i64> = by_id.keys().copied().collect();
    let view = View { as_of: chrono::NaiveDate::default() };
    let mut seen = Vec::new();
    for chunk in ids.chunks(LOADED_TOGETHER) {
        for record in resources::by_path(kind.path)?.load(conn, chunk, view)? {
            let is_seen = record.as_object().is_some_and(|fields| sight.covers(fields));
            if let (true, Some(code)) = (is_seen, record["id"].as_i64().and_then(|id| by_id.remove(&id))) {
                seen.push(code);
            }
        }
    }
    Ok(seen)
}
