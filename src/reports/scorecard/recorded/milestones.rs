//! The sums over milestones as they were recorded at an instant.
//!
//! A milestone whose last change is not later than the instant stands as it stood then: its row is summed by the database.
//! One that was changed or deleted since is read from the audit log. So the cost is that of today's sums and of what
//! happened since, and both a handful of changes and a whole history take bounded memory.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::super::facts::{Facts, MilestoneSums, Tallies};
use super::super::snapshots::Milestone;
use crate::audit::log as history;
use crate::db::Conn;
use crate::db::schema::{agreements, audit_events, milestones, projects};
use crate::error::Result;
use crate::figures::tally::{self, Fact, Owner, Tally};
use crate::model::types::Instant;
use crate::resources::milestones::KIND;

/// Ids that are in memory at a time.
const TOGETHER: i64 = 1_000;

/// The sums over the milestones of the agreements and projects in `facts`. They are of one moment only where the caller
/// reads in one snapshot: a milestone that is changed in between would be counted twice.
pub fn load(
    conn: &mut Conn,
    facts: &Facts<'_>,
    by_member: bool,
    at: Instant,
    as_of: NaiveDate,
) -> Result<Vec<MilestoneSums<'static>>> {
    let mut tallies = Tallies::new(by_member);
    if facts.agreements.is_empty() && facts.projects.is_empty() {
        return Ok(tallies.into_sums());
    }
    let pairings = pairings_now(conn, facts)?;
    tally::by_owner(conn, &pairings, by_member, Some(at), as_of, |now, tally| {
        // What belongs to a project counts for the agreement that the project had then.
        let agreement = now.agreement.filter(|_| now.project.is_none());
        if let Some(owner) = owner(facts, agreement, now.project, now.due_on) {
            tallies.add(facts, owner, &tally);
        }
    })?;
    each_changed_since(conn, at, |conn, ids| {
        history::each_of_as_it_stood(conn, &KIND, ids, at, |_, milestone: Milestone| {
            let [agreement, project] = [milestone.agreement, milestone.project].map(|one| one.map(|one| one.id));
            if let Some(owner) = owner(facts, agreement, project, Some(milestone.due_on)) {
                tallies.add(facts, owner, &Tally::of(&fact(&milestone), as_of));
            }
        })
    })?;
    Ok(tallies.into_sums())
}

/// What a milestone of this agreement or project belonged to; `None` where the report does not cover it.
fn owner(facts: &Facts<'_>, agreement: Option<i64>, project: Option<i64>, due_on: Option<NaiveDate>) -> Option<Owner> {
    let of_project = project.and_then(|id| facts.projects.get(&id));
    let agreement = agreement.or(of_project.and_then(|project| project.agreement));
    let of_agreement = agreement.and_then(|id| facts.agreements.get(&id)).map(|agreement| agreement.pairing);
    let pairing = of_project.map(|project| project.pairing).or(of_agreement)?;
    Some(Owner { pairing, agreement, project, due_on })
}

fn fact(milestone: &Milestone) -> Fact {
    Fact {
        status: milestone.status,
        weight: milestone.weight.0,
        progress: milestone.progress,
        due_on: milestone.due_on,
        baseline_due_on: milestone.baseline_due_on,
        met_on: milestone.met_on,
    }
}

/// The pairings that the agreements and projects belong to now, by which the index of sums is read.
fn pairings_now(conn: &mut Conn, facts: &Facts<'_>) -> Result<Vec<i64>> {
    let mut pairings = BTreeSet::new();
    let ids: Vec<i64> = facts.agreements.keys().copied().collect();
    for chunk in ids.chunks(10_000) {
        let of_agreements = agreements::table.filter(agreements::id.eq_any(chunk)).select(agreements::pairing_id);
        pairings.extend(of_agreements.distinct().load::<i64>(conn)?);
    }
    let ids: Vec<i64> = facts.projects.keys().copied().collect();
    for chunk in ids.chunks(10_000) {
        let of_projects = projects::table.filter(projects::id.eq_any(chunk)).select(projects::pairing_id);
        pairings.extend(of_projects.distinct().load::<i64>(conn)?);
    }
    Ok(pairings.into_iter().collect())
}

/// Visits the ids of the milestones that were changed or deleted after an instant, each once.
///
/// Every write sets `updated_at` to the instant of its event. Where clocks of several processes differ, that of the last
/// event may be earlier than that of one before it: the row is then what the audit log holds for the instant, too, as the
/// last of the events up to an instant is the one with the greatest number.
fn each_changed_since(
    conn: &mut Conn,
    at: Instant,
    mut visit: impl FnMut(&mut Conn, &[i64]) -> Result<()>,
) -> Result<()> {
    use milestones::dsl as m;
    let (mut from, mut last) = (at, i64::MAX);
    loop {
        let rows: Vec<(Instant, i64)> = m::milestones
            .filter(m::updated_at.ge(from))
            .filter(m::updated_at.gt(from).or(m::id.gt(last)))
            .order((m::updated_at, m::id))
            .limit(TOGETHER)
            .select((m::updated_at, m::id))
            .load(conn)?;
        let Some(position) = rows.last() else { break };
        (from, last) = *position;
        visit(conn, &rows.into_iter().map(|(_, id)| id).collect::<Vec<i64>>())?;
    }
    use audit_events::dsl as e;
    let (mut from, mut last) = (at, i64::MAX);
    loop {
        let rows: Vec<(Instant, i64, Option<i64>)> = e::audit_events
            .filter(e::entity.eq(KIND.name))
            // As a literal: the index of deletions serves no bound parameter.
            .filter(sql::<Bool>("action = 'delete'"))
            .filter(e::at.ge(from))
            .filter(e::at.gt(from).or(e::id.gt(last)))
            .order((e::at, e::id))
            .limit(TOGETHER)
            .select((e::at, e::id, e::record_id))
            .load(conn)?;
        let Some((instant, id, _)) = rows.last() else { return Ok(()) };
        (from, last) = (*instant, *id);
        visit(conn, &rows.iter().filter_map(|(_, _, record)| *record).collect::<Vec<i64>>())?;
    }
}
