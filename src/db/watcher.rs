//! The version of the data in this process, and the watcher for changes of other processes.
//!
//! Cached values are valid for the version at which they were computed. Silence can mean that nothing changed or that
//! the connection is dead, so the watcher makes a round trip at least every second. Without one in the last two seconds
//! there is no version ([`DataVersion::current`]), which disables the caches.
//!
//! On SQLite the writer watches between its batches ([`super::writer`]): `PRAGMA data_version` on its connection
//! changes only by commits of other connections, and while it holds the write lock there are none.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::backend::{self, Manager};
use crate::error::{Error, Result};

/// Polling interval for received notifications.
pub const INTERVAL: Duration = Duration::from_millis(10);
/// Polling interval behind PgBouncer, where each poll is a transaction.
const POLLING: Duration = Duration::from_millis(100);
/// Interval between round trips of a listening connection.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// Validity of a round trip.
const TRUSTED: Duration = Duration::from_secs(2);
/// Time without a round trip after which another watcher takes over, because a dead connection can block its thread
/// indefinitely.
const REPLACED_AFTER: Duration = Duration::from_secs(4);
/// Delay after a failure.
const PAUSE: Duration = Duration::from_millis(500);

/// Counter of changes by this and other processes.
pub struct DataVersion {
    count: AtomicI64,
    began: Instant,
    /// Last round trip of the watcher in milliseconds since `began`; 0 if there was none.
    proved: AtomicU64,
    /// Whether this process holds SQLite's write lock, so that no other process can commit.
    is_locked: AtomicBool,
    /// Notifies of each increment.
    changed: watch::Sender<()>,
    /// Number of the active watcher.
    watcher: AtomicU64,
    /// Sender id of this process's notifications.
    pub sender: String,
}

impl Default for DataVersion {
    fn default() -> DataVersion {
        DataVersion {
            count: AtomicI64::new(0),
            began: Instant::now(),
            proved: AtomicU64::new(0),
            is_locked: AtomicBool::new(false),
            changed: watch::Sender::new(()),
            watcher: AtomicU64::new(0),
            sender: format!("{:016x}", rand::random::<u64>()),
        }
    }
}

impl DataVersion {
    /// Returns the current version; `None` while changes of other processes may be missed.
    pub fn current(&self) -> Option<i64> {
        // The version is read before the round trip is checked, because an outdated version is harmless.
        let count = self.count.load(Ordering::SeqCst);
        let is_trusted = self.is_locked.load(Ordering::SeqCst) || self.age().is_some_and(|age| age < TRUSTED);
        is_trusted.then_some(count)
    }

    /// Returns the time since the watcher's last round trip; `None` before the first one.
    pub fn age(&self) -> Option<Duration> {
        match self.proved.load(Ordering::SeqCst) {
            0 => None,
            proved => Some(self.began.elapsed().saturating_sub(Duration::from_millis(proved))),
        }
    }

    /// Returns a receiver that is notified of each change.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Counts a change.
    pub fn bump(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
        self.changed.send_replace(());
    }

    /// Records that all changes up to `at` were received.
    pub fn prove(&self, at: Instant) {
        let since = at.saturating_duration_since(self.began).as_millis().max(1);
        self.proved.fetch_max(u64::try_from(since).unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    /// Records whether this process holds SQLite's write lock.
    pub fn set_locked(&self, is_locked: bool) {
        self.is_locked.store(is_locked, Ordering::SeqCst);
    }
}

/// Starts watching a PostgreSQL database for changes of other processes, until the version is dropped.
pub fn watch(manager: Manager, version: Weak<DataVersion>) -> Result<()> {
    start(&manager, &version, 0)?;
    let overseer = move || {
        let mut number = 0;
        let mut replaced = Instant::now();
        loop {
            thread::sleep(PAUSE);
            let Some(current) = version.upgrade() else { return };
            let is_silent = current.age().is_none_or(|age| age >= REPLACED_AFTER);
            if is_silent && replaced.elapsed() >= REPLACED_AFTER {
                number += 1;
                replaced = Instant::now();
                current.watcher.store(number, Ordering::SeqCst);
                if let Err(error) = start(&manager, &version, number) {
                    tracing::error!(%error, "cannot start a replacement watcher");
                }
            }
        }
    };
    thread::Builder::new().name("overseer".to_owned()).spawn(overseer).map(drop).map_err(Error::unexpected)
}

fn start(manager: &Manager, version: &Weak<DataVersion>, number: u64) -> Result<()> {
    let (manager, version) = (manager.clone(), version.clone());
    let work = move || {
        loop {
            match watch_once(&manager, &version, number) {
                Ok(()) => return,
                Err(error) => tracing::warn!(%error, "cannot watch for changes of other processes; retrying"),
            }
            thread::sleep(PAUSE);
        }
    };
    thread::Builder::new().name("watcher".to_owned()).spawn(work).map(drop).map_err(Error::unexpected)
}

/// Returns the version while this watcher is the active one.
fn mine(version: &Weak<DataVersion>, number: u64) -> Option<Arc<DataVersion>> {
    version.upgrade().filter(|version| version.watcher.load(Ordering::SeqCst) == number)
}

/// Watches with one connection until it fails or another watcher has taken over.
fn watch_once(manager: &Manager, version: &Weak<DataVersion>, number: u64) -> Result<()> {
    if mine(version, number).is_none() {
        return Ok(());
    }
    let mut conn = manager.open()?;
    let mut seen = if manager.is_pooled() {
        backend::snapshot_of_all(&mut conn, &manager.begin("BEGIN"))?
    } else {
        backend::listen_for_changes(&mut conn)?;
        String::new()
    };
    let mut proved = Instant::now();
    let Some(current) = mine(version, number) else { return Ok(()) };
    let own = current.sender.clone();
    // Changes before the subscription were not received, so the version is incremented.
    current.bump();
    current.prove(proved);
    drop(current);
    loop {
        thread::sleep(if manager.is_pooled() { POLLING } else { INTERVAL });
        let looked = Instant::now();
        let has_changed = if manager.is_pooled() {
            let now = backend::snapshot_of_all(&mut conn, &manager.begin("BEGIN"))?;
            proved = looked;
            std::mem::replace(&mut seen, now) != seen
        } else {
            if looked.duration_since(proved) >= HEARTBEAT {
                backend::ping(&mut conn)?;
                proved = looked;
            }
            backend::foreign_notifications(&mut conn, &own)?
        };
        let Some(current) = mine(version, number) else { return Ok(()) };
        if has_changed {
            current.bump();
        }
        current.prove(proved);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_needs_a_proof() {
        let version = DataVersion::default();
        assert_eq!(version.current(), None);
        version.prove(Instant::now());
        version.bump();
        assert_eq!(version.current(), Some(1));
        let old = DataVersion { began: Instant::now() - Duration::from_secs(10), ..DataVersion::default() };
        old.prove(Instant::now() - Duration::from_secs(3));
        assert_eq!(old.current(), None, "the round trip is too old");
        old.set_locked(true);
        assert_eq!(old.current(), Some(0), "no other process can write");
    }
}
