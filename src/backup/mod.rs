//! Backups: one archive with the database as it is at one moment and the files of its documents, and its restoration.
//!
//! | module | what it is |
//! |---|---|
//! | [`archive`] | the format: a tar file that begins with a manifest |
//! | [`create`] | a backup of a database that is in use |
//! | [`restore`] | an empty database filled from a backup |
//! | [`postgres`] | pg_dump and pg_restore |

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

/// The directory of a file.
pub fn directory_of(file: &Path) -> &Path {
    file.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes a rename in a directory outlast a power cut.
fn sync_directory(directory: &Path) -> Result<(), String> {
    // Elsewhere a directory cannot be opened, and its changes need no sync of their own.
    if cfg!(unix) {
        let synced = File::open(directory).and_then(|directory| directory.sync_all());
        synced.map_err(|e| format!("cannot sync {}: {e}", directory.display()))?;
    }
    Ok(())
}

/// A failure at a path, in one line.
fn at(path: &Path) -> impl Fn(std::io::Error) -> String {
    move |error| format!("{}: {error}", path.display())
}
