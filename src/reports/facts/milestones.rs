//! All milestones, and their sums: by agreement and project, and by what else a report groups them by.
//!
//! Reports group by programme, pairing, sector and member. Milestones for which all of these are the same form a [`Class`].
//! There are few classes, whatever the number of agreements, so that a report sums classes and not agreements.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::NaiveDate;

use super::structure::Structure;
use crate::figures::bucket::Bucket;
use crate::figures::lateness;
use crate::figures::tally::{Fact, Tally};
use crate::model::milestones::Status;

/// What a milestone belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Parent {
    Agreement(i64),
    Project(i64),
}

/// What decides in which groups a milestone counts, besides its agreement and project.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Class {
    pub pairing: i64,
    pub sectors: Vec<i64>,
    /// The members of the pairing that its agreement names.
    pub named: BTreeSet<i64>,
}

/// A milestone as it is loaded.
#[derive(Clone, Copy, Debug)]
pub struct Loaded {
    pub parent: Parent,
    pub fact: Fact,
}

/// A milestone as it is stored. Whether it was met on time replaces the day on which it was met, and its place in `parents`
/// replaces its parent, so that it takes 24 bytes.
#[derive(Clone, Copy)]
struct Stored {
    weight: i64,
    due_on: NaiveDate,
    baseline_due_on: NaiveDate,
    parent: u32,
    status: Status,
    progress: u8,
    is_on_time: bool,
}

impl Stored {
    fn fact(&self) -> Fact {
        Fact {
            status: self.status,
            weight: self.weight,
            progress: self.progress.into(),
            due_on: self.due_on,
            baseline_due_on: self.baseline_due_on,
            met_on: self.is_on_time.then_some(self.baseline_due_on),
        }
    }
}

/// The milestones of an agreement or a project.
struct OfParent {
    parent: Parent,
    /// Index of its class; `None` while the agreement or project is not loaded.
    class: Option<u32>,
    bucket: Bucket,
}

/// All milestones and their sums.
#[derive(Default)]
pub struct Milestones {
    by_id: BTreeMap<i64, Stored>,
    parents: Vec<OfParent>,
    index_of: HashMap<Parent, u32>,
    classes: Vec<Class>,
    class_of: HashMap<Class, u32>,
    /// By class, and by the first day of a period in which the pairing has the same members.
    sums: HashMap<(u32, NaiveDate), Bucket>,
    /// Loaded milestones that are in no sum yet, because all of them are summed together.
    staged: Vec<(i64, Stored)>,
}

impl Milestones {
    pub fn count(&self) -> usize {
        self.by_id.len() + self.staged.len()
    }

    /// The status of a milestone, and whether it is overdue.
    pub fn standing(&self, id: i64, as_of: NaiveDate) -> Option<(Status, bool)> {
        let stored = self.by_id.get(&id)?;
        Some((stored.status, lateness::is_overdue(stored.status, stored.due_on, as_of)))
    }

    /// The agreements and projects that have milestones.
    pub fn parents(&self) -> impl Iterator<Item = Parent> {
        self.parents.iter().filter(|one| !one.bucket.is_empty()).map(|one| one.parent)
    }

    /// The sums over the milestones of an agreement or a project alone; `None` where there are none.
    pub fn tally(&self, parent: Parent, as_of: NaiveDate) -> Option<Tally> {
        let of_parent = self.parents.get(*self.index_of.get(&parent)? as usize)?;
        (!of_parent.bucket.is_empty()).then(|| of_parent.bucket.tally(as_of))
    }

    /// The class and the sums of the milestones of an agreement or a project alone; `None` where there are none.
    pub fn of_parent(&self, parent: Parent) -> Option<(&Class, &Bucket)> {
        let of_parent = self.parents.get(*self.index_of.get(&parent)? as usize)?;
        Some((self.classes.get(of_parent.class? as usize)?, &of_parent.bucket))
    }

    /// The sums by class and period.
    pub fn by_class(&self) -> impl Iterator<Item = (&Class, NaiveDate, &Bucket)> {
        self.sums.iter().filter_map(|((class, from_on), bucket)| {
            Some((self.classes.get(*class as usize)?, *from_on, bucket)).filter(|_| !bucket.is_empty())
        })
    }

    /// Adds milestones while all are loaded, in the order of their ids; [`Milestones::sum_up`] then makes the sums.
    pub fn stage(&mut self, loaded: impl IntoIterator<Item = (i64, Loaded)>) {
        for (id, loaded) in loaded {
            let stored = self.stored(&loaded);
            self.staged.push((id, stored));
        }
    }

    /// Makes the sums of all staged milestones.
    pub fn sum_up(&mut self, structure: &Structure) {
        self.by_id = std::mem::take(&mut self.staged).into_iter().collect();
        let mut facts: Vec<Vec<&Stored>> = vec![Vec::new(); self.parents.len()];
        for stored in self.by_id.values() {
            facts[stored.parent as usize].push(stored);
        }
        for (of_parent, facts) in self.parents.iter_mut().zip(facts) {
            of_parent.bucket = Bucket::of(facts.into_iter().map(Stored::fact));
        }
        self.classify(structure, &BTreeSet::new());
    }

    /// Inserts, replaces or, with `None`, removes a milestone.
    pub fn put(&mut self, structure: &Structure, id: i64, loaded: Option<&Loaded>) {
        let new = loaded.map(|loaded| self.stored(loaded));
        let old = match new {
            Some(new) => self.by_id.insert(id, new),
            None => self.by_id.remove(&id),
        };
        if let Some(old) = old {
            let (fact, key) = (old.fact(), self.key(structure, &old));
            self.parents[old.parent as usize].bucket.remove(&fact);
            if let Some(bucket) = key.and_then(|key| self.sums.get_mut(&key)) {
                bucket.remove(&fact);
            }
        }
        if let Some(new) = new {
            let (fact, key) = (new.fact(), self.key(structure, &new));
            self.parents[new.parent as usize].bucket.add(&fact);
            if let Some(key) = key {
                self.sums.entry(key).or_default().add(&fact);
            }
        }
    }

    fn stored(&mut self, loaded: &Loaded) -> Stored {
        let Loaded { parent, fact } = *loaded;
        let parents = &mut self.parents;
        let parent = *self.index_of.entry(parent).or_insert_with(|| {
            parents.push(OfParent { parent, class: None, bucket: Bucket::default() });
            u32::try_from(parents.len() - 1).unwrap_or(u32::MAX)
        });
        Stored {
            weight: fact.weight,
            due_on: fact.due_on,
            baseline_due_on: fact.baseline_due_on,
            parent,
            status: fact.status,
            progress: u8::try_from(fact.progress).unwrap_or(100),
            is_on_time: lateness::is_on_time(fact.status, fact.baseline_due_on, fact.met_on),
        }
    }

    /// The class and period of a milestone. The class of an agreement or project that was added just now is set here.
    fn key(&mut self, structure: &Structure, stored: &Stored) -> Option<(u32, NaiveDate)> {
        let of_parent = &self.parents[stored.parent as usize];
        let class = match of_parent.class {
            // Only what has no milestone yet: others would miss the ones that they have.
            None if of_parent.bucket.is_empty() => {
                let class = structure.class_of(of_parent.parent).map(|class| self.intern(class));
                self.parents[stored.parent as usize].class = class;
                class?
            }
            class => class?,
        };
        let pairing = self.classes[class as usize].pairing;
        Some((class, structure.period_start(pairing, stored.due_on)))
    }

    fn intern(&mut self, class: Class) -> u32 {
        if let Some(index) = self.class_of.get(&class) {
            return *index;
        }
        let index = u32::try_from(self.classes.len()).unwrap_or(u32::MAX);
        self.classes.push(class.clone());
        self.class_of.insert(class, index);
        index
    }

    /// Classifies all agreements and projects again after a change of the structure, and sums the milestones of the pairings
    /// in which a class changed, or whose members did.
    pub fn classify(&mut self, structure: &Structure, regrouped: &BTreeSet<i64>) {
        let mut pairings = regrouped.clone();
        for index in 0..self.parents.len() {
            let new = structure.class_of(self.parents[index].parent).map(|class| self.intern(class));
            let old = std::mem::replace(&mut self.parents[index].class, new);
            if new != old {
                pairings.extend([old, new].into_iter().flatten().map(|class| self.classes[class as usize].pairing));
            }
        }
        if pairings.is_empty() {
            return;
        }
        let is_affected = |class: u32| pairings.contains(&self.classes[class as usize].pairing);
        self.sums.retain(|(class, _), _| !is_affected(*class));
        let mut facts: HashMap<(u32, NaiveDate), Vec<&Stored>> = HashMap::new();
        for stored in self.by_id.values() {
            if let Some(class) = self.parents[stored.parent as usize].class.filter(|class| is_affected(*class)) {
                let from_on = structure.period_start(self.classes[class as usize].pairing, stored.due_on);
                facts.entry((class, from_on)).or_default().push(stored);
            }
        }
        let sums = facts.into_iter().map(|(key, facts)| (key, Bucket::of(facts.into_iter().map(Stored::fact))));
        self.sums.extend(sums);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_milestone_takes_24_bytes() {
        assert_eq!(size_of::<Stored>(), 24);
    }
}
