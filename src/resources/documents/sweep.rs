//! Removal of documents' files that no record refers to: of uploads that were refused or died, and of documents that were
//! deleted.
//!
//! | what | when |
//! |---|---|
//! | a part | removed [`IN_FLIGHT`] after its last write |
//! | a file without a record | set aside [`IN_FLIGHT`] after it was written: a record may be on its way |
//! | a file that was set aside | removed after [`SET_ASIDE_FOR`]; brought back as soon as a record refers to it |
//!
//! The long second wait is for operators: a service that was started over the wrong database, or over an older backup, sets
//! files aside that are still needed, and [`super::directory::read`] finds them there meanwhile. Nothing else in the
//! directory is touched. Any number of processes may sweep one directory.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use diesel::prelude::*;

use super::directory::{PART, UNREFERENCED, is_sha256, set_aside};
use crate::db::schema::documents;
use crate::db::{Conn, Store};
use crate::error::{Error, Result};

/// How old a file must be before it counts as left behind: far beyond the deadline of any upload.
pub const IN_FLIGHT: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a file that no record refers to is kept.
pub const SET_ASIDE_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How often the service sweeps.
pub const EVERY: Duration = Duration::from_secs(24 * 60 * 60);
/// Files that one query asks for.
const TOGETHER: usize = 500;

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Parts that were removed.
    pub parts: usize,
    /// Files without a record that were set aside.
    pub set_aside: usize,
    /// Files that were set aside before and are referred to.
    pub restored: usize,
    /// Files that had been set aside long enough and were removed.
    pub removed: usize,
}

/// A file that may have been left behind.
struct Found {
    sha256: String,
    is_set_aside: bool,
    /// How long ago it was written, or set aside.
    age: Duration,
}

/// Sweeps a directory once, as of `now`.
pub async fn sweep(store: &Store, directory: &Path, now: SystemTime) -> Result<Swept> {
    let mut swept = Swept::default();
    let place = directory.to_path_buf();
    let (found, parts) = blocking(move || look(&place, now)).await?;
    swept.parts = parts;
    let mut rest = found.into_iter();
    loop {
        let chunk: Vec<Found> = rest.by_ref().take(TOGETHER).collect();
        if chunk.is_empty() {
            return Ok(swept);
        }
        let known = referred_to(store, chunk.iter().map(|found| found.sha256.clone()).collect()).await?;
        let place = directory.to_path_buf();
        let (mut aside, done) = blocking(move || settle(&place, chunk, &known, now)).await?;
        // A record that was committed meanwhile keeps its file.
        let known = referred_to(store, aside.clone()).await?;
        aside.retain(|sha256| known.contains(sha256));
        let place = directory.to_path_buf();
        let back = blocking(move || aside.iter().map(|sha256| restore(&place, sha256)).collect::<io::Result<Vec<_>>>());
        swept.set_aside += done.set_aside - back.await?.len();
        swept.restored += done.restored;
        swept.removed += done.removed;
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await.map_err(Error::unexpected)?;
    done.map_err(|error| Error::Unavailable(format!("cannot sweep the directory of files: {error}")))
}

/// Those of the files that documents refer to.
async fn referred_to(store: &Store, names: Vec<String>) -> Result<BTreeSet<String>> {
    let read = move |conn: &mut Conn| -> Result<Vec<Option<String>>> {
        let referred = documents::table.filter(documents::sha256.eq_any(names)).select(documents::sha256);
        Ok(referred.load(conn)?)
    };
    Ok(store.read(read).await?.into_iter().flatten().collect())
}

/// The files that may have been left behind. Parts that were are removed at once: no record refers to one.
fn look(directory: &Path, now: SystemTime) -> io::Result<(Vec<Found>, usize)> {
    let (mut found, mut parts) = (Vec::new(), 0);
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let sha256 = name.get(..64).filter(|start| is_sha256(start));
        let Some((sha256, end)) = sha256.map(|start| (start, &name[start.len()..])) else { continue };
        // Gone meanwhile, by another process's sweep.
        let Ok(metadata) = entry.metadata() else { continue };
        let age = now.duration_since(metadata.modified()?).unwrap_or_default();
        if !metadata.is_file() || age < IN_FLIGHT && end != UNREFERENCED {
            continue;
        }
        if end.ends_with(PART) {
            parts += usize::from(is_done(fs::remove_file(entry.path()))?);
        } else if end.is_empty() || end == UNREFERENCED {
            found.push(Found { sha256: sha256.to_owned(), is_set_aside: !end.is_empty(), age });
        }
    }
    Ok((found, parts))
}

/// Sets files aside, restores and removes them; gives those that were set aside.
fn settle(
    directory: &Path,
    chunk: Vec<Found>,
    known: &BTreeSet<String>,
    now: SystemTime,
) -> io::Result<(Vec<String>, Swept)> {
    let (mut aside, mut swept) = (Vec::new(), Swept::default());
    for Found { sha256, is_set_aside, age } in chunk {
        let (own, other) = (directory.join(&sha256), set_aside(directory, &sha256));
        match (is_set_aside, known.contains(&sha256)) {
            (false, true) => {}
            (false, false) => {
                // From now on it is counted how long it is aside.
                let dated = fs::File::options().append(true).open(&own).and_then(|file| file.set_modified(now));
                if is_done(dated)? && is_done(fs::rename(&own, &other))? {
                    swept.set_aside += 1;
                    aside.push(sha256);
                }
            }
            // Where the content was attached anew, the copy aside is not needed.
            (true, true) if !own.exists() => {
                restore(directory, &sha256)?;
                swept.restored += 1;
            }
            (true, _) if age >= SET_ASIDE_FOR => swept.removed += usize::from(is_done(fs::remove_file(&other))?),
            (true, _) => {}
        }
    }
    Ok((aside, swept))
}

fn restore(directory: &Path, sha256: &str) -> io::Result<()> {
    is_done(fs::rename(set_aside(directory, sha256), directory.join(sha256))).map(drop)
}

/// Whether something was done; not where another process's sweep was faster.
fn is_done(done: io::Result<()>) -> io::Result<bool> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        done => done.map(|()| true),
    }
}
