//! Bringing a database's schema up to date.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::{Conn, Locked};
use crate::db::{Verdict, locked};
use crate::error::{Error, Result};

const SQLITE_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Held by whoever migrates a PostgreSQL database, so that replicas that start together take turns. Any number that
/// nothing else in that database uses.
const MIGRATION_LOCK: i64 = 0x7061_6972_696e_6773;

/// How long migrating waits for another process that migrates, or for a table that others use.
const PATIENCE: Duration = Duration::from_mins(2);

/// Brings the schema up to date; one process at a time. Refuses a database that a newer version has migrated.
pub fn migrate(conn: &mut Conn) -> Result<usize> {
    match conn {
        // Looking needs no lock; a database that is up to date is not waited for.
        Conn::Sqlite(_) => match pending_migrations(conn)?.is_empty() {
            true => Ok(0),
            false => locked::transaction(conn, PATIENCE, |conn| run_pending(conn).map(Verdict::Keep)),
        },
        Conn::Postgres(pg) => {
            pg.batch_execute(&format!("SET statement_timeout = 0; SET lock_timeout = {}", PATIENCE.as_millis()))?;
            // Held from the first look on: looking makes the table in which the migrations are kept.
            locked::wait_for("the migration by another process", PATIENCE, || {
                let locked = diesel::sql_query("SELECT pg_try_advisory_lock($1) AS locked")
                    .bind::<BigInt, _>(MIGRATION_LOCK)
                    .get_result::<Locked>(pg)?;
                Ok(locked.locked.then_some(()))
            })?;
            let done = run_pending(conn);
            if let Conn::Postgres(pg) = conn {
                diesel::sql_query("SELECT pg_advisory_unlock($1)").bind::<BigInt, _>(MIGRATION_LOCK).execute(pg)?;
            }
            done
        }
    }
}

fn run_pending(conn: &mut Conn) -> Result<usize> {
    refuse_newer(conn)?;
    let done = match conn {
        Conn::Sqlite(conn) => conn.run_pending_migrations(SQLITE_MIGRATIONS).map(|done| done.len()),
        Conn::Postgres(conn) => conn.run_pending_migrations(POSTGRES_MIGRATIONS).map(|done| done.len()),
    }
    .map_err(|e| Error::Unexpected(format!("migration failed: {e}")))?;
    // Of a database that an older version filled: its texts are indexed as that version did.
    if done > 0 {
        super::fold_search_texts(conn, crate::db::search::spaced)?;
    }
    Ok(done)
}

/// The migrations that the database lacks, by name.
pub fn pending_migrations(conn: &mut Conn) -> Result<Vec<String>> {
    refuse_newer(conn)?;
    let applied = applied_migrations(conn)?;
    Ok(lacking_migrations(conn.is_sqlite(), &applied))
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

/// The names of this program's migrations that are not among these versions.
pub fn lacking_migrations(is_sqlite: bool, versions: &[String]) -> Vec<String> {
    let all = embedded_migrations(is_sqlite).into_iter();
    all.filter(|(version, _)| !versions.contains(version)).map(|(_, name)| name).collect()
}

/// The first of these migrations that this program does not have; a newer one made it.
pub fn unknown_migration(is_sqlite: bool, versions: &[String]) -> Option<String> {
    let known = embedded_migrations(is_sqlite);
    versions.iter().find(|version| known.iter().all(|(k, _)| k != *version)).cloned()
}

/// The versions and names of this program's migrations.
fn embedded_migrations(is_sqlite: bool) -> Vec<(String, String)> {
    use diesel::migration::{Migration, MigrationSource};
    fn named<DB: diesel::backend::Backend>(found: Vec<Box<dyn Migration<DB>>>) -> Vec<(String, String)> {
        found.iter().map(|m| (m.name().version().to_string(), m.name().to_string())).collect()
    }
    if is_sqlite {
        MigrationSource::<diesel::sqlite::Sqlite>::migrations(&SQLITE_MIGRATIONS).map(named)
    } else {
        MigrationSource::<diesel::pg::Pg>::migrations(&POSTGRES_MIGRATIONS).map(named)
    }
    .unwrap_or_default()
}

fn refuse_newer(conn: &mut Conn) -> Result<()> {
    let applied = applied_migrations(conn)?;
    match unknown_migration(conn.is_sqlite(), &applied) {
        None => Ok(()),
        Some(version) => Err(Error::Unexpected(format!(
            "the database is newer than this program (it has migration {version}); use a newer pairing-tracker"
        ))),
    }
}
