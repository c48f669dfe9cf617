//! The sums of one row of a scorecard.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::Figures;
use crate::figures::pace::{Pace, PaceCounts};
use crate::figures::resolutions::ResolutionCounts;
use crate::figures::tally::Tally;
use crate::figures::{exchanges, money};
use crate::resources::resolutions::State;

/// One thing that counts.
pub enum What<'a> {
    Milestones(&'a Tally),
    Commitment(Pace),
    Resolution(State),
    Exchange(&'a exchanges::Fact),
    Money(&'a str, money::Entry),
}

/// The sums of one row.
#[derive(Clone, Default)]
pub struct Sums {
    milestones: Tally,
    commitments: PaceCounts,
    resolutions: ResolutionCounts,
    exchanges: exchanges::Sums,
    /// By currency.
    money: BTreeMap<String, money::Sums>,
}

impl Sums {
    pub fn add(&mut self, what: &What<'_>) {
        match what {
            What::Milestones(tally) => self.milestones += tally,
            What::Commitment(pace) => self.commitments += *pace,
            What::Resolution(state) => self.resolutions += *state,
            What::Exchange(fact) => self.exchanges += fact,
            What::Money(currency, entry) => self.money.entry((*currency).to_owned()).or_default().add(entry),
        }
    }

    pub fn figures(&self, as_of: NaiveDate) -> Figures {
        let tally = &self.milestones;
        Figures {
            progress: tally.progress(),
            counted: tally.counted(),
            left_out: tally.counts.cancelled,
            milestones: tally.counts,
            overdue: tally.overdue,
            days_late: tally.days_late(as_of),
            baseline_due: tally.baseline_due,
            on_time: tally.on_time,
            on_time_rate: tally.on_time_rate(),
            commitments: self.commitments,
            resolutions: self.resolutions,
            exchanges: self.exchanges.figures(),
            funds: self.money.iter().map(|(currency, sums)| sums.figures(currency)).collect(),
        }
    }
}
