//! The facts in memory, and how loaded records change them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::milestones::{Loaded as Milestone, Milestones};
use super::structure::{Agreement, PairingFact, Project, Structure};
use crate::figures::exchanges::Fact as ExchangeFigure;
use crate::figures::pace::{self, Goal, Period, Standing};
use crate::model::decimal::Quantity;
use crate::model::{commitments, exchanges as people, resolutions as decided};
use crate::resources::exchanges::stage;
use crate::resources::resolutions::{State as Decision, state, state_by_commitment, state_by_milestone};
use crate::resources::transactions::booked::Booked;

/// A commitment with the approved periods that count, by the ids of their reports.
pub struct Commitment {
    pub agreement: i64,
    pub sector: Option<i64>,
    pub starts_on: Option<NaiveDate>,
    pub due_on: Option<NaiveDate>,
    pub goal: Option<Goal>,
    pub responsible: Vec<i64>,
    pub reports: Vec<i64>,
    pub periods: Vec<Period>,
}

pub struct Resolution {
    pub conference: i64,
    pub due_on: Option<NaiveDate>,
    pub status: decided::Status,
    pub commitment: Option<i64>,
    pub milestone: Option<i64>,
}

pub struct Exchange {
    pub pairing: i64,
    pub profession: people::Profession,
    pub direction: people::Direction,
    pub headcount: Option<i64>,
    pub sending: Option<i64>,
    pub hosting: Option<i64>,
    pub planned_start_on: Option<NaiveDate>,
    pub actual_start_on: Option<NaiveDate>,
    pub actual_end_on: Option<NaiveDate>,
    pub status: people::Status,
}

/// A ledger entry, without the kind of what it reverses, which is that of another entry.
pub struct Transaction {
    pub booked: Booked,
    pub reverses: Option<i64>,
}

/// Records of one kind as they are loaded: `None` for those that do not exist.
pub type Records<T> = Vec<(i64, Option<T>)>;

/// Records as they are loaded.
pub enum Loaded {
    Regions(Records<Option<i64>>),
    Organizations(Records<i64>),
    Pairings(Records<PairingFact>),
    Agreements(Records<Agreement>),
    Projects(Records<Project>),
    Conferences(Records<i64>),
    Funds(Records<i64>),
    Commitments(Records<Commitment>),
    Resolutions(Records<Resolution>),
    Exchanges(Records<Exchange>),
    Transactions(Records<Transaction>),
    Milestones(Records<Milestone>),
}

#[derive(Default)]
pub struct State {
    pub structure: Structure,
    pub milestones: Milestones,
    pub commitments: BTreeMap<i64, Commitment>,
    pub resolutions: BTreeMap<i64, Resolution>,
    pub exchanges: BTreeMap<i64, Exchange>,
    pub transactions: BTreeMap<i64, Transaction>,
    /// The programme of each fund.
    pub funds: BTreeMap<i64, i64>,
    /// The pairing of each conference.
    pub conferences: BTreeMap<i64, i64>,
}

fn put<T>(all: &mut BTreeMap<i64, T>, records: Records<T>) {
    for (id, record) in records {
        match record {
            Some(record) => all.insert(id, record),
            None => all.remove(&id),
        };
    }
}

impl State {
    /// The number of records.
    pub fn count(&self) -> usize {
        let reports: usize = self.commitments.values().map(|one| one.periods.len()).sum();
        self.structure.count()
            + self.milestones.count()
            + self.commitments.len()
            + reports
            + self.resolutions.len()
            + self.exchanges.len()
            + self.transactions.len()
    }

    /// Takes records over while all are loaded; [`State::sum_up`] ends that.
    pub fn stage(&mut self, loaded: Loaded) {
        match loaded {
            Loaded::Milestones(records) => {
                self.milestones.stage(records.into_iter().filter_map(|(id, record)| Some((id, record?))));
            }
            other => {
                self.put(other, &mut BTreeSet::new());
            }
        }
    }

    pub fn sum_up(&mut self) {
        self.milestones.sum_up(&self.structure);
    }

    /// Replaces records by what was loaded.
    pub fn apply(&mut self, loaded: Vec<Loaded>) {
        let (milestones, others): (Vec<Loaded>, Vec<Loaded>) =
            loaded.into_iter().partition(|loaded| matches!(loaded, Loaded::Milestones(_)));
        let (mut is_structural, mut has_moved) = (false, false);
        let mut regrouped = BTreeSet::new();
        for loaded in others {
            has_moved |= matches!(loaded, Loaded::Regions(_) | Loaded::Organizations(_));
            is_structural |= self.put(loaded, &mut regrouped);
        }
        if has_moved {
            self.structure.name_again();
        }
        if is_structural {
            self.milestones.classify(&self.structure, &regrouped);
        }
        for loaded in milestones {
            let Loaded::Milestones(records) = loaded else { continue };
            records.iter().for_each(|(id, one)| self.milestones.put(&self.structure, *id, one.as_ref()));
        }
    }

    /// Replaces records other than milestones. Returns whether these can decide where milestones count.
    fn put(&mut self, loaded: Loaded, regrouped: &mut BTreeSet<i64>) -> bool {
        let structure = &mut self.structure;
        let is_structural = matches!(
            loaded,
            Loaded::Regions(_)
                | Loaded::Organizations(_)
                | Loaded::Pairings(_)
                | Loaded::Agreements(_)
                | Loaded::Projects(_)
        );
        match loaded {
            Loaded::Regions(records) => {
                records.into_iter().for_each(|(id, parent)| structure.places.set_parent(id, parent.flatten()));
            }
            Loaded::Organizations(records) => {
                records.into_iter().for_each(|(id, region)| structure.places.set_seat(id, region));
            }
            Loaded::Pairings(records) => {
                for (id, pairing) in records {
                    if structure.put_pairing(id, pairing) {
                        regrouped.insert(id);
                    }
                }
            }
            Loaded::Agreements(records) => records.into_iter().for_each(|(id, one)| structure.put_agreement(id, one)),
            Loaded::Projects(records) => records.into_iter().for_each(|(id, one)| structure.put_project(id, one)),
            Loaded::Conferences(records) => put(&mut self.conferences, records),
            Loaded::Funds(records) => put(&mut self.funds, records),
            Loaded::Commitments(records) => put(&mut self.commitments, records),
            Loaded::Resolutions(records) => put(&mut self.resolutions, records),
            Loaded::Exchanges(records) => put(&mut self.exchanges, records),
            Loaded::Transactions(records) => put(&mut self.transactions, records),
            Loaded::Milestones(_) => {}
        }
        is_structural
    }

    /// The commitments in whose figures a progress report counts.
    pub fn commitments_of(&self, reports: &BTreeSet<i64>) -> impl Iterator<Item = i64> {
        let counts = |one: &Commitment| one.reports.iter().any(|report| reports.contains(report));
        self.commitments.iter().filter(move |(_, one)| counts(one)).map(|(id, _)| *id)
    }

    /// The last day of a commitment: its own, or that of its agreement.
    pub fn last_day(&self, commitment: &Commitment) -> Option<NaiveDate> {
        commitment.due_on.or_else(|| self.structure.terms.get(&commitment.agreement)?.to_on)
    }

    pub fn standing(&self, commitment: &Commitment, as_of: NaiveDate) -> Standing {
        let term = self.structure.terms.get(&commitment.agreement).copied().unwrap_or_default();
        let starts_on = commitment.starts_on.or(term.from_on);
        pace::standing(commitment.goal, starts_on, self.last_day(commitment), &commitment.periods, as_of)
    }

    pub fn decision(&self, resolution: &Resolution, as_of: NaiveDate) -> Decision {
        let commitment = resolution.commitment.and_then(|id| self.commitments.get(&id));
        let milestone = resolution.milestone.and_then(|id| self.milestones.standing(id, as_of));
        match (commitment, milestone) {
            (Some(commitment), _) => {
                let standing = self.standing(commitment, as_of);
                state_by_commitment(standing.completion, standing.pace, standing.expected)
            }
            (None, Some((status, is_overdue))) => state_by_milestone(status, is_overdue),
            (None, None) => state(resolution.status, resolution.due_on, as_of),
        }
    }

    /// Whether a ledger entry is booked on a pairing or a fund of a programme.
    pub fn is_booked_in(&self, booked: &Booked, programme: i64) -> bool {
        let of_pairing = booked.pairing_id.and_then(|id| self.structure.pairings.get(&id));
        let of_fund = booked.fund_id.and_then(|fund| self.funds.get(&fund));
        of_pairing.is_some_and(|pairing| pairing.programme == programme) || of_fund == Some(&programme)
    }

    /// A ledger entry with the kind of what it reverses.
    pub fn booked(&self, transaction: &Transaction) -> Booked {
        let reversed = transaction.reverses.and_then(|id| self.transactions.get(&id));
        let mut booked = transaction.booked.clone();
        booked.entry.reversed_kind = reversed.map(|reversed| reversed.booked.entry.kind);
        booked
    }
}

impl Exchange {
    /// The day on which it began, or is to begin.
    pub fn start_on(&self) -> Option<NaiveDate> {
        self.actual_start_on.or(self.planned_start_on)
    }

    pub fn figure(&self, as_of: NaiveDate) -> ExchangeFigure {
        ExchangeFigure {
            profession: self.profession,
            direction: self.direction,
            headcount: self.headcount,
            stage: stage(self.status, self.actual_start_on, self.actual_end_on, as_of),
        }
    }
}

/// The target of a commitment, from its columns.
pub fn goal(
    baseline: Option<Quantity>,
    target: Option<Quantity>,
    direction: Option<commitments::Direction>,
    accumulation: Option<commitments::Accumulation>,
) -> Option<Goal> {
    Some(Goal { baseline, target, direction: direction?, accumulation: accumulation? })
}
