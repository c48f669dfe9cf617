//! The only file that knows which database is behind a connection.
//!
//! Everything else speaks to [`Conn`] in Diesel's portable DSL. What differs is here, each as a function that matches
//! on the backend: opening, migrating, locking, full-text search, and the version of the data.

use std::time::Duration;

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel::r2d2::{ManageConnection, R2D2Connection};
use diesel::sql_types::{BigInt, Text};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::config::DatabaseUrl;
use crate::error::{Error, Result};

const SQLITE_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Held by whoever migrates a PostgreSQL database, so that replicas that start together take turns. Any number that
/// nothing else in that database uses.
const MIGRATION_LOCK: i64 = 0x7061_6972_696e_6773;

/// A query that runs longer is given up, and its client told to try again.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);

/// The channel on which PostgreSQL tells every replica that data changed.
const CHANGED_CHANNEL: &str = "pairing_tracker_changed";

/// One connection to either backend.
#[derive(diesel::MultiConnection)]
pub enum Conn {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Opens connections for the pool. The enum's own `establish` would try each backend and hide the real error.
#[derive(Clone, Debug)]
pub struct Manager {
    url: DatabaseUrl,
}

impl Manager {
    pub fn new(url: DatabaseUrl) -> Manager {
        Manager { url }
    }

    /// Opens one connection with the settings that every connection of the service has.
    pub fn open(&self) -> Result<Conn> {
        let unavailable =
            |error: &dyn std::fmt::Display| Error::Unavailable(format!("cannot open the database: {error}"));
        match &self.url {
            DatabaseUrl::Sqlite(path) => {
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
                let mut conn = PgConnection::establish(url).map_err(|e| unavailable(&e))?;
                conn.batch_execute(&format!(
                    "SET statement_timeout = {}; SET lock_timeout = 5000; SET TIME ZONE 'UTC'; \
                     SET client_min_messages = warning; SET plan_cache_mode = force_generic_plan;",
                    STATEMENT_TIMEOUT.as_millis()
                ))
                .map_err(|e| unavailable(&e))?;
                Ok(Conn::Postgres(conn))
            }
        }
    }
}

impl ManageConnection for Manager {
    type Connection = Conn;
    type Error = Error;

    fn connect(&self) -> Result<Conn> {
        self.open()
    }

    fn is_valid(&self, conn: &mut Conn) -> Result<()> {
        match conn {
            Conn::Sqlite(conn) => conn.ping().map_err(Error::from),
            Conn::Postgres(conn) => conn.ping().map_err(Error::from),
        }
    }

    fn has_broken(&self, conn: &mut Conn) -> bool {
        match conn {
            Conn::Sqlite(conn) => conn.is_broken(),
            Conn::Postgres(conn) => conn.is_broken(),
        }
    }
}

impl Conn {
    /// Whether this is SQLite, whose writes go through one queue.
    pub fn is_sqlite(&self) -> bool {
        matches!(self, Conn::Sqlite(_))
    }
}

/// Begins the transaction of a batch of writes. SQLite takes its write lock at once: a transaction that reads first
/// and writes later would fail as busy.
pub fn begin_batch(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(conn) => AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN IMMEDIATE"),
        Conn::Postgres(conn) => AnsiTransactionManager::begin_transaction(conn),
    }
}

pub fn commit_batch(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(conn) => AnsiTransactionManager::commit_transaction(conn),
        Conn::Postgres(conn) => AnsiTransactionManager::commit_transaction(conn),
    }
}

pub fn roll_back_batch(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(conn) => AnsiTransactionManager::rollback_transaction(conn),
        Conn::Postgres(conn) => AnsiTransactionManager::rollback_transaction(conn),
    }
}

/// Whether a transaction is under way.
pub fn in_transaction(conn: &mut Conn) -> QueryResult<bool> {
    let status = match conn {
        Conn::Sqlite(conn) => AnsiTransactionManager::transaction_manager_status_mut(conn),
        Conn::Postgres(conn) => AnsiTransactionManager::transaction_manager_status_mut(conn),
    };
    Ok(status.transaction_depth()?.is_some())
}

/// The row's version, with the row locked until the transaction ends. SQLite has one writer and needs no lock;
/// A lock that leaves others free to refer to the row has no place in the DSL that both backends share.
#[macro_export]
macro_rules! lock_version {
    ($conn:expr, $table:ident, $id:expr) => {{
        use diesel::prelude::*;
        use $crate::db::schema::$table::dsl;
        match $conn {
            $crate::db::Conn::Sqlite(conn) => dsl::$table.find($id).select(dsl::version).first::<i64>(conn).optional(),
            $crate::db::Conn::Postgres(conn) => {
                dsl::$table.find($id).select(dsl::version).for_no_key_update().first::<i64>(conn).optional()
            }
        }
    }};
}

/// Inserts rows with one statement, which the enum's own DSL has no way to.
#[macro_export]
macro_rules! insert_all {
    ($conn:expr, $table:expr, $rows:expr) => {
        match $conn {
            $crate::db::Conn::Sqlite(conn) => diesel::insert_into($table).values($rows).execute(conn),
            $crate::db::Conn::Postgres(conn) => diesel::insert_into($table).values($rows).execute(conn),
        }
    };
}

/// Serialises decisions that depend on many rows of one kind (a tree without cycles), until the transaction ends.
pub fn lock_kind(conn: &mut Conn, kind: &str) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(_) => Ok(()),
        Conn::Postgres(conn) => diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended($1, 1))")
            .bind::<Text, _>(kind)
            .execute(conn)
            .map(drop),
    }
}

#[derive(QueryableByName)]
struct Locked {
    #[diesel(sql_type = diesel::sql_types::Bool)]
    locked: bool,
}

/// Takes an idempotency key for this transaction; false when another request with the same key is under way. On
/// SQLite the queue of writes answers that: the other is either done or has not begun.
pub fn try_lock_key(conn: &mut Conn, key: &str) -> QueryResult<bool> {
    match conn {
        Conn::Sqlite(_) => Ok(true),
        Conn::Postgres(conn) => {
            diesel::sql_query("SELECT pg_try_advisory_xact_lock(hashtextextended($1, 2)) AS locked")
                .bind::<Text, _>(key)
                .get_result::<Locked>(conn)
                .map(|row| row.locked)
        }
    }
}

/// Replaces the searchable text of one record; `None` removes it. `number` tells apart the kinds within SQLite's one
/// index, whose only fast way to a row is its rowid. Full-text tables have no DSL.
pub fn put_search_text(conn: &mut Conn, kind: &str, number: i64, id: i64, body: Option<&str>) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(conn) => {
            let rowid = search_rowid(number, id);
            diesel::sql_query("DELETE FROM search_texts WHERE rowid = ?").bind::<BigInt, _>(rowid).execute(conn)?;
            if let Some(body) = body {
                diesel::sql_query("INSERT INTO search_texts (rowid, entity, body, record_id) VALUES (?, ?, ?, ?)")
                    .bind::<BigInt, _>(rowid)
                    .bind::<Text, _>(kind)
                    .bind::<Text, _>(body)
                    .bind::<BigInt, _>(id)
                    .execute(conn)?;
            }
        }
        Conn::Postgres(conn) => {
            diesel::sql_query("DELETE FROM search_texts WHERE entity = $1 AND record_id = $2")
                .bind::<Text, _>(kind)
                .bind::<BigInt, _>(id)
                .execute(conn)?;
            if let Some(body) = body {
                diesel::sql_query("INSERT INTO search_texts (entity, record_id, body) VALUES ($1, $2, $3)")
                    .bind::<Text, _>(kind)
                    .bind::<BigInt, _>(id)
                    .bind::<Text, _>(body)
                    .execute(conn)?;
            }
        }
    }
    Ok(())
}

fn search_rowid(number: i64, id: i64) -> i64 {
    id * 64 + number
}

/// How a backend asks its full-text index: SQL with two binds, the query and the kind, between three pieces.
pub struct SearchSql {
    pub pieces: [&'static str; 3],
    pub query: String,
}

/// The condition that a record's text holds every phrase, as `id IN (…)`.
///
/// PostgreSQL plans the match apart from the rest (`MATERIALIZED`), so that it uses the text's index.
pub fn search_sql(conn: &Conn, kind: &str, phrases: &[String]) -> SearchSql {
    match conn {
        Conn::Sqlite(_) => {
            let body: Vec<String> = phrases.iter().map(|phrase| format!("body : \"{phrase}\" *")).collect();
            SearchSql {
                pieces: ["(SELECT record_id FROM search_texts WHERE search_texts MATCH ", " AND entity = ", ")"],
                query: format!("entity : \"{kind}\" AND {}", body.join(" AND ")),
            }
        }
        Conn::Postgres(_) => {
            let query: Vec<String> = phrases.iter().map(|phrase| prefix_query(phrase)).collect();
            SearchSql {
                pieces: [
                    "(WITH m AS MATERIALIZED (SELECT entity, record_id FROM search_texts \
                     WHERE to_tsvector('simple', body) @@ to_tsquery('simple', ",
                    ")) SELECT record_id FROM m WHERE entity = ",
                    ")",
                ],
                query: query.join(" & "),
            }
        }
    }
}

/// Words that follow each other, the last of them a beginning: `文 旅` becomes `'文' <-> '旅':*`.
fn prefix_query(phrase: &str) -> String {
    let words: Vec<String> = phrase.split(' ').map(|word| format!("'{word}'")).collect();
    format!("({}:*)", words.join(" <-> "))
}

/// Brings the schema up to date; one process at a time. Refuses a database that a newer version has migrated.
pub fn migrate(conn: &mut Conn) -> Result<usize> {
    // Held from the first look on: looking makes the table in which the migrations are kept.
    if let Conn::Postgres(conn) = conn {
        conn.batch_execute("SET statement_timeout = 0; SET lock_timeout = 0")?;
        diesel::sql_query("SELECT pg_advisory_lock($1)").bind::<BigInt, _>(MIGRATION_LOCK).execute(conn)?;
    }
    let done = refuse_newer(conn).and_then(|()| {
        match conn {
            Conn::Sqlite(conn) => conn.run_pending_migrations(SQLITE_MIGRATIONS).map(|done| done.len()),
            Conn::Postgres(conn) => conn.run_pending_migrations(POSTGRES_MIGRATIONS).map(|done| done.len()),
        }
        .map_err(|e| Error::Unexpected(format!("migration failed: {e}")))
    });
    if let Conn::Postgres(conn) = conn {
        diesel::sql_query("SELECT pg_advisory_unlock($1)").bind::<BigInt, _>(MIGRATION_LOCK).execute(conn)?;
    }
    done
}

/// The migrations that the database lacks, by name.
pub fn pending_migrations(conn: &mut Conn) -> Result<Vec<String>> {
    refuse_newer(conn)?;
    let applied = applied_migrations(conn)?;
    Ok(embedded_migrations(conn)
        .into_iter()
        .filter(|(version, _)| !applied.contains(version))
        .map(|(_, name)| name)
        .collect())
}

/// Undoes every migration: for the test that each `down.sql` works.
pub fn revert_all(conn: &mut Conn) -> Result<()> {
    match conn {
        Conn::Sqlite(conn) => conn.revert_all_migrations(SQLITE_MIGRATIONS).map(drop),
        Conn::Postgres(conn) => conn.revert_all_migrations(POSTGRES_MIGRATIONS).map(drop),
    }
    .map_err(Error::unexpected)
}

fn applied_migrations(conn: &mut Conn) -> Result<Vec<String>> {
    match conn {
        Conn::Sqlite(conn) => conn.applied_migrations(),
        Conn::Postgres(conn) => conn.applied_migrations(),
    }
    .map(|versions| versions.iter().map(ToString::to_string).collect())
    .map_err(|e| Error::Unavailable(format!("cannot read the database: {e}")))
}

fn embedded_migrations(conn: &Conn) -> Vec<(String, String)> {
    use diesel::migration::{Migration, MigrationSource};
    fn named<DB: diesel::backend::Backend>(found: Vec<Box<dyn Migration<DB>>>) -> Vec<(String, String)> {
        found.iter().map(|m| (m.name().version().to_string(), m.name().to_string())).collect()
    }
    match conn {
        Conn::Sqlite(_) => MigrationSource::<diesel::sqlite::Sqlite>::migrations(&SQLITE_MIGRATIONS).map(named),
        Conn::Postgres(_) => MigrationSource::<diesel::pg::Pg>::migrations(&POSTGRES_MIGRATIONS).map(named),
    }
    .unwrap_or_default()
}

fn refuse_newer(conn: &mut Conn) -> Result<()> {
    let known = embedded_migrations(conn);
    match applied_migrations(conn)?.into_iter().find(|version| known.iter().all(|(k, _)| k != version)) {
        None => Ok(()),
        Some(version) => Err(Error::Unexpected(format!(
            "the database is newer than this program (it has migration {version}); use a newer pairing-tracker"
        ))),
    }
}

/// Tells other processes, when the transaction commits, that data changed.
pub fn announce_change(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        // Other processes on the same file see SQLite's own data version move.
        Conn::Sqlite(_) => Ok(()),
        Conn::Postgres(conn) => {
            diesel::sql_query("SELECT pg_notify($1, '')").bind::<Text, _>(CHANGED_CHANNEL).execute(conn).map(drop)
        }
    }
}

/// Begins to listen for the changes of other processes.
pub fn listen_for_changes(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(_) => Ok(()),
        Conn::Postgres(conn) => conn.batch_execute(&format!("LISTEN {CHANGED_CHANNEL}")),
    }
}

#[derive(QueryableByName)]
struct DataVersion {
    #[diesel(sql_type = BigInt)]
    data_version: i64,
}

/// A number that moves when another process changed the data: SQLite's own, or the count of notifications so far.
pub fn foreign_changes(conn: &mut Conn, so_far: i64) -> QueryResult<i64> {
    match conn {
        Conn::Sqlite(conn) => {
            diesel::sql_query("PRAGMA data_version").get_result::<DataVersion>(conn).map(|row| row.data_version)
        }
        Conn::Postgres(conn) => {
            let mut count = so_far;
            for notification in conn.notifications_iter() {
                notification?;
                count += 1;
            }
            Ok(count)
        }
    }
}
