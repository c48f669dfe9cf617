//! Load: each connection sends its next request as soon as it has the response, or at a fixed rate.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix_web::rt;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::Outcome;
use super::http::Connection;
use super::names::Name;

/// Warm-up that is not measured, in which statements are prepared and connections opened.
pub const WARM_UP: Duration = Duration::from_millis(300);

/// The pause of a client after a request was refused.
const REFUSED: Duration = Duration::from_millis(10);

/// A complete request.
pub struct Request {
    pub bytes: Vec<u8>,
    /// The expected statuses; any other but 503 ends the bench.
    pub statuses: &'static [u16],
    /// The row of the table in which the response counts.
    pub row: Name,
}

/// The requests of one connection, each from the body of the last response; `None` when there are no more.
pub type Client = Box<dyn FnMut(&mut StdRng, &[u8]) -> Option<Request>>;

/// The requests of a number of connections.
pub struct Load {
    pub connections: usize,
    /// The client of a connection, by its number.
    pub client: Rc<dyn Fn(usize) -> Client>,
    /// The time from one request to the next; without it there is no pause.
    pub interval: Option<Duration>,
}

impl Load {
    /// Connections that send what a function returns.
    pub fn new(connections: usize, request: impl Fn(&mut StdRng) -> Option<Request> + 'static) -> Load {
        let request = Rc::new(request);
        let client = move |_| -> Client {
            let request = request.clone();
            Box::new(move |random, _| request(random))
        };
        Load { connections, client: Rc::new(client), interval: None }
    }
}

/// The measurements of a row in one period.
#[derive(Clone, Debug)]
pub struct Measured {
    pub per_second: f64,
    pub p50: Duration,
    pub p99: Duration,
    /// Connections that broke, and requests that were refused because the server was overloaded.
    pub errors: u64,
}

/// The period in which responses count. It ends early when a connection has no more requests.
struct Window {
    from: Instant,
    to: Cell<Instant>,
}

/// What the connections of a row received.
#[derive(Default)]
struct Samples {
    /// When each request was sent, and when its response was complete.
    responses: Vec<(Instant, Instant)>,
    errors: u64,
    connections: usize,
}

type Rows<T> = BTreeMap<Name, T>;

/// Runs loads side by side; returns the measurements of each row.
pub async fn drive(address: SocketAddr, loads: Vec<Load>, duration: Duration) -> Outcome<Rows<Measured>> {
    drive_all(loads.into_iter().map(|load| (address, load)).collect(), duration).await
}

/// [`drive`] against several servers.
pub async fn drive_all(loads: Vec<(SocketAddr, Load)>, duration: Duration) -> Outcome<Rows<Measured>> {
    let from = Instant::now() + WARM_UP;
    let window = Rc::new(Window { from, to: Cell::new(from + duration) });
    let mut tasks = Vec::new();
    for (number, (address, load)) in loads.into_iter().enumerate() {
        for connection in 0..load.connections {
            let random = StdRng::seed_from_u64((number * 10_000 + connection) as u64);
            let client = (load.client)(connection);
            tasks.push(rt::spawn(run_connection(address, client, load.interval, random, window.clone())));
        }
    }
    let mut rows: Rows<Samples> = Rows::new();
    for task in tasks {
        for (row, samples) in task.await.map_err(|e| e.to_string())?? {
            let all = rows.entry(row).or_default();
            all.responses.extend(samples.responses);
            all.errors += samples.errors;
            all.connections += 1;
        }
    }
    rows.into_iter().map(|(row, samples)| Ok((row, summary(row, samples, &window)?))).collect()
}

async fn run_connection(
    address: SocketAddr,
    mut client: Client,
    interval: Option<Duration>,
    mut random: StdRng,
    window: Rc<Window>,
) -> Outcome<Rows<Samples>> {
    let open = || async move { Connection::open(address).await.map_err(|e| format!("cannot connect: {e}")) };
    let mut connection = open().await?;
    let mut rows: Rows<Samples> = Rows::new();
    let mut due = Instant::now();
    loop {
        if let Some(interval) = interval {
            rt::time::sleep_until(due.into()).await;
            due += interval;
        }
        let begun = Instant::now();
        if begun >= window.to.get() {
            return Ok(rows);
        }
        let Some(Request { bytes, statuses, row }) = client(&mut random, connection.body()) else {
            window.to.set(begun);
            return Ok(rows);
        };
        let begun = Instant::now();
        match connection.exchange(&bytes).await {
            Ok(status) if statuses.contains(&status) => {
                rows.entry(row).or_default().responses.push((begun, Instant::now()));
            }
            Ok(503) => {
                rows.entry(row).or_default().errors += 1;
                rt::time::sleep(REFUSED).await;
            }
            Ok(status) => {
                let line = bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
                return Err(format!(
                    "{row}: {} responded with {status}, not {statuses:?}: {}",
                    String::from_utf8_lossy(line),
                    String::from_utf8_lossy(connection.body())
                ));
            }
            Err(_) => {
                rows.entry(row).or_default().errors += 1;
                connection = open().await?;
            }
        }
    }
}

fn summary(row: Name, samples: Samples, window: &Window) -> Outcome<Measured> {
    let Samples { responses, errors, connections } = samples;
    if responses.is_empty() && errors == 0 {
        return Err(format!("{row}: no response"));
    }
    let (mut from, mut to) = (window.from, window.to.get());
    let is_inside = |(_, ended): &&(Instant, Instant)| (from..to).contains(ended);
    // Where requests take longer than the period, all of them count, and the time until the last response.
    if responses.iter().filter(is_inside).count() < connections && errors == 0 {
        from = responses.iter().map(|(begun, _)| *begun).min().unwrap_or(from);
        to = responses.iter().map(|(_, ended)| *ended + Duration::from_nanos(1)).max().unwrap_or(to);
    }
    let inside = responses.iter().filter(|(_, ended)| (from..to).contains(ended));
    let mut latencies: Vec<Duration> = inside.map(|(begun, ended)| *ended - *begun).collect();
    latencies.sort_unstable();
    let percentile = |percent: usize| latencies.get(latencies.len() * percent / 100).copied().unwrap_or_default();
    // The time of the other request with which it alternates does not count.
    let time = if row.alternates() { latencies.iter().sum() } else { to.saturating_duration_since(from) };
    Ok(Measured {
        per_second: latencies.len() as f64 / time.max(Duration::from_nanos(1)).as_secs_f64(),
        p50: percentile(50),
        p99: percentile(99),
        errors,
    })
}
