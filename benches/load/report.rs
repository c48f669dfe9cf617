//! The tables of the measurements.

use std::fmt;

use super::dataset::Facts;
use super::deep::pages_before;
use super::generator::Measured;
use super::goals::{self, ratios};
use super::names::Name;
use super::rounds::{Sample, Subject};
use super::service::Memory;
use super::wrong_keys::WrongKeys;

/// The measurements of one backend.
pub struct Report {
    pub backend: &'static str,
    pub connections: usize,
    pub binary: Option<u64>,
    /// The bare server, beside each work of each round.
    pub ceilings: Vec<Measured>,
    /// One for each size of the data, the smallest first.
    pub subjects: Vec<Subject>,
    /// The rate of an import as a share of the bare insert.
    pub bulk: Option<f64>,
}

/// The median of several values, and the least and the greatest.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    pub median: f64,
    pub low: f64,
    pub high: f64,
}

impl Spread {
    /// `None` without values.
    pub fn of(values: impl Iterator<Item = f64>) -> Option<Spread> {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let median = *values.get(values.len() / 2)?;
        Some(Spread { median, low: *values.first()?, high: *values.last()? })
    }
}

/// Whether a goal is met, as a column of a table.
pub fn verdict(is_met: Option<bool>) -> &'static str {
    match is_met {
        Some(true) => "met    ",
        Some(false) => "MISSED ",
        None => "-      ",
    }
}

impl Report {
    pub fn is_sqlite(&self) -> bool {
        self.backend == "SQLite"
    }

    fn ceiling(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(rate) = Spread::of(self.ceilings.iter().map(|one| one.per_second)) else { return Ok(()) };
        let millis = |of: fn(&Measured) -> std::time::Duration| {
            Spread::of(self.ceilings.iter().map(|one| 1000.0 * of(one).as_secs_f64()))
                .map_or(0.0, |spread| spread.median)
        };
        writeln!(
            f,
            "The ceiling, a bare server that responds with 2 KB: {:.0} requests/s ({:.0} to {:.0}), p50 {:.3} ms, p99 {:.3} ms.",
            rate.median,
            rate.low,
            rate.high,
            millis(|one| one.p50),
            millis(|one| one.p99)
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n## {}, {} connections\n", self.backend, self.connections)?;
        self.ceiling(f)?;
        for subject in &self.subjects {
            writeln!(f, "\n{subject}")?;
        }
        goals::all(self).iter().try_for_each(|goal| writeln!(f, "{goal}"))
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Facts { milestones, agreements, overdue, .. } = self.facts;
        writeln!(
            f,
            "{milestones} milestones, {agreements} agreements, {overdue} overdue in the big pairing; deep pages begin with page {}",
            pages_before(&self.facts) + 1
        )?;
        write!(
            f,
            "{:<32} {:>10} {:>8} {:>15} {:>8} {:>8} {:>7} {:>6}",
            "work", "requests/s", "share %", "(spread)", "p50 ms", "p99 ms", "CPU us", "errors"
        )?;
        match &self.peer {
            Some((_, pool)) => writeln!(f, " {:>12} {:>7} {:>17}", format!("PostgREST/{pool}"), "ratio", "(spread)")?,
            None => writeln!(f)?,
        }
        for (name, samples) in &self.rows {
            row(f, *name, samples)?;
            match self.peer.as_ref().and_then(|(rows, _)| rows.get(name)) {
                Some(peer) => against(f, samples, peer)?,
                None => writeln!(f)?,
            }
        }
        if let Some(Memory { mapped, .. }) = self.busy {
            writeln!(f, "{:.1} MiB of the memory under load are mapped files.", mapped as f64 / 1024.0 / 1024.0)?;
        }
        let WrongKeys { requests, right, wrong, looked_up, locked_out, elsewhere, slowest } = &self.wrong_keys;
        writeln!(
            f,
            "{requests} right requests cost {right:?} of processor time each, {requests} wrong keys {wrong:?} ({looked_up} \
             looked up, {locked_out} locked out); meanwhile a right key from another address got {elsewhere} responses, \
             the slowest after {slowest:?}."
        )
    }
}

/// Medians over the rounds.
fn row(f: &mut fmt::Formatter<'_>, name: Name, samples: &[Sample]) -> fmt::Result {
    let median = |of: &dyn Fn(&Sample) -> f64| Spread::of(samples.iter().map(of)).map_or(0.0, |spread| spread.median);
    let Some(share) = Spread::of(samples.iter().map(|sample| 100.0 * sample.share())) else { return Ok(()) };
    let rate = median(&|sample| sample.measured.per_second);
    let p50 = median(&|sample| 1000.0 * sample.measured.p50.as_secs_f64());
    let p99 = median(&|sample| 1000.0 * sample.measured.p99.as_secs_f64());
    let processor = Spread::of(samples.iter().filter_map(|sample| Some(1e6 * sample.processor?.as_secs_f64())));
    let processor = processor.map_or_else(String::new, |spread| format!("{:.0}", spread.median));
    let errors: u64 = samples.iter().map(|sample| sample.measured.errors).sum();
    let spread = format!("({:.2}-{:.2})", share.low, share.high);
    write!(
        f,
        "{name:<32} {rate:>10.0} {:>8.2} {spread:>15} {p50:>8.3} {p99:>8.3} {processor:>7} {errors:>6}",
        share.median
    )
}

/// The rate of PostgREST, and how many times as fast the service is.
fn against(f: &mut fmt::Formatter<'_>, samples: &[Sample], peer: &[Sample]) -> fmt::Result {
    let rate = Spread::of(peer.iter().map(|sample| sample.measured.per_second));
    let (Some(rate), Some(ratio)) = (rate, ratios(samples, peer)) else { return writeln!(f) };
    let spread = format!("({:.1}-{:.1})", ratio.low, ratio.high);
    writeln!(f, " {:>12.1} {:>7.1} {spread:>17}", rate.median, ratio.median)
}
