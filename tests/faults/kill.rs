//! The service is killed during writes.

use super::writes::{Http, Outcomes, write_during};
use super::{prepare, serve, writes};
use crate::common::program::databases;

#[test]
fn acknowledged_writes_survive_a_kill() {
    for url in databases() {
        let directory = tempfile::tempdir().expect("a directory");
        let key = prepare(directory.path(), &url);
        let mut all = Vec::<Outcomes>::new();
        let rounds = 4;
        for round in 0..rounds {
            let service = serve(directory.path(), &url, &[]);
            let http = Http::new(&service.address, Some(&key));
            let made = writes() / rounds;
            let outcomes = write_during(&http, &format!("r{round}"), 16, || {
                // Killed while all clients have a write in progress.
                super::wait_until(std::time::Duration::from_secs(120), "writes are made", || {
                    http.count() >= Some((round + 1) * made)
                });
                service.kill();
            });
            assert!(!outcomes.unknown.is_empty(), "the control: some write was cut off");
            all.push(outcomes);
        }
        let service = serve(directory.path(), &url, &[]);
        let found = Http::new(&service.address, Some(&key)).codes();
        let acknowledged: usize = all.iter().map(|outcomes| outcomes.acknowledged.len()).sum();
        eprintln!("{url}: {acknowledged} acknowledged, {} found", found.len());
        all.iter().for_each(|outcomes| outcomes.assert_consistent_with(&found));
    }
}
