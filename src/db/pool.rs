//! Pool of idle connections of one class of work.
//!
//! The class's permits bound the connections in use, so taking a connection never waits: it is idle or newly opened. A
//! pool library would add a second queue and would hand out connections that a restarted server has closed.
//!
//! When a connection is lost, all connections of its generation are replaced: idle ones are closed immediately, those
//! in use when they are returned. After a restart, failover or network failure, stale connections thus cause only one
//! error.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::backend::{self, Conn, Manager};
use crate::error::{Error, Result};

/// Maximum idle time of a connection, because a firewall may drop it meanwhile.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// Generation counter, incremented when a connection is lost; shared by all pools of a database.
#[derive(Clone, Default)]
pub struct Generation(Arc<AtomicU64>);

impl Generation {
    fn current(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Invalidates the connections of a generation and of earlier ones.
    fn end(&self, generation: u64) {
        let moved = self.0.compare_exchange(generation, generation + 1, Ordering::SeqCst, Ordering::SeqCst);
        if moved.is_ok() {
            tracing::warn!("a database connection was lost; all connections are replaced");
        }
    }
}

/// The connections of one class of work.
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

/// A connection in use; closed unless it is returned.
pub struct Lent {
    pub conn: Conn,
    generation: u64,
}

impl Pool {
    /// Creates a pool that opens connections on demand.
    pub fn new(manager: Manager, generation: Generation) -> Pool {
        Pool { manager, generation, idle: Mutex::default() }
    }

    /// Returns the SQL that begins a transaction on its connections.
    pub fn begin(&self, begin: &str) -> String {
        self.manager.begin(begin)
    }

    /// Whether reads need a transaction so that all their statements run in one server session (PgBouncer).
    pub fn needs_transactions(&self) -> bool {
        self.manager.is_pooled()
    }

    /// Returns the number of statements that its connections have run.
    pub fn statements(&self) -> u64 {
        self.manager.statements().count()
    }

    /// Returns the current generation.
    pub fn generation(&self) -> u64 {
        self.generation.current()
    }

    /// Takes an idle connection or opens a new one.
    pub fn take(&self) -> Result<Lent> {
        let generation = self.generation.current();
        let unusable;
        let found = {
            let mut idle = self.idle();
            let (good, bad): (Vec<Idle>, Vec<Idle>) =
                idle.drain(..).partition(|one| one.generation == generation && one.since.elapsed() < IDLE_MAX);
            *idle = good;
            unusable = bad;
            // The last one returned has the warmest caches, and unused ones can expire.
            idle.pop()
        };
        // Closing takes a round trip, so it happens outside the lock.
        drop(unusable);
        match found {
            Some(Idle { conn, generation, .. }) => Ok(Lent { conn, generation }),
            None => Ok(Lent { conn: self.manager.open()?, generation }),
        }
    }

    /// Returns a connection after its work. It is closed if the work failed by other than a client error, because its
    /// state is uncertain. If the server does not respond on it or has become a standby, its whole generation is
    /// invalidated.
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

    /// Invalidates a generation because one of its connections was abandoned.
    pub fn give_up(&self, generation: u64) {
        self.generation.end(generation);
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
