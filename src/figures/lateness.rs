//! Overdue, days late and slippage of one milestone.

use chrono::NaiveDate;

use crate::resources::milestones::Status;

/// Whether a milestone is overdue: its day has passed and it is neither met, met in part nor cancelled.
pub fn is_overdue(status: Status, due_on: NaiveDate, as_of: NaiveDate) -> bool {
    as_of > due_on && status.is_open()
}

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
    fn slippage_has_a_sign() {
        assert_eq!(slippage_days(day("2022-07-02"), day("2022-06-30")), 2);
        assert_eq!(slippage_days(day("2022-06-28"), day("2022-06-30")), -2);
    }
}
