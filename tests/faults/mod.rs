//! The program as a process, under the faults that it must outlast: killed, cut off from power, out of disk, locked out, without its
//! database, behind a silent network, under a flood.
//!
//! Each test has a control that shows that the fault took effect, and none asserts how long something takes, besides generous bounds
//! of waits. They run the program that `PAIRING_TRACKER_PROGRAM` names (CI: the release build) with as many writes as
//! `PAIRING_TRACKER_FAULT_WRITES` says; a plain `cargo test` takes the debug build and few. What needs root (a file system of its
//! own) or another program (PgBouncer) is skipped where it is missing, and fails if `PAIRING_TRACKER_REQUIRE_FAULTS` is set.

mod cluster;
mod disk;
mod failover;
mod flood;
mod imports;
mod kill;
mod lock;
mod pgbouncer;
mod power;
mod proxy;
mod restart;
mod silence;
mod writes;

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use super::common::program::{PROGRAM, Service, on};

/// How long one waits for the service to recover before it counts as down.
const RECOVERS_WITHIN: Duration = Duration::from_secs(5);

/// The program under test.
fn program() -> String {
    std::env::var("PAIRING_TRACKER_PROGRAM").unwrap_or_else(|_| PROGRAM.to_owned())
}

/// How many writes a test makes that counts lost ones.
fn writes() -> usize {
    std::env::var("PAIRING_TRACKER_FAULT_WRITES").ok().and_then(|text| text.parse().ok()).unwrap_or(200)
}

/// What a test lacks is a reason to skip it, unless it is required.
fn skip(what: &str) {
    let is_required =
        std::env::var("PAIRING_TRACKER_REQUIRE_FAULTS").is_ok_and(|value| !value.is_empty() && value != "0");
    assert!(!is_required, "PAIRING_TRACKER_REQUIRE_FAULTS is set, and {what}");
    // Past the test harness, which would show it only for tests that fail.
    let _ = writeln!(std::io::stderr().lock(), "skipped: {what}");
}

/// Limits that a flood of writes from one address would meet.
const UNLIMITED: [&str; 8] =
    ["--rate-per-address", "0", "--rate-per-key", "0", "--wrong-keys-per-address", "0", "--in-flight-per-address", "0"];

/// Starts the program on a database.
fn serve(directory: &Path, url: &str, more: &[&str]) -> Service {
    Service::start_program(&program(), directory, &[&["--database-url", url], &UNLIMITED[..], more].concat(), &[])
}

/// An administrator's key for a database that is migrated already.
fn key(directory: &Path, url: &str) -> String {
    on(directory, url, &["key", "create", "--name", "faults", "--role", "admin"]).good().trim().to_owned()
}

/// Migrates a database and gives it a key.
fn prepare(directory: &Path, url: &str) -> String {
    on(directory, url, &["migrate"]).good();
    key(directory, url)
}

/// Waits until something holds, for so long at most; returns how long it took.
#[track_caller]
fn within(longest: Duration, what: &str, mut holds: impl FnMut() -> bool) -> Duration {
    let began = Instant::now();
    loop {
        if holds() {
            return began.elapsed();
        }
        assert!(began.elapsed() < longest, "not within {longest:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
