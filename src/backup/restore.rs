//! Restoration of a backup into an empty database. The whole archive is verified before anything is written. The database
//! appears when it is complete.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tempfile::{NamedTempFile, TempPath};

use super::archive::{self, Backend, FILES, Manifest};
use super::postgres::{self, Target};
use super::{at, sync_directory};
use crate::config::paths::{self, directory_of};
use crate::config::{DatabaseUrl, FileStore, Settings, write_ahead_log};
use crate::db::backend::upkeep;
use crate::db::{Conn, Manager, backend};
use crate::doctor::{self, Check, Status};
use crate::error::Error;
use crate::record::Catalog;

/// The result of a restoration.
#[derive(Debug, Serialize)]
pub struct RestoreReport {
    pub file: String,
    pub database: String,
    pub backend: Backend,
    /// The versions of the program and of the schema that created the backup, and the instant of its data.
    pub version: String,
    pub schema_version: String,
    pub created_at: String,
    /// The number of migrations that were applied afterwards.
    pub migrated: usize,
    pub files: usize,
    pub status: Status,
    pub checks: Vec<Check>,
}

fn cause(error: Error) -> String {
    error.cause()
}

/// Restores a backup into an empty database, migrates it and checks it.
pub fn restore(settings: &Settings, catalog: &Catalog, file: &Path) -> Result<RestoreReport, String> {
    let manifest = archive::verify(file)?;
    check_compatible(settings, &manifest, file)?;
    let migrated = match &settings.database_url {
        DatabaseUrl::Sqlite(path) => into_sqlite(settings, &manifest, file, path)?,
        DatabaseUrl::Postgres(url) => into_postgres(settings, &manifest, file, url.as_given())?,
    };
    let report = doctor::examine(settings, catalog);
    let files = manifest.files();
    let Manifest { version, schema_version, created_at, backend, .. } = manifest;
    Ok(RestoreReport {
        file: file.display().to_string(),
        database: report.database,
        backend,
        version,
        schema_version,
        created_at,
        migrated,
        files,
        status: report.status,
        checks: report.checks,
    })
}

/// Fails if the backup does not fit the database or this program.
fn check_compatible(settings: &Settings, manifest: &Manifest, file: &Path) -> Result<(), String> {
    let (wanted, present) = (manifest.backend, Backend::of(&settings.database_url));
    let Manifest { version, created_at, .. } = manifest;
    let what = format!("{} is a backup by pairing-tracker {version} of {created_at}", file.display());
    if wanted != present {
        return Err(format!(
            "{what} of a {} database, but {} is a {} database; give the URL of an empty {} database",
            wanted.name(),
            settings.database_url,
            present.name(),
            wanted.name()
        ));
    }
    if let Some(unknown) = backend::unknown_migration(wanted == Backend::Sqlite, &manifest.migrations) {
        return Err(format!(
            "{what}, newer than this program {} (it has migration {unknown}); restore it with pairing-tracker {version} or later",
            env!("CARGO_PKG_VERSION")
        ));
    }
    if manifest.files() > 0 && settings.files == FileStore::Database {
        return Err(format!(
            "{what} with {} files outside the database; give a directory for them with --files-dir",
            manifest.files()
        ));
    }
    Ok(())
}

fn not_empty(url: &DatabaseUrl) -> String {
    format!("the database {url} is not empty; restore into an empty one")
}

fn into_sqlite(settings: &Settings, manifest: &Manifest, archive: &Path, path: &Path) -> Result<usize, String> {
    for suffix in ["", "-wal", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let is_there = std::fs::metadata(&name).is_ok_and(|metadata| metadata.len() > 0);
        if is_there && suffix.is_empty() {
            return Err(format!(
                "{}, or move {} away with its -wal and -shm",
                not_empty(&settings.database_url),
                path.display()
            ));
        } else if is_there {
            // SQLite would apply it to the restored database.
            return Err(format!("{} is the log of another database; move it away", PathBuf::from(name).display()));
        }
    }
    let directory = directory_of(path);
    let work = tempfile::Builder::new().prefix(".pairing-tracker-restore-").tempdir_in(directory);
    let work = work.map_err(|error| paths::write_failure(path, &error))?;
    let draft = work.path().join(Backend::Sqlite.member());
    extract(settings, archive, &draft)?;
    let migrated = {
        let mut conn = Manager::new(DatabaseUrl::Sqlite(draft.clone())).open().map_err(cause)?;
        bring_up_to_date(&mut conn, manifest)?
    };
    // Closing the last connection writes the log into the database and removes it.
    let log = write_ahead_log(&draft);
    if log.exists() {
        return Err(format!("cannot close the restored database: its log {} remains", log.display()));
    }
    File::open(&draft).and_then(|file| file.sync_all()).map_err(at(&draft))?;
    if path.exists() {
        std::fs::remove_file(path).map_err(at(path))?;
    }
    TempPath::try_from_path(draft).map_err(at(path))?.persist_noclobber(path).map_err(|e| at(path)(e.error))?;
    sync_directory(directory)?;
    Ok(migrated)
}

fn into_postgres(settings: &Settings, manifest: &Manifest, archive: &Path, url: &str) -> Result<usize, String> {
    let sql = |error: diesel::result::Error| error.to_string();
    let mut conn = Manager::new(settings.database_url.clone()).open().map_err(cause)?;
    upkeep::drop_empty_migrations_table(&mut conn).map_err(sql)?;
    if !upkeep::tables(&mut conn).map_err(sql)?.is_empty() {
        return Err(not_empty(&settings.database_url));
    }
    let server = upkeep::server_version(&mut conn).map_err(sql)?.unwrap_or_default();
    let program = postgres::find("pg_restore", manifest.pg_dump.unwrap_or_default().max(server))?;
    let present = upkeep::current_schema(&mut conn).map_err(sql)?;
    drop(conn);
    let work =
        tempfile::Builder::new().prefix("pairing-tracker-restore-").tempdir().map_err(at(&std::env::temp_dir()))?;
    let (dump, list) = (work.path().join(Backend::Postgres.member()), work.path().join("list"));
    extract(settings, archive, &dump)?;
    program.restore(&Target::of(url)?, &dump, present.as_deref(), &list)?;
    let mut conn = Manager::new(settings.database_url.clone()).open().map_err(cause)?;
    upkeep::allow_long_statements(&mut conn).map_err(sql)?;
    let migrated = bring_up_to_date(&mut conn, manifest)?;
    upkeep::analyze(&mut conn).map_err(sql)?;
    Ok(migrated)
}

/// Compares the number of restored rows with the manifest, and applies newer migrations.
fn bring_up_to_date(conn: &mut Conn, manifest: &Manifest) -> Result<usize, String> {
    let rows = upkeep::row_counts(conn).map_err(|e| e.to_string())?;
    if let Some((table, count)) = manifest.rows.iter().find(|(table, count)| rows.get(*table) != Some(count)) {
        let found = rows.get(table).copied().unwrap_or_default();
        return Err(format!("the restored table {table} has {found} rows instead of {count}"));
    }
    backend::migrate(conn).map_err(cause)
}

/// Extracts the database, and the files of documents into their directory. A file gets its name before the database does,
/// so that no database lacks its files.
fn extract(settings: &Settings, archive: &Path, database: &Path) -> Result<(), String> {
    let mut drafts: Vec<(NamedTempFile, PathBuf)> = Vec::new();
    let put = |drafts: &mut Vec<(NamedTempFile, PathBuf)>| -> Result<(), String> {
        for (draft, target) in drafts.drain(..) {
            draft.as_file().sync_all().map_err(at(&target))?;
            draft.persist(&target).map_err(|e| at(&target)(e.error))?;
        }
        Ok(())
    };
    archive::read(archive, &mut |member| {
        // The previous member has been compared with the manifest by now.
        put(&mut drafts)?;
        match (member.path.strip_prefix(FILES), &settings.files) {
            (Some(name), FileStore::Directory(directory)) => {
                let is_hash = name.len() == 64 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
                if !is_hash {
                    return Err(format!("{} is not the name of a document's file", member.path));
                }
                let draft = NamedTempFile::new_in(directory).map_err(at(directory))?;
                let writer = draft.reopen().map_err(at(directory))?;
                drafts.push((draft, directory.join(name)));
                Ok(Box::new(writer) as Box<dyn Write>)
            }
            (Some(_), FileStore::Database) => {
                Err("the backup has files, but no directory for them is set; give one with --files-dir".to_owned())
            }
            (None, _) => {
                let mut options = OpenOptions::new();
                options.write(true).create_new(true);
                // Only the owner may read it, as the backup itself.
                #[cfg(unix)]
                std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
                Ok(Box::new(options.open(database).map_err(at(database))?) as Box<dyn Write>)
            }
        }
    })?;
    put(&mut drafts)?;
    match &settings.files {
        FileStore::Directory(directory) => sync_directory(directory),
        FileStore::Database => Ok(()),
    }
}
