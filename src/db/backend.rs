//! The only place that knows which database is behind a connection: this file, and the two parts of it that are apart.
//!
//! Everything else speaks to [`Conn`] in Diesel's portable DSL. What differs is here, each as a function that matches
//! on the backend: opening, migrating, locking, full-text search, and the version of the data.

mod migrations;
mod search;

use std::time::Duration;

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel::r2d2::{ManageConnection, R2D2Connection};
use diesel::sql_types::{BigInt, Text};

pub use migrations::{migrate, pending_migrations, revert_all};
pub use search::{SearchSql, add_search_texts, fold_search_texts, put_search_text, search_sql};

use crate::config::DatabaseUrl;
use crate::error::{Error, Result};

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

/// Begins a transaction that only reads, and sees all the while the data that it sees first.
pub fn begin_snapshot(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(conn) => AnsiTransactionManager::begin_transaction(conn),
        Conn::Postgres(conn) => {
            AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        }
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

/// Rows that one statement of [`insert_all!`] inserts on SQLite, which holds every page that a statement of several rows
/// changed in memory until its end; a row of a table with many indexes changes as many pages.
pub const INSERTED_TOGETHER: usize = 50;

/// Inserts many rows, which the enum's own DSL has no way to: on PostgreSQL by `COPY`, which takes no part of a statement
/// apart for each of them, and wants a value or null in every column that is named.
#[macro_export]
macro_rules! insert_all {
    ($conn:expr, $table:expr, $rows:expr) => {
        match $conn {
            _ if $rows.is_empty() => Ok(()),
            $crate::db::Conn::Sqlite(conn) => $rows
                .chunks($crate::db::backend::INSERTED_TOGETHER)
                .try_for_each(|rows| diesel::insert_into($table).values(rows).execute(conn).map(drop)),
            $crate::db::Conn::Postgres(conn) => {
                diesel::copy_from($table).from_insertable($rows).execute(conn).map(drop)
            }
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

#[derive(QueryableByName)]
struct Reserved {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// As many ids for new rows of a table, which no other row gets.
pub fn reserve_ids(conn: &mut Conn, table: &str, count: usize) -> QueryResult<Vec<i64>> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    match conn {
        // The one writer has the table to itself; rows with ids of their own move what AUTOINCREMENT counts on.
        Conn::Sqlite(conn) => {
            let last = diesel::sql_query("SELECT coalesce(max(seq), 0) AS id FROM sqlite_sequence WHERE name = ?")
                .bind::<Text, _>(table)
                .get_result::<Reserved>(conn)?
                .id;
            Ok((last + 1..=last + count).collect())
        }
        Conn::Postgres(conn) => {
            let ids =
                diesel::sql_query("SELECT nextval(pg_get_serial_sequence($1, 'id')) AS id FROM generate_series(1, $2)")
                    .bind::<Text, _>(table)
                    .bind::<BigInt, _>(count)
                    .load::<Reserved>(conn)?;
            Ok(ids.into_iter().map(|reserved| reserved.id).collect())
        }
    }
}

/// Has the statements of this connection planned anew. PostgreSQL keeps a plan that was made while a table was small, which
/// reads all of it, however much the transaction adds: statistics, which would end it, come after the commit.
pub fn forget_plans(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        // What SQLite plans with is the schema, and statistics that are made on demand.
        Conn::Sqlite(_) => Ok(()),
        Conn::Postgres(conn) => conn.batch_execute("DISCARD PLANS"),
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
