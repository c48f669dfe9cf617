//! Records that changed since they were loaded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::load;
use crate::db::changes::{Changed, KindSet};
use crate::db::reference::Kinds;

/// Changed records that are loaded one by one; of more, everything is loaded again.
const PENDING_MAX: usize = 10_000;

/// Changed records by the names of their kinds.
#[derive(Default)]
pub struct Records {
    /// Whether any record may have changed.
    pub is_whole: bool,
    pub ids: BTreeMap<&'static str, BTreeSet<i64>>,
}

impl Records {
    fn is_empty(&self) -> bool {
        !self.is_whole && self.ids.is_empty()
    }

    pub fn count(&self) -> usize {
        self.ids.values().map(BTreeSet::len).sum()
    }

    fn add(&mut self, kind: &'static str, id: i64) {
        if !self.is_whole {
            self.ids.entry(kind).or_default().insert(id);
        }
        if self.count() > PENDING_MAX {
            self.add_all();
        }
    }

    fn add_all(&mut self) {
        *self = Records { is_whole: true, ids: BTreeMap::new() };
    }
}

/// Collects changes from the change feed.
#[derive(Clone, Default)]
pub struct Pending(Arc<Mutex<Records>>);

impl Pending {
    pub fn lock(&self) -> MutexGuard<'_, Records> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Adds what a transaction changed.
    pub fn add(&self, kinds: Kinds, changed: &Changed) {
        let mut records = self.lock();
        match &changed.records {
            Some(changed) => {
                for (kind, id) in changed.iter().filter(|(kind, _)| load::is_source(kind.name)) {
                    records.add(kind.name, *id);
                }
            }
            None if changed.kinds == KindSet::NONE => {}
            None => {
                if kinds.iter().any(|kind| load::is_source(kind.name) && changed.kinds.contains(kind)) {
                    records.add_all();
                }
            }
        }
    }

    /// Takes the changed records. They are put back unless [`Taken::finish`] is called, so that a failed load forgets none.
    pub fn take(&self) -> Taken {
        Taken { records: std::mem::take(&mut *self.lock()), pending: self.clone() }
    }
}

/// Changed records that are being loaded.
pub struct Taken {
    pub records: Records,
    pending: Pending,
}

impl Taken {
    pub fn finish(mut self) {
        self.records = Records::default();
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let taken = std::mem::take(&mut self.records);
        if taken.is_empty() {
            return;
        }
        let mut pending = self.pending.lock();
        if taken.is_whole {
            pending.add_all();
        }
        for (kind, ids) in taken.ids {
            ids.into_iter().for_each(|id| pending.add(kind, id));
        }
    }
}
