//! What a scorecard sums: facts, whatever they were read from, and the groups that each of them counts in.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::NaiveDate;

use super::sums::{Sums, What};
use super::{GroupBy, Wanted};
use crate::figures::exchanges;
use crate::figures::members::{self, Places};
use crate::figures::pace::Pace;
use crate::figures::tally::{Owner, Tally};
use crate::reports::facts::milestones::{Class, Milestones, Parent};
use crate::reports::facts::structure::{AgreementFact, PairingFact, ProjectFact, Scope};
use crate::resources::resolutions::State;
use crate::resources::transactions::booked::{Booked, Shares};

/// All that a scorecard covers. Facts that are kept in memory are borrowed; they also contain what the filter excludes.
#[derive(Default)]
pub struct Facts<'a> {
    pub scope: Scope,
    pub pairings: Cow<'a, BTreeMap<i64, PairingFact>>,
    pub agreements: Cow<'a, BTreeMap<i64, AgreementFact>>,
    pub projects: Cow<'a, BTreeMap<i64, ProjectFact>>,
    pub milestones: Vec<MilestoneSums<'a>>,
    /// The milestones of each agreement and project, where `milestones` has no sums by these.
    pub by_parent: Option<&'a Milestones>,
    pub commitments: Vec<CommitmentFact>,
    pub resolutions: Vec<ResolutionFact>,
    pub exchanges: Vec<ExchangeFact>,
    pub money: Vec<Booked>,
    /// The sectors of the projects that money is booked on; needed only by sector.
    pub shares: Cow<'a, Shares>,
    /// The programme of each fund; needed only where the rows are programmes.
    pub funds: Cow<'a, BTreeMap<i64, i64>>,
    /// Where regions and organizations are; needed only where the rows are members.
    pub places: Cow<'a, Places>,
}

/// Sums over milestones of one subject.
pub enum MilestoneSums<'a> {
    /// Of an agreement or a project.
    OfOwner(Owner, Tally),
    /// Of all agreements and projects of a class that are due in a period, which begins on this day.
    OfClass(&'a Class, NaiveDate, Tally),
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
    pub fn add(&mut self, facts: &Facts<'_>, mut owner: Owner, tally: &Tally) {
        let members = facts.pairings.get(&owner.pairing).map_or(&[][..], |pairing| &pairing.members);
        owner.due_on = owner.due_on.filter(|_| self.by_member).map(|day| members::period_start(members, day));
        *self.sums.entry(owner).or_default() += tally;
    }

    pub fn into_sums<'a>(self) -> Vec<MilestoneSums<'a>> {
        self.sums.into_iter().map(|(owner, tally)| MilestoneSums::OfOwner(owner, tally)).collect()
    }
}

/// What is done with a thing that counts: whether it counts in `overall` (a part of it does not again), and in which
/// groups.
pub trait Count: FnMut(What<'_>, bool, BTreeSet<i64>) {}

impl<F: FnMut(What<'_>, bool, BTreeSet<i64>)> Count for F {}

/// What a thing belongs to, and when it happens.
#[derive(Default)]
struct Subject<'a> {
    programme: Option<i64>,
    pairing: Option<i64>,
    agreement: Option<i64>,
    project: Option<i64>,
    sectors: Cow<'a, [i64]>,
    /// The regions that it names; those of its agreement where there are none.
    named: Cow<'a, BTreeSet<i64>>,
    day: Option<NaiveDate>,
}

impl Facts<'_> {
    /// The pairing, if the scorecard covers it.
    pub fn pairing(&self, id: i64) -> Option<&PairingFact> {
        self.pairings.get(&id).filter(|pairing| self.scope.covers(id, pairing))
    }

    fn agreement(&self, id: i64) -> Option<&AgreementFact> {
        self.agreements.get(&id).filter(|agreement| self.pairing(agreement.pairing).is_some())
    }

    fn project(&self, id: i64) -> Option<&ProjectFact> {
        self.projects.get(&id).filter(|project| self.pairing(project.pairing).is_some())
    }

    /// The subjects that have a row even where nothing counts for them.
    pub fn subjects(&self, wanted: &Wanted, as_of: NaiveDate) -> Vec<i64> {
        let is_in = |pairing: i64, sectors: &[i64]| {
            wanted.sector.is_none_or(|sector| sectors.contains(&sector)) && self.pairing(pairing).is_some()
        };
        let agreements = || self.agreements.iter().filter(|(_, one)| is_in(one.pairing, &one.sectors));
        let projects = || self.projects.iter().filter(|(_, one)| is_in(one.pairing, &one.sectors));
        match wanted.group_by {
            GroupBy::Agreement => agreements().map(|(id, _)| *id).collect(),
            GroupBy::Project => projects().map(|(id, _)| *id).collect(),
            GroupBy::Sector => {
                let all = agreements().flat_map(|(_, agreement)| &agreement.sectors);
                let all = all.chain(projects().flat_map(|(_, project)| &project.sectors));
                all.copied().filter(|sector| wanted.sector.is_none_or(|wanted| wanted == *sector)).collect()
            }
            GroupBy::Pairing | GroupBy::Programme | GroupBy::Member => {
                let in_sector: BTreeSet<i64> = match wanted.sector {
                    None => BTreeSet::new(),
                    Some(_) => agreements()
                        .map(|(_, agreement)| agreement.pairing)
                        .chain(projects().map(|(_, project)| project.pairing))
                        .collect(),
                };
                let covered = self.pairings.iter().filter(|(id, pairing)| self.scope.covers(**id, pairing));
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
        let mut give = |what: What<'_>, subject: &Subject<'_>| {
            if wanted.sector.is_none_or(|sector| subject.sectors.contains(&sector)) {
                count(what, true, self.groups(wanted, subject, as_of));
            }
        };
        for sums in &self.milestones {
            match sums {
                MilestoneSums::OfOwner(Owner { pairing, agreement, project, due_on }, tally) => {
                    give(What::Milestones(tally), &self.subject(*pairing, *agreement, *project, *due_on));
                }
                MilestoneSums::OfClass(class, from_on, tally) => {
                    give(What::Milestones(tally), &self.subject_of_class(class, *from_on));
                }
            }
        }
        for one in &self.commitments {
            let mut subject = self.subject(one.pairing, Some(one.agreement), None, one.due_on);
            if let Some(sector) = one.sector {
                subject.sectors = Cow::Owned(vec![sector]);
            }
            give(What::Commitment(one.pace), &subject);
        }
        for one in &self.resolutions {
            give(What::Resolution(one.state), &self.subject(one.pairing, None, None, one.due_on));
        }
        for one in &self.exchanges {
            let mut subject = self.subject(one.pairing, None, None, one.start_on);
            let organizations = [one.sending, one.hosting].into_iter().flatten();
            organizations.for_each(|id| self.places.add_organization(subject.named.to_mut(), id));
            give(What::Exchange(&one.fact), &subject);
        }
        for one in &self.money {
            self.each_part(one, wanted, as_of, &mut count);
        }
    }

    /// Gives a ledger entry: whole, and by its parts where sectors are asked for.
    fn each_part(&self, booked: &Booked, wanted: &Wanted, as_of: NaiveDate, count: &mut impl Count) {
        let agreement = booked.project_id.and_then(|id| self.project(id)).and_then(|project| project.agreement);
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
            subject.named = Cow::Owned(named);
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
            subject.sectors = Cow::Owned(sector.into_iter().collect());
            let groups = self.groups(wanted, &subject, as_of);
            count(What::Money(&booked.currency, entry), wanted.sector.is_some(), groups);
        }
    }

    fn subject(
        &self,
        pairing: i64,
        agreement: Option<i64>,
        project: Option<i64>,
        day: Option<NaiveDate>,
    ) -> Subject<'_> {
        let of_project = project.and_then(|id| self.project(id)).map(|project| &project.sectors);
        let of_agreement = agreement.and_then(|id| self.agreement(id));
        let sectors = of_project
            .filter(|sectors| !sectors.is_empty())
            .or(of_agreement.map(|agreement| &agreement.sectors))
            .map_or(&[][..], Vec::as_slice);
        Subject {
            programme: self.pairing(pairing).map(|pairing| pairing.programme),
            pairing: Some(pairing),
            agreement,
            project,
            sectors: Cow::Borrowed(sectors),
            named: of_agreement.map(|agreement| Cow::Borrowed(&agreement.named)).unwrap_or_default(),
            day,
        }
    }

    fn subject_of_class<'b>(&self, class: &'b Class, from_on: NaiveDate) -> Subject<'b> {
        Subject {
            programme: self.pairing(class.pairing).map(|pairing| pairing.programme),
            pairing: Some(class.pairing),
            sectors: Cow::Borrowed(&class.sectors),
            named: Cow::Borrowed(&class.named),
            day: Some(from_on),
            ..Subject::default()
        }
    }

    /// The pairing of a row that is an agreement or a project.
    pub fn pairing_of(&self, wanted: &Wanted, id: i64) -> Option<i64> {
        match wanted.group_by {
            GroupBy::Agreement => self.agreement(id).map(|agreement| agreement.pairing),
            GroupBy::Project => self.project(id).map(|project| project.pairing),
            _ => None,
        }
    }

    /// The agreements or projects with milestones in the sector that the filter names, where `milestones` does not have them:
    /// a project can be in a sector that its agreement is not in.
    pub fn parents_in_sector(&self, wanted: &Wanted) -> Vec<i64> {
        let (Some(milestones), Some(sector)) = (self.by_parent, wanted.sector) else { return Vec::new() };
        let in_sector = milestones.parents().filter_map(|parent| {
            let subject = self.subject_of_parent(parent)?;
            subject.sectors.contains(&sector).then(|| Self::row_of(wanted, &subject))?
        });
        in_sector.collect()
    }

    /// Adds the milestones of rows that are agreements or projects, where `milestones` does not have them.
    pub fn add_to_rows(&self, wanted: &Wanted, as_of: NaiveDate, ids: &[i64], rows: &mut BTreeMap<i64, Sums>) {
        let Some(milestones) = self.by_parent else { return };
        let mut add = |parent: Parent| {
            let Some(subject) = self.subject_of_parent(parent) else { return };
            let is_in = wanted.sector.is_none_or(|sector| subject.sectors.contains(&sector));
            let row = Self::row_of(wanted, &subject).filter(|_| is_in);
            if let (Some(row), Some(tally)) = (row, milestones.tally(parent, as_of)) {
                rows.entry(row).or_default().add(&What::Milestones(&tally));
            }
        };
        if wanted.group_by == GroupBy::Project {
            ids.iter().for_each(|id| add(Parent::Project(*id)));
            return;
        }
        ids.iter().for_each(|id| add(Parent::Agreement(*id)));
        let is_row = |project: &ProjectFact| project.agreement.is_some_and(|id| ids.binary_search(&id).is_ok());
        let of_rows = self.projects.iter().filter(|(_, project)| is_row(project));
        of_rows.for_each(|(id, _)| add(Parent::Project(*id)));
    }

    fn subject_of_parent(&self, parent: Parent) -> Option<Subject<'_>> {
        match parent {
            Parent::Agreement(id) => Some(self.subject(self.agreement(id)?.pairing, Some(id), None, None)),
            Parent::Project(id) => {
                let project = self.project(id)?;
                Some(self.subject(project.pairing, project.agreement, Some(id), None))
            }
        }
    }

    /// The agreement or project whose row a subject counts in.
    fn row_of(wanted: &Wanted, subject: &Subject<'_>) -> Option<i64> {
        if wanted.group_by == GroupBy::Project { subject.project } else { subject.agreement }
    }

    fn groups(&self, wanted: &Wanted, subject: &Subject<'_>, as_of: NaiveDate) -> BTreeSet<i64> {
        match wanted.group_by {
            GroupBy::Programme => subject.programme.into_iter().collect(),
            GroupBy::Pairing => subject.pairing.filter(|id| self.pairing(*id).is_some()).into_iter().collect(),
            GroupBy::Agreement => subject.agreement.into_iter().collect(),
            GroupBy::Project => subject.project.into_iter().collect(),
            GroupBy::Sector => {
                let sectors = subject.sectors.iter().copied();
                sectors.filter(|sector| wanted.sector.is_none_or(|wanted| wanted == *sector)).collect()
            }
            GroupBy::Member => match subject.pairing.and_then(|id| self.pairing(id)) {
                Some(pairing) => members::concerned(&pairing.members, &subject.named, subject.day.unwrap_or(as_of)),
                None => BTreeSet::new(),
            },
        }
    }
}
