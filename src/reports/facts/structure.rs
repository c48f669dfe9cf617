//! The records that decide where others count: pairings with their members, agreements, projects, regions, organizations.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::NaiveDate;

use super::milestones::{Class, Parent};
use crate::figures::members::{self, Member, Places};
use crate::resources::commitments::store::Term;
use crate::resources::transactions::booked::Shares;

/// The pairings that a report covers.
#[derive(Clone, Copy, Default)]
pub struct Scope {
    pub programme: Option<i64>,
    pub pairing: Option<i64>,
}

impl Scope {
    pub fn covers(&self, id: i64, pairing: &PairingFact) -> bool {
        self.pairing.is_none_or(|wanted| wanted == id)
            && self.programme.is_none_or(|wanted| wanted == pairing.programme)
    }
}

#[derive(Clone, PartialEq, Eq)]
pub struct PairingFact {
    pub programme: i64,
    /// Needed only for figures of members.
    pub members: Vec<Member>,
}

#[derive(Clone, PartialEq, Eq)]
pub struct AgreementFact {
    pub pairing: i64,
    pub sectors: Vec<i64>,
    /// The regions that sign it, with all that are around them; needed only for figures of members.
    pub named: BTreeSet<i64>,
}

#[derive(Clone, PartialEq, Eq)]
pub struct ProjectFact {
    pub pairing: i64,
    pub agreement: Option<i64>,
    pub sectors: Vec<i64>,
}

/// An agreement as it is loaded.
pub struct Agreement {
    pub pairing: i64,
    pub sectors: Vec<i64>,
    pub parties: Vec<Party>,
    pub term: Term,
}

/// A region or an organization that signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Party {
    pub region: Option<i64>,
    pub organization: Option<i64>,
}

/// A project as it is loaded; its sectors with their shares.
pub struct Project {
    pub pairing: i64,
    pub agreement: Option<i64>,
    pub shares: Vec<(i64, i64)>,
}

#[derive(Default)]
pub struct Structure {
    pub pairings: BTreeMap<i64, PairingFact>,
    pub agreements: BTreeMap<i64, AgreementFact>,
    pub projects: BTreeMap<i64, ProjectFact>,
    pub shares: Shares,
    pub places: Places,
    pub terms: HashMap<i64, Term>,
    parties: HashMap<i64, Vec<Party>>,
}

impl Structure {
    /// The number of records.
    pub fn count(&self) -> usize {
        self.pairings.len() + self.agreements.len() + self.projects.len()
    }

    /// Returns whether the members changed, so that milestones count for others.
    pub fn put_pairing(&mut self, id: i64, new: Option<PairingFact>) -> bool {
        let members = |pairing: &PairingFact| pairing.members.clone();
        let has_changed = self.pairings.get(&id).map(members) != new.as_ref().map(members);
        match new {
            Some(new) => self.pairings.insert(id, new),
            None => self.pairings.remove(&id),
        };
        has_changed
    }

    pub fn put_agreement(&mut self, id: i64, new: Option<Agreement>) {
        let Some(Agreement { pairing, sectors, parties, term }) = new else {
            self.agreements.remove(&id);
            self.parties.remove(&id);
            self.terms.remove(&id);
            return;
        };
        self.agreements.insert(id, AgreementFact { pairing, sectors, named: self.named(&parties) });
        self.parties.insert(id, parties);
        self.terms.insert(id, term);
    }

    pub fn put_project(&mut self, id: i64, new: Option<Project>) {
        self.shares.remove(&id);
        let Some(Project { pairing, agreement, shares }) = new else {
            self.projects.remove(&id);
            return;
        };
        let sectors = shares.iter().map(|(sector, _)| *sector).collect();
        self.projects.insert(id, ProjectFact { pairing, agreement, sectors });
        if !shares.is_empty() {
            self.shares.insert(id, shares);
        }
    }

    /// Follows a change of where regions and organizations are.
    pub fn name_again(&mut self) {
        let named: Vec<(i64, BTreeSet<i64>)> =
            self.parties.iter().map(|(id, parties)| (*id, self.named(parties))).collect();
        for (id, named) in named {
            if let Some(agreement) = self.agreements.get_mut(&id) {
                agreement.named = named;
            }
        }
    }

    fn named(&self, parties: &[Party]) -> BTreeSet<i64> {
        let mut named = BTreeSet::new();
        for party in parties {
            party.region.into_iter().for_each(|id| self.places.add_region(&mut named, id));
            party.organization.into_iter().for_each(|id| self.places.add_organization(&mut named, id));
        }
        named
    }

    /// The class of the milestones of an agreement or a project; `None` if it does not exist.
    pub fn class_of(&self, parent: Parent) -> Option<Class> {
        let (pairing, own, agreement) = match parent {
            Parent::Agreement(id) => (self.agreements.get(&id)?.pairing, None, Some(id)),
            Parent::Project(id) => {
                let project = self.projects.get(&id)?;
                (project.pairing, Some(&project.sectors), project.agreement)
            }
        };
        let agreement = agreement.and_then(|id| self.agreements.get(&id));
        let sectors = own.filter(|own| !own.is_empty()).or(agreement.map(|agreement| &agreement.sectors));
        let mut sectors = sectors.cloned().unwrap_or_default();
        sectors.sort_unstable();
        let members = &self.pairings.get(&pairing)?.members;
        let is_named = |region: &i64| agreement.is_some_and(|agreement| agreement.named.contains(region));
        let named = members.iter().map(|member| member.region).filter(is_named).collect();
        Some(Class { pairing, sectors, named })
    }

    /// The first day of the period around a day in which a pairing has the same members.
    pub fn period_start(&self, pairing: i64, day: NaiveDate) -> NaiveDate {
        let members = self.pairings.get(&pairing).map_or(&[][..], |pairing| &pairing.members);
        members::period_start(members, day)
    }
}
