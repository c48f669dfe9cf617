//! In which order reports can be created anew.
//!
//! An approved report locks its period, so that where periods of a commitment overlap, not every order leads back to what
//! is there: a draft of a period that was approved since, or a report of one whose report was corrected to other days. The
//! order of the decisions always does.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use diesel::prelude::*;

use super::Status;
use crate::db::Conn;
use crate::db::schema::progress_reports;
use crate::error::Result;
use crate::model::types::Instant;

#[derive(Queryable, Selectable)]
#[diesel(table_name = progress_reports)]
struct Row {
    id: i64,
    commitment_id: i64,
    period_start_on: NaiveDate,
    period_end_on: NaiveDate,
    status: Status,
    supersedes_id: Option<i64>,
    reviewed_at: Option<Instant>,
}

impl Row {
    /// Drafts that claim no days of others first, then what was approved as it was approved, then drafts of corrections.
    fn turn(&self) -> (u8, Option<Instant>, i64) {
        match (self.status, self.supersedes_id) {
            (Status::Approved, _) => (1, self.reviewed_at, self.id),
            (_, None) => (0, None, 0),
            (_, Some(_)) => (2, None, 0),
        }
    }
}

/// The same ids; those of commitments whose periods overlap stand last, in the order of the decisions.
pub fn of_creation(conn: &mut Conn, ids: Vec<i64>) -> Result<Vec<i64>> {
    let mut by_commitment: BTreeMap<i64, Vec<Row>> = BTreeMap::new();
    for chunk in ids.chunks(10_000) {
        let rows: Vec<Row> =
            progress_reports::table.filter(progress_reports::id.eq_any(chunk)).select(Row::as_select()).load(conn)?;
        rows.into_iter().for_each(|row| by_commitment.entry(row.commitment_id).or_default().push(row));
    }
    let turns: BTreeMap<i64, (u8, Option<Instant>, i64)> = by_commitment
        .into_values()
        .filter_map(|mut rows| overlap(&mut rows).then_some(rows))
        .flatten()
        .map(|row| (row.id, row.turn()))
        .collect();
    let (mut last, mut ordered): (Vec<i64>, Vec<i64>) = ids.into_iter().partition(|id| turns.contains_key(id));
    // The sort is stable: what has the same turn stays in the order of codes.
    last.sort_by_key(|id| turns.get(id));
    ordered.extend(last);
    Ok(ordered)
}

/// Whether periods of a commitment overlap, other than those of a report and the one that corrects it.
fn overlap(rows: &mut [Row]) -> bool {
    let corrected: BTreeSet<i64> = rows.iter().filter_map(|row| row.supersedes_id).collect();
    rows.sort_by_key(|row| (row.period_start_on, row.id));
    rows.iter().enumerate().any(|(index, row)| {
        let later = rows[index + 1..].iter().take_while(|other| other.period_start_on <= row.period_end_on);
        let is_pair = |other: &Row| other.supersedes_id == Some(row.id) || row.supersedes_id == Some(other.id);
        later.into_iter().any(|other| !is_pair(other) || corrected.contains(&other.id) && corrected.contains(&row.id))
    })
}
