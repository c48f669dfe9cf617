//! Audit events whose stored row cannot be decoded, for example after file damage or a manual change.
//!
//! Readers skip such an event or return its decodable part, so that one row does not break lists, reports and webhooks.
//! Each event is logged and counted once per process. `audit verify` finds the row and the cause.

use std::collections::HashSet;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};

use diesel::QueryResult;
use diesel::result::Error::DeserializationError;

use crate::db::Conn;

/// Maximum number of reported events; further ones are neither logged nor counted, so that a fully damaged table does
/// not fill memory or the service's log.
const REPORTED_MAX: usize = 10_000;

static REPORTED: Mutex<Option<HashSet<i64>>> = Mutex::new(None);

/// Logs and counts an event that cannot be decoded, once per process.
pub fn report(event: i64, error: &dyn Display) {
    let mut reported = REPORTED.lock().unwrap_or_else(PoisonError::into_inner);
    let reported = reported.get_or_insert_default();
    if reported.len() < REPORTED_MAX && reported.insert(event) {
        tracing::error!(event, %error, "an audit event cannot be decoded and is skipped; `audit verify` checks the log");
    }
}

/// Returns the number of events that this process could not decode.
pub fn count() -> usize {
    let reported = REPORTED.lock().unwrap_or_else(PoisonError::into_inner);
    reported.as_ref().map_or(0, HashSet::len)
}

/// Loads rows of events by id, skipping those that cannot be decoded. One such row fails the whole statement, which is
/// then repeated for each event.
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
