//! PostgreSQL restarts, or ends the service's connections.

use std::time::{Duration, Instant};

use serde_json::json;

use super::cluster::Cluster;
use super::writes::{Http, write_during};
use super::{RECOVERS_WITHIN, prepare, serve, skip, wait_until, writes};

/// One request of each kind, with its name: each needs the database.
fn kinds(http: &Http) -> Vec<(&'static str, bool)> {
    let stamp = format!("k{:x}", rand::random::<u64>());
    let good = |reply: std::io::Result<super::writes::Reply>, status| reply.is_ok_and(|reply| reply.status == status);
    // What is exported does not grow with what is written meanwhile.
    let programme = json!({ "code": "exported", "name": { "zh": "甲" } });
    let programme = http.send("POST", "/api/v1/programmes", &[], Some(&programme));
    vec![
        ("a code that is taken", programme.is_ok_and(|reply| matches!(reply.status, 201 | 409))),
        ("readiness", good(http.get("/readyz"), 200)),
        ("a record", good(http.get(&format!("/api/v1/sectors/none-{stamp}")), 404)),
        ("a list", good(http.get(&format!("/api/v1/sectors?limit=1&q={stamp}")), 200)),
        ("a count", good(http.get(&format!("/api/v1/sectors?q={stamp}&count=true")), 200)),
        ("a report", good(http.get("/api/v1/reports/scorecard?as_of=2022-06-30"), 200)),
        ("a file", good(http.get("/api/v1/programmes.csv"), 200)),
        ("a bundle", good(http.get("/api/v1/exports/bundle.json?programme=exported"), 200)),
        ("a page", good(http.get("/"), 200)),
        ("a write", good(http.create(&stamp), 201)),
        ("a retried write", {
            let header = [("Idempotency-Key", stamp.as_str())];
            let body = json!({ "code": format!("{stamp}-2"), "name": { "zh": "二" } });
            good(http.send("POST", "/api/v1/sectors", &header, Some(&body)), 201)
        }),
    ]
}

/// Waits until every kind of request succeeds as many times as there may be bad connections left.
#[track_caller]
pub fn recovers(http: &Http, what: &str) {
    let began = Instant::now();
    let took = loop {
        let failing: Vec<_> = kinds(http).into_iter().filter(|(_, good)| !good).map(|(name, _)| name).collect();
        if failing.is_empty() {
            break began.elapsed();
        }
        assert!(began.elapsed() < RECOVERS_WITHIN, "{what}: not within {RECOVERS_WITHIN:?}: {failing:?}");
        std::thread::sleep(Duration::from_millis(20));
    };
    for _ in 0..10 {
        let failing: Vec<_> = kinds(http).into_iter().filter(|(_, good)| !good).collect();
        assert!(failing.is_empty(), "{what}: fails again: {failing:?}");
    }
    eprintln!("{what}: every kind of request succeeded after {took:?}");
}

#[test]
fn the_service_recovers_from_a_server_restart_within_seconds() {
    let Some(cluster) = Cluster::start() else { return skip("PostgreSQL is not installed") };
    let directory = tempfile::tempdir().expect("a directory");
    let key = prepare(directory.path(), &cluster.url());
    let service = serve(directory.path(), &cluster.url(), &[]);
    let http = Http::new(&service.address, Some(&key));
    recovers(&http, "at the start");
    let outcomes = write_during(&http, "w", 16, || {
        for _ in 0..3 {
            let before = http.count().expect("a count");
            cluster.restart();
            recovers(&http, "after a restart");
            wait_until(Duration::from_secs(60), "writes go on", || http.count() > Some(before + writes() / 2));
        }
    });
    assert!(!outcomes.refused.is_empty() || !outcomes.unknown.is_empty(), "the control: the restarts were felt");
    outcomes.print("restarts");
    outcomes.assert_consistent_with(&http.codes());
}

#[test]
fn connections_closed_by_the_server_are_replaced() {
    let Some(cluster) = Cluster::start() else { return skip("PostgreSQL is not installed") };
    let directory = tempfile::tempdir().expect("a directory");
    let key = prepare(directory.path(), &cluster.url());
    let service = serve(directory.path(), &cluster.url(), &[]);
    let http = Http::new(&service.address, Some(&key));
    recovers(&http, "at the start");
    cluster
        .execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pairing-tracker'");
    let first = kinds(&http);
    assert!(first.iter().any(|(_, good)| !good), "the control: some request met a connection that was ended");
    recovers(&http, "after all connections were ended");
}
