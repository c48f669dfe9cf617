//! The store: one way to read and one way to write, over either backend.
//!
//! Reads run on a pool, off the server's own threads. Writes run in one transaction each: on SQLite through one
//! queue that commits concurrent ones together ([`writer`]), on PostgreSQL on the pool. Who waits for a connection waits
//! for a bounded time in a bounded line; beyond either he is told to come back (503).

pub mod backend;
pub mod decimal;
pub mod locked;
pub mod page;
pub mod reference;
pub mod schema;
pub mod search;
pub mod stand_in;
pub mod types;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use diesel::r2d2;
use tokio::sync::{Semaphore, watch};

pub use backend::{Conn, Manager, MultiBackend};

use crate::config::DatabaseUrl;
use crate::error::{Error, Result};
use writer::Writer;

/// Readers that may wait for each connection: at 30 ms a read, as many as it serves within their patience.
const WAITING_PER_CONNECTION: usize = 64;
/// One in so many connections may be held by a read that takes long.
const CONNECTIONS_PER_LONG_READ: usize = 4;
/// How long one waits for a connection.
const PATIENCE: Duration = Duration::from_secs(2);
/// How late the changes of other processes on the same database may be noticed.
const WATCH_INTERVAL: Duration = Duration::from_millis(10);

/// A database, open for reading and writing.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    pool: r2d2::Pool<Manager>,
    /// As many as the pool has connections: nobody blocks a thread to wait for one.
    permits: Semaphore,
    /// For reads that hold their connection for long: never so many that short ones have none.
    long: Arc<Semaphore>,
    waiting: AtomicUsize,
    waiting_max: usize,
    writer: Option<Writer>,
    version: Arc<DataVersion>,
}

/// Counts the changes of the data, of this process and of others. What was computed at a version holds at that version.
#[derive(Default)]
struct DataVersion {
    count: AtomicI64,
    /// Whether the changes of other processes are being seen; what is kept cannot be trusted otherwise.
    watched: std::sync::atomic::AtomicBool,
    /// Tells that the count has grown.
    changed: watch::Sender<()>,
}

impl DataVersion {
    fn bump(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
        self.changed.send_replace(());
    }
}

impl Store {
    /// Opens a database whose schema is up to date, with `connections` for reading.
    pub fn open(url: &DatabaseUrl, connections: u32) -> Result<Store> {
        let manager = Manager::new(url.clone());
        let first = manager.open()?;
        let version = Arc::new(DataVersion::default());
        let writer = if first.is_sqlite() {
            let version = version.clone();
            Some(Writer::start(first, move || version.bump())?)
        } else {
            None
        };
        let pool = r2d2::Pool::builder()
            .max_size(connections)
            .min_idle(Some(1))
            .test_on_check_out(false)
            .connection_timeout(PATIENCE)
            .error_handler(Box::new(LogErrors))
            .build_unchecked(manager.clone());
        watch(manager, Arc::downgrade(&version))?;
        Ok(Store(Arc::new(Inner {
            pool,
            permits: Semaphore::new(connections as usize),
            long: Arc::new(Semaphore::new((connections as usize / CONNECTIONS_PER_LONG_READ).max(1))),
            waiting: AtomicUsize::new(0),
            waiting_max: WAITING_PER_CONNECTION * connections as usize,
            writer,
            version,
        })))
    }

    /// The version of the data as it is now; `None` while changes of other processes cannot be seen. Read it before the
    /// query whose answer is to be kept.
    pub fn data_version(&self) -> Option<i64> {
        let version = &self.0.version;
        version.watched.load(Ordering::SeqCst).then(|| version.count.load(Ordering::SeqCst))
    }

    /// Tells of each change of the data, of this process or of others, soon after it is committed.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.0.version.changed.subscribe()
    }

    /// Whether all writes go through one queue, as on SQLite: while a long one runs, no other is written.
    pub fn has_one_writer(&self) -> bool {
        self.0.writer.is_some()
    }

    /// Runs a read off the server's threads.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.on_pool(work).await
    }

    /// Runs a read that may take long, and sees the data as it is at one moment. There are few at a time; one too many is
    /// told to come back.
    pub async fn snapshot<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let place = self.0.long.clone().try_acquire_owned();
        let place = place.map_err(|_| Error::Unavailable("too many long reads are under way".to_owned()))?;
        self.on_pool(move |conn| {
            let done = in_snapshot(conn, work);
            drop(place);
            done
        })
        .await
    }

    /// Runs a write in a transaction of its own; when this returns, it is durable, or nothing of it is there.
    pub async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        match &self.0.writer {
            Some(writer) => writer.write(work).await,
            None => self.write_alone(|conn| work(conn).map(Verdict::Keep)).await,
        }
    }

    /// Runs a write that may be large in a transaction that it shares with none, and ends it as the work says.
    pub async fn write_alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<Verdict<T>> + Send + 'static,
    ) -> Result<T> {
        match &self.0.writer {
            Some(writer) => writer.write_alone(|conn| in_transaction(conn, work)).await,
            None => {
                let version = self.0.version.clone();
                self.on_pool(move |conn| {
                    let value = in_transaction(conn, work)?;
                    version.bump();
                    Ok(value)
                })
                .await
            }
        }
    }

    async fn on_pool<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let inner = self.0.clone();
        let permit = {
            let _waiting = Waiting::begin(&inner)?;
            tokio::time::timeout(PATIENCE, inner.permits.acquire()).await
        };
        let _permit = permit
            .map_err(|_| Error::Unavailable("no connection became free in time".to_owned()))?
            .map_err(Error::unexpected)?;
        let pool = inner.pool.clone();
        tokio::task::spawn_blocking(move || {
            let mut conn = pool.get().map_err(|e| Error::Unavailable(e.to_string()))?;
            work(&mut conn)
        })
        .await
        .map_err(Error::unexpected)?
    }
}

/// What is to become of what a work wrote.
pub enum Verdict<T> {
    Keep(T),
    Undo(T),
}

/// Runs a work in a transaction that may write from its beginning on, and ends it as the work says; an error undoes it.
pub fn in_transaction<T, E: From<diesel::result::Error>>(
    conn: &mut Conn,
    work: impl FnOnce(&mut Conn) -> Result<Verdict<T>, E>,
) -> Result<T, E> {
    backend::begin_batch(conn)?;
    finish_transaction(conn, work)
}

/// Runs a work in the transaction that was begun for it, and ends that.
fn finish_transaction<T, E: From<diesel::result::Error>>(
    conn: &mut Conn,
    work: impl FnOnce(&mut Conn) -> Result<Verdict<T>, E>,
) -> Result<T, E> {
    let kept = work(conn).and_then(|verdict| match verdict {
        Verdict::Keep(value) => {
            backend::announce_change(conn)?;
            backend::commit_batch(conn)?;
            Ok(value)
        }
        Verdict::Undo(value) => {
            backend::roll_back_batch(conn)?;
            Ok(value)
        }
    });
    if kept.is_err() && backend::in_transaction(conn)? {
        backend::roll_back_batch(conn)?;
    }
    kept
}

/// Runs a read that sees the data as it is at one moment.
pub fn in_snapshot<T>(conn: &mut Conn, work: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
    backend::begin_snapshot(conn)?;
    let done = work(conn);
    // Nothing was written, so that there is nothing to keep.
    backend::roll_back_batch(conn)?;
    done
}

/// One who waits for a connection; no longer when it is dropped, also where the request is given up meanwhile.
struct Waiting<'a>(&'a AtomicUsize);

impl Waiting<'_> {
    fn begin(inner: &Inner) -> Result<Waiting<'_>> {
        let waiting = Waiting(&inner.waiting);
        if waiting.0.fetch_add(1, Ordering::Relaxed) >= inner.waiting_max {
            return Err(Error::Unavailable("too many requests wait for the database".to_owned()));
        }
        Ok(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct LogErrors;

impl r2d2::HandleError<Error> for LogErrors {
    fn handle_error(&self, error: Error) {
        tracing::error!(%error, "cannot open a connection");
    }
}

/// Watches for the changes of other processes on a thread of its own, until the store is gone.
fn watch(manager: Manager, version: std::sync::Weak<DataVersion>) -> Result<()> {
    let watch_once = move |version: &std::sync::Weak<DataVersion>| -> Result<bool> {
        let mut conn = manager.open()?;
        backend::listen_for_changes(&mut conn)?;
        let mut seen = backend::foreign_changes(&mut conn, 0)?;
        if let Some(version) = version.upgrade() {
            // What changed while nobody listened is not known.
            version.bump();
            version.watched.store(true, Ordering::SeqCst);
        }
        loop {
            thread::sleep(WATCH_INTERVAL);
            let Some(version) = version.upgrade() else { return Ok(true) };
            let now = backend::foreign_changes(&mut conn, seen)?;
            if now != seen {
                seen = now;
                version.bump();
            }
        }
    };
    thread::Builder::new()
        .name("watcher".to_owned())
        .spawn(move || {
            loop {
                match watch_once(&version) {
                    Ok(_) => return,
                    Err(error) => tracing::warn!(%error, "cannot watch for changes of other processes; trying again"),
                }
                match version.upgrade() {
                    Some(version) => version.watched.store(false, Ordering::SeqCst),
                    None => return,
                }
                thread::sleep(Duration::from_secs(1));
            }
        })
        .map(drop)
        .map_err(Error::unexpected)
}
