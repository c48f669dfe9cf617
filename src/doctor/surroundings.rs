//! Checks of what is around the database: disks and its write-ahead log.

use std::path::{Path, PathBuf};

use super::Finding;
use crate::config::{DatabaseUrl, FileStore, Settings};
use crate::db::{Conn, backend};
use crate::error::{Error, Result};

const MIB: u64 = 1 << 20;
/// Less is about to run out.
const SPACE_FAILURE: u64 = 100 * MIB;
/// Less is worth a warning, and so is less than twice the database's size, which a backup beside it takes.
const SPACE_WARNING: u64 = 1024 * MIB;
/// A log that is larger is not being emptied into the database's file.
const LOG_WARNING: u64 = 256 * MIB;

pub fn disk_space(conn: &mut Conn, settings: &Settings) -> Result<Finding> {
    let mut directories: Vec<PathBuf> = Vec::new();
    let mut wanted = SPACE_WARNING;
    if let DatabaseUrl::Sqlite(path) = &settings.database_url {
        let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
        directories.push(directory.unwrap_or(Path::new(".")).to_owned());
        let bytes = backend::upkeep::database_bytes(conn)?;
        wanted = wanted.max(u64::try_from(bytes).unwrap_or_default().saturating_mul(2));
    }
    if let FileStore::Directory(path) = &settings.files {
        directories.push(path.clone());
    }
    let mut least: Option<(u64, PathBuf)> = None;
    for directory in directories {
        let free = fs4::available_space(&directory)
            .map_err(|e| Error::Unavailable(format!("cannot look at the disk of {}: {e}", directory.display())))?;
        if least.as_ref().is_none_or(|(least, _)| free < *least) {
            least = Some((free, directory));
        }
    }
    let Some((free, directory)) = least else {
        return Ok(Finding::ok("No disk of this machine is used; watch that of the database's server."));
    };
    let message = format!("{} MiB are free at {}.", free / MIB, directory.display());
    Ok(if free < SPACE_FAILURE {
        Finding::failure(message, "Free some space now: writes are refused when there is none.")
    } else if free < wanted {
        let action =
            format!("Free some space: {} MiB are enough to work and to make a backup there.", wanted.div_ceil(MIB));
        Finding::warning(message, action)
    } else {
        Finding::ok(message)
    })
}

pub fn write_ahead_log(database: &Path) -> Result<Finding> {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    let bytes = match std::fs::metadata(&name) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
        Err(error) => return Err(Error::unexpected(error)),
    };
    let message = format!("The write-ahead log takes {} MiB.", bytes.div_ceil(MIB));
    Ok(if bytes <= LOG_WARNING {
        Finding::ok(message)
    } else {
        Finding::warning(message, "A process has read from it without a pause: restart the service.")
    })
}
