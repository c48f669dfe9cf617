//! The only place that knows which database is behind a connection: this file, and the parts of it below `backend/`.
//!
//! Everything else speaks to [`Conn`] in Diesel's portable DSL. What differs is here, each as a function that matches
//! on the backend: opening, migrating, locking, full-text search, and the version of the data.

mod connect;
mod graph;
mod migrations;
mod search;
pub mod sqlite;
pub mod upkeep;

use std::time::Duration;

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::dsl::sql;
use diesel::expression::SqlLiteral;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};

pub use connect::{Copy, Manager};
pub use graph::{Edges, reachable};
pub use migrations::{lacking_migrations, migrate, pending_migrations, revert_all, unknown_migration};
pub use search::{
    SearchRow, SearchSql, add_search_texts, fold_search_texts, put_search_text, put_search_texts, search_rows_after,
    search_sql, search_texts,
};

/// The channel on which PostgreSQL tells every replica that data changed.
const CHANGED_CHANNEL: &str = "pairing_tracker_changed";

/// One connection to either backend.
#[derive(diesel::MultiConnection)]
pub enum Conn {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Conn {
    /// Whether this is SQLite, whose writes go through one queue.
    pub fn is_sqlite(&self) -> bool {
        matches!(self, Conn::Sqlite(_))
    }
}

/// What begins a transaction that writes on PostgreSQL.
pub const BEGIN: &str = "BEGIN";
/// What begins a transaction on PostgreSQL that only reads, and sees all the while the data that it sees first.
pub const BEGIN_SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Begins a transaction that writes; `begin` is for PostgreSQL. SQLite takes its write lock at once: a transaction that reads
/// first and writes later would fail as busy.
pub fn begin_write(conn: &mut Conn, begin: &str) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(conn) => AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN IMMEDIATE"),
        Conn::Postgres(conn) => AnsiTransactionManager::begin_transaction_sql(conn, begin),
    }
}

/// Begins a transaction that only reads; `begin` is for PostgreSQL.
pub fn begin_read(conn: &mut Conn, begin: &str) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(conn) => AnsiTransactionManager::begin_transaction(conn),
        Conn::Postgres(conn) => AnsiTransactionManager::begin_transaction_sql(conn, begin),
    }
}

/// Commits the transaction, or releases the savepoint, that was begun last.
pub fn commit(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(conn) => sqlite::allow_commit(|| AnsiTransactionManager::commit_transaction(conn)),
        Conn::Postgres(conn) => AnsiTransactionManager::commit_transaction(conn),
    }
}

/// Rolls the transaction, or the savepoint, back that was begun last.
pub fn roll_back(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(conn) => AnsiTransactionManager::rollback_transaction(conn),
        Conn::Postgres(conn) => AnsiTransactionManager::rollback_transaction(conn),
    }
}

/// How long SQLite waits for a lock that another connection holds.
pub fn set_lock_wait(conn: &mut Conn, longest: Duration) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(conn) => conn.batch_execute(&format!("PRAGMA busy_timeout = {}", longest.as_millis())),
        Conn::Postgres(_) => Ok(()),
    }
}

/// How many transactions and savepoints are open, one within the other, as Diesel counts them.
pub fn depth(conn: &mut Conn) -> QueryResult<u32> {
    let status = match conn {
        Conn::Sqlite(conn) => AnsiTransactionManager::transaction_manager_status_mut(conn),
        Conn::Postgres(conn) => AnsiTransactionManager::transaction_manager_status_mut(conn),
    };
    Ok(status.transaction_depth()?.map_or(0, std::num::NonZeroU32::get))
}

/// Whether a transaction is under way.
pub fn in_transaction(conn: &mut Conn) -> QueryResult<bool> {
    depth(conn).map(|depth| depth > 0)
}

/// A round trip to the server; nothing on SQLite.
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

/// Whether the server behind a connection answers, and is one that can be written to: after a failover it may be a standby.
pub fn is_alive(conn: &mut Conn) -> bool {
    match conn {
        Conn::Sqlite(_) => true,
        Conn::Postgres(conn) => diesel::sql_query("SELECT pg_is_in_recovery() AS is_standby")
            .get_result::<Recovery>(conn)
            .is_ok_and(|recovery| !recovery.is_standby),
    }
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

/// The condition of the index `audit_events_departures`, word for word: SQLite uses an index with a condition only for a
/// query that has the same one.
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

/// Announces to other processes, when the transaction commits, that `sender` changed data.
pub fn announce_change(conn: &mut Conn, sender: &str) -> QueryResult<()> {
    match conn {
        // Other processes on the same file see SQLite's own data version move.
        Conn::Sqlite(_) => Ok(()),
        Conn::Postgres(conn) => diesel::sql_query("SELECT pg_notify($1, $2)")
            .bind::<Text, _>(CHANGED_CHANNEL)
            .bind::<Text, _>(sender)
            .execute(conn)
            .map(drop),
    }
}

/// Begins to listen for the changes of other processes.
pub fn listen_for_changes(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(_) => Ok(()),
        Conn::Postgres(conn) => conn.batch_execute(&format!("LISTEN {CHANGED_CHANNEL}")),
    }
}

/// Whether any but `own` has announced a change since the last call. Reads what has arrived, without a round trip.
pub fn foreign_notifications(conn: &mut Conn, own: &str) -> QueryResult<bool> {
    let mut has_changed = false;
    if let Conn::Postgres(conn) = conn {
        for notification in conn.notifications_iter() {
            has_changed |= notification?.payload != own;
        }
    }
    Ok(has_changed)
}

#[derive(QueryableByName)]
struct Snapshot {
    #[diesel(sql_type = Text)]
    snapshot: String,
}

/// What PostgreSQL's transactions see now, as text: it differs as soon as any transaction that wrote was committed. For where
/// notifications do not arrive; `begin` begins the transaction of the look.
pub fn snapshot_of_all(conn: &mut Conn, begin: &str) -> QueryResult<String> {
    begin_read(conn, begin)?;
    let found = diesel::sql_query("SELECT pg_current_snapshot()::text AS snapshot").get_result::<Snapshot>(conn);
    roll_back(conn)?;
    Ok(found?.snapshot)
}

#[derive(QueryableByName)]
struct SqliteVersion {
    #[diesel(sql_type = BigInt)]
    data_version: i64,
}

/// A number that another process's change of a SQLite database moves, and this connection's own does not; 0 on PostgreSQL.
pub fn foreign_version(conn: &mut Conn) -> QueryResult<i64> {
    match conn {
        Conn::Sqlite(conn) => {
            diesel::sql_query("PRAGMA data_version").get_result::<SqliteVersion>(conn).map(|row| row.data_version)
        }
        Conn::Postgres(_) => Ok(0),
    }
}
