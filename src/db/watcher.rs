//! The version of the data, as this process knows it, and the watcher that learns of the changes of other processes.
//!
//! What was computed at a version holds at that version. A watcher that hears nothing may have nothing to hear, or a connection
//! that is dead: it therefore proves itself by a round trip at least every second, and without a proof of the last two seconds
//! there is no version ([`DataVersion::current`]), so that nothing is answered from a cache.
//!
//! On SQLite the writer watches between its batches ([`super::writer`]): `PRAGMA data_version` of its own connection changes
//! only by other processes, and while it holds the write lock there are no changes but its own.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::backend::{self, Manager};
use crate::error::{Error, Result};

/// How late the changes of other processes may be noticed while the connection is good.
pub const INTERVAL: Duration = Duration::from_millis(10);
/// The same behind PgBouncer, where each look is a transaction.
const POLLING: Duration = Duration::from_millis(100);
/// How often a connection that only listens proves itself.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// How long a proof holds.
const TRUSTED: Duration = Duration::from_secs(2);
/// After so long without a proof another watcher takes over: a connection that neither answers nor ends may block its thread
/// for as long as it likes.
const REPLACED_AFTER: Duration = Duration::from_secs(4);
/// The pause after a failure.
const PAUSE: Duration = Duration::from_millis(500);

/// Counts the changes of the data, of this process and of others.
pub struct DataVersion {
    count: AtomicI64,
    began: Instant,
    /// When the watcher proved itself last, in milliseconds since `began`; 0: not yet.
    proved: AtomicU64,
    /// Whether this process holds SQLite's write lock, so that no other can change anything.
    is_locked: AtomicBool,
    /// Carries a signal for each growth of the count.
    changed: watch::Sender<()>,
    /// The number of the watcher whose word counts.
    watcher: AtomicU64,
    /// What this process announces its own changes as.
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
    /// The version as it is now; `None` while the changes of other processes may go unseen.
    pub fn current(&self) -> Option<i64> {
        // Read before the proof is judged: a version that is older than it need be does no harm.
        let count = self.count.load(Ordering::SeqCst);
        let is_trusted = self.is_locked.load(Ordering::SeqCst) || self.age().is_some_and(|age| age < TRUSTED);
        is_trusted.then_some(count)
    }

    /// How long ago the watcher proved itself; `None` before the first time.
    pub fn age(&self) -> Option<Duration> {
        match self.proved.load(Ordering::SeqCst) {
            0 => None,
            proved => Some(self.began.elapsed().saturating_sub(Duration::from_millis(proved))),
        }
    }

    /// A signal for each change.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Counts a change.
    pub fn bump(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
        self.changed.send_replace(());
    }

    /// Notes that every change until this moment was seen.
    pub fn prove(&self, at: Instant) {
        let since = at.saturating_duration_since(self.began).as_millis().max(1);
        self.proved.fetch_max(u64::try_from(since).unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    /// Notes whether this process holds the write lock of a SQLite database.
    pub fn set_locked(&self, is_locked: bool) {
        self.is_locked.store(is_locked, Ordering::SeqCst);
    }
}

/// Watches a PostgreSQL database for the changes of other processes, until the version is dropped.
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
                    tracing::error!(%error, "cannot start another watcher");
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
                Err(error) => tracing::warn!(%error, "cannot watch for changes of other processes; trying again"),
            }
            thread::sleep(PAUSE);
        }
    };
    thread::Builder::new().name("watcher".to_owned()).spawn(work).map(drop).map_err(Error::unexpected)
}

/// The version, as long as this watcher's word counts.
fn mine(version: &Weak<DataVersion>, number: u64) -> Option<Arc<DataVersion>> {
    version.upgrade().filter(|version| version.watcher.load(Ordering::SeqCst) == number)
}

/// Watches with one connection until it fails, or until this watcher is not needed any more.
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
    // What changed before nobody saw.
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
        assert_eq!(old.current(), None, "the proof is too old");
        old.set_locked(true);
        assert_eq!(old.current(), Some(0), "nobody else can write");
    }
}
