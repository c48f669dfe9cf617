//! The record cache: records as JSON, joined to pages and returned by id.
//!
//! A record is valid while its row and the records that it embeds stay the same. A page compares the version that its own
//! statement read, so that the records of a page are of one moment; a record by id relies on the change feed, which removes
//! changed records ([`Changes::subscribe`]). Computed fields are the last of a record, so that those that follow from its own fields
//! and the date ([`Resource::dated`]) are appended for the date of each request; records with others are cached for one date.
//! Personal data is redacted for each caller, so that kinds that have some are not cached.

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
use crate::error::{Error, Result};
use crate::record::{Dated, ReadContext, Resource};

/// The total size of cached records, in bytes.
const TOTAL_MAX: u64 = 24 * 1024 * 1024;
/// An estimate of the number of cached records.
const COUNT: usize = 20_000;
/// An estimate of what an entry takes besides its body, in bytes.
const ENTRY_OVERHEAD: usize = 200;

/// Kind and id of a record.
type Key = (i64, i64);

/// A record as clients read it on a date.
#[derive(Clone, Debug)]
pub struct Rendered {
    version: i64,
    /// Its JSON up to the computed fields that are in `dated`.
    stem: Bytes,
    /// The rest of its JSON.
    dated: String,
}

impl Rendered {
    /// The size of the record in JSON, in bytes.
    pub fn size(&self) -> usize {
        self.stem.len() + self.dated.len()
    }

    /// Appends the record's JSON.
    pub fn write(&self, json: &mut Vec<u8>) {
        json.extend_from_slice(&self.stem);
        json.extend_from_slice(self.dated.as_bytes());
    }

    pub fn into_response(self) -> ReadResponse {
        let body = if self.dated.is_empty() {
            self.stem
        } else {
            let mut body = Vec::with_capacity(self.size());
            self.write(&mut body);
            body.into()
        };
        let etag = etag(self.version, &body);
        ReadResponse::tagged(body, etag)
    }
}

/// How the computed fields of a record follow from the date.
#[derive(Clone)]
enum Computed {
    /// The record has none.
    Nothing,
    /// They are not in the stem.
    Dated(Dated),
    /// They are in the stem, for this date.
    On(NaiveDate),
}

#[derive(Clone)]
struct Entry {
    record_version: i64,
    stem: Bytes,
    computed: Computed,
    /// The kinds that it embeds or is computed from, and their version.
    sources: KindSet,
    version: u64,
}

impl Entry {
    /// The record as of a date; `None` if it is cached for another.
    fn render(&self, as_of: NaiveDate) -> Result<Option<Rendered>> {
        let dated = match &self.computed {
            Computed::On(date) if *date != as_of => return Ok(None),
            Computed::Nothing | Computed::On(_) => String::new(),
            Computed::Dated(dated) => dated.json(as_of)?,
        };
        Ok(Some(Rendered { version: self.record_version, stem: self.stem.clone(), dated }))
    }
}

/// The JSON of a record and how its computed fields follow from the date, for a record that was read as of a date.
fn stem<R: Resource>(read: &R::Read, as_of: NaiveDate) -> Result<(Bytes, Computed)> {
    let mut json = serde_json::to_vec(read)?;
    let Some(first) = R::COMPUTED.first() else { return Ok((json.into(), Computed::Nothing)) };
    let Some(dated) = R::dated(read) else { return Ok((json.into(), Computed::On(as_of))) };
    // Quotes in texts are escaped, so that the last such key is that of the record itself.
    let key = format!(",\"{first}\":");
    let end = json.windows(key.len()).rposition(|window| window == key.as_bytes());
    json.truncate(end.ok_or_else(|| Error::unexpected("a record without its computed fields"))?);
    json.shrink_to_fit();
    Ok((json.into(), Computed::Dated(dated)))
}

#[derive(Clone)]
struct BySize;

impl Weighter<Key, Entry> for BySize {
    fn weight(&self, _: &Key, entry: &Entry) -> u64 {
        (entry.stem.len() + ENTRY_OVERHEAD) as u64
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
    pub fn get<R: Resource>(&self, id: i64, as_of: NaiveDate) -> Result<Option<Rendered>> {
        match self.changes.version(KindSet::of(R::KIND)) {
            Some(_) => self.find(R::KIND, id, None, as_of),
            None => Ok(None),
        }
    }

    /// A valid entry, rendered for a date; with `record_version`, only in that version.
    fn find(&self, kind: &Kind, id: i64, record_version: Option<i64>, as_of: NaiveDate) -> Result<Option<Rendered>> {
        let Some(entry) = self.entries.get(&(kind.number, id)) else { return Ok(None) };
        let is_wanted = record_version.is_none_or(|version| version == entry.record_version);
        if is_wanted && self.changes.version(entry.sources) == Some(entry.version) {
            entry.render(as_of)
        } else {
            Ok(None)
        }
    }

    /// The records of a page in order: those that are cached in the version that the page read, and the others from the database.
    /// Records that are gone are left out.
    pub fn page<R: Resource>(&self, conn: &mut Conn, page: &PageIds, view: ReadContext) -> Result<Vec<Rendered>> {
        let before = self.before(R::KIND);
        let mut rendered: Vec<(i64, Option<Rendered>)> = Vec::with_capacity(page.ids.len());
        for (place, id) in page.ids.iter().enumerate() {
            let found = match page.versions.get(place) {
                Some(version) => self.find(R::KIND, *id, Some(*version), view.as_of)?,
                None => None,
            };
            rendered.push((*id, found));
        }
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
        let (id, record_version) = R::id_and_version(read);
        let (stem, computed) = stem::<R>(read, view.as_of)?;
        let dated = match &computed {
            Computed::Dated(dated) => dated.json(view.as_of)?,
            Computed::Nothing | Computed::On(_) => String::new(),
        };
        let rendered = Rendered { version: record_version, stem: stem.clone(), dated };
        let Some(Before { own, embedded, embedded_version }) = before else { return Ok(rendered) };
        let own_kind = KindSet::of(R::KIND);
        let (sources, version) = match R::refers_to_own_kind(read) && !embedded.contains(R::KIND) {
            true => (embedded.with(own_kind), embedded_version + own),
            false => (embedded, embedded_version),
        };
        let key = (R::KIND.number, id);
        self.entries.insert(key, Entry { record_version, stem, computed, sources, version });
        // A change that was published since the record was read may have removed the entry before it was inserted.
        if self.changes.version(own_kind) != Some(own) {
            self.entries.remove(&key);
        }
        Ok(rendered)
    }
}
