//! Explanations of I/O errors at paths that an operator gave: the cause and the remedy, in one line.

use std::io::{Error, ErrorKind};
use std::path::Path;

/// The directory that contains a file.
pub fn directory_of(file: &Path) -> &Path {
    file.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Explains why a file cannot be read.
pub fn read_failure(path: &Path, error: &Error) -> String {
    let reason = match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => return missing(path, "file"),
        ErrorKind::PermissionDenied => "permission denied; make it readable for the user who runs this program",
        ErrorKind::IsADirectory => "is a directory; name a file",
        ErrorKind::InvalidData => "is not UTF-8 text; save it as UTF-8",
        _ => return format!("{}: {error}", path.display()),
    };
    format!("{}: {reason}", path.display())
}

/// Explains that a path does not exist; of a relative one the reader sees where it starts.
pub fn missing(path: &Path, what: &str) -> String {
    let start = std::env::current_dir().ok().filter(|_| path.is_relative());
    let start = start.map_or(String::new(), |start| format!(", which is relative to {}", start.display()));
    format!("{}: there is no such {what}; check the path{start}", path.display())
}

/// Explains why a file cannot be written.
pub fn write_failure(path: &Path, error: &Error) -> String {
    let directory = directory_of(path);
    let reason = match error.kind() {
        _ if path.is_dir() => "is a directory; name a file".to_owned(),
        _ if !directory.is_dir() => no_directory(directory),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => not_writable(directory),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "the disk is full; free some space".to_owned(),
        _ => error.to_string(),
    };
    format!("{}: {reason}", path.display())
}

/// The reason that a directory does not exist, and the remedy.
pub fn no_directory(directory: &Path) -> String {
    format!("there is no directory {}; create it, or choose another path", directory.display())
}

/// The reason that files cannot be created in a directory, and the remedy.
pub fn not_writable(directory: &Path) -> String {
    format!(
        "the directory {} is not writable; choose another path, or change the permissions of the directory",
        directory.display()
    )
}
