//! Checks of documents' files: each against its SHA-256, and the directory for files without a document.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, SystemTime};

use diesel::prelude::*;
use sha2::{Digest, Sha256};

use super::Finding;
use super::records::some_of;
use crate::config::FileStore;
use crate::db::Conn;
use crate::db::schema::{document_contents, documents};
use crate::error::{Error, Result};
use crate::model::hex;

/// Documents that are checked per query.
const TOGETHER: i64 = 500;
/// A younger file without a document may belong to a running upload.
const UPLOAD: Duration = Duration::from_mins(15);

pub fn documents(conn: &mut Conn, store: &FileStore) -> Result<Finding> {
    let (mut after, mut count) = (0, 0_usize);
    let (mut missing, mut damaged) = (Vec::new(), Vec::new());
    loop {
        let rows = with_files(conn, after)?;
        let Some((last, _, _)) = rows.last() else { break };
        after = *last;
        for (id, code, sha256) in rows {
            count += 1;
            let faults = match content(conn, store, id, &sha256)? {
                Some(bytes) if hex(&Sha256::digest(&bytes)) == sha256 => continue,
                Some(_) => &mut damaged,
                None => &mut missing,
            };
            // The document was deleted meanwhile.
            if !is_still_there(conn, id)? {
                continue;
            }
            faults.push(code);
        }
    }
    const BACKUP: &str = "Extract them from a backup (tar -xf BACKUP files/SHA256), or restore one.";
    if !missing.is_empty() && *store == FileStore::Database {
        let message = format!("The database lacks the files of {} documents: {}.", missing.len(), some_of(&missing));
        return Ok(Finding::failure(
            message,
            "If they are in a directory, give it with --files-dir; otherwise restore a backup.",
        ));
    }
    if !missing.is_empty() || !damaged.is_empty() {
        let parts = [("missing", &missing), ("damaged", &damaged)];
        let parts: Vec<String> = parts
            .iter()
            .filter(|(_, codes)| !codes.is_empty())
            .map(|(word, codes)| format!("{} files are {word}, of the documents {}", codes.len(), some_of(codes)))
            .collect();
        return Ok(Finding::failure(format!("{}.", parts.join("; ")), BACKUP));
    }
    let unused = match store {
        FileStore::Directory(directory) => without_document(conn, directory)?,
        FileStore::Database => Vec::new(),
    };
    Ok(if unused.is_empty() {
        Finding::ok(format!("All {count} files match their documents."))
    } else {
        let message = format!("{} files belong to no document: {}.", unused.len(), some_of(&unused));
        Finding::warning(message, "They are harmless; delete them to free space.")
    })
}

type WithFile = (i64, String, String);

/// Documents with a file whose ids are larger: their ids, codes and SHA-256.
fn with_files(conn: &mut Conn, after: i64) -> QueryResult<Vec<WithFile>> {
    documents::table
        .filter(documents::id.gt(after))
        .filter(documents::sha256.is_not_null())
        .order(documents::id)
        .limit(TOGETHER)
        .select((documents::id, documents::code, documents::sha256.assume_not_null()))
        .load(conn)
}

fn content(conn: &mut Conn, store: &FileStore, id: i64, sha256: &str) -> Result<Option<Vec<u8>>> {
    let stored = document_contents::table.find(id).select(document_contents::content).first(conn).optional()?;
    match (stored, store) {
        (Some(bytes), _) => Ok(Some(bytes)),
        (None, FileStore::Database) => Ok(None),
        (None, FileStore::Directory(directory)) => match std::fs::read(directory.join(sha256)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::Unavailable(format!("cannot read the file {sha256}: {error}"))),
        },
    }
}

fn is_still_there(conn: &mut Conn, id: i64) -> QueryResult<bool> {
    documents::table.find(id).count().get_result::<i64>(conn).map(|count| count > 0)
}

/// The names of files in the directory that belong to no document.
fn without_document(conn: &mut Conn, directory: &Path) -> Result<Vec<String>> {
    let failed = |e: std::io::Error| Error::Unavailable(format!("cannot read {}: {e}", directory.display()));
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let (stem, is_part) = name.strip_suffix(".part").map_or((name.as_str(), false), |stem| (stem, true));
        let is_ours = stem.get(..64).is_some_and(|hash| hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
        // The file was removed meanwhile, or has no time of modification.
        let Ok(modified) = entry.metadata().and_then(|metadata| metadata.modified()) else { continue };
        let is_old = SystemTime::now().duration_since(modified).is_ok_and(|age| age >= UPLOAD);
        if is_old && is_ours && (is_part || stem.len() == 64) {
            names.push(name);
        }
    }
    names.sort_unstable();
    let mut known: HashSet<String> = HashSet::new();
    for chunk in names.chunks(500) {
        let found: Vec<Option<String>> =
            documents::table.filter(documents::sha256.eq_any(chunk)).select(documents::sha256).load(conn)?;
        known.extend(found.into_iter().flatten());
    }
    Ok(names.into_iter().filter(|name| !known.contains(name)).collect())
}
