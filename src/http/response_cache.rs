//! The response cache: bodies of reads, reused while the data that they were made from and the day stay the same.
//!
//! A response is valid for the versions of the kinds of records that it depends on ([`Changes::version`]), so that a write of one
//! kind leaves the responses of others cached.

use std::sync::Arc;

use chrono::NaiveDate;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::response::ReadResponse;
use crate::db::changes::{Changes, KindSet};

/// The total size of cached responses, in bytes: some hundred pages.
const TOTAL_MAX: u64 = 8 * 1024 * 1024;
/// An estimate of the number of cached responses.
const COUNT: usize = 1_000;
/// The size of one cached response, in bytes; a larger one is not cached.
pub const CACHED_MAX: usize = 512 * 1024;
/// An estimate of what an entry takes besides its body and its key, in bytes.
const ENTRY_OVERHEAD: usize = 200;

/// Cached responses by request.
pub struct ResponseCache(Cache<String, Entry, BySize>);

/// A response, and what it is valid for.
#[derive(Clone)]
struct Entry {
    validity: Validity,
    response: Arc<ReadResponse>,
}

/// The data that a response is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    sources: KindSet,
    version: u64,
    today: NaiveDate,
}

impl Validity {
    /// What a response is valid for that is made from now on; `None` while changes of other processes may be missed.
    pub fn now(changes: &Changes, sources: KindSet, today: NaiveDate) -> Option<Validity> {
        Some(Validity { sources, version: changes.version(sources)?, today })
    }
}

#[derive(Clone)]
struct BySize;

impl Weighter<String, Entry> for BySize {
    fn weight(&self, key: &String, entry: &Entry) -> u64 {
        (entry.response.body.len() + key.len() + ENTRY_OVERHEAD) as u64
    }
}

impl Default for ResponseCache {
    fn default() -> ResponseCache {
        ResponseCache(Cache::with_weighter(COUNT, TOTAL_MAX, BySize))
    }
}

impl ResponseCache {
    /// The cached response for a key, if it is still valid.
    pub fn get(&self, key: &str, now: Validity) -> Option<Arc<ReadResponse>> {
        self.0.get(key).filter(|entry| entry.validity == now).map(|entry| entry.response)
    }

    /// Caches a response, unless it is too large or on disk. `validity` was read before the data.
    pub fn put(&self, key: &str, validity: Validity, response: &Arc<ReadResponse>) {
        if response.body.len() <= CACHED_MAX && response.file.is_none() {
            self.0.insert(key.to_owned(), Entry { validity, response: response.clone() });
        }
    }
}
