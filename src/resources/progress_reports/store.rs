//! The rows of progress reports.

use chrono::NaiveDate;
use diesel::prelude::*;
use serde_json::{Value, json};

use super::api::{NewProgressReport, ProgressReport, ProgressReportFilter, Sort};
use super::{KIND, ProgressReports, Status, periods};
use crate::access::Scope;
use crate::db::page::{self, PageIds, PageRequest};
use crate::db::reference::{self, Reference, References};
use crate::db::schema::{commitments as commitments_table, progress_reports};
use crate::db::{Conn, MultiBackend};
use crate::error::{Error, Faults, Problem, Result};
use crate::model::decimal::Quantity;
use crate::model::sheet::Sheet;
use crate::model::text::Text;
use crate::model::types::{Code, Instant, Ref};
use crate::record::{self, Precondition, ReadContext, Resource, Tx, citations};
use crate::resources::{agreements, commitments, pairings};
use crate::{filter, keyset, msg, put_row, record_parts, rules};

#[derive(Queryable, Selectable)]
#[diesel(table_name = progress_reports)]
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
#[diesel(table_name = progress_reports, treat_none_as_null = true)]
struct Values {
    code: Option<String>,
    pairing_id: i64,
    commitment_id: i64,
    period_start_on: NaiveDate,
    period_end_on: NaiveDate,
    value: Option<Quantity>,
    narrative: Option<String>,
    status: Status,
    return_note: Option<String>,
    supersedes_id: Option<i64>,
    submitted_at: Option<Instant>,
    submitted_by: Option<String>,
    reviewed_at: Option<Instant>,
    reviewed_by: Option<String>,
}

impl Resource for ProgressReports {
    type Read = ProgressReport;
    type New = NewProgressReport;
    type Filter = ProgressReportFilter;

    const KIND: &'static reference::Kind = &super::KIND;
    const NEW: &'static str = "NewProgressReport";
    const SHEET: Option<&'static Sheet> = Some(&super::sheet::SHEET);
    const COMPUTED: &'static [&'static str] = &["superseded_by", "counts"];

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
        let rows: Vec<Row> =
            progress_reports::table.filter(progress_reports::id.eq_any(ids)).select(Row::as_select()).load(conn)?;
        let corrections = periods::corrections(conn, ids)?;
        let mut references = References::default();
        for row in &rows {
            references.want(&pairings::KIND, row.values.pairing_id);
            references.want(&commitments::KIND, row.values.commitment_id);
            references.want(Self::KIND, row.values.supersedes_id);
        }
        corrections.values().for_each(|id| references.want(Self::KIND, *id));
        references.load(conn)?;

        let mut cited = citations::load(conn, Self::KIND, ids)?;
        Ok(page::in_order(ids, rows, |row| row.id)
            .map(|row| {
                let superseded_by = references.optional(Self::KIND, corrections.get(&row.id).copied());
                ProgressReport {
                    id: row.id,
                    code: row.values.code.map(Code),
                    version: row.version,
                    created_at: row.created_at,
                    updated_at: row.updated_at,
                    commitment: references.get(&commitments::KIND, row.values.commitment_id),
                    pairing: references.get(&pairings::KIND, row.values.pairing_id),
                    period_start_on: row.values.period_start_on,
                    period_end_on: row.values.period_end_on,
                    value: row.values.value,
                    narrative: row.values.narrative,
                    status: row.values.status,
                    return_note: row.values.return_note,
                    supersedes: references.optional(Self::KIND, row.values.supersedes_id),
                    submitted_at: row.values.submitted_at,
                    submitted_by: row.values.submitted_by,
                    reviewed_at: row.values.reviewed_at,
                    reviewed_by: row.values.reviewed_by,
                    citations: cited.remove(&row.id).unwrap_or_default(),
                    counts: row.values.status == Status::Approved && superseded_by.is_none(),
                    superseded_by,
                }
            })
            .collect())
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &ProgressReport)>, new: NewProgressReport) -> Result<i64> {
        let NewProgressReport {
            code,
            commitment,
            period_start_on,
            period_end_on,
            value,
            narrative,
            status,
            return_note,
            supersedes,
            citations: _,
        } = new;
        let id = before.map(|(id, _)| id);
        let mut faults = Faults::default();
        let commitment_id = commitments::KIND.resolve(tx.conn, &mut faults, "/commitment", &commitment)?;
        let supersedes_id = KIND.resolve_optional(tx.conn, &mut faults, "/supersedes", supersedes.as_ref())?;
        match before {
            Some((_, before)) => rules::transition(&mut faults, before.status, status, before.status.next()),
            None => rules::transition(&mut faults, Status::Draft, status, Status::first()),
        }
        if let (Some(corrected), Some(commitment)) = (supersedes_id, commitment_id) {
            periods::may_be_corrected(tx.conn, &mut faults, corrected, commitment, id)?;
        }
        faults.refuse()?;
        let Some(commitment_id) = commitment_id else { return Err(Error::unexpected("a reference was lost")) };
        // Reports of one commitment take turns: two of them could each find the period free.
        (commitments::KIND.lock)(tx.conn, commitment_id)?;
        // What is sent back claims no days: so a report that waits while another locks them finds a way out.
        if status != Status::Returned {
            periods::require_free_period(tx.conn, commitment_id, period_start_on, period_end_on, &[id, supersedes_id])?;
        }

        let pairing_id =
            commitments_table::table.find(commitment_id).select(commitments_table::pairing_id).first(tx.conn)?;
        let before = before.map(|(_, before)| before);
        let has_changed = before.is_none_or(|before| before.status != status);
        let by = || Some(tx.actor.name.clone());
        let (submitted_at, submitted_by) = match status {
            Status::Submitted if has_changed => (Some(tx.now), by()),
            Status::Approved if before.is_none() => (Some(tx.now), by()),
            _ => before.map_or((None, None), |before| (before.submitted_at, before.submitted_by.clone())),
        };
        let (reviewed_at, reviewed_by) = match status {
            Status::Approved | Status::Returned if has_changed => (Some(tx.now), by()),
            Status::Submitted => (None, None),
            _ => before.map_or((None, None), |before| (before.reviewed_at, before.reviewed_by.clone())),
        };
        let values = Values {
            code: code.map(|code| code.0),
            pairing_id,
            commitment_id,
            period_start_on,
            period_end_on,
            value,
            narrative,
            status,
            return_note,
            supersedes_id,
            submitted_at,
            submitted_by,
            reviewed_at,
            reviewed_by,
        };
        Ok(put_row!(tx, progress_reports, id, values))
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

    fn scope(conn: &mut Conn, id: i64) -> Result<Scope> {
        Ok(Scope::Pairing(progress_reports::table.find(id).select(progress_reports::pairing_id).first(conn)?))
    }

    fn scope_of_new(conn: &mut Conn, new: &NewProgressReport) -> Result<Option<Scope>> {
        let commitment = commitments::KIND.find(conn, &new.commitment)?;
        commitment.map(|id| commitments::Commitments::scope(conn, id)).transpose()
    }

    fn texts(new: &NewProgressReport) -> Vec<&str> {
        [new.narrative.as_ref(), new.return_note.as_ref()].into_iter().flatten().map(String::as_str).collect()
    }

    record_parts!(ProgressReport, NewProgressReport, code optional);
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

/// A report goes by its period.
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
