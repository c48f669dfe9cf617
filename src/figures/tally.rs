//! Progress, overdue counts and the on-time rate of many milestones: sums that add up, so that any grouping rolls up
//! by the one rule and never by an average of averages.

use std::collections::HashMap;
use std::ops::AddAssign;

use chrono::NaiveDate;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Date, Nullable};
use serde::Serialize;
use utoipa::ToSchema;

use crate::db::Conn;
use crate::db::schema::milestones;
use crate::error::Result;
use crate::resources::milestones::Status;

/// What is summed over milestones, for one date.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub counts: StatusCounts,
    /// Σ weight of those not cancelled, in thousandths.
    pub weight: i64,
    /// Σ weight·progress of those not cancelled, in thousandths of a percent.
    pub weighted_progress: i64,
    pub overdue: i64,
    /// The earliest due date among the overdue.
    pub oldest_due_on: Option<NaiveDate>,
    /// Those whose baseline was due by the date.
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

/// Figures over a set of milestones.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Figures {
    /// Σ(weight·progress)/Σ(weight) over the milestones that are not cancelled, in percent; null where Σ(weight) is 0.
    #[schema(minimum = 0, maximum = 100, example = 62.5)]
    pub progress: Option<f64>,
    /// How many milestones the progress counts.
    #[schema(minimum = 0, example = 10)]
    pub counted: i64,
    /// How many it leaves out: the cancelled.
    #[schema(minimum = 0, example = 0)]
    pub left_out: i64,
    /// How many milestones have each status.
    pub milestones: StatusCounts,
    /// How many are overdue.
    #[schema(minimum = 0, example = 2)]
    pub overdue: i64,
    /// Days that the most overdue one is late; 0 when none is.
    #[schema(minimum = 0, example = 45)]
    pub days_late: i64,
    /// How many had their baseline due by the date.
    #[schema(minimum = 0, example = 6)]
    pub baseline_due: i64,
    /// How many of those were met on or before the baseline.
    #[schema(minimum = 0, example = 3)]
    pub on_time: i64,
    /// on_time / baseline_due, in percent; null when nothing was due.
    #[schema(minimum = 0, maximum = 100, example = 50.0)]
    pub on_time_rate: Option<f64>,
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

impl Tally {
    /// Progress in percent; `None` where there is no weight.
    pub fn progress(&self) -> Option<f64> {
        percent(self.weighted_progress, self.weight.checked_mul(100)?)
    }

    /// How many milestones the progress counts.
    pub fn counted(&self) -> i64 {
        let StatusCounts { scheduled, in_progress, met, partially_met, not_met, cancelled: _ } = self.counts;
        scheduled + in_progress + met + partially_met + not_met
    }

    pub fn figures(&self, as_of: NaiveDate) -> Figures {
        Figures {
            progress: self.progress(),
            counted: self.counted(),
            left_out: self.counts.cancelled,
            milestones: self.counts,
            overdue: self.overdue,
            days_late: self.oldest_due_on.map_or(0, |due_on| (as_of - due_on).num_days()),
            baseline_due: self.baseline_due,
            on_time: self.on_time,
            on_time_rate: percent(self.on_time, self.baseline_due),
        }
    }
}

/// `part` of `whole` in percent, to two places; `None` of nothing.
fn percent(part: i64, whole: i64) -> Option<f64> {
    // Counts and sums stay far below 2^53, so that the division is as exact as its two places need.
    #[expect(clippy::cast_precision_loss, reason = "two decimal places are kept of at least fifteen")]
    (whole > 0).then(|| (part as f64 * 10_000.0 / whole as f64).round() / 100.0)
}

type Row = (i64, Status, i64, i64, i64, i64, Option<NaiveDate>, i64, i64);

/// The sums by one column (`pairing_id` or `agreement_id`) for the owners named, in one query.
macro_rules! tally_by {
    ($name:ident, $column:ident, $doc:literal) => {
        #[doc = $doc]
        pub fn $name(conn: &mut Conn, ids: &[i64], as_of: NaiveDate) -> Result<HashMap<i64, Tally>> {
            let mut tallies = HashMap::new();
            for chunk in ids.chunks(10_000) {
                let rows: Vec<Row> = milestones::table
                    .filter(milestones::$column.eq_any(chunk))
                    .group_by((milestones::$column, milestones::status))
                    // SUM of a bigint is a numeric on PostgreSQL, which the shared DSL cannot read; sums of counts and
                    // weights fit a bigint.
                    .select((
                        milestones::$column,
                        milestones::status,
                        diesel::dsl::count_star(),
                        sql::<BigInt>("CAST(SUM(weight_thousandths) AS BIGINT)"),
                        sql::<BigInt>("CAST(SUM(weight_thousandths * progress) AS BIGINT)"),
                        sql::<BigInt>("COUNT(CASE WHEN is_open AND due_on < ")
                            .bind::<Date, _>(as_of)
                            .sql(" THEN 1 END)"),
                        sql::<Nullable<Date>>("MIN(CASE WHEN is_open AND due_on < ")
                            .bind::<Date, _>(as_of)
                            .sql(" THEN due_on END)"),
                        sql::<BigInt>("COUNT(CASE WHEN baseline_due_on <= ").bind::<Date, _>(as_of).sql(" THEN 1 END)"),
                        sql::<BigInt>(
                            "COUNT(CASE WHEN status = 'met' AND met_on <= baseline_due_on AND baseline_due_on <= ",
                        )
                        .bind::<Date, _>(as_of)
                        .sql(" THEN 1 END)"),
                    ))
                    .load(conn)?;
                for (owner, status, count, weight, weighted_progress, overdue, oldest_due_on, baseline_due, on_time) in
                    rows
                {
                    let cancelled = status == Status::Cancelled;
                    let mut counts = StatusCounts::default();
                    *counts.of(status) = count;
                    *tallies.entry(owner).or_insert_with(Tally::default) += &Tally {
                        counts,
                        weight: if cancelled { 0 } else { weight },
                        weighted_progress: if cancelled { 0 } else { weighted_progress },
                        overdue,
                        oldest_due_on,
                        baseline_due,
                        on_time,
                    };
                }
            }
            Ok(tallies)
        }
    };
}

tally_by!(by_pairing, pairing_id, "The sums over all milestones of each pairing.");
tally_by!(
    by_agreement,
    agreement_id,
    "The sums over the milestones of each agreement, without those of agreements under it."
);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A milestone as the slow way sees it.
    #[derive(Clone, Debug)]
    struct One {
        status: Status,
        weight: i64,
        progress: i64,
    }

    fn tally_of(one: &One) -> Tally {
        let mut counts = StatusCounts::default();
        *counts.of(one.status) = 1;
        let cancelled = one.status == Status::Cancelled;
        Tally {
            counts,
            weight: if cancelled { 0 } else { one.weight },
            weighted_progress: if cancelled { 0 } else { one.weight * one.progress },
            ..Tally::default()
        }
    }

    fn one() -> impl Strategy<Value = One> {
        (proptest::sample::select(Status::ALL), 0..5_000_i64, 0..=100_i64).prop_map(|(status, weight, progress)| One {
            status,
            weight,
            progress: if status == Status::Met { 100 } else { progress },
        })
    }

    proptest! {
        #[test]
        fn any_grouping_rolls_up_to_the_weighted_mean(all in proptest::collection::vec(one(), 0..60), groups in 1..7_usize) {
            let mut parts = vec![Tally::default(); groups];
            for (index, one) in all.iter().enumerate() {
                parts[index % groups] += &tally_of(one);
            }
            let mut total = Tally::default();
            for part in &parts {
                total += part;
            }
            let counted: Vec<&One> = all.iter().filter(|one| one.status != Status::Cancelled).collect();
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
