//! A write transaction: its actor, its time and its audit events.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::NaiveDate;
use diesel::Connection;
use serde_json::Value;

use super::catalog::Catalog;
use super::deleted::Deletion;
use crate::access::Actor;
use crate::audit::{Action, Event, chain, pending};
use crate::db::changes::{Changed, EventKey};
use crate::db::reference::Kind;
use crate::db::{Conn, backend};
use crate::error::{Error, Faults, Result};
use crate::model::types::{Instant, Ref};
use crate::spool::Spool;

/// The transaction of a write, with its actor. Only [`Tx::run`] creates one, so that every write records its audit events.
pub struct Tx<'a> {
    pub conn: &'a mut Conn,
    pub actor: &'a Actor,
    pub request_id: &'a str,
    pub catalog: &'a Arc<Catalog>,
    pub now: Instant,
    /// Today in the service's time zone.
    pub today: NaiveDate,
    /// Audit events to write at the end of the transaction.
    events: Vec<Event>,
    /// Earlier events, if there are many; on PostgreSQL they are written at the end ([`pending`]).
    settled: Option<Spool<Event>>,
    /// Whether the transaction will be rolled back, so that it needs no audit events.
    is_rehearsal: bool,
    /// Cached ids of references, for writes of many records.
    known: Option<Known>,
    /// The deleted record that the next row is inserted as.
    restored: Option<Arc<Restored>>,
    /// The records of all events.
    changed: Changed,
}

/// A deleted record that is being restored: the columns that its row keeps besides those that clients write.
#[derive(Debug)]
pub struct Restored {
    pub id: i64,
    /// The version that follows the deleted one.
    pub version: i64,
    pub created_at: Instant,
    /// The record as it was deleted.
    pub state: Value,
}

impl Restored {
    pub fn new(deletion: &Deletion) -> Result<Restored> {
        let state = deletion.state.clone();
        let version =
            state["version"].as_i64().ok_or_else(|| Error::unexpected("a deleted record without a version"))?;
        let created_at = serde_json::from_value(state["created_at"].clone())?;
        Ok(Restored { id: deletion.id, version: version + 1, created_at, state })
    }
}

/// Beyond this number, pending events are moved to disk.
const EVENTS_IN_MEMORY: usize = 1_000;

impl Tx<'_> {
    /// Runs `work` in the current transaction, and then appends its events to the audit log, as the last step before the commit.
    /// If `work` fails, no event is written, and the caller rolls back. Returns what changed, which the caller publishes after the
    /// commit.
    pub fn run<T, E: From<Error>>(
        conn: &mut Conn,
        actor: &Actor,
        request_id: &str,
        catalog: &Arc<Catalog>,
        today: NaiveDate,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<(T, Changed), E> {
        let mut tx = Tx::begin(conn, actor, request_id, catalog, today, false)?;
        let value = work(&mut tx)?;
        match &mut tx.settled {
            None => chain::append(tx.conn, tx.events.into_iter().map(Ok))?,
            Some(settled) => pending::defer(tx.conn, settled.read()?.chain(tx.events.into_iter().map(Ok)))?,
        }
        Ok((value, tx.changed))
    }

    /// Runs `work` in the current transaction, which the caller rolls back; no audit events are written.
    pub fn rehearse<T, E: From<Error>>(
        conn: &mut Conn,
        actor: &Actor,
        request_id: &str,
        catalog: &Arc<Catalog>,
        today: NaiveDate,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        work(&mut Tx::begin(conn, actor, request_id, catalog, today, true)?)
    }

    fn begin<'a>(
        conn: &'a mut Conn,
        actor: &'a Actor,
        request_id: &'a str,
        catalog: &'a Arc<Catalog>,
        today: NaiveDate,
        is_rehearsal: bool,
    ) -> Result<Tx<'a>> {
        if !backend::in_transaction(conn)? {
            return Err(Error::unexpected("a write without a transaction"));
        }
        let (now, events, settled, known, restored) = (Instant::now(), Vec::new(), None, None, None);
        let changed = Changed::none();
        Ok(Tx { conn, actor, request_id, catalog, now, today, events, settled, is_rehearsal, known, restored, changed })
    }

    /// Enables the cache of reference ids, for writes of many records. From then on this transaction must not delete records or
    /// change codes that a reference could resolve to.
    pub fn expect_many(&mut self) {
        self.known.get_or_insert_with(Known::default);
    }

    /// Moves pending audit events out of memory if there are many. Must not be called inside [`Tx::savepoint`], whose rollback
    /// would not undo it.
    pub fn settle(&mut self) -> Result<()> {
        if self.events.len() < EVENTS_IN_MEMORY {
            return Ok(());
        }
        if self.is_rehearsal {
            self.events.clear();
            return Ok(());
        }
        // SQLite has a single writer, so appending early does not block others ([`chain::append`]).
        if self.conn.is_sqlite() {
            return chain::append(self.conn, self.events.drain(..).map(Ok));
        }
        if self.settled.is_none() {
            self.settled = Some(Spool::new()?);
        }
        if let Some(settled) = &mut self.settled {
            for event in self.events.drain(..) {
                settled.push(&event)?;
            }
        }
        Ok(())
    }

    /// Resolves a reference to an id, or adds a fault at its field; like [`Kind::resolve`], with a cache for writes of many records.
    pub fn resolve(
        &mut self,
        kind: &'static Kind,
        faults: &mut Faults,
        pointer: &str,
        reference: &Ref,
    ) -> Result<Option<i64>> {
        if let Some(id) = self.known.as_ref().and_then(|known| known.id(kind, reference)) {
            return Ok(Some(id));
        }
        let found = kind.resolve(self.conn, faults, pointer, reference)?;
        if let (Some(known), Some(id)) = (&mut self.known, found) {
            known.keep(kind, reference, id);
        }
        Ok(found)
    }

    /// Resolves a list of references without duplicates; like [`Kind::resolve_all`], with the same cache.
    pub fn resolve_all(
        &mut self,
        kind: &'static Kind,
        faults: &mut Faults,
        pointer: &str,
        references: &[Ref],
    ) -> Result<Vec<i64>> {
        let known = self.known.as_ref();
        let ids: Option<Vec<i64>> =
            references.iter().map(|reference| known.and_then(|known| known.id(kind, reference))).collect();
        match ids {
            Some(ids) if ids.iter().collect::<HashSet<_>>().len() == ids.len() => Ok(ids),
            // References that are not cached, and faults, need the database.
            _ => {
                let ids = kind.resolve_all(self.conn, faults, pointer, references)?;
                if let (Some(known), true) = (&mut self.known, ids.len() == references.len()) {
                    references.iter().zip(&ids).for_each(|(reference, id)| known.keep(kind, reference, *id));
                }
                Ok(ids)
            }
        }
    }

    /// Runs a part of the work in a savepoint; if it fails, its rows and audit events are undone.
    pub fn savepoint<T>(&mut self, part: impl FnOnce(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        let mut events = std::mem::take(&mut self.events);
        let events_before = events.len();
        let mut known = self.known.take();
        let restored = self.restored.clone();
        let mut changed = std::mem::take(&mut self.changed);
        let Tx { conn, actor, request_id, catalog, now, today, is_rehearsal, .. } = self;
        let (now, today, is_rehearsal) = (*now, *today, *is_rehearsal);
        let done = conn.transaction(|conn| {
            let (events_so_far, known_so_far) = (std::mem::take(&mut events), known.take());
            let mut tx = Tx {
                conn,
                actor,
                request_id,
                catalog,
                now,
                today,
                events: events_so_far,
                settled: None,
                is_rehearsal,
                known: known_so_far,
                restored,
                changed: std::mem::take(&mut changed),
            };
            let done = part(&mut tx);
            (events, known, changed) = (tx.events, tx.known, tx.changed);
            done
        });
        if done.is_err() {
            events.truncate(events_before);
            // Cached ids may belong to rows that were undone.
            known = known.map(|_| Known::default());
        }
        // What was undone stays among the changes, which only invalidates more than necessary.
        (self.events, self.known, self.changed) = (events, known, changed);
        done
    }

    /// Runs a part of the work that inserts a row, so that the row is inserted as the deleted record.
    pub fn restoring<T>(&mut self, restored: Restored, part: impl FnOnce(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        self.restored = Some(Arc::new(restored));
        let done = part(self);
        self.restored = None;
        done
    }

    /// The deleted record that is being restored, if any.
    pub fn restored(&self) -> Option<Arc<Restored>> {
        self.restored.clone()
    }

    /// Returns an event of this write, without the states before and after.
    pub fn event(&self, action: Action, entity: &'static str) -> Event {
        Event::new(self.actor, self.request_id, self.now, action, entity)
    }

    /// Adds an audit event, which is written at the end of the transaction.
    pub fn record_event(&mut self, event: Event) {
        let Event { at, entity, record_id, request_id, .. } = &event;
        let key = EventKey { at: *at, entity, record_id: *record_id, request_id };
        self.changed.add(self.catalog.kinds, &key);
        self.events.push(event);
    }
}

/// Ids of references, by kind.
#[derive(Default)]
struct Known(HashMap<&'static str, HashMap<String, i64>>);

impl Known {
    /// Maximum number of cached references of a kind, which bounds memory; the cache is emptied when it is full.
    const MOST: usize = 50_000;

    fn id(&self, kind: &Kind, reference: &Ref) -> Option<i64> {
        self.0.get(kind.name)?.get(&reference.0).copied()
    }

    fn keep(&mut self, kind: &'static Kind, reference: &Ref, id: i64) {
        let ids = self.0.entry(kind.name).or_default();
        if ids.len() >= Known::MOST {
            ids.clear();
        }
        ids.insert(reference.0.clone(), id);
    }
}
