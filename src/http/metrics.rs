//! Prometheus metrics: requests, database threads and writer, cache, disks, imports, streams and webhooks.

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

/// The buckets of request durations in seconds, from cached responses to the longest deadline.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// The metrics of one process.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    durations: HistogramVec,
    webhook_attempts: IntCounterVec,
    webhooks_pending: IntGauge,
    pub cache: IntCounterVec,
    pub imported: IntCounter,
    pub refusals: IntCounter,
    sampled: Sampled,
}

/// Metrics whose values are read when the metrics are scraped.
struct Sampled {
    threads: IntGaugeVec,
    in_use: IntGaugeVec,
    waiting: IntGaugeVec,
    rejected: IntCounterVec,
    statements: IntCounterVec,
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

/// Creates and registers metrics.
struct Registrar(Registry);

impl Registrar {
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

impl Sampled {
    fn new(registrar: &Registrar) -> Result<Sampled> {
        let class = &["class"];
        Ok(Sampled {
            threads: registrar.gauges(
                "pairing_tracker_database_threads",
                "Threads of a class at most: how many of its requests can use the database at a time.",
                class,
            )?,
            in_use: registrar.gauges("pairing_tracker_database_threads_in_use", "Threads of a class that are at work.", class)?,
            waiting: registrar.gauges("pairing_tracker_database_waiting", "Requests waiting for a thread.", class)?,
            rejected: registrar.counters(
                "pairing_tracker_database_refused_total",
                "Requests rejected because no thread became free in time.",
                class,
            )?,
            statements: registrar.counters(
                "pairing_tracker_database_statements_total",
                "SQL statements of a class (writer: those of the SQLite writer), without those that begin and end transactions.",
                class,
            )?,
            writer_waiting: registrar.gauge("pairing_tracker_writer_waiting", "Writes waiting for the SQLite writer.")?,
            writer_commits: registrar.counter("pairing_tracker_writer_commits_total", "Commits of the SQLite writer.")?,
            writer_writes: registrar.counter(
                "pairing_tracker_writer_writes_total",
                "Writes committed by the SQLite writer; divided by the commits, the average batch size.",
            )?,
            writer_commit_seconds: registrar.add(Counter::new(
                "pairing_tracker_writer_commit_seconds_total",
                "Time spent in commits of the SQLite writer, in seconds.",
            ))?,
            watcher_age: registrar.gauge(
                "pairing_tracker_watcher_age_milliseconds",
                "Milliseconds since changes of other processes were last confirmed to be visible; above 2000, the response cache is off.",
            )?,
            database_bytes: registrar.gauges(
                "pairing_tracker_database_bytes",
                "Size of the database in bytes (part: main, or wal of SQLite).",
                &["part"],
            )?,
            disk_free: registrar.gauges(
                "pairing_tracker_disk_free_bytes",
                "Free disk space in bytes (of: database, files).",
                &["of"],
            )?,
            imports_running: registrar.gauge("pairing_tracker_imports_running", "Imports running in this process.")?,
            streams: registrar.gauge("pairing_tracker_streams", "Open event streams.")?,
            events_undecodable: registrar.gauge(
                "pairing_tracker_audit_events_undecodable",
                "Audit events that this process skipped because their rows cannot be decoded, each counted once.",
            )?,
        })
    }

    fn read(&self, state: &AppState) {
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let large = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        for load in state.store.loads() {
            let class = &[load.class.as_str()];
            self.threads.with_label_values(class).set(number(load.threads));
            self.in_use.with_label_values(class).set(number(load.in_use));
            self.waiting.with_label_values(class).set(number(load.waiting));
            raise(&self.rejected.with_label_values(class), load.refused);
            raise(&self.statements.with_label_values(class), load.statements);
        }
        if let Some(load) = state.store.writer_load() {
            self.writer_waiting.set(number(load.waiting));
            raise(&self.writer_commits, load.commits);
            raise(&self.writer_writes, load.writes);
            raise(&self.statements.with_label_values(&["writer"]), load.statements);
            let seconds = &self.writer_commit_seconds;
            seconds.inc_by((load.commit_time.as_secs_f64() - seconds.get()).max(0.0));
        }
        let age =
            state.store.changes().age().map_or(i64::MAX, |age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
        self.watcher_age.set(age);
        for (of, directory) in state.settings.directories() {
            // An unreachable file system is left to the readiness check.
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

/// Raises a counter to a count that is kept elsewhere.
fn raise(counter: &IntCounter, to: u64) {
    counter.inc_by(to.saturating_sub(counter.get()));
}

impl Metrics {
    pub fn new() -> Result<Metrics> {
        let registrar = Registrar(Registry::new());
        let build = registrar.gauges(
            "pairing_tracker_build_info",
            "Always 1; the label is the version of the program.",
            &["version"],
        )?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let durations = HistogramOpts::new(
            "pairing_tracker_request_duration_seconds",
            "Time from the head of a request to the head of its response, in seconds.",
        );
        Ok(Metrics {
            requests: registrar.counters(
                "pairing_tracker_requests_total",
                "Responses, by method, route and status.",
                &["method", "route", "status"],
            )?,
            durations: registrar.add(HistogramVec::new(durations.buckets(BUCKETS.to_vec()), &["method", "route"]))?,
            webhook_attempts: registrar.counters(
                "pairing_tracker_webhook_attempts_total",
                "Attempts to deliver a message to a webhook, by result: delivered, retried (will be tried again) or failed (given up).",
                &["result"],
            )?,
            webhooks_pending: registrar.gauge(
                "pairing_tracker_webhook_deliveries_pending",
                "Messages to be delivered to webhooks that are not paused, over all processes of the database.",
            )?,
            cache: registrar.counters(
                "pairing_tracker_response_cache_total",
                "Cacheable reads, by result: hit, miss, or off while changes of other processes may not be visible.",
                &["result"],
            )?,
            imported: registrar.counter("pairing_tracker_imported_records_total", "Records written by imports.")?,
            refusals: registrar.counter(
                "pairing_tracker_refusals_total",
                "Requests rejected by authentication or authorization.",
            )?,
            sampled: Sampled::new(&registrar)?,
            registry: registrar.0,
        })
    }

    /// Counts one attempt to deliver a message to a webhook.
    pub fn count_webhook(&self, result: &str) {
        self.webhook_attempts.with_label_values(&[result]).inc();
    }

    /// Sets the number of imports running in this process.
    pub fn imports_running(&self, count: usize) {
        self.sampled.imports_running.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Sets the number of messages to be delivered.
    pub fn webhooks_pending(&self, count: i64) {
        self.webhooks_pending.set(count);
    }

    /// Counts one response. A non-standard method is counted as `other`, and `route` must be a pattern, not a path: clients can send
    /// any method and path, and each label value takes memory.
    pub fn count(&self, method: &str, route: &str, status: &str, took: Duration) {
        const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
        let method = if KNOWN.contains(&method) { method } else { "other" };
        self.requests.with_label_values(&[method, route, status]).inc();
        self.durations.with_label_values(&[method, route]).observe(took.as_secs_f64());
    }
}

/// Responds with the metrics on the service's address, unless they have an address of their own.
#[get("/metrics")]
pub async fn print(state: web::Data<AppState>) -> Result<HttpResponse> {
    if state.settings.metrics_listen.is_some() {
        return Err(super::envelope::no_route(&state.catalog.contract, "/metrics"));
    }
    render(&state).await
}

/// Responds with the metrics on their own address.
#[get("/metrics")]
pub async fn print_apart(state: web::Data<AppState>) -> Result<HttpResponse> {
    render(&state).await
}

async fn render(state: &AppState) -> Result<HttpResponse> {
    if state.settings.database_files().is_empty() {
        let bytes = |conn: &mut Conn| Ok(backend::upkeep::database_bytes(conn)?);
        // When the database cannot be read, the last size is reported, so that the other metrics stay available.
        if let Ok(bytes) = state.store.read_as(Class::Probe, &Client::Service, bytes).await {
            state.metrics.sampled.database_bytes.with_label_values(&["main"]).set(bytes);
        }
    }
    state.metrics.sampled.read(state);
    let mut text = Vec::new();
    let encoder = TextEncoder::new();
    encoder.encode(&state.metrics.registry.gather(), &mut text).map_err(Error::unexpected)?;
    Ok(HttpResponse::Ok().content_type(encoder.format_type()).body(text))
}
