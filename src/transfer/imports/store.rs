//! Queries and writes of imports.

use std::fs::File;
use std::io::{Read, Seek, Write};

use diesel::prelude::*;

use super::types::{Import, ImportFilter, ImportStaleLine};
use super::{Status, redaction};
use crate::access::{Actor, Role, Visibility};
use crate::db::Conn;
use crate::db::page::{PageIds, PageRequest, key_value};
use crate::db::reference::References;
use crate::db::schema::{import_faults, import_lines, import_pieces, imports};
use crate::error::{Error, Problem, Result};
use crate::model::text::Text;
use crate::model::types::{Instant, Ref};
use crate::record::Tx;
use crate::record::bulk::Mode;
use crate::resources::pairings;
use crate::transfer::format::Format;
use crate::transfer::plan::ImportCounts;

/// Bytes of one stored piece of a file.
const PIECE: usize = 256 * 1024;
/// The most files that are stored for one caller; a new file replaces the oldest.
const FILES_OF_ONE: i64 = 20;

#[derive(Queryable, Selectable)]
#[diesel(table_name = imports)]
pub struct Row {
    pub id: i64,
    pub created_at: Instant,
    pub updated_at: Instant,
    pub actor: String,
    pub actor_id: String,
    pub file_name: Option<String>,
    pub format: Format,
    pub resource: Option<String>,
    pub byte_size: i64,
    pub sha256: String,
    pub mode: Mode,
    pub prune_json: String,
    pub status: Status,
    pub run: Option<String>,
    pub records: Option<i64>,
    pub done: i64,
    pub creates: Option<i64>,
    pub updates: Option<i64>,
    pub unchanged: Option<i64>,
    pub deletes: Option<i64>,
    pub refused: Option<i64>,
    pub errors: Option<i64>,
    pub warnings: Option<i64>,
    pub state_sha256: Option<String>,
    pub planned_at: Option<Instant>,
    pub applied_at: Option<Instant>,
    pub failure_zh: Option<String>,
    pub failure_en: Option<String>,
    pub stale_json: Option<String>,
    pub restore: bool,
    pub restores: Option<i64>,
    pub ignore_unknown_columns: bool,
}

/// An uploaded file.
pub struct Upload {
    pub file: File,
    pub file_name: Option<String>,
    pub format: Format,
    pub resource: Option<String>,
    pub byte_size: u64,
    pub sha256: String,
    pub mode: Mode,
    pub restore: bool,
    /// Ids of pairings.
    pub prune: Vec<i64>,
    pub ignore_unknown_columns: bool,
    /// Id of the run that plans it.
    pub run: String,
}

/// Stores a file with the id of the run that is to plan it.
pub fn create(tx: &mut Tx<'_>, upload: Upload) -> Result<Import> {
    let Upload { mut file, file_name, format, resource, byte_size, sha256, run, .. } = upload;
    let actor_id = tx.actor.identity.to_string();
    let id: i64 = diesel::insert_into(imports::table)
        .values((
            (imports::created_at.eq(tx.now), imports::updated_at.eq(tx.now)),
            (imports::actor.eq(&tx.actor.name), imports::actor_id.eq(&actor_id)),
            imports::file_name.eq(file_name),
            imports::format.eq(format),
            imports::resource.eq(resource),
            imports::byte_size.eq(i64::try_from(byte_size).map_err(Error::unexpected)?),
            imports::sha256.eq(sha256),
            (imports::mode.eq(upload.mode), imports::restore.eq(upload.restore)),
            imports::ignore_unknown_columns.eq(upload.ignore_unknown_columns),
            imports::prune_json.eq(serde_json::to_string(&upload.prune)?),
            imports::status.eq(Status::Planning),
            imports::run.eq(Some(run)),
            imports::done.eq(0),
        ))
        .returning(imports::id)
        .get_result(tx.conn)?;
    file.rewind().map_err(Error::unexpected)?;
    let mut piece = Vec::with_capacity(PIECE);
    for position in 0_i32.. {
        piece.clear();
        (&mut file).take(PIECE as u64).read_to_end(&mut piece).map_err(Error::unexpected)?;
        if piece.is_empty() {
            break;
        }
        diesel::insert_into(import_pieces::table)
            .values((
                import_pieces::import_id.eq(id),
                import_pieces::position.eq(position),
                import_pieces::bytes.eq(&piece),
            ))
            .execute(tx.conn)?;
    }
    remove_old_files(tx.conn, &actor_id)?;
    let row = row(tx.conn, id)?.ok_or_else(|| Error::unexpected("a new import was not found"))?;
    read(tx.conn, &tx.actor.visibility(), vec![row])?
        .pop()
        .ok_or_else(|| Error::unexpected("a new import was not found"))
}

/// Removes the files, lines and faults of all but the newest imports of a caller. Their rows with the counts stay.
fn remove_old_files(conn: &mut Conn, actor_id: &str) -> Result<()> {
    let newest: Vec<i64> = imports::table
        .filter(imports::actor_id.eq(actor_id))
        .order(imports::id.desc())
        .limit(FILES_OF_ONE)
        .select(imports::id)
        .load(conn)?;
    let Some(oldest) = newest.last().filter(|_| newest.len() as i64 == FILES_OF_ONE) else { return Ok(()) };
    let older = imports::table.filter(imports::actor_id.eq(actor_id).and(imports::id.lt(*oldest))).select(imports::id);
    diesel::delete(import_pieces::table.filter(import_pieces::import_id.eq_any(older))).execute(conn)?;
    diesel::delete(import_lines::table.filter(import_lines::import_id.eq_any(older))).execute(conn)?;
    diesel::delete(import_faults::table.filter(import_faults::import_id.eq_any(older))).execute(conn)?;
    Ok(())
}

/// Whether the file of an import is still stored.
pub fn has_file(conn: &mut Conn, id: i64) -> Result<bool> {
    let first = import_pieces::table.find((id, 0)).select(import_pieces::import_id).first::<i64>(conn).optional()?;
    Ok(first.is_some())
}

/// Writes the file of an import to another file. Returns whether it is still stored.
pub fn write_file(conn: &mut Conn, id: i64, file: &mut File) -> Result<bool> {
    for position in 0_i32.. {
        let piece: Option<Vec<u8>> =
            import_pieces::table.find((id, position)).select(import_pieces::bytes).first(conn).optional()?;
        let Some(piece) = piece else { return Ok(position > 0) };
        file.write_all(&piece).map_err(|e| Error::Unavailable(format!("cannot write a temporary file: {e}")))?;
    }
    Ok(true)
}

pub fn row(conn: &mut Conn, id: i64) -> Result<Option<Row>> {
    Ok(imports::table.find(id).select(Row::as_select()).first(conn).optional()?)
}

/// Finds an import that the actor may see: its sender and administrators. For others it does not exist.
pub fn find_visible(conn: &mut Conn, actor: &Actor, id: &str) -> Result<Row> {
    let found = match id.parse() {
        Ok(number) => row(conn, number)?,
        Err(_) => None,
    };
    found
        .filter(|row| actor.role == Role::Admin || row.actor_id == actor.identity.to_string())
        .ok_or_else(|| Problem::not_found("import", id).into())
}

/// Converts rows to imports, redacted for the reader.
pub fn read(conn: &mut Conn, visibility: &Visibility, rows: Vec<Row>) -> Result<Vec<Import>> {
    let mut references = References::default();
    let mut pruned = Vec::with_capacity(rows.len());
    for row in &rows {
        let ids: Vec<i64> = serde_json::from_str(&row.prune_json)?;
        ids.iter().for_each(|id| references.want(&pairings::KIND, *id));
        pruned.push(ids);
    }
    references.load(conn)?;
    rows.into_iter()
        .zip(pruned)
        .map(|(row, pruned)| {
            let counts = row.counts();
            let mut stale: Vec<ImportStaleLine> = match &row.stale_json {
                Some(json) => serde_json::from_str(json)?,
                None => Vec::new(),
            };
            redaction::redact(conn, visibility, &mut stale)?;
            Ok(Import {
                id: row.id,
                created_at: row.created_at,
                updated_at: row.updated_at,
                sent_by: row.actor,
                file_name: row.file_name,
                format: row.format,
                resource: row.resource,
                byte_size: row.byte_size,
                sha256: row.sha256,
                mode: row.mode,
                restore: row.restore,
                prune: pruned.into_iter().map(|id| references.get(&pairings::KIND, id)).collect(),
                ignore_unknown_columns: row.ignore_unknown_columns,
                status: row.status,
                records: row.records,
                done: row.done,
                counts,
                state_sha256: row.state_sha256,
                planned_at: row.planned_at,
                applied_at: row.applied_at,
                failure: Text::optional(row.failure_zh, row.failure_en),
                stale,
            })
        })
        .collect()
}

impl Row {
    fn counts(&self) -> Option<ImportCounts> {
        Some(ImportCounts {
            create: self.creates?,
            update: self.updates?,
            unchanged: self.unchanged?,
            delete: self.deletes?,
            restore: self.restores?,
            refused: self.refused?,
            errors: self.errors?,
            warnings: self.warnings?,
        })
    }
}

/// The ids of a page of imports that the actor may see.
pub fn page(conn: &mut Conn, actor: &Actor, filter: &ImportFilter, page: &PageRequest) -> Result<PageIds> {
    let filtered = || {
        let mut query = imports::table.into_boxed();
        if actor.role != Role::Admin {
            query = query.filter(imports::actor_id.eq(actor.identity.to_string()));
        }
        if !filter.status.is_empty() {
            query = query.filter(imports::status.eq_any(&filter.status));
        }
        query
    };
    let total = if page.count { Some(filtered().count().get_result(conn)?) } else { None };
    let mut query = filtered();
    if let Some(after) = &page.after {
        query = query.filter(imports::id.lt(key_value::<i64>(after)?));
    }
    let ids: Vec<i64> = query.order(imports::id.desc()).limit(page.limit + 1).select(imports::id).load(conn)?;
    Ok(PageIds::cut(ids.into_iter().map(|id| (id, id.to_string())).collect(), page.limit, total))
}

/// Loads imports by id, newest first.
pub fn load(conn: &mut Conn, visibility: &Visibility, ids: &[i64]) -> Result<Vec<Import>> {
    let rows: Vec<Row> =
        imports::table.filter(imports::id.eq_any(ids)).order(imports::id.desc()).select(Row::as_select()).load(conn)?;
    read(conn, visibility, rows)
}

/// The pairings to prune.
pub fn pruned(row: &Row) -> Result<Vec<Ref>> {
    let ids: Vec<i64> = serde_json::from_str(&row.prune_json)?;
    Ok(ids.into_iter().map(|id| Ref(id.to_string())).collect())
}
