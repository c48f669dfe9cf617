//! The facts that figures are computed from, in memory, so that a report of any date reads no milestone from the database.
//!
//! They are loaded in the background and follow the change feed ([`crate::db::changes`]): a change marks its records, and the
//! next report loads these before it computes. A write is published before its result is reported, so that a later report
//! contains it. Loads run one at a time and each reads what is committed then, so that none replaces a newer one; a record that
//! changes during a load is marked again. What a report reads can therefore be newer than the version that its cached response
//! is valid for, and never older.
//!
//! Without facts the caller queries the database: while they are loaded, after a large transaction, while changes of other
//! processes may be missed, behind PgBouncer, and if there are more records than [`RECORDS_MAX`].

pub mod counts;
mod load;
pub mod milestones;
mod pending;
pub mod state;
pub mod structure;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use crate::db::changes::{Changes, KindSet};
use crate::db::reference::Kinds;
use crate::db::{Class, Client, Conn, Store, backend};
use crate::error::Result;
use crate::http::Call;
use crate::resources::{commitments, progress_reports};
use load::{SOURCES, Source};
use pending::{Pending, Records};
use state::{Loaded, State};

/// Records that are held in memory at most; of more, reports query the database. With its sums, a milestone takes about 90 bytes.
pub const RECORDS_MAX: usize = 5_000_000;
/// Records that are loaded by one statement.
const LOADED_TOGETHER: i64 = 10_000;
/// Changed records that the next report loads; more are loaded in the background.
const LEFT_TO_REPORTS: usize = 500;
/// Interval between looks for work in the background.
const INTERVAL: Duration = Duration::from_millis(100);
/// Delay after a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// The facts of a process.
pub struct FactStore {
    changes: Arc<Changes>,
    pending: Pending,
    /// `None` while they are loaded.
    state: RwLock<Option<State>>,
    /// Whether `state` is there, for callers that must not wait for its lock.
    is_loaded: AtomicBool,
    /// Held while changed records are loaded.
    loading: Mutex<()>,
    /// Whether there are too many records.
    is_off: AtomicBool,
}

impl FactStore {
    /// Creates a store without facts, which collects changes from now on.
    pub fn new(store: &Store, kinds: Kinds) -> FactStore {
        let pending = Pending::default();
        let subscriber = pending.clone();
        store.changes().subscribe(move |changed| subscriber.add(kinds, changed));
        FactStore {
            changes: store.changes().clone(),
            pending,
            state: RwLock::default(),
            is_loaded: AtomicBool::new(false),
            loading: Mutex::default(),
            is_off: AtomicBool::new(false),
        }
    }

    /// Whether a report can expect facts.
    pub fn is_ready(&self) -> bool {
        self.changes.version(KindSet::RECORDS).is_some() && self.is_loaded() && !self.pending.lock().is_whole
    }

    /// The same call as a short read, if its report can expect facts.
    pub fn classify(&self, call: Call) -> Call {
        if self.is_ready() { call.in_class(Class::ShortRead) } else { call }
    }

    fn is_loaded(&self) -> bool {
        self.is_loaded.load(Ordering::SeqCst)
    }

    fn set(&self, state: Option<State>) {
        let is_loaded = state.is_some();
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
        self.is_loaded.store(is_loaded, Ordering::SeqCst);
    }

    /// Loads the records that changed. Returns whether the facts contain all writes that were reported before the call.
    ///
    /// Not in a transaction: it sees what was committed before it, so that what changed since would be taken for loaded.
    pub fn refresh(&self, conn: &mut Conn) -> Result<bool> {
        if !self.is_ready() || backend::in_transaction(conn)? {
            return Ok(false);
        }
        // Another request may be loading what it took from `pending`, so the lock is taken even if nothing is left there.
        let _loading = self.lock_loading();
        if self.pending.is_empty() {
            return Ok(self.is_loaded());
        }
        let taken = self.pending.take();
        if taken.records.is_whole {
            return Ok(false);
        }
        let loaded = self.load(conn, &taken.records)?;
        let count = {
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            let Some(current) = &mut *state else { return Ok(false) };
            current.apply(loaded);
            current.count()
        };
        taken.finish();
        if count > RECORDS_MAX {
            self.turn_off("too many records");
            self.set(None);
        }
        Ok(self.is_loaded())
    }

    /// Runs a computation over the facts; `None` without facts. It must not read the database, because loads wait for it.
    pub fn with<T>(&self, compute: impl FnOnce(&State) -> T) -> Option<T> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(compute)
    }

    fn load(&self, conn: &mut Conn, changed: &Records) -> Result<Vec<Loaded>> {
        let of_kind = |name: &str| changed.ids.get(name).into_iter().flatten().copied();
        let mut loaded = Vec::new();
        for Source { kind, load } in SOURCES {
            let mut ids: Vec<i64> = of_kind(kind.name).collect();
            let reports = changed.ids.get(progress_reports::KIND.name).filter(|_| kind.name == commitments::KIND.name);
            if let Some(reports) = reports {
                // Those that a report counted for, and those that it counts for now.
                ids.extend(self.with(|state| state.commitments_of(reports).collect::<Vec<_>>()).unwrap_or_default());
                ids.extend(load::commitments_of(conn, &reports.iter().copied().collect::<Vec<_>>())?);
                ids = load::distinct(ids);
            }
            if !ids.is_empty() {
                loaded.push(load(conn, &ids)?);
            }
        }
        Ok(loaded)
    }

    /// Loads all records, a page at a time, so that memory and the time of each statement are bounded. What changes
    /// meanwhile is marked, and loaded by the next report.
    pub async fn load_all(&self, store: &Store) -> Result<()> {
        {
            let _loading = self.lock_loading();
            // Frees the memory first. Whatever is not marked from here on is committed before the first page is read.
            self.set(None);
            self.pending.take().finish();
        }
        let mut state = State::default();
        for source in SOURCES {
            let mut after = Some(0);
            while let Some(from) = after {
                let page = move |conn: &mut Conn| {
                    if backend::in_transaction(conn)? {
                        return Ok((None, None));
                    }
                    let ids = source.kind.ids_after(conn, from, LOADED_TOGETHER)?;
                    state.stage((source.load)(conn, &ids)?);
                    Ok((ids.last().copied(), Some(state)))
                };
                let (last, loaded) = store.read_as(Class::LongRead, &Client::Service, page).await?;
                let Some(loaded) = loaded else {
                    self.turn_off("every read is a transaction (PgBouncer)");
                    return Ok(());
                };
                (after, state) = (last, loaded);
                if state.count() > RECORDS_MAX {
                    self.turn_off("too many records");
                    return Ok(());
                }
            }
        }
        let sum_up = move || {
            state.sum_up();
            state
        };
        let state = tokio::task::spawn_blocking(sum_up).await.map_err(crate::error::Error::unexpected)?;
        self.set(Some(state));
        Ok(())
    }

    fn turn_off(&self, cause: &str) {
        tracing::warn!(cause, "no figures in memory; reports query the database");
        self.is_off.store(true, Ordering::SeqCst);
    }

    /// Loads all records whenever there are no facts, and changed ones when they are many, until the task is aborted.
    pub async fn keep(self: Arc<Self>, store: Store) {
        while !self.is_off.load(Ordering::SeqCst) {
            let done =
                if self.changes.version(KindSet::RECORDS).is_some() { self.keep_once(&store).await } else { Ok(()) };
            let pause = match done {
                Ok(()) => INTERVAL,
                Err(error) => {
                    tracing::warn!(%error, "cannot load the figures' facts; trying again");
                    PAUSE
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    async fn keep_once(self: &Arc<Self>, store: &Store) -> Result<()> {
        let (is_whole, changed) = {
            let pending = self.pending.lock();
            (pending.is_whole, pending.count())
        };
        if is_whole || !self.is_loaded() {
            return self.load_all(store).await;
        }
        if changed > LEFT_TO_REPORTS {
            let facts = self.clone();
            store.read_as(Class::LongRead, &Client::Service, move |conn| facts.refresh(conn)).await?;
        }
        Ok(())
    }

    fn lock_loading(&self) -> MutexGuard<'_, ()> {
        self.loading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
