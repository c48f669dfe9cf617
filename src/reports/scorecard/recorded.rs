//! The facts of a scorecard as they were recorded at an instant.
//!
//! The audit log holds every record as each write left it. Records are read from it some hundred at a time, and only what
//! counts of them is kept. Milestones, of which there are most, are read from it only where they were changed or deleted
//! since: all others still stand as they did then, and are summed by the database ([`milestones`]).
//!
//! What a date makes of a record is computed by the same figures as today's. Where regions lie and organizations are is
//! taken as it is now.

mod milestones;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::NaiveDate;
use serde::de::DeserializeOwned;

use super::facts::{CommitmentFact, ExchangeFact, Facts, ResolutionFact};
use super::snapshots::{
    Agreement, Commitment, Exchange, Fund, Id, Indicator, Milestone, OfPairing, Pairing, PairingMember, Party, Project,
    Report, Resolution, Transaction,
};
use super::{GroupBy, Wanted};
use crate::audit::log as history;
use crate::db::Conn;
use crate::db::reference::Kind;
use crate::error::Result;
use crate::figures::members::{Member, Places};
use crate::figures::money::Entry;
use crate::figures::pace::{self, Goal, Period, Standing};
use crate::figures::{exchanges, lateness};
use crate::model::types::Instant;
use crate::reports::facts::structure::{AgreementFact, PairingFact, ProjectFact};
use crate::resources::milestones::Status as MilestoneStatus;
use crate::resources::resolutions::{state, state_by_commitment, state_by_milestone};
use crate::resources::transactions::booked::Booked;
use crate::resources::{
    self as all, agreements, commitments, conferences, exchanges as people, funds, pairings, progress_reports,
    projects, resolutions, transactions,
};

/// The audit log up to an instant, and the date that figures are computed for.
struct Past<'a> {
    conn: &'a mut Conn,
    at: Instant,
    as_of: NaiveDate,
}

impl Past<'_> {
    /// Visits the records of a kind as they stood.
    fn each<T: DeserializeOwned>(&mut self, kind: &'static Kind, visit: impl FnMut(i64, T)) -> Result<()> {
        history::each_as_it_stood(self.conn, kind, self.at, visit)
    }
}

/// All that the scorecard covers, as it was recorded at an instant, on a date.
pub fn load(conn: &mut Conn, wanted: &Wanted, at: Instant, as_of: NaiveDate) -> Result<Facts<'static>> {
    let mut facts = Facts::default();
    if wanted.group_by == GroupBy::Member {
        facts.places = Cow::Owned(Places::load(conn)?);
    }
    let mut past = Past { conn, at, as_of };
    let is_wanted = |id: i64, pairing: &Pairing| {
        wanted.pairing.is_none_or(|wanted| wanted == id)
            && wanted.programme.is_none_or(|wanted| wanted == pairing.programme.id)
    };
    past.each(&pairings::KIND, |id, pairing: Pairing| {
        if is_wanted(id, &pairing) {
            let member = |one: &PairingMember| Member {
                region: one.region.id,
                role: one.role,
                from_on: one.from_on,
                to_on: one.to_on,
            };
            let members = pairing.members.iter().map(member).collect();
            facts.pairings.to_mut().insert(id, PairingFact { programme: pairing.programme.id, members });
        }
    })?;
    let terms = load_agreements(&mut past, &mut facts)?;
    load_projects(&mut past, wanted, &mut facts, &terms)?;
    let by_member = wanted.group_by == GroupBy::Member;
    facts.milestones = milestones::load(past.conn, &facts, by_member, at, as_of)?;
    let standings = load_commitments(&mut past, &mut facts, &terms)?;
    load_resolutions(&mut past, &mut facts, &standings)?;
    load_exchanges(&mut past, &mut facts)?;
    load_money(&mut past, wanted, &mut facts)?;
    Ok(facts)
}

/// Pairing, first and last day of each agreement, of whatever pairing.
type Terms = HashMap<i64, (i64, Option<NaiveDate>, Option<NaiveDate>)>;

fn load_agreements(past: &mut Past<'_>, facts: &mut Facts<'_>) -> Result<Terms> {
    let mut terms = Terms::new();
    past.each(&agreements::KIND, |id, agreement: Agreement| {
        let pairing = agreement.pairing.id;
        terms.insert(id, (pairing, agreement.effective_on.or(agreement.signed_on), agreement.expires_on));
        if !facts.pairings.contains_key(&pairing) {
            return;
        }
        let mut named = BTreeSet::new();
        for Party { region, organization } in &agreement.parties {
            region.iter().for_each(|region| facts.places.add_region(&mut named, region.id));
            organization.iter().for_each(|one| facts.places.add_organization(&mut named, one.id));
        }
        let sectors = agreement.sectors.iter().map(|sector| sector.id).collect();
        facts.agreements.to_mut().insert(id, AgreementFact { pairing, sectors, named });
    })?;
    Ok(terms)
}

fn load_projects(past: &mut Past<'_>, wanted: &Wanted, facts: &mut Facts<'_>, terms: &Terms) -> Result<()> {
    past.each(&projects::KIND, |id, project: Project| {
        let shares = project.sectors.iter().map(|share| (share.sector.id, projects::hundredths(share.percent)));
        // An agreement that moved to another pairing took it along, of which its own events say nothing.
        let agreement = project.agreement.map(|agreement| agreement.id);
        let pairing = agreement.and_then(|id| terms.get(&id)).map_or(project.pairing.id, |(pairing, ..)| *pairing);
        if facts.pairings.contains_key(&pairing) {
            let sectors = shares.clone().map(|(sector, _)| sector).collect();
            facts.projects.to_mut().insert(id, ProjectFact { pairing, agreement, sectors });
        }
        if wanted.is_by_sector() {
            facts.shares.to_mut().insert(id, shares.collect());
        }
    })
}

fn load_commitments(past: &mut Past<'_>, facts: &mut Facts<'_>, terms: &Terms) -> Result<HashMap<i64, Standing>> {
    let mut commitments: Vec<(i64, Commitment)> = Vec::new();
    past.each(&commitments::KIND, |id, commitment: Commitment| {
        if facts.agreements.contains_key(&commitment.agreement.id) {
            commitments.push((id, commitment));
        }
    })?;
    if commitments.is_empty() {
        return Ok(HashMap::new());
    }
    let mut periods: HashMap<i64, Vec<(i64, Period)>> = commitments.iter().map(|(id, _)| (*id, Vec::new())).collect();
    let mut corrected = HashSet::new();
    past.each(&progress_reports::KIND, |id, report: Report| {
        if report.status != progress_reports::Status::Approved {
            return;
        }
        corrected.extend(report.supersedes.map(|one| one.id));
        if let Some(periods) = periods.get_mut(&report.commitment.id) {
            let period = Period { start_on: report.period_start_on, end_on: report.period_end_on, value: report.value };
            periods.push((id, period));
        }
    })?;
    let mut standings = HashMap::with_capacity(commitments.len());
    for (id, commitment) in commitments {
        let agreement = commitment.agreement.id;
        let Some(pairing) = facts.agreements.get(&agreement).map(|agreement| agreement.pairing) else { continue };
        let (_, from_on, to_on) = terms.get(&agreement).copied().unwrap_or_default();
        let goal = commitment.indicator.map(|Indicator { baseline, target, direction, accumulation }| Goal {
            baseline,
            target,
            direction,
            accumulation,
        });
        let reported = periods.remove(&id).unwrap_or_default().into_iter();
        let reported: Vec<Period> =
            reported.filter(|(report, _)| !corrected.contains(report)).map(|(_, period)| period).collect();
        let (starts_on, due_on) = (commitment.starts_on.or(from_on), commitment.due_on.or(to_on));
        let standing = pace::standing(goal, starts_on, due_on, &reported, past.as_of);
        standings.insert(id, standing);
        facts.commitments.push(CommitmentFact {
            pairing,
            agreement,
            sector: commitment.sector.map(|sector| sector.id),
            due_on,
            pace: standing.pace,
        });
    }
    Ok(standings)
}

fn load_resolutions(past: &mut Past<'_>, facts: &mut Facts<'_>, standings: &HashMap<i64, Standing>) -> Result<()> {
    let mut conferences: HashMap<i64, i64> = HashMap::new();
    // A conference that moved to another pairing takes them along in the same way.
    past.each(&conferences::KIND, |id, conference: OfPairing| {
        if facts.pairings.contains_key(&conference.pairing.id) {
            conferences.insert(id, conference.pairing.id);
        }
    })?;
    let mut covered: Vec<(i64, Resolution)> = Vec::new();
    past.each(&resolutions::KIND, |_, one: Resolution| {
        covered.extend(conferences.get(&one.conference.id).map(|pairing| (*pairing, one)));
    })?;
    let mut named: Vec<i64> = covered.iter().filter_map(|(_, one)| one.milestone.map(|one| one.id)).collect();
    named.sort_unstable();
    named.dedup();
    let mut late: HashMap<i64, (MilestoneStatus, bool)> = HashMap::new();
    let as_of = past.as_of;
    history::each_of_as_it_stood(past.conn, &all::milestones::KIND, &named, past.at, |id, one: Milestone| {
        late.insert(id, (one.status, lateness::is_overdue(one.status, one.due_on, as_of)));
    })?;
    facts.resolutions.extend(covered.into_iter().map(|(pairing, one)| {
        let commitment = one.commitment.and_then(|commitment| standings.get(&commitment.id));
        let milestone = one.milestone.and_then(|milestone| late.get(&milestone.id));
        let state = match (commitment, milestone) {
            (Some(standing), _) => state_by_commitment(standing.completion, standing.pace, standing.expected),
            (None, Some((status, is_overdue))) => state_by_milestone(*status, *is_overdue),
            (None, None) => state(one.status, one.due_on, as_of),
        };
        ResolutionFact { pairing, due_on: one.due_on, state }
    }));
    Ok(())
}

fn load_exchanges(past: &mut Past<'_>, facts: &mut Facts<'_>) -> Result<()> {
    let as_of = past.as_of;
    past.each(&people::KIND, |_, one: Exchange| {
        if !facts.pairings.contains_key(&one.pairing.id) {
            return;
        }
        facts.exchanges.push(ExchangeFact {
            pairing: one.pairing.id,
            start_on: one.actual_start_on.or(one.planned_start_on),
            sending: one.sending.map(|sending| sending.id),
            hosting: one.hosting.map(|hosting| hosting.id),
            fact: exchanges::Fact {
                profession: one.profession,
                direction: one.direction,
                headcount: one.headcount,
                stage: people::stage(one.status, one.actual_start_on, one.actual_end_on, as_of),
            },
        });
    })
}

fn load_money(past: &mut Past<'_>, wanted: &Wanted, facts: &mut Facts<'_>) -> Result<()> {
    past.each(&funds::KIND, |id, fund: Fund| {
        facts.funds.to_mut().insert(id, fund.programme.id);
    })?;
    let as_of = past.as_of;
    let mut kinds: HashMap<i64, transactions::Kind> = HashMap::new();
    let mut booked: Vec<(Option<i64>, Booked)> = Vec::new();
    past.each(&transactions::KIND, |id, one: Transaction| {
        kinds.insert(id, one.kind);
        if covers(wanted, facts, &one) && one.value_on <= as_of {
            booked.push((one.reverses.map(|reversed| reversed.id), entry(one)));
        }
    })?;
    facts.money.extend(booked.into_iter().map(|(reverses, mut booked)| {
        booked.entry.reversed_kind = reverses.and_then(|reversed| kinds.get(&reversed).copied());
        booked
    }));
    Ok(())
}

/// Whether a ledger entry is of what the filter asks for.
fn covers(wanted: &Wanted, facts: &Facts<'_>, one: &Transaction) -> bool {
    let pairing = one.pairing.map(|pairing| pairing.id);
    let is_of_pairings = pairing.is_some_and(|id| facts.pairings.contains_key(&id));
    let programme = one.fund.and_then(|fund| facts.funds.get(&fund.id).copied());
    match (wanted.pairing, wanted.programme) {
        (None, None) => true,
        (None, Some(wanted)) => is_of_pairings || programme == Some(wanted),
        (Some(_), None) => is_of_pairings,
        (Some(wanted_pairing), Some(wanted)) => {
            pairing == Some(wanted_pairing) && (is_of_pairings || programme == Some(wanted))
        }
    }
}

/// A ledger entry, without the kind of what it reverses.
fn entry(one: Transaction) -> Booked {
    let id = |reference: Option<Id>| reference.map(|reference| reference.id);
    Booked {
        entry: Entry {
            kind: one.kind,
            reversed_kind: None,
            amount: one.amount.0,
            pass_through: one.pass_through,
            value_on: one.value_on,
        },
        currency: one.currency,
        fund_id: id(one.fund),
        pairing_id: id(one.pairing),
        project_id: id(one.project),
        provider_id: id(one.provider),
        receiver_id: id(one.receiver),
    }
}
