//! Creation of a backup while the database is in use: one checked snapshot, and the files that it refers to.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{SecondsFormat, Utc};
use diesel::prelude::*;
use serde::Serialize;
use tempfile::{NamedTempFile, TempDir};

use super::archive::{self, Backend, FILES, FORMAT, Manifest, Member};
use super::postgres::{self, Target};
use super::{at, sync_directory};
use crate::audit::chain;
use crate::config::invocation::suggest;
use crate::config::paths::{self, directory_of};
use crate::config::{DatabaseUrl, FileStore, Settings};
use crate::db::backend::upkeep;
use crate::db::schema::{document_contents, documents};
use crate::db::{Conn, Manager, backend};
use crate::doctor::{self, Check, Status};
use crate::error::Error;

/// Whether a backup is created although something speaks against it.
#[derive(Clone, Copy)]
pub struct Options {
    /// Replace an existing file.
    pub force: bool,
    /// Create the backup even if a check fails.
    pub allow_damaged: bool,
}

/// The result of a backup.
#[derive(Debug, Serialize)]
pub struct BackupReport {
    pub file: String,
    /// The archive's size.
    pub bytes: u64,
    pub database: String,
    pub backend: Backend,
    pub version: String,
    pub schema_version: String,
    pub created_at: String,
    pub audit_head: Option<String>,
    /// The number of rows in all tables.
    pub rows: i64,
    /// The number of documents' files outside the database.
    pub files: usize,
    pub status: Status,
    pub checks: Vec<Check>,
}

/// The prefix of the temporary directories of backups.
const WORK: &str = ".pairing-tracker-backup-";
/// A temporary directory that is older belongs to an interrupted backup.
const INTERRUPTED: Duration = Duration::from_hours(24);

/// Creates a backup in a file that only its owner can read. The file appears when it is complete.
pub fn create(settings: &Settings, target: &Path, options: Options) -> Result<BackupReport, String> {
    let failed = |error: std::io::Error| paths::write_failure(target, &error);
    if target.is_dir() {
        return Err(failed(std::io::ErrorKind::IsADirectory.into()));
    }
    if target.exists() && !options.force {
        return Err(format!("{} exists already; give another name, or --force to replace it", target.display()));
    }
    let directory = directory_of(target);
    remove_interrupted(directory);
    let work = tempfile::Builder::new().prefix(WORK).tempdir_in(directory).map_err(failed)?;
    let mut snapshot = Snapshot::take(settings, &work)?;
    let sources = files(&settings.files, std::mem::take(&mut snapshot.files))?;
    snapshot.checks.push(sources.check());
    let failed_checks = failures(&snapshot.checks, options)?;

    let backend = Backend::of(&settings.database_url);
    let mut paths: HashMap<String, PathBuf> = HashMap::from([(backend.member().to_owned(), snapshot.database.clone())]);
    let mut members = vec![Member::of(backend.member().to_owned(), &snapshot.database)?];
    for (member, path) in sources.present {
        paths.insert(member.path.clone(), path);
        members.push(member);
    }
    let manifest = Manifest {
        format: FORMAT,
        program: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        created_at: snapshot.at,
        backend,
        pg_dump: snapshot.pg_dump,
        schema_version: snapshot.migrations.last().cloned().unwrap_or_default(),
        migrations: snapshot.migrations,
        audit_head: snapshot.audit_head,
        rows: snapshot.rows,
        failed_checks,
        members,
    };
    let bytes = write(&manifest, &paths, &work, target, options)?;
    Ok(BackupReport {
        file: target.display().to_string(),
        bytes,
        database: settings.database_url.to_string(),
        backend,
        rows: manifest.rows.values().sum(),
        files: manifest.files(),
        version: manifest.version,
        schema_version: manifest.schema_version,
        created_at: manifest.created_at,
        audit_head: manifest.audit_head,
        status: doctor::worst(&snapshot.checks),
        checks: snapshot.checks,
    })
}

/// Removes the temporary directories of interrupted backups, each as large as the database.
fn remove_interrupted(directory: &Path) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(WORK);
        let age = entry.metadata().and_then(|metadata| metadata.modified()).ok().and_then(|at| at.elapsed().ok());
        if is_ours && age.is_some_and(|age| age > INTERRUPTED) {
            // One that cannot be removed does no harm.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// The names of failed checks; an error unless `allow_damaged` is set.
fn failures(checks: &[Check], options: Options) -> Result<Vec<String>, String> {
    let failed: Vec<&Check> = checks.iter().filter(|check| check.status == Status::Failure).collect();
    if failed.is_empty() || options.allow_damaged {
        return Ok(failed.iter().map(|check| check.name.to_owned()).collect());
    }
    let lines: Vec<String> = failed.iter().map(|check| format!("{}: {}", check.name, check.message)).collect();
    let (lines, doctor) = (lines.join("\n"), suggest("doctor"));
    Err(format!(
        "{lines}\nno backup was created; for details run: {doctor}; to create one nevertheless give --allow-damaged"
    ))
}

/// Writes the archive, verifies it, and renames it to `target`; returns its size.
fn write(
    manifest: &Manifest,
    paths: &HashMap<String, PathBuf>,
    work: &TempDir,
    target: &Path,
    options: Options,
) -> Result<u64, String> {
    let mut file = NamedTempFile::new_in(work.path()).map_err(at(work.path()))?;
    archive::write(file.as_file_mut(), manifest, |member| {
        paths.get(&member.path).map_or(Path::new(""), PathBuf::as_path)
    })?;
    file.as_file().sync_all().map_err(at(file.path()))?;
    archive::verify(file.path()).map_err(|fault| format!("the archive cannot be read back: {fault}"))?;
    let bytes = file.as_file().metadata().map_err(at(file.path()))?.len();
    let put = if options.force { file.persist(target) } else { file.persist_noclobber(target) };
    put.map_err(|e| at(target)(e.error))?;
    sync_directory(directory_of(target))?;
    Ok(bytes)
}

/// A copy of the database at one moment, and its properties.
struct Snapshot {
    database: PathBuf,
    at: String,
    pg_dump: Option<i64>,
    migrations: Vec<String>,
    rows: BTreeMap<String, i64>,
    audit_head: Option<String>,
    /// The SHA-256 of each file outside the database, with the code of a document that has it.
    files: BTreeMap<String, String>,
    checks: Vec<Check>,
}

impl Snapshot {
    fn take(settings: &Settings, work: &TempDir) -> Result<Snapshot, String> {
        let cause = |error: Error| error.cause();
        let url = &settings.database_url;
        let database = work.path().join(Backend::of(url).member());
        let mut conn = Manager::new(url.clone()).open().map_err(cause)?;
        upkeep::allow_long_statements(&mut conn).map_err(|e| e.to_string())?;
        let at = Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true);
        let shared =
            upkeep::copy_or_share(&mut conn, &database).map_err(|e| format!("cannot copy the database: {e}"))?;
        let mut snapshot = Snapshot {
            database,
            at,
            pg_dump: None,
            migrations: Vec::new(),
            rows: BTreeMap::new(),
            audit_head: None,
            files: BTreeMap::new(),
            checks: Vec::new(),
        };
        match (url, shared) {
            (DatabaseUrl::Postgres(url), Some(shared)) => {
                let program = postgres::find("pg_dump", shared.server)?;
                let reader = postgres::find("pg_restore", program.major)?;
                let schema = upkeep::current_schema(&mut conn).map_err(|e| e.to_string())?;
                let schema = schema.ok_or("the search path of the database contains no schema")?;
                program.dump(&Target::of(url.as_given())?, &shared.id, &schema, &snapshot.database)?;
                reader.read(&snapshot.database)?;
                snapshot.pg_dump = Some(program.major);
                // In the transaction whose snapshot was dumped.
                snapshot.inspect(&mut conn).map_err(cause)?;
            }
            _ => {
                drop(conn);
                let copy = DatabaseUrl::Sqlite(snapshot.database.clone());
                snapshot.inspect(&mut Manager::new(copy).open().map_err(cause)?).map_err(cause)?;
            }
        }
        Ok(snapshot)
    }

    fn inspect(&mut self, conn: &mut Conn) -> Result<(), Error> {
        self.migrations = upkeep::recorded_migrations(conn)?;
        if self.migrations.is_empty() {
            return Err(Error::Unavailable(
                "the database has no tables of pairing-tracker; there is nothing to back up".to_owned(),
            ));
        }
        if let Some(unknown) = backend::unknown_migration(conn.is_sqlite(), &self.migrations) {
            return Err(Error::Unavailable(format!(
                "the database is newer than this program (it has migration {unknown}); create the backup with the newer pairing-tracker"
            )));
        }
        self.checks = doctor::stored(conn);
        // The log of an older schema is verified after its migration.
        if backend::lacking_migrations(conn.is_sqlite(), &self.migrations).is_empty() {
            let chain = doctor::audit_chain(conn);
            if chain.status == Status::Ok {
                self.audit_head = Some(chain::head(conn)?.to_string());
            }
            self.checks.push(chain);
        }
        self.rows = upkeep::row_counts(conn)?;
        let held = document_contents::table.select(document_contents::document_id);
        self.files = documents::table
            .filter(documents::sha256.is_not_null())
            .filter(documents::id.ne_all(held))
            .select((documents::sha256.assume_not_null(), documents::code))
            .load::<(String, String)>(conn)?
            .into_iter()
            .collect();
        Ok(())
    }
}

/// The files of documents in the directory. They never change, so they may be read after the snapshot.
struct Sources {
    present: Vec<(Member, PathBuf)>,
    /// Codes of documents whose file is missing or damaged.
    lost: Vec<String>,
    store: FileStore,
}

fn files(store: &FileStore, wanted: BTreeMap<String, String>) -> Result<Sources, String> {
    let mut sources = Sources { present: Vec::new(), lost: Vec::new(), store: store.clone() };
    for (sha256, code) in wanted {
        let FileStore::Directory(directory) = store else {
            sources.lost.push(code);
            continue;
        };
        let path = directory.join(&sha256);
        if !path.exists() {
            sources.lost.push(code);
            continue;
        }
        let member = Member::of(format!("{FILES}{sha256}"), &path)?;
        if member.sha256 != sha256 {
            sources.lost.push(code);
        }
        sources.present.push((member, path));
    }
    Ok(sources)
}

impl Sources {
    fn check(&self) -> Check {
        let (status, message, action) = match (self.lost.as_slice(), &self.store) {
            ([], _) => (
                Status::Ok,
                format!("All {} files outside the database match their documents.", self.present.len()),
                None,
            ),
            (lost, store) => {
                let message =
                    format!("{} documents lack their file, or it is damaged: {}.", lost.len(), doctor::some_of(lost));
                let action = match store {
                    FileStore::Database => "Give the directory of the files with --files-dir.",
                    FileStore::Directory(_) => "Run doctor, and extract the files from an older backup.",
                };
                (Status::Failure, format!("{message} {action}"), Some(action.to_owned()))
            }
        };
        Check { name: "files", status, message, action }
    }
}
