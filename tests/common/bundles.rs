//! Imports of bundles.

use pairing_tracker::transfer::plan::Outcome;
use serde_json::{Value, json};

use super::Database;
use super::files::{import_bundles, source};
use super::records::{milestone, with};

/// Imports a bundle as the operator does; returns the outcome of each record.
#[track_caller]
pub fn import_bundle(database: &Database, text: &str) -> Vec<Outcome> {
    let lines = import_bundles(database, &mut [source("bundle.yaml", text)], true);
    let lines = lines.unwrap_or_else(|faults| panic!("{faults:#?}\n{text}"));
    lines.into_iter().map(|line| line.outcome).collect()
}

/// Imports this many milestones of the kind `many` in one transaction.
pub fn import_many_milestones(database: &Database, count: usize) {
    let record = |index: usize| {
        let day = format!("2022-06-{:02}", index % 28 + 1);
        with(milestone(&format!("many-{index:06}")), json!({ "due_on": day, "kind": "many" }))
    };
    let records: Vec<Value> = (0..count).map(record).collect();
    let made = import_bundle(database, &json!({ "milestones": records }).to_string());
    assert_eq!(made.len(), count);
}
