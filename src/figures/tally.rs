//! Progress, overdue counts and the on-time rate of many milestones: sums that add up, so that any grouping rolls up
//! by the one rule and never by an average of averages.

use std::collections::HashMap;
use std::ops::{AddAssign, SubAssign};

use chrono::NaiveDate;
use diesel::connection::DefaultLoadingMode;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Date, Nullable};
use serde::Serialize;
use utoipa::ToSchema;

use crate::db::Conn;
use crate::db::schema::milestones;
use crate::error::Result;
use crate::figures::lateness::{self, Late};
use crate::model::decimal::percent;
use crate::model::milestones::Status;
use crate::model::types::Instant;

/// What is summed over milestones, for one date.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub counts: StatusCounts,
    /// Σ weight of those not cancelled, in thousandths.
    pub weight: i128,
    /// Σ weight·progress of those not cancelled, in thousandths of a percent.
    pub weighted_progress: i128,
    pub overdue: i64,
    /// The earliest due date among the overdue.
    pub oldest_due_on: Option<NaiveDate>,
    /// Those not cancelled whose baseline day is over on the date.
    pub baseline_due: i64,
    /// Those of them that were met on or before the baseline.
    pub on_time: i64,
}

/// How many milestones have each status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct StatusCounts {
    /// Not begun.
    #[schema(minimum = 0, example = 3)]
    pub scheduled: i64,
    /// Under way.
    #[schema(minimum = 0, example = 2)]
    pub in_progress: i64,
    /// Met.
    #[schema(minimum = 0, example = 4)]
    pub met: i64,
    /// Met in part.
    #[schema(minimum = 0, example = 0)]
    pub partially_met: i64,
    /// Not met by its date.
    #[schema(minimum = 0, example = 1)]
    pub not_met: i64,
    /// Given up; left out of progress.
    #[schema(minimum = 0, example = 0)]
    pub cancelled: i64,
}

impl StatusCounts {
    /// How many milestones have a status.
    pub fn with(&self, status: Status) -> i64 {
        let mut counts = *self;
        *counts.of(status)
    }

    fn of(&mut self, status: Status) -> &mut i64 {
        match status {
            Status::Scheduled => &mut self.scheduled,
            Status::InProgress => &mut self.in_progress,
            Status::Met => &mut self.met,
            Status::PartiallyMet => &mut self.partially_met,
            Status::NotMet => &mut self.not_met,
            Status::Cancelled => &mut self.cancelled,
        }
    }
}

impl AddAssign<&Tally> for Tally {
    fn add_assign(&mut self, other: &Tally) {
        let Tally { counts, weight, weighted_progress, overdue, oldest_due_on, baseline_due, on_time } = other;
        let mut counts = *counts;
        for status in Status::ALL.iter().copied() {
            *self.counts.of(status) += *counts.of(status);
        }
        self.weight += weight;
        self.weighted_progress += weighted_progress;
        self.overdue += overdue;
        self.oldest_due_on = [self.oldest_due_on, *oldest_due_on].into_iter().flatten().min();
        self.baseline_due += baseline_due;
        self.on_time += on_time;
    }
}

/// Takes out sums that were added; the earliest due date stays, because it does not follow from what is left.
impl SubAssign<&Tally> for Tally {
    fn sub_assign(&mut self, other: &Tally) {
        let Tally { counts, weight, weighted_progress, overdue, oldest_due_on: _, baseline_due, on_time } = other;
        let mut counts = *counts;
        for status in Status::ALL.iter().copied() {
            *self.counts.of(status) -= *counts.of(status);
        }
        self.weight -= weight;
        self.weighted_progress -= weighted_progress;
        self.overdue -= overdue;
        self.baseline_due -= baseline_due;
        self.on_time -= on_time;
    }
}

impl Tally {
    /// Progress in percent; `None` where there is no weight.
    pub fn progress(&self) -> Option<f64> {
        percent(self.weighted_progress, self.weight * 100)
    }

    /// How many milestones the progress counts.
    pub fn counted(&self) -> i64 {
        let StatusCounts { scheduled, in_progress, met, partially_met, not_met, cancelled: _ } = self.counts;
        scheduled + in_progress + met + partially_met + not_met
    }
}

/// Joins a sum that the database took in two parts, of what is above the lowest 32 bits and of these, which a `BIGINT`
/// holds for two thousand million rows of any value. SQLite fails a `SUM` that does not fit a `BIGINT`.
fn joined(high: i64, low: i64) -> i128 {
    (i128::from(high) << 32) + i128::from(low)
}

/// The sums over the milestones that fit a condition, by owner and status, in one query: an iterator of owner and [`Tally`].
///
/// `tallies!(conn, as_of, condition, by milestones::pairing_id => i64)` expands to the query, grouped by `pairing_id` and `status`,
/// and to a `map` of its rows. A function would need the traits of Diesel's `GROUP BY` for any tuple of columns as bounds.
macro_rules! tallies {
    ($conn:expr, $as_of:expr, $condition:expr, by $owner:expr => $type:ty) => {{
        type Row = ($type, Status, i64, (i64, i64), (i64, i64), i64, Option<NaiveDate>, i64, i64);
        let rows = milestones::table
            .filter($condition)
            .group_by(($owner, milestones::status))
            // SUM of a bigint is a numeric on PostgreSQL, which the shared DSL cannot read: each part is cast back.
            .select((
                $owner,
                milestones::status,
                diesel::dsl::count_star(),
                (
                    sql::<BigInt>("CAST(SUM(weight_thousandths >> 32) AS BIGINT)"),
                    sql::<BigInt>("CAST(SUM(weight_thousandths & 4294967295) AS BIGINT)"),
                ),
                (
                    sql::<BigInt>("CAST(SUM((weight_thousandths * progress) >> 32) AS BIGINT)"),
                    sql::<BigInt>("CAST(SUM((weight_thousandths * progress) & 4294967295) AS BIGINT)"),
                ),
                Late::Overdue.aggregate::<BigInt>("COUNT", "1", $as_of),
                Late::Overdue.aggregate::<Nullable<Date>>("MIN", "due_on", $as_of),
                Late::BaselineDue.aggregate::<BigInt>("COUNT", "1", $as_of),
                Late::OnTime.aggregate::<BigInt>("COUNT", "1", $as_of),
            ))
            .load_iter::<Row, DefaultLoadingMode>($conn)?;
        rows.map(|row| -> Result<_> {
            let (owner, status, count, weight, weighted_progress, overdue, oldest_due_on, baseline_due, on_time) = row?;
            let (weight, weighted_progress) =
                (joined(weight.0, weight.1), joined(weighted_progress.0, weighted_progress.1));
            let cancelled = status == Status::Cancelled;
            let mut counts = StatusCounts::default();
            *counts.of(status) = count;
            let tally = Tally {
                counts,
                weight: if cancelled { 0 } else { weight },
                weighted_progress: if cancelled { 0 } else { weighted_progress },
                overdue,
                oldest_due_on,
                baseline_due,
                on_time,
            };
            Ok((owner, tally))
        })
    }};
}

/// The sums over all milestones of each pairing.
pub fn by_pairing(conn: &mut Conn, ids: &[i64], as_of: NaiveDate) -> Result<HashMap<i64, Tally>> {
    let mut sums = HashMap::new();
    for chunk in ids.chunks(TOGETHER) {
        let condition = milestones::pairing_id.eq_any(chunk);
        add_up(&mut sums, tallies!(conn, as_of, condition, by milestones::pairing_id => i64))?;
    }
    Ok(sums)
}

/// The sums over the milestones of each agreement and of its projects, without those of agreements under it.
pub fn by_agreement(conn: &mut Conn, ids: &[i64], as_of: NaiveDate) -> Result<HashMap<i64, Tally>> {
    let mut sums = HashMap::new();
    for chunk in ids.chunks(TOGETHER) {
        let condition = milestones::agreement_id.eq_any(chunk);
        add_up(&mut sums, tallies!(conn, as_of, condition, by milestones::agreement_id => Option<i64>))?;
    }
    Ok(sums)
}

/// The sums over the milestones of each project.
pub fn by_project(conn: &mut Conn, ids: &[i64], as_of: NaiveDate) -> Result<HashMap<i64, Tally>> {
    let mut sums = HashMap::new();
    for chunk in ids.chunks(TOGETHER) {
        let condition = milestones::project_id.eq_any(chunk);
        add_up(&mut sums, tallies!(conn, as_of, condition, by milestones::project_id => Option<i64>))?;
    }
    Ok(sums)
}

/// Owners in one statement.
const TOGETHER: usize = 10_000;

/// Adds the sums of each status to those of its owner.
fn add_up<O: Into<Option<i64>>>(
    sums: &mut HashMap<i64, Tally>,
    rows: impl Iterator<Item = Result<(O, Tally)>>,
) -> Result<()> {
    for row in rows {
        let (owner, tally) = row?;
        if let Some(owner) = owner.into() {
            *sums.entry(owner).or_default() += &tally;
        }
    }
    Ok(())
}

/// What milestones belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Owner {
    pub pairing: i64,
    /// Their own, or that of their project.
    pub agreement: Option<i64>,
    pub project: Option<i64>,
    /// The day on which they are due, or the first day of the period that it is in, where the sums are by day.
    pub due_on: Option<NaiveDate>,
}

/// Visits the sums over the milestones of pairings by what they belong to and their status, and by the day on which they are
/// due where that is asked for; only over those that were last changed at `changed_by` or earlier, where it is given.
pub fn by_owner(
    conn: &mut Conn,
    pairings: &[i64],
    by_day: bool,
    changed_by: Option<Instant>,
    as_of: NaiveDate,
    mut visit: impl FnMut(Owner, Tally),
) -> Result<()> {
    use milestones::dsl as m;
    let at_any_time = changed_by.is_none();
    let changed_by = changed_by.unwrap_or_else(Instant::now);
    // PostgreSQL's client library holds all rows of a statement, and there is one for each day.
    for chunk in pairings.chunks(if by_day { 1 } else { 10_000 }) {
        let is_covered = m::updated_at.le(changed_by).or(at_any_time.into_sql::<Bool>());
        let condition = m::pairing_id.eq_any(chunk).and(is_covered);
        if by_day {
            // By `is_open`, which follows from the status, as the index has it before the day.
            for row in tallies!(conn, as_of, condition,
                by (m::pairing_id, m::agreement_id, m::project_id, m::is_open, m::due_on)
                    => (i64, Option<i64>, Option<i64>, bool, NaiveDate))
            {
                let ((pairing, agreement, project, _, due_on), tally) = row?;
                visit(Owner { pairing, agreement, project, due_on: Some(due_on) }, tally);
            }
        } else {
            for row in tallies!(conn, as_of, condition,
                by (m::pairing_id, m::agreement_id, m::project_id) => (i64, Option<i64>, Option<i64>))
            {
                let ((pairing, agreement, project), tally) = row?;
                visit(Owner { pairing, agreement, project, due_on: None }, tally);
            }
        }
    }
    Ok(())
}

/// A milestone as its figures see it.
#[derive(Clone, Copy, Debug)]
pub struct Fact {
    pub status: Status,
    /// In thousandths.
    pub weight: i64,
    /// In percent; 100 when met.
    pub progress: i64,
    pub due_on: NaiveDate,
    pub baseline_due_on: NaiveDate,
    pub met_on: Option<NaiveDate>,
}

impl Tally {
    /// The sums over one milestone: what the queries above compute over many, the obvious way.
    pub fn of(fact: &Fact, as_of: NaiveDate) -> Tally {
        let mut counts = StatusCounts::default();
        *counts.of(fact.status) = 1;
        let weight = if fact.status == Status::Cancelled { 0 } else { i128::from(fact.weight) };
        let is_overdue = lateness::is_overdue(fact.status, fact.due_on, as_of);
        let was_due = lateness::is_baseline_due(fact.status, fact.baseline_due_on, as_of);
        let is_on_time = was_due && lateness::is_on_time(fact.status, fact.baseline_due_on, fact.met_on);
        Tally {
            counts,
            weight,
            weighted_progress: weight * i128::from(fact.progress),
            overdue: is_overdue.into(),
            oldest_due_on: is_overdue.then_some(fact.due_on),
            baseline_due: was_due.into(),
            on_time: is_on_time.into(),
        }
    }

    /// Days that the most overdue milestone is late; 0 when none is.
    pub fn days_late(&self, as_of: NaiveDate) -> i64 {
        self.oldest_due_on.map_or(0, |due_on| (as_of - due_on).num_days())
    }

    /// The share of `baseline_due` that was met on or before its baseline, in percent; `None` where `baseline_due` is 0.
    pub fn on_time_rate(&self) -> Option<f64> {
        percent(self.on_time.into(), self.baseline_due.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fact() -> impl Strategy<Value = Fact> {
        (proptest::sample::select(Status::ALL), 0..5_000_i64, 0..=100_i64).prop_map(|(status, weight, progress)| Fact {
            status,
            weight,
            progress: if status == Status::Met { 100 } else { progress },
            due_on: NaiveDate::default(),
            baseline_due_on: NaiveDate::default(),
            met_on: None,
        })
    }

    proptest! {
        #[test]
        fn any_grouping_rolls_up_to_the_weighted_mean(all in proptest::collection::vec(fact(), 0..60), groups in 1..7_usize) {
            let mut parts = vec![Tally::default(); groups];
            for (index, one) in all.iter().enumerate() {
                parts[index % groups] += &Tally::of(one, NaiveDate::default());
            }
            let mut total = Tally::default();
            for part in &parts {
                total += part;
            }
            let counted: Vec<&Fact> = all.iter().filter(|one| one.status != Status::Cancelled).collect();
            let weight: i64 = counted.iter().map(|one| one.weight).sum();
            let slow = (weight > 0).then(|| {
                counted.iter().map(|one| one.weight as f64 * one.progress as f64).sum::<f64>() / weight as f64
            });
            prop_assert_eq!(total.progress().is_none(), slow.is_none());
            if let (Some(fast), Some(slow)) = (total.progress(), slow) {
                prop_assert!((fast - slow).abs() <= 0.005 + 1e-9, "{} {}", fast, slow);
            }
            prop_assert_eq!(total.counted() as usize, counted.len());
        }
    }
}
