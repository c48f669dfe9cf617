//! Exchanges (人才交流): a secondment, or a group of them, from one side of a pairing to the other.
//!
//! Who goes is counted by `headcount`, null where no source gives a figure. The names of those who go are personal
//! data: only keys of the pairing see them, and no search finds them. Whether an exchange is present on a date is its
//! [`Stage`], computed and never stored.

pub mod api;
pub mod store;

use chrono::NaiveDate;

pub use crate::model::exchanges::{Direction, Profession, Stage, Status};

use crate::db::reference::{Belongs, Kind, Naming};

/// The resource.
pub struct Exchanges;

/// The kind of these records.
pub static KIND: Kind = Kind {
    name: "exchange",
    path: "exchanges",
    number: 15,
    table: "exchanges",
    owner: "exchange_id",
    naming: Naming::Function(store::references),
    belongs: Belongs::ToPairing,
    outgoing: &[api::OUTGOING],
    private: &["names"],
    about: "Secondments of cadres, teachers, doctors and technicians. 人才交流。",
    ..super::defaults()
};

/// Where an exchange is on a date. Where the first or last day is unknown, it follows from the status.
pub fn stage(
    status: Status,
    actual_start_on: Option<NaiveDate>,
    actual_end_on: Option<NaiveDate>,
    as_of: NaiveDate,
) -> Stage {
    let begun = match actual_start_on {
        Some(start) => start <= as_of,
        None => matches!(status, Status::InProgress | Status::Completed),
    };
    let over = match actual_end_on {
        Some(end) => end < as_of,
        None => matches!(status, Status::Completed | Status::Cancelled),
    };
    match (begun, over) {
        (true, false) => Stage::Present,
        (true, true) => Stage::Ended,
        (false, _) if status == Status::Cancelled && actual_start_on.is_none() => Stage::Cancelled,
        (false, _) => Stage::Planned,
    }
}

#[cfg(test)]
mod tests {
    use super::Status::{Cancelled, Completed, InProgress, Planned};
    use super::*;

    /// The stage on 1 June 2022 of an exchange with these dates, empty where unknown.
    fn on_first_of_june(status: Status, start: &str, end: &str) -> Stage {
        let day = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
        stage(status, day(start), day(end), "2022-06-01".parse().unwrap())
    }

    #[test]
    fn without_dates_the_status_says_where_it_is() {
        assert_eq!(on_first_of_june(Planned, "", ""), Stage::Planned);
        assert_eq!(on_first_of_june(InProgress, "", ""), Stage::Present);
        assert_eq!(on_first_of_june(Completed, "", ""), Stage::Ended);
        assert_eq!(on_first_of_june(Cancelled, "", ""), Stage::Cancelled);
    }

    #[test]
    fn it_is_present_from_its_first_day_to_its_last() {
        for status in [Planned, InProgress, Completed, Cancelled] {
            for (start, end, stage) in [
                ("2022-06-02", "2022-06-30", Stage::Planned),
                ("2022-06-01", "2022-06-30", Stage::Present),
                ("2022-06-01", "2022-06-01", Stage::Present),
                ("2022-05-01", "2022-06-01", Stage::Present),
                ("2022-05-01", "2022-05-31", Stage::Ended),
            ] {
                assert_eq!(on_first_of_june(status, start, end), stage, "{status} {start} {end}");
            }
        }
    }

    #[test]
    fn an_unknown_end_is_over_only_when_it_is_completed_or_cancelled() {
        for (status, stage) in [
            (Planned, Stage::Present),
            (InProgress, Stage::Present),
            (Completed, Stage::Ended),
            (Cancelled, Stage::Ended),
        ] {
            assert_eq!(on_first_of_june(status, "2022-05-01", ""), stage, "{status}");
        }
        assert_eq!(on_first_of_june(Completed, "2022-06-02", ""), Stage::Planned);
    }

    #[test]
    fn an_unknown_beginning_is_begun_when_it_is_under_way_or_completed() {
        for (status, end, stage) in [
            (Planned, "2022-06-30", Stage::Planned),
            (Planned, "2022-05-31", Stage::Planned),
            (InProgress, "2022-06-30", Stage::Present),
            (InProgress, "2022-05-31", Stage::Ended),
            (Completed, "2022-06-01", Stage::Present),
            (Completed, "2022-05-31", Stage::Ended),
            (Cancelled, "2022-06-30", Stage::Cancelled),
        ] {
            assert_eq!(on_first_of_june(status, "", end), stage, "{status} until {end}");
        }
    }
}
