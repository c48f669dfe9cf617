//! The disk is full.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::writes::{Http, write_during};
use super::{RECOVERS_WITHIN, prepare, serve, skip, wait_until, writes};
use crate::common::program::SQLITE;

/// A file system of a few megabytes; unmounted at the end of the test.
struct Small(tempfile::TempDir);

impl Small {
    fn mount() -> Option<Small> {
        let directory = tempfile::tempdir().expect("a directory");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=64m", "faults"]).arg(directory.path());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        mounted.then_some(Small(directory))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // The service may still be ending.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

/// Fills the file system to its last byte.
fn fill(path: &Path) {
    let mut file = std::fs::File::create(path).expect("a file");
    let block = [0_u8; 4096];
    while std::io::Write::write_all(&mut file, &block).is_ok() {}
}

#[test]
fn writes_refused_by_a_full_disk_do_not_appear_later() {
    let Some(small) = Small::mount() else { return skip("this user may not mount a file system") };
    let key = prepare(small.path(), SQLITE);
    let service = serve(small.path(), SQLITE, &[]);
    let http = Http::new(&service.address, Some(&key));
    let ballast = small.path().join("ballast");
    let one = || http.create(&format!("y{:x}", rand::random::<u64>()));
    let outcomes = write_during(&http, "d", 32, || {
        for _ in 0..3 {
            let before = http.count().expect("a count");
            wait_until(Duration::from_secs(120), "writes are made", || http.count() > Some(before + writes() / 3));
            fill(&ballast);
            wait_until(Duration::from_secs(20), "writes are refused", || one().is_ok_and(|reply| reply.status == 503));
            assert_eq!(http.get("/api/v1/sectors?limit=1").expect("a response").status, 200, "reads go on");
            // The readiness check attempts a write once a second.
            wait_until(RECOVERS_WITHIN, "readiness names the check", || {
                let ready = http.get("/readyz").expect("a response");
                (ready.status, ready.json()["errors"][0]["pointer"].as_str()) == (503, Some("/checks/write"))
            });
            std::fs::remove_file(&ballast).expect("the ballast");
            wait_until(RECOVERS_WITHIN, "writes go on", || one().is_ok_and(|reply| reply.status == 201));
        }
    });
    assert!(!outcomes.refused.is_empty(), "the control: the full disk was felt");
    outcomes.print("disk full");
    outcomes.assert_consistent_with(&http.codes());
    drop(service);
    // Reads the records again after a restart.
    let service = serve(small.path(), SQLITE, &[]);
    outcomes.assert_consistent_with(&Http::new(&service.address, Some(&key)).codes());
}
