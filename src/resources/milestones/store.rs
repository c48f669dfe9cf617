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
use crate::db::schema::{agreements as agreements_table, milestone_dependencies, milestones};
use crate::db::types::{Code, Instant};
use crate::db::{Conn, backend, reference};
use crate::error::{Error, Faults, Result};
use crate::figures::lateness;
use crate::resources::citations::{self, NewCitation};
use crate::resources::record::{Resource, Tx, View};
use crate::resources::{agreements, organizations, pairings};
use crate::text::Text;
use crate::{keyset, links, msg, put_links, put_row, rules};

#[derive(Queryable, Selectable)]
#[diesel(table_name = milestones)]
struct Row {
    id: i64,
    code: Option<String>,
    version: i64,
    created_at: Instant,
    updated_at: Instant,
    pairing_id: i64,
    agreement_id: i64,
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

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = milestones, treat_none_as_null = true)]
struct Values {
    code: Option<String>,
    pairing_id: i64,
    agreement_id: i64,
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
        let rows: Vec<Row> = milestones::table.filter(milestones::id.eq_any(ids)).select(Row::as_select()).load(conn)?;
        let responsible = links!(conn, milestone_responsible, milestone_id in ids, organization_id);
        let depends_on = links!(conn, milestone_dependencies, milestone_id in ids, depends_on_id);

        let mut references = References::default();
        for row in &rows {
            references.want(&pairings::KIND, row.pairing_id);
            references.want(&agreements::KIND, row.agreement_id);
        }
        responsible.iter().for_each(|(_, id)| references.want(&organizations::KIND, *id));
        depends_on.iter().for_each(|(_, id)| references.want(Self::KIND, *id));
        references.load(conn)?;

        let mut cited = citations::load(conn, Self::KIND, ids)?;
        Ok(page::in_order(ids, rows, |row| row.id)
            .map(|row| {
                let Row {
                    id, code, version, created_at, updated_at, pairing_id, agreement_id, title_zh, title_en, kind, due_on,
                    baseline_due_on, forecast_on, met_on, status, status_reason, progress, weight_thousandths, note,
                    supporter_confirmed_at, recipient_confirmed_at,
                } = row;
                Milestone {
                    id,
                    code: code.map(Code),
                    version,
                    created_at,
                    updated_at,
                    agreement: references.get(&agreements::KIND, agreement_id),
                    pairing: references.get(&pairings::KIND, pairing_id),
                    title: Text { zh: title_zh, en: title_en },
                    kind,
                    due_on,
                    baseline_due_on,
                    forecast_on,
                    met_on,
                    status,
                    status_reason,
                    progress,
                    weight: from_thousandths(weight_thousandths),
                    responsible: references.linked(&organizations::KIND, &responsible, id),
                    depends_on: references.linked(Self::KIND, &depends_on, id),
                    note,
                    supporter_confirmed_at,
                    recipient_confirmed_at,
                    citations: cited.remove(&id).unwrap_or_default(),
                    overdue: lateness::is_overdue(status, due_on, view.as_of),
                    days_late: lateness::days_late(status, due_on, view.as_of),
                    slippage_days: lateness::slippage_days(due_on, baseline_due_on),
                }
            })
            .collect())
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Milestone)>, new: NewMilestone) -> Result<i64> {
        let NewMilestone {
            code, agreement, title, kind, due_on, forecast_on, met_on, status, progress, weight, responsible, depends_on, note,
            reason, citations: _,
        } = new;
        let reason = reason.filter(|reason| !reason.trim().is_empty());
        let before_record = before.map(|(_, record)| record);
        let id = before.map(|(id, _)| id);

        let mut faults = Faults::default();
        let agreement_id = agreements::KIND.resolve(tx.conn, &mut faults, "/agreement", &agreement)?;
        let responsible_ids = organizations::KIND.resolve_all(tx.conn, &mut faults, "/responsible", &responsible)?;
        let before_ids = Self::KIND.resolve_all(tx.conn, &mut faults, "/depends_on", &depends_on)?;
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
                faults.push("/reason", "required", msg!("状态为 not_met 时须说明原因。", "is required when the status becomes not_met"));
            }
            if tx.today <= due_on {
                faults.push(
                    "/status",
                    "too_early",
                    msg!("到期日（{due_on}）之后才能记为 not_met。", "cannot be not_met before its due date ({due_on}) has passed"),
                );
            }
        }
        if let Some(id) = id {
            no_circle(tx.conn, &mut faults, id, &before_ids)?;
        }
        faults.refuse()?;
        let Some(agreement_id) = agreement_id else { return Err(Error::unexpected("a reference was lost")) };

        let pairing_id: i64 =
            agreements_table::table.find(agreement_id).select(agreements_table::pairing_id).first(tx.conn)?;
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
        let agreement = agreements::KIND.find(conn, &new.agreement)?;
        agreement.map(|id| agreements::Agreements::scope(conn, id)).transpose()
    }

    fn texts(new: &NewMilestone) -> Vec<&str> {
        let texts = [Some(&new.title.zh), new.title.en.as_ref(), new.note.as_ref()];
        texts.into_iter().flatten().map(String::as_str).collect()
    }

    fn code(new: &NewMilestone) -> Option<&Code> {
        new.code.as_ref()
    }

    fn citations(new: &NewMilestone) -> &[NewCitation] {
        &new.citations
    }

    fn id_and_version(read: &Milestone) -> (i64, i64) {
        (read.id, read.version)
    }
}

/// A weight as it is stored. The schema bounds it, so that the product fits.
fn to_thousandths(weight: f64) -> i64 {
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
