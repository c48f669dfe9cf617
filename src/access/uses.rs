//! Last use of keys. Collected in memory and stored periodically, so that reads do not cause writes.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;
use diesel::prelude::*;

use crate::db::Store;
use crate::db::schema::api_keys;
use crate::error::Result;
use crate::model::types::Instant;

/// Precision of the last use of a key; later uses within this time are not stored.
fn grain() -> TimeDelta {
    TimeDelta::minutes(1)
}

/// Uses of keys that are not stored yet.
#[derive(Default)]
pub struct Uses(Mutex<Known>);

#[derive(Default)]
struct Known {
    written: HashMap<i64, Instant>,
    pending: HashMap<i64, Instant>,
    /// When uses were last stored.
    flushed_at: Option<Instant>,
}

impl Uses {
    /// Records the use of a key.
    pub fn note(&self, key: i64, at: Instant) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.written.get(&key).is_none_or(|last| at.utc() - last.utc() >= grain()) {
            known.pending.insert(key, at);
        }
    }

    /// Calls [`Uses::flush`] if due: immediately for a key without an earlier use, else periodically, because every
    /// write invalidates the response cache.
    pub async fn flush_in_time(&self, store: &Store) -> Result<()> {
        let now = Instant::now();
        let is_time = {
            let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            known.pending.keys().any(|key| !known.written.contains_key(key))
                || known.flushed_at.is_none_or(|last| now.utc() - last.utc() >= grain())
        };
        if is_time { self.flush(store).await } else { Ok(()) }
    }

    /// Stores pending uses; they stay pending if that fails.
    pub async fn flush(&self, store: &Store) -> Result<()> {
        let pending = std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).pending);
        if pending.is_empty() {
            return Ok(());
        }
        let uses: Vec<(i64, Instant)> = pending.iter().map(|(key, at)| (*key, *at)).collect();
        let written = store
            .write(move |conn| {
                for (key, at) in uses {
                    let older = api_keys::last_used_at.is_null().or(api_keys::last_used_at.lt(at));
                    diesel::update(api_keys::table.find(key).filter(older))
                        .set(api_keys::last_used_at.eq(Some(at)))
                        .execute(conn)?;
                }
                Ok(())
            })
            .await;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.flushed_at = Some(Instant::now());
        let Known { written: done, pending: later, flushed_at: _ } = &mut *known;
        let target = if written.is_ok() { done } else { later };
        for (key, at) in pending {
            target.entry(key).and_modify(|last| *last = at.max(*last)).or_insert(at);
        }
        written
    }
}
