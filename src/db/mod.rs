//! The store: reads and writes on either backend.
//!
//! Work runs on the threads of the lane of its class ([`lanes`]), with a connection and a deadline. Each write is one transaction:
//! on SQLite through a queue that commits concurrent writes together ([`writer`]), on PostgreSQL on a connection of the lane.
//!
//! Deadlines apply on both backends: SQLite interrupts the statement, PostgreSQL cancels it. If neither happens, for
//! example because the network fails silently, the connection and its thread are abandoned and the other
//! connections of its generation are replaced ([`pool`]).

pub mod backend;
pub mod changes;
mod kind_set;
pub mod lanes;
pub mod locked;
pub mod names;
pub mod page;
mod pool;
pub mod reference;
pub mod schema;
pub mod search;
pub mod sources;
pub mod surrogate_code;
mod transaction;
mod watcher;
mod writer;

use std::sync::Arc;

use tokio::sync::oneshot;

pub use backend::{Conn, Manager, MultiBackend};
pub use lanes::{Class, Client, Load};
pub use transaction::{Verdict, in_snapshot, in_transaction, in_transaction_by};
pub use writer::WriterLoad;

use crate::config::DatabaseUrl;
use crate::error::{Error, Result};
use backend::{BEGIN, BEGIN_SNAPSHOT};
use changes::{Changed, Changes, KindSet, Notice};
use lanes::{Lane, Work};
use names::NameCache;
use pool::{Generation, Pool};
use reference::Kinds;
use transaction::{Phase, in_phases, in_read};
use writer::Writer;

/// An open database.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    manager: Manager,
    lanes: [Lane; Class::ALL.len()],
    /// SQLite's.
    writer: Option<Writer>,
    changes: Arc<Changes>,
    names: Arc<NameCache>,
}

impl Store {
    /// Opens a database with an up-to-date schema, `connections` connections for short reads, and records of these kinds.
    pub fn open(url: &DatabaseUrl, connections: u32, kinds: Kinds) -> Result<Store> {
        let manager = Manager::new(url.clone());
        let changes = Arc::new(Changes::new(kinds));
        let names = Arc::new(NameCache::new(changes.clone()));
        let writer = match url {
            DatabaseUrl::Sqlite(_) => Some(Writer::start(&manager, changes.clone(), names.clone())?),
            DatabaseUrl::Postgres(_) => {
                drop(manager.open()?);
                watcher::watch(manager.clone(), Arc::downgrade(&changes))?;
                None
            }
        };
        let generation = Generation::default();
        let lanes = Class::ALL.map(|class| {
            let manager = match class.deadline() {
                Some(deadline) => manager.with_statement_timeout(deadline),
                None => manager.clone(),
            }
            .with_own_count();
            Lane::new(class, connections as usize, Pool::new(manager, generation.clone()), writer.is_some())
        });
        Ok(Store(Arc::new(Inner { manager, lanes, writer, changes, names })))
    }

    /// Returns the version of some kinds of records; see [`Changes::version`].
    pub fn version(&self, kinds: KindSet) -> Option<u64> {
        self.0.changes.version(kinds)
    }

    /// The change feed of this process.
    pub fn changes(&self) -> &Arc<Changes> {
        &self.0.changes
    }

    /// Opens connections besides those of the lanes.
    pub fn manager(&self) -> &Manager {
        &self.0.manager
    }

    /// Whether writes are serialized, as on SQLite, where a long write blocks all others.
    pub fn has_one_writer(&self) -> bool {
        self.0.writer.is_some()
    }

    /// Whether the single writer runs a write that may take long.
    pub fn is_writing_in_bulk(&self) -> bool {
        self.0.writer.as_ref().is_some_and(Writer::is_busy_alone)
    }

    /// Returns the load of each lane.
    pub fn loads(&self) -> impl Iterator<Item = Load> {
        self.0.lanes.iter().map(|lane| lane.load())
    }

    /// Returns the load of SQLite's writer; `None` on PostgreSQL.
    pub fn writer_load(&self) -> Option<WriterLoad> {
        self.0.writer.as_ref().map(Writer::load)
    }

    /// Runs a short read of the service itself.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.read_as(Class::ShortRead, &Client::Service, work).await
    }

    /// Runs a read in the lane of its class, on behalf of a client.
    pub async fn read_as<T: Send + 'static>(
        &self,
        class: Class,
        client: &Client,
        work: impl FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let cache = self.0.names.clone();
        self.run(class, client, move |conn, pool| {
            names::reading(&cache, || {
                if pool.needs_transactions() { in_read(conn, &pool.begin(BEGIN_SNAPSHOT), work) } else { work(conn) }
            })
        })
        .await
    }

    /// Runs a long read on a consistent snapshot.
    pub async fn snapshot<T: Send + 'static>(
        &self,
        client: &Client,
        work: impl FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let cache = self.0.names.clone();
        self.run(Class::LongRead, client, move |conn, pool| {
            names::reading(&cache, || in_read(conn, &pool.begin(BEGIN_SNAPSHOT), work))
        })
        .await
    }

    /// Runs a write of data without audit events in its own transaction. On return it is either durable or rolled back,
    /// unless the error is [`Error::OutcomeUnknown`].
    pub async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.write_noticed(&Client::Service, |conn| Ok((work(conn)?, Notice::Unaudited))).await
    }

    /// [`Store::write`] of data that no cached value contains.
    pub async fn write_quietly<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.write_noticed(&Client::Service, |conn| Ok((work(conn)?, Notice::Nothing))).await
    }

    /// [`Store::write`] of records on behalf of a client. What changed is published before this returns.
    pub async fn write_records<T: Send + 'static>(
        &self,
        client: &Client,
        work: impl FnOnce(&mut Conn) -> Result<(T, Changed)> + Send + 'static,
    ) -> Result<T> {
        let work = |conn: &mut Conn| work(conn).map(|(value, changed)| (value, Notice::Records(changed)));
        self.write_noticed(client, work).await
    }

    async fn write_noticed<T: Send + 'static>(
        &self,
        client: &Client,
        work: impl FnOnce(&mut Conn) -> Result<(T, Notice)> + Send + 'static,
    ) -> Result<T> {
        match &self.0.writer {
            Some(writer) => writer.write(work).await,
            None => self.write_on_lane(Class::Write, client, |conn| work(conn).map(Verdict::Keep)).await,
        }
    }

    /// Checks whether the database accepts writes, with a small write that does not wait behind others on PostgreSQL.
    pub async fn probe_write(&self, work: impl FnOnce(&mut Conn) -> Result<()> + Send + 'static) -> Result<()> {
        let work = |conn: &mut Conn| work(conn).map(|()| ((), Notice::Nothing));
        match &self.0.writer {
            Some(writer) => writer.write(work).await,
            None => {
                let work = |conn: &mut Conn| work(conn).map(Verdict::Keep);
                self.write_on_lane(Class::Probe, &Client::Service, work).await
            }
        }
    }

    /// Runs a write and rolls it back. On SQLite it runs on a copy of the database, so that other writes continue; on
    /// PostgreSQL it only locks the rows that it touches.
    pub async fn rehearse<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if self.0.writer.is_none() {
            let work = |conn: &mut Conn| work(conn).map(|value| Verdict::Undo((value, Notice::Nothing)));
            return self.write_on_lane(Class::Bulk, &Client::Service, work).await;
        }
        let work = |conn: &mut Conn| work(conn).map(Verdict::Undo);
        let manager = self.0.manager.clone();
        let in_copy = move |_: &mut Conn, _: &Pool| {
            let mut copy = backend::Copy::of(&manager)?;
            in_transaction(&mut copy.conn, work)
        };
        self.run(Class::Bulk, &Client::Service, in_copy).await
    }

    /// Runs a possibly large write of records in a transaction of its own, which ends by the work's verdict.
    pub async fn write_alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<Verdict<(T, Changed)>> + Send + 'static,
    ) -> Result<T> {
        let work = |conn: &mut Conn| {
            Ok(match work(conn)? {
                Verdict::Keep((value, changed)) => Verdict::Keep((value, Notice::Records(changed))),
                Verdict::Undo((value, _)) => Verdict::Undo((value, Notice::Nothing)),
            })
        };
        match &self.0.writer {
            Some(writer) => {
                let changes = self.0.changes.clone();
                let work = move |conn: &mut Conn| {
                    let verdict = work(conn)?;
                    if let Verdict::Keep((_, notice)) = &verdict {
                        changes.begin_commit(notice);
                    }
                    Ok(verdict)
                };
                writer.write_alone(move |conn| in_transaction(conn, work)).await
            }
            None => self.write_on_lane(Class::Bulk, &Client::Service, work).await,
        }
    }

    async fn write_on_lane<T: Send + 'static>(
        &self,
        class: Class,
        client: &Client,
        work: impl FnOnce(&mut Conn) -> Result<Verdict<(T, Notice)>> + Send + 'static,
    ) -> Result<T> {
        let phase = Arc::new(Phase::default());
        let (committing, changes, cache) = (phase.clone(), self.0.changes.clone(), self.0.names.clone());
        let done = self.run(class, client, move |conn, pool| {
            let begin = pool.begin(BEGIN);
            let (value, notice) = names::writing(&cache, || in_phases(conn, &begin, Some(&committing), work))?;
            changes.publish_own(&notice);
            Ok(value)
        });
        match done.await {
            // Abandoned during the commit; the blocked thread cannot report the outcome.
            Err(Error::Unavailable(cause)) if phase.gives_up() == Phase::COMMITTING => {
                Err(Error::OutcomeUnknown(cause))
            }
            done => done,
        }
    }

    /// Runs work in the lane of its class.
    async fn run<T: Send + 'static>(
        &self,
        class: Class,
        client: &Client,
        work: impl FnOnce(&mut Conn, &Pool) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (sender, value) = oneshot::channel();
        let work: Work = Box::new(move |conn, pool| work(conn, pool).map(|value| drop(sender.send(value))));
        self.0.lanes[class as usize].run(client, work).await?;
        value.await.map_err(Error::unexpected)
    }
}
