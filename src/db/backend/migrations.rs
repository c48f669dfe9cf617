//! Bringing a database's schema up to date.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::Conn;
use crate::error::{Error, Result};

const SQLITE_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Held by whoever migrates a PostgreSQL database, so that replicas that start together take turns. Any number that
/// nothing else in that database uses.
const MIGRATION_LOCK: i64 = 0x7061_6972_696e_6773;

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
    // Of a database that an older version filled: its texts are indexed as that version did.
    let done = done.and_then(|count| {
        if count > 0 {
            super::fold_search_texts(conn, crate::db::search::spaced)?;
        }
        Ok(count)
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
