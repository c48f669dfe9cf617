//! What the service counts of its requests and its webhooks, for Prometheus.

use std::time::Duration;

use actix_web::{HttpResponse, get, web};
use prometheus::{Encoder, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry, TextEncoder};

use super::AppState;
use crate::error::{Error, Result};
use crate::history::undecodable;

/// Counters of one process.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    durations: HistogramVec,
    webhook_attempts: IntCounterVec,
    webhooks_pending: IntGauge,
    events_undecodable: IntGauge,
}

impl Metrics {
    pub fn new() -> Result<Metrics> {
        let requests = IntCounterVec::new(
            Opts::new("pairing_tracker_requests_total", "Requests answered, by method, route and status."),
            &["method", "route", "status"],
        )
        .map_err(Error::unexpected)?;
        let durations = HistogramVec::new(
            HistogramOpts::new(
                "pairing_tracker_request_duration_seconds",
                "Seconds from a request's head to its answer's.",
            ),
            &["method", "route"],
        )
        .map_err(Error::unexpected)?;
        let webhook_attempts = IntCounterVec::new(
            Opts::new(
                "pairing_tracker_webhook_attempts_total",
                "Attempts to send a message to a webhook, by result: delivered, retried (it will be), failed (given up).",
            ),
            &["result"],
        )
        .map_err(Error::unexpected)?;
        let webhooks_pending = IntGauge::new(
            "pairing_tracker_webhook_deliveries_pending",
            "Messages still to be delivered to webhooks that are not paused, of all processes on the database.",
        )
        .map_err(Error::unexpected)?;
        let events_undecodable = IntGauge::new(
            "pairing_tracker_audit_events_undecodable",
            "Audit events that this process skipped because their stored row cannot be decoded, each counted once.",
        )
        .map_err(Error::unexpected)?;
        let registry = Registry::new();
        registry.register(Box::new(events_undecodable.clone())).map_err(Error::unexpected)?;
        registry.register(Box::new(webhook_attempts.clone())).map_err(Error::unexpected)?;
        registry.register(Box::new(webhooks_pending.clone())).map_err(Error::unexpected)?;
        registry.register(Box::new(requests.clone())).map_err(Error::unexpected)?;
        registry.register(Box::new(durations.clone())).map_err(Error::unexpected)?;
        Ok(Metrics { registry, requests, durations, webhook_attempts, webhooks_pending, events_undecodable })
    }

    /// Counts one attempt to send a message to a webhook.
    pub fn count_webhook(&self, result: &str) {
        self.webhook_attempts.with_label_values(&[result]).inc();
    }

    /// Notes how many messages are still to be delivered.
    pub fn webhooks_pending(&self, count: i64) {
        self.webhooks_pending.set(count);
    }

    /// Counts one answer. A method that nobody knows is `other`, as clients may invent any. The route is a pattern, never a path: there are few patterns and no end of paths.
    pub fn count(&self, method: &str, route: &str, status: &str, took: Duration) {
        const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
        let method = if KNOWN.contains(&method) { method } else { "other" };
        self.requests.with_label_values(&[method, route, status]).inc();
        self.durations.with_label_values(&[method, route]).observe(took.as_secs_f64());
    }
}

/// Prints the counters.
#[get("/metrics")]
pub async fn print(state: web::Data<AppState>) -> Result<HttpResponse> {
    state.metrics.events_undecodable.set(i64::try_from(undecodable::count()).unwrap_or(i64::MAX));
    let mut text = Vec::new();
    let encoder = TextEncoder::new();
    encoder.encode(&state.metrics.registry.gather(), &mut text).map_err(Error::unexpected)?;
    Ok(HttpResponse::Ok().content_type(encoder.format_type()).body(text))
}
