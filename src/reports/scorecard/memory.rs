//! The facts of a scorecard from those in memory.

use std::borrow::Cow;

use chrono::NaiveDate;

use super::facts::{CommitmentFact, ExchangeFact, Facts, MilestoneSums, ResolutionFact};
use super::{GroupBy, Wanted};
use crate::reports::facts::state::{Commitment, Resolution, State, Transaction};
use crate::reports::facts::structure::Scope;

/// All that the scorecard covers, on a date.
pub fn facts<'a>(state: &'a State, wanted: &Wanted, as_of: NaiveDate) -> Facts<'a> {
    let structure = &state.structure;
    let by_parent = matches!(wanted.group_by, GroupBy::Agreement | GroupBy::Project).then_some(&state.milestones);
    let mut facts = Facts {
        scope: Scope { programme: wanted.programme, pairing: wanted.pairing },
        pairings: Cow::Borrowed(&structure.pairings),
        agreements: Cow::Borrowed(&structure.agreements),
        projects: Cow::Borrowed(&structure.projects),
        by_parent,
        shares: Cow::Borrowed(&structure.shares),
        funds: Cow::Borrowed(&state.funds),
        places: Cow::Borrowed(&structure.places),
        ..Facts::default()
    };
    facts.milestones = milestones(state, &facts, as_of);
    facts.commitments = commitments(state, &facts, as_of);
    facts.resolutions = resolutions(state, &facts, as_of);
    facts.exchanges = exchanges(state, &facts, as_of);
    let is_covered = |one: &&Transaction| {
        let booked = &one.booked;
        booked.entry.value_on <= as_of
            && wanted.pairing.is_none_or(|pairing| booked.pairing_id == Some(pairing))
            && wanted.programme.is_none_or(|programme| state.is_booked_in(booked, programme))
    };
    facts.money = state.transactions.values().filter(is_covered).map(|one| state.booked(one)).collect();
    facts
}

fn milestones<'a>(state: &'a State, facts: &Facts<'_>, as_of: NaiveDate) -> Vec<MilestoneSums<'a>> {
    let covered = state.milestones.by_class().filter(|(class, ..)| facts.pairing(class.pairing).is_some());
    covered.map(|(class, from_on, bucket)| MilestoneSums::OfClass(class, from_on, bucket.tally(as_of))).collect()
}

fn commitments(state: &State, facts: &Facts<'_>, as_of: NaiveDate) -> Vec<CommitmentFact> {
    let fact = |one: &Commitment| {
        let pairing = state.structure.agreements.get(&one.agreement)?.pairing;
        facts.pairing(pairing)?;
        Some(CommitmentFact {
            pairing,
            agreement: one.agreement,
            sector: one.sector,
            due_on: state.last_day(one),
            pace: state.standing(one, as_of).pace,
        })
    };
    state.commitments.values().filter_map(fact).collect()
}

fn resolutions(state: &State, facts: &Facts<'_>, as_of: NaiveDate) -> Vec<ResolutionFact> {
    let fact = |one: &Resolution| {
        let pairing = *state.conferences.get(&one.conference)?;
        facts.pairing(pairing)?;
        Some(ResolutionFact { pairing, due_on: one.due_on, state: state.decision(one, as_of) })
    };
    state.resolutions.values().filter_map(fact).collect()
}

fn exchanges(state: &State, facts: &Facts<'_>, as_of: NaiveDate) -> Vec<ExchangeFact> {
    let covered = state.exchanges.values().filter(|one| facts.pairing(one.pairing).is_some());
    covered
        .map(|one| ExchangeFact {
            pairing: one.pairing,
            start_on: one.start_on(),
            sending: one.sending,
            hosting: one.hosting,
            fact: one.figure(as_of),
        })
        .collect()
}
