//! Which periods count, which are locked, and what corrects what.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::prelude::*;

use super::Status;
use crate::db::Conn;
use crate::db::schema::progress_reports;
use crate::error::{Fault, Faults, Problem, Result};
use crate::msg;

/// What a correction may correct: an approved report of its commitment that no other corrects.
pub fn may_be_corrected(
    conn: &mut Conn,
    faults: &mut Faults,
    corrected: i64,
    commitment: i64,
    by: Option<i64>,
) -> Result<()> {
    use progress_reports as r;
    let (of, status): (i64, Status) = r::table.find(corrected).select((r::commitment_id, r::status)).first(conn)?;
    if of != commitment {
        let message = msg!("须为同一协议事项的报告。", "must be a report on the same commitment");
        faults.push("/supersedes", "other_commitment", message);
    } else if status != Status::Approved {
        faults.push("/supersedes", "not_approved", msg!("只能更正已审定的报告。", "must be an approved report"));
    }
    let others: i64 =
        r::table.filter(r::supersedes_id.eq(corrected)).filter(r::id.ne(by.unwrap_or(0))).count().get_result(conn)?;
    if others > 0 {
        faults.push("/supersedes", "taken", msg!("该报告已有更正。", "is corrected by another report already"));
    }
    Ok(())
}

/// Refuses a period that overlaps one that is locked, other than those of the reports that are left out.
pub fn require_free_period(
    conn: &mut Conn,
    commitment: i64,
    start: NaiveDate,
    end: NaiveDate,
    left_out: &[Option<i64>],
) -> Result<()> {
    let approved: Vec<i64> = progress_reports::table
        .filter(progress_reports::commitment_id.eq(commitment))
        .filter(progress_reports::status.eq(Status::Approved))
        .filter(progress_reports::period_start_on.le(end).and(progress_reports::period_end_on.ge(start)))
        .order(progress_reports::id)
        .select(progress_reports::id)
        .load(conn)?;
    let corrected = corrections(conn, &approved)?;
    let locks = |id: &&i64| !corrected.contains_key(*id) && !left_out.contains(&Some(**id));
    match approved.iter().find(locks) {
        None => Ok(()),
        Some(id) => Err(Problem::conflict(
            "period_locked",
            msg!(
                "该期间已由已审定的报告（{id}）锁定；如需更正，请以 supersedes 指明。",
                "An approved report ({id}) locks this period; to correct it, name it in supersedes."
            ),
        )
        .faults(vec![Fault {
            pointer: "/period_start_on".to_owned(),
            code: "period_locked",
            message: msg!("与已审定的期间重叠。", "overlaps a period that is approved"),
        }])
        .into()),
    }
}

/// The approved report that corrects each of these.
pub fn corrections(conn: &mut Conn, ids: &[i64]) -> Result<HashMap<i64, i64>> {
    let mut corrections = HashMap::new();
    for chunk in ids.chunks(10_000) {
        let rows: Vec<(Option<i64>, i64)> = progress_reports::table
            .filter(progress_reports::supersedes_id.eq_any(chunk))
            .filter(progress_reports::status.eq(Status::Approved))
            .select((progress_reports::supersedes_id, progress_reports::id))
            .load(conn)?;
        corrections.extend(rows.into_iter().filter_map(|(corrected, by)| Some((corrected?, by))));
    }
    Ok(corrections)
}
