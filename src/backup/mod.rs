//! Backups: one archive with the database at one moment and the files of its documents, and how it is restored.
//!
//! | module | content |
//! |---|---|
//! | [`archive`] | the format, a tar file that begins with a manifest |
//! | [`create`] | creates a backup of a database that is in use |
//! | [`restore`] | fills an empty database from a backup |
//! | [`postgres`] | runs pg_dump and pg_restore |

pub mod archive;
pub mod create;
pub mod postgres;
pub mod restore;

use std::fs::File;
use std::path::Path;

use crate::config::DatabaseUrl;
use archive::Backend;

impl Backend {
    fn of(url: &DatabaseUrl) -> Backend {
        match url {
            DatabaseUrl::Sqlite(_) => Backend::Sqlite,
            DatabaseUrl::Postgres(_) => Backend::Postgres,
        }
    }
}

/// Makes a rename in a directory durable.
fn sync_directory(directory: &Path) -> Result<(), String> {
    // On other systems directories cannot be opened, and renames need no sync.
    if cfg!(unix) {
        let synced = File::open(directory).and_then(|directory| directory.sync_all());
        synced.map_err(|e| format!("cannot sync {}: {e}", directory.display()))?;
    }
    Ok(())
}

/// Describes an I/O error at a path.
fn at(path: &Path) -> impl Fn(std::io::Error) -> String {
    move |error| format!("{}: {error}", path.display())
}
