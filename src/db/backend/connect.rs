//! Opening connections, with the settings that every connection of the service has.

use std::time::Duration;

use diesel::connection::{CacheSize, SimpleConnection};
use diesel::prelude::*;

use super::{Conn, sqlite};
use crate::config::DatabaseUrl;
use crate::error::{Error, Result};

/// The longest statement where no class of work sets another bound.
pub const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest wait for a lock of another transaction.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens connections to one database. The enum's own `establish` would try each backend and hide the real error.
#[derive(Clone, Debug)]
pub struct Manager {
    url: DatabaseUrl,
    statement_timeout: Duration,
}

impl Manager {
    /// Connections to a database.
    pub fn new(url: DatabaseUrl) -> Manager {
        Manager { url, statement_timeout: STATEMENT_TIMEOUT }
    }

    /// The same with another bound for each statement; PostgreSQL enforces it.
    pub fn with_statement_timeout(&self, statement_timeout: Duration) -> Manager {
        Manager { statement_timeout, ..self.clone() }
    }

    /// Whether PgBouncer stands between, whose transaction mode keeps no state of a session.
    pub fn is_pooled(&self) -> bool {
        matches!(&self.url, DatabaseUrl::Postgres(url) if url.is_pooled())
    }

    /// Opens one connection.
    pub fn open(&self) -> Result<Conn> {
        let unavailable =
            |error: &dyn std::fmt::Display| Error::Unavailable(format!("cannot open the database: {error}"));
        match &self.url {
            DatabaseUrl::Sqlite(path) => {
                sqlite::install();
                let path = path.to_string_lossy();
                let mut conn = SqliteConnection::establish(&path).map_err(|e| unavailable(&e))?;
                // Eight megabytes of pages a connection, and no mapped file: every connection would map it for itself.
                conn.batch_execute(
                    "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                     PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8000;",
                )
                .map_err(|e| unavailable(&e))?;
                Ok(Conn::Sqlite(conn))
            }
            DatabaseUrl::Postgres(url) => {
                let mut conn = PgConnection::establish(&url.connection_string()).map_err(|e| unavailable(&e))?;
                if url.is_pooled() {
                    conn.set_prepared_statement_cache_size(CacheSize::Disabled);
                } else {
                    conn.batch_execute(&format!(
                        "{}; SET plan_cache_mode = force_generic_plan;",
                        self.session_settings("SET")
                    ))
                    .map_err(|e| unavailable(&e))?;
                }
                Ok(Conn::Postgres(conn))
            }
        }
    }

    /// What begins a transaction on PostgreSQL. Behind PgBouncer each brings its settings along, as the session before it may
    /// have been another's.
    pub fn begin(&self, begin: &str) -> String {
        if self.is_pooled() { format!("{begin}; {}", self.session_settings("SET LOCAL")) } else { begin.to_owned() }
    }

    fn session_settings(&self, set: &str) -> String {
        format!(
            "{set} statement_timeout = {}; {set} lock_timeout = {}; {set} TIME ZONE 'UTC'; \
             {set} client_min_messages = warning",
            self.statement_timeout.as_millis(),
            LOCK_TIMEOUT.as_millis()
        )
    }
}

/// A private copy of a SQLite database, gone when it is dropped.
pub struct Copy {
    // In this order: the connection is closed before its file is removed.
    pub conn: Conn,
    _directory: tempfile::TempDir,
}

impl Copy {
    /// Copies a database as it is now, into the directory for temporary files.
    pub fn of(manager: &Manager) -> Result<Copy> {
        let failed = |cause: &dyn std::fmt::Display| Error::Unavailable(format!("cannot copy the database: {cause}"));
        let directory = tempfile::tempdir().map_err(|e| failed(&e))?;
        let source = manager.open()?;
        let from = sqlite::Handle::opened().ok_or_else(|| failed(&"SQLite opened no connection"))?;
        let path = directory.path().join("copy.db");
        let mut target = SqliteConnection::establish(&path.to_string_lossy()).map_err(|e| failed(&e))?;
        let to = sqlite::Handle::opened().ok_or_else(|| failed(&"SQLite opened no connection"))?;
        from.copy_to(&to).map_err(|e| failed(&e))?;
        drop(source);
        // Nothing of it is ever committed.
        target
            .batch_execute(
                "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA foreign_keys = ON; \
                 PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8000;",
            )
            .map_err(|e| failed(&e))?;
        Ok(Copy { conn: Conn::Sqlite(target), _directory: directory })
    }
}
