//! `migrate`, and how commands open the database. Only `serve` and `migrate` create one, so that a mistyped path does not.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::path::Path;

use super::Outcome;
use crate::config::invocation::suggest;
use crate::config::{DatabaseUrl, Settings, paths};
use crate::db::{Conn, Manager, backend};
use crate::error::Error;

/// Fails if a SQLite file does not exist.
pub fn require_present(url: &DatabaseUrl) -> Outcome {
    match url {
        DatabaseUrl::Sqlite(path) if !path.exists() => Err(format!(
            "there is no database {}; check the path, or create it with: {}",
            path.display(),
            suggest("migrate")
        )),
        _ => Ok(()),
    }
}

/// Creates the file of a new SQLite database, and reports that on standard error.
pub fn create_missing(url: &DatabaseUrl) -> Outcome {
    let DatabaseUrl::Sqlite(path) = url else { return Ok(()) };
    if path.exists() {
        return Ok(());
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    // The mode with which SQLite creates its files.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o644);
    match options.open(path) {
        // Another process created it meanwhile.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(format!("cannot create the database {}", paths::write_failure(path, &error))),
        Ok(_) => {
            eprintln!("Creating the database {}", path.display());
            Ok(())
        }
    }
}

/// Opens a connection.
pub fn open(url: &DatabaseUrl) -> Result<Conn, String> {
    Manager::new(url.clone()).open().map_err(|error| explain(url, &error))
}

/// Opens a connection to a database that exists and is up to date.
pub fn open_existing(settings: &Settings) -> Result<Conn, String> {
    let url = &settings.database_url;
    require_present(url)?;
    let mut conn = open(url)?;
    let pending = backend::pending_migrations(&mut conn).map_err(|error| explain(url, &error))?;
    if pending.is_empty() {
        Ok(conn)
    } else {
        Err(format!("the database {url} is not up to date; run: {}", suggest("migrate")))
    }
}

/// Explains in one line why a database cannot be used.
pub fn explain(url: &DatabaseUrl, error: &Error) -> String {
    match url {
        DatabaseUrl::Sqlite(path) => explain_sqlite(path, &error.cause()),
        // libpq's messages have several lines, and its own remedies.
        DatabaseUrl::Postgres(_) => {
            let cause = error.cause();
            let lines: Vec<&str> = cause.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            lines.join("; ")
        }
    }
}

/// SQLite names no cause ("unable to open database file"): it is looked for.
fn explain_sqlite(path: &Path, cause: &str) -> String {
    let name = path.display();
    let directory = paths::directory_of(path);
    if path.is_dir() {
        return format!("the database {name} is a directory; name a file, such as sqlite:{name}/pairing-tracker.db");
    }
    if let Err(error) = File::open(path) {
        return format!("cannot read the database {}", paths::read_failure(path, &error));
    }
    if cause.contains("file is not a database") {
        return format!("{name} is not a SQLite database; check the path");
    }
    if OpenOptions::new().write(true).open(path).is_err() {
        return format!("the database {name} is not writable; change its permissions");
    }
    // SQLite creates its log beside the database, for reading as well.
    if tempfile::tempfile_in(directory).is_err() {
        return format!("cannot open the database {name}: {}", paths::not_writable(directory));
    }
    cause.to_owned()
}

/// `migrate`: applies pending migrations; with `check` it fails if there are any.
pub fn migrate(settings: &Settings, check: bool) -> Outcome {
    let url = &settings.database_url;
    if check {
        require_present(url)?;
    } else {
        create_missing(url)?;
    }
    let mut conn = open(url)?;
    if check {
        let pending = backend::pending_migrations(&mut conn).map_err(|error| explain(url, &error))?;
        return if pending.is_empty() {
            super::write_out(&format!("{url} is up to date.\n"))
        } else {
            let (count, names) = (pending.len(), pending.join(", "));
            Err(format!("{url} lacks {count} migrations ({names}); run: {}", suggest("migrate")))
        };
    }
    let applied = backend::migrate(&mut conn).map_err(|error| explain(url, &error))?;
    super::write_out(&format!("{url}: {applied} migrations applied; it is up to date.\n"))
}
