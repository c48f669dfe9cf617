//! The response cache: bodies of reads, reused while the data and the day stay the same.
//!
//! A read depends on the data, the request and today's date. The cache therefore holds responses of one version of the
//! data ([`crate::db::Store::data_version`]) and one day, by request, and is emptied when either changes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::NaiveDate;

use super::response::ReadResponse;

/// The total size of cached responses, in bytes.
const TOTAL_MAX: usize = 32 * 1024 * 1024;
/// The size of one cached response, in bytes; a larger one is not cached.
pub const CACHED_MAX: usize = 512 * 1024;
/// An estimate of what an entry takes besides its body and its key, in bytes.
const ENTRY_OVERHEAD: usize = 200;

/// Responses to reads of the current version of the data.
#[derive(Default)]
pub struct ResponseCache(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    version: i64,
    today: Option<NaiveDate>,
    bytes: usize,
    responses: HashMap<String, Arc<ReadResponse>>,
}

impl Entries {
    /// Empties the cache when the data or the day has changed; false when `version` is older than the cached one.
    fn advance(&mut self, version: i64, today: NaiveDate) -> bool {
        if version < self.version {
            return false;
        }
        if version > self.version || self.today != Some(today) {
            *self = Entries { version, today: Some(today), bytes: 0, responses: HashMap::new() };
        }
        true
    }
}

impl ResponseCache {
    /// The cached response for a key, if there is one for this version and day.
    pub fn get(&self, version: i64, today: NaiveDate, key: &str) -> Option<Arc<ReadResponse>> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.advance(version, today) { entries.responses.get(key).cloned() } else { None }
    }

    /// Caches a response, unless it is too large or on disk.
    pub fn put(&self, version: i64, today: NaiveDate, key: &str, response: &Arc<ReadResponse>) {
        let size = response.body.len() + key.len() + ENTRY_OVERHEAD;
        if size > CACHED_MAX || response.file.is_some() {
            return;
        }
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !entries.advance(version, today) {
            return;
        }
        if entries.bytes + size > TOTAL_MAX {
            entries.responses.clear();
            entries.bytes = 0;
        }
        entries.bytes += size;
        entries.responses.insert(key.to_owned(), response.clone());
    }
}
