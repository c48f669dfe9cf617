//! Revocations that a command asks for while SQLite's write lock is held elsewhere, by an import for instance.
//!
//! The command leaves a mark, a file named by the key's code in a directory beside the database. A service that finds one refuses the
//! key at once, which stops imports under it, and records the revocation itself if the command does not live to do so. On PostgreSQL a
//! revocation waits for nothing, and there are no marks.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{KIND, store};
use crate::access::Actor;
use crate::config::DatabaseUrl;
use crate::db::{Class, Client};
use crate::error::{Error, Result};
use crate::http::AppState;
use crate::model::types::Ref;
use crate::record::Tx;

/// How soon a mark is noticed.
const LOOK: Duration = Duration::from_millis(200);
/// The pause before a revocation that could not be recorded is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// The marks beside one database.
#[derive(Clone)]
pub struct Marks(PathBuf);

impl Marks {
    /// Those beside a SQLite database.
    pub fn beside(url: &DatabaseUrl) -> Option<Marks> {
        let DatabaseUrl::Sqlite(path) = url else { return None };
        let mut directory = path.clone().into_os_string();
        directory.push("-revoked");
        Some(Marks(directory.into()))
    }

    /// Marks a key, durably.
    pub fn put(&self, code: &str) -> io::Result<()> {
        fs::create_dir_all(&self.0)?;
        File::create(self.0.join(code))?.sync_all()?;
        File::open(&self.0)?.sync_all()
    }

    /// Removes the mark of a key; it may be gone.
    pub fn remove(&self, code: &str) -> io::Result<()> {
        match fs::remove_file(self.0.join(code)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// The codes of the keys that are marked.
    fn codes(&self) -> Vec<String> {
        // Most of the time there is no such directory.
        let Ok(entries) = fs::read_dir(&self.0) else { return Vec::new() };
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect()
    }
}

/// Refuses the keys that are marked and records their revocation, as long as the service runs.
pub async fn follow(state: Arc<AppState>) {
    let Some(marks) = Marks::beside(&state.settings.database_url) else { return };
    let under_way: Arc<Mutex<HashSet<String>>> = Arc::default();
    loop {
        tokio::time::sleep(LOOK).await;
        for code in marks.codes() {
            if !under_way.lock().unwrap_or_else(PoisonError::into_inner).insert(code.clone()) {
                continue;
            }
            let (state, marks, under_way) = (state.clone(), marks.clone(), under_way.clone());
            tokio::spawn(async move {
                if let Err(error) = revoke(&state, &marks, &code).await {
                    tracing::warn!(%error, key = code, "cannot record the revocation of a key; trying again");
                    tokio::time::sleep(PAUSE).await;
                }
                under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&code);
            });
        }
    }
}

async fn revoke(state: &AppState, marks: &Marks, code: &str) -> Result<()> {
    let reference = Ref(code.to_owned());
    let asked = reference.clone();
    let look_up = move |conn: &mut _| Ok(KIND.find(conn, &asked)?);
    let id = state.store.read_as(Class::KeyLookup, &Client::Service, look_up).await?;
    if let Some(id) = id {
        let _refused = state.revoked.refuse(id);
        let (catalog, today) = (state.catalog.clone(), state.settings.today());
        let write = move |conn: &mut _| {
            let (actor, request_id) = (Actor::operator(), format!("revoke-{}", reference.0));
            Tx::run(conn, &actor, &request_id, &catalog, today, |tx| store::revoke(tx, &reference).map(drop))
        };
        state.store.write_records(&Client::Service, write).await?;
    }
    marks.remove(code).map_err(Error::unexpected)
}
