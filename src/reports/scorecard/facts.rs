//! What a scorecard sums: facts, whatever they were read from, and the groups that each of them counts in.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::NaiveDate;

use super::{Figures, GroupBy, Wanted};
use crate::figures::members::{self, Member, Places};
use crate::figures::pace::{Pace, PaceCounts};
use crate::figures::resolutions::ResolutionCounts;
use crate::figures::tally::{Owner, Tally};
use crate::figures::{exchanges, money};
use crate::resources::resolutions::State;
use crate::resources::transactions::booked::{Booked, Shares};

/// All that a scorecard covers.
#[derive(Default)]
pub struct Facts {
    pub pairings: BTreeMap<i64, PairingFact>,
    pub agreements: BTreeMap<i64, AgreementFact>,
    pub projects: BTreeMap<i64, ProjectFact>,
    pub milestones: Vec<(Owner, Tally)>,
    pub commitments: Vec<CommitmentFact>,
    pub resolutions: Vec<ResolutionFact>,
    pub exchanges: Vec<ExchangeFact>,
    pub money: Vec<Booked>,
    /// The sectors of the projects that money is booked on; needed only by sector.
    pub shares: Shares,
    /// The programme of each fund; needed only where the rows are programmes.
    pub funds: BTreeMap<i64, i64>,
    /// Where regions and organizations are; empty unless the rows are members.
    pub places: Places,
}

pub struct PairingFact {
    pub programme: i64,
    /// Empty unless the rows are members.
    pub members: Vec<Member>,
}

pub struct AgreementFact {
    pub pairing: i64,
    pub sectors: Vec<i64>,
    /// The regions that sign it, with all that are around them; empty unless the rows are members.
    pub named: BTreeSet<i64>,
}

pub struct ProjectFact {
    pub pairing: i64,
    pub agreement: Option<i64>,
    pub sectors: Vec<i64>,
}

pub struct CommitmentFact {
    pub pairing: i64,
    pub agreement: i64,
    pub sector: Option<i64>,
    pub due_on: Option<NaiveDate>,
    pub pace: Pace,
}

pub struct ResolutionFact {
    pub pairing: i64,
    pub due_on: Option<NaiveDate>,
    pub state: State,
}

pub struct ExchangeFact {
    pub pairing: i64,
    /// When it began, or is to begin.
    pub start_on: Option<NaiveDate>,
    pub sending: Option<i64>,
    pub hosting: Option<i64>,
    pub fact: exchanges::Fact,
}

/// Sums over milestones by what they belong to, while they are read. Where the rows are members, also by the periods of
/// their pairing in which its members are the same: within one, the day that a milestone is due makes no difference.
pub struct Tallies {
    by_member: bool,
    sums: HashMap<Owner, Tally>,
}

impl Tallies {
    pub fn new(by_member: bool) -> Tallies {
        Tallies { by_member, sums: HashMap::new() }
    }

    /// Adds milestones of one owner that are due on `owner.due_on`, or on any day where the rows are no members.
    pub fn add(&mut self, facts: &Facts, mut owner: Owner, tally: &Tally) {
        let members = facts.pairings.get(&owner.pairing).map_or(&[][..], |pairing| &pairing.members);
        owner.due_on = owner.due_on.filter(|_| self.by_member).map(|day| members::period_start(members, day));
        *self.sums.entry(owner).or_default() += tally;
    }

    pub fn into_sums(self) -> Vec<(Owner, Tally)> {
        self.sums.into_iter().collect()
    }
}

/// One thing that counts.
pub enum What<'a> {
    Milestones(&'a Tally),
    Commitment(Pace),
    Resolution(State),
    Exchange(&'a exchanges::Fact),
    Money(&'a str, money::Entry),
}

/// What is done with a thing that counts: whether it counts in `overall` (a part of it does not again), and in which
/// groups.
pub trait Count: FnMut(What<'_>, bool, BTreeSet<i64>) {}

impl<F: FnMut(What<'_>, bool, BTreeSet<i64>)> Count for F {}

/// What a thing belongs to, and when it happens.
#[derive(Default)]
struct Subject {
    programme: Option<i64>,
    pairing: Option<i64>,
    agreement: Option<i64>,
    project: Option<i64>,
    sectors: Vec<i64>,
    /// The regions that it names; those of its agreement where there are none.
    named: BTreeSet<i64>,
    day: Option<NaiveDate>,
}

impl Facts {
    /// The subjects that have a row even where nothing counts for them.
    pub fn subjects(&self, wanted: &Wanted, as_of: NaiveDate) -> BTreeSet<i64> {
        let is_in = |sectors: &[i64]| wanted.sector.is_none_or(|sector| sectors.contains(&sector));
        let agreements = || self.agreements.iter().filter(|(_, agreement)| is_in(&agreement.sectors));
        let projects = || self.projects.iter().filter(|(_, project)| is_in(&project.sectors));
        match wanted.group_by {
            GroupBy::Agreement => agreements().map(|(id, _)| *id).collect(),
            GroupBy::Project => projects().map(|(id, _)| *id).collect(),
            GroupBy::Sector => {
                let all = agreements().flat_map(|(_, agreement)| &agreement.sectors);
                let all = all.chain(projects().flat_map(|(_, project)| &project.sectors));
                all.copied().filter(|sector| wanted.sector.is_none_or(|wanted| wanted == *sector)).collect()
            }
            GroupBy::Pairing | GroupBy::Programme | GroupBy::Member => {
                let in_sector: BTreeSet<i64> = agreements()
                    .map(|(_, agreement)| agreement.pairing)
                    .chain(projects().map(|(_, project)| project.pairing))
                    .collect();
                let covered = self.pairings.iter();
                let covered = covered.filter(|(id, _)| wanted.sector.is_none() || in_sector.contains(*id));
                covered
                    .flat_map(|(id, pairing)| match wanted.group_by {
                        GroupBy::Programme => BTreeSet::from([pairing.programme]),
                        GroupBy::Member => members::concerned(&pairing.members, &BTreeSet::new(), as_of),
                        _ => BTreeSet::from([*id]),
                    })
                    .collect()
            }
        }
    }

    /// Gives every thing that counts, with the groups that it counts in.
    pub fn each(&self, wanted: &Wanted, as_of: NaiveDate, mut count: impl Count) {
        let mut give = |what: What<'_>, subject: &Subject| {
            if wanted.sector.is_none_or(|sector| subject.sectors.contains(&sector)) {
                count(what, true, self.groups(wanted, subject, as_of));
            }
        };
        for (owner, tally) in &self.milestones {
            let Owner { pairing, agreement, project, due_on } = *owner;
            give(What::Milestones(tally), &self.subject(pairing, agreement, project, due_on));
        }
        for one in &self.commitments {
            let mut subject = self.subject(one.pairing, Some(one.agreement), None, one.due_on);
            if let Some(sector) = one.sector {
                subject.sectors = vec![sector];
            }
            give(What::Commitment(one.pace), &subject);
        }
        for one in &self.resolutions {
            give(What::Resolution(one.state), &self.subject(one.pairing, None, None, one.due_on));
        }
        for one in &self.exchanges {
            let mut subject = self.subject(one.pairing, None, None, one.start_on);
            let organizations = [one.sending, one.hosting].into_iter().flatten();
            organizations.for_each(|id| self.places.add_organization(&mut subject.named, id));
            give(What::Exchange(&one.fact), &subject);
        }
        for one in &self.money {
            self.each_part(one, wanted, as_of, &mut count);
        }
    }

    /// Gives a ledger entry: whole, and by its parts where sectors are asked for.
    fn each_part(&self, booked: &Booked, wanted: &Wanted, as_of: NaiveDate, count: &mut impl Count) {
        let agreement = booked.project_id.and_then(|id| self.projects.get(&id)).and_then(|project| project.agreement);
        let mut subject = Subject {
            programme: booked.fund_id.and_then(|fund| self.funds.get(&fund).copied()),
            day: Some(booked.entry.value_on),
            ..Subject::default()
        };
        if let Some(pairing) = booked.pairing_id {
            subject = Subject {
                programme: subject.programme,
                ..self.subject(pairing, agreement, booked.project_id, subject.day)
            };
        }
        let organizations = [booked.provider_id, booked.receiver_id].into_iter().flatten();
        let mut named = BTreeSet::new();
        organizations.for_each(|id| self.places.add_organization(&mut named, id));
        if !named.is_empty() {
            subject.named = named;
        }
        let is_by_sector = wanted.is_by_sector();
        if wanted.sector.is_none() {
            let groups = if is_by_sector { BTreeSet::new() } else { self.groups(wanted, &subject, as_of) };
            count(What::Money(&booked.currency, booked.entry), true, groups);
        }
        let parts = if is_by_sector { booked.by_sector(&self.shares) } else { Vec::new() };
        for (sector, entry) in parts {
            if wanted.sector.is_some_and(|wanted| sector != Some(wanted)) {
                continue;
            }
            subject.sectors = sector.into_iter().collect();
            let groups = self.groups(wanted, &subject, as_of);
            count(What::Money(&booked.currency, entry), wanted.sector.is_some(), groups);
        }
    }

    fn subject(&self, pairing: i64, agreement: Option<i64>, project: Option<i64>, day: Option<NaiveDate>) -> Subject {
        let of_project = project.and_then(|id| self.projects.get(&id)).map(|project| &project.sectors);
        let of_agreement = agreement.and_then(|id| self.agreements.get(&id));
        let sectors = of_project
            .filter(|sectors| !sectors.is_empty())
            .or(of_agreement.map(|agreement| &agreement.sectors))
            .cloned()
            .unwrap_or_default();
        Subject {
            programme: self.pairings.get(&pairing).map(|pairing| pairing.programme),
            pairing: Some(pairing),
            agreement,
            project,
            sectors,
            named: of_agreement.map(|agreement| agreement.named.clone()).unwrap_or_default(),
            day,
        }
    }

    fn groups(&self, wanted: &Wanted, subject: &Subject, as_of: NaiveDate) -> BTreeSet<i64> {
        match wanted.group_by {
            GroupBy::Programme => subject.programme.into_iter().collect(),
            GroupBy::Pairing => subject.pairing.filter(|id| self.pairings.contains_key(id)).into_iter().collect(),
            GroupBy::Agreement => subject.agreement.into_iter().collect(),
            GroupBy::Project => subject.project.into_iter().collect(),
            GroupBy::Sector => {
                let sectors = subject.sectors.iter().copied();
                sectors.filter(|sector| wanted.sector.is_none_or(|wanted| wanted == *sector)).collect()
            }
            GroupBy::Member => match subject.pairing.and_then(|id| self.pairings.get(&id)) {
                Some(pairing) => members::concerned(&pairing.members, &subject.named, subject.day.unwrap_or(as_of)),
                None => BTreeSet::new(),
            },
        }
    }
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
