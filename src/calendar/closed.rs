//! The feed of a key that was revoked or has expired: every day that the feed had then is cancelled, and nothing is disclosed
//! of any, so that a calendar program drops what it has of a pairing that its owner may no longer read.

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

/// What the cancellation needs of a record as an audit event holds it.
#[derive(Deserialize)]
struct Dated {
    version: i64,
    due_on: Option<NaiveDate>,
    held_on: Option<NaiveDate>,
}

/// The feed of a pairing, as it is read with a key that ended.
pub struct Closed {
    pub feed: Feed,
    pub pairing: i64,
    pub ended_at: Instant,
    pub today: NaiveDate,
}

impl Closed {
    /// Visits the cancellations of what the feed had when the key ended; `ids` are those of the records that the pairing has
    /// now. What cannot be decoded is left out.
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
            // What left before the key ended was cancelled then, and may not have been read since.
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
    /// The day as cancelled; `None` where the record had none.
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
