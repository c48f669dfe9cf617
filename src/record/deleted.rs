//! Deleted records: their last state in the audit log, the refusal to reuse their codes, and their restoration.
//!
//! The event of a deletion holds the record as it was deleted. A restored record has the same id and code, the next
//! version, and all fields in the event; what the event does not contain (the bytes of a document's file) is lost.
//! A record is restored only if the records that it refers to exist.

use std::collections::HashMap;

use chrono::SecondsFormat;
use diesel::prelude::*;
use serde_json::Value;

use super::merge::{Parts, writable};
use super::tx::Restored;
use super::{self as record, Resource, Tx};
use crate::audit::records::{decoded, id_of};
use crate::audit::{Action, pending};
use crate::db::reference::{Kind, Kinds};
use crate::db::schema::{audit_events, record_codes};
use crate::db::{Conn, backend};
use crate::error::{Error, Fault, Problem, Result, taken};
use crate::model::sheet::Sheet;
use crate::model::text::Msg;
use crate::model::types::{Code, Instant, Ref};
use crate::msg;
use crate::record::references;

/// The deletion of a record that does not exist any more.
#[derive(Debug)]
pub struct Deletion {
    /// The record's id.
    pub id: i64,
    /// When it was deleted.
    pub at: Instant,
    /// The name of the key that deleted it.
    pub actor: String,
    /// The record as it was deleted, without computed fields.
    pub state: Value,
}

/// The deletion of a record; `None` where it exists, never existed, or was deleted by an event that cannot be decoded.
pub fn find(conn: &mut Conn, kind: &'static Kind, id: i64) -> Result<Option<Deletion>> {
    pending::settle(conn, kind, id)?;
    type Last = (i64, Action, Instant, String, Option<String>);
    let last: Option<Last> = audit_events::table
        .filter(audit_events::entity.eq(kind.name).and(audit_events::record_id.eq(id)))
        .order(audit_events::id.desc())
        .select((
            audit_events::id,
            audit_events::action,
            audit_events::at,
            audit_events::actor,
            audit_events::before_json,
        ))
        .first(conn)
        .optional()?;
    let Some((event, Action::Delete, at, actor, Some(before))) = last else { return Ok(None) };
    Ok(decoded(event, &before).map(|state| Deletion { id, at, actor, state }))
}

/// Returns those of the codes that belong or belonged to a deleted record, with its id.
pub fn by_code(conn: &mut Conn, kind: &'static Kind, codes: &[&str]) -> Result<HashMap<String, i64>> {
    let mut held: HashMap<String, i64> = record_codes::table
        .filter(record_codes::entity.eq(kind.name).and(record_codes::code.eq_any(codes)))
        .select((record_codes::code, record_codes::record_id))
        .load(conn)?
        .into_iter()
        .collect();
    let ids: Vec<i64> = held.values().copied().collect();
    let existing: Vec<i64> = kind.made(conn, &ids)?.into_iter().map(|(id, ..)| id).collect();
    held.retain(|_, id| !existing.contains(id));
    Ok(held)
}

/// Refuses a code that another record has or had. Codes are never reused, so that a link in an old report never leads to
/// another record.
pub fn refuse_reuse(conn: &mut Conn, kind: &'static Kind, code: &Code, id: Option<i64>) -> Result<()> {
    let holder: Option<i64> =
        record_codes::table.find((&code.0, kind.name)).select(record_codes::record_id).first(conn).optional()?;
    let Some(holder) = holder.filter(|holder| Some(*holder) != id) else { return Ok(()) };
    let (detail, fault) = match find(conn, kind, holder)? {
        Some(deletion) => {
            let message = deletion.message(kind);
            let Msg { zh, en } = &message;
            (msg!("{zh}", "The code {en}."), Fault { pointer: "/code".to_owned(), code: "deleted", message })
        }
        None => (msg!("代码已被使用过。", "The code is taken, now or in the past."), taken("/code")),
    };
    Err(Problem::conflict("already_exists", detail).faults(vec![fault]).into())
}

impl Deletion {
    /// When and by whom the record was deleted, and how a client can restore it.
    fn message(&self, kind: &Kind) -> Msg {
        let Deletion { id, actor, .. } = self;
        let at = self.at.utc().to_rfc3339_opts(SecondsFormat::Secs, true);
        let path = kind.path;
        if !kind.is_restorable {
            return msg!(
                "此代码属于 {actor} 于 {at} 删除的记录；代码不会再次使用，请改用其他代码。",
                "belonged to a record that {actor} deleted at {at}; codes are never reused: choose another code"
            );
        }
        msg!(
            "此代码属于 {actor} 于 {at} 删除的记录。代码不会再次使用：请改用其他代码，或恢复该记录\
             （POST /api/v1/{path}/{id}/restore；导入时设 restore=true）。",
            "belonged to a record that {actor} deleted at {at}. Codes are never reused: choose another code, or restore the \
             record (POST /api/v1/{path}/{id}/restore; in an import, restore=true)"
        )
    }
}

/// Restores a deleted record as it was deleted.
///
/// 404 where no such record ever existed, 409 where it exists or where another record has a value that must be unique, 422
/// where a record that it refers to does not exist.
pub fn restore<R: Resource>(tx: &mut Tx<'_>, reference: &Ref) -> Result<R::Read> {
    tx.actor.require_writer()?;
    let not_found = || Problem::not_found(R::KIND.name, &reference.0);
    if let Some(id) = reference.id() {
        pending::settle(tx.conn, R::KIND, id)?;
    }
    let id = id_of(tx.conn, R::KIND, reference)?.ok_or_else(not_found)?;
    // Serializes two restorations of one record.
    backend::lock_kind(tx.conn, &format!("{} {id}", R::KIND.name))?;
    let Some(deletion) = find(tx.conn, R::KIND, id)? else { return Err(refuse_existing::<R>(tx, id)?) };
    tx.actor.require_scope(&R::scope_of_state(&deletion.state))?;

    let mut state = deletion.state.clone();
    R::complete(&mut state);
    if let Some(sheet) = R::SHEET {
        rename(tx.conn, tx.catalog.kinds, sheet, &mut state)?;
    }
    let document = writable(&tx.catalog.contract, R::NEW, &state);
    tx.catalog.contract.validate(R::NEW, &document)?;
    let new: R::New = serde_json::from_value(document)?;
    let restored = Restored::new(&deletion)?;
    let saved = tx.restoring(restored, |tx| record::save_whole::<R>(tx, None, new, Parts::ALL));
    saved.map_err(|error| name_missing(error, &deletion))?;
    let read = record::read_back::<R>(tx, id)?;
    let after = record::snapshot::<R>(&read)?;
    record::record_event(tx, R::KIND, id, Action::Restore, None, None, Some(&after));
    Ok(read)
}

/// The refusal for a record that is not deleted; an error of its own for a caller that may not write it.
fn refuse_existing<R: Resource>(tx: &mut Tx<'_>, id: i64) -> Result<Error> {
    if !R::KIND.exists(tx.conn, id)? {
        return Ok(Problem::not_found(R::KIND.name, &id.to_string()).into());
    }
    let scope = R::scope(tx.conn, id)?;
    tx.actor.require_scope(&scope)?;
    let detail = msg!("此记录未被删除，无须恢复。", "The record is not deleted, so it cannot be restored.");
    Ok(Problem::conflict("not_deleted", detail).into())
}

/// Replaces the references of a record by the current codes of the records that they refer to, because codes may have changed
/// since the deletion.
fn rename(conn: &mut Conn, kinds: Kinds, sheet: &Sheet, state: &mut Value) -> Result<()> {
    references::each(kinds, sheet, state, &mut |kind, reference| {
        let Some(id) = reference["id"].as_i64() else { return Ok(()) };
        if let Some((_, code, _)) = kind.made(conn, &[id])?.pop() {
            *reference = Value::String(code.unwrap_or_else(|| id.to_string()));
        }
        Ok(())
    })
}

/// Reports the records that the deleted one refers to and that no longer exist.
fn name_missing(error: Error, deletion: &Deletion) -> Error {
    let Error::Problem(mut problem) = error else { return error };
    for fault in problem.faults.iter_mut().filter(|fault| fault.code == "unknown_reference") {
        let reference = deletion.state.pointer(&fault.pointer).filter(|reference| reference["id"].is_i64());
        let Some(reference) = reference else { continue };
        let name = &reference["name"];
        let zh = name["zh"].as_str().unwrap_or_default();
        let en = name["en"].as_str().unwrap_or(zh);
        let key = reference["code"].as_str().map_or_else(|| reference["id"].to_string(), str::to_owned);
        fault.message = msg!(
            "所引用的“{zh}”（{key}）已不存在；请先恢复它。",
            "refers to \"{en}\" ({key}), which does not exist any more; restore it first"
        );
    }
    Error::Problem(problem)
}
