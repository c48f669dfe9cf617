//! Audit events that are committed with their write and appended to the chain afterwards.
//!
//! On PostgreSQL appending locks the chain until the commit, so that all writers would wait for each other. A write inserts its
//! events here instead, and [`seal`] appends those of many writes in one transaction. The events of a record keep the order of
//! its changes: a change waits for the row lock of the one before, so that its event has a higher id. SQLite has a single writer,
//! which appends at once.

use std::time::Duration;

use diesel::prelude::*;

use super::{Event, chain};
use crate::db::reference::Kind;
use crate::db::schema::pending_audit_events as pending;
use crate::db::{self, Conn, Verdict, backend};
use crate::error::Result;
use crate::insert_all;

/// Events inserted by one statement.
const WRITTEN_TOGETHER: usize = 1_000;
/// Events appended by one transaction of [`seal`], which takes some tens of milliseconds.
const SEALED_TOGETHER: i64 = 500;

/// How often, and at which interval, a command tries to seal while a service does.
const TRIES: usize = 50;
const PAUSE: Duration = Duration::from_millis(20);

type NewRow = (
    diesel::dsl::Eq<pending::event_json, String>,
    diesel::dsl::Eq<pending::entity, String>,
    diesel::dsl::Eq<pending::record_id, Option<i64>>,
);

fn row(event: &Event) -> Result<NewRow> {
    Ok((
        pending::event_json.eq(serde_json::to_string(event)?),
        pending::entity.eq(event.entity.to_string()),
        pending::record_id.eq(event.record_id),
    ))
}

/// Inserts events for [`seal`] in the current transaction.
pub fn defer(conn: &mut Conn, events: impl IntoIterator<Item = Result<Event>>) -> Result<()> {
    let mut events = events.into_iter();
    let mut rows = Vec::new();
    while let Some(event) = events.next().transpose()? {
        rows.push(row(&event)?);
        if rows.len() == WRITTEN_TOGETHER {
            insert_all!(conn, pending::table, &rows)?;
            rows.clear();
        }
    }
    match rows.as_slice() {
        // The usual case, with a statement that is prepared once; `COPY` takes three round trips.
        [row] => diesel::insert_into(pending::table).values(row.clone()).execute(conn).map(drop)?,
        rows => insert_all!(conn, pending::table, rows)?,
    }
    Ok(())
}

/// Whether events are pending.
pub fn are_any(conn: &mut Conn) -> QueryResult<bool> {
    let first = pending::table.select(pending::id).limit(1).load::<i64>(conn)?;
    Ok(!first.is_empty())
}

/// Returns the number of pending events.
pub fn count(conn: &mut Conn) -> QueryResult<i64> {
    pending::table.count().get_result(conn)
}

/// What is left of the events that were pending when [`seal`] began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    Nothing,
    Some,
}

/// Appends the oldest pending events to the chain in the current transaction, which holds the chain's lock, and notifies the
/// watchers of all processes at its commit.
pub fn seal(conn: &mut Conn) -> Result<Left> {
    let rows: Vec<(i64, String)> = pending::table
        .order(pending::id)
        .limit(SEALED_TOGETHER)
        .select((pending::id, pending::event_json))
        .load(conn)?;
    if rows.is_empty() {
        return Ok(Left::Nothing);
    }
    let ids: Vec<i64> = rows.iter().map(|(id, _)| *id).collect();
    // Not all up to the last one: events with lower ids may be committed meanwhile.
    diesel::delete(pending::table.filter(pending::id.eq_any(ids))).execute(conn)?;
    let left = if rows.len() as i64 == SEALED_TOGETHER { Left::Some } else { Left::Nothing };
    chain::extend(conn, rows.into_iter().map(|(_, json)| Ok(serde_json::from_str(&json)?)))?;
    backend::announce_change(conn)?;
    Ok(left)
}

/// Seals all pending events in transactions of their own, after a command has committed its write. Leaves them to a service that
/// seals at the same time and does not finish in a second.
pub fn seal_all(conn: &mut Conn) -> Result<()> {
    if conn.is_sqlite() {
        return Ok(());
    }
    let seal_some = |conn: &mut Conn| -> Result<_> {
        Ok(match chain::try_turn(conn)? {
            true => Verdict::Keep(Some(seal(conn)?)),
            false => Verdict::Undo(None),
        })
    };
    let mut tries = 0;
    while tries < TRIES {
        match db::in_transaction(conn, seal_some)? {
            Some(Left::Nothing) => break,
            Some(Left::Some) => {}
            None => {
                tries += 1;
                std::thread::sleep(PAUSE);
            }
        }
    }
    Ok(())
}

/// Seals all pending events in the current transaction if some are of this record, so that it finds them in the log.
pub fn settle(conn: &mut Conn, kind: &Kind, id: i64) -> Result<()> {
    let of_record = pending::table.filter(pending::entity.eq(kind.name).and(pending::record_id.eq(id)));
    if of_record.count().get_result::<i64>(conn)? > 0 {
        chain::take_turn(conn)?;
        while seal(conn)? == Left::Some {}
    }
    Ok(())
}
