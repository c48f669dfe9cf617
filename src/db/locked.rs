//! Writes by commands to a database that a running service also writes to.
//!
//! A busy service commits batches back to back, and SQLite's busy handler sleeps up to 100 ms between attempts and
//! misses the gaps. Commands therefore poll the write lock every millisecond. The wait is bounded and reported.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::transaction::finish_transaction;
use super::{Conn, Verdict, backend};
use crate::error::{Error, Result};

/// Maximum wait of a command for a lock.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Interval between attempts; shorter than a commit of the service, so that a gap is hit soon.
const POLL: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// Repeats `attempt` until it returns a value. Reports every second of waiting on standard error and fails after
/// `limit`.
pub fn wait_for<T>(what: &str, limit: Duration, mut attempt: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let started = Instant::now();
    let mut reported = 0;
    loop {
        if let Some(value) = attempt()? {
            return Ok(value);
        }
        let waited = started.elapsed();
        if waited >= limit {
            return Err(held_too_long(what, limit));
        }
        if waited.as_secs() > reported {
            reported = waited.as_secs();
            report(what, reported);
        }
        thread::sleep(POLL);
    }
}

fn report(what: &str, seconds: u64) {
    eprintln!("waiting for {what} ({seconds} s)…");
}

fn held_too_long(what: &str, limit: Duration) -> Error {
    let seconds = limit.as_secs();
    Error::Unavailable(format!("{what} was held by another process for {seconds} s; nothing was written; try again"))
}

/// Runs a command's write in a transaction, which ends by the work's verdict; an error rolls it back. Waits for locks
/// at most `limit`.
pub fn transaction<T, E: From<Error>>(
    conn: &mut Conn,
    limit: Duration,
    work: impl FnOnce(&mut Conn) -> Result<Verdict<T>, E>,
) -> Result<T, E> {
    begin(conn, limit)?;
    finish_transaction(conn, work)
}

/// Begins a transaction for [`transaction`].
pub fn begin(conn: &mut Conn, limit: Duration) -> Result<()> {
    wait_for("the database's write lock", limit, || Ok(backend::upkeep::try_begin_write(conn, limit)?.then_some(())))
}

/// [`transaction`] for a short write; taking longer than a second means a wait for locks, which is reported.
pub fn short_transaction<T>(conn: &mut Conn, limit: Duration, work: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
    const LOCKS: &str = "the database's locks";
    begin(conn, limit)?;
    let reporting = (!conn.is_sqlite()).then(|| Reporting::start(LOCKS));
    let done = finish_transaction(conn, |conn| work(conn).map(Verdict::Keep));
    drop(reporting);
    done.map_err(|error| if backend::upkeep::is_lock_timeout(&error) { held_too_long(LOCKS, limit) } else { error })
}

/// Reports a wait each second until it is dropped.
struct Reporting {
    _end: Sender<()>,
}

impl Reporting {
    fn start(what: &'static str) -> Reporting {
        let (end, ended) = channel();
        thread::spawn(move || {
            let mut seconds = 0;
            while ended.recv_timeout(SECOND) == Err(RecvTimeoutError::Timeout) {
                seconds += 1;
                report(what, seconds);
            }
        });
        Reporting { _end: end }
    }
}
