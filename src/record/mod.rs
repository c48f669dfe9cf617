//! The engine: creates, changes, deletes and restores records of any kind, and records an audit event of each write.
//!
//! A resource implements [`Resource`]; the order of the steps is defined here: find, lock, check the precondition, merge,
//! validate, save, cite, index, record the event.

pub mod bulk;
mod catalog;
pub mod citations;
pub mod deleted;
pub(crate) mod merge;
mod reading;
pub mod references;
mod resource;
mod tx;

use chrono::NaiveDate;
use serde_json::Value;

use crate::access::Role;
use crate::audit::{Action, Event};
use crate::db::backend::Edges;
use crate::db::backend::statement::{Bind, Statement};
use crate::db::reference::Kind;
use crate::db::{Conn, backend, search};
use crate::error::{Error, Fault, Faults, Problem, REFERRED_TO, Result};
use crate::model::types::{Code, Ref};
use crate::msg;
use deleted::refuse_reuse;
use merge::{Parts, differences, merge, writable};

pub use catalog::Catalog;
pub use reading::{each_page, for_bundle, load_all, search_bodies};
pub use resource::{Dated, Given, Record, Resource, scope, scope_of_reference};
pub use tx::Tx;

/// The context of a read: the date that computed figures hold for.
#[derive(Clone, Copy, Debug)]
pub struct ReadContext {
    /// The date that computed figures hold for.
    pub as_of: NaiveDate,
}

/// The precondition of a change (`If-Match`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// `*`: any version.
    Any,
    /// One of these versions.
    Versions(Vec<i64>),
}

/// Creates a record.
pub fn create<R: Resource>(tx: &mut Tx<'_>, new: R::New) -> Result<R::Read> {
    tx.actor.require_writer()?;
    // Checked first, because whether a code is taken must not be disclosed to callers who may not write here.
    if !tx.actor.writes_everywhere()
        && let Some(scope) = R::scope_of_new(tx.conn, &new)?
    {
        tx.actor.require_scope(&scope)?;
    }
    let id = save_whole::<R>(tx, None, new, Parts::ALL)?;
    let read = read_back::<R>(tx, id)?;
    let after = snapshot::<R>(&read)?;
    record_event(tx, R::KIND, id, Action::Create, None, None, Some(&after));
    Ok(read)
}

/// Changes a record by a merge patch (RFC 7396). A patch that changes nothing writes nothing and records no event.
pub fn update<R: Resource>(
    tx: &mut Tx<'_>,
    reference: &Ref,
    precondition: &Precondition,
    patch: &Value,
) -> Result<R::Read> {
    let (id, before) = lock::<R>(tx, reference, precondition)?;
    let old = writable(&tx.catalog.contract, R::NEW, &serde_json::to_value(&before)?);
    let mut merged = old.clone();
    merge(&mut merged, patch);
    R::settle_patch(&mut merged, &old, patch);
    tx.catalog.contract.validate(R::NEW, &merged)?;
    let reason = merged["reason"].as_str().map(str::to_owned);
    let new: R::New = serde_json::from_value(merged)?;
    let fields = differences(&old, &serde_json::to_value(&new)?);
    if fields.is_empty() {
        return Ok(before);
    }
    R::refuse_change(&before, &fields)?;
    save_whole::<R>(tx, Some((id, &before)), new, Parts::of(&fields))?;
    changed::<R>(tx, id, Action::Update, reason.as_deref(), &before)
}

/// Deletes a record that no other refers to.
pub fn delete<R: Resource>(tx: &mut Tx<'_>, reference: &Ref, precondition: &Precondition) -> Result<()> {
    let (id, before) = lock::<R>(tx, reference, precondition)?;
    R::refuse_deletion(&before)?;
    let mut faults = Faults::default();
    for kind in tx.catalog.kinds {
        let mut count = 0;
        for outgoing in kind.references_out().filter(|outgoing| outgoing.to.name == R::KIND.name) {
            count += outgoing.count(tx.conn, id)?;
        }
        let path = kind.path;
        if count > 0 && kind.is_confidential && tx.actor.role != Role::Admin {
            // Their number is visible to administrators only.
            faults.push("", "referred_to", msg!("被 {path} 引用。", "{path} refer to it"));
        } else if count > 0 {
            faults.push("", "referred_to", msg!("被 {path} 引用 {count} 次。", "{path} refer to it {count} times"));
        }
    }
    let cited = if R::KIND.is_cited() { citations::count_of_document(tx.conn, id)? } else { 0 };
    if cited > 0 {
        faults.push("", "referred_to", msg!("被 citations 引用 {cited} 次。", "citations refer to it {cited} times"));
    }
    if let Err(error) = faults.refuse() {
        return Err(Problem::conflict(REFERRED_TO, msg!("其他记录引用了此记录。", "Other records refer to this one."))
            .faults(error.problem().faults)
            .into());
    }
    citations::replace(tx.conn, R::KIND, id, Vec::new())?;
    backend::remove_search_text(tx.conn, (R::KIND.name, R::KIND.number, id))?;
    R::KIND.delete(tx.conn, id)?;
    let before = snapshot::<R>(&before)?;
    record_event(tx, R::KIND, id, Action::Delete, None, Some(&before), None);
    Ok(())
}

/// Locks a record for a change. Refuses callers who may not write it, and a failed precondition.
pub fn lock<R: Resource>(tx: &mut Tx<'_>, reference: &Ref, precondition: &Precondition) -> Result<(i64, R::Read)> {
    tx.actor.require_writer()?;
    let not_found = || Problem::not_found(R::KIND.name, &reference.0);
    let id = R::KIND.find(tx.conn, reference)?.ok_or_else(not_found)?;
    let version = R::KIND.lock(tx.conn, id)?.ok_or_else(not_found)?;
    // Checked before anything about the record is disclosed, even its version: the response to a patch that changes nothing
    // contains the whole record, with personal data.
    let scope = R::scope(tx.conn, id)?;
    tx.actor.require_scope(&scope)?;
    if let Precondition::Versions(versions) = precondition
        && !versions.contains(&version)
    {
        return Err(Problem::new(412, "precondition_failed", msg!("记录已被修改", "The record has changed"))
            .detail(msg!(
                "当前版本为 {version}；请重新读取后再修改。",
                "It is at version {version} now; read it again before changing it."
            ))
            .into());
    }
    Ok((id, read_back::<R>(tx, id)?))
}

/// Writes a record with its rows, code, citations and search text.
pub(super) fn save_whole<R: Resource>(
    tx: &mut Tx<'_>,
    before: Option<(i64, &R::Read)>,
    new: R::New,
    parts: Parts,
) -> Result<i64> {
    let code = R::code(&new).filter(|_| parts.code).cloned();
    let body = parts.text.then(|| search::spaced_apart(&R::texts(&new)));
    let mut faults = Faults::default();
    R::validate(&new, &mut faults);
    let cited = match parts.citations {
        true => Some(citations::resolve(tx, R::KIND.cites, &mut faults, R::citations(&new))?),
        false => None,
    };
    if let Some(code) = &code
        && faults.is_empty()
    {
        let id = before.map(|(id, _)| id).or_else(|| tx.restored().map(|restored| restored.id));
        refuse_reuse(tx.conn, R::KIND, code, id)?;
    }
    // Faults found so far are reported together with those that saving finds; either rolls the transaction back.
    let saved = R::save(tx, before, new);
    // A new row breaks a foreign key only by what it refers to.
    let saved = if before.is_none() { saved.map_err(of_deleted_reference) } else { saved };
    let id = match (saved, faults.is_empty()) {
        (saved, true) => saved?,
        (Err(Error::Problem(mut problem)), false) if problem.status == 422 => {
            faults.extend(std::mem::take(&mut problem.faults));
            return Err(faults.refuse().err().unwrap_or(Error::Problem(problem)));
        }
        (_, false) => {
            faults.refuse()?;
            return Err(Error::unexpected("faults that refuse nothing"));
        }
    };
    if let Some(restored) = tx.restored() {
        R::restore_own(tx, id, &restored.state)?;
    }
    if !tx.actor.writes_everywhere() {
        // The change may have moved the record to another pairing.
        let scope = R::scope(tx.conn, id)?;
        tx.actor.require_scope(&scope)?;
    }
    if let Some(code) = &code {
        keep_code(tx.conn, R::KIND, code, id)?;
    }
    if let Some(cited) = cited {
        match before {
            None => citations::insert(tx.conn, R::KIND, vec![(id, cited)])?,
            Some(_) => citations::replace(tx.conn, R::KIND, id, cited)?,
        }
    }
    if let Some(body) = body {
        let of = (R::KIND.name, R::KIND.number, id);
        match before {
            None => backend::add_search_text(tx.conn, of, &body)?,
            Some(_) => backend::put_search_text(tx.conn, of, &body)?,
        }
    }
    Ok(id)
}

/// The error of a foreign key while a record is saved: a record that it refers to was deleted after it was found.
fn of_deleted_reference(error: Error) -> Error {
    match error {
        Error::Problem(problem) if problem.code == REFERRED_TO => Problem::invalid(vec![Fault {
            pointer: String::new(),
            code: "unknown_reference",
            message: msg!("所引用的记录刚被删除。", "refers to a record that was deleted meanwhile"),
        }])
        .into(),
        error => error,
    }
}

/// Loads a record within the transaction.
pub(super) fn read_back<R: Resource>(tx: &mut Tx<'_>, id: i64) -> Result<R::Read> {
    let view = ReadContext { as_of: tx.today };
    R::load(tx.conn, &[id], view)?.pop().ok_or_else(|| Problem::not_found(R::KIND.name, &id.to_string()).into())
}

/// Records the audit event of a change, and returns the record as it is now.
pub fn changed<R: Resource>(
    tx: &mut Tx<'_>,
    id: i64,
    action: Action,
    reason: Option<&str>,
    before: &R::Read,
) -> Result<R::Read> {
    let after = read_back::<R>(tx, id)?;
    let (old, now) = (snapshot::<R>(before)?, snapshot::<R>(&after)?);
    record_event(tx, R::KIND, id, action, reason, Some(&old), Some(&now));
    Ok(after)
}

fn keep_code(conn: &mut Conn, kind: &Kind, code: &Code, id: i64) -> Result<()> {
    let sql = "INSERT INTO record_codes (entity, code, record_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    Statement::new(sql, [Bind::Text(kind.name.to_owned()), Bind::Text(code.0.clone()), Bind::Id(id)]).run(conn)?;
    Ok(())
}

/// A record's state for the audit log: all fields that are not computed.
pub fn snapshot<R: Resource>(read: &R::Read) -> Result<Value> {
    Ok(own_state::<R>(serde_json::to_value(read)?))
}

/// [`snapshot`] of a record that is JSON already.
pub(super) fn own_state<R: Resource>(mut read: Value) -> Value {
    if let Value::Object(fields) = &mut read {
        fields.retain(|name, _| !R::COMPUTED.contains(&name.as_str()));
    }
    read
}

/// Records the audit event of a write. Events are written at the end of the transaction.
pub fn record_event(
    tx: &mut Tx<'_>,
    kind: &'static Kind,
    id: i64,
    action: Action,
    reason: Option<&str>,
    before: Option<&Value>,
    after: Option<&Value>,
) {
    let code = after.or(before).and_then(|state| state["code"].as_str());
    let event = Event {
        record_id: Some(id),
        record_code: code.map(str::to_owned),
        reason: reason.map(str::to_owned),
        before: before.map(Value::to_string),
        after: after.map(Value::to_string),
        ..tx.event(action, kind.name)
    };
    tx.record_event(event);
}

/// Maximum number of records that a record may refer to through others. More than any real tree or plan has, and traversed in
/// a few milliseconds.
pub const REACHABLE_MAX: usize = 10_000;

/// Refuses new references of the record `id` to others of its kind from which the record itself, or more than
/// [`REACHABLE_MAX`] records, can be reached. References that it `had` were checked when they were created. Changes to the graph
/// of one kind are serialized, because two concurrent ones could close a cycle that neither sees.
pub fn no_cycle(
    conn: &mut Conn,
    faults: &mut Faults,
    kind: &Kind,
    edges: Edges,
    pointer: &str,
    id: i64,
    (had, refers_to): (&[i64], &[i64]),
) -> Result<()> {
    let new: Vec<i64> = refers_to.iter().copied().filter(|id| !had.contains(id)).collect();
    if new.is_empty() {
        return Ok(());
    }
    backend::lock_kind(conn, kind.name)?;
    let most = REACHABLE_MAX + 1;
    let reached = backend::reachable(conn, edges, &new, i64::try_from(most).map_err(Error::unexpected)?)?;
    if reached.contains(&id) {
        faults.push(pointer, "cycle", msg!("会形成循环引用。", "would lead back to the record itself"));
    } else if reached.len() == most {
        faults.push(
            pointer,
            "too_many_reached",
            msg!(
                "经由其他记录引用的记录超过 {REACHABLE_MAX} 条。",
                "leads to more than {REACHABLE_MAX} records, directly or through others"
            ),
        );
    }
    Ok(())
}
