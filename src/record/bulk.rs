//! Writes many records of one kind at once, for imports. Existing records are read with one query, new ones are inserted with
//! few statements. A record with a fault is created by itself, so that its faults are the same as those of a single request.

mod updates;

use std::collections::HashMap;

use diesel::prelude::*;
use serde::de::Deserialize;
use serde_json::Value;

use super::citations::{self, Cited};
use super::{self as record, ReadContext, Resource, Tx, deleted};
use crate::access::{PAIRING, Scope};
use crate::audit::Action;
use crate::db::page::PageRequest;
use crate::db::schema::record_codes;
use crate::db::{Conn, backend, search, surrogate_code};
use crate::error::{Error, Fault, Faults, Problem, Result};
use crate::model::sheet::Sheet;
use crate::model::types::{Code, Ref};
use crate::validation::Contract;
use crate::{insert_all, msg, text_enum};
use updates::Compared;

text_enum! {
    /// What an import may do to existing records.
    Mode as "ImportMode" {
        /// 新增或更新: creates records that do not exist, and makes existing ones equal to the file.
        Upsert => "upsert",
        /// 仅新增: creates only; an existing record is a fault.
        Create => "create",
    }
}

/// What an import may do to records that exist or existed.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    pub mode: Mode,
    /// Whether a code of a deleted record restores it.
    pub restore: bool,
}

/// The outcome for one record.
#[derive(Clone, Debug, PartialEq)]
pub enum Done {
    Created,
    /// The fields that changed, and the version before.
    Updated(Vec<Change>, i64),
    /// The fields that differ from the record as it was deleted, and the version that was deleted.
    Restored(Vec<Change>, i64),
    /// The current version.
    Unchanged(i64),
}

/// A field that changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub field: String,
    pub before: Value,
    pub after: Value,
}

/// An existing record.
#[derive(Clone, Debug)]
pub struct Held {
    pub id: i64,
    /// Its surrogate code if it has no code.
    pub code: String,
    pub version: i64,
}

/// Creates the records with these codes, or makes existing ones equal to them. A list must not contain a code twice, and no record
/// may refer to another of the list.
pub fn put_all<R: Resource>(
    tx: &mut Tx<'_>,
    sheet: &Sheet,
    policy: Policy,
    records: &[(&str, &Value)],
) -> Result<Vec<Result<Done>>> {
    tx.actor.require_writer()?;
    let codes: Vec<&str> = records.iter().map(|(code, _)| *code).collect();
    let mut found: HashMap<String, i64> = R::KIND.find_codes(tx.conn, &codes)?.into_iter().collect();
    for code in codes.into_iter().filter(|code| surrogate_code::has_shape(R::KIND, code)) {
        if !found.contains_key(code)
            && let Some(id) = surrogate_code::find(tx.conn, R::KIND, code)?
        {
            found.insert(code.to_owned(), id);
        }
    }
    let ids: Vec<i64> = found.values().copied().collect();
    let mut present = load_by_id::<R>(tx, &ids)?;

    let mut done: Vec<Option<Result<Done>>> = records.iter().map(|_| None).collect();
    let (mut new, mut changing) = (Vec::new(), Vec::new());
    for (index, (code, document)) in records.iter().enumerate() {
        match found.get(*code).and_then(|id| present.remove(id).map(|read| (*id, read))) {
            None => new.push(index),
            Some(_) if policy.mode == Mode::Create => done[index] = Some(Err(already_exists())),
            Some((id, read)) => match updates::compare::<R>(tx, sheet, id, read, document)? {
                Compared::Done(outcome) => done[index] = Some(outcome),
                Compared::Differs(update) => changing.push((index, *update)),
            },
        }
    }
    let (indexes, updates): (Vec<usize>, Vec<_>) = changing.into_iter().unzip();
    for (index, updated) in indexes.into_iter().zip(updates::update_together::<R>(tx, updates)?) {
        done[index] = Some(updated);
    }
    if policy.restore {
        let codes: Vec<&str> = new.iter().map(|index| records[*index].0).collect();
        let deleted = deleted::by_code(tx.conn, R::KIND, &codes)?;
        for index in new.extract_if(.., |index| deleted.contains_key(records[*index].0)) {
            let (code, document) = records[index];
            done[index] = Some(restore_line::<R>(tx, sheet, deleted[code], document)?);
        }
    }
    let documents: Vec<&Value> = new.iter().map(|index| records[*index].1).collect();
    for (index, created) in new.into_iter().zip(create_all::<R>(tx, &documents)?) {
        done[index] = Some(created.map(|()| Done::Created));
    }
    Ok(done.into_iter().flatten().collect())
}

fn load_by_id<R: Resource>(tx: &mut Tx<'_>, ids: &[i64]) -> Result<HashMap<i64, R::Read>> {
    let read = R::load(tx.conn, ids, ReadContext { as_of: tx.today })?;
    Ok(read.into_iter().map(|read| (R::id_and_version(&read).0, read)).collect())
}

/// A [`Result`] whose outer error ends the whole work and whose inner error is a problem of one record.
type Outcome<T> = Result<Result<T>>;

fn own_fault<T>(result: Result<T>) -> Outcome<T> {
    match result {
        Err(Error::Problem(problem)) => Ok(Err(Error::Problem(problem))),
        Err(error) => Err(error),
        Ok(value) => Ok(Ok(value)),
    }
}

/// Restores a deleted record, and then makes it equal to a document: the rules of a change hold for the difference.
fn restore_line<R: Resource>(tx: &mut Tx<'_>, sheet: &Sheet, id: i64, document: &Value) -> Outcome<Done> {
    own_fault(tx.savepoint(|tx| {
        let read = deleted::restore::<R>(tx, &Ref(id.to_string()))?;
        let (_, version) = R::id_and_version(&read);
        let update = match updates::compare::<R>(tx, sheet, id, read, document)? {
            Compared::Done(outcome) => return outcome.map(|_| Done::Restored(Vec::new(), version - 1)),
            Compared::Differs(update) => *update,
        };
        let updated = updates::update_together::<R>(tx, vec![update])?.pop();
        Ok(match updated.transpose()? {
            Some(Done::Updated(changes, _)) => Done::Restored(changes, version - 1),
            _ => Done::Restored(Vec::new(), version - 1),
        })
    }))
}

fn create_all<R: Resource>(tx: &mut Tx<'_>, documents: &[&Value]) -> Result<Vec<Result<()>>> {
    // Only a concurrent write can make one of them fail here; creating them one by one finds which. On SQLite a savepoint would
    // keep all changed pages in memory until the end of the transaction.
    let together = if tx.conn.is_sqlite() {
        create_together::<R>(tx, documents)?
    } else {
        match tx.savepoint(|tx| create_together::<R>(tx, documents)) {
            Err(Error::Problem(_)) => documents.iter().map(|_| false).collect(),
            other => other?,
        }
    };
    documents
        .iter()
        .zip(together)
        .map(|(document, is_created)| {
            if is_created {
                return Ok(Ok(()));
            }
            own_fault(tx.savepoint(|tx| record::create::<R>(tx, R::New::deserialize(*document)?)))
                .map(|done| done.map(drop))
        })
        .collect()
}

/// The parts of a new record that its resource does not save itself.
struct Draft {
    /// Its index in the list.
    index: usize,
    code: Option<Code>,
    /// The text that `q` searches.
    text: String,
    cited: Vec<Cited>,
}

/// Creates the records without faults that need no individual handling; returns for each whether it was created.
fn create_together<R: Resource>(tx: &mut Tx<'_>, documents: &[&Value]) -> Result<Vec<bool>> {
    let mut is_created = vec![false; documents.len()];
    let codes: Vec<&str> = documents.iter().filter_map(|document| document["code"].as_str()).collect();
    let used: Vec<String> = record_codes::table
        .filter(record_codes::entity.eq(R::KIND.name).and(record_codes::code.eq_any(codes)))
        .select(record_codes::code)
        .load(tx.conn)?;
    let (mut news, mut drafts) = (Vec::new(), Vec::new());
    for (index, document) in documents.iter().enumerate() {
        let new = R::New::deserialize(*document)?;
        let mut faults = Faults::default();
        R::validate(&new, &mut faults);
        let cited = citations::resolve(tx, R::KIND.cites, &mut faults, R::citations(&new))?;
        let code = R::code(&new).cloned();
        let is_used = code.as_ref().is_some_and(|code| used.contains(&code.0));
        if faults.is_empty() && !is_used && may_create::<R>(tx, &new)? {
            drafts.push(Draft { index, code, text: search::spaced_apart(&R::texts(&new)), cited });
            news.push(new);
        }
    }
    let ids = R::save_together(tx, news)?;
    let (mut codes, mut texts, mut sources, mut saved) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (id, Draft { index, code, text, cited }) in ids.into_iter().zip(drafts) {
        let Some(id) = id else { continue };
        is_created[index] = true;
        saved.push(id);
        texts.push((id, text));
        sources.push((id, cited));
        codes.extend(code.map(|code| {
            (record_codes::entity.eq(R::KIND.name), record_codes::code.eq(code.0), record_codes::record_id.eq(id))
        }));
    }
    if saved.is_empty() {
        return Ok(is_created);
    }
    insert_all!(tx.conn, record_codes::table, &codes)?;
    citations::insert(tx.conn, R::KIND, sources)?;
    backend::add_search_texts(tx.conn, R::KIND.name, R::KIND.number, &texts)?;
    let view = ReadContext { as_of: tx.today };
    for read in R::load(tx.conn, &saved, view)? {
        let (id, _) = R::id_and_version(&read);
        let after = record::snapshot::<R>(&read)?;
        record::record_event(tx, R::KIND, id, Action::Create, None, None, Some(&after));
    }
    Ok(is_created)
}

/// Whether the caller may write in the record's pairing; if not, creating it individually reports that.
fn may_create<R: Resource>(tx: &mut Tx<'_>, new: &R::New) -> Result<bool> {
    if tx.actor.writes_everywhere() {
        return Ok(true);
    }
    let scope = R::scope_of_new(tx.conn, new)?;
    Ok(scope.is_some_and(|scope| tx.actor.require_scope(&scope).is_ok()))
}

/// Visits each record that belongs to a pairing; none for kinds whose records belong to no pairing.
pub fn each_of_pairing<R: Resource>(
    conn: &mut Conn,
    contract: &Contract,
    pairing: i64,
    view: ReadContext,
    visit: &mut dyn FnMut(&mut Conn, Value) -> Result<()>,
) -> Result<()> {
    let list = format!("list{}", R::KIND.plural_id());
    if R::KIND.name == PAIRING {
        let read = R::load(conn, &[pairing], view)?;
        return read.into_iter().try_for_each(|read| visit(conn, serde_json::to_value(read)?));
    }
    // A list without this filter parameter would contain all records.
    let Ok(filter) = contract.query(&list, &format!("pairing={pairing}")) else { return Ok(()) };
    let filter = R::Filter::deserialize(filter)?;
    let mut after = None;
    loop {
        let request = PageRequest { limit: 500, after, count: false, list: String::new() };
        let page = R::page(conn, &filter, &request, view)?;
        for read in R::load(conn, &page.ids, view)? {
            visit(conn, serde_json::to_value(read)?)?;
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// The records that belong to a pairing and to nothing else.
pub fn of_pairing<R: Resource>(tx: &mut Tx<'_>, pairing: i64) -> Result<Vec<Held>> {
    let (catalog, view) = (tx.catalog.clone(), ReadContext { as_of: tx.today });
    let mut held = Vec::new();
    each_of_pairing::<R>(tx.conn, &catalog.contract, pairing, view, &mut |conn, mut read| {
        surrogate_code::name(R::KIND, &mut read);
        let (Some(id), Some(version)) = (read["id"].as_i64(), read["version"].as_i64()) else {
            return Err(Error::unexpected("a record without id and version"));
        };
        if R::KIND.name != PAIRING && R::scope(conn, id)? == Scope::Pairing(pairing) {
            held.push(Held { id, code: read["code"].as_str().unwrap_or_default().to_owned(), version });
        }
        Ok(())
    })?;
    Ok(held)
}

fn already_exists() -> Error {
    let message = msg!("记录已存在；只新增时不能更新。", "is there already, which creating alone does not change");
    let fault = Fault { pointer: "/code".to_owned(), code: "already_exists", message };
    Problem::conflict("already_exists", msg!("记录已存在。", "The record is there already.")).faults(vec![fault]).into()
}
