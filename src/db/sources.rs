//! The kinds of records that a record of some kind is read from.

use super::changes::KindSet;
use super::reference::{Kind, Kinds, Naming};

/// The sources of every kind, derived once from what the kinds declare.
pub struct Sources(Vec<Entry>);

struct Entry {
    number: i64,
    all: KindSet,
    embedded: KindSet,
    named_by: KindSet,
}

impl Sources {
    pub fn of(kinds: Kinds) -> Sources {
        let entry = |kind: &&'static Kind| Entry {
            number: kind.number,
            all: all(kinds, kind),
            embedded: embedded(kinds, kind),
            named_by: named_by(kinds, kind),
        };
        Sources(kinds.iter().map(entry).collect())
    }

    fn entry(&self, kind: &Kind) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.number == kind.number)
    }

    /// The kind itself, those that its records refer to or are computed from, those that these refer to, and so on: all that
    /// decides which records a list contains, and what they contain.
    pub fn all(&self, kind: &Kind) -> KindSet {
        self.entry(kind).map_or(KindSet::ALL, |entry| entry.all)
    }

    /// The kinds whose records are embedded in records of a kind, or that these are computed from. The kind itself is among them
    /// only if records are computed from others of the kind.
    pub fn embedded(&self, kind: &Kind) -> KindSet {
        self.entry(kind).map_or(KindSet::ALL, |entry| entry.embedded)
    }

    /// The kinds that decide how a reference names a record.
    pub fn named_by(&self, kind: &Kind) -> KindSet {
        self.entry(kind).map_or(KindSet::ALL, |entry| entry.named_by)
    }
}

fn computed_from(kinds: Kinds, kind: &Kind) -> impl Iterator<Item = &'static Kind> {
    kind.computed_from.iter().filter_map(move |name| kinds.iter().copied().find(|kind| kind.name == *name))
}

fn all(kinds: Kinds, kind: &Kind) -> KindSet {
    let direct = |kind: &Kind| -> Vec<&'static Kind> {
        let referred = kind.references_out().map(|out| out.to);
        referred.chain(computed_from(kinds, kind)).chain([kind.cites]).collect()
    };
    let mut found = KindSet::of(kind);
    let mut next = direct(kind);
    while let Some(kind) = next.pop() {
        if !found.contains(kind) {
            found = found.with(KindSet::of(kind));
            next.extend(direct(kind));
        }
    }
    found
}

fn embedded(kinds: Kinds, kind: &Kind) -> KindSet {
    let named = kind.references_out().map(|out| out.to).chain([kind.cites]).filter(|other| other.name != kind.name);
    let named = named.fold(KindSet::NONE, |found, kind| found.with(named_by(kinds, kind)));
    computed_from(kinds, kind).fold(named, |found, other| {
        found.with(if other.name == kind.name { KindSet::of(other) } else { all(kinds, other) })
    })
}

fn named_by(kinds: Kinds, kind: &Kind) -> KindSet {
    match kind.naming {
        Naming::Columns { .. } => KindSet::of(kind),
        Naming::Function(_) => all(kinds, kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::{agreements, kinds, milestones, progress_reports, sectors, twinnings};

    #[test]
    fn the_sources_of_a_kind_are_those_that_can_change_its_records() {
        let sources = Sources::of(kinds());
        let all = sources.all(&milestones::KIND);
        assert!(all.contains(&milestones::KIND) && all.contains(&agreements::KIND) && all.contains(&sectors::KIND));
        assert!(!all.contains(&progress_reports::KIND) && !all.contains(&twinnings::KIND));
        let embedded = sources.embedded(&milestones::KIND);
        assert!(embedded.contains(&agreements::KIND) && !embedded.contains(&milestones::KIND));
        // Tallies are computed from milestones.
        assert!(sources.embedded(&agreements::KIND).contains(&milestones::KIND));
        assert!(sources.embedded(&progress_reports::KIND).contains(&progress_reports::KIND));
        assert_eq!(sources.named_by(&milestones::KIND), KindSet::of(&milestones::KIND));
    }
}
