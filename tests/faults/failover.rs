//! The primary crashes, and its synchronous standby takes over.

use std::time::Duration;

use super::cluster::Cluster;
use super::restart::recovers;
use super::writes::{Http, write_during};
use super::{prepare, serve, skip, wait_until, writes};

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
    let outcomes = write_during(&http, "f", 16, || {
        wait_until(Duration::from_secs(120), "writes are made", || http.count() > Some(writes()));
        primary.crash();
        standby.promote();
        recovers(&http, "after the failover");
    });
    assert!(!outcomes.refused.is_empty() || !outcomes.unknown.is_empty(), "the control: the crash was felt");
    outcomes.print("failover");
    outcomes.assert_consistent_with(&http.codes());
}
