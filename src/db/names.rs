//! The reference cache: the codes and names of records that other records embed.
//!
//! An entry is valid for the version of the kinds that its name is made from. The cache belongs to a [`super::Store`], which
//! makes it available to the work that it runs on a thread ([`reading`], [`writing`]); work on a connection outside of a store has
//! none, and reads the database.

use std::cell::RefCell;
use std::sync::Arc;

use quick_cache::sync::Cache;

use super::changes::{Changes, KindSet};
use super::reference::{Kind, Reference};
use crate::model::types::Ref;

/// Maximum number of cached references, and of cached codes. A reference takes about 200 bytes.
const ENTRIES: usize = 20_000;

/// The reference cache of one store.
pub struct NameCache {
    changes: Arc<Changes>,
    references: Cache<(i64, i64), (u64, Reference)>,
    ids: Cache<(i64, String), (u64, i64)>,
}

impl NameCache {
    pub fn new(changes: Arc<Changes>) -> NameCache {
        NameCache { changes, references: Cache::new(ENTRIES), ids: Cache::new(ENTRIES) }
    }
}

/// The cache during a piece of work.
struct Scope {
    cache: Arc<NameCache>,
    /// The kinds that the work has written, whose names are read from the database; `None` for reads.
    written: Option<KindSet>,
}

thread_local! {
    static SCOPE: RefCell<Option<Scope>> = const { RefCell::new(None) };
}

/// Ends a scope, also on panic.
struct Ended(Option<Scope>);

impl Drop for Ended {
    fn drop(&mut self) {
        SCOPE.set(self.0.take());
    }
}

fn within<T>(scope: Scope, work: impl FnOnce() -> T) -> T {
    let _ended = Ended(SCOPE.replace(Some(scope)));
    work()
}

/// Runs a read that uses and fills the cache.
pub fn reading<T>(cache: &Arc<NameCache>, work: impl FnOnce() -> T) -> T {
    within(Scope { cache: cache.clone(), written: None }, work)
}

/// Runs a transaction that writes. Kinds that it has written are read from the database, because what it wrote may never be
/// committed.
pub fn writing<T>(cache: &Arc<NameCache>, work: impl FnOnce() -> T) -> T {
    within(Scope { cache: cache.clone(), written: Some(KindSet::NONE) }, work)
}

/// Notes that the transaction writes records of a kind.
pub fn note_written(kind: &Kind) {
    SCOPE.with_borrow_mut(|scope| {
        if let Some(written) = scope.as_mut().and_then(|scope| scope.written.as_mut()) {
            *written = written.with(KindSet::of(kind));
        }
    });
}

/// The cached names of one kind, as of one version.
pub struct Names {
    cache: Arc<NameCache>,
    number: i64,
    version: u64,
}

impl Names {
    /// The cached names of a kind; `None` where there is no cache, or it may be outdated.
    pub fn of(kind: &Kind) -> Option<Names> {
        SCOPE.with_borrow(|scope| {
            let Scope { cache, written } = scope.as_ref()?;
            let sources = cache.changes.sources().named_by(kind);
            if written.is_some_and(|written| written.intersects(sources)) {
                return None;
            }
            let version = cache.changes.version(sources)?;
            Some(Names { cache: cache.clone(), number: kind.number, version })
        })
    }

    pub fn get(&self, id: i64) -> Option<Reference> {
        let (version, reference) = self.cache.references.get(&(self.number, id))?;
        (version == self.version).then_some(reference)
    }

    /// Caches a reference that was read after [`Names::of`].
    pub fn keep(&self, reference: &Reference) {
        self.cache.references.insert((self.number, reference.id), (self.version, reference.clone()));
    }

    /// The id behind a code or an id. The record may have been deleted meanwhile; a foreign key then refuses a write.
    pub fn id(&self, reference: &Ref) -> Option<i64> {
        match reference.id() {
            Some(id) => self.get(id).map(|_| id),
            None => {
                let (version, id) = self.cache.ids.get(&(self.number, reference.0.clone()))?;
                (version == self.version).then_some(id)
            }
        }
    }

    /// Caches the id behind a code that was read after [`Names::of`].
    pub fn keep_id(&self, code: &Ref, id: i64) {
        if code.id().is_none() {
            self.cache.ids.insert((self.number, code.0.clone()), (self.version, id));
        }
    }
}
