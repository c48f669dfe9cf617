//! The sealer: appends committed audit events to the chain, within milliseconds after their write.
//!
//! Each process on a PostgreSQL database has a thread that seals when the process has committed events, and looks for those of
//! others every [`PATROL`]. The lock of the chain lets one of them seal at a time. It is held for one transaction, so that
//! another process takes over as soon as that ends or its connection is lost; PostgreSQL ends the session of a process that stops
//! in the middle after [`IDLE_MAX`].

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::chain;
use super::pending::{self, Left};
use crate::db::changes::Changes;
use crate::db::{self, Conn, Manager, Store, Verdict, backend};
use crate::error::{Error, Result};

/// Interval at which events of processes that ended are looked for.
const PATROL: Duration = Duration::from_millis(500);
/// Wait for further events before sealing, so that those of concurrent writes are sealed together.
const GATHERED_FOR: Duration = Duration::from_millis(5);
/// Delay after a failure, and while another process seals.
const PAUSE: Duration = Duration::from_millis(10);
/// Delay after the connection was lost.
const RECONNECT: Duration = Duration::from_millis(500);
/// Time without a statement after which PostgreSQL ends a session in the middle of sealing.
const IDLE_MAX: Duration = Duration::from_secs(5);
/// Longest wait of a read while no event is sealed.
const STALLED_MAX: Duration = Duration::from_secs(2);
/// Longest wait of a read for the events of this process, such as those of a large import.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// The sealer of one process; it ends when it is dropped.
pub struct Sealer(Option<Arc<Progress>>);

/// How far the events of this process are sealed.
struct Progress {
    wake: SyncSender<()>,
    /// Number of transactions of this process that recorded events.
    committed: AtomicU64,
    sealed: watch::Sender<Sealed>,
}

#[derive(Clone, Copy, Default)]
struct Sealed {
    /// Of the committed transactions, the number whose events are sealed.
    transactions: u64,
    /// Number of times that some events were sealed.
    steps: u64,
}

impl Sealer {
    /// Starts the thread of a store. SQLite needs none.
    pub fn start(store: &Store) -> Result<Sealer> {
        if store.has_one_writer() {
            return Ok(Sealer(None));
        }
        let (wake, woken) = sync_channel(1);
        let progress = Arc::new(Progress { wake, committed: AtomicU64::new(0), sealed: watch::Sender::default() });
        let noticed = Arc::downgrade(&progress);
        store.changes().subscribe_own(move |_| {
            if let Some(progress) = noticed.upgrade() {
                progress.committed.fetch_add(1, Ordering::SeqCst);
                // A full channel means that the thread is about to wake.
                let _ = progress.wake.try_send(());
            }
        });
        let (manager, changes, followed) =
            (store.manager().clone(), store.changes().clone(), Arc::downgrade(&progress));
        let work = move || run(&manager, &changes, &followed, &woken);
        thread::Builder::new().name("sealer".to_owned()).spawn(work).map_err(Error::unexpected)?;
        Ok(Sealer(Some(progress)))
    }

    /// Waits until the events that this process has committed are in the log, so that a client reads its own writes there. Gives up
    /// after [`WAIT_MAX`], or when the sealer does not progress, because the log may be read without them.
    pub async fn settle(&self) {
        let Some(progress) = &self.0 else { return };
        let committed = progress.committed.load(Ordering::SeqCst);
        let mut sealed = progress.sealed.subscribe();
        let until = Instant::now() + WAIT_MAX;
        while sealed.borrow_and_update().transactions < committed {
            let steps = sealed.borrow().steps;
            let is_further = |sealed: &Sealed| sealed.transactions >= committed || sealed.steps > steps;
            let waited = tokio::time::timeout(STALLED_MAX, sealed.wait_for(is_further)).await;
            if waited.is_err() || Instant::now() >= until {
                tracing::warn!("audit events are not sealed in time");
                return;
            }
        }
    }
}

fn run(manager: &Manager, changes: &Changes, progress: &Weak<Progress>, woken: &Receiver<()>) {
    let mut conn = None;
    loop {
        match woken.recv_timeout(PATROL) {
            Ok(()) => thread::sleep(GATHERED_FOR),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if let Err(error) = seal_committed(manager, &mut conn, changes, progress) {
            tracing::warn!(%error, "cannot seal audit events; retrying");
            conn = None;
            thread::sleep(RECONNECT);
        }
    }
}

/// Seals until nothing that was committed before is left.
fn seal_committed(
    manager: &Manager,
    conn: &mut Option<Conn>,
    changes: &Changes,
    progress: &Weak<Progress>,
) -> Result<()> {
    loop {
        let Some(committed) = progress.upgrade().map(|progress| progress.committed.load(Ordering::SeqCst)) else {
            return Ok(());
        };
        let open = match conn {
            Some(conn) => conn,
            None => conn.insert(manager.open()?),
        };
        let left = if pending::are_any(open)? { seal_some(open, manager, changes)? } else { Some(Left::Nothing) };
        match left {
            Some(Left::Nothing) => {
                if let Some(progress) = progress.upgrade() {
                    progress.sealed.send_modify(|sealed| sealed.transactions = committed);
                }
                return Ok(());
            }
            Some(Left::Some) => {
                if let Some(progress) = progress.upgrade() {
                    progress.sealed.send_modify(|sealed| sealed.steps += 1);
                }
            }
            // Another process seals.
            None => thread::sleep(PAUSE),
        }
    }
}

/// Seals some events; `None` while another process seals.
fn seal_some(conn: &mut Conn, manager: &Manager, changes: &Changes) -> Result<Option<Left>> {
    let left = db::in_transaction_by(conn, &manager.begin(backend::BEGIN), |conn| -> Result<_> {
        backend::limit_idle(conn, IDLE_MAX)?;
        if !chain::try_turn(conn)? {
            return Ok(Verdict::Undo(None));
        }
        pending::seal(conn).map(|left| Verdict::Keep(Some(left)))
    })?;
    if left.is_some() {
        changes.publish_log();
    }
    Ok(left)
}
