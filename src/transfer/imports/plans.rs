//! The stored results of an import: its lines, one per record, and its faults.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use diesel::prelude::*;

use super::redaction;
use super::types::ImportStaleLine;
use crate::access::Visibility;
use crate::db::Conn;
use crate::db::page::{Key, PageIds, PageRequest, key_value};
use crate::db::schema::{import_faults, import_lines};
use crate::error::Result;
use crate::insert_all;
use crate::spool::Spool;
use crate::transfer::fault::{ImportFault, Severity};
use crate::transfer::plan::{ImportLine, Outcome};

/// Rows that one write adds or removes, so that it blocks other writes for a few milliseconds at most.
pub const BATCH: usize = 500;

/// A page of lines in the order of import, redacted for the reader.
pub fn lines(
    conn: &mut Conn,
    visibility: &Visibility,
    id: i64,
    outcomes: &[Outcome],
    page: &PageRequest,
) -> Result<(Vec<ImportLine>, Option<Key>, Option<i64>)> {
    let filtered = || {
        let query = import_lines::table.filter(import_lines::import_id.eq(id)).into_boxed();
        if outcomes.is_empty() { query } else { query.filter(import_lines::outcome.eq_any(outcomes)) }
    };
    let total = if page.count { Some(filtered().count().get_result(conn)?) } else { None };
    let after = page.after.as_ref().map(key_value::<i64>).transpose()?.unwrap_or(0);
    type Found = (i64, String, Option<String>, Outcome, Option<i64>, Option<String>);
    let rows: Vec<Found> = filtered()
        .filter(import_lines::position.gt(after))
        .order(import_lines::position)
        .limit(page.limit + 1)
        .select((
            import_lines::position,
            import_lines::resource,
            import_lines::code,
            import_lines::outcome,
            import_lines::version,
            import_lines::changes_json,
        ))
        .load(conn)?;
    let cut = PageIds::cut(rows.iter().map(|row| (row.0, row.0.to_string())).collect(), page.limit, total);
    let lines = rows.into_iter().take(cut.ids.len()).map(|(_, resource, code, outcome, version, changes)| {
        let changes = changes.map(|json| serde_json::from_str(&json)).transpose()?.unwrap_or_default();
        Ok(ImportLine { resource, code, outcome, version, changes })
    });
    let mut lines: Vec<ImportLine> = lines.collect::<Result<_>>()?;
    redaction::redact(conn, visibility, &mut lines)?;
    Ok((lines, cut.next, cut.total))
}

/// A page of faults in the order in which they were found.
pub fn faults(
    conn: &mut Conn,
    id: i64,
    severities: &[Severity],
    page: &PageRequest,
) -> Result<(Vec<ImportFault>, Option<Key>, Option<i64>)> {
    let filtered = || {
        let query = import_faults::table.filter(import_faults::import_id.eq(id)).into_boxed();
        if severities.is_empty() { query } else { query.filter(import_faults::severity.eq_any(severities)) }
    };
    let total = if page.count { Some(filtered().count().get_result(conn)?) } else { None };
    let after = page.after.as_ref().map(key_value::<i64>).transpose()?.unwrap_or(0);
    let rows: Vec<(i64, String)> = filtered()
        .filter(import_faults::position.gt(after))
        .order(import_faults::position)
        .limit(page.limit + 1)
        .select((import_faults::position, import_faults::fault_json))
        .load(conn)?;
    let cut = PageIds::cut(rows.iter().map(|row| (row.0, row.0.to_string())).collect(), page.limit, total);
    let faults = rows.into_iter().take(cut.ids.len()).map(|(_, json)| Ok(serde_json::from_str(&json)?));
    Ok((faults.collect::<Result<_>>()?, cut.next, cut.total))
}

/// Removes a batch of the lines and faults of the previous plan. Returns whether there may be more.
pub fn remove_some(conn: &mut Conn, id: i64) -> Result<bool> {
    let most = BATCH as i64;
    let lines: Vec<i64> = import_lines::table
        .filter(import_lines::import_id.eq(id))
        .order(import_lines::position)
        .limit(most)
        .select(import_lines::position)
        .load(conn)?;
    let faults: Vec<i64> = import_faults::table
        .filter(import_faults::import_id.eq(id))
        .order(import_faults::position)
        .limit(most)
        .select(import_faults::position)
        .load(conn)?;
    if let Some(last) = lines.last() {
        let old = import_lines::import_id.eq(id).and(import_lines::position.le(last));
        diesel::delete(import_lines::table.filter(old)).execute(conn)?;
    }
    if let Some(last) = faults.last() {
        let old = import_faults::import_id.eq(id).and(import_faults::position.le(last));
        diesel::delete(import_faults::table.filter(old)).execute(conn)?;
    }
    Ok(lines.len().max(faults.len()) == BATCH)
}

/// Inserts lines of a plan from `position` on.
pub fn add_lines(conn: &mut Conn, id: i64, position: i64, lines: Vec<ImportLine>) -> Result<()> {
    let row = |(position, line): (i64, ImportLine)| {
        let ImportLine { resource, code, outcome, version, changes } = line;
        let changes = if changes.is_empty() { None } else { Some(serde_json::to_string(&changes)?) };
        Ok((
            import_lines::import_id.eq(id),
            import_lines::position.eq(position),
            import_lines::resource.eq(resource),
            import_lines::code.eq(code),
            import_lines::outcome.eq(outcome),
            import_lines::version.eq(version),
            import_lines::changes_json.eq(changes),
        ))
    };
    let rows = (position..).zip(lines).map(row).collect::<Result<Vec<_>>>()?;
    Ok(insert_all!(conn, import_lines::table, &rows)?)
}

/// Inserts faults of a plan from `position` on.
pub fn add_faults(conn: &mut Conn, id: i64, position: i64, faults: Vec<ImportFault>) -> Result<()> {
    let row = |(position, fault): (i64, ImportFault)| {
        Ok((
            import_faults::import_id.eq(id),
            import_faults::position.eq(position),
            import_faults::severity.eq(fault.severity),
            import_faults::fault_json.eq(serde_json::to_string(&fault)?),
        ))
    };
    let rows = (position..).zip(faults).map(row).collect::<Result<Vec<_>>>()?;
    Ok(insert_all!(conn, import_faults::table, &rows)?)
}

/// The records whose line differs from the stored plan, at most `most`.
pub fn compare(conn: &mut Conn, id: i64, now: &mut Spool<ImportLine>, most: usize) -> Result<Vec<ImportStaleLine>> {
    let key = |line: &ImportLine| {
        let mut hasher = DefaultHasher::new();
        (&line.resource, &line.code).hash(&mut hasher);
        hasher.finish()
    };
    // The place of each record's line in `now`. Either plan may have records that the other lacks.
    let mut places: HashMap<u64, u64> = HashMap::new();
    let mut items = now.read()?;
    loop {
        let place = items.place();
        let Some(line) = items.next() else { break };
        places.insert(key(&line?), place);
    }
    let mut items = now.read()?;
    let mut differing = Vec::new();
    let mut after = None;
    loop {
        let page = PageRequest { limit: 1_000, after, count: false, list: String::new() };
        // Without redaction here, because [`super::store::read`] redacts the comparison when it is shown.
        let (planned, next, _) = lines(conn, &Visibility::Everything, id, &[], &page)?;
        for planned in planned {
            let found = places.remove(&key(&planned)).map(|place| items.at(place)).transpose()?;
            if found.as_ref() != Some(&planned) && differing.len() < most {
                differing.push(stale(Some(planned), found));
            }
        }
        after = next;
        if after.is_none() {
            break;
        }
    }
    let mut new: Vec<u64> = places.into_values().collect();
    new.sort_unstable();
    for place in new.into_iter().take(most.saturating_sub(differing.len())) {
        differing.push(stale(None, Some(items.at(place)?)));
    }
    Ok(differing)
}

fn stale(planned: Option<ImportLine>, now: Option<ImportLine>) -> ImportStaleLine {
    let any = planned.as_ref().or(now.as_ref());
    ImportStaleLine {
        resource: any.map(|line| line.resource.clone()).unwrap_or_default(),
        code: any.and_then(|line| line.code.clone()),
        planned: planned.as_ref().map(|line| line.outcome),
        planned_version: planned.and_then(|line| line.version),
        now: now.as_ref().map(|line| line.outcome),
        now_version: now.as_ref().and_then(|line| line.version),
        changes: now.map(|line| line.changes).unwrap_or_default(),
    }
}
