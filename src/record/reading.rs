//! Reading records of any kind: by id, or all that match a filter.

use serde_json::Value;

use super::merge::writable;
use super::{ReadContext, Resource};
use crate::db::page::PageRequest;
use crate::db::{Conn, search};
use crate::error::Result;
use crate::validation::Contract;

/// Loads records by id as JSON, with the additional fields that files contain.
pub fn for_bundle<R: Resource>(conn: &mut Conn, ids: &[i64], view: ReadContext) -> Result<Vec<Value>> {
    let mut records = Vec::with_capacity(ids.len());
    for read in R::load(conn, ids, view)? {
        let mut record = serde_json::to_value(read)?;
        R::complete(&mut record);
        records.push(record);
    }
    Ok(records)
}

/// Returns the search text of records by id.
pub fn search_bodies<R: Resource>(
    conn: &mut Conn,
    contract: &Contract,
    ids: &[i64],
    view: ReadContext,
) -> Result<Vec<(i64, String)>> {
    let body = |read: R::Read| -> Result<(i64, String)> {
        let (id, _) = R::id_and_version(&read);
        let new: R::New = serde_json::from_value(writable(contract, R::NEW, &serde_json::to_value(&read)?))?;
        Ok((id, search::spaced_apart(&R::texts(&new))))
    };
    R::load(conn, ids, view)?.into_iter().map(body).collect()
}

/// Records that are in memory at a time when all records that match a filter are visited.
const VISITED_TOGETHER: i64 = 500;

/// Visits every record that matches a filter, a few hundred at a time.
pub fn each_page<R: Resource>(
    conn: &mut Conn,
    filter: &R::Filter,
    view: ReadContext,
    mut visit: impl FnMut(&mut Conn, Vec<R::Read>) -> Result<()>,
) -> Result<()> {
    let mut after = None;
    loop {
        let request = PageRequest { limit: VISITED_TOGETHER, after, count: false, list: String::new() };
        let page = R::page(conn, filter, &request, view)?;
        let records = R::load(conn, &page.ids, view)?;
        visit(conn, records)?;
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// Loads every record that matches a filter into memory; only for kinds and filters with few records.
pub fn load_all<R: Resource>(conn: &mut Conn, filter: &R::Filter, view: ReadContext) -> Result<Vec<R::Read>> {
    let mut all = Vec::new();
    each_page::<R>(conn, filter, view, |_, records| {
        all.extend(records);
        Ok(())
    })?;
    Ok(all)
}
