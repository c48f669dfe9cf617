//! The approved reports on commitments, from which the figures of a commitment follow.

use std::collections::{BTreeSet, HashMap};

use chrono::NaiveDate;
use diesel::prelude::*;

use crate::db::Conn;
use crate::db::schema::progress_reports;
use crate::error::Result;
use crate::figures::pace::Period;
use crate::model::decimal::Quantity;
use crate::model::progress_reports::Status;

/// The periods that count for each commitment: those of approved reports that no approved one corrects.
pub fn approved(conn: &mut Conn, commitments: &[i64]) -> Result<HashMap<i64, Vec<Period>>> {
    let reports = approved_reports(conn, commitments)?.into_iter();
    Ok(reports.map(|(id, reports)| (id, reports.into_iter().map(|(_, period)| period).collect())).collect())
}

/// The periods that count for each commitment, with the ids of their reports.
pub fn approved_reports(conn: &mut Conn, commitments: &[i64]) -> Result<HashMap<i64, Vec<(i64, Period)>>> {
    use progress_reports as r;
    type Found = (i64, i64, Option<i64>, NaiveDate, NaiveDate, Option<Quantity>);
    let mut found: Vec<Found> = Vec::new();
    for chunk in commitments.chunks(10_000) {
        let of_chunk = r::table.filter(r::commitment_id.eq_any(chunk)).filter(r::status.eq(Status::Approved));
        let columns = (r::id, r::commitment_id, r::supersedes_id, r::period_start_on, r::period_end_on, r::value);
        found.extend(of_chunk.select(columns).load::<Found>(conn)?);
    }
    let corrected: BTreeSet<i64> = found.iter().filter_map(|(_, _, supersedes, ..)| *supersedes).collect();
    let mut periods: HashMap<i64, Vec<(i64, Period)>> = HashMap::new();
    for (id, commitment, _, start_on, end_on, value) in found {
        if !corrected.contains(&id) {
            periods.entry(commitment).or_default().push((id, Period { start_on, end_on, value }));
        }
    }
    Ok(periods)
}
