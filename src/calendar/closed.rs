//! The feed for a key that was revoked or has expired: every event that the feed had then is cancelled, without its content, so
//! that calendar programs remove the events of a pairing that their owner may no longer read.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use icalendar::EventStatus;
use serde::Deserialize;

use super::Entry;
use super::departures::{Moves, each_departed, kind_of};
use super::states::each_state_at;
use crate::access::feeds::Feed;
use crate::db::Conn;
use crate::db::reference::Kind;
use crate::error::Result;
use crate::model::text::Language;
use crate::model::types::Instant;
use crate::msg;

/// The fields of a record in an audit event that a cancellation needs.
#[derive(Deserialize)]
struct Dated {
    version: i64,
    due_on: Option<NaiveDate>,
    held_on: Option<NaiveDate>,
}

/// The feed of a pairing for a key that has ended.
pub struct Closed {
    pub feed: Feed,
    pub pairing: i64,
    pub ended_at: Instant,
    pub today: NaiveDate,
}

impl Closed {
    /// Visits the cancellations of the events that the feed had when the key ended. `ids` are the records that the pairing has
    /// now. Records whose audit event cannot be decoded are skipped.
    pub fn each_entry(
        &self,
        conn: &mut Conn,
        moves: &Moves,
        mut ids: BTreeSet<i64>,
        language: Language,
        mut visit: impl FnMut(Entry) -> Result<()>,
    ) -> Result<()> {
        let Closed { feed, pairing, ended_at, today } = *self;
        let kind = kind_of(feed);
        let mut left_since = Vec::new();
        each_departed(conn, feed, pairing, moves, &ids, today, |gone| {
            if gone.at >= ended_at {
                left_since.push(gone.id);
                return Ok(());
            }
            // Records that left before the key ended were cancelled then, but the client may not have read the feed since.
            let Some(dated) = gone.snapshot::<Dated>() else { return Ok(()) };
            let sequence = gone.sequence(dated.version);
            dated.cancelled(kind, gone.id, sequence, gone.at, language).map_or(Ok(()), &mut visit)
        })?;
        ids.extend(left_since);
        let ids: Vec<i64> = ids.into_iter().collect();
        let raised_by = 1 + moves.count_until(ended_at);
        each_state_at(conn, kind, &ids, ended_at, |state| {
            let held = moves.held(pairing, &state.json, ended_at);
            let Some(dated) = state.snapshot::<Dated>().filter(|_| held) else { return Ok(()) };
            let sequence = dated.version + raised_by;
            dated.cancelled(kind, state.record, sequence, ended_at, language).map_or(Ok(()), &mut visit)
        })
    }
}

impl Dated {
    /// The cancelled event; `None` if the record had no date.
    fn cancelled(self, kind: &Kind, id: i64, sequence: i64, at: Instant, language: Language) -> Option<Entry> {
        let (cancelled, ended) = (msg!("已取消", "cancelled"), msg!("订阅已停用", "the subscription has ended"));
        Some(Entry {
            record: format!("{}-{id}", kind.name),
            on: self.due_on.or(self.held_on)?,
            status: EventStatus::Cancelled,
            sequence,
            changed_at: at,
            summary: cancelled.get(language).to_owned(),
            description: vec![ended.get(language).to_owned()],
            location: None,
            categories: Vec::new(),
        })
    }
}
