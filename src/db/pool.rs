//! Idle connections of one class of work.
//!
//! How many are in use is bounded by the class's permits, so that nobody waits here: a connection is taken from the idle ones or
//! opened. A pool library would add a second queue, and hands out connections that a restarted server has closed.
//!
//! One connection that is lost makes all of its generation suspect: those that are idle are closed unused, and those in use when
//! they come back. A server that restarted, failed over or went silent is thereby left behind at the first error.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::backend::{self, Conn, Manager};
use crate::error::{Error, Result};

/// A connection that was idle for longer is closed, not used: a firewall may have dropped it meanwhile.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// Counts how often connections turned out to be lost; shared by all pools on one database.
#[derive(Clone, Default)]
pub struct Generation(Arc<AtomicU64>);

impl Generation {
    fn current(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Makes the connections of a generation, and of those before it, suspect.
    fn end(&self, generation: u64) {
        let moved = self.0.compare_exchange(generation, generation + 1, Ordering::SeqCst, Ordering::SeqCst);
        if moved.is_ok() {
            tracing::warn!("a connection to the database was lost; the others are replaced");
        }
    }
}

/// The connections of one class.
pub struct Pool {
    manager: Manager,
    generation: Generation,
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    conn: Conn,
    generation: u64,
    since: Instant,
}

/// A connection in use. Unless it is returned it is closed.
pub struct Lent {
    pub conn: Conn,
    generation: u64,
}

impl Pool {
    /// A pool that opens its connections when they are needed.
    pub fn new(manager: Manager, generation: Generation) -> Pool {
        Pool { manager, generation, idle: Mutex::default() }
    }

    /// What begins a transaction on its connections.
    pub fn begin(&self, begin: &str) -> String {
        self.manager.begin(begin)
    }

    /// Whether reads need a transaction of their own for their statements to reach one session of the server.
    pub fn needs_transactions(&self) -> bool {
        self.manager.is_pooled()
    }

    /// The generation whose connections are lent now.
    pub fn generation(&self) -> u64 {
        self.generation.current()
    }

    /// A connection, idle or new; an error where none can be opened.
    pub fn take(&self) -> Result<Lent> {
        let generation = self.generation.current();
        let unusable;
        let found = {
            let mut idle = self.idle();
            let (good, bad): (Vec<Idle>, Vec<Idle>) =
                idle.drain(..).partition(|one| one.generation == generation && one.since.elapsed() < IDLE_MAX);
            *idle = good;
            unusable = bad;
            // The last one returned has the warmest caches, and the others may grow old.
            idle.pop()
        };
        // Closing takes a round trip: outside of the lock.
        drop(unusable);
        match found {
            Some(Idle { conn, generation, .. }) => Ok(Lent { conn, generation }),
            None => Ok(Lent { conn: self.manager.open()?, generation }),
        }
    }

    /// Takes a connection back after its work. One whose work failed by more than the client's mistake is closed: a statement may
    /// be half done, or prepared where the server no longer knows it. Where the server does not answer on it any more, or answers
    /// as a standby, the others of its generation are suspect as well.
    pub fn give_back<T>(&self, mut lent: Lent, outcome: &Result<T>) {
        match outcome {
            Ok(_) | Err(Error::Problem(_)) => {}
            Err(_) => {
                let is_clean = backend::in_transaction(&mut lent.conn) == Ok(false);
                if !(is_clean && backend::is_alive(&mut lent.conn)) {
                    self.generation.end(lent.generation);
                }
                return;
            }
        }
        if lent.generation == self.generation.current() && backend::in_transaction(&mut lent.conn) == Ok(false) {
            self.idle().push(Idle { conn: lent.conn, generation: lent.generation, since: Instant::now() });
        }
    }

    /// Makes the connections of a generation suspect: one of them does not come back.
    pub fn give_up(&self, generation: u64) {
        self.generation.end(generation);
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
