//! Queries and writes of progress reports.

use chrono::NaiveDate;
use diesel::prelude::*;
use serde_json::{Value, json};

use super::api::{
    NewProgressReport, ProgressReport, ProgressReportFilter, ProgressReportParts, ProgressReportRow, Sort, validate,
};
use super::{KIND, ProgressReports, Status, periods};
use crate::db::page::{PageIds, PageRequest};
use crate::db::reference::Reference;
use crate::db::schema::{commitments as commitments_table, progress_reports};
use crate::db::{Conn, MultiBackend};
use crate::error::{Faults, Problem, Result};
use crate::model::text::Text;
use crate::model::types::{Instant, Ref};
use crate::record::{self, Precondition, ReadContext, Resource, Tx};
use crate::resources::fields::{Changeset, Loading};
use crate::resources::{agreements, commitments};
use crate::{filter, keyset, msg, rules};

impl Resource for ProgressReports {
    type Filter = ProgressReportFilter;

    fn page(conn: &mut Conn, filter: &ProgressReportFilter, page: &PageRequest, _: ReadContext) -> Result<PageIds> {
        let filtered = |conn: &mut Conn| -> Result<_> {
            let ProgressReportFilter {
                q,
                programme,
                pairing,
                agreement,
                commitment,
                supersedes,
                status,
                period_from,
                period_to,
                updated_since,
                sort: _,
            } = filter;
            let mut faults = Faults::default();
            let mut query = progress_reports::table.into_boxed::<MultiBackend>();
            filter!(query, conn, faults, progress_reports:
                text(q),
                programme(programme),
                reference(pairing => pairings.pairing_id),
                reference(commitment => commitments.commitment_id),
                reference(supersedes => progress_reports.supersedes_id),
                among(status => status),
                from(period_from => period_end_on),
                to(period_to => period_end_on),
                since(updated_since),
            );
            if let Some(agreement) = agreement {
                let id = agreements::KIND.resolve(conn, &mut faults, "/query/agreement", agreement)?.unwrap_or(0);
                let of_agreement = commitments_table::table.filter(commitments_table::agreement_id.eq(id));
                query =
                    query.filter(progress_reports::commitment_id.eq_any(of_agreement.select(commitments_table::id)));
            }
            faults.refuse()?;
            Ok(query)
        };
        keyset!(conn, page, filter.sort.unwrap_or(Sort::PeriodEndOn), filtered, progress_reports, {
            Sort::PeriodEndOn => asc period_end_on: NaiveDate,
            Sort::PeriodEndOnDesc => desc period_end_on: NaiveDate,
            Sort::Id => asc id: i64,
            Sort::IdDesc => desc id: i64,
            Sort::UpdatedAt => asc updated_at: Instant,
            Sort::UpdatedAtDesc => desc updated_at: Instant,
        })
    }

    fn load(conn: &mut Conn, ids: &[i64], _: ReadContext) -> Result<Vec<ProgressReport>> {
        let mut loading = Loading::<Self>::begin(conn, ids)?;
        let corrections = periods::corrections(conn, ids)?;
        corrections.values().for_each(|id| loading.references.want(&KIND, *id));
        loading.finish(conn, |head, row, references| {
            let superseded_by = references.optional(&KIND, corrections.get(&head.id).copied());
            ProgressReportParts { counts: row.status == Status::Approved && superseded_by.is_none(), superseded_by }
        })
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &ProgressReport)>, new: NewProgressReport) -> Result<i64> {
        let mut change = Changeset::<Self>::resolve(tx, before, &new)?;
        let (id, status) = (before.map(|(id, _)| id), new.status);
        let (row, faults) = (&mut change.row, &mut change.faults);
        match before {
            Some((_, before)) => rules::transition(faults, before.status, status, before.status.next()),
            None => rules::transition(faults, Status::Draft, status, Status::first()),
        }
        if let (Some(corrected), true) = (row.supersedes_id, row.commitment_id != 0) {
            periods::may_be_corrected(tx.conn, faults, corrected, row.commitment_id, id)?;
        }
        change.refuse()?;
        let row = &mut change.row;
        // Reports of one commitment take turns: two of them could each find the period free.
        commitments::KIND.lock(tx.conn, row.commitment_id)?;
        // A report that is returned claims no days, so that it can be returned while another report locks them.
        if status != Status::Returned {
            let others = [id, row.supersedes_id];
            let (start, end) = (row.period_start_on, row.period_end_on);
            periods::require_free_period(tx.conn, row.commitment_id, start, end, &others)?;
        }
        row.pairing_id = commitments::KIND.pairing(tx.conn, row.commitment_id)?.unwrap_or(0);
        stamp(tx, before.map(|(_, before)| before), row);
        change.write(tx, before)
    }

    fn validate(new: &NewProgressReport, faults: &mut Faults) {
        validate(new, faults);
    }

    fn settle_patch(merged: &mut Value, before: &Value, patch: &Value) {
        // The note is of the return that was.
        if let Some(fields) = merged.as_object_mut()
            && fields.get("status") != before.get("status")
            && patch.get("return_note").is_none()
        {
            fields.shift_remove("return_note");
        }
    }

    fn restore_own(tx: &mut Tx<'_>, id: i64, state: &Value) -> Result<()> {
        let instant = |name: &str| -> Result<Option<Instant>> { Ok(serde_json::from_value(state[name].clone())?) };
        let name = |name: &str| state[name].as_str().map(str::to_owned);
        diesel::update(progress_reports::table.find(id))
            .set((
                progress_reports::submitted_at.eq(instant("submitted_at")?),
                progress_reports::submitted_by.eq(name("submitted_by")),
                progress_reports::reviewed_at.eq(instant("reviewed_at")?),
                progress_reports::reviewed_by.eq(name("reviewed_by")),
            ))
            .execute(tx.conn)?;
        Ok(())
    }

    fn refuse_change(before: &ProgressReport, changed: &[String]) -> Result<()> {
        let has = |field: &str| changed.iter().any(|name| name == field);
        let (code, detail) = match before.status {
            Status::Approved => (
                "period_locked",
                msg!(
                    "已审定的报告不再更改；请新建报告并以 supersedes 更正。",
                    "An approved report never changes; correct it by a new one that supersedes it."
                ),
            ),
            Status::Submitted if changed.iter().any(|name| name != "status" && name != "return_note") => (
                "report_submitted",
                msg!("已上报的报告须先退回才能修改。", "A submitted report is returned before it is changed."),
            ),
            Status::Returned if has("return_note") && !has("status") => (
                "report_returned",
                msg!("退回说明由退回者给出，不能更改。", "The note is of who returned the report; it stays."),
            ),
            Status::Draft | Status::Submitted | Status::Returned => return Ok(()),
        };
        Err(Problem::conflict(code, detail).into())
    }

    fn refuse_deletion(before: &ProgressReport) -> Result<()> {
        match before.status {
            Status::Draft | Status::Returned => Ok(()),
            Status::Submitted | Status::Approved => Self::refuse_change(before, &["deleted".to_owned()]),
        }
    }
}

/// Sets when and by whom a report was last submitted, and reviewed.
fn stamp(tx: &Tx<'_>, before: Option<&ProgressReport>, row: &mut ProgressReportRow) {
    let has_changed = before.is_none_or(|before| before.status != row.status);
    let by = || Some(tx.actor.name.clone());
    (row.submitted_at, row.submitted_by) = match row.status {
        Status::Submitted if has_changed => (Some(tx.now), by()),
        Status::Approved if before.is_none() => (Some(tx.now), by()),
        _ => before.map_or((None, None), |before| (before.submitted_at, before.submitted_by.clone())),
    };
    (row.reviewed_at, row.reviewed_by) = match row.status {
        Status::Approved | Status::Returned if has_changed => (Some(tx.now), by()),
        Status::Submitted => (None, None),
        _ => before.map_or((None, None), |before| (before.reviewed_at, before.reviewed_by.clone())),
    };
}

/// Submits, approves or returns a report; what it is already, it stays.
pub fn decide(tx: &mut Tx<'_>, reference: &Ref, status: Status, note: Option<String>) -> Result<ProgressReport> {
    let (_, before) = record::lock::<ProgressReports>(tx, reference, &Precondition::Any)?;
    let from = before.status;
    if from == status {
        return Ok(before);
    }
    if !from.next().contains(&status) {
        let allowed = rules::named(from.next());
        return Err(Problem::conflict(
            "transition_not_allowed",
            msg!(
                "不能由 {from} 变为 {status}；可变为：{allowed}。",
                "It cannot go from {from} to {status}; allowed: {allowed}"
            ),
        )
        .into());
    }
    let mut patch = json!({ "status": status });
    if let Some(note) = note {
        patch["return_note"] = json!(note);
    }
    record::update::<ProgressReports>(tx, reference, &Precondition::Any, &patch)
}

/// References to reports, named by their periods.
pub fn references(conn: &mut Conn, ids: &[i64]) -> QueryResult<Vec<Reference>> {
    use progress_reports as r;
    let rows: Vec<(i64, Option<String>, NaiveDate, NaiveDate)> =
        r::table.filter(r::id.eq_any(ids)).select((r::id, r::code, r::period_start_on, r::period_end_on)).load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(id, code, start, end)| {
            let name = Text { zh: format!("{start} 至 {end}"), en: Some(format!("{start} to {end}")) };
            Reference { id, code, name }
        })
        .collect())
}
