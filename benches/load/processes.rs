//! Several processes of the service on one PostgreSQL database (`--processes`): their rates together, and how long a change
//! made through one takes until another returns it.

use std::fmt;
use std::time::{Duration, Instant};

use actix_web::rt::time::sleep;
use serde_json::json;

use super::Outcome;
use super::ceiling::{self, Bare};
use super::databases::Filled;
use super::generator::drive_all;
use super::goals::ratios;
use super::http::{Connection, get};
use super::names::Name;
use super::report::{Spread, verdict};
use super::rounds::{self, Plan, Sample};
use super::scene::Scene;
use super::service::Service;
use super::works::{READS, WRITES};

/// The works of which the rates are compared.
const ROWS: [Name; 6] =
    [Name::One, Name::Page, Name::Scorecard, Name::PageRepeated, Name::FewWrites, Name::CreateTogether];
/// Changes of which the delay is measured.
const CHANGES: i64 = 100;
/// The pause between two reads of the other process.
const POLL: Duration = Duration::from_micros(200);
/// The longest time until a change is seen.
const PATIENCE: Duration = Duration::from_secs(30);
/// The greatest median of the delays, in milliseconds.
const DELAY: f64 = 20.0;

/// The measurements with one number of processes.
struct Together {
    processes: usize,
    /// What all processes did, by work and round.
    rows: Vec<(Name, Vec<Sample>)>,
    /// Milliseconds from the response to a change to the first response of another process that has it.
    delays: Vec<f64>,
}

/// All measurements, the first of which is with the fewest processes.
pub struct Processes {
    connections: usize,
    all: Vec<Together>,
}

/// Measures a database with each number of processes.
pub async fn measure(filled: &Filled, numbers: &[usize], plan: Plan<'_>) -> Outcome<Processes> {
    let bare = ceiling::start().await?;
    let mut all: Vec<Together> = numbers.iter().map(|processes| Together::new(*processes)).collect();
    for round in 1..=plan.rounds {
        for together in &mut all {
            eprintln!("PostgreSQL: round {round} of {}, {} processes", plan.rounds, together.processes);
            together.measure(&bare, filled, plan).await?;
        }
    }
    Ok(Processes { connections: plan.connections, all })
}

impl Together {
    fn new(processes: usize) -> Together {
        Together { processes, rows: ROWS.iter().map(|row| (*row, Vec::new())).collect(), delays: Vec::new() }
    }

    /// Measures one round.
    async fn measure(&mut self, bare: &Bare, filled: &Filled, plan: Plan<'_>) -> Outcome<()> {
        let mut services = Vec::new();
        let mut scenes = Vec::new();
        for _ in 0..self.processes {
            let service = filled.program.start().await?;
            scenes.push(Scene::new(service.address, filled.facts, &filled.key).await?);
            services.push(service);
        }
        for (row, samples) in &mut self.rows {
            let work = READS.iter().chain(WRITES).find(|work| work.row == *row);
            let loads = work.ok_or_else(|| format!("no work has the row {row}"))?.service;
            let mut all = Vec::new();
            for (number, scene) in scenes.iter().enumerate() {
                // Spread evenly; some processes have one more where the number does not divide.
                let connections = (plan.connections + number) / self.processes;
                all.extend(loads(scene, connections).into_iter().map(|load| (scene.address, load)));
            }
            let ceiling = rounds::measure_ceiling(bare, plan).await?.per_second;
            let measured = drive_all(all, plan.duration).await?.remove(row);
            let measured = measured.ok_or_else(|| format!("{row} was not measured"))?;
            samples.push(Sample { measured, ceiling, processor: None });
        }
        if let [one, other, ..] = &services[..]
            && self.delays.is_empty()
        {
            // Another note than that of an earlier round: a change that changes nothing is not seen.
            let note = format!("{} processes", self.processes);
            self.delays = delays(one, other, &filled.key, &note).await?;
        }
        Ok(())
    }
}

/// Changes records through one process, and reads each through another, over a connection of its own, until it has the change.
async fn delays(one: &Service, other: &Service, key: &str, note: &str) -> Outcome<Vec<f64>> {
    let mut writer = Connection::open(one.address).await.map_err(|e| e.to_string())?;
    let mut reader = Connection::open(other.address).await.map_err(|e| e.to_string())?;
    let mut delays = Vec::new();
    for id in 1..=CHANGES {
        let target = format!("/api/v1/milestones/{id}");
        // The other process has the record in its cache before the change.
        let before = read(&mut reader, &target).await?;
        let body = json!({"note": note}).to_string();
        let request = format!(
            "PATCH {target} HTTP/1.1\r\nHost: load\r\nAuthorization: Bearer {key}\r\nIf-Match: {before}\r\n\
             Content-Type: application/merge-patch+json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let status = writer.exchange(request.as_bytes()).await.map_err(|e| e.to_string())?;
        if status != 200 {
            return Err(format!("a change of {target} got {status}: {}", String::from_utf8_lossy(writer.body())));
        }
        let changed = Instant::now();
        while read(&mut reader, &target).await? == before {
            if changed.elapsed() > PATIENCE {
                return Err(format!("a change of {target} was not seen in {PATIENCE:?}"));
            }
            sleep(POLL).await;
        }
        delays.push(1000.0 * changed.elapsed().as_secs_f64());
    }
    Ok(delays)
}

/// The ETag of a record.
async fn read(connection: &mut Connection, target: &str) -> Outcome<String> {
    let status = connection.exchange(get(target).as_bytes()).await.map_err(|e| e.to_string())?;
    let etag = connection.header("etag").filter(|_| status == 200);
    etag.map(str::to_owned).ok_or_else(|| format!("{target} got {status}, without an ETag"))
}

impl fmt::Display for Processes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n## PostgreSQL, several processes, {} connections in all\n", self.connections)?;
        let Some((fewest, more)) = self.all.split_first() else { return Ok(()) };
        write!(f, "{:<32} {:>16}", "work", format!("{} process(es)", fewest.processes))?;
        for together in more {
            write!(f, " {:>16} {:>6}", format!("{} processes", together.processes), "ratio")?;
        }
        writeln!(f)?;
        let rate = |samples: &[Sample]| {
            Spread::of(samples.iter().map(|sample| sample.measured.per_second)).map_or(0.0, |spread| spread.median)
        };
        for (place, (row, samples)) in fewest.rows.iter().enumerate() {
            write!(f, "{row:<32} {:>16.0}", rate(samples))?;
            for together in more {
                let Some((_, of_more)) = together.rows.get(place) else { continue };
                let ratio = ratios(of_more, samples).map_or(0.0, |ratio| ratio.median);
                write!(f, " {:>16.0} {ratio:>6.2}", rate(of_more))?;
            }
            writeln!(f)?;
        }
        writeln!(f)?;
        self.goals(f, fewest, more)
    }
}

impl Processes {
    fn goals(&self, f: &mut fmt::Formatter<'_>, fewest: &Together, more: &[Together]) -> fmt::Result {
        for together in more {
            for ((row, few), (_, many)) in fewest.rows.iter().zip(&together.rows) {
                let Some(ratio) = ratios(many, few) else { continue };
                writeln!(
                    f,
                    "{} {row:<31} {:>8.2} x {} process(es) with {} ({:.2} to {:.2}; goal: at least 1)",
                    verdict(Some(ratio.median >= 1.0)),
                    ratio.median,
                    fewest.processes,
                    together.processes,
                    ratio.low,
                    ratio.high
                )?;
            }
        }
        for together in self.all.iter().filter(|together| !together.delays.is_empty()) {
            let Some(delay) = Spread::of(together.delays.iter().copied()) else { continue };
            writeln!(
                f,
                "{} {:<31} {:>8.2} ms with {} processes, the slowest of {CHANGES} {:.2} ms (goal: at most {DELAY})",
                verdict(Some(delay.median <= DELAY)),
                "change seen by another process",
                delay.median,
                together.processes,
                delay.high
            )?;
        }
        Ok(())
    }
}
