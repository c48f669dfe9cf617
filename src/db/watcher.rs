//! The watcher of a PostgreSQL database: reads the audit events of other processes and publishes them ([`Changes`]).
//!
//! A notification is only a hint to read at once. Without one the watcher reads every [`HEARTBEAT`], so that nothing is
//! missed where notifications are lost or not delivered.
//!
//! On SQLite the writer watches between its batches ([`super::writer`]): `PRAGMA data_version` on its connection changes
//! only by commits of other connections, and while it holds the write lock there are none.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use diesel::prelude::*;

use super::Conn;
use super::backend::{self, BEGIN_SNAPSHOT, Manager};
use super::changes::{Changes, EventKey};
use super::schema::audit_events;
use super::transaction::in_read;
use crate::error::{Error, Result};
use crate::model::types::Instant as At;

/// Polling interval for received notifications.
pub const INTERVAL: Duration = Duration::from_millis(10);
/// Polling interval behind PgBouncer, where each poll is a transaction.
const POLLING: Duration = Duration::from_millis(100);
/// Interval between round trips of a listening connection.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// Time without a round trip after which another watcher takes over, because a dead connection can block its thread
/// indefinitely.
const REPLACED_AFTER: Duration = Duration::from_secs(4);
/// Delay after a failure.
const PAUSE: Duration = Duration::from_millis(500);
/// Events read at a time.
const READ_TOGETHER: i64 = 1_000;
/// Events read one after the other; beyond it everything counts as changed.
const READ_MAX: i64 = 10_000;

/// The position up to which a process has read the audit log.
pub struct Feed(i64);

impl Feed {
    /// Begins after the newest event.
    pub fn begin(conn: &mut Conn) -> Result<Feed> {
        let newest = audit_events::table.select(diesel::dsl::max(audit_events::id)).get_result::<Option<i64>>(conn)?;
        Ok(Feed(newest.unwrap_or(0)))
    }

    /// Publishes the events after this position.
    pub fn read(&mut self, conn: &mut Conn, changes: &Changes) -> Result<()> {
        type Row = (i64, At, String, Option<i64>, String);
        let first = self.0;
        loop {
            let rows = audit_events::table
                .filter(audit_events::id.gt(self.0))
                .order(audit_events::id)
                .limit(READ_TOGETHER)
                .select((
                    audit_events::id,
                    audit_events::at,
                    audit_events::entity,
                    audit_events::record_id,
                    audit_events::request_id,
                ))
                .load::<Row>(conn);
            let rows = match rows {
                // A changed row that cannot be decoded must not stop the feed.
                Err(diesel::result::Error::DeserializationError(_)) => return self.skip(conn, changes),
                rows => rows?,
            };
            let Some((last, ..)) = rows.last() else { return Ok(()) };
            self.0 = *last;
            changes.publish_read(rows.iter().map(|(_, at, entity, record_id, request_id)| EventKey {
                at: *at,
                entity,
                record_id: *record_id,
                request_id,
            }));
            if (rows.len() as i64) < READ_TOGETHER {
                return Ok(());
            }
            if self.0 - first >= READ_MAX {
                return self.skip(conn, changes);
            }
        }
    }

    /// Continues after the newest event, and publishes that anything may have changed.
    fn skip(&mut self, conn: &mut Conn, changes: &Changes) -> Result<()> {
        *self = Feed::begin(conn)?;
        changes.publish_all();
        Ok(())
    }
}

/// Starts watching a PostgreSQL database, until the change feed is dropped.
pub fn watch(manager: Manager, changes: Weak<Changes>) -> Result<()> {
    let active = Arc::new(AtomicU64::new(0));
    start(&manager, &changes, Turn { number: 0, active: active.clone() })?;
    let oversee = move || {
        let mut number = 0;
        let mut replaced = Instant::now();
        loop {
            thread::sleep(PAUSE);
            let Some(current) = changes.upgrade() else { return };
            let is_silent = current.age().is_none_or(|age| age >= REPLACED_AFTER);
            if is_silent && replaced.elapsed() >= REPLACED_AFTER {
                number += 1;
                replaced = Instant::now();
                active.store(number, Ordering::SeqCst);
                if let Err(error) = start(&manager, &changes, Turn { number, active: active.clone() }) {
                    tracing::error!(%error, "cannot start a replacement watcher");
                }
            }
        }
    };
    thread::Builder::new().name("overseer".to_owned()).spawn(oversee).map(drop).map_err(Error::unexpected)
}

/// The number of a watcher, which ends when another one is active.
struct Turn {
    number: u64,
    active: Arc<AtomicU64>,
}

impl Turn {
    fn is_over(&self) -> bool {
        self.active.load(Ordering::SeqCst) != self.number
    }
}

fn start(manager: &Manager, changes: &Weak<Changes>, turn: Turn) -> Result<()> {
    let (manager, changes) = (manager.clone(), changes.clone());
    let work = move || {
        loop {
            match watch_once(&manager, &changes, &turn) {
                Ok(()) => return,
                Err(error) => tracing::warn!(%error, "cannot watch for changes of other processes; retrying"),
            }
            thread::sleep(PAUSE);
        }
    };
    thread::Builder::new().name("watcher".to_owned()).spawn(work).map(drop).map_err(Error::unexpected)
}

/// Watches with one connection until it fails or another watcher has taken over.
fn watch_once(manager: &Manager, changes: &Weak<Changes>, turn: &Turn) -> Result<()> {
    if turn.is_over() || changes.strong_count() == 0 {
        return Ok(());
    }
    let mut conn = manager.open()?;
    let is_pooled = manager.is_pooled();
    if !is_pooled {
        backend::listen_for_changes(&mut conn)?;
    }
    let mut looked = Instant::now();
    let mut feed = in_read(&mut conn, &manager.begin(BEGIN_SNAPSHOT), Feed::begin)?;
    // What was committed before that was not read.
    let mut is_first = true;
    loop {
        let Some(current) = changes.upgrade().filter(|_| !turn.is_over()) else { return Ok(()) };
        if std::mem::take(&mut is_first) {
            current.publish_all();
        }
        current.prove(looked);
        drop(current);
        thread::sleep(if is_pooled { POLLING } else { INTERVAL });
        if !is_pooled && !backend::is_notified(&mut conn)? && looked.elapsed() < HEARTBEAT {
            continue;
        }
        let began = Instant::now();
        let Some(current) = changes.upgrade() else { return Ok(()) };
        in_read(&mut conn, &manager.begin(BEGIN_SNAPSHOT), |conn| feed.read(conn, &current))?;
        looked = began;
    }
}
