//! Commands on a database that a service writes to or that another process has locked.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use pairing_tracker::db::backend;

use crate::common::flood::{self, Flood};
use crate::common::program::{SQLITE, connect, databases, on, program};
use crate::common::tamper::execute;

/// The longest acceptable wait of an operator who revokes a key.
const REVOKED_WITHIN: Duration = Duration::from_secs(5);

fn key(directory: &Path, url: &str, role: &str) -> String {
    let made = on(directory, url, &["key", "create", "--name", "office", "--role", role]).good();
    made.trim_end().to_owned()
}

#[test]
fn keys_are_created_and_revoked_while_others_write() {
    for url in databases() {
        let directory = tempfile::tempdir().expect("a directory");
        let service = flood::service(directory.path(), &url);
        let flood = Flood::start(&service, &key(directory.path(), &url, "editor"));
        let mut slowest = Duration::ZERO;
        for _ in 0..20 {
            let secret = key(directory.path(), &url, "viewer");
            assert_eq!(service.request("GET /api/v1/sectors?limit=1", Some(&secret)).0, 200);
            let code = secret.split('_').nth(1).expect("a code");
            let before = flood.created();
            let started = Instant::now();
            let revoked = on(directory.path(), &url, &["key", "revoke", code]);
            slowest = slowest.max(started.elapsed());
            revoked.good();
            assert_eq!(service.request("GET /api/v1/sectors?limit=1", Some(&secret)).0, 401, "at once");
            assert!(flood.created() > before, "others wrote meanwhile");
        }
        eprintln!("slowest revocation: {slowest:?}, beside {} writes", flood.stop());
        assert!(slowest < REVOKED_WITHIN, "{slowest:?}");
        assert!(on(directory.path(), &url, &["audit", "verify"]).good().starts_with("Whole: "));
    }
}

#[test]
fn a_wait_for_a_lock_is_reported() {
    for url in databases() {
        let directory = tempfile::tempdir().expect("a directory");
        on(directory.path(), &url, &["migrate"]).good();
        let mut holder = connect(directory.path(), &url);
        backend::begin_write(&mut holder, backend::BEGIN).expect("a transaction");
        // On SQLite the transaction holds the only lock of the database.
        if url != SQLITE {
            execute(&mut holder, "LOCK TABLE api_keys IN EXCLUSIVE MODE").expect("a lock");
        }
        let mut command =
            program(directory.path(), &["--database-url", &url, "key", "create", "--name", "a", "--role", "viewer"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let waiting = lines.next().expect("a line").expect("UTF-8");
        let what = if url == SQLITE { "write lock" } else { "locks" };
        assert_eq!(waiting, format!("waiting for the database's {what} (1 s)…"));
        backend::roll_back(&mut holder).expect("the lock is free");
        let done = child.wait_with_output().expect("it ends");
        assert!(done.status.success() && done.stdout.starts_with(b"ptk_"), "{done:?}");
    }
}
