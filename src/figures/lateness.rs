//! Overdue, days late, slippage, and whether a milestone was met on time: the one place that compares a milestone's days
//! with a date.
//!
//! A day is over from the day after it on. What must be done by a day can still be done on it, so neither an open milestone
//! nor the on-time rate counts as late before the day is over. The conditions in SQL, which lists and sums need, stand
//! beside the functions; a test compares the two on the days around each date.

use chrono::NaiveDate;
use diesel::dsl::{self, AsExprOf};
use diesel::expression::{SqlLiteral, UncheckedBind};
use diesel::prelude::*;
use diesel::sql_types::{Date, SingleValue};

use crate::db::schema::milestones;
use crate::model::milestones::Status;

/// Whether a day is over on a date.
pub fn is_over(day: NaiveDate, as_of: NaiveDate) -> bool {
    as_of > day
}

/// Whether a milestone is overdue: its due date is over, and it is neither met, met in part nor cancelled.
pub fn is_overdue(status: Status, due_on: NaiveDate, as_of: NaiveDate) -> bool {
    is_over(due_on, as_of) && status.is_open()
}

/// [`is_overdue`] as a condition on rows.
pub fn overdue(
    as_of: NaiveDate,
) -> dsl::And<dsl::Eq<milestones::is_open, bool>, dsl::Lt<milestones::due_on, NaiveDate>> {
    milestones::is_open.eq(true).and(milestones::due_on.lt(as_of))
}

/// The opposite of [`overdue`], which an index can be searched by.
pub fn not_overdue(
    as_of: NaiveDate,
) -> dsl::Or<dsl::Eq<milestones::is_open, bool>, dsl::GtEq<milestones::due_on, NaiveDate>> {
    milestones::is_open.eq(false).or(milestones::due_on.ge(as_of))
}

/// Whether the on-time rate counts a milestone: it is not cancelled, and the day of its baseline is over.
pub fn is_baseline_due(status: Status, baseline_due_on: NaiveDate, as_of: NaiveDate) -> bool {
    status != Status::Cancelled && is_over(baseline_due_on, as_of)
}

/// Whether a milestone that the on-time rate counts was met on or before its baseline.
pub fn is_on_time(status: Status, baseline_due_on: NaiveDate, met_on: Option<NaiveDate>) -> bool {
    status == Status::Met && met_on.is_some_and(|met_on| met_on <= baseline_due_on)
}

/// A condition of this module, as an aggregate over milestones needs it.
#[derive(Clone, Copy, Debug)]
pub enum Late {
    /// [`is_overdue`].
    Overdue,
    /// [`is_baseline_due`].
    BaselineDue,
    /// [`is_baseline_due`] and [`is_on_time`].
    OnTime,
}

impl Late {
    /// An aggregate of a value over the milestones for which the condition holds on a date. The DSL has no `CASE` inside an
    /// aggregate.
    pub fn aggregate<ST: SingleValue>(self, aggregate: &str, value: &str, as_of: NaiveDate) -> LateAggregate<ST> {
        let condition = match self {
            Late::Overdue => "is_open AND due_on < ",
            Late::BaselineDue => "status <> 'cancelled' AND baseline_due_on < ",
            Late::OnTime => "status = 'met' AND met_on <= baseline_due_on AND baseline_due_on < ",
        };
        dsl::sql(&format!("{aggregate}(CASE WHEN {condition}"))
            .bind::<Date, _>(as_of)
            .sql(&format!(" THEN {value} END)"))
    }
}

/// The expression of [`Late::aggregate`].
pub type LateAggregate<ST> = SqlLiteral<ST, UncheckedBind<SqlLiteral<ST>, AsExprOf<NaiveDate, Date>>>;

/// How many days overdue; 0 when it is not.
pub fn days_late(status: Status, due_on: NaiveDate, as_of: NaiveDate) -> i64 {
    if is_overdue(status, due_on, as_of) { (as_of - due_on).num_days() } else { 0 }
}

/// How many days the due date has moved since it was first set; negative when it was brought forward.
pub fn slippage_days(due_on: NaiveDate, baseline_due_on: NaiveDate) -> i64 {
    (due_on - baseline_due_on).num_days()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_milestone_is_late_from_the_day_after_it_was_due() {
        let due = day("2022-06-30");
        for status in Status::ALL.iter().copied() {
            let open = matches!(status, Status::Scheduled | Status::InProgress | Status::NotMet);
            assert!(!is_overdue(status, due, due), "{status} on the day itself");
            assert_eq!(is_overdue(status, due, day("2022-07-01")), open, "{status} the day after");
            assert_eq!(days_late(status, due, day("2022-07-10")), if open { 10 } else { 0 }, "{status}");
        }
    }

    #[test]
    fn the_on_time_rate_counts_a_milestone_from_the_day_after_its_baseline() {
        let (before, baseline, after) = (day("2022-06-29"), day("2022-06-30"), day("2022-07-01"));
        for status in Status::ALL.iter().copied() {
            let counts = status != Status::Cancelled;
            assert!(!is_baseline_due(status, baseline, before), "{status} the day before");
            assert!(!is_baseline_due(status, baseline, baseline), "{status} on the day itself");
            assert_eq!(is_baseline_due(status, baseline, after), counts, "{status} the day after");
            let met = status == Status::Met;
            assert_eq!(is_on_time(status, baseline, Some(baseline)), met, "{status} met on the day itself");
            assert!(!is_on_time(status, baseline, Some(after)), "{status} met the day after");
            assert!(!is_on_time(status, baseline, None), "{status} without a day");
        }
    }

    #[test]
    fn slippage_has_a_sign() {
        assert_eq!(slippage_days(day("2022-07-02"), day("2022-06-30")), 2);
        assert_eq!(slippage_days(day("2022-06-28"), day("2022-06-30")), -2);
    }
}
