//! The files of documents, in the database or in a [`directory`]. A file is immutable: written once, checked whenever it is
//! read.

use diesel::prelude::*;
use sha2::{Digest, Sha256};

use super::api::Document;
use super::{Documents, KIND, directory};
use crate::audit::Action;
use crate::config::FileStore;
use crate::db::Conn;
use crate::db::schema::{document_contents, documents};
use crate::error::{Error, Problem, Result};
use crate::model::hex;
use crate::model::types::Ref;
use crate::msg;
use crate::record::{self, Precondition, Tx};

/// A document's file, without its bytes.
pub struct File {
    /// The document's.
    pub id: i64,
    /// The document's.
    pub code: String,
    pub media_type: String,
    pub byte_size: u64,
    pub sha256: String,
}

/// Attaches a file to a document that has none, or the very same one.
pub fn attach(tx: &mut Tx<'_>, place: &FileStore, reference: &Ref, media_type: &str, bytes: &[u8]) -> Result<Document> {
    let (id, before) = record::lock::<Documents>(tx, reference, &Precondition::Any)?;
    let sha256 = hex(&Sha256::digest(bytes));
    match &before.sha256 {
        Some(present) if *present == sha256 => return Ok(before),
        Some(_) => {
            return Err(Problem::conflict(
                "content_is_set",
                msg!(
                    "该文件已有内容，内容不可更改；请新建文件记录。",
                    "The document has its file, which never changes; create another document."
                ),
            )
            .into());
        }
        None => {}
    }
    match place {
        FileStore::Database => {
            diesel::insert_into(document_contents::table)
                .values((document_contents::document_id.eq(id), document_contents::content.eq(bytes)))
                .execute(tx.conn)?;
        }
        FileStore::Directory(place) => directory::write(place, &sha256, bytes)?,
    }
    diesel::update(documents::table.find(id))
        .set((
            documents::media_type.eq(Some(media_type)),
            documents::byte_size.eq(Some(i64::try_from(bytes.len()).map_err(Error::unexpected)?)),
            documents::sha256.eq(Some(&sha256)),
            documents::version.eq(documents::version + 1),
            documents::updated_at.eq(tx.now),
        ))
        .execute(tx.conn)?;
    record::changed::<Documents>(tx, id, Action::Attach, None, &before)
}

/// Finds a document's file without reading it.
pub fn find(conn: &mut Conn, reference: &Ref) -> Result<File> {
    let no_document = || Problem::not_found(KIND.name, &reference.0);
    let id = KIND.find(conn, reference)?.ok_or_else(no_document)?;
    type Row = (String, Option<String>, Option<i64>, Option<String>);
    let (code, media_type, byte_size, sha256): Row = documents::table
        .find(id)
        .select((documents::code, documents::media_type, documents::byte_size, documents::sha256))
        .first(conn)
        .optional()?
        .ok_or_else(no_document)?;
    let (Some(media_type), Some(byte_size), Some(sha256)) = (media_type, byte_size, sha256) else {
        return Err(Problem::not_found("content", &reference.0).into());
    };
    let byte_size = u64::try_from(byte_size).map_err(Error::unexpected)?;
    Ok(File { id, code, media_type, byte_size, sha256 })
}

/// Reads a document's file and checks that it is what was attached.
pub fn read(conn: &mut Conn, place: &FileStore, file: &File) -> Result<Vec<u8>> {
    let File { id, sha256, .. } = file;
    let stored: Option<Vec<u8>> =
        document_contents::table.find(id).select(document_contents::content).first(conn).optional()?;
    let bytes = match (stored, place) {
        (Some(bytes), _) => bytes,
        (None, FileStore::Directory(place)) => directory::read(place, sha256)?,
        (None, FileStore::Database) => {
            return Err(Error::Unexpected(format!("the file {sha256} is not in the database")));
        }
    };
    if hex(&Sha256::digest(&bytes)) != *sha256 {
        return Err(Error::Unexpected(format!("the file {sha256} is damaged")));
    }
    Ok(bytes)
}
