//! Audit events that are committed with their write and appended to the chain afterwards.
//!
//! On PostgreSQL appending locks the chain until the commit, so a write of many records would block all others. It
//! inserts its events here instead, and [`seal`] appends them in small transactions. While events are pending, all
//! writers add to them instead of appending, so that the events of a record keep the order of its changes.

use diesel::prelude::*;

use super::{Event, chain};
use crate::db::schema::pending_audit_events;
use crate::db::{Conn, Store};
use crate::error::Result;
use crate::insert_all;

/// Events inserted by one statement.
const WRITTEN_TOGETHER: usize = 1_000;
/// Events appended by one transaction of [`seal`], which takes about ten milliseconds.
const SEALED_TOGETHER: i64 = 200;

/// Inserts events for [`seal`] in the current transaction.
pub fn defer(conn: &mut Conn, events: impl IntoIterator<Item = Result<Event>>) -> Result<()> {
    let mut rows = Vec::with_capacity(WRITTEN_TOGETHER);
    for event in events {
        rows.push((pending_audit_events::event_json.eq(serde_json::to_string(&event?)?),));
        if rows.len() == WRITTEN_TOGETHER {
            insert_all!(conn, pending_audit_events::table, &rows)?;
            rows.clear();
        }
    }
    insert_all!(conn, pending_audit_events::table, &rows)?;
    Ok(())
}

/// Whether events are pending.
pub fn are_any(conn: &mut Conn) -> QueryResult<bool> {
    let first = pending_audit_events::table.select(pending_audit_events::id).limit(1).load::<i64>(conn)?;
    Ok(!first.is_empty())
}

/// Returns the number of pending events.
pub fn count(conn: &mut Conn) -> QueryResult<i64> {
    pending_audit_events::table.count().get_result(conn)
}

/// Appends the oldest pending events to the chain in the current transaction; returns whether more are left.
pub fn seal(conn: &mut Conn) -> Result<bool> {
    chain::take_turn(conn)?;
    let rows: Vec<(i64, String)> = pending_audit_events::table
        .order(pending_audit_events::id)
        .limit(SEALED_TOGETHER)
        .select((pending_audit_events::id, pending_audit_events::event_json))
        .load(conn)?;
    let Some((last, _)) = rows.last() else { return Ok(false) };
    diesel::delete(pending_audit_events::table.filter(pending_audit_events::id.le(last))).execute(conn)?;
    let is_full = rows.len() as i64 == SEALED_TOGETHER;
    chain::extend(conn, rows.into_iter().map(|(_, json)| Ok(serde_json::from_str(&json)?)))?;
    Ok(is_full)
}

/// Seals all pending events, including those of other processes.
pub async fn seal_all(store: &Store) -> Result<()> {
    if !store.read(|conn| Ok(are_any(conn)?)).await? {
        return Ok(());
    }
    while store.write(seal).await? {}
    Ok(())
}
