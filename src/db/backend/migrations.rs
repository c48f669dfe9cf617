//! Schema migrations.

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

/// Advisory lock that serializes migrations when several replicas start together. The number must not be used otherwise
/// in the database.
const MIGRATION_LOCK: i64 = 0x7061_6972_696e_6773;

/// Maximum wait for another migrating process or for a table lock.
const PATIENCE: Duration = Duration::from_mins(2);

/// Applies pending migrations, in one process at a time. Fails if a newer version has migrated the database.
pub fn migrate(conn: &mut Conn) -> Result<usize> {
    match conn {
        // The check needs no lock, so an up-to-date database causes no wait.
        Conn::Sqlite(_) => match pending_migrations(conn)?.is_empty() {
            true => Ok(0),
            false => locked::transaction(conn, PATIENCE, |conn| run_pending(conn).map(Verdict::Keep)),
        },
        Conn::Postgres(pg) => {
            pg.batch_execute(&format!("SET statement_timeout = 0; SET lock_timeout = {}", PATIENCE.as_millis()))?;
            // Locked before the first check, because it creates the table of migrations.
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
    // An older version may have indexed texts without folding full-width forms.
    if done > 0 {
        super::fold_search_texts(conn, crate::db::search::spaced)?;
    }
    Ok(done)
}

/// Returns the names of the migrations not applied yet.
pub fn pending_migrations(conn: &mut Conn) -> Result<Vec<String>> {
    refuse_newer(conn)?;
    let applied = applied_migrations(conn)?;
    Ok(lacking_migrations(conn.is_sqlite(), &applied))
}

/// Reverts all migrations; used by the test that runs every `down.sql`.
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

/// Returns the names of this program's migrations that are missing from `versions`.
pub fn lacking_migrations(is_sqlite: bool, versions: &[String]) -> Vec<String> {
    let all = embedded_migrations(is_sqlite).into_iter();
    all.filter(|(version, _)| !versions.contains(version)).map(|(_, name)| name).collect()
}

/// Returns the first of these migrations that is unknown to this program, which means that a newer one applied it.
pub fn unknown_migration(is_sqlite: bool, versions: &[String]) -> Option<String> {
    let known = embedded_migrations(is_sqlite);
    versions.iter().find(|version| known.iter().all(|(k, _)| k != *version)).cloned()
}

/// Returns the versions and names of this program's migrations.
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
