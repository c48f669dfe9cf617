//! Measures all works in rounds, each work beside the ceiling, and what it is compared with beside it.

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use actix_web::rt::time::sleep;

use super::ceiling::{self, Bare};
use super::databases::Filled;
use super::dataset::Facts;
use super::generator::{Load, Measured, WARM_UP, drive};
use super::names::Name;
use super::peer::{self, Peer};
use super::scene::Scene;
use super::service::{Memory, Service, greater};
use super::works::{READS, WRITES, Work};
use super::wrong_keys::{self, WrongKeys};
use super::{Outcome, deep};

/// Starts of which the median counts.
const STARTS: usize = 7;

/// What is measured, and for how long.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    pub rounds: u32,
    pub duration: Duration,
    pub connections: usize,
    /// The program of PostgREST, where it is compared.
    pub postgrest: Option<&'a Path>,
}

/// A measurement, and what was measured beside it.
#[derive(Clone)]
pub struct Sample {
    pub measured: Measured,
    /// Requests per second of the ceiling.
    pub ceiling: f64,
    /// Processor time of the service for a request of the work, where the system reports it.
    pub processor: Option<Duration>,
}

impl Sample {
    pub fn share(&self) -> f64 {
        self.measured.per_second / self.ceiling
    }
}

/// The samples of each row, one a round.
pub type Rows = BTreeMap<Name, Vec<Sample>>;

/// The measurements on one database.
pub struct Subject {
    pub facts: Facts,
    pub rows: Rows,
    /// Those of PostgREST on it, with the size of its pool.
    pub peer: Option<(Rows, u16)>,
    /// From start to first response, several times.
    pub starts: Vec<Duration>,
    pub idle: Option<Memory>,
    pub busy: Option<Memory>,
    pub wrong_keys: WrongKeys,
}

/// A service under test with its measurements so far.
struct Running {
    scene: Rc<Scene>,
    service: Service,
    peer: Option<(Peer, Rows)>,
    starts: Vec<Duration>,
    rows: Rows,
    idle: Option<Memory>,
    busy: Option<Memory>,
}

/// Measures the databases of one backend; returns the measurements of each, and those of the ceiling.
pub async fn measure(name: &str, filled: &[Filled], plan: Plan<'_>) -> Outcome<(Vec<Subject>, Vec<Measured>)> {
    let bare = ceiling::start().await?;
    let mut all = Vec::new();
    for one in filled {
        all.push(Running::start(one, plan).await?);
    }
    let mut ceilings = Vec::new();
    for works in [READS, WRITES] {
        for round in 1..=plan.rounds {
            eprintln!(
                "{name}: round {round} of {}, {}",
                plan.rounds,
                if works.len() == READS.len() { "reads" } else { "writes" }
            );
            for work in works {
                let ceiling = measure_ceiling(&bare, plan).await?;
                for one in &mut all {
                    one.measure(work, ceiling.per_second, plan).await?;
                }
                ceilings.push(ceiling);
            }
        }
    }
    let mut subjects = Vec::new();
    for (one, Filled { key, .. }) in all.into_iter().zip(filled) {
        subjects.push(one.finish(key).await?);
    }
    Ok((subjects, ceilings))
}

/// The bare server now.
pub async fn measure_ceiling(bare: &Bare, plan: Plan<'_>) -> Outcome<Measured> {
    let measured = drive(bare.address, vec![ceiling::load(plan.connections)], plan.duration / 2).await?;
    measured.into_values().next().ok_or_else(|| "the ceiling was not measured".to_owned())
}

fn add(rows: &mut Rows, measured: BTreeMap<Name, Measured>, ceiling: f64, processor: Option<Duration>) {
    for (row, measured) in measured {
        rows.entry(row).or_default().push(Sample { measured, ceiling, processor });
    }
}

impl Running {
    async fn start(filled: &Filled, plan: Plan<'_>) -> Outcome<Running> {
        let Filled { program, facts, key } = filled;
        let mut starts = Vec::new();
        for _ in 0..STARTS {
            starts.push(program.start().await?.first_response);
        }
        let service = program.start().await?;
        sleep(Duration::from_millis(500)).await;
        let idle = service.memory();
        let scene = Scene::new(service.address, *facts, key).await?;
        let peer = match plan.postgrest {
            Some(path) => {
                Some((peer::start(path, program.database(), &scene, plan.connections).await?, Rows::default()))
            }
            None => None,
        };
        Ok(Running { scene, service, peer, starts, rows: Rows::default(), idle, busy: idle })
    }

    async fn measure(&mut self, work: &Work, ceiling: f64, plan: Plan<'_>) -> Outcome<()> {
        if work.row == Name::DeepPage {
            deep::prepare(&self.scene).await?;
        }
        let loads = (work.service)(&self.scene, plan.connections);
        let before = self.service.processor_time();
        let measured = drive(self.service.address, loads, plan.duration).await?;
        let processor =
            self.service.processor_time().ok().zip(before.ok()).map(|(after, before)| after.saturating_sub(before));
        let per_second: f64 = measured.values().map(|row| row.per_second).sum();
        let requests = per_second * (plan.duration + WARM_UP).as_secs_f64();
        let alternates = measured.keys().any(|row| row.alternates());
        let processor = processor.filter(|_| !alternates);
        let processor = processor.and_then(|time| Duration::try_from_secs_f64(time.as_secs_f64() / requests).ok());
        add(&mut self.rows, measured, ceiling, processor);
        self.busy = greater(self.busy, self.service.memory());
        if let (Some((peer, rows)), Some(loads)) = (&mut self.peer, work.peer) {
            let loads: Vec<Load> = loads(&self.scene, plan.connections);
            add(rows, drive(peer.address, loads, plan.duration).await?, ceiling, None);
        }
        Ok(())
    }

    async fn finish(self, key: &str) -> Outcome<Subject> {
        let wrong_keys = wrong_keys::measure(&self.service, key).await?;
        Ok(Subject {
            facts: self.scene.facts,
            rows: self.rows,
            peer: self.peer.map(|(peer, rows)| (rows, peer.pool)),
            starts: self.starts,
            idle: self.idle,
            busy: self.busy,
            wrong_keys,
        })
    }
}
