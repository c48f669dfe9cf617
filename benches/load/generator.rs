//! Closed-loop load: each connection sends the next request as soon as it has the response.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix_web::rt;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::Outcome;
use super::http::Connection;
use super::workloads::Name;

/// Warm-up that is not measured, in which statements are prepared and connections opened.
const WARM_UP: Duration = Duration::from_millis(300);

/// Writes the complete next request.
pub type Requests = Rc<dyn Fn(&mut StdRng) -> Vec<u8>>;

/// The requests of a number of connections.
pub struct Load {
    pub name: Name,
    pub connections: usize,
    pub requests: Requests,
    /// The expected status; any other ends the bench.
    pub status: u16,
}

/// The measurements of a load.
pub struct Measured {
    pub name: Name,
    pub per_second: f64,
    pub p50: Duration,
    pub p99: Duration,
    /// Connections that broke.
    pub errors: u64,
}

/// The period in which responses count.
#[derive(Clone, Copy)]
struct Window {
    from: Instant,
    to: Instant,
}

#[derive(Default)]
struct Samples {
    latencies: Vec<Duration>,
    errors: u64,
}

/// Runs loads side by side; returns an outcome for each, in their order.
pub async fn drive(address: SocketAddr, loads: Vec<Load>, duration: Duration) -> Outcome<Vec<Measured>> {
    let from = Instant::now() + WARM_UP;
    let window = Window { from, to: from + duration };
    let mut running = Vec::new();
    for (number, load) in loads.into_iter().enumerate() {
        let tasks: Vec<_> = (0..load.connections)
            .map(|connection| {
                let random = StdRng::seed_from_u64((number * 10_000 + connection) as u64);
                rt::spawn(run_connection(address, load.requests.clone(), load.status, random, window))
            })
            .collect();
        running.push((load.name, tasks));
    }
    let mut measured = Vec::new();
    for (name, tasks) in running {
        let mut all = Samples::default();
        for task in tasks {
            let samples = task.await.map_err(|e| e.to_string())?.map_err(|e| format!("{name}: {e}"))?;
            all.latencies.extend(samples.latencies);
            all.errors += samples.errors;
        }
        measured.push(summary(name, all, duration)?);
    }
    Ok(measured)
}

async fn run_connection(
    address: SocketAddr,
    requests: Requests,
    wanted: u16,
    mut random: StdRng,
    window: Window,
) -> Outcome<Samples> {
    let open = || async move { Connection::open(address).await.map_err(|e| format!("cannot connect: {e}")) };
    let mut connection = open().await?;
    let mut samples = Samples::default();
    loop {
        let request = requests(&mut random);
        let begun = Instant::now();
        if begun >= window.to {
            return Ok(samples);
        }
        match connection.exchange(&request).await {
            Ok(status) if status == wanted => {
                let ended = Instant::now();
                if ended >= window.from && ended < window.to {
                    samples.latencies.push(ended - begun);
                }
            }
            Ok(status) => {
                let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
                return Err(format!(
                    "{} responded with {status}, not {wanted}: {}",
                    String::from_utf8_lossy(line),
                    String::from_utf8_lossy(connection.body())
                ));
            }
            Err(_) => {
                samples.errors += 1;
                connection = open().await?;
            }
        }
    }
}

fn summary(name: Name, mut samples: Samples, duration: Duration) -> Outcome<Measured> {
    let latencies = &mut samples.latencies;
    latencies.sort_unstable();
    let percentile = |percent: usize| latencies.get((latencies.len() * percent / 100).min(latencies.len() - 1));
    if latencies.is_empty() {
        return Err(format!("{name}: no response in {duration:?} ({} errors)", samples.errors));
    }
    Ok(Measured {
        name,
        per_second: latencies.len() as f64 / duration.as_secs_f64(),
        p50: percentile(50).copied().unwrap_or_default(),
        p99: percentile(99).copied().unwrap_or_default(),
        errors: samples.errors,
    })
}
