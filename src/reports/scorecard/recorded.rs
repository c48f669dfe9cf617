//! The facts of a scorecard as they were recorded at an instant: read from the history, which keeps every record as each
//! write left it.
//!
//! What a date makes of a record is computed by the same figures as today's. Where regions lie and organizations are is
//! taken as it is now.

use std::collections::{BTreeSet, HashMap};

use chrono::NaiveDate;
use serde::de::DeserializeOwned;

use super::facts::{AgreementFact, CommitmentFact, ExchangeFact, Facts, PairingFact, ProjectFact, ResolutionFact};
use super::snapshots::{
    Agreement, Commitment, Exchange, Fund, Id, Indicator, Milestone, OfPairing, Pairing, PairingMember, Party, Project,
    Report, Resolution, Transaction,
};
use super::{GroupBy, Wanted};
use crate::db::Conn;
use crate::db::reference::Kind;
use crate::db::types::Instant;
use crate::error::Result;
use crate::figures::members::{Member, Places};
use crate::figures::money::{Booked, Entry};
use crate::figures::pace::{self, Goal, Period, Standing};
use crate::figures::tally::{self, Owner, Tally};
use crate::figures::{exchanges, lateness};
use crate::resources::audit_events::store as history;
use crate::resources::milestones::Status as MilestoneStatus;
use crate::resources::milestones::store::to_thousandths;
use crate::resources::resolutions::{state, state_by_commitment, state_by_milestone};
use crate::resources::{
    agreements, commitments, conferences, exchanges as people, funds, milestones, pairings, progress_reports, projects,
    resolutions, transactions,
};

/// What the history says of an instant, and the date that is asked for.
struct Past<'a> {
    conn: &'a mut Conn,
    at: Instant,
    as_of: NaiveDate,
}

impl Past<'_> {
    /// The records of a kind as they stood.
    fn all<T: DeserializeOwned>(&mut self, kind: &'static Kind) -> Result<Vec<(i64, T)>> {
        let records = history::all_as_they_stood(self.conn, kind, self.at)?;
        records.into_iter().map(|(id, record)| Ok((id, serde_json::from_value(record)?))).collect()
    }
}

/// All that the scorecard covers, as it was recorded at an instant, on a date.
pub fn load(conn: &mut Conn, wanted: &Wanted, at: Instant, as_of: NaiveDate) -> Result<Facts> {
    let mut facts = Facts::default();
    if wanted.group_by == GroupBy::Member {
        facts.places = Places::load(conn)?;
    }
    let mut past = Past { conn, at, as_of };
    let is_wanted = |id: i64, pairing: &Pairing| {
        wanted.pairing.is_none_or(|wanted| wanted == id)
            && wanted.programme.is_none_or(|wanted| wanted == pairing.programme.id)
    };
    for (id, pairing) in past.all::<Pairing>(&pairings::KIND)? {
        if is_wanted(id, &pairing) {
            let member = |one: &PairingMember| Member {
                region: one.region.id,
                role: one.role,
                from_on: one.from_on,
                to_on: one.to_on,
            };
            let members = pairing.members.iter().map(member).collect();
            facts.pairings.insert(id, PairingFact { programme: pairing.programme.id, members });
        }
    }
    let terms = load_agreements(&mut past, &mut facts)?;
    load_projects(&mut past, &mut facts, &terms)?;
    let late = load_milestones(&mut past, &mut facts)?;
    let standings = load_commitments(&mut past, &mut facts, &terms)?;
    load_resolutions(&mut past, &mut facts, &late, &standings)?;
    load_exchanges(&mut past, &mut facts)?;
    load_money(&mut past, wanted, &mut facts)?;
    Ok(facts)
}

/// Pairing, first and last day of each agreement, of whatever pairing.
type Terms = HashMap<i64, (i64, Option<NaiveDate>, Option<NaiveDate>)>;

fn load_agreements(past: &mut Past<'_>, facts: &mut Facts) -> Result<Terms> {
    let mut terms = Terms::new();
    for (id, agreement) in past.all::<Agreement>(&agreements::KIND)? {
        terms.insert(id, (agreement.pairing.id, agreement.effective_on.or(agreement.signed_on), agreement.expires_on));
        if !facts.pairings.contains_key(&agreement.pairing.id) {
            continue;
        }
        let mut named = BTreeSet::new();
        for Party { region, organization } in &agreement.parties {
            region.iter().for_each(|region| facts.places.add_region(&mut named, region.id));
            organization.iter().for_each(|one| facts.places.add_organization(&mut named, one.id));
        }
        let sectors = agreement.sectors.iter().map(|sector| sector.id).collect();
        facts.agreements.insert(id, AgreementFact { pairing: agreement.pairing.id, sectors, named });
    }
    Ok(terms)
}

fn load_projects(past: &mut Past<'_>, facts: &mut Facts, terms: &Terms) -> Result<()> {
    for (id, project) in past.all::<Project>(&projects::KIND)? {
        let shares: Vec<(i64, i64)> =
            project.sectors.iter().map(|share| (share.sector.id, projects::hundredths(share.percent))).collect();
        // An agreement that moved to another pairing took it along, which its own history does not tell.
        let agreement = project.agreement.map(|agreement| agreement.id);
        let pairing = agreement.and_then(|id| terms.get(&id)).map_or(project.pairing.id, |(pairing, ..)| *pairing);
        if facts.pairings.contains_key(&pairing) {
            let fact = ProjectFact { pairing, agreement, sectors: shares.iter().map(|(sector, _)| *sector).collect() };
            facts.projects.insert(id, fact);
        }
        facts.shares.insert(id, shares);
    }
    Ok(())
}

/// Status of each milestone, and whether it was overdue.
type Late = HashMap<i64, (MilestoneStatus, bool)>;

fn load_milestones(past: &mut Past<'_>, facts: &mut Facts) -> Result<Late> {
    let mut late = Late::new();
    for (id, milestone) in past.all::<Milestone>(&milestones::KIND)? {
        let is_overdue = lateness::is_overdue(milestone.status, milestone.due_on, past.as_of);
        late.insert(id, (milestone.status, is_overdue));
        let project = milestone.project.map(|project| project.id);
        let of_project = project.and_then(|id| facts.projects.get(&id));
        let agreement = milestone.agreement.map(|agreement| agreement.id);
        let agreement = agreement.or(of_project.and_then(|project| project.agreement));
        let of_agreement = agreement.and_then(|id| facts.agreements.get(&id)).map(|agreement| agreement.pairing);
        let Some(pairing) = of_project.map(|project| project.pairing).or(of_agreement) else { continue };
        let fact = tally::Fact {
            status: milestone.status,
            weight: to_thousandths(milestone.weight),
            progress: milestone.progress,
            due_on: milestone.due_on,
            baseline_due_on: milestone.baseline_due_on,
            met_on: milestone.met_on,
        };
        let owner = Owner { pairing, agreement, project, due_on: Some(milestone.due_on) };
        facts.milestones.push((owner, Tally::of(&fact, past.as_of)));
    }
    Ok(late)
}

fn load_commitments(past: &mut Past<'_>, facts: &mut Facts, terms: &Terms) -> Result<HashMap<i64, Standing>> {
    let reports = past.all::<Report>(&progress_reports::KIND)?;
    let approved = || reports.iter().filter(|(_, report)| report.status == progress_reports::Status::Approved);
    let corrected: BTreeSet<i64> = approved().filter_map(|(_, report)| report.supersedes.map(|one| one.id)).collect();
    let mut periods: HashMap<i64, Vec<Period>> = HashMap::new();
    for (_, report) in approved().filter(|(id, _)| !corrected.contains(id)) {
        let period = Period { start_on: report.period_start_on, end_on: report.period_end_on, value: report.value };
        periods.entry(report.commitment.id).or_default().push(period);
    }
    let mut standings = HashMap::new();
    for (id, commitment) in past.all::<Commitment>(&commitments::KIND)? {
        let agreement = commitment.agreement.id;
        let Some(pairing) = facts.agreements.get(&agreement).map(|agreement| agreement.pairing) else { continue };
        let (_, from_on, to_on) = terms.get(&agreement).copied().unwrap_or_default();
        let goal = commitment.indicator.map(|Indicator { baseline, target, direction, accumulation }| Goal {
            baseline,
            target,
            direction,
            accumulation,
        });
        let reported = periods.get(&id).map_or(&[][..], Vec::as_slice);
        let (starts_on, due_on) = (commitment.starts_on.or(from_on), commitment.due_on.or(to_on));
        let standing = pace::standing(goal, starts_on, due_on, reported, past.as_of);
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

fn load_resolutions(
    past: &mut Past<'_>,
    facts: &mut Facts,
    late: &Late,
    standings: &HashMap<i64, Standing>,
) -> Result<()> {
    // A conference takes them along in the same way.
    let conferences: HashMap<i64, OfPairing> = past.all(&conferences::KIND)?.into_iter().collect();
    for (_, one) in past.all::<Resolution>(&resolutions::KIND)? {
        let pairing = conferences.get(&one.conference.id).map(|conference| conference.pairing.id);
        let Some(pairing) = pairing.filter(|id| facts.pairings.contains_key(id)) else { continue };
        let commitment = one.commitment.and_then(|commitment| standings.get(&commitment.id));
        let milestone = one.milestone.and_then(|milestone| late.get(&milestone.id));
        let state = match (commitment, milestone) {
            (Some(standing), _) => state_by_commitment(standing.completion, standing.pace, standing.expected),
            (None, Some((status, is_overdue))) => state_by_milestone(*status, *is_overdue),
            (None, None) => state(one.status, one.due_on, past.as_of),
        };
        facts.resolutions.push(ResolutionFact { pairing, due_on: one.due_on, state });
    }
    Ok(())
}

fn load_exchanges(past: &mut Past<'_>, facts: &mut Facts) -> Result<()> {
    for (_, one) in past.all::<Exchange>(&people::KIND)? {
        if !facts.pairings.contains_key(&one.pairing.id) {
            continue;
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
                stage: people::stage(one.status, one.actual_start_on, one.actual_end_on, past.as_of),
            },
        });
    }
    Ok(())
}

fn load_money(past: &mut Past<'_>, wanted: &Wanted, facts: &mut Facts) -> Result<()> {
    let funds = past.all::<Fund>(&funds::KIND)?;
    facts.funds = funds.into_iter().map(|(id, fund)| (id, fund.programme.id)).collect();
    let ledger: HashMap<i64, Transaction> = past.all::<Transaction>(&transactions::KIND)?.into_iter().collect();
    for one in ledger.values() {
        let pairing = one.pairing.map(|pairing| pairing.id);
        let is_of_pairings = pairing.is_some_and(|id| facts.pairings.contains_key(&id));
        let programme = one.fund.and_then(|fund| facts.funds.get(&fund.id).copied());
        let is_covered = match (wanted.pairing, wanted.programme) {
            (None, None) => true,
            (None, Some(wanted)) => is_of_pairings || programme == Some(wanted),
            (Some(_), None) => is_of_pairings,
            (Some(wanted_pairing), Some(wanted)) => {
                pairing == Some(wanted_pairing) && (is_of_pairings || programme == Some(wanted))
            }
        };
        if !is_covered || one.value_on > past.as_of {
            continue;
        }
        let id = |reference: Option<Id>| reference.map(|reference| reference.id);
        facts.money.push(Booked {
            entry: Entry {
                kind: one.kind,
                reversed_kind: one.reverses.and_then(|reversed| ledger.get(&reversed.id)).map(|one| one.kind),
                amount: one.amount.0,
                pass_through: one.pass_through,
                value_on: one.value_on,
            },
            currency: one.currency.clone(),
            fund_id: id(one.fund),
            pairing_id: pairing,
            project_id: id(one.project),
            provider_id: id(one.provider),
            receiver_id: id(one.receiver),
        });
    }
    Ok(())
}
