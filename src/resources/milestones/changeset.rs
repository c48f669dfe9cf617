//! What a milestone that is created or changed comes to: its row and its lists, one by one or for many at once.

use std::collections::{BTreeSet, HashMap};

use diesel::prelude::*;

use super::api::{InsertedMilestone, Milestone, NewMilestone};
use super::{KIND, Milestones, Status};
use crate::db::schema::{
    agreements as agreements_table, milestone_dependencies, milestone_responsible, milestones,
    projects as projects_table,
};
use crate::db::{Conn, backend};
use crate::error::{Error, Faults, Result};
use crate::figures::lateness;
use crate::record::{self, Tx};
use crate::resources::fields;
use crate::{insert_all, msg, rules};

pub type Changeset = fields::Changeset<Milestones>;

/// Resolves and checks a milestone, and sets the columns that clients do not write. Those that follow from its agreement or its
/// project are left to [`Parents::complete`], because one statement reads them for many milestones.
pub fn resolve(tx: &mut Tx<'_>, before: Option<(i64, &Milestone)>, new: &NewMilestone) -> Result<Changeset> {
    let mut change = Changeset::resolve(tx, before, new)?;
    let before = before.map(|(_, record)| record);
    let known: Vec<i64> = before.iter().flat_map(|record| &record.depends_on).map(|other| other.id).collect();
    for other in change.ids.list("depends_on").iter().filter(|other| !known.contains(other)) {
        // A milestone that others depend on can no longer be deleted.
        let scope = record::scope(tx.conn, &KIND, *other)?;
        tx.actor.require_scope(&scope)?;
    }
    check(tx, &mut change.faults, before, new);

    let (row, status) = (&mut change.row, new.status);
    let reason = given_reason(new).map(str::to_owned);
    row.status_reason = match status {
        Status::NotMet | Status::Cancelled if is_new(status, before) => reason,
        Status::NotMet | Status::Cancelled => before.and_then(|record| record.status_reason.clone()),
        _ => None,
    };
    row.baseline_due_on = before.map_or(new.due_on, |record| record.baseline_due_on);
    if status == Status::Met {
        row.progress = 100;
    }
    let confirmed = before.filter(|_| status == Status::Met);
    row.supporter_confirmed_at = confirmed.and_then(|record| record.supporter_confirmed_at);
    row.recipient_confirmed_at = confirmed.and_then(|record| record.recipient_confirmed_at);
    Ok(change)
}

/// Checks the rules that depend on today's date, and on the milestone as it was.
fn check(tx: &Tx<'_>, faults: &mut Faults, before: Option<&Milestone>, new: &NewMilestone) {
    let (due_on, status, has_reason) = (new.due_on, new.status, given_reason(new).is_some());
    rules::not_in_future(faults, "/met_on", new.met_on, tx.today);
    if before.is_some_and(|record| record.due_on != due_on) && !has_reason {
        faults.push("/reason", "required", msg!("调整到期日须说明原因。", "is required to move due_on"));
    }
    if let Some(record) = before {
        rules::transition(faults, record.status, status, record.status.next());
    }
    if status != Status::NotMet || !is_new(status, before) {
        return;
    }
    if !has_reason {
        let message = msg!("状态为 not_met 时须说明原因。", "is required when the status becomes not_met");
        faults.push("/reason", "required", message);
    }
    if !lateness::is_over(due_on, tx.today) {
        let message = msg!(
            "到期日（{due_on}）之后才能记为 not_met。",
            "cannot be not_met before its due date ({due_on}) has passed"
        );
        faults.push("/status", "too_early", message);
    }
}

/// Blanks give no reason.
fn given_reason(new: &NewMilestone) -> Option<&str> {
    new.reason.as_deref().filter(|reason| !reason.trim().is_empty())
}

fn is_new(status: Status, before: Option<&Milestone>) -> bool {
    before.is_none_or(|record| record.status != status)
}

/// Inserts the new milestones that have no fault; see [`Resource::save_together`](crate::record::Resource).
pub fn save_together(tx: &mut Tx<'_>, news: Vec<NewMilestone>) -> Result<Vec<Option<i64>>> {
    let mut changes = Vec::with_capacity(news.len());
    for new in news {
        let change = resolve(tx, None, &new)?;
        changes.push(change.faults.is_empty().then_some(change));
    }
    let parents = Parents::load(tx.conn, changes.iter().flatten())?;
    let mut reserved = backend::reserve_ids(tx.conn, "milestones", changes.iter().flatten().count())?.into_iter();
    let (mut rows, mut responsible, mut depends_on) = (Vec::new(), Vec::new(), Vec::new());
    let mut ids = Vec::with_capacity(changes.len());
    for change in changes {
        let id = if change.is_some() { reserved.next() } else { None };
        if let (Some(mut change), Some(id)) = (change, id) {
            parents.complete(&mut change)?;
            responsible.extend((0_i32..).zip(change.ids.list("responsible")).map(|(position, other)| {
                (
                    milestone_responsible::milestone_id.eq(id),
                    milestone_responsible::organization_id.eq(*other),
                    milestone_responsible::position.eq(position),
                )
            }));
            depends_on.extend((0_i32..).zip(change.ids.list("depends_on")).map(|(position, other)| {
                (
                    milestone_dependencies::milestone_id.eq(id),
                    milestone_dependencies::depends_on_id.eq(*other),
                    milestone_dependencies::position.eq(position),
                )
            }));
            rows.push(InsertedMilestone::new(id, tx.now, change.row));
        }
        ids.push(id);
    }
    insert_all!(tx.conn, milestones::table, &rows)?;
    insert_all!(tx.conn, milestone_responsible::table, &responsible)?;
    insert_all!(tx.conn, milestone_dependencies::table, &depends_on)?;
    Ok(ids)
}

/// The pairings of the agreements and projects that milestones belong to.
pub struct Parents {
    /// The pairing of each agreement.
    agreements: HashMap<i64, i64>,
    /// The pairing and the agreement of each project.
    projects: HashMap<i64, (i64, Option<i64>)>,
}

impl Parents {
    pub fn load<'a>(conn: &mut Conn, changes: impl IntoIterator<Item = &'a Changeset>) -> Result<Parents> {
        let (mut of_agreements, mut of_projects): (BTreeSet<i64>, BTreeSet<i64>) = Default::default();
        for change in changes {
            of_agreements.extend(change.row.agreement_id);
            of_projects.extend(change.row.project_id);
        }
        let (mut agreements, mut projects): (HashMap<i64, i64>, HashMap<_, _>) = Default::default();
        if let (Some(id), 1) = (of_agreements.first(), of_agreements.len()) {
            // Diesel caches this statement, unlike one with a list.
            let found = agreements_table::table.find(id).select(agreements_table::pairing_id).first(conn).optional()?;
            agreements.extend(found.map(|pairing: i64| (*id, pairing)));
        } else if !of_agreements.is_empty() {
            let found: Vec<(i64, i64)> = agreements_table::table
                .filter(agreements_table::id.eq_any(of_agreements))
                .select((agreements_table::id, agreements_table::pairing_id))
                .load(conn)?;
            agreements.extend(found);
        }
        if !of_projects.is_empty() {
            let found: Vec<(i64, i64, Option<i64>)> = projects_table::table
                .filter(projects_table::id.eq_any(of_projects))
                .select((projects_table::id, projects_table::pairing_id, projects_table::agreement_id))
                .load(conn)?;
            projects.extend(found.into_iter().map(|(id, pairing, agreement)| (id, (pairing, agreement))));
        }
        Ok(Parents { agreements, projects })
    }

    /// Sets a milestone's pairing, and the agreement that it counts for: its own, or its project's.
    pub fn complete(&self, change: &mut Changeset) -> Result<()> {
        let row = &mut change.row;
        let found = match (row.agreement_id, row.project_id) {
            (Some(id), _) => self.agreements.get(&id).map(|pairing| (*pairing, Some(id))),
            (None, Some(id)) => self.projects.get(&id).copied(),
            (None, None) => None,
        };
        (row.pairing_id, row.agreement_id) = found.ok_or_else(|| Error::unexpected("a milestone without a parent"))?;
        Ok(())
    }
}
