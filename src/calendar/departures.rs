//! Records that left a feed, found in the audit log among the deletions and moves of the last 90 days. Partial indexes on these
//! events keep the search short.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{NaiveDate, NaiveTime, TimeDelta};
use diesel::prelude::*;
use icalendar::EventStatus;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::states::{Change, Changes, State, each_change, each_state_at, each_state_before};
use super::{CANCELLED_FOR_DAYS, Entry};
use crate::access::feeds::Feed;
use crate::db::Conn;
use crate::db::reference::Kind;
use crate::db::schema::{milestones, projects as projects_table};
use crate::error::Result;
use crate::model::text::{Language, Msg, Text};
use crate::model::types::Instant;
use crate::msg;
use crate::resources::{agreements, conferences, milestones as milestone, projects};

/// Ids per statement.
const IDS_MAX: usize = 10_000;

/// A record that has left a feed.
pub struct Departed {
    pub id: i64,
    pub at: Instant,
    pub is_deleted: bool,
    /// The record as it was last in the feed.
    state: State,
    /// The amount added to the last version in the feed for `SEQUENCE`.
    raised_by: i64,
}

impl Departed {
    /// Decodes the fields that a feed shows; `None`, with a report, if that fails.
    pub fn snapshot<T: DeserializeOwned>(&self) -> Option<T> {
        self.state.snapshot()
    }

    /// The `SEQUENCE` of the cancellation of a record with this version.
    pub fn sequence(&self, version: i64) -> i64 {
        version + self.raised_by
    }

    /// The cancelled event. It has name, kind and date alone, because the reader may no longer be allowed to see the rest.
    pub fn cancelled(
        &self,
        record: &str,
        on: NaiveDate,
        version: i64,
        name: &Text,
        kind: &Msg,
        language: Language,
    ) -> Entry {
        let why = if self.is_deleted {
            msg!("已删除", "deleted")
        } else {
            msg!("已移出此日历", "no longer in this calendar")
        };
        Entry {
            record: format!("{record}-{}", self.id),
            on,
            status: EventStatus::Cancelled,
            sequence: self.sequence(version),
            changed_at: self.at,
            summary: name.get(language).to_owned(),
            description: vec![why.get(language).to_owned()],
            location: None,
            categories: vec![kind.get(language).to_owned(), why.get(language).to_owned()],
        }
    }
}

fn pairing_of(state: &Value) -> Option<i64> {
    state["pairing"]["id"].as_i64()
}

/// Moves of agreements and projects to and from a pairing. Empty for feeds of records that do not move with them.
#[derive(Default)]
pub struct Moves {
    /// The times of the moves.
    moved_at: Vec<Instant>,
    /// Ids of those that left the pairing recently, with the time; projects include those of such agreements.
    agreements: HashMap<i64, Instant>,
    projects: HashMap<i64, Instant>,
    /// Kinds and ids of those that came to the pairing, with the time of the first move.
    came: HashMap<(&'static str, i64), Instant>,
}

impl Moves {
    /// Loads the moves to and from a pairing that affect its feed.
    pub fn load(conn: &mut Conn, feed: Feed, pairing: i64, today: NaiveDate) -> Result<Moves> {
        let mut moves = Moves::default();
        if feed != Feed::Milestones {
            return Ok(moves);
        }
        let since = since(today);
        for kind in [&agreements::KIND, &projects::KIND] {
            each_change(conn, kind, Changes::Departures, None, |change| moves.add(kind, &change, pairing, since))?;
        }
        let left: Vec<i64> = moves.agreements.keys().copied().collect();
        for ids in left.chunks(IDS_MAX) {
            let of_agreements: Vec<(i64, Option<i64>)> = projects_table::table
                .filter(projects_table::agreement_id.eq_any(ids))
                .select((projects_table::id, projects_table::agreement_id))
                .load(conn)?;
            for (project, agreement) in of_agreements {
                if let Some(at) = agreement.and_then(|agreement| moves.agreements.get(&agreement)) {
                    moves.projects.entry(project).or_insert(*at);
                }
            }
        }
        Ok(moves)
    }

    fn add(&mut self, kind: &'static Kind, change: &Change, pairing: i64, since: Instant) {
        let (from, to) = (pairing_of(&change.before), change.after.as_ref().and_then(pairing_of));
        if from == to || ![from, to].contains(&Some(pairing)) {
            return;
        }
        if to == Some(pairing) {
            self.came.entry((kind.name, change.record)).or_insert(change.at);
        }
        if from == Some(pairing) && change.at >= since {
            let left = if kind.name == projects::KIND.name { &mut self.projects } else { &mut self.agreements };
            left.insert(change.record, change.at);
        }
        self.moved_at.push(change.at);
    }

    /// The number of moves up to a time. `SEQUENCE` is raised by it, because a milestone that moves with its agreement or project
    /// keeps its version.
    pub fn count_until(&self, at: Instant) -> i64 {
        i64::try_from(self.moved_at.iter().filter(|moved_at| **moved_at <= at).count()).unwrap_or(i64::MAX)
    }

    /// The time at which a milestone in this state left the pairing with its agreement or project.
    fn took(&self, milestone: &Value) -> Option<Instant> {
        let left = |of: &HashMap<i64, Instant>, name: &str| of.get(&milestone[name]["id"].as_i64()?).copied();
        left(&self.agreements, "agreement").or_else(|| left(&self.projects, "project"))
    }

    /// Whether a record in this state at a time belonged to the pairing then, by itself or through its agreement or project.
    pub fn held(&self, pairing: i64, state: &Value, at: Instant) -> bool {
        let brought = |kind: &'static str| {
            let came = state[kind]["id"].as_i64().and_then(|id| self.came.get(&(kind, id)));
            came.is_some_and(|came| *came <= at)
        };
        pairing_of(state) == Some(pairing) || brought(agreements::KIND.name) || brought(projects::KIND.name)
    }

    /// The milestones of agreements and projects that left the pairing, with the time of leaving.
    fn children(&self, conn: &mut Conn, pairing: i64) -> Result<Vec<(i64, Instant)>> {
        type Columns = (i64, Option<i64>, Option<i64>);
        let elsewhere = || milestones::table.filter(milestones::pairing_id.ne(pairing)).into_boxed();
        let columns = (milestones::id, milestones::agreement_id, milestones::project_id);
        let mut children: BTreeMap<i64, Instant> = BTreeMap::new();
        let mut add = |rows: Vec<Columns>| {
            let at = |of: &HashMap<i64, Instant>, id: Option<i64>| of.get(&id?).copied();
            for (id, agreement, project) in rows {
                if let Some(at) = at(&self.agreements, agreement).or_else(|| at(&self.projects, project)) {
                    children.insert(id, at);
                }
            }
        };
        let of_agreements: Vec<i64> = self.agreements.keys().copied().collect();
        for ids in of_agreements.chunks(IDS_MAX) {
            add(elsewhere().filter(milestones::agreement_id.eq_any(ids)).select(columns).load(conn)?);
        }
        let of_projects: Vec<i64> = self.projects.keys().copied().collect();
        for ids in of_projects.chunks(IDS_MAX) {
            add(elsewhere().filter(milestones::project_id.eq_any(ids)).select(columns).load(conn)?);
        }
        Ok(children.into_iter().collect())
    }
}

/// A record that left by its own change.
struct Left {
    event: i64,
    at: Instant,
    is_deleted: bool,
}

/// The ids of the records that left a feed. Their states are loaded later, so that each takes little memory.
#[derive(Default)]
struct Leavers {
    by_themselves: BTreeMap<i64, Left>,
    /// Records that left with their agreement or project, by the time of its move.
    taken: BTreeMap<Instant, Vec<i64>>,
}

impl Leavers {
    fn load(conn: &mut Conn, kind: &Kind, pairing: i64, moves: &Moves, since: Instant) -> Result<Leavers> {
        let mut leavers = Leavers::default();
        for changes in [Changes::Deletions, Changes::Departures] {
            let is_deleted = changes == Changes::Deletions;
            each_change(conn, kind, changes, Some(since), |Change { event, record, at, before, .. }| {
                if pairing_of(&before) == Some(pairing) {
                    // A record can leave repeatedly; the last time counts.
                    if leavers.by_themselves.get(&record).is_none_or(|left| left.at <= at) {
                        leavers.by_themselves.insert(record, Left { event, at, is_deleted });
                    }
                } else if let Some(left_at) = moves.took(&before).filter(|left_at| *left_at <= at) {
                    leavers.taken.entry(left_at).or_default().push(record);
                }
            })?;
        }
        if !moves.moved_at.is_empty() {
            for (record, left_at) in moves.children(conn, pairing)? {
                leavers.taken.entry(left_at).or_default().push(record);
            }
        }
        Ok(leavers)
    }
}

/// Visits the records that left the feed of a pairing recently. `present` are the ids of its records now. Records whose audit
/// event cannot be decoded are skipped.
pub fn each_departed(
    conn: &mut Conn,
    feed: Feed,
    pairing: i64,
    moves: &Moves,
    present: &BTreeSet<i64>,
    today: NaiveDate,
    mut visit: impl FnMut(&Departed) -> Result<()>,
) -> Result<()> {
    let kind = kind_of(feed);
    let Leavers { mut by_themselves, taken } = Leavers::load(conn, kind, pairing, moves, since(today))?;
    by_themselves.retain(|id, _| !present.contains(id));
    let events: Vec<i64> = by_themselves.values().map(|left| left.event).collect();
    each_state_before(conn, &events, |state| {
        let Some(Left { at, is_deleted, .. }) = by_themselves.get(&state.record) else { return Ok(()) };
        let (id, raised_by) = (state.record, 1 + moves.count_until(*at));
        visit(&Departed { id, at: *at, is_deleted: *is_deleted, state, raised_by })
    })?;
    let mut visited = BTreeSet::new();
    for (at, ids) in taken {
        let is_new = |id: &i64| !present.contains(id) && !by_themselves.contains_key(id) && !visited.contains(id);
        let ids: BTreeSet<i64> = ids.into_iter().filter(is_new).collect();
        let ids: Vec<i64> = ids.into_iter().collect();
        each_state_at(conn, kind, &ids, at, |state| {
            // A record that joined the agreement or project after the move was never in this feed.
            if moves.took(&state.json) != Some(at) {
                return Ok(());
            }
            visited.insert(state.record);
            let (id, raised_by) = (state.record, moves.count_until(at));
            visit(&Departed { id, at, is_deleted: false, state, raised_by })
        })?;
    }
    Ok(())
}

/// The kind of record of a feed.
pub fn kind_of(feed: Feed) -> &'static Kind {
    match feed {
        Feed::Milestones => &milestone::KIND,
        Feed::Conferences => &conferences::KIND,
    }
}

fn since(today: NaiveDate) -> Instant {
    Instant::from((today - TimeDelta::days(CANCELLED_FOR_DAYS)).and_time(NaiveTime::MIN).and_utc())
}
