//! What operating a database takes: checks of its integrity, its size and clock, and copies of it. Nothing here has a DSL.

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

/// Lifts the limits that fit requests, for a command that reads all of the database.
pub fn allow_long_statements(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(_) => Ok(()),
        Conn::Postgres(conn) => {
            conn.batch_execute("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0")
        }
    }
}

/// What is damaged in the storage itself, a line each; empty when nothing is. SQLite checks every page, index and the
/// search index; PostgreSQL checks its pages as it reads them, so that only indexes that it does not use are left to find.
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

/// Foreign keys that rows break, with how many; empty when every row's references are there.
pub fn foreign_key_faults(conn: &mut Conn) -> QueryResult<Vec<(String, i64)>> {
    let Conn::Postgres(pg) = conn else {
        let broken =
            lines(conn, "SELECT \"table\" || ' → ' || parent AS line FROM pragma_foreign_key_check ORDER BY 1")?;
        let mut counts = BTreeMap::new();
        broken.into_iter().for_each(|line| *counts.entry(line).or_default() += 1);
        return Ok(counts.into_iter().collect());
    };
    // The server holds them, except for what was written with triggers off or to damaged pages.
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

/// The tables of the schema, without those that the database makes for itself.
pub fn tables(conn: &mut Conn) -> QueryResult<Vec<String>> {
    let sql = match conn {
        Conn::Sqlite(_) => {
            // The shadow tables of the search index follow from it.
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

/// The versions of the migrations that the database has, oldest first; none where it was never migrated. Looking makes no
/// table, which a transaction that only reads could not do.
pub fn recorded_migrations(conn: &mut Conn) -> QueryResult<Vec<String>> {
    if !tables(conn)?.iter().any(|table| table == MIGRATIONS) {
        return Ok(Vec::new());
    }
    lines(conn, &format!("SELECT version AS line FROM {MIGRATIONS} ORDER BY version"))
}

/// The rows of each table.
pub fn row_counts(conn: &mut Conn) -> QueryResult<BTreeMap<String, i64>> {
    let mut counts = BTreeMap::new();
    for table in tables(conn)? {
        let count = number(conn, &format!("SELECT count(*) AS number FROM {}", quoted(&table)))?;
        counts.insert(table, count);
    }
    Ok(counts)
}

/// Removes a table of migrations that has no row, which looking for migrations leaves in an empty database.
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

/// The clock of the database's server; `None` where the database has none of its own.
pub fn server_clock(conn: &mut Conn) -> QueryResult<Option<Instant>> {
    match conn {
        Conn::Sqlite(_) => Ok(None),
        Conn::Postgres(conn) => diesel::sql_query("SELECT (clock_timestamp() AT TIME ZONE 'UTC') AS at")
            .get_result::<At>(conn)
            .map(|row| Some(row.at)),
    }
}

/// The bytes that the database takes, without a write-ahead log.
pub fn database_bytes(conn: &mut Conn) -> QueryResult<i64> {
    let sql = match conn {
        Conn::Sqlite(_) => "SELECT page_count * page_size AS number FROM pragma_page_count, pragma_page_size",
        Conn::Postgres(_) => "SELECT pg_database_size(current_database()) AS number",
    };
    number(conn, sql)
}

/// Copies a SQLite database, as it is at one moment, into a new file; others read and write meanwhile.
pub fn copy_into(conn: &mut SqliteConnection, file: &Path) -> QueryResult<()> {
    diesel::sql_query("VACUUM INTO ?").bind::<Text, _>(file.to_string_lossy()).execute(conn).map(drop)
}

/// A transaction's view of a PostgreSQL database, which pg_dump can share.
pub struct SharedSnapshot {
    /// What `pg_dump --snapshot` takes.
    pub id: String,
    /// The server's major version.
    pub server: i64,
}

/// Copies a SQLite database into a file; on PostgreSQL, begins a snapshot that pg_dump can share while the transaction is
/// open.
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

/// The major version of PostgreSQL's server; `None` for SQLite.
pub fn server_version(conn: &mut Conn) -> QueryResult<Option<i64>> {
    if conn.is_sqlite() {
        return Ok(None);
    }
    number(conn, "SELECT current_setting('server_version_num')::bigint / 10000 AS number").map(Some)
}

/// The schema in which PostgreSQL makes new tables; `None` for SQLite, and where there is none yet.
pub fn current_schema(conn: &mut Conn) -> QueryResult<Option<String>> {
    match conn {
        Conn::Sqlite(_) => Ok(None),
        Conn::Postgres(conn) => {
            diesel::sql_query("SELECT current_schema()::text AS line").get_result::<MaybeLine>(conn).map(|row| row.line)
        }
    }
}

/// Has PostgreSQL count what its plans rest on, which a restored database lacks.
pub fn analyze(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(_) => Ok(()),
        Conn::Postgres(conn) => conn.batch_execute("ANALYZE"),
    }
}

/// Tries to begin a transaction that holds SQLite's write lock, without waiting; false when another process has it.
///
/// PostgreSQL has no lock on the whole database: there, the transaction's own statements wait for the rows and locks that
/// they need, at most so long.
pub fn try_begin_write(conn: &mut Conn, patience: Duration) -> QueryResult<bool> {
    match conn {
        Conn::Sqlite(conn) => {
            conn.batch_execute("PRAGMA busy_timeout = 0")?;
            match AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN IMMEDIATE") {
                // What follows waits for nothing but a checkpoint, and for that as every connection does.
                Ok(()) => conn.batch_execute("PRAGMA busy_timeout = 5000").map(|()| true),
                Err(error) if error.to_string().contains("database is locked") => Ok(false),
                Err(error) => Err(error),
            }
        }
        Conn::Postgres(conn) => {
            // A wait for a lock counts as part of its statement's time.
            let limit = patience.as_millis().max(1);
            conn.batch_execute(&format!(
                "SET lock_timeout = {limit}; SET statement_timeout = {}",
                limit + STATEMENT_TIMEOUT.as_millis()
            ))?;
            AnsiTransactionManager::begin_transaction(conn).map(|()| true)
        }
    }
}

/// Whether a statement failed because it waited too long for a lock.
pub fn is_lock_timeout(error: &crate::error::Error) -> bool {
    let text = error.to_string();
    text.contains("canceling statement due to lock timeout") || text.contains("database is locked")
}
