//! What a new milestone, or a changed one, comes to: its row and its links, once its references are found and its rules
//! held. Written one by one, or many together.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use diesel::prelude::*;

use super::api::{Milestone, NewMilestone};
use super::store::to_thousandths;
use super::{Milestones, Status};
use crate::db::schema::{
    agreements as agreements_table, milestone_dependencies, milestone_responsible, milestones,
    projects as projects_table,
};
use crate::db::types::Instant;
use crate::db::{Conn, backend};
use crate::error::{Error, Faults, Result};
use crate::resources::record::{Resource, Tx};
use crate::resources::{agreements, organizations, projects};
use crate::{insert_all, msg, rules};

/// Rows that one statement inserts: 22 binds each, of at most 32,766 on SQLite.
const INSERTED_TOGETHER: usize = 1_000;

/// A milestone that can be written.
pub struct Draft {
    pub values: Values,
    /// Ids of organizations.
    pub responsible: Vec<i64>,
    /// Ids of milestones.
    pub depends_on: Vec<i64>,
}

/// What is written, besides the version and the times.
#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = milestones, treat_none_as_null = true)]
pub struct Values {
    pub code: Option<String>,
    pub pairing_id: i64,
    pub agreement_id: Option<i64>,
    pub project_id: Option<i64>,
    pub title_zh: String,
    pub title_en: Option<String>,
    pub kind: Option<String>,
    pub due_on: NaiveDate,
    pub baseline_due_on: NaiveDate,
    pub forecast_on: Option<NaiveDate>,
    pub met_on: Option<NaiveDate>,
    pub status: Status,
    pub status_reason: Option<String>,
    pub progress: i32,
    pub weight_thousandths: i64,
    pub note: Option<String>,
    pub supporter_confirmed_at: Option<Instant>,
    pub recipient_confirmed_at: Option<Instant>,
}

/// A row with the id that was reserved for it.
#[derive(Insertable)]
#[diesel(table_name = milestones, treat_none_as_default_value = false)]
struct NewRow {
    id: i64,
    version: i64,
    created_at: Instant,
    updated_at: Instant,
    #[diesel(embed)]
    values: Values,
}

/// What a milestone comes to; `None` where there are faults.
pub fn prepare(
    tx: &mut Tx<'_>,
    faults: &mut Faults,
    before: Option<(i64, &Milestone)>,
    new: NewMilestone,
) -> Result<Option<Draft>> {
    let NewMilestone {
        code,
        agreement,
        project,
        title,
        kind,
        due_on,
        forecast_on,
        met_on,
        status,
        progress,
        weight,
        responsible,
        depends_on,
        note,
        reason,
        citations: _,
    } = new;
    let reason = reason.filter(|reason| !reason.trim().is_empty());
    let before_record = before.map(|(_, record)| record);
    let id = before.map(|(id, _)| id);

    let own_agreement = match &agreement {
        Some(agreement) => tx.resolve(&agreements::KIND, faults, "/agreement", agreement)?,
        None => None,
    };
    let project_id = match &project {
        Some(project) => tx.resolve(&projects::KIND, faults, "/project", project)?,
        None => None,
    };
    let responsible_ids = tx.resolve_all(&organizations::KIND, faults, "/responsible", &responsible)?;
    let before_ids = tx.resolve_all(Milestones::KIND, faults, "/depends_on", &depends_on)?;
    let known: Vec<i64> = before_record.iter().flat_map(|record| &record.depends_on).map(|other| other.id).collect();
    for other in before_ids.iter().filter(|other| !known.contains(other)) {
        // What others wait for cannot be deleted any more.
        let scope = Milestones::scope(tx.conn, *other)?;
        tx.actor.require_scope(&scope)?;
    }
    rules::not_in_future(faults, "/met_on", met_on, tx.today);
    let moved_from = before_record.map(|record| record.due_on).filter(|old| *old != due_on);
    if moved_from.is_some() && reason.is_none() {
        faults.push("/reason", "required", msg!("调整到期日须说明原因。", "is required to move due_on"));
    }
    let status_is_new = before_record.is_none_or(|record| record.status != status);
    if let Some(record) = before_record {
        rules::transition(faults, record.status, status, record.status.next());
    }
    if status == Status::NotMet && status_is_new {
        if reason.is_none() {
            faults.push(
                "/reason",
                "required",
                msg!("状态为 not_met 时须说明原因。", "is required when the status becomes not_met"),
            );
        }
        if tx.today <= due_on {
            faults.push(
                "/status",
                "too_early",
                msg!(
                    "到期日（{due_on}）之后才能记为 not_met。",
                    "cannot be not_met before its due date ({due_on}) has passed"
                ),
            );
        }
    }
    if let Some(id) = id {
        no_circle(tx.conn, faults, id, &before_ids)?;
    }
    if !faults.is_empty() {
        return Ok(None);
    }
    let (pairing_id, agreement_id) = belongs_to(tx.conn, own_agreement, project_id)?;
    let status_reason = match status {
        Status::NotMet | Status::Cancelled if status_is_new => reason.clone(),
        Status::NotMet | Status::Cancelled => before_record.and_then(|record| record.status_reason.clone()),
        _ => None,
    };
    let confirmed = before_record.filter(|_| status == Status::Met);
    let values = Values {
        code: code.map(|code| code.0),
        pairing_id,
        agreement_id,
        project_id,
        title_zh: title.zh,
        title_en: title.en,
        kind,
        due_on,
        baseline_due_on: before_record.map_or(due_on, |record| record.baseline_due_on),
        forecast_on,
        met_on,
        status,
        status_reason,
        progress: if status == Status::Met { 100 } else { progress },
        weight_thousandths: to_thousandths(weight),
        note,
        supporter_confirmed_at: confirmed.and_then(|record| record.supporter_confirmed_at),
        recipient_confirmed_at: confirmed.and_then(|record| record.recipient_confirmed_at),
    };
    Ok(Some(Draft { values, responsible: responsible_ids, depends_on: before_ids }))
}

/// Inserts the new milestones that have no fault; see [`Resource::save_together`].
pub fn save_together(tx: &mut Tx<'_>, news: Vec<NewMilestone>) -> Result<Vec<Option<i64>>> {
    let mut drafts = Vec::with_capacity(news.len());
    for new in news {
        drafts.push(prepare(tx, &mut Faults::default(), None, new)?);
    }
    let mut reserved = backend::reserve_ids(tx.conn, "milestones", drafts.iter().flatten().count())?.into_iter();
    let (mut rows, mut responsible, mut depends_on) = (Vec::new(), Vec::new(), Vec::new());
    let mut ids = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let id = if draft.is_some() { reserved.next() } else { None };
        if let (Some(draft), Some(id)) = (draft, id) {
            let Draft { values, responsible: organizations, depends_on: before } = draft;
            responsible.extend((0_i32..).zip(organizations).map(|(position, other)| {
                (
                    milestone_responsible::milestone_id.eq(id),
                    milestone_responsible::organization_id.eq(other),
                    milestone_responsible::position.eq(position),
                )
            }));
            depends_on.extend((0_i32..).zip(before).map(|(position, other)| {
                (
                    milestone_dependencies::milestone_id.eq(id),
                    milestone_dependencies::depends_on_id.eq(other),
                    milestone_dependencies::position.eq(position),
                )
            }));
            rows.push(NewRow { id, version: 1, created_at: tx.now, updated_at: tx.now, values });
        }
        ids.push(id);
    }
    for rows in rows.chunks(INSERTED_TOGETHER) {
        insert_all!(tx.conn, milestones::table, rows)?;
    }
    for links in responsible.chunks(INSERTED_TOGETHER) {
        insert_all!(tx.conn, milestone_responsible::table, links)?;
    }
    for links in depends_on.chunks(INSERTED_TOGETHER) {
        insert_all!(tx.conn, milestone_dependencies::table, links)?;
    }
    Ok(ids)
}

/// The pairing of what a milestone belongs to, and the agreement that it counts for.
fn belongs_to(conn: &mut Conn, agreement: Option<i64>, project: Option<i64>) -> Result<(i64, Option<i64>)> {
    match (agreement, project) {
        (Some(id), _) => {
            let pairing = agreements_table::table.find(id).select(agreements_table::pairing_id).first(conn)?;
            Ok((pairing, Some(id)))
        }
        (None, Some(id)) => {
            let of_project = projects_table::table.find(id);
            Ok(of_project.select((projects_table::pairing_id, projects_table::agreement_id)).first(conn)?)
        }
        (None, None) => Err(Error::unexpected("a reference was lost")),
    }
}

/// Follows what must be reached before; a fault when the milestone would wait for itself.
fn no_circle(conn: &mut Conn, faults: &mut Faults, id: i64, before: &[i64]) -> Result<()> {
    if !before.is_empty() {
        // Two changes at once could close a circle that neither sees.
        backend::lock_kind(conn, Milestones::KIND.name)?;
    }
    let mut seen: BTreeSet<i64> = BTreeSet::new();
    let mut next: Vec<i64> = before.to_vec();
    while !next.is_empty() {
        if next.contains(&id) {
            faults.push("/depends_on", "cycle", msg!("会形成循环依赖。", "would make the milestone wait for itself"));
            return Ok(());
        }
        seen.extend(&next);
        let further: Vec<i64> = milestone_dependencies::table
            .filter(milestone_dependencies::milestone_id.eq_any(&next))
            .select(milestone_dependencies::depends_on_id)
            .load(conn)?;
        next = further.into_iter().filter(|id| !seen.contains(id)).collect();
    }
    Ok(())
}
