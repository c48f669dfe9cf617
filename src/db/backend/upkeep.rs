//! Operational queries in raw SQL: integrity checks, size, clock and copies of a database.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamp};

use super::Conn;
use super::connect::STATEMENT_TIMEOUT;
use crate::model::types::Instant;

/// The table in which diesel records migrations.
const MIGRATIONS: &str = "__diesel_schema_migrations";

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

#[derive(QueryableByName)]
struct MaybeLine {
    #[diesel(sql_type = Nullable<Text>)]
    line: Option<String>,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

#[derive(QueryableByName)]
struct At {
    #[diesel(sql_type = Timestamp)]
    at: Instant,
}

fn lines(conn: &mut Conn, sql: &str) -> QueryResult<Vec<String>> {
    let rows: Vec<Line> = match conn {
        Conn::Sqlite(conn) => diesel::sql_query(sql).load(conn)?,
        Conn::Postgres(conn) => diesel::sql_query(sql).load(conn)?,
    };
    Ok(rows.into_iter().map(|row| row.line).collect())
}

fn number(conn: &mut Conn, sql: &str) -> QueryResult<i64> {
    match conn {
        Conn::Sqlite(conn) => diesel::sql_query(sql).get_result::<Number>(conn),
        Conn::Postgres(conn) => diesel::sql_query(sql).get_result::<Number>(conn),
    }
    .map(|row| row.number)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Removes the time limits of requests, for commands that read the whole database.
pub fn allow_long_statements(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(_) => Ok(()),
        Conn::Postgres(conn) => {
            conn.batch_execute("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0")
        }
    }
}

/// Returns storage faults, one per line. SQLite checks every page and index, including the search index. PostgreSQL
/// verifies pages when it reads them, so only invalid indexes and disabled triggers are reported.
pub fn integrity_faults(conn: &mut Conn) -> QueryResult<Vec<String>> {
    match conn {
        Conn::Sqlite(_) => {
            let found = lines(conn, "SELECT integrity_check AS line FROM pragma_integrity_check LIMIT 20")?;
            Ok(found.into_iter().filter(|line| line != "ok").collect())
        }
        Conn::Postgres(_) => lines(
            conn,
            "SELECT 'the index ' || c.relname || ' is invalid' AS line FROM pg_index i \
             JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = current_schema() AND NOT (i.indisvalid AND i.indisready) \
             UNION ALL SELECT 'the trigger ' || t.tgname || ' of ' || t.tgrelid::regclass || ' is disabled' \
             FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = current_schema() AND t.tgenabled = 'D'",
        ),
    }
}

#[derive(QueryableByName)]
struct ForeignKey {
    #[diesel(sql_type = Text)]
    child: String,
    #[diesel(sql_type = Text)]
    parent: String,
    #[diesel(sql_type = Text)]
    present: String,
    #[diesel(sql_type = Text)]
    equal: String,
}

/// Returns violated foreign keys with the number of violating rows.
pub fn foreign_key_faults(conn: &mut Conn) -> QueryResult<Vec<(String, i64)>> {
    let Conn::Postgres(pg) = conn else {
        let broken =
            lines(conn, "SELECT \"table\" || ' → ' || parent AS line FROM pragma_foreign_key_check ORDER BY 1")?;
        let mut counts = BTreeMap::new();
        broken.into_iter().for_each(|line| *counts.entry(line).or_default() += 1);
        return Ok(counts.into_iter().collect());
    };
    // The server enforces foreign keys, except for writes with triggers disabled and for damaged pages.
    let keys: Vec<ForeignKey> = diesel::sql_query(
        "SELECT k.conrelid::regclass::text AS child, k.confrelid::regclass::text AS parent, \
         string_agg(format('c.%I IS NOT NULL', a.attname), ' AND ') AS present, \
         string_agg(format('p.%I = c.%I', f.attname, a.attname), ' AND ') AS equal \
         FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace \
         CROSS JOIN LATERAL unnest(k.conkey, k.confkey) AS u(child, parent) \
         JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.child \
         JOIN pg_attribute f ON f.attrelid = k.confrelid AND f.attnum = u.parent \
         WHERE k.contype = 'f' AND n.nspname = current_schema() GROUP BY k.oid, k.conrelid, k.confrelid ORDER BY 1, 2",
    )
    .load(pg)?;
    let mut faults = Vec::new();
    for ForeignKey { child, parent, present, equal } in keys {
        let broken = number(
            conn,
            &format!(
                "SELECT count(*) AS number FROM {child} c WHERE {present} \
                 AND NOT EXISTS (SELECT 1 FROM {parent} p WHERE {equal})"
            ),
        )?;
        if broken > 0 {
            faults.push((format!("{child} → {parent}"), broken));
        }
    }
    Ok(faults)
}

/// Returns the tables of the schema, without internal tables of the database.
pub fn tables(conn: &mut Conn) -> QueryResult<Vec<String>> {
    let sql = match conn {
        Conn::Sqlite(_) => {
            // The shadow tables of the search index are derived from it.
            "SELECT name AS line FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
             AND name NOT LIKE 'search\\_texts\\_%' ESCAPE '\\' ORDER BY name"
        }
        Conn::Postgres(_) => {
            "SELECT c.relname::text AS line FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f') AND n.nspname = current_schema() \
             AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') ORDER BY c.relname"
        }
    };
    lines(conn, sql)
}

/// Returns the versions of the applied migrations, oldest first. Unlike Diesel's function it does not create the
/// migrations table, so it works in read-only transactions.
pub fn recorded_migrations(conn: &mut Conn) -> QueryResult<Vec<String>> {
    if !tables(conn)?.iter().any(|table| table == MIGRATIONS) {
        return Ok(Vec::new());
    }
    lines(conn, &format!("SELECT version AS line FROM {MIGRATIONS} ORDER BY version"))
}

/// Counts the rows of each table.
pub fn row_counts(conn: &mut Conn) -> QueryResult<BTreeMap<String, i64>> {
    let mut counts = BTreeMap::new();
    for table in tables(conn)? {
        let count = number(conn, &format!("SELECT count(*) AS number FROM {}", quoted(&table)))?;
        counts.insert(table, count);
    }
    Ok(counts)
}

/// Drops the migrations table if it is empty; listing migrations creates it in an empty database.
pub fn drop_empty_migrations_table(conn: &mut Conn) -> QueryResult<()> {
    if tables(conn)? != [MIGRATIONS] || !recorded_migrations(conn)?.is_empty() {
        return Ok(());
    }
    let sql = format!("DROP TABLE {MIGRATIONS}");
    match conn {
        Conn::Sqlite(conn) => conn.batch_execute(&sql),
        Conn::Postgres(conn) => conn.batch_execute(&sql),
    }
}

/// Returns the clock of the database server; `None` for SQLite.
pub fn server_clock(conn: &mut Conn) -> QueryResult<Option<Instant>> {
    match conn {
        Conn::Sqlite(_) => Ok(None),
        Conn::Postgres(conn) => diesel::sql_query("SELECT (clock_timestamp() AT TIME ZONE 'UTC') AS at")
            .get_result::<At>(conn)
            .map(|row| Some(row.at)),
    }
}

/// Returns the size of the database in bytes, without the write-ahead log.
pub fn database_bytes(conn: &mut Conn) -> QueryResult<i64> {
    let sql = match conn {
        Conn::Sqlite(_) => "SELECT page_count * page_size AS number FROM pragma_page_count, pragma_page_size",
        Conn::Postgres(_) => "SELECT pg_database_size(current_database()) AS number",
    };
    number(conn, sql)
}

/// Moves SQLite's write-ahead log into the database as far as readers let it.
pub fn checkpoint(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(conn) => conn.batch_execute("PRAGMA wal_checkpoint(PASSIVE)"),
        Conn::Postgres(_) => Ok(()),
    }
}

/// Copies a consistent snapshot of a SQLite database into a new file, without blocking other connections.
pub fn copy_into(conn: &mut SqliteConnection, file: &Path) -> QueryResult<()> {
    diesel::sql_query("VACUUM INTO ?").bind::<Text, _>(file.to_string_lossy()).execute(conn).map(drop)
}

/// An exported PostgreSQL snapshot that pg_dump can use.
pub struct SharedSnapshot {
    /// The argument of `pg_dump --snapshot`.
    pub id: String,
    /// The server's major version.
    pub server: i64,
}

/// Copies a SQLite database into a file; on PostgreSQL, exports a snapshot that is valid while the transaction is open.
pub fn copy_or_share(conn: &mut Conn, file: &Path) -> QueryResult<Option<SharedSnapshot>> {
    match conn {
        Conn::Sqlite(conn) => copy_into(conn, file).map(|()| None),
        Conn::Postgres(pg) => {
            AnsiTransactionManager::begin_transaction_sql(pg, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
            let id = diesel::sql_query("SELECT pg_export_snapshot() AS line").get_result::<Line>(pg)?.line;
            Ok(Some(SharedSnapshot { id, server: server_version(conn)?.unwrap_or_default() }))
        }
    }
}

/// Returns the major version of the PostgreSQL server; `None` for SQLite.
pub fn server_version(conn: &mut Conn) -> QueryResult<Option<i64>> {
    if conn.is_sqlite() {
        return Ok(None);
    }
    number(conn, "SELECT current_setting('server_version_num')::bigint / 10000 AS number").map(Some)
}

/// Returns the schema in which PostgreSQL creates tables; `None` for SQLite or if there is none.
pub fn current_schema(conn: &mut Conn) -> QueryResult<Option<String>> {
    match conn {
        Conn::Sqlite(_) => Ok(None),
        Conn::Postgres(conn) => {
            diesel::sql_query("SELECT current_schema()::text AS line").get_result::<MaybeLine>(conn).map(|row| row.line)
        }
    }
}

/// Updates PostgreSQL's planner statistics, which a restored database lacks.
pub fn analyze(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(_) => Ok(()),
        Conn::Postgres(conn) => conn.batch_execute("ANALYZE"),
    }
}

/// Tries to begin a transaction with SQLite's write lock, without waiting; returns false if another process holds it.
///
/// PostgreSQL has no lock on the whole database; there, each statement waits up to `patience` for its locks.
pub fn try_begin_write(conn: &mut Conn, patience: Duration) -> QueryResult<bool> {
    match conn {
        Conn::Sqlite(conn) => {
            conn.batch_execute("PRAGMA busy_timeout = 0")?;
            match AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN IMMEDIATE") {
                // Later statements can only wait for a checkpoint, with the usual timeout.
                Ok(()) => conn.batch_execute("PRAGMA busy_timeout = 5000").map(|()| true),
                Err(error) if error.to_string().contains("database is locked") => Ok(false),
                Err(error) => Err(error),
            }
        }
        Conn::Postgres(conn) => {
            // The statement timeout includes the wait for locks.
            let limit = patience.as_millis().max(1);
            conn.batch_execute(&format!(
                "SET lock_timeout = {limit}; SET statement_timeout = {}",
                limit + STATEMENT_TIMEOUT.as_millis()
            ))?;
            AnsiTransactionManager::begin_transaction(conn).map(|()| true)
        }
    }
}

/// Whether an error is a lock timeout.
pub fn is_lock_timeout(error: &crate::error::Error) -> bool {
    let text = error.to_string();
    text.contains("canceling statement due to lock timeout") || text.contains("database is locked")
}
