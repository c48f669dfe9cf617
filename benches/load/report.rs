//! The table of the measurements, and the goals.

use std::fmt;
use std::time::Duration;

use super::dataset::Facts;
use super::generator::Measured;
use super::service::Memory;
use super::workloads::{Name, pages_before_deep};
use super::wrong_keys::WrongKeys;

const MIB: f64 = 1024.0 * 1024.0;
/// A thousand requests a second as a share of the ceiling of the machine for which that goal was set.
const THOUSAND: f64 = 0.013;

/// The measurements of one backend.
pub struct Report {
    pub backend: &'static str,
    pub facts: Facts,
    pub connections: usize,
    /// From start to first response, several times.
    pub starts: Vec<Duration>,
    pub idle: Option<Memory>,
    pub busy: Option<Memory>,
    pub binary: Option<u64>,
    /// The bare server, before each workload and at the end.
    pub ceilings: Vec<Measured>,
    pub rows: Vec<Measured>,
    pub wrong_keys: WrongKeys,
}

/// One goal, the measurement, and whether the goal is met.
struct Goal {
    text: &'static str,
    value: Option<f64>,
    unit: &'static str,
    bound: Bound,
}

#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64),
    Below(f64),
}

impl Report {
    fn ceiling(&self) -> f64 {
        median(self.ceilings.iter().map(|measured| measured.per_second))
    }

    fn per_second(&self, name: Name) -> Option<f64> {
        self.rows.iter().find(|row| row.name == name).map(|row| row.per_second)
    }

    fn goals(&self) -> Vec<Goal> {
        use Bound::{AtLeast, Below};
        let is_sqlite = self.backend == "SQLite";
        let of_ceiling = |text, name, sqlite: f64, postgres: f64| Goal {
            text,
            value: self.per_second(name).map(|rate| 100.0 * rate / self.ceiling()),
            unit: "% of the ceiling",
            bound: AtLeast(100.0 * if is_sqlite { sqlite } else { postgres }),
        };
        let ratio = |text, name, to, unit, bound| Goal {
            text,
            value: self.per_second(name).zip(self.per_second(to)).map(|(rate, to)| rate / to),
            unit,
            bound: AtLeast(bound),
        };
        let page_1 = "x page 1";
        let memory = |memory: Option<Memory>| memory.map(|memory| memory.resident as f64 / MIB);
        let mut goals = vec![
            of_ceiling("one by id", Name::OneComputed, 0.30, 0.15),
            of_ceiling("list of 20, page 1", Name::PageComputed, 0.12, 0.06),
            ratio("page 1 with count=true", Name::PageWithTotal, Name::PageComputed, page_1, 0.5),
            ratio("deep page", Name::DeepPage, Name::PageComputed, page_1, 0.9),
            of_ceiling("scorecard (1,000/s class)", Name::ScorecardComputed, THOUSAND, THOUSAND),
            of_ceiling("repeated read, If-None-Match", Name::NotModified, 0.45, 0.30),
        ];
        if is_sqlite {
            let create = "create scales with writers";
            goals.push(ratio(create, Name::CreateTogether, Name::CreateAlone, "x 1 connection", 1.5));
        }
        goals.push(Goal {
            text: "cost of a wrong key",
            value: Some(self.wrong_keys.wrong.as_secs_f64() / self.wrong_keys.right.as_secs_f64()),
            unit: "x a right request",
            bound: Below(1.0),
        });
        let start = median(self.starts.iter().map(Duration::as_secs_f64)) * 1000.0;
        let binary = self.binary.map(|bytes| bytes as f64 / MIB);
        goals.extend([
            Goal { text: "start to first response", value: Some(start), unit: "ms", bound: Below(50.0) },
            Goal { text: "memory, idle", value: memory(self.idle), unit: "MiB", bound: Below(30.0) },
            Goal { text: "memory, under load", value: memory(self.busy), unit: "MiB", bound: Below(100.0) },
            Goal { text: "binary", value: binary, unit: "MiB", bound: Below(20.0) },
        ]);
        goals
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Facts { milestones, agreements, overdue, .. } = self.facts;
        writeln!(
            f,
            "\n{}: {milestones} milestones, {agreements} agreements, {overdue} overdue in the big pairing; \
             {} connections; deep pages start at page {}",
            self.backend,
            self.connections,
            pages_before_deep(&self.facts) + 1
        )?;
        writeln!(
            f,
            "{:<32} {:>10} {:>8} {:>9} {:>9} {:>7}",
            "workload", "requests/s", "share", "p50 ms", "p99 ms", "errors"
        )?;
        let ceiling = Measured {
            name: Name::Ceiling,
            per_second: self.ceiling(),
            p50: Duration::from_secs_f64(median(self.ceilings.iter().map(|one| one.p50.as_secs_f64()))),
            p99: Duration::from_secs_f64(median(self.ceilings.iter().map(|one| one.p99.as_secs_f64()))),
            errors: self.ceilings.iter().map(|one| one.errors).sum(),
        };
        for Measured { name, per_second, p50, p99, errors } in std::iter::once(&ceiling).chain(&self.rows) {
            let share = format!("{:.1} %", 100.0 * per_second / self.ceiling());
            let (p50, p99) = (p50.as_secs_f64() * 1000.0, p99.as_secs_f64() * 1000.0);
            writeln!(f, "{name:<32} {per_second:>10.0} {share:>8} {p50:>9.3} {p99:>9.3} {errors:>7}")?;
        }
        let rates = self.ceilings.iter().map(|one| one.per_second);
        let (low, high) = rates.fold((f64::MAX, 0.0_f64), |(low, high), rate| (low.min(rate), high.max(rate)));
        writeln!(f, "The ceiling varied from {low:.0} to {high:.0}; shares are relative to its median.")?;
        if let Some(Memory { mapped, .. }) = self.busy {
            writeln!(f, "{:.1} MiB of the memory under load are mapped files.", mapped as f64 / MIB)?;
        }
        let WrongKeys { requests, right, wrong, looked_up, locked_out, elsewhere, slowest } = &self.wrong_keys;
        writeln!(
            f,
            "{requests} right requests cost {right:?} of processor time each, {requests} wrong keys {wrong:?} ({looked_up} \
             looked up, {locked_out} locked out); meanwhile a right key from another address got {elsewhere} responses, \
             the slowest after {slowest:?}."
        )?;
        writeln!(f)?;
        self.goals().iter().try_for_each(|goal| writeln!(f, "{goal}"))
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Goal { text, value, unit, bound } = self;
        let (is_met, bound) = match *bound {
            Bound::AtLeast(least) => (value.map(|value| value >= least), format!("at least {least}")),
            Bound::Below(most) => (value.map(|value| value < most), format!("below {most}")),
        };
        let verdict = match is_met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "-",
        };
        let value = value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"));
        write!(f, "{verdict:<7} {text:<30} {value:>8} {unit} ({bound})")
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
