//! The kinds of records: names and numbers are their own.

use std::collections::BTreeSet;

use pairing_tracker::app::kinds;

#[test]
fn every_kind_has_names_and_a_number_of_its_own() {
    let names: BTreeSet<&str> = kinds().iter().flat_map(|kind| [kind.name, kind.path]).collect();
    assert_eq!(names.len(), 2 * kinds().len(), "two kinds have the same name: {names:?}");
    // SQLite's search index gives each kind 64 numbers apart (`search_rowid`); sets of kinds use two of them themselves.
    let free: BTreeSet<i64> = (1..62).filter(|number| kinds().iter().all(|kind| kind.number != *number)).collect();
    let numbers: BTreeSet<i64> = kinds().iter().map(|kind| kind.number).collect();
    for kind in kinds() {
        for name in kind.computed_from {
            assert!(names.contains(name), "{} is computed from an unknown {name}", kind.name);
        }
        assert!((1..62).contains(&kind.number), "the number of {} is none of {free:?}", kind.name);
    }
    assert_eq!(numbers.len(), kinds().len(), "two kinds have the same number; {free:?} are free");
}
