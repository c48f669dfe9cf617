//! Keys that are being revoked: refused from the moment on at which that is asked for, though SQLite's one writer may be busy with an
//! import meanwhile.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use diesel::prelude::*;

use super::{Actor, Identity};
use crate::db::Conn;
use crate::db::schema::api_keys;
use crate::error::{Error, Problem, Result};
use crate::msg;

/// The keys whose revocation is under way in this process, by id, and how often. Clones share them.
#[derive(Clone, Default)]
pub struct Revoked(Arc<Mutex<HashMap<i64, usize>>>);

/// Keeps a key refused until it is dropped: by then the database has the revocation, or it has failed.
pub struct Refused {
    all: Revoked,
    id: i64,
}

impl Revoked {
    /// Refuses a key from now on.
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

/// An error where an actor's key is revoked, as the database has it now.
pub fn require_unrevoked(conn: &mut Conn, actor: &Actor) -> Result<()> {
    let Identity::Key(id) = actor.identity else { return Ok(()) };
    let unrevoked: Option<i64> =
        api_keys::table.find(id).filter(api_keys::revoked_at.is_null()).select(api_keys::id).first(conn).optional()?;
    if unrevoked.is_some() { Ok(()) } else { Err(revoked()) }
}

/// The refusal of work that a key began which was revoked meanwhile.
pub fn revoked() -> Error {
    Problem::unauthorized(msg!("密钥已被吊销，未写入任何内容。", "The key was revoked meanwhile; nothing was written."))
        .into()
}
