//! The directory of documents' files: one file for each content, named by its SHA-256.
//!
//! | name | what it is |
//! |---|---|
//! | `<sha256>` | a file |
//! | `<sha256>.<random>.part` | a file that is being written, by whichever process |
//! | `<sha256>.unreferenced` | a file that no document refers to, set aside until it is removed ([`super::sweep`]) |
//!
//! Several processes may use one directory: a part has a name of its own, and a file comes to its name by a rename, whole or
//! not at all.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The end of the name of a file that is being written.
pub const PART: &str = ".part";
/// The end of the name of a file that was set aside.
pub const UNREFERENCED: &str = ".unreferenced";

/// Whether a name is that of a file.
pub fn is_sha256(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Where a file is set aside.
pub fn set_aside(directory: &Path, sha256: &str) -> PathBuf {
    directory.join(format!("{sha256}{UNREFERENCED}"))
}

/// Writes a file whole or not at all. When this returns, the file and its name are on disk, so that a record that is
/// committed afterwards never refers to a file that a power cut took away.
pub fn write(directory: &Path, sha256: &str, bytes: &[u8]) -> Result<()> {
    let failed = |e: io::Error| Error::Unavailable(format!("cannot write the file {sha256}: {e}"));
    let target = directory.join(sha256);
    // A file that is there may be damaged; then it is replaced.
    if let Ok(mut present) = File::open(&target)
        && holds(&mut present, bytes)
    {
        return present.sync_all().and_then(|()| sync(directory)).map_err(failed);
    }
    // Created anew under a random name, and removed when this fails.
    let name = format!("{sha256}.");
    let mut part = tempfile::Builder::new();
    part.prefix(&name).suffix(PART);
    readable_by_others(&mut part);
    let mut part = part.tempfile_in(directory).map_err(failed)?;
    part.write_all(bytes).and_then(|()| part.as_file().sync_all()).map_err(failed)?;
    part.persist(&target).map_err(|e| failed(e.error))?;
    sync(directory).map_err(failed)
}

/// Whether a file is whole.
fn holds(file: &mut File, bytes: &[u8]) -> bool {
    let mut present = Vec::with_capacity(bytes.len());
    file.read_to_end(&mut present).is_ok() && present == bytes
}

/// The bytes of a file. One that was set aside, as a sweep does that passes while the record is being written, is found as
/// well.
pub fn read(directory: &Path, sha256: &str) -> Result<Vec<u8>> {
    let read = match fs::read(directory.join(sha256)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::read(set_aside(directory, sha256)),
        read => read,
    };
    read.map_err(|e| Error::Unavailable(format!("cannot read the file {sha256}: {e}")))
}

/// Has the names of a directory written to disk.
fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Gives a file the permissions of any other: a temporary file is otherwise for its owner alone, and a backup may run as
/// somebody else.
#[cfg(unix)]
fn readable_by_others(part: &mut tempfile::Builder<'_, '_>) {
    use std::os::unix::fs::PermissionsExt;
    // The process's umask applies.
    part.permissions(fs::Permissions::from_mode(0o666));
}

#[cfg(not(unix))]
fn readable_by_others(_: &mut tempfile::Builder<'_, '_>) {}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn writers_of_one_content_do_not_meet() {
        let directory = tempfile::tempdir().unwrap();
        // A part that another process left, under the name that versions before this one gave to all of them.
        fs::write(directory.path().join(format!("{SHA256}.part")), "left").unwrap();
        let bytes = vec![7; 1 << 20];
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| write(directory.path(), SHA256, &bytes).unwrap());
            }
        });
        assert_eq!(names(directory.path()), [SHA256.to_owned(), format!("{SHA256}.part")]);
        assert_eq!(read(directory.path(), SHA256).unwrap(), bytes);
    }

    #[test]
    fn a_damaged_file_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(SHA256), "half").unwrap();
        write(directory.path(), SHA256, b"whole").unwrap();
        assert_eq!(read(directory.path(), SHA256).unwrap(), b"whole");
        assert_eq!(names(directory.path()), [SHA256]);
    }

    #[test]
    fn a_write_that_fails_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        // A directory of that name cannot be replaced by a file.
        fs::create_dir(directory.path().join(SHA256)).unwrap();
        assert!(write(directory.path(), SHA256, b"whole").is_err());
        assert_eq!(names(directory.path()), [SHA256]);
    }
}
