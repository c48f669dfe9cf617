//! What the feeds need beside the records: what was deleted, and what tells this database from others.

use chrono::{NaiveDate, NaiveTime, TimeDelta};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use icalendar::EventStatus;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Entry, TOLD_FOR_DAYS};
use crate::db::Conn;
use crate::db::reference::Kind;
use crate::db::schema::audit_events;
use crate::db::types::Instant;
use crate::error::Result;
use crate::history::undecodable;
use crate::msg;
use crate::resources::audit_events::store::decoded;
use crate::text::{Language, Msg, Text};

/// A record that was deleted.
pub struct Gone {
    id: i64,
    /// The event of its deletion.
    event: i64,
    at: Instant,
    /// The record as it was.
    before: Value,
}

impl Gone {
    /// What a feed shows of the record; `None`, and reported, where it cannot be decoded.
    pub fn snapshot<T: DeserializeOwned>(&self) -> Option<T> {
        T::deserialize(&self.before).map_err(|error| undecodable::report(self.event, &error)).ok()
    }

    /// The day that is cancelled. Nothing else is told of what is no longer there.
    pub fn cancelled(
        &self,
        record: &str,
        on: NaiveDate,
        version: i64,
        name: &Text,
        kind: &Msg,
        language: Language,
    ) -> Entry {
        let deleted = msg!("已删除", "deleted");
        Entry {
            record: format!("{record}-{}", self.id),
            on,
            status: EventStatus::Cancelled,
            sequence: version + 1,
            changed_at: self.at,
            summary: name.get(language).to_owned(),
            description: vec![deleted.get(language).to_owned()],
            location: None,
            categories: vec![kind.get(language).to_owned(), deleted.get(language).to_owned()],
        }
    }
}

/// Deletions that are in memory at a time.
const TOGETHER: i64 = 200;

/// Visits the records of a kind that were deleted from a pairing in the days before this one, oldest first.
pub fn each_gone(
    conn: &mut Conn,
    kind: &Kind,
    pairing: i64,
    today: NaiveDate,
    mut visit: impl FnMut(&Gone) -> Result<()>,
) -> Result<()> {
    let since = (today - TimeDelta::days(TOLD_FOR_DAYS)).and_time(NaiveTime::MIN).and_utc();
    let (mut from, mut after) = (Instant::from(since), 0);
    loop {
        let rows: Vec<(i64, Option<i64>, Instant, Option<String>)> = audit_events::table
            .filter(audit_events::entity.eq(kind.name))
            // As a literal: the index of deletions serves no bound parameter.
            .filter(sql::<Bool>("action = 'delete'"))
            .filter(audit_events::at.ge(from))
            .filter(audit_events::at.gt(from).or(audit_events::id.gt(after)))
            .order((audit_events::at, audit_events::id))
            .limit(TOGETHER)
            .select((audit_events::id, audit_events::record_id, audit_events::at, audit_events::before_json))
            .load(conn)?;
        let Some((event, _, at, _)) = rows.last() else { return Ok(()) };
        (from, after) = (*at, *event);
        for (event, id, at, before) in rows {
            let Some((id, before)) = id.zip(before.and_then(|before| decoded::<Value>(event, &before))) else {
                continue;
            };
            if before["pairing"]["id"].as_i64() == Some(pairing) {
                visit(&Gone { id, event, at, before })?;
            }
        }
    }
}

/// What tells this database from others: the beginning of the hash of the first event of its history.
pub fn database(conn: &mut Conn) -> Result<String> {
    let hash: Option<String> = audit_events::table.find(1).select(audit_events::hash).first(conn).optional()?;
    Ok(hash.unwrap_or_default().chars().take(16).collect())
}
