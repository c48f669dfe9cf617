//! The primary crashes, and its synchronous standby takes over.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::cluster::Cluster;
use super::restart::recovers;
use super::writes::{Http, write};
use super::{prepare, serve, skip, within, writes};

#[test]
fn a_failover_loses_no_acknowledged_write() {
    let Some(primary) = Cluster::start() else { return skip("PostgreSQL is not installed") };
    let standby = primary.synchronous_standby();
    let url = primary.url_with(&standby);
    let directory = tempfile::tempdir().expect("a directory");
    let key = prepare(directory.path(), &url);
    let service = serve(directory.path(), &url, &[]);
    let http = Http::new(&service.address, Some(&key));
    recovers(&http, "at the start");
    let stop = AtomicBool::new(false);
    let outcomes = std::thread::scope(|scope| {
        let writing = scope.spawn(|| write(&http, "f", 16, usize::MAX, &stop));
        within(Duration::from_secs(120), "writes are made", || http.codes().len() > writes());
        primary.crash();
        standby.promote();
        recovers(&http, "after the failover");
        stop.store(true, Ordering::Relaxed);
        writing.join().expect("the clients")
    });
    assert!(!outcomes.refused.is_empty() || !outcomes.unknown.is_empty(), "the control: the crash was felt");
    eprintln!(
        "{} acknowledged, {} refused, {} unknown",
        outcomes.acknowledged.len(),
        outcomes.refused.len(),
        outcomes.unknown.len()
    );
    outcomes.require_truth(&http.codes());
}
