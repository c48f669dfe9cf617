//! The network to PostgreSQL falls silent: neither a response nor an error arrives.

use std::time::Duration;

use serde_json::json;

use super::cluster::Cluster;
use super::proxy::Proxy;
use super::restart::recovers;
use super::writes::Http;
use super::{prepare, serve, skip, wait_until};

/// A service behind a network, and one with a direct connection.
fn with_network(test: impl FnOnce(&Proxy, &Http, &Http)) {
    let Some(cluster) = Cluster::start() else { return skip("PostgreSQL is not installed") };
    let proxy = Proxy::start(cluster.socket().join(".s.PGSQL.5432"));
    let directory = tempfile::tempdir().expect("a directory");
    let key = prepare(directory.path(), &cluster.url());
    let through = format!("postgres://tester@{}/faults", proxy.address);
    let service = serve(directory.path(), &through, &[]);
    let beside = serve(directory.path(), &cluster.url(), &[]);
    let [http, other] = [&service, &beside].map(|service| Http::new(&service.address, Some(&key)));
    recovers(&http, "at the start");
    test(&proxy, &http, &other);
}

#[test]
fn requests_time_out_on_a_silent_network_and_succeed_when_it_recovers() {
    with_network(|proxy, http, _| {
        proxy.fall_silent();
        let reply = http.create("silent").expect("a response");
        assert_eq!(reply.status, 503, "the control: the database was out of reach: {reply:?}");
        assert_eq!(http.get("/readyz").expect("a response").status, 503);
        assert_eq!(http.get("/healthz").expect("a response").status, 200);
        proxy.resume();
        recovers(http, "after the silence");
    });
}

#[test]
fn permanently_silent_connections_are_abandoned() {
    with_network(|proxy, http, _| {
        proxy.lose_connections();
        assert!(proxy.lost_connections() > 0, "the control: there were connections to lose");
        let reply = http.create("lost").expect("a response");
        assert_eq!(reply.status, 503, "the control: it met a silent connection: {reply:?}");
        recovers(http, "with new connections");
    });
}

#[test]
fn the_response_cache_is_not_used_while_changes_may_go_unnoticed() {
    with_network(|proxy, http, other| {
        let path = "/api/v1/sectors?limit=1000";
        // Without a key, which would be looked up in the database.
        let reader = Http { key: None, ..http.clone() };
        let names = |http: &Http| http.get(path).ok().filter(|reply| reply.status == 200).map(|reply| reply.body);
        assert_eq!(other.create("cached").expect("a response").status, 201);
        wait_until(Duration::from_secs(5), "the change is seen", || {
            names(&reader).is_some_and(|body| body.contains("cached"))
        });
        // A write of the service itself, such as the last use of a key, may empty the cache at that moment.
        let is_cached = (0..10).any(|_| {
            proxy.resume();
            wait_until(Duration::from_secs(10), "it is read", || names(&reader).is_some());
            proxy.fall_silent();
            names(&reader).is_some()
        });
        assert!(is_cached, "the control: it is answered from the cache for a moment");
        let headers = [("If-Match", "*")];
        let change = json!({ "name": { "zh": "改名" } });
        let reply = other.send("PATCH", "/api/v1/sectors/cached", &headers, Some(&change)).expect("a response");
        assert_eq!(reply.status, 200, "{reply:?}");
        wait_until(Duration::from_secs(10), "the cache is not used", || names(&reader).is_none());
        proxy.resume();
        wait_until(Duration::from_secs(10), "it is read anew", || {
            names(&reader).is_some_and(|body| body.contains("改名"))
        });
    });
}
