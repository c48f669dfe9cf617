//! Transactions and the outcome of their commit.

use std::sync::atomic::{AtomicU8, Ordering};

use super::Conn;
use super::backend::{self, BEGIN, BEGIN_SNAPSHOT};
use crate::error::{Error, Result};

/// Whether to commit or roll back a write.
pub enum Verdict<T> {
    Keep(T),
    Undo(T),
}

impl<T> Verdict<T> {
    /// Returns the value regardless of the verdict.
    pub fn into_value(self) -> T {
        match self {
            Verdict::Keep(value) | Verdict::Undo(value) => value,
        }
    }
}

/// The phase of a write on PostgreSQL: if it is abandoned before its commit nothing is written, afterwards the outcome
/// is unknown.
#[derive(Default)]
pub struct Phase(AtomicU8);

impl Phase {
    const WORKING: u8 = 0;
    pub const COMMITTING: u8 = 1;
    const GIVEN_UP: u8 = 2;

    /// Enters the commit phase; returns false if the write was abandoned.
    fn commits(&self) -> bool {
        self.0.compare_exchange(Phase::WORKING, Phase::COMMITTING, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// Records that the commit failed, so the outcome is known.
    fn failed(&self) {
        self.0.store(Phase::GIVEN_UP, Ordering::SeqCst);
    }

    /// Abandons the write and returns its previous phase.
    pub fn gives_up(&self) -> u8 {
        match self.0.compare_exchange(Phase::WORKING, Phase::GIVEN_UP, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(before) | Err(before) => before,
        }
    }
}

/// Runs `work` in a write transaction, which ends by its verdict; an error rolls it back.
pub fn in_transaction<T, E: From<Error>>(
    conn: &mut Conn,
    work: impl FnOnce(&mut Conn) -> Result<Verdict<T>, E>,
) -> Result<T, E> {
    in_transaction_by(conn, BEGIN, work)
}

/// [`in_transaction`] with the SQL that begins the transaction on PostgreSQL.
pub fn in_transaction_by<T, E: From<Error>>(
    conn: &mut Conn,
    begin: &str,
    work: impl FnOnce(&mut Conn) -> Result<Verdict<T>, E>,
) -> Result<T, E> {
    in_phases(conn, begin, None, work)
}

/// [`in_transaction_by`] that notes the phase of the write.
pub fn in_phases<T, E: From<Error>>(
    conn: &mut Conn,
    begin: &str,
    phase: Option<&Phase>,
    work: impl FnOnce(&mut Conn) -> Result<Verdict<T>, E>,
) -> Result<T, E> {
    backend::begin_write(conn, begin).map_err(Error::from)?;
    finish(conn, phase, work)
}

/// Runs `work` in the open transaction and ends it.
pub fn finish_transaction<T, E: From<Error>>(
    conn: &mut Conn,
    work: impl FnOnce(&mut Conn) -> Result<Verdict<T>, E>,
) -> Result<T, E> {
    finish(conn, None, work)
}

fn finish<T, E: From<Error>>(
    conn: &mut Conn,
    phase: Option<&Phase>,
    work: impl FnOnce(&mut Conn) -> Result<Verdict<T>, E>,
) -> Result<T, E> {
    let done = work(conn).and_then(|verdict| match verdict {
        Verdict::Keep(value) => commit(conn, phase).map(|()| value).map_err(E::from),
        Verdict::Undo(value) => backend::roll_back(conn).map(|()| value).map_err(|error| Error::from(error).into()),
    });
    if done.is_err() && backend::in_transaction(conn).unwrap_or(true) {
        // The rollback fails if the connection is lost; the error of the work is more informative.
        if let Err(error) = backend::roll_back(conn) {
            tracing::debug!(%error, "rollback failed");
        }
    }
    done
}

fn commit(conn: &mut Conn, phase: Option<&Phase>) -> Result<()> {
    if phase.is_some_and(|phase| !phase.commits()) {
        return Err(Error::Unavailable("the write was abandoned before its commit".to_owned()));
    }
    backend::commit(conn).map_err(|error| {
        let error = Error::of_commit(error);
        if let (Some(phase), false) = (phase, matches!(error, Error::OutcomeUnknown(_))) {
            phase.failed();
        }
        error
    })
}

/// Runs a read on a consistent snapshot.
pub fn in_snapshot<T>(conn: &mut Conn, work: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
    in_read(conn, BEGIN_SNAPSHOT, work)
}

/// Runs a read in a transaction; `begin` is the SQL that begins it on PostgreSQL.
pub fn in_read<T>(conn: &mut Conn, begin: &str, work: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
    // Behind PgBouncer every read already runs in a transaction.
    if backend::in_transaction(conn)? {
        return work(conn);
    }
    backend::begin_read(conn, begin)?;
    let done = work(conn);
    // A read has nothing to commit.
    let ended = backend::roll_back(conn);
    let value = done?;
    ended?;
    Ok(value)
}
