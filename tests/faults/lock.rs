//! Another process holds SQLite's write lock.

use std::path::Path;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};

use super::writes::{Http, write_during};
use super::{RECOVERS_WITHIN, prepare, serve, wait_until, writes};
use crate::common::program::{SQLITE, Service};

/// A service on an SQLite file, and another process's connection to the same file.
fn start_with_other_process() -> (tempfile::TempDir, Service, Http, SqliteConnection) {
    let directory = tempfile::tempdir().expect("a directory");
    let key = prepare(directory.path(), SQLITE);
    let service = serve(directory.path(), SQLITE, &[]);
    let http = Http::new(&service.address, Some(&key));
    let holder = connect(directory.path());
    (directory, service, http, holder)
}

fn connect(directory: &Path) -> SqliteConnection {
    SqliteConnection::establish(&directory.join("test.db").to_string_lossy()).expect("it opens")
}

#[test]
fn a_lock_of_another_process_delays_all_writers_by_one_bounded_wait() {
    let (directory, _service, http, mut holder) = start_with_other_process();
    holder.batch_execute("BEGIN IMMEDIATE").expect("the lock");
    let mut another = connect(directory.path());
    another.batch_execute("BEGIN IMMEDIATE").expect_err("the control: the lock is held");
    let began = Instant::now();
    let statuses = std::thread::scope(|scope| {
        let http = &http;
        let all: Vec<_> =
            (0..50).map(|n| scope.spawn(move || http.create(&format!("l-{n}")).expect("a response").status)).collect();
        all.into_iter().map(|one| one.join().expect("a client")).collect::<Vec<_>>()
    });
    // Fifty sequential waits of two seconds would take far longer.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert!(statuses.iter().all(|status| *status == 503), "{statuses:?}");
    assert_eq!(http.get("/api/v1/sectors?limit=1").expect("a response").status, 200, "reads go on");
    holder.batch_execute("ROLLBACK").expect("the lock is free");
    wait_until(RECOVERS_WITHIN, "writes go on", || http.create("after").is_ok_and(|reply| reply.status == 201));
    let codes = http.codes();
    assert!(!codes.iter().any(|code| code.starts_with("l-")), "refused writes are found: {codes:?}");
}

#[test]
fn writes_refused_by_a_held_lock_do_not_appear_later() {
    let (_directory, _service, http, mut holder) = start_with_other_process();
    holder.batch_execute("PRAGMA busy_timeout = 20000").expect("it waits for the lock");
    let one = || http.create(&format!("y{:x}", rand::random::<u64>()));
    let outcomes = write_during(&http, "h", 16, || {
        for _ in 0..3 {
            let before = http.count().expect("a count");
            wait_until(Duration::from_secs(120), "writes are made", || http.count() > Some(before + writes() / 3));
            holder.batch_execute("BEGIN IMMEDIATE").expect("the lock");
            wait_until(Duration::from_secs(20), "writes are refused", || one().is_ok_and(|reply| reply.status == 503));
            holder.batch_execute("ROLLBACK").expect("the lock is free");
            wait_until(RECOVERS_WITHIN, "writes go on", || one().is_ok_and(|reply| reply.status == 201));
        }
    });
    assert!(!outcomes.refused.is_empty(), "the control: the lock was felt");
    outcomes.print("locked by another process");
    outcomes.assert_consistent_with(&http.codes());
}
