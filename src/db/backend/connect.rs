//! Opens connections with the service's settings.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use diesel::connection::{CacheSize, InstrumentationEvent, SimpleConnection};
use diesel::prelude::*;

use super::{Conn, sqlite};
use crate::config::DatabaseUrl;
use crate::error::{Error, Result};

/// Default statement timeout, where no class of work sets another.
pub const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum wait for a lock of another transaction.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

diesel::table! {
    /// SQLite's list of tables and indexes.
    sqlite_schema (rowid) {
        rowid -> BigInt,
        name -> Text,
    }
}

/// Opens connections to one database. The enum's own `establish` would try each backend and hide the real error.
#[derive(Clone, Debug)]
pub struct Manager {
    url: DatabaseUrl,
    statement_timeout: Duration,
    statements: Arc<Statements>,
}

/// Counts the statements of connections, without those that begin and end transactions and savepoints.
#[derive(Debug, Default)]
pub struct Statements(AtomicU64);

impl Statements {
    /// The number of statements so far.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn note(&self, event: &InstrumentationEvent<'_>) {
        use InstrumentationEvent::{BeginTransaction, CommitTransaction, RollbackTransaction, StartQuery};
        match event {
            StartQuery { .. } => self.0.fetch_add(1, Ordering::Relaxed),
            // Diesel reports the statement that follows as a query, too.
            BeginTransaction { .. } | CommitTransaction { .. } | RollbackTransaction { .. } => {
                self.0.fetch_sub(1, Ordering::Relaxed)
            }
            _ => return,
        };
    }
}

impl Manager {
    /// Creates a manager for a database.
    pub fn new(url: DatabaseUrl) -> Manager {
        Manager { url, statement_timeout: STATEMENT_TIMEOUT, statements: Arc::default() }
    }

    /// Returns a copy whose connections count their statements separately.
    pub fn with_own_count(&self) -> Manager {
        Manager { statements: Arc::default(), ..self.clone() }
    }

    /// The statements of this manager's connections.
    pub fn statements(&self) -> &Arc<Statements> {
        &self.statements
    }

    /// Returns a copy with another statement timeout, which applies on PostgreSQL.
    pub fn with_statement_timeout(&self, statement_timeout: Duration) -> Manager {
        Manager { statement_timeout, ..self.clone() }
    }

    /// Whether connections go through PgBouncer in transaction mode, where session state is not preserved.
    pub fn is_pooled(&self) -> bool {
        matches!(&self.url, DatabaseUrl::Postgres(url) if url.is_pooled())
    }

    /// Opens a connection, which counts its statements.
    pub fn open(&self) -> Result<Conn> {
        let mut conn = self.connect()?;
        let statements = self.statements.clone();
        conn.set_instrumentation(move |event: InstrumentationEvent<'_>| statements.note(&event));
        Ok(conn)
    }

    fn connect(&self) -> Result<Conn> {
        let unavailable =
            |error: &dyn std::fmt::Display| Error::Unavailable(format!("cannot open the database: {error}"));
        match &self.url {
            DatabaseUrl::Sqlite(path) => {
                sqlite::install();
                let path = path.to_string_lossy();
                let mut conn = SqliteConnection::establish(&path).map_err(|e| unavailable(&e))?;
                // 8 MB of page cache per connection. No memory-mapped I/O, because every connection would map the file
                // separately.
                conn.batch_execute(
                    "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                     PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8000;",
                )
                .map_err(|e| unavailable(&e))?;
                let statistics = sqlite_schema::table.filter(sqlite_schema::name.eq("sqlite_stat1")).count();
                // With statistics, a plan is good only for the values that it was made for.
                if statistics.get_result::<i64>(&mut conn).map_err(|e| unavailable(&e))? == 0
                    && let Some(handle) = sqlite::Handle::opened()
                {
                    handle.plan_without_values();
                }
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

    /// Returns the SQL that begins a transaction on PostgreSQL. Behind PgBouncer it includes the settings, because the
    /// server session may have been used by another client.
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

/// A temporary copy of a SQLite database, deleted on drop.
pub struct Copy {
    // Field order matters: the connection is closed before its file is removed.
    pub conn: Conn,
    _directory: tempfile::TempDir,
}

impl Copy {
    /// Copies the current state of a database into the directory for temporary files.
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
        // The copy needs no durability because it is never committed.
        target
            .batch_execute(
                "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA foreign_keys = ON; \
                 PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8000;",
            )
            .map_err(|e| failed(&e))?;
        Ok(Copy { conn: Conn::Sqlite(target), _directory: directory })
    }
}
