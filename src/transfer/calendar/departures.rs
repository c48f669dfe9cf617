//! The records that left a feed, found in the audit log: the last 90 days of deletions and of moves, each by an index that
//! holds nothing else.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{NaiveDate, NaiveTime, TimeDelta};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use icalendar::EventStatus;
use serde_json::Value;

use super::{Entry, TOLD_FOR_DAYS};
use crate::access::feeds::Feed;
use crate::db::reference::Kind;
use crate::db::schema::{audit_events, milestones, projects as projects_table};
use crate::db::types::Instant;
use crate::db::{Conn, backend};
use crate::error::Result;
use crate::msg;
use crate::resources::audit_events::store as audit;
use crate::resources::{agreements, conferences, milestones as milestone, projects};
use crate::text::{Language, Msg, Text};

/// A record that was in a feed and is no longer.
pub struct Departed {
    pub id: i64,
    pub at: Instant,
    pub is_deleted: bool,
    /// The record as the feed had it last.
    pub state: Value,
    /// How much `SEQUENCE` is raised above the version that the feed had last.
    raised_by: i64,
}

impl Departed {
    /// The `SEQUENCE` of the cancellation, of a record with this version.
    pub fn sequence(&self, version: i64) -> i64 {
        version + self.raised_by
    }

    /// The cancelled day. Nothing else is disclosed of what the feed no longer has.
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

/// An event by which a record left, or came.
struct Change {
    record: i64,
    at: Instant,
    before: Value,
    after: Option<Value>,
}

impl Change {
    fn pairing_before(&self) -> Option<i64> {
        self.before["pairing"]["id"].as_i64()
    }

    fn pairing_after(&self) -> Option<i64> {
        self.after.as_ref().and_then(|after| after["pairing"]["id"].as_i64())
    }
}

/// What moves of agreements and projects did to the feed of a pairing; nothing to feeds that follow no such record.
#[derive(Default)]
pub struct Moves {
    changes: Vec<Change>,
    /// The ids of those that left the pairing in the last days, and when; with the projects of such agreements.
    agreements: HashMap<i64, Instant>,
    projects: HashMap<i64, Instant>,
    /// The names of the kinds and the ids of those that came to the pairing, and when first.
    came: HashMap<(&'static str, i64), Instant>,
}

impl Moves {
    /// The moves to and from a pairing that its feed follows.
    pub fn load(conn: &mut Conn, feed: Feed, pairing: i64, today: NaiveDate) -> Result<Moves> {
        let mut moves = Moves::default();
        if feed != Feed::Milestones {
            return Ok(moves);
        }
        let since = since(today);
        for kind in [&agreements::KIND, &projects::KIND] {
            for change in departures(conn, kind, None)? {
                let (from, to) = (change.pairing_before(), change.pairing_after());
                if from == to || ![from, to].contains(&Some(pairing)) {
                    continue;
                }
                if to == Some(pairing) {
                    moves.came.entry((kind.name, change.record)).or_insert(change.at);
                }
                if from == Some(pairing) && change.at >= since {
                    let left =
                        if kind.name == projects::KIND.name { &mut moves.projects } else { &mut moves.agreements };
                    left.insert(change.record, change.at);
                }
                moves.changes.push(change);
            }
        }
        let of_agreements: Vec<(i64, Option<i64>)> = projects_table::table
            .filter(projects_table::agreement_id.eq_any(moves.agreements.keys().copied().collect::<Vec<_>>()))
            .select((projects_table::id, projects_table::agreement_id))
            .load(conn)?;
        for (project, agreement) in of_agreements {
            if let Some(at) = agreement.and_then(|agreement| moves.agreements.get(&agreement)) {
                moves.projects.entry(project).or_insert(*at);
            }
        }
        Ok(moves)
    }

    /// How many there were up to an instant: what `SEQUENCE` is raised by, because a record that was taken along keeps its
    /// version.
    pub fn count_until(&self, at: Instant) -> i64 {
        i64::try_from(self.changes.iter().filter(|change| change.at <= at).count()).unwrap_or(i64::MAX)
    }

    /// When a milestone, as it stood, was taken along out of the pairing.
    fn took(&self, milestone: &Value) -> Option<Instant> {
        let left = |of: &HashMap<i64, Instant>, name: &str| of.get(&milestone[name]["id"].as_i64()?).copied();
        left(&self.agreements, "agreement").or_else(|| left(&self.projects, "project"))
    }

    /// Whether a record, as it stood at an instant, was of the pairing then: by itself, or brought by its agreement or project.
    pub fn held(&self, pairing: i64, state: &Value, at: Instant) -> bool {
        let brought = |kind: &'static str| {
            let came = state[kind]["id"].as_i64().and_then(|id| self.came.get(&(kind, id)));
            came.is_some_and(|came| *came <= at)
        };
        state["pairing"]["id"].as_i64() == Some(pairing)
            || brought(agreements::KIND.name)
            || brought(projects::KIND.name)
    }

    /// The milestones that now belong to what left the pairing, and when that left.
    fn children(&self, conn: &mut Conn, pairing: i64) -> Result<Vec<(i64, Instant)>> {
        let of_agreements: Vec<i64> = self.agreements.keys().copied().collect();
        let of_projects: Vec<i64> = self.projects.keys().copied().collect();
        let rows: Vec<(i64, Option<i64>, Option<i64>)> = milestones::table
            .filter(milestones::pairing_id.ne(pairing))
            .filter(milestones::agreement_id.eq_any(of_agreements).or(milestones::project_id.eq_any(of_projects)))
            .select((milestones::id, milestones::agreement_id, milestones::project_id))
            .load(conn)?;
        let at = |of: &HashMap<i64, Instant>, id: Option<i64>| of.get(&id?).copied();
        Ok(rows
            .into_iter()
            .filter_map(|(id, agreement, project)| {
                Some((id, at(&self.agreements, agreement).or_else(|| at(&self.projects, project))?))
            })
            .collect())
    }
}

/// The records that left the feed of a pairing in the last days; `present` are the ids of those that it has.
pub fn departed(
    conn: &mut Conn,
    feed: Feed,
    pairing: i64,
    moves: &Moves,
    present: &BTreeSet<i64>,
    today: NaiveDate,
) -> Result<Vec<Departed>> {
    let kind = kind_of(feed);
    let mut changes = deletions(conn, kind, since(today))?;
    changes.extend(departures(conn, kind, Some(since(today)))?);
    changes.sort_by_key(|change| change.at);

    let mut departed: BTreeMap<i64, Departed> = BTreeMap::new();
    let mut taken: BTreeMap<Instant, Vec<i64>> = BTreeMap::new();
    for Change { record: id, at, before, after } in changes {
        if before["pairing"]["id"].as_i64() == Some(pairing) {
            let raised_by = 1 + moves.count_until(at);
            let is_deleted = after.is_none();
            departed.insert(id, Departed { id, at, is_deleted, state: before, raised_by });
        } else if let Some(left_at) = moves.took(&before).filter(|left_at| *left_at <= at) {
            taken.entry(left_at).or_default().push(id);
        }
    }
    if !moves.changes.is_empty() {
        for (id, left_at) in moves.children(conn, pairing)? {
            taken.entry(left_at).or_default().push(id);
        }
    }
    for (at, ids) in taken {
        for (id, state) in audit::as_they_stood(conn, kind, &ids, at)? {
            // What joined later was never in this feed.
            if moves.took(&state) == Some(at) {
                let raised_by = moves.count_until(at);
                departed.entry(id).or_insert(Departed { id, at, is_deleted: false, state, raised_by });
            }
        }
    }
    departed.retain(|id, _| !present.contains(id));
    Ok(departed.into_values().collect())
}

/// The kind of record that a feed has.
pub fn kind_of(feed: Feed) -> &'static Kind {
    match feed {
        Feed::Milestones => &milestone::KIND,
        Feed::Conferences => &conferences::KIND,
    }
}

fn since(today: NaiveDate) -> Instant {
    Instant::from((today - TimeDelta::days(TOLD_FOR_DAYS)).and_time(NaiveTime::MIN).and_utc())
}

type Row = (Option<i64>, Instant, Option<String>, Option<String>);

fn deletions(conn: &mut Conn, kind: &Kind, since: Instant) -> Result<Vec<Change>> {
    let rows: Vec<Row> = audit_events::table
        .filter(audit_events::entity.eq(kind.name))
        // As a literal: the index of deletions serves no bound parameter.
        .filter(sql::<Bool>("action = 'delete'"))
        .filter(audit_events::at.ge(since))
        .order((audit_events::at, audit_events::id))
        .select((audit_events::record_id, audit_events::at, audit_events::before_json, audit_events::after_json))
        .load(conn)?;
    changes(rows)
}

/// The changes by which records moved to another pairing, or lost their day: of the time since an instant, or all.
fn departures(conn: &mut Conn, kind: &Kind, since: Option<Instant>) -> Result<Vec<Change>> {
    let condition = backend::departures(conn);
    let mut query = audit_events::table
        .filter(audit_events::entity.eq(kind.name))
        .filter(condition)
        .order((audit_events::at, audit_events::id))
        .select((audit_events::record_id, audit_events::at, audit_events::before_json, audit_events::after_json))
        .into_boxed();
    if let Some(since) = since {
        query = query.filter(audit_events::at.ge(since));
    }
    changes(query.load(conn)?)
}

fn changes(rows: Vec<Row>) -> Result<Vec<Change>> {
    let mut changes = Vec::with_capacity(rows.len());
    for (record, at, before, after) in rows {
        let (Some(record), Some(before)) = (record, before) else { continue };
        let after = after.map(|after| serde_json::from_str(&after)).transpose()?;
        changes.push(Change { record, at, before: serde_json::from_str(&before)?, after });
    }
    Ok(changes)
}
