//! Resolutions (议定事项): what a conference decided, by when, and who is responsible.
//!
//! A resolution is open, done or dropped. It may become a commitment or a milestone of the same pairing, never both; from
//! then on its [`State`] is that one's.

pub mod api;
pub mod store;

use chrono::NaiveDate;

use crate::figures::lateness;
use crate::figures::pace::Pace;
pub use crate::model::resolutions::{State, Status};
use crate::resources::milestones;

use crate::db::reference::{Belongs, Kind, Naming};

/// The resource.
pub struct Resolutions;

/// The kind of these records.
pub static KIND: Kind = Kind {
    name: "resolution",
    path: "resolutions",
    number: 10,
    table: "resolutions",
    owner: "resolution_id",
    naming: Naming::Columns { zh: "text_zh", en: "text_en" },
    belongs: Belongs::ToPairing,
    outgoing: &[api::OUTGOING],
    about: "What conferences decided. 议定事项。",
    ..super::defaults()
};

/// The state of a resolution that became nothing else.
pub fn state(status: Status, due_on: Option<NaiveDate>, as_of: NaiveDate) -> State {
    match status {
        Status::Done => State::Done,
        Status::Dropped => State::Dropped,
        Status::Open if due_on.is_some_and(|due| lateness::is_over(due, as_of)) => State::Overdue,
        Status::Open => State::Open,
    }
}

/// The state of a resolution that became a milestone.
pub fn state_by_milestone(status: milestones::Status, overdue: bool) -> State {
    match status {
        milestones::Status::Met | milestones::Status::PartiallyMet => State::Done,
        milestones::Status::Cancelled => State::Dropped,
        _ if overdue => State::Overdue,
        _ => State::Open,
    }
}

/// The state of a resolution that became a commitment: done when its target is reached, overdue when its time is over.
pub fn state_by_commitment(completion: Option<f64>, pace: Pace, expected: Option<f64>) -> State {
    let is_over = expected.is_some_and(|expected| expected >= 100.0);
    match completion {
        Some(completion) if completion >= 100.0 => State::Done,
        _ if is_over && pace == Pace::Behind => State::Overdue,
        _ => State::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_follows_from_what_it_became() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let due = Some(day("2022-06-30"));
        for (status, due, as_of, wanted) in [
            (Status::Open, due, "2022-06-30", State::Open),
            (Status::Open, due, "2022-07-01", State::Overdue),
            (Status::Open, None, "2099-01-01", State::Open),
            (Status::Done, due, "2022-07-01", State::Done),
            (Status::Dropped, due, "2022-07-01", State::Dropped),
        ] {
            assert_eq!(state(status, due, day(as_of)), wanted, "{status} on {as_of}");
        }
        for (status, overdue, wanted) in [
            (milestones::Status::Scheduled, false, State::Open),
            (milestones::Status::InProgress, true, State::Overdue),
            (milestones::Status::NotMet, true, State::Overdue),
            (milestones::Status::PartiallyMet, false, State::Done),
            (milestones::Status::Met, false, State::Done),
            (milestones::Status::Cancelled, false, State::Dropped),
        ] {
            assert_eq!(state_by_milestone(status, overdue), wanted, "{status}");
        }
        for (completion, pace, expected, wanted) in [
            (None, Pace::Unknown, Some(50.0), State::Open),
            (None, Pace::Unknown, Some(100.0), State::Open),
            (Some(40.0), Pace::Behind, Some(50.0), State::Open),
            (Some(40.0), Pace::Behind, Some(100.0), State::Overdue),
            (Some(100.0), Pace::Ahead, Some(50.0), State::Done),
        ] {
            assert_eq!(state_by_commitment(completion, pace, expected), wanted, "{completion:?} {expected:?}");
        }
    }
}
