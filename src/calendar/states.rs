//! States of records from the audit log, loaded in batches.

use diesel::dsl::sql;
use diesel::expression::SqlLiteral;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::audit::records::decoded;
use crate::audit::{log as audit, undecodable};
use crate::db::reference::Kind;
use crate::db::schema::audit_events;
use crate::db::{Conn, backend};
use crate::error::Result;
use crate::model::types::Instant;

/// Events held in memory at a time.
const BATCH: usize = 200;

/// The state of a record before or after an event.
pub struct State {
    pub event: i64,
    pub record: i64,
    pub json: Value,
}

impl State {
    /// Decodes the fields that a feed shows; `None`, with a report, if that fails.
    pub fn snapshot<T: DeserializeOwned>(&self) -> Option<T> {
        T::deserialize(&self.json).map_err(|error| undecodable::report(self.event, &error)).ok()
    }
}

/// An event by which a record left or entered a pairing.
pub struct Change {
    pub event: i64,
    pub record: i64,
    pub at: Instant,
    pub before: Value,
    pub after: Option<Value>,
}

/// The changes to visit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Changes {
    Deletions,
    /// Changes by which records moved to another pairing or lost their date.
    Departures,
}

impl Changes {
    /// The condition as literal SQL, because a partial index is not used for a bound parameter.
    fn condition(self, conn: &Conn) -> SqlLiteral<Bool> {
        match self {
            Changes::Deletions => sql("action = 'delete'"),
            Changes::Departures => backend::departures(conn),
        }
    }
}

type Row = (i64, Option<i64>, Instant, Option<String>, Option<String>);

/// Visits changes of records of a kind from a time on, oldest first. Changes that cannot be decoded are skipped.
pub fn each_change(
    conn: &mut Conn,
    kind: &Kind,
    changes: Changes,
    since: Option<Instant>,
    mut visit: impl FnMut(Change),
) -> Result<()> {
    let (mut from, mut after) = (since, 0);
    loop {
        let mut query = audit_events::table
            .filter(audit_events::entity.eq(kind.name))
            .filter(changes.condition(conn))
            .order((audit_events::at, audit_events::id))
            .limit(BATCH as i64)
            .select((
                audit_events::id,
                audit_events::record_id,
                audit_events::at,
                audit_events::before_json,
                audit_events::after_json,
            ))
            .into_boxed();
        if let Some(from) = from {
            query = query
                .filter(audit_events::at.ge(from))
                .filter(audit_events::at.gt(from).or(audit_events::id.gt(after)));
        }
        let rows: Vec<Row> = query.load(conn)?;
        let Some((event, _, at, ..)) = rows.last() else { return Ok(()) };
        (from, after) = (Some(*at), *event);
        for (event, record, at, before, after) in rows {
            let before = before.and_then(|before| decoded(event, &before));
            let Some((record, before)) = record.zip(before) else { continue };
            let after = after.and_then(|after| decoded(event, &after));
            visit(Change { event, record, at, before, after });
        }
    }
}

/// Visits the states of records at a time. Records that did not exist then are skipped.
pub fn each_state_at(
    conn: &mut Conn,
    kind: &'static Kind,
    records: &[i64],
    at: Instant,
    mut visit: impl FnMut(State) -> Result<()>,
) -> Result<()> {
    for records in records.chunks(BATCH) {
        let events = audit::last_events_of(conn, kind, records, at)?;
        let states: Vec<(i64, Option<i64>, Option<String>)> = undecodable::skip(conn, &events, |conn, events| {
            audit_events::table
                .filter(audit_events::id.eq_any(events))
                .order(audit_events::id)
                .select((audit_events::id, audit_events::record_id, audit_events::after_json))
                .load(conn)
        })?;
        visit_decoded(states, &mut visit)?;
    }
    Ok(())
}

/// Visits the states of records before events.
pub fn each_state_before(conn: &mut Conn, events: &[i64], mut visit: impl FnMut(State) -> Result<()>) -> Result<()> {
    for events in events.chunks(BATCH) {
        let states: Vec<(i64, Option<i64>, Option<String>)> = undecodable::skip(conn, events, |conn, events| {
            audit_events::table
                .filter(audit_events::id.eq_any(events))
                .order(audit_events::id)
                .select((audit_events::id, audit_events::record_id, audit_events::before_json))
                .load(conn)
        })?;
        visit_decoded(states, &mut visit)?;
    }
    Ok(())
}

fn visit_decoded(
    states: Vec<(i64, Option<i64>, Option<String>)>,
    visit: &mut impl FnMut(State) -> Result<()>,
) -> Result<()> {
    for (event, record, json) in states {
        let json = json.and_then(|json| decoded(event, &json));
        if let Some((record, json)) = record.zip(json) {
            visit(State { event, record, json })?;
        }
    }
    Ok(())
}
