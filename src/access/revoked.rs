//! Keys whose revocation is in progress. They are rejected as soon as the revocation is requested, even while SQLite's
//! single writer is busy with an import.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use diesel::prelude::*;

use super::{Actor, Identity};
use crate::db::Conn;
use crate::db::schema::api_keys;
use crate::error::{Error, Problem, Result};
use crate::msg;

/// Number of revocations in progress in this process, by key id. Clones share the map.
#[derive(Clone, Default)]
pub struct Revoked(Arc<Mutex<HashMap<i64, usize>>>);

/// Guard that keeps a key rejected until the revocation is committed or has failed.
pub struct Refused {
    all: Revoked,
    id: i64,
}

impl Revoked {
    /// Rejects a key until the guard is dropped.
    pub fn refuse(&self, id: i64) -> Refused {
        *self.lock().entry(id).or_default() += 1;
        Refused { all: self.clone(), id }
    }

    /// Whether an actor's key is being revoked.
    pub fn contains(&self, actor: &Actor) -> bool {
        matches!(actor.identity, Identity::Key(id) if self.lock().contains_key(&id))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<i64, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Refused {
    fn drop(&mut self) {
        let mut all = self.all.lock();
        if let Some(count) = all.get_mut(&self.id) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.id);
            }
        }
    }
}

/// Returns an error if the actor's key is revoked in the database.
pub fn require_unrevoked(conn: &mut Conn, actor: &Actor) -> Result<()> {
    let Identity::Key(id) = actor.identity else { return Ok(()) };
    let unrevoked: Option<i64> =
        api_keys::table.find(id).filter(api_keys::revoked_at.is_null()).select(api_keys::id).first(conn).optional()?;
    if unrevoked.is_some() { Ok(()) } else { Err(revoked()) }
}

/// Returns the 401 error for work whose key was revoked in the meantime.
pub fn revoked() -> Error {
    Problem::unauthorized(msg!("密钥已被吊销，未写入任何内容。", "The key has been revoked; nothing was written."))
        .into()
}
