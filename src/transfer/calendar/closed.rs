//! The feed of a key that was revoked or has expired: every day that the feed had then is cancelled, and nothing is disclosed
//! of any, so that a calendar program drops what it has of a pairing that its owner may no longer read.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use icalendar::EventStatus;
use serde::Deserialize;

use super::Entry;
use super::departures::{Moves, departed, kind_of};
use crate::access::feeds::Feed;
use crate::db::Conn;
use crate::db::reference::Kind;
use crate::db::types::Instant;
use crate::error::Result;
use crate::msg;
use crate::resources::audit_events::store as audit;
use crate::text::Language;

/// What the cancellation needs of a record as an audit event holds it.
#[derive(Deserialize)]
struct Dated {
    version: i64,
    due_on: Option<NaiveDate>,
    held_on: Option<NaiveDate>,
}

/// The cancellations of what a feed had when a key ended; `present` are the ids of the records that the pairing has now.
pub fn entries(
    conn: &mut Conn,
    feed: Feed,
    pairing: i64,
    present: &[i64],
    ended_at: Instant,
    today: NaiveDate,
    language: Language,
) -> Result<Vec<Entry>> {
    let moves = Moves::load(conn, feed, pairing, today)?;
    let kind = kind_of(feed);
    let mut ids: BTreeSet<i64> = present.iter().copied().collect();
    // What left before the key ended was cancelled then, and may not have been read since.
    let (before, since): (Vec<_>, Vec<_>) =
        departed(conn, feed, pairing, &moves, &ids, today)?.into_iter().partition(|gone| gone.at < ended_at);
    ids.extend(since.into_iter().map(|gone| gone.id));
    let ids: Vec<i64> = ids.into_iter().collect();

    let mut entries = Vec::new();
    for gone in before {
        let dated: Dated = serde_json::from_value(gone.state.clone())?;
        let sequence = gone.sequence(dated.version);
        entries.extend(dated.cancelled(kind, gone.id, sequence, gone.at, language));
    }
    let raised_by = 1 + moves.count_until(ended_at);
    for (id, state) in audit::as_they_stood(conn, kind, &ids, ended_at)? {
        if !moves.held(pairing, &state, ended_at) {
            continue;
        }
        let dated: Dated = serde_json::from_value(state)?;
        let sequence = dated.version + raised_by;
        entries.extend(dated.cancelled(kind, id, sequence, ended_at, language));
    }
    Ok(entries)
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
