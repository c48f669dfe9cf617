//! Transactions: how they begin, and what their end means for who waits for it.

use std::sync::atomic::{AtomicU8, Ordering};

use super::Conn;
use super::backend::{self, BEGIN, BEGIN_SNAPSHOT};
use crate::error::{Error, Result};

/// Whom commands announce their changes as.
const COMMAND: &str = "command";

/// What is to become of what a work wrote.
pub enum Verdict<T> {
    Keep(T),
    Undo(T),
}

impl<T> Verdict<T> {
    /// What the work gave, whatever is to become of what it wrote.
    pub fn into_value(self) -> T {
        match self {
            Verdict::Keep(value) | Verdict::Undo(value) => value,
        }
    }
}

/// How far a write on PostgreSQL is, so that it is given up either before its commit, or with an unknown outcome.
#[derive(Default)]
pub struct Phase(AtomicU8);

impl Phase {
    const WORKING: u8 = 0;
    pub const COMMITTING: u8 = 1;
    const GIVEN_UP: u8 = 2;

    /// Whether the commit may begin: not once the write was given up.
    fn commits(&self) -> bool {
        self.0.compare_exchange(Phase::WORKING, Phase::COMMITTING, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// Notes that the commit failed, which leaves nothing open.
    fn failed(&self) {
        self.0.store(Phase::GIVEN_UP, Ordering::SeqCst);
    }

    /// Gives the write up; returns how far it was.
    pub fn gives_up(&self) -> u8 {
        match self.0.compare_exchange(Phase::WORKING, Phase::GIVEN_UP, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(before) | Err(before) => before,
        }
    }
}

/// How a transaction is committed.
pub struct Ending<'a> {
    /// Whom the change is announced as; `None`: it is not announced.
    pub sender: Option<&'a str>,
    pub phase: Option<&'a Phase>,
}

/// Runs a work in a transaction that may write from its beginning on, and ends it as the work says; an error undoes it.
pub fn in_transaction<T, E: From<Error>>(
    conn: &mut Conn,
    work: impl FnOnce(&mut Conn) -> Result<Verdict<T>, E>,
) -> Result<T, E> {
    in_transaction_by(conn, BEGIN, &Ending { sender: Some(COMMAND), phase: None }, work)
}

/// [`in_transaction`] with what begins the transaction on PostgreSQL, and how it ends.
pub fn in_transaction_by<T, E: From<Error>>(
    conn: &mut Conn,
    begin: &str,
    ending: &Ending<'_>,
    work: impl FnOnce(&mut Conn) -> Result<Verdict<T>, E>,
) -> Result<T, E> {
    backend::begin_write(conn, begin).map_err(Error::from)?;
    finish(conn, ending, work)
}

/// Runs a work in the transaction that was begun for it, and ends that; changes are announced as those of a command.
pub fn finish_transaction<T, E: From<Error>>(
    conn: &mut Conn,
    work: impl FnOnce(&mut Conn) -> Result<Verdict<T>, E>,
) -> Result<T, E> {
    finish(conn, &Ending { sender: Some(COMMAND), phase: None }, work)
}

fn finish<T, E: From<Error>>(
    conn: &mut Conn,
    ending: &Ending<'_>,
    work: impl FnOnce(&mut Conn) -> Result<Verdict<T>, E>,
) -> Result<T, E> {
    let done = work(conn).and_then(|verdict| match verdict {
        Verdict::Keep(value) => commit(conn, ending).map(|()| value).map_err(E::from),
        Verdict::Undo(value) => backend::roll_back(conn).map(|()| value).map_err(|error| Error::from(error).into()),
    });
    if done.is_err() && backend::in_transaction(conn).unwrap_or(true) {
        // The work's own error says more than that of a roll-back, which fails where the connection is lost.
        if let Err(error) = backend::roll_back(conn) {
            tracing::debug!(%error, "a roll-back failed");
        }
    }
    done
}

fn commit(conn: &mut Conn, ending: &Ending<'_>) -> Result<()> {
    if let Some(sender) = ending.sender {
        backend::announce_change(conn, sender)?;
    }
    if ending.phase.is_some_and(|phase| !phase.commits()) {
        return Err(Error::Unavailable("the write was given up before its commit".to_owned()));
    }
    backend::commit(conn).map_err(|error| {
        let error = Error::of_commit(error);
        if let (Some(phase), false) = (ending.phase, matches!(error, Error::OutcomeUnknown(_))) {
            phase.failed();
        }
        error
    })
}

/// Runs a read that sees the data as it is at one moment.
pub fn in_snapshot<T>(conn: &mut Conn, work: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
    in_read(conn, BEGIN_SNAPSHOT, work)
}

/// Runs a read in a transaction; `begin` begins it on PostgreSQL.
pub fn in_read<T>(conn: &mut Conn, begin: &str, work: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
    backend::begin_read(conn, begin)?;
    let done = work(conn);
    // Nothing was written, so that there is nothing to keep.
    let ended = backend::roll_back(conn);
    let value = done?;
    ended?;
    Ok(value)
}
