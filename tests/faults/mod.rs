//! The program as a process, under the faults that it must survive: killed, after a power cut, with a full disk, a locked file,
//! no database, a silent network, a flood.
//!
//! Each test has a control that shows that the fault took effect, and none asserts a duration, besides generous bounds of
//! waits. `PAIRING_TRACKER_PROGRAM` names the program to run instead of the debug build, and `PAIRING_TRACKER_FAULT_WRITES`
//! the number of writes, which is small by default. `.ci/run tests` makes more, and `.ci/run faults`, before a release, most, on a
//! release build. Tests that need root (a file system of their
//! own) or another program (PgBouncer) are skipped where it is missing, and fail if `PAIRING_TRACKER_REQUIRE_FAULTS` is set.

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
mod sealer;
mod silence;
mod writes;

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use super::common::program::{PROGRAM, Service, on};

/// How long the service may take to recover before it counts as down.
const RECOVERS_WITHIN: Duration = Duration::from_secs(5);

/// How long many writes may take.
const PATIENT: Duration = Duration::from_secs(120);

/// The program under test.
fn program() -> String {
    std::env::var("PAIRING_TRACKER_PROGRAM").unwrap_or_else(|_| PROGRAM.to_owned())
}

/// The number of writes in a test that counts lost ones.
fn writes() -> usize {
    std::env::var("PAIRING_TRACKER_FAULT_WRITES").ok().and_then(|text| text.parse().ok()).unwrap_or(200)
}

/// Skips a test that lacks a requirement, or fails if `PAIRING_TRACKER_REQUIRE_FAULTS` is set.
fn skip(what: &str) {
    let is_required =
        std::env::var("PAIRING_TRACKER_REQUIRE_FAULTS").is_ok_and(|value| !value.is_empty() && value != "0");
    assert!(!is_required, "PAIRING_TRACKER_REQUIRE_FAULTS is set, and {what}");
    // Written directly to standard error: the test harness shows captured output only for tests that fail.
    let _ = writeln!(std::io::stderr().lock(), "skipped: {what}");
}

/// Settings without the limits that writes from one address would exceed.
const UNLIMITED: [&str; 8] =
    ["--rate-per-address", "0", "--rate-per-key", "0", "--wrong-keys-per-address", "0", "--in-flight-per-address", "0"];

/// Starts the program on a database.
fn serve(directory: &Path, url: &str, more: &[&str]) -> Service {
    Service::start_program(&program(), directory, &[&["--database-url", url], &UNLIMITED[..], more].concat(), &[])
}

/// An administrator's key for a migrated database.
fn key(directory: &Path, url: &str) -> String {
    on(directory, url, &["key", "create", "--name", "faults", "--role", "admin"]).good().trim().to_owned()
}

/// Migrates a database and creates a key.
fn prepare(directory: &Path, url: &str) -> String {
    on(directory, url, &["migrate"]).good();
    key(directory, url)
}

/// Waits until a condition holds, at most this long; returns the time it took.
#[track_caller]
fn wait_until(longest: Duration, what: &str, mut holds: impl FnMut() -> bool) -> Duration {
    let began = Instant::now();
    loop {
        if holds() {
            return began.elapsed();
        }
        assert!(began.elapsed() < longest, "not within {longest:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
