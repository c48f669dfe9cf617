//! Checks of the disks and of the write-ahead log.

use std::path::{Path, PathBuf};

use super::Finding;
use crate::config::{self, DatabaseUrl, FileStore, Settings, paths};
use crate::db::{Conn, backend};
use crate::error::{Error, Result};

const MIB: u64 = 1 << 20;
/// Less free space is a failure.
const SPACE_FAILURE: u64 = 100 * MIB;
/// Less free space causes a warning, as does less than twice the size of the database, which a backup beside it needs.
const SPACE_WARNING: u64 = 1024 * MIB;
/// A larger log is not being written into the database.
const LOG_WARNING: u64 = 256 * MIB;

pub fn disk_space(conn: &mut Conn, settings: &Settings) -> Result<Finding> {
    let mut directories: Vec<PathBuf> = Vec::new();
    let mut wanted = SPACE_WARNING;
    if let DatabaseUrl::Sqlite(path) = &settings.database_url {
        directories.push(paths::directory_of(path).to_owned());
        let bytes = backend::upkeep::database_bytes(conn)?;
        wanted = wanted.max(u64::try_from(bytes).unwrap_or_default().saturating_mul(2));
    }
    if let FileStore::Directory(path) = &settings.files {
        directories.push(path.clone());
    }
    let mut least: Option<(u64, PathBuf)> = None;
    for directory in directories {
        let free = fs4::available_space(&directory).map_err(|e| {
            Error::Unavailable(format!("cannot determine the free space at {}: {e}", directory.display()))
        })?;
        if least.as_ref().is_none_or(|(least, _)| free < *least) {
            least = Some((free, directory));
        }
    }
    let Some((free, directory)) = least else {
        return Ok(Finding::ok("No disk of this machine is used; monitor that of the database server."));
    };
    let message = format!("{} MiB are free in {}.", free / MIB, directory.display());
    Ok(if free < SPACE_FAILURE {
        Finding::failure(message, "Free some space now: without any, writes are refused.")
    } else if free < wanted {
        let action = format!("Free some space: operation and a backup there need {} MiB.", wanted.div_ceil(MIB));
        Finding::warning(message, action)
    } else {
        Finding::ok(message)
    })
}

pub fn write_ahead_log(database: &Path) -> Result<Finding> {
    let bytes = match std::fs::metadata(config::write_ahead_log(database)) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
        Err(error) => return Err(Error::unexpected(error)),
    };
    let message = format!("The write-ahead log has {} MiB.", bytes.div_ceil(MIB));
    Ok(if bytes <= LOG_WARNING {
        Finding::ok(message)
    } else {
        Finding::warning(message, "A process reads from it without interruption: restart the service.")
    })
}
