//! Audit events that are committed with their write and take their place in the chain a moment later.
//!
//! On PostgreSQL the writers take turns at the end of the chain, from appending to their commit. A write of many records would keep
//! all others waiting meanwhile: it leaves its events here, and [`seal`] appends them afterwards, a few in a transaction. Until then
//! whoever writes adds to what is pending instead of overtaking it, so that the events of a record stay in the order of its changes.

use diesel::prelude::*;

use super::{Event, chain};
use crate::db::schema::pending_audit_events;
use crate::db::{Conn, Store};
use crate::error::Result;
use crate::insert_all;

/// Events that are inserted by one statement.
const WRITTEN_TOGETHER: usize = 1_000;
/// Events that one transaction of [`seal`] appends: some ten milliseconds.
const SEALED_TOGETHER: i64 = 200;

/// Leaves events for [`seal`], in the present transaction.
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

/// How many events are pending.
pub fn count(conn: &mut Conn) -> QueryResult<i64> {
    pending_audit_events::table.count().get_result(conn)
}

/// Appends the oldest pending events to the chain, in the present transaction; true where more are left.
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

/// Seals all that is pending, whichever process left it.
pub async fn seal_all(store: &Store) -> Result<()> {
    if !store.read(|conn| Ok(are_any(conn)?)).await? {
        return Ok(());
    }
    while store.write(seal).await? {}
    Ok(())
}
