//! The connections of one class of work. Each thread keeps one ([`super::lanes`]).
//!
//! A pool library would add a second queue and would hand out connections that a restarted server has closed. Here, when a
//! connection is lost, all connections of its generation are replaced before their next use. After a restart, failover or network
//! failure, stale connections thus cause only one error.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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
}

/// A connection that a thread keeps.
pub struct Lent {
    pub conn: Conn,
    generation: u64,
    /// When it was used last.
    since: Instant,
}

impl Pool {
    /// Creates a pool that opens connections on demand.
    pub fn new(manager: Manager, generation: Generation) -> Pool {
        Pool { manager, generation }
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

    /// Returns a connection that can be used: the same one, or a new one.
    pub fn renew(&self, lent: Option<Lent>) -> Result<Lent> {
        let generation = self.generation.current();
        match lent {
            Some(lent) if lent.generation == generation && lent.since.elapsed() < IDLE_MAX => Ok(lent),
            _ => Ok(Lent { conn: self.manager.open()?, generation, since: Instant::now() }),
        }
    }

    /// Returns a connection after its work if it can be used again. It is closed if the work failed by other than a client error,
    /// because its state is uncertain. If the server does not respond on it or has become a standby, its whole generation is
    /// invalidated.
    pub fn keep<T>(&self, mut lent: Lent, outcome: &Result<T>) -> Option<Lent> {
        match outcome {
            Ok(_) | Err(Error::Problem(_)) => {}
            Err(_) => {
                let is_clean = backend::in_transaction(&mut lent.conn) == Ok(false);
                if !(is_clean && backend::is_alive(&mut lent.conn)) {
                    self.generation.end(lent.generation);
                }
                return None;
            }
        }
        let is_good =
            lent.generation == self.generation.current() && backend::in_transaction(&mut lent.conn) == Ok(false);
        is_good.then(|| Lent { since: Instant::now(), ..lent })
    }

    /// Invalidates a generation because one of its connections was abandoned.
    pub fn give_up(&self, generation: u64) {
        self.generation.end(generation);
    }
}
