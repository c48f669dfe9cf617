//! What an operator watches, for Prometheus: requests, the database's lanes and writer, caches, disks, imports, streams, webhooks.

use std::time::Duration;

use actix_web::{HttpResponse, get, web};
use prometheus::core::Collector;
use prometheus::{
    Counter, Encoder, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use super::AppState;
use crate::audit::undecodable;
use crate::db::{Class, Client, Conn, backend};
use crate::error::{Error, Result};

/// The seconds by which requests are sorted: from what a cache answers to the longest deadline.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// Counters of one process.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    durations: HistogramVec,
    webhook_attempts: IntCounterVec,
    webhooks_pending: IntGauge,
    pub cache: IntCounterVec,
    pub imported: IntCounter,
    pub refusals: IntCounter,
    now: Now,
}

/// What is read when the metrics are.
struct Now {
    permits: IntGaugeVec,
    in_use: IntGaugeVec,
    waiting: IntGaugeVec,
    refused: IntCounterVec,
    writer_waiting: IntGauge,
    writer_commits: IntCounter,
    writer_writes: IntCounter,
    writer_commit_seconds: Counter,
    watcher_age: IntGauge,
    database_bytes: IntGaugeVec,
    disk_free: IntGaugeVec,
    imports_running: IntGauge,
    streams: IntGauge,
    events_undecodable: IntGauge,
}

/// Makes and registers metrics.
struct Maker(Registry);

impl Maker {
    fn add<T: Collector + Clone + 'static>(&self, metric: prometheus::Result<T>) -> Result<T> {
        let metric = metric.map_err(Error::unexpected)?;
        self.0.register(Box::new(metric.clone())).map_err(Error::unexpected)?;
        Ok(metric)
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec> {
        self.add(IntCounterVec::new(Opts::new(name, help), labels))
    }

    fn counter(&self, name: &str, help: &str) -> Result<IntCounter> {
        self.add(IntCounter::new(name, help))
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec> {
        self.add(IntGaugeVec::new(Opts::new(name, help), labels))
    }

    fn gauge(&self, name: &str, help: &str) -> Result<IntGauge> {
        self.add(IntGauge::new(name, help))
    }
}

impl Now {
    fn new(maker: &Maker) -> Result<Now> {
        let class = &["class"];
        Ok(Now {
            permits: maker.gauges(
                "pairing_tracker_database_permits",
                "Work of a class that may run at one time.",
                class,
            )?,
            in_use: maker.gauges("pairing_tracker_database_permits_in_use", "Work of a class that runs.", class)?,
            waiting: maker.gauges("pairing_tracker_database_waiting", "Requests that wait for a permit.", class)?,
            refused: maker.counters(
                "pairing_tracker_database_refused_total",
                "Requests that got no permit in time.",
                class,
            )?,
            writer_waiting: maker.gauge("pairing_tracker_writer_waiting", "Writes that wait for SQLite's writer.")?,
            writer_commits: maker.counter("pairing_tracker_writer_commits_total", "Commits of SQLite's writer.")?,
            writer_writes: maker.counter(
                "pairing_tracker_writer_writes_total",
                "Writes in these commits: divided by them, the size of a batch.",
            )?,
            writer_commit_seconds: maker.add(Counter::new(
                "pairing_tracker_writer_commit_seconds_total",
                "Seconds that these commits took.",
            ))?,
            watcher_age: maker.gauge(
                "pairing_tracker_watcher_age_milliseconds",
                "Milliseconds since it was proved that changes of other processes are seen; over 2000 nothing is answered from the cache.",
            )?,
            database_bytes: maker.gauges(
                "pairing_tracker_database_bytes",
                "Bytes of the database (part: main, and wal of SQLite).",
                &["part"],
            )?,
            disk_free: maker.gauges(
                "pairing_tracker_disk_free_bytes",
                "Bytes free to the service (of: database, files).",
                &["of"],
            )?,
            imports_running: maker.gauge("pairing_tracker_imports_running", "Imports that this process works on.")?,
            streams: maker.gauge("pairing_tracker_streams", "Event streams that are open.")?,
            events_undecodable: maker.gauge(
                "pairing_tracker_audit_events_undecodable",
                "Audit events that this process skipped because their stored row cannot be decoded, each counted once.",
            )?,
        })
    }

    fn read(&self, state: &AppState) {
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let large = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        for load in state.store.loads() {
            let class = &[load.class.as_str()];
            self.permits.with_label_values(class).set(number(load.permits));
            self.in_use.with_label_values(class).set(number(load.in_use));
            self.waiting.with_label_values(class).set(number(load.waiting));
            raise(&self.refused.with_label_values(class), load.refused);
        }
        if let Some(load) = state.store.writer_load() {
            self.writer_waiting.set(number(load.waiting));
            raise(&self.writer_commits, load.commits);
            raise(&self.writer_writes, load.writes);
            let seconds = &self.writer_commit_seconds;
            seconds.inc_by((load.commit_time.as_secs_f64() - seconds.get()).max(0.0));
        }
        let age = state.store.watched_ago().map_or(i64::MAX, |age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
        self.watcher_age.set(age);
        for (of, directory) in state.settings.directories() {
            // A file system that does not answer is another check's matter.
            if let Ok(free) = fs4::available_space(&directory) {
                self.disk_free.with_label_values(&[of]).set(large(free));
            }
        }
        for (part, path) in state.settings.database_files() {
            let size = std::fs::metadata(path).map_or(0, |file| file.len());
            self.database_bytes.with_label_values(&[part]).set(large(size));
        }
        self.streams.set(number(state.limits.streams()));
        self.events_undecodable.set(number(undecodable::count()));
    }
}

/// Brings a counter up to what was counted elsewhere.
fn raise(counter: &IntCounter, to: u64) {
    counter.inc_by(to.saturating_sub(counter.get()));
}

impl Metrics {
    pub fn new() -> Result<Metrics> {
        let maker = Maker(Registry::new());
        let build =
            maker.gauges("pairing_tracker_build_info", "1, with the program's version as a label.", &["version"])?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let durations = HistogramOpts::new(
            "pairing_tracker_request_duration_seconds",
            "Seconds from a request's head to its response's.",
        );
        Ok(Metrics {
            requests: maker.counters(
                "pairing_tracker_requests_total",
                "Requests answered, by method, route and status.",
                &["method", "route", "status"],
            )?,
            durations: maker.add(HistogramVec::new(durations.buckets(BUCKETS.to_vec()), &["method", "route"]))?,
            webhook_attempts: maker.counters(
                "pairing_tracker_webhook_attempts_total",
                "Attempts to send a message to a webhook, by result: delivered, retried (it will be), failed (given up).",
                &["result"],
            )?,
            webhooks_pending: maker.gauge(
                "pairing_tracker_webhook_deliveries_pending",
                "Messages still to be delivered to webhooks that are not paused, of all processes on the database.",
            )?,
            cache: maker.counters(
                "pairing_tracker_response_cache_total",
                "Reads, by result: hit, miss, or off while changes of other processes may go unseen.",
                &["result"],
            )?,
            imported: maker.counter("pairing_tracker_imported_records_total", "Records that imports applied.")?,
            refusals: maker.counter(
                "pairing_tracker_refusals_total",
                "Requests refused for want of a key or of what it allows.",
            )?,
            now: Now::new(&maker)?,
            registry: maker.0,
        })
    }

    /// Counts one attempt to send a message to a webhook.
    pub fn count_webhook(&self, result: &str) {
        self.webhook_attempts.with_label_values(&[result]).inc();
    }

    /// Sets how many imports this process works on.
    pub fn imports_running(&self, count: usize) {
        self.now.imports_running.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Notes how many messages are still to be delivered.
    pub fn webhooks_pending(&self, count: i64) {
        self.webhooks_pending.set(count);
    }

    /// Counts one response. A method that no standard knows is `other`, as clients may invent any. The route is a pattern, never a
    /// path: there are few patterns and no end of paths.
    pub fn count(&self, method: &str, route: &str, status: &str, took: Duration) {
        const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
        let method = if KNOWN.contains(&method) { method } else { "other" };
        self.requests.with_label_values(&[method, route, status]).inc();
        self.durations.with_label_values(&[method, route]).observe(took.as_secs_f64());
    }
}

/// Prints the metrics on the service's own address, unless they have one of their own.
#[get("/metrics")]
pub async fn print(state: web::Data<AppState>) -> Result<HttpResponse> {
    if state.settings.metrics_listen.is_some() {
        return Err(super::envelope::no_route(&state.catalog.contract, "/metrics"));
    }
    render(&state).await
}

/// Prints the metrics on their own address.
#[get("/metrics")]
pub async fn print_apart(state: web::Data<AppState>) -> Result<HttpResponse> {
    render(&state).await
}

async fn render(state: &AppState) -> Result<HttpResponse> {
    if state.settings.database_files().is_empty() {
        let bytes = |conn: &mut Conn| Ok(backend::upkeep::database_bytes(conn)?);
        // Metrics are read most when something is wrong: what the server does not say now stays as it said it last.
        if let Ok(bytes) = state.store.read_as(Class::Probe, &Client::Service, bytes).await {
            state.metrics.now.database_bytes.with_label_values(&["main"]).set(bytes);
        }
    }
    state.metrics.now.read(state);
    let mut text = Vec::new();
    let encoder = TextEncoder::new();
    encoder.encode(&state.metrics.registry.gather(), &mut text).map_err(Error::unexpected)?;
    Ok(HttpResponse::Ok().content_type(encoder.format_type()).body(text))
}
