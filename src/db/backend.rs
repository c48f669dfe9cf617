//! The abstraction over SQLite and PostgreSQL. Only this module and its submodules match on the backend.
//!
//! All other modules use [`Conn`] with Diesel's portable DSL. The functions here cover what differs: opening,
//! migrations, locks, full-text search and the version of the data.

mod connect;
mod graph;
mod migrations;
mod search;
pub mod sqlite;
pub mod statement;
pub mod upkeep;

use std::time::Duration;

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::dsl::sql;
use diesel::expression::SqlLiteral;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};

pub use connect::{Copy, Manager, Statements};
pub use graph::{Edges, reachable};
pub use migrations::{lacking_migrations, migrate, pending_migrations, revert_all, unknown_migration};
pub use search::{
    SearchRow, SearchSql, add_search_text, add_search_texts, fold_search_texts, put_search_text, put_search_texts,
    remove_search_text, search_rows_after, search_sql, search_texts,
};

/// NOTIFY channel on which PostgreSQL announces changes to every replica.
const CHANGED_CHANNEL: &str = "pairing_tracker_changed";

/// A connection to either backend.
#[derive(diesel::MultiConnection)]
pub enum Conn {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Conn {
    /// Whether this is SQLite, which serializes all writes.
    pub fn is_sqlite(&self) -> bool {
        matches!(self, Conn::Sqlite(_))
    }
}

/// SQL that begins a write transaction on PostgreSQL.
pub const BEGIN: &str = "BEGIN";
/// SQL that begins a read transaction with a stable snapshot on PostgreSQL.
pub const BEGIN_SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Begins a write transaction; `begin` is used on PostgreSQL. SQLite takes its write lock immediately, because a
/// transaction that upgrades from reading to writing can fail with SQLITE_BUSY.
pub fn begin_write(conn: &mut Conn, begin: &str) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(conn) => AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN IMMEDIATE"),
        Conn::Postgres(conn) => AnsiTransactionManager::begin_transaction_sql(conn, begin),
    }
}

/// Begins a read transaction; `begin` is used on PostgreSQL.
pub fn begin_read(conn: &mut Conn, begin: &str) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(conn) => AnsiTransactionManager::begin_transaction(conn),
        Conn::Postgres(conn) => AnsiTransactionManager::begin_transaction_sql(conn, begin),
    }
}

/// Commits the innermost transaction or releases the innermost savepoint.
pub fn commit(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(conn) => sqlite::allow_commit(|| AnsiTransactionManager::commit_transaction(conn)),
        Conn::Postgres(conn) => AnsiTransactionManager::commit_transaction(conn),
    }
}

/// Rolls back the innermost transaction or savepoint.
pub fn roll_back(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(conn) => AnsiTransactionManager::rollback_transaction(conn),
        Conn::Postgres(conn) => AnsiTransactionManager::rollback_transaction(conn),
    }
}

/// Sets how long SQLite waits for a lock of another connection.
pub fn set_lock_wait(conn: &mut Conn, longest: Duration) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(conn) => conn.batch_execute(&format!("PRAGMA busy_timeout = {}", longest.as_millis())),
        Conn::Postgres(_) => Ok(()),
    }
}

/// Returns the nesting depth of transactions and savepoints by Diesel's count.
pub fn depth(conn: &mut Conn) -> QueryResult<u32> {
    let status = match conn {
        Conn::Sqlite(conn) => AnsiTransactionManager::transaction_manager_status_mut(conn),
        Conn::Postgres(conn) => AnsiTransactionManager::transaction_manager_status_mut(conn),
    };
    Ok(status.transaction_depth()?.map_or(0, std::num::NonZeroU32::get))
}

/// Whether a transaction is open.
pub fn in_transaction(conn: &mut Conn) -> QueryResult<bool> {
    depth(conn).map(|depth| depth > 0)
}

/// Makes a round trip to the server; does nothing on SQLite.
pub fn ping(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(_) => Ok(()),
        Conn::Postgres(conn) => conn.batch_execute("SELECT 1"),
    }
}

#[derive(QueryableByName)]
struct Recovery {
    #[diesel(sql_type = diesel::sql_types::Bool)]
    is_standby: bool,
}

/// Whether the server responds and accepts writes; after a failover it may be a standby.
pub fn is_alive(conn: &mut Conn) -> bool {
    match conn {
        Conn::Sqlite(_) => true,
        Conn::Postgres(conn) => diesel::sql_query("SELECT pg_is_in_recovery() AS is_standby")
            .get_result::<Recovery>(conn)
            .is_ok_and(|recovery| !recovery.is_standby),
    }
}

/// The end of a query that locks a row until the transaction ends. SQLite has a single writer and needs no lock. On
/// PostgreSQL the lock permits references to the row.
pub fn lock_clause(conn: &Conn) -> &'static str {
    match conn {
        Conn::Sqlite(_) => "",
        Conn::Postgres(_) => " FOR NO KEY UPDATE",
    }
}

/// Rows inserted by one statement of [`insert_all!`] on SQLite. SQLite keeps every page that a multi-row statement
/// changed in memory until its end, and each index of the table adds pages.
pub const INSERTED_TOGETHER: usize = 50;

/// Inserts many rows. `insert_all!(conn, citations::table, &rows)` expands to a `match` on the backend: `INSERT` statements of
/// [`INSERTED_TOGETHER`] rows on SQLite; on PostgreSQL a `COPY`, which avoids parsing values in SQL and requires a value or
/// null for every named column. Diesel's DSL for multiple backends supports neither, and the bounds of a function over any
/// table and row would list Diesel's traits for both.
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

/// The functions that make a JSON array of values, and of rows.
pub fn json_functions(conn: &Conn) -> (&'static str, &'static str) {
    match conn {
        Conn::Sqlite(_) => ("json_array", "json_group_array"),
        Conn::Postgres(_) => ("json_build_array", "json_agg"),
    }
}

/// Serializes checks that depend on many rows of one kind, such as for cycles in a tree, until the transaction ends.
pub fn lock_kind(conn: &mut Conn, kind: &str) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(_) => Ok(()),
        Conn::Postgres(conn) => diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended($1, 1))")
            .bind::<Text, _>(kind)
            .execute(conn)
            .map(drop),
    }
}

/// [`lock_kind`], unless another transaction holds the lock.
pub fn try_lock_kind(conn: &mut Conn, kind: &str) -> QueryResult<bool> {
    try_lock(conn, 1, kind)
}

/// Ends the session if the current transaction is idle for longer than this, so that a process that stops in the middle
/// releases its locks.
pub fn limit_idle(conn: &mut Conn, longest: Duration) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(_) => Ok(()),
        Conn::Postgres(conn) => {
            conn.batch_execute(&format!("SET LOCAL idle_in_transaction_session_timeout = {}", longest.as_millis()))
        }
    }
}

#[derive(QueryableByName)]
struct Locked {
    #[diesel(sql_type = diesel::sql_types::Bool)]
    locked: bool,
}

/// Locks a name until the transaction ends, unless another one holds it; `space` keeps equal names of different uses apart.
fn try_lock(conn: &mut Conn, space: i64, name: &str) -> QueryResult<bool> {
    match conn {
        Conn::Sqlite(_) => Ok(true),
        Conn::Postgres(conn) => {
            diesel::sql_query("SELECT pg_try_advisory_xact_lock(hashtextextended($1, $2)) AS locked")
                .bind::<Text, _>(name)
                .bind::<BigInt, _>(space)
                .get_result::<Locked>(conn)
                .map(|row| row.locked)
        }
    }
}

/// Locks an idempotency key for this transaction; returns false if another request with the same key is in progress. On
/// SQLite writes are serialized, so the other request has either ended or not begun.
pub fn try_lock_key(conn: &mut Conn, key: &str) -> QueryResult<bool> {
    try_lock(conn, 2, key)
}

#[derive(QueryableByName)]
struct Reserved {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// Reserves `count` ids for new rows of a table.
pub fn reserve_ids(conn: &mut Conn, table: &str, count: usize) -> QueryResult<Vec<i64>> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    match conn {
        // SQLite has a single writer, and inserting explicit ids advances the AUTOINCREMENT counter.
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

/// Discards the cached plans of this connection. PostgreSQL would otherwise keep sequential scans planned while a table
/// was small, even after the transaction added many rows, because statistics are updated only after the commit.
pub fn forget_plans(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        // SQLite plans by the schema and by statistics that are created only on request.
        Conn::Sqlite(_) => Ok(()),
        Conn::Postgres(conn) => conn.batch_execute("DISCARD PLANS"),
    }
}

/// The condition of the partial index `audit_events_departures`, verbatim: SQLite uses a partial index only if the
/// query contains its condition.
pub fn departures(conn: &Conn) -> SqlLiteral<Bool> {
    sql(match conn {
        Conn::Sqlite(_) => {
            "(action = 'update' AND CASE WHEN json_valid(before_json) AND json_valid(after_json) THEN \
             json_extract(before_json, '$.pairing.id') <> json_extract(after_json, '$.pairing.id') \
             OR (json_extract(before_json, '$.held_on') IS NOT NULL AND json_extract(after_json, '$.held_on') IS NULL) END)"
        }
        Conn::Postgres(_) => {
            "(action = 'update' AND ((json_or_null(before_json) -> 'pairing' ->> 'id') <> \
             (json_or_null(after_json) -> 'pairing' ->> 'id') \
             OR ((json_or_null(before_json) ->> 'held_on') IS NOT NULL AND (json_or_null(after_json) ->> 'held_on') IS NULL)))"
        }
    })
}

/// Notifies the watchers of all processes at commit that there are new audit events.
pub fn announce_change(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        // Other processes on the same file detect the change by SQLite's data version.
        Conn::Sqlite(_) => Ok(()),
        Conn::Postgres(conn) => conn.batch_execute(&format!("NOTIFY {CHANGED_CHANNEL}")),
    }
}

/// Subscribes to the changes of other processes.
pub fn listen_for_changes(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(_) => Ok(()),
        Conn::Postgres(conn) => conn.batch_execute(&format!("LISTEN {CHANGED_CHANNEL}")),
    }
}

/// Whether changes were announced since the last call. Reads received notifications without a round trip.
pub fn is_notified(conn: &mut Conn) -> QueryResult<bool> {
    let mut is_notified = false;
    if let Conn::Postgres(conn) = conn {
        for notification in conn.notifications_iter() {
            notification?;
            is_notified = true;
        }
    }
    Ok(is_notified)
}

#[derive(QueryableByName)]
struct SqliteVersion {
    #[diesel(sql_type = BigInt)]
    data_version: i64,
}

/// Returns SQLite's `data_version`, which changes with every commit of another connection; 0 on PostgreSQL.
pub fn foreign_version(conn: &mut Conn) -> QueryResult<i64> {
    match conn {
        Conn::Sqlite(conn) => {
            diesel::sql_query("PRAGMA data_version").get_result::<SqliteVersion>(conn).map(|row| row.data_version)
        }
        Conn::Postgres(_) => Ok(0),
    }
}
