//! The rows of milestones.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use diesel::prelude::*;

use super::api::{Milestone, MilestoneFilter, NewMilestone, Sort};
use super::filter::filtered;
use super::{Milestones, Status, moves};
use crate::access::Scope;
use crate::db::page::{self, PageIds, PageRequest};
use crate::db::reference::References;
use crate::db::schema::{
    agreements as agreements_table, milestone_dependencies, milestones, projects as projects_table,
};
use crate::db::types::{Code, Instant};
use crate::db::{Conn, backend, reference};
use crate::error::{Error, Faults, Result};
use crate::figures::lateness;
use crate::resources::citations;
use crate::resources::record::{Resource, Tx, View};
use crate::resources::{agreements, organizations, pairings, projects};
use crate::text::Text;
use crate::{keyset, links, msg, put_links, put_row, record_parts, rules};

#[derive(Queryable, Selectable)]
#[diesel(table_name = milestones)]
struct Row {
    id: i64,
    version: i64,
    created_at: Instant,
    updated_at: Instant,
    #[diesel(embed)]
    values: Values,
}

/// What is written, besides the version and the times.
#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = milestones, treat_none_as_null = true)]
struct Values {
    code: Option<String>,
    pairing_id: i64,
    agreement_id: Option<i64>,
    project_id: Option<i64>,
    title_zh: String,
    title_en: Option<String>,
    kind: Option<String>,
    due_on: NaiveDate,
    baseline_due_on: NaiveDate,
    forecast_on: Option<NaiveDate>,
    met_on: Option<NaiveDate>,
    status: Status,
    status_reason: Option<String>,
    progress: i32,
    weight_thousandths: i64,
    note: Option<String>,
    supporter_confirmed_at: Option<Instant>,
    recipient_confirmed_at: Option<Instant>,
}

impl Resource for Milestones {
    type Read = Milestone;
    type New = NewMilestone;
    type Filter = MilestoneFilter;

    const KIND: &'static reference::Kind = &super::KIND;
    const NEW: &'static str = "NewMilestone";
    const COMPUTED: &'static [&'static str] = &["overdue", "days_late", "slippage_days"];

    fn page(conn: &mut Conn, filter: &MilestoneFilter, page: &PageRequest, view: View) -> Result<PageIds> {
        let filtered = |conn: &mut Conn| filtered(conn, filter, view);
        keyset!(conn, page, filter.sort.unwrap_or(Sort::DueOn), filtered, milestones, {
            Sort::DueOn => asc due_on: NaiveDate,
            Sort::DueOnDesc => desc due_on: NaiveDate,
            Sort::Id => asc id: i64,
            Sort::IdDesc => desc id: i64,
            Sort::UpdatedAt => asc updated_at: Instant,
            Sort::UpdatedAtDesc => desc updated_at: Instant,
        })
    }

    fn load(conn: &mut Conn, ids: &[i64], view: View) -> Result<Vec<Milestone>> {
        let rows: Vec<Row> =
            milestones::table.filter(milestones::id.eq_any(ids)).select(Row::as_select()).load(conn)?;
        let responsible = links!(conn, milestone_responsible, milestone_id in ids, organization_id);
        let depends_on = links!(conn, milestone_dependencies, milestone_id in ids, depends_on_id);

        let mut references = References::default();
        for row in &rows {
            references.want(&pairings::KIND, row.values.pairing_id);
            references.want(&agreements::KIND, row.own_agreement());
            references.want(&projects::KIND, row.values.project_id);
        }
        responsible.iter().for_each(|(_, id)| references.want(&organizations::KIND, *id));
        depends_on.iter().for_each(|(_, id)| references.want(Self::KIND, *id));
        references.load(conn)?;

        let mut cited = citations::load(conn, Self::KIND, ids)?;
        Ok(page::in_order(ids, rows, |row| row.id)
            .map(|row| Milestone {
                agreement: references.optional(&agreements::KIND, row.own_agreement()),
                project: references.optional(&projects::KIND, row.values.project_id),
                pairing: references.get(&pairings::KIND, row.values.pairing_id),
                weight: from_thousandths(row.values.weight_thousandths),
                responsible: references.linked(&organizations::KIND, &responsible, row.id),
                depends_on: references.linked(Self::KIND, &depends_on, row.id),
                citations: cited.remove(&row.id).unwrap_or_default(),
                overdue: lateness::is_overdue(row.values.status, row.values.due_on, view.as_of),
                days_late: lateness::days_late(row.values.status, row.values.due_on, view.as_of),
                slippage_days: lateness::slippage_days(row.values.due_on, row.values.baseline_due_on),
                id: row.id,
                code: row.values.code.map(Code),
                version: row.version,
                created_at: row.created_at,
                updated_at: row.updated_at,
                title: Text { zh: row.values.title_zh, en: row.values.title_en },
                kind: row.values.kind,
                due_on: row.values.due_on,
                baseline_due_on: row.values.baseline_due_on,
                forecast_on: row.values.forecast_on,
                met_on: row.values.met_on,
                status: row.values.status,
                status_reason: row.values.status_reason,
                progress: row.values.progress,
                note: row.values.note,
                supporter_confirmed_at: row.values.supporter_confirmed_at,
                recipient_confirmed_at: row.values.recipient_confirmed_at,
            })
            .collect())
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Milestone)>, new: NewMilestone) -> Result<i64> {
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

        let mut faults = Faults::default();
        let own_agreement =
            agreements::KIND.resolve_optional(tx.conn, &mut faults, "/agreement", agreement.as_ref())?;
        let project_id = projects::KIND.resolve_optional(tx.conn, &mut faults, "/project", project.as_ref())?;
        let responsible_ids = organizations::KIND.resolve_all(tx.conn, &mut faults, "/responsible", &responsible)?;
        let before_ids = Self::KIND.resolve_all(tx.conn, &mut faults, "/depends_on", &depends_on)?;
        let known: Vec<i64> =
            before_record.iter().flat_map(|record| &record.depends_on).map(|other| other.id).collect();
        for other in before_ids.iter().filter(|other| !known.contains(other)) {
            // What others wait for cannot be deleted any more.
            let scope = Self::scope(tx.conn, *other)?;
            tx.actor.require_scope(&scope)?;
        }
        rules::not_in_future(&mut faults, "/met_on", met_on, tx.today);
        let moved_from = before_record.map(|record| record.due_on).filter(|old| *old != due_on);
        if moved_from.is_some() && reason.is_none() {
            faults.push("/reason", "required", msg!("调整到期日须说明原因。", "is required to move due_on"));
        }
        let status_is_new = before_record.is_none_or(|record| record.status != status);
        if let Some(record) = before_record {
            rules::transition(&mut faults, record.status, status, record.status.next());
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
            no_circle(tx.conn, &mut faults, id, &before_ids)?;
        }
        faults.refuse()?;
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
        let id = put_row!(tx, milestones, id, values);
        put_links!(tx, milestone_responsible, milestone_id = id, organization_id in responsible_ids);
        put_links!(tx, milestone_dependencies, milestone_id = id, depends_on_id in before_ids);
        if let (Some(old), Some(reason)) = (moved_from, reason) {
            moves::store::revise(tx, id, old, due_on, &reason)?;
        }
        Ok(id)
    }

    fn scope(conn: &mut Conn, id: i64) -> Result<Scope> {
        let pairing: i64 = milestones::table.find(id).select(milestones::pairing_id).first(conn)?;
        Ok(Scope::Pairing(pairing))
    }

    fn scope_of_new(conn: &mut Conn, new: &NewMilestone) -> Result<Option<Scope>> {
        match (&new.agreement, &new.project) {
            (Some(agreement), _) => {
                let id = agreements::KIND.find(conn, agreement)?;
                id.map(|id| agreements::Agreements::scope(conn, id)).transpose()
            }
            (None, Some(project)) => {
                let id = projects::KIND.find(conn, project)?;
                id.map(|id| projects::Projects::scope(conn, id)).transpose()
            }
            (None, None) => Ok(None),
        }
    }

    fn texts(new: &NewMilestone) -> Vec<&str> {
        Text::all(Some(&new.title)).chain(new.note.as_deref()).collect()
    }

    record_parts!(Milestone, NewMilestone, code optional);
}

impl Row {
    /// The agreement that the milestone belongs to itself, not by its project.
    fn own_agreement(&self) -> Option<i64> {
        self.values.agreement_id.filter(|_| self.values.project_id.is_none())
    }
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

/// A weight as it is stored. The schema bounds it, so that the product fits.
pub fn to_thousandths(weight: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "0 to 1,000,000 by the schema, rounded")]
    let thousandths = (weight * 1000.0).round() as i64;
    thousandths
}

fn from_thousandths(thousandths: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "at most 1,000,000,000")]
    let weight = thousandths as f64 / 1000.0;
    weight
}

/// Follows what must be reached before; a fault when the milestone would wait for itself.
fn no_circle(conn: &mut Conn, faults: &mut Faults, id: i64, before: &[i64]) -> Result<()> {
    if !before.is_empty() {
        // Two changes at once could close a circle that neither sees.
        backend::lock_kind(conn, super::KIND.name)?;
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
