//! The record cache: records as JSON, joined to pages and returned by id.
//!
//! A record is valid while its row and the records that it embeds stay the same. A page compares the version that its own
//! statement read, so that the records of a page are of one moment; a record by id relies on the change feed, which removes
//! changed records ([`Changes::subscribe`]). Personal data is redacted for each caller, so that kinds that have some are not cached.

use std::sync::Arc;

use actix_web::web::Bytes;
use chrono::NaiveDate;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::response::{ReadResponse, etag};
use crate::db::Conn;
use crate::db::changes::{Changed, Changes, KindSet};
use crate::db::page::PageIds;
use crate::db::reference::Kind;
use crate::error::Result;
use crate::record::{ReadContext, Resource};

/// The total size of cached records, in bytes.
const TOTAL_MAX: u64 = 24 * 1024 * 1024;
/// An estimate of the number of cached records.
const COUNT: usize = 20_000;
/// An estimate of what an entry takes besides its body, in bytes.
const ENTRY_OVERHEAD: usize = 200;

/// Kind and id of a record.
type Key = (i64, i64);

/// A record as clients read it.
#[derive(Clone, Debug)]
pub struct Rendered {
    version: i64,
    etag: String,
    pub body: Bytes,
}

impl Rendered {
    pub fn new<R: Resource>(read: &R::Read) -> Result<Rendered> {
        let body = serde_json::to_vec(read)?;
        let (_, version) = R::id_and_version(read);
        Ok(Rendered { version, etag: etag(version, &body), body: body.into() })
    }

    pub fn into_response(self) -> ReadResponse {
        let Rendered { version: _, etag, body } = self;
        ReadResponse::tagged(body, etag)
    }
}

#[derive(Clone)]
struct Entry {
    rendered: Rendered,
    /// The date of its computed fields; `None` without any.
    as_of: Option<NaiveDate>,
    /// The kinds that it embeds or is computed from, and their version.
    sources: KindSet,
    version: u64,
}

#[derive(Clone)]
struct BySize;

impl Weighter<Key, Entry> for BySize {
    fn weight(&self, _: &Key, entry: &Entry) -> u64 {
        (entry.rendered.body.len() + ENTRY_OVERHEAD) as u64
    }
}

/// Rendered records of all kinds.
pub struct RecordCache {
    changes: Arc<Changes>,
    entries: Cache<Key, Entry, BySize>,
}

/// The versions of a kind and of those that its records embed, before records are read.
#[derive(Clone, Copy)]
struct Before {
    own: u64,
    embedded: KindSet,
    embedded_version: u64,
}

impl RecordCache {
    /// An empty cache, which follows the changes.
    pub fn new(changes: &Arc<Changes>) -> Arc<RecordCache> {
        let cache =
            Arc::new(RecordCache { changes: changes.clone(), entries: Cache::with_weighter(COUNT, TOTAL_MAX, BySize) });
        let followed = Arc::downgrade(&cache);
        changes.subscribe(move |changed| {
            if let Some(cache) = followed.upgrade() {
                cache.remove(changed);
            }
        });
        cache
    }

    fn remove(&self, changed: &Changed) {
        match &changed.records {
            Some(records) => records.iter().for_each(|(kind, id)| drop(self.entries.remove(&(kind.number, *id)))),
            None => self.entries.clear(),
        }
    }

    /// Whether records of a kind are cached.
    pub fn holds(kind: &Kind) -> bool {
        kind.is_cached && kind.private.is_empty()
    }

    /// A record as of a date, if it is cached and the change feed can be relied on.
    pub fn get<R: Resource>(&self, id: i64, as_of: NaiveDate) -> Option<Rendered> {
        self.changes.version(KindSet::of(R::KIND))?;
        self.valid::<R>(id, as_of)
    }

    fn valid<R: Resource>(&self, id: i64, as_of: NaiveDate) -> Option<Rendered> {
        let entry = self.entries.get(&(R::KIND.number, id))?;
        let is_valid =
            entry.as_of.is_none_or(|of| of == as_of) && self.changes.version(entry.sources) == Some(entry.version);
        is_valid.then_some(entry.rendered)
    }

    /// The records of a page in order: those that are cached in the version that the page read, and the others from the database.
    /// Records that are gone are left out.
    pub fn page<R: Resource>(&self, conn: &mut Conn, page: &PageIds, view: ReadContext) -> Result<Vec<Rendered>> {
        let before = self.before(R::KIND);
        let versions = page.versions.iter().copied().map(Some).chain(std::iter::repeat(None));
        let mut rendered: Vec<(i64, Option<Rendered>)> = page
            .ids
            .iter()
            .zip(versions)
            .map(|(id, version)| (*id, self.valid::<R>(*id, view.as_of).filter(|found| Some(found.version) == version)))
            .collect();
        let missing: Vec<i64> = rendered.iter().filter(|(_, found)| found.is_none()).map(|(id, _)| *id).collect();
        let mut loaded = R::load(conn, &missing, view)?.into_iter().peekable();
        for (id, place) in rendered.iter_mut().filter(|(_, found)| found.is_none()) {
            // In the order of `missing`, from which some may be gone.
            if let Some(read) = loaded.next_if(|read| R::id_and_version(read).0 == *id) {
                *place = Some(self.keep::<R>(&read, before, view)?);
            }
        }
        Ok(rendered.into_iter().filter_map(|(_, rendered)| rendered).collect())
    }

    /// One record; `None` if it does not exist.
    pub fn load<R: Resource>(&self, conn: &mut Conn, id: i64, view: ReadContext) -> Result<Option<Rendered>> {
        let before = self.before(R::KIND);
        let read = R::load(conn, &[id], view)?.pop();
        read.map(|read| self.keep::<R>(&read, before, view)).transpose()
    }

    fn before(&self, kind: &Kind) -> Option<Before> {
        let embedded = self.changes.sources().embedded(kind);
        let own = self.changes.version(KindSet::of(kind))?;
        Some(Before { own, embedded, embedded_version: self.changes.version(embedded)? })
    }

    fn keep<R: Resource>(&self, read: &R::Read, before: Option<Before>, view: ReadContext) -> Result<Rendered> {
        let rendered = Rendered::new::<R>(read)?;
        let Some(Before { own, embedded, embedded_version }) = before else { return Ok(rendered) };
        let own_kind = KindSet::of(R::KIND);
        let (sources, version) = match R::refers_to_own_kind(read) && !embedded.contains(R::KIND) {
            true => (embedded.with(own_kind), embedded_version + own),
            false => (embedded, embedded_version),
        };
        let (key, as_of) =
            ((R::KIND.number, R::id_and_version(read).0), (!R::COMPUTED.is_empty()).then_some(view.as_of));
        self.entries.insert(key, Entry { rendered: rendered.clone(), as_of, sources, version });
        // A change that was published since the record was read may have removed the entry before it was inserted.
        if self.changes.version(own_kind) != Some(own) {
            self.entries.remove(&key);
        }
        Ok(rendered)
    }
}
