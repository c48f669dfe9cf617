//! Opening and migrating a database: never a new one by a mistyped path.

use std::path::Path;

use super::Outcome;
use crate::config::{DatabaseUrl, Settings};
use crate::db::{Manager, backend};

/// Refuses a SQLite file that is not there.
pub fn require_present(url: &DatabaseUrl) -> Outcome {
    match url {
        DatabaseUrl::Sqlite(path) if !path.exists() => {
            Err(format!("there is no database {}; `pairing-tracker serve` or `migrate` makes one", path.display()))
        }
        _ => Ok(()),
    }
}

/// Says so before a new SQLite file is made; refuses where there is no directory for it.
pub fn announce_new(url: &DatabaseUrl) -> Outcome {
    let DatabaseUrl::Sqlite(path) = url else { return Ok(()) };
    if path.exists() {
        return Ok(());
    }
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !directory.is_dir() {
        return Err(format!("there is no directory {} for the database {}", directory.display(), path.display()));
    }
    eprintln!("Creating the database {}", path.display());
    Ok(())
}

/// `migrate`: brings the schema up to date, or says that it is not.
pub fn migrate(settings: &Settings, check: bool) -> Outcome {
    let url = &settings.database_url;
    if check {
        require_present(url)?;
    } else {
        announce_new(url)?;
    }
    let mut conn = Manager::new(url.clone()).open().map_err(|e| e.cause())?;
    if check {
        let pending = backend::pending_migrations(&mut conn).map_err(|e| e.cause())?;
        return if pending.is_empty() {
            super::write_out(&format!("{url} is up to date.\n"))
        } else {
            Err(format!("{url} lacks {} migrations: {}", pending.len(), pending.join(", ")))
        };
    }
    let done = backend::migrate(&mut conn).map_err(|e| e.cause())?;
    super::write_out(&format!("{url}: {done} migrations applied; it is up to date.\n"))
}
