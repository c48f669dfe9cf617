//! Completion and pace (序时进度) of a commitment: what was approved, against its target and the time that has passed.
//!
//! | indicator | actual value | completion |
//! |---|---|---|
//! | `cumulative` | the baseline, moved by what each period adds in the indicator's direction | (actual − baseline) / (target − baseline) |
//! | `last` | the value of the last period | the same |
//! | without a baseline, rising | as if it were 0 | actual / target |
//! | without a baseline, falling | the value of the last period; of a cumulative one unknown | 100 once the target is reached, else unknown |
//! | without a target, or without an approved value | as above, or unknown | unknown |
//!
//! The pace compares completion with the share of the commitment's period that has passed. While a reporting period is
//! running, completion is compared with the share at the end of the last period, so that a missing report of the
//! running period does not count as a delay.

use std::ops::AddAssign;

use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;

use crate::model::commitments::{Accumulation, Direction};
use crate::model::decimal::{Quantity, QuantityTotal, percent};
use crate::text_enum;

/// How far, in percentage points, completion may be from the share of time and still be on track.
const TOLERANCE: f64 = 1.0;
/// Months differ by this many days, so that a next period may be over this much sooner than the last one took.
const MONTHS_DIFFER_BY: i64 = 3;

text_enum! {
    /// Pace of a commitment: progress compared with elapsed time (序时进度).
    Pace as "Pace" {
        /// 超前: more is done than time has passed.
        Ahead => "ahead",
        /// 正常: within a point of the share of time.
        OnTrack => "on_track",
        /// 滞后: less is done than time has passed, or the time is over and the target not reached.
        Behind => "behind",
        /// 未知: no target, no approved value, no period, or a period that has not begun.
        Unknown => "unknown",
    }
}

/// Target of an indicator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Goal {
    pub baseline: Option<Quantity>,
    pub target: Option<Quantity>,
    pub direction: Direction,
    pub accumulation: Accumulation,
}

/// A period that was approved, and its value where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    pub start_on: NaiveDate,
    pub end_on: NaiveDate,
    pub value: Option<Quantity>,
}

/// Figures of a commitment on a date.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    pub actual: Option<QuantityTotal>,
    /// In percent; may be negative, and more than 100.
    pub completion: Option<f64>,
    /// The share of the commitment's period that completion is held against, in percent.
    pub expected: Option<f64>,
    pub pace: Pace,
    /// The end of the last approved period.
    pub reported_to: Option<NaiveDate>,
}

/// The standing on `as_of`. `goal` is `None` for a commitment without an indicator; `periods` are in any order.
pub fn standing(
    goal: Option<Goal>,
    starts_on: Option<NaiveDate>,
    due_on: Option<NaiveDate>,
    periods: &[Period],
    as_of: NaiveDate,
) -> Standing {
    let mut counted: Vec<&Period> = periods.iter().filter(|period| period.end_on <= as_of).collect();
    counted.sort_by_key(|period| (period.end_on, period.start_on));
    let last = counted.last().copied();
    let actual = goal.and_then(|goal| actual(goal, &counted));
    let completion = goal.zip(actual).and_then(|(goal, actual)| completion(goal, actual));
    let measured_on = last.filter(|last| next_is_running(last, as_of)).map_or(as_of, |last| last.end_on);
    let expected = elapsed(starts_on, due_on, measured_on);
    let has_begun = starts_on.is_some_and(|start| start <= as_of);
    Standing {
        actual,
        completion,
        expected,
        pace: if has_begun { pace(completion, expected) } else { Pace::Unknown },
        reported_to: last.map(|last| last.end_on),
    }
}

/// Whether the period after the last approved one is not over yet.
fn next_is_running(last: &Period, as_of: NaiveDate) -> bool {
    let length = (last.end_on - last.start_on).num_days() + 1;
    (as_of - last.end_on).num_days() < length - MONTHS_DIFFER_BY
}

fn actual(goal: Goal, counted: &[&Period]) -> Option<QuantityTotal> {
    let mut values = counted.iter().filter_map(|period| period.value).peekable();
    values.peek()?;
    match goal.accumulation {
        Accumulation::Last => values.last().map(QuantityTotal::from),
        Accumulation::Cumulative => {
            let moved: i128 = values.map(|value| i128::from(value.0)).sum();
            Some(QuantityTotal(match (goal.direction, goal.baseline) {
                (Direction::Rising, baseline) => i128::from(baseline.unwrap_or_default().0) + moved,
                (Direction::Falling, Some(baseline)) => i128::from(baseline.0) - moved,
                (Direction::Falling, None) => return None,
            }))
        }
    }
}

fn completion(goal: Goal, actual: QuantityTotal) -> Option<f64> {
    let target = QuantityTotal::from(goal.target?);
    let is_reached = match goal.direction {
        Direction::Rising => actual >= target,
        Direction::Falling => actual <= target,
    };
    let baseline = match (goal.baseline, goal.direction) {
        (Some(baseline), _) => baseline.into(),
        (None, Direction::Rising) => QuantityTotal(0),
        (None, Direction::Falling) => return is_reached.then_some(100.0),
    };
    let way = target.0 - baseline.0;
    // What is only to be kept where it is, is reached or not.
    percent(actual.0 - baseline.0, way).or(Some(if is_reached { 100.0 } else { 0.0 }))
}

/// The share of a period that has passed at the end of a day, in percent; both its days count. What ends before it
/// begins (its first day its own, its last one the agreement's) is no period.
fn elapsed(starts_on: Option<NaiveDate>, due_on: Option<NaiveDate>, day: NaiveDate) -> Option<f64> {
    let (start, due) = (starts_on?, due_on?);
    let whole = (due - start).num_days() + 1;
    if whole <= 0 {
        return None;
    }
    let passed = ((day - start).num_days() + 1).clamp(0, whole);
    percent(passed.into(), whole.into())
}

fn pace(completion: Option<f64>, expected: Option<f64>) -> Pace {
    let (Some(completion), Some(expected)) = (completion, expected) else { return Pace::Unknown };
    if completion > expected + TOLERANCE {
        Pace::Ahead
    } else if completion < expected - TOLERANCE || (expected >= 100.0 && completion < 100.0) {
        Pace::Behind
    } else {
        Pace::OnTrack
    }
}

/// How many commitments keep which pace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct PaceCounts {
    /// How many there are.
    #[schema(minimum = 0, example = 10)]
    pub total: i64,
    /// More is done than time has passed.
    #[schema(minimum = 0, example = 2)]
    pub ahead: i64,
    /// In step with time.
    #[schema(minimum = 0, example = 5)]
    pub on_track: i64,
    /// Less is done than time has passed.
    #[schema(minimum = 0, example = 2)]
    pub behind: i64,
    /// Without a target, an approved value, a period, or not begun.
    #[schema(minimum = 0, example = 1)]
    pub unknown: i64,
}

impl AddAssign<Pace> for PaceCounts {
    fn add_assign(&mut self, pace: Pace) {
        self.total += 1;
        *match pace {
            Pace::Ahead => &mut self.ahead,
            Pace::OnTrack => &mut self.on_track,
            Pace::Behind => &mut self.behind,
            Pace::Unknown => &mut self.unknown,
        } += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::Accumulation::{Cumulative, Last};
    use super::Direction::{Falling, Rising};
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    /// Months of 2022 from January on, each with its value; an empty text is a report without one.
    fn months(values: &[&str]) -> Vec<Period> {
        let first = |month: usize| NaiveDate::from_ymd_opt(2022, u32::try_from(month).unwrap(), 1).unwrap();
        let period = |(index, value): (usize, &&str)| Period {
            start_on: first(index + 1),
            end_on: if index == 11 { day("2022-12-31") } else { first(index + 2).pred_opt().unwrap() },
            value: value.parse().ok(),
        };
        values.iter().enumerate().map(period).collect()
    }

    fn goal(direction: Direction, accumulation: Accumulation, baseline: &str, target: &str) -> Option<Goal> {
        Some(Goal { baseline: baseline.parse().ok(), target: target.parse().ok(), direction, accumulation })
    }

    /// Goal, monthly values, date; actual, completion, expected, pace over the year 2022.
    type Case = (Option<Goal>, &'static [&'static str], &'static str, Option<&'static str>, Option<f64>, f64, Pace);

    /// The values of the first six months.
    const SIX: &[&str] = &["10", "10", "10", "10", "5", "5"];

    /// Rising and cumulative: the actual value is the sum of the values.
    fn sum_cases() -> Vec<Case> {
        vec![
            (goal(Rising, Cumulative, "", "100"), SIX, "2022-06-30", Some("50"), Some(50.0), 49.59, Pace::OnTrack),
            (goal(Rising, Cumulative, "0", "100"), SIX, "2022-06-30", Some("50"), Some(50.0), 49.59, Pace::OnTrack),
            (goal(Rising, Cumulative, "", "80"), SIX, "2022-06-30", Some("50"), Some(62.5), 49.59, Pace::Ahead),
            (goal(Rising, Cumulative, "", "120"), SIX, "2022-06-30", Some("50"), Some(41.67), 49.59, Pace::Behind),
            // A baseline is where the sum begins.
            (goal(Rising, Cumulative, "20", "120"), SIX, "2022-06-30", Some("70"), Some(50.0), 49.59, Pace::OnTrack),
            // Only periods that are over by the date count, and the share is that of the last one's end while the next runs.
            (goal(Rising, Cumulative, "", "100"), SIX, "2022-02-28", Some("20"), Some(20.0), 16.16, Pace::Ahead),
            (goal(Rising, Cumulative, "", "100"), SIX, "2022-07-20", Some("50"), Some(50.0), 49.59, Pace::OnTrack),
            (goal(Rising, Cumulative, "", "100"), SIX, "2022-07-31", Some("50"), Some(50.0), 58.08, Pace::Behind),
        ]
    }

    /// The actual value is the last one, not the sum.
    fn last_value_cases() -> Vec<Case> {
        vec![
            // A report without a value changes nothing.
            (
                goal(Rising, Last, "", "100"),
                &["10", "30", ""],
                "2022-03-31",
                Some("30"),
                Some(30.0),
                24.66,
                Pace::Ahead,
            ),
            (goal(Rising, Last, "20", "40"), &["22", "25"], "2022-02-28", Some("25"), Some(25.0), 16.16, Pace::Ahead),
            (goal(Rising, Last, "20", "40"), &["19"], "2022-01-31", Some("19"), Some(-5.0), 8.49, Pace::Behind),
        ]
    }

    /// Falling: smaller values are better.
    fn falling_cases() -> Vec<Case> {
        vec![
            (
                goal(Falling, Last, "500", "100"),
                &["450", "300"],
                "2022-02-28",
                Some("300"),
                Some(50.0),
                16.16,
                Pace::Ahead,
            ),
            (
                goal(Falling, Last, "500", "100"),
                &["500", "500"],
                "2022-02-28",
                Some("500"),
                Some(0.0),
                16.16,
                Pace::Behind,
            ),
            (goal(Falling, Last, "500", "100"), &["600"], "2022-01-31", Some("600"), Some(-25.0), 8.49, Pace::Behind),
            (
                goal(Falling, Cumulative, "500", "100"),
                &["50", "30"],
                "2022-02-28",
                Some("420"),
                Some(20.0),
                16.16,
                Pace::Ahead,
            ),
            // Falling without a baseline: unknown until the target is reached.
            (goal(Falling, Last, "", "100"), &["300"], "2022-01-31", Some("300"), None, 8.49, Pace::Unknown),
            (goal(Falling, Last, "", "100"), &["90"], "2022-01-31", Some("90"), Some(100.0), 8.49, Pace::Ahead),
            (goal(Falling, Cumulative, "", "100"), &["50"], "2022-01-31", None, None, 8.49, Pace::Unknown),
        ]
    }

    /// Unknown figures, targets that are reached, and the end of the period.
    fn edge_cases() -> Vec<Case> {
        vec![
            // No target, no indicator, no value: unknown, never zero.
            (goal(Rising, Cumulative, "", ""), SIX, "2022-06-30", Some("50"), None, 49.59, Pace::Unknown),
            (None, SIX, "2022-06-30", None, None, 49.59, Pace::Unknown),
            (goal(Rising, Cumulative, "", "100"), &[], "2022-06-30", None, None, 49.59, Pace::Unknown),
            (goal(Rising, Cumulative, "", "100"), &[""], "2022-01-31", None, None, 8.49, Pace::Unknown),
            // To be kept where it is.
            (goal(Rising, Last, "95", "95"), &["95"], "2022-01-31", Some("95"), Some(100.0), 8.49, Pace::Ahead),
            (goal(Rising, Last, "95", "95"), &["94"], "2022-01-31", Some("94"), Some(0.0), 8.49, Pace::Behind),
            // Zero is a target that can be reached.
            (goal(Falling, Last, "3", "0"), &["0"], "2022-01-31", Some("0"), Some(100.0), 8.49, Pace::Ahead),
            // When the time is over, all of it counts.
            (goal(Rising, Last, "", "100"), &["99.5"], "2022-12-31", Some("99.5"), Some(99.5), 100.0, Pace::Behind),
            (goal(Rising, Last, "", "100"), &["100"], "2023-03-01", Some("100"), Some(100.0), 100.0, Pace::OnTrack),
            (goal(Rising, Last, "", "100"), &["120"], "2023-03-01", Some("120"), Some(120.0), 100.0, Pace::Ahead),
        ]
    }

    #[test]
    fn standing_follows_from_a_table() {
        let cases = [sum_cases(), last_value_cases(), falling_cases(), edge_cases()].concat();
        let (start, due) = (Some(day("2022-01-01")), Some(day("2022-12-31")));
        for (index, (goal, values, as_of, actual, completion, expected, pace)) in cases.into_iter().enumerate() {
            let standing = standing(goal, start, due, &months(values), day(as_of));
            let given = standing.actual.map(|quantity| quantity.to_string());
            assert_eq!(given.as_deref(), actual, "actual of case {index}");
            assert_eq!(standing.completion, completion, "completion of case {index}");
            assert_eq!(standing.expected, Some(expected), "expected of case {index}");
            assert_eq!(standing.pace, pace, "pace of case {index}");
        }
    }

    #[test]
    fn without_a_period_or_before_it_the_pace_is_unknown() {
        let goal = goal(Rising, Last, "", "100");
        let periods = months(&["60"]);
        let (start, due) = (Some(day("2022-03-01")), Some(day("2022-12-31")));
        for (start, due, as_of, expected, pace) in [
            (None, due, "2022-06-30", None, Pace::Unknown),
            (start, None, "2022-06-30", None, Pace::Unknown),
            (due, start, "2023-06-30", None, Pace::Unknown),
            (start, due, "2022-02-28", Some(0.0), Pace::Unknown),
            (start, due, "2022-03-01", Some(0.33), Pace::Ahead),
        ] {
            let standing = standing(goal, start, due, &periods, day(as_of));
            assert_eq!((standing.expected, standing.pace), (expected, pace), "{as_of}");
            assert_eq!(standing.completion, Some(60.0), "completion does not wait for the period");
        }
    }
}
