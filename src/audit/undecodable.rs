//! Audit events whose stored row cannot be decoded, as after damage to the file or a change by hand.
//!
//! Readers skip such an event, or show what of it can be decoded, so that one row stops neither lists nor reports nor
//! webhooks. Each event is logged once and counted once a process. What is wrong with the row, and which row it is, is
//! found by `audit verify`.

use std::collections::HashSet;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};

use diesel::QueryResult;
use diesel::result::Error::DeserializationError;

use crate::db::Conn;

/// The most events that are remembered. Beyond them none is logged or counted, so that a log of rows that are all damaged
/// fills neither the memory nor the service's log.
const REMEMBERED_MAX: usize = 10_000;

static REPORTED: Mutex<Option<HashSet<i64>>> = Mutex::new(None);

/// Logs and counts an event that could not be decoded, the first time that this process meets it.
pub fn report(event: i64, error: &dyn Display) {
    let mut reported = REPORTED.lock().unwrap_or_else(PoisonError::into_inner);
    let reported = reported.get_or_insert_default();
    if reported.len() < REMEMBERED_MAX && reported.insert(event) {
        tracing::error!(event, %error, "an audit event cannot be decoded and is skipped; `audit verify` checks the log");
    }
}

/// How many events this process could not decode.
pub fn count() -> usize {
    let reported = REPORTED.lock().unwrap_or_else(PoisonError::into_inner);
    reported.as_ref().map_or(0, HashSet::len)
}

/// Loads rows of events by their ids, without those whose columns cannot be decoded. One such row fails the whole
/// statement, which is then run event by event.
pub fn skip<T>(
    conn: &mut Conn,
    events: &[i64],
    load: impl Fn(&mut Conn, &[i64]) -> QueryResult<Vec<T>>,
) -> QueryResult<Vec<T>> {
    match load(conn, events) {
        Err(DeserializationError(_)) => {}
        loaded => return loaded,
    }
    let mut rows = Vec::with_capacity(events.len());
    for event in events {
        match load(conn, &[*event]) {
            Err(DeserializationError(error)) => report(*event, &error),
            loaded => rows.extend(loaded?),
        }
    }
    Ok(rows)
}
