//! Comparison of the search index with the records: each record has exactly one row, with its current text.

use chrono::NaiveDate;

use super::Finding;
use super::records::some_of;
use crate::app;
use crate::config::invocation::suggest;
use crate::db::backend::SearchRow;
use crate::db::reference::{Kind, Kinds};
use crate::db::{self, Conn, backend, locked};
use crate::error::Result;
use crate::record::{Catalog, ReadContext};
use crate::resources::AnyResource;

/// Records or rows that are compared in one snapshot, while others may write.
const TOGETHER: i64 = 500;

/// A wrong row of the search index.
enum Fault {
    Missing(&'static Kind, i64, String),
    Stale(&'static Kind, i64, String),
    Superfluous(SearchRow),
}

impl Fault {
    fn name(&self) -> String {
        match self {
            Fault::Missing(kind, id, _) => format!("{}/{id} is missing", kind.path),
            Fault::Stale(kind, id, _) => format!("{}/{id} is stale", kind.path),
            Fault::Superfluous(row) => format!("{} {} is superfluous", row.entity, row.record_id),
        }
    }

    fn repair(&self, conn: &mut Conn) -> Result<()> {
        match self {
            Fault::Missing(kind, id, body) | Fault::Stale(kind, id, body) => {
                backend::put_search_text(conn, (kind.name, kind.number, *id), body)?;
            }
            Fault::Superfluous(row) => row.remove(conn)?,
        }
        Ok(())
    }
}

/// Compares the search index with the records.
pub(super) fn compare(conn: &mut Conn, catalog: &Catalog, today: NaiveDate) -> Result<Finding> {
    let mut faults = Vec::new();
    each_part(conn, catalog, today, &mut |conn, part| {
        faults.extend(db::in_snapshot(conn, part)?.iter().map(Fault::name));
        Ok(())
    })?;
    Ok(if faults.is_empty() {
        Finding::ok("The search index matches the records.")
    } else {
        let message = format!("{} rows of the search index are wrong: {}.", faults.len(), some_of(&faults));
        Finding::failure(message, format!("Run: {}", suggest("doctor --repair-search")))
    })
}

/// Corrects the search index; returns the number of rows that were wrong.
pub fn repair(conn: &mut Conn, catalog: &Catalog, today: NaiveDate) -> Result<usize> {
    let mut repaired = 0;
    each_part(conn, catalog, today, &mut |conn, part| {
        if db::in_snapshot(conn, &mut *part)?.is_empty() {
            return Ok(());
        }
        repaired += locked::short_transaction(conn, locked::PATIENCE, |conn| {
            let faults = part(conn)?;
            faults.iter().try_for_each(|fault| fault.repair(conn))?;
            Ok(faults.len())
        })?;
        Ok(())
    })?;
    Ok(repaired)
}

type Part<'a> = &'a mut dyn FnMut(&mut Conn) -> Result<Vec<Fault>>;

/// Passes each part of the comparison to `work`, which runs it in its own transaction, possibly twice.
fn each_part(
    conn: &mut Conn,
    catalog: &Catalog,
    today: NaiveDate,
    work: &mut dyn FnMut(&mut Conn, Part<'_>) -> Result<()>,
) -> Result<()> {
    for resource in app::resources() {
        let mut after = 0;
        loop {
            let ids = resource.kind().ids_after(conn, after, TOGETHER)?;
            let Some(last) = ids.last() else { break };
            after = *last;
            work(conn, &mut |conn| of_records(conn, catalog, resource, &ids, today))?;
        }
    }
    let mut after: Option<SearchRow> = None;
    loop {
        let mut last = None;
        work(conn, &mut |conn| {
            let mut rows = backend::search_rows_after(conn, after.as_ref(), TOGETHER)?;
            let faults = of_rows(conn, catalog.kinds, &rows)?;
            last = rows.pop();
            Ok(faults)
        })?;
        if last.is_none() {
            return Ok(());
        }
        after = last;
    }
}

/// Records whose rows are missing or stale.
fn of_records(
    conn: &mut Conn,
    catalog: &Catalog,
    resource: &dyn AnyResource,
    ids: &[i64],
    today: NaiveDate,
) -> Result<Vec<Fault>> {
    let kind = resource.kind();
    let wanted = resource.search_bodies(conn, &catalog.contract, ids, ReadContext { as_of: today })?;
    let indexed: std::collections::HashMap<i64, String> =
        backend::search_texts(conn, kind.name, kind.number, ids)?.into_iter().collect();
    Ok(wanted
        .into_iter()
        .filter_map(|(id, body)| match indexed.get(&id) {
            Some(present) if *present == body => None,
            Some(_) => Some(Fault::Stale(kind, id, body)),
            None => Some(Fault::Missing(kind, id, body)),
        })
        .collect())
}

/// Rows of the index that belong to no record.
fn of_rows(conn: &mut Conn, kinds: Kinds, rows: &[SearchRow]) -> Result<Vec<Fault>> {
    let mut faults = Vec::new();
    for kind in kinds {
        let ids: Vec<i64> = rows.iter().filter(|row| row.entity == kind.name).map(|row| row.record_id).collect();
        let present: Vec<i64> =
            if ids.is_empty() { Vec::new() } else { kind.made(conn, &ids)?.into_iter().map(|(id, _, _)| id).collect() };
        let of_kind = rows.iter().filter(|row| row.entity == kind.name);
        faults.extend(
            of_kind
                .filter(|row| !present.contains(&row.record_id) || !row.is_in_place(conn, kind.number))
                .map(|row| Fault::Superfluous(row.clone())),
        );
    }
    let is_unknown = |row: &&SearchRow| kinds.iter().all(|kind| kind.name != row.entity);
    faults.extend(rows.iter().filter(is_unknown).map(|row| Fault::Superfluous(row.clone())));
    Ok(faults)
}
