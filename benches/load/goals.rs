//! The goals, as one table. Each is about a ratio of two rates of the same round, or about a fixed quantity.

use std::fmt;
use std::time::Duration;

use super::names::Name;
use super::report::{Report, Spread, verdict};
use super::rounds::{Rows, Sample, Subject};
use super::service::Memory;

const MIB: f64 = 1024.0 * 1024.0;

/// What a goal compares.
#[derive(Clone, Copy)]
enum Of {
    /// The rate of a row with that of the bare server.
    Ceiling(Name),
    /// The rates of two rows.
    Row(Name, Name, &'static str),
    /// The rate of a row with that of PostgREST.
    Peer(Name),
}

/// Goals by rates: the text, what is compared, and the least ratio on SQLite and on PostgreSQL.
const RATES: &[(&str, Of, f64, f64)] = &[
    ("one by id", Of::Ceiling(Name::One), 0.30, 0.15),
    ("list of 20, page 1", Of::Ceiling(Name::Page), 0.12, 0.06),
    ("list with count=true", Of::Row(Name::PageWithTotal, Name::Page, "x page 1"), 0.9, 0.9),
    ("list, deep page", Of::Row(Name::DeepPage, Name::Page, "x page 1"), 0.9, 0.9),
    // A thousand requests a second where the ceiling is 77,000.
    ("scorecard", Of::Ceiling(Name::Scorecard), 0.013, 0.013),
    ("scorecard, any group or filter", Of::Ceiling(Name::OtherScorecards), 0.013, 0.013),
    ("scorecard right after a create", Of::Ceiling(Name::ScorecardAfterWrite), 0.013, 0.013),
    ("repeated read", Of::Ceiling(Name::OneRepeated), 0.60, 0.55),
    ("create", Of::Ceiling(Name::CreateTogether), 0.06, 0.04),
    ("create grows with writers", Of::Row(Name::CreateTogether, Name::CreateAlone, "x 1 connection"), 1.5, 1.5),
    ("mixed, 1 create to 113 reads", Of::Ceiling(Name::FewWrites), 0.30, 0.30),
    ("typical reads, 50 creates/s", Of::Row(Name::ReadsBesideWrites, Name::ReadsAlone, "x without writes"), 0.6, 0.6),
    ("one by id", Of::Peer(Name::One), 10.0, 10.0),
    ("list of 20, page 1", Of::Peer(Name::Page), 8.0, 8.0),
    ("list with count", Of::Peer(Name::PageWithTotal), 30.0, 30.0),
    ("list, page 1000", Of::Peer(Name::DeepPage), 100.0, 100.0),
    ("scorecard", Of::Peer(Name::Scorecard), 30.0, 30.0),
    ("repeated list", Of::Peer(Name::PageRepeated), 50.0, 50.0),
    ("create", Of::Peer(Name::CreateTogether), 2.0, 2.0),
];

/// The most that the time of a request may grow with the data.
const GROWTH: f64 = 1.5;

enum Bound {
    AtLeast(f64),
    Below(f64),
}

/// A goal, and what was measured.
pub struct Goal {
    text: String,
    measured: Option<Spread>,
    unit: String,
    bound: Bound,
}

/// The ratios of two rows, round by round. The ceiling beside each corrects for what else the machine did.
pub fn ratios(a: &[Sample], b: &[Sample]) -> Option<Spread> {
    Spread::of(a.iter().zip(b).map(|(a, b)| a.share() / b.share()))
}

/// All goals of a backend; those of size for every database but the smallest.
pub fn all(report: &Report) -> Vec<Goal> {
    let Some(subject) = report.subjects.first() else { return Vec::new() };
    let mut goals: Vec<Goal> = RATES.iter().filter_map(|goal| rate(report, subject, goal)).collect();
    if let Some(bulk) = report.bulk {
        goals.push(Goal {
            text: "bulk".to_owned(),
            measured: Spread::of([bulk].into_iter()),
            unit: "x the bare insert".to_owned(),
            bound: Bound::AtLeast(0.7),
        });
    }
    goals.extend(quantities(report, subject));
    for larger in report.subjects.iter().skip(1) {
        goals.extend(growth(subject, larger));
    }
    goals
}

fn rate(report: &Report, subject: &Subject, goal: &(&str, Of, f64, f64)) -> Option<Goal> {
    let (text, of, sqlite, postgres) = *goal;
    let least = if report.is_sqlite() { sqlite } else { postgres };
    let rows = |name: Name| subject.rows.get(&name).map_or(&[][..], Vec::as_slice);
    let (measured, unit, least) = match of {
        Of::Ceiling(name) => {
            let shares = Spread::of(rows(name).iter().map(|sample| 100.0 * sample.share()));
            (shares, "% of the ceiling", 100.0 * least)
        }
        Of::Row(name, to, unit) => (ratios(rows(name), rows(to)), unit, least),
        Of::Peer(name) => {
            let peer: &Rows = &subject.peer.as_ref()?.0;
            (ratios(rows(name), peer.get(&name)?), "x PostgREST", least)
        }
    };
    Some(Goal { text: text.to_owned(), measured, unit: unit.to_owned(), bound: Bound::AtLeast(least) })
}

fn quantities(report: &Report, subject: &Subject) -> Vec<Goal> {
    let memory = |memory: Option<Memory>| memory.map(|memory| memory.resident as f64 / MIB);
    let wrong_keys = &subject.wrong_keys;
    let quantity = |text: &str, values: Option<Spread>, unit: &str, most| Goal {
        text: text.to_owned(),
        measured: values,
        unit: unit.to_owned(),
        bound: Bound::Below(most),
    };
    let one = |value: Option<f64>| Spread::of(value.into_iter());
    let cost = wrong_keys.wrong.as_secs_f64() / wrong_keys.right.as_secs_f64();
    let starts = Spread::of(subject.starts.iter().map(|start| 1000.0 * Duration::as_secs_f64(start)));
    vec![
        quantity("cost of a wrong key", one(Some(cost)), "x a right request", 1.0),
        quantity("start to first response", starts, "ms", 40.0),
        quantity("memory, idle", one(memory(subject.idle)), "MiB", 30.0),
        quantity("memory, under load", one(memory(subject.busy)), "MiB", 100.0),
        quantity("binary", one(report.binary.map(|bytes| bytes as f64 / MIB)), "MiB", 25.0),
    ]
}

fn growth(smallest: &Subject, larger: &Subject) -> Vec<Goal> {
    let shared = larger.rows.iter().filter_map(|(name, rows)| Some((name, smallest.rows.get(name)?, rows)));
    shared
        .map(|(name, small, large)| Goal {
            text: name.to_string().trim().to_owned(),
            measured: ratios(small, large),
            unit: format!("x the time with {}, at {}", smallest.facts.milestones, larger.facts.milestones),
            bound: Bound::Below(GROWTH),
        })
        .collect()
}

/// A bound without the digits that a share in percent has by rounding.
fn short(bound: f64) -> f64 {
    (bound * 1000.0).round() / 1000.0
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Goal { text, measured, unit, bound } = self;
        let (is_met, bound) = match *bound {
            Bound::AtLeast(least) => {
                (measured.map(|value| value.median >= least), format!("at least {}", short(least)))
            }
            Bound::Below(most) => (measured.map(|value| value.median < most), format!("below {}", short(most))),
        };
        let value = measured.map_or_else(|| "-".to_owned(), |value| format!("{:.2}", value.median));
        let spread = measured.map_or_else(String::new, |value| format!("{:.2} to {:.2}; ", value.low, value.high));
        write!(f, "{} {text:<31} {value:>8} {unit} ({spread}goal: {bound})", verdict(is_met))
    }
}
