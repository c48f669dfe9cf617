//! Records that are there and are made equal to documents, many at once.

use std::collections::HashMap;

use serde::de::Deserialize;
use serde_json::Value;

use super::{Change, Done, own_fault};
use crate::db::types::Ref;
use crate::db::{backend, search};
use crate::error::{Error, Result};
use crate::history::Action;
use crate::resources::merge::{Parts, differences, merge, writable};
use crate::resources::record::{self, Precondition, Resource, Tx, View};
use crate::transfer::references;
use crate::transfer::sheet::Sheet;

/// A record that a document would change.
pub struct Update<R: Resource> {
    id: i64,
    version: i64,
    before: R::Read,
    patch: Value,
    /// The record with the patch applied; `None` where that is not even a record by its types.
    merged: Option<Value>,
    changes: Vec<Change>,
}

/// What a comparison of a record with a document comes to.
pub enum Compared<R: Resource> {
    Done(Result<Done>),
    Differs(Box<Update<R>>),
}

/// Compares a record with a document, field by field: what the document leaves unsaid stays.
pub fn compare<R: Resource>(
    tx: &mut Tx<'_>,
    sheet: &Sheet,
    id: i64,
    before: R::Read,
    document: &Value,
) -> Result<Compared<R>> {
    // Whether a document differs from a record is no business of who may not write that.
    if !tx.actor.writes_everywhere() {
        let scope = R::scope(tx.conn, id)?;
        if let Err(error) = tx.actor.require_scope(&scope) {
            return Ok(Compared::Done(Err(error)));
        }
    }
    let (_, version) = R::id_and_version(&before);
    let old = writable(tx.contract, R::NEW, &serde_json::to_value(&before)?);
    let mut patch = document.clone();
    references::settle(tx.conn, sheet, &mut patch)?;
    // Who has no code was found by the one that stands in for it, and stays without.
    if old["code"].is_null()
        && let Some(fields) = patch.as_object_mut()
    {
        fields.shift_remove("code");
    }
    let mut merged = old.clone();
    merge(&mut merged, &patch);
    R::settle_patch(&mut merged, &old, &patch);
    let Ok(new) = R::New::deserialize(&merged) else {
        // Said again, and better, by the change itself.
        let update = Update { id, version, before, patch, merged: None, changes: Vec::new() };
        return Ok(Compared::Differs(Box::new(update)));
    };
    let new = serde_json::to_value(new)?;
    let change = |field: String| {
        let (before, after) = (old[&field].clone(), new[&field].clone());
        Change { field, before, after }
    };
    let changes: Vec<Change> = differences(&old, &new).into_iter().map(change).collect();
    Ok(if changes.is_empty() {
        Compared::Done(Ok(Done::Unchanged(version)))
    } else {
        Compared::Differs(Box::new(Update { id, version, before, patch, merged: Some(merged), changes }))
    })
}

/// Changes records; those that are refused are left as they were. What they are afterwards is indexed and read for all at once.
pub fn update_together<R: Resource>(tx: &mut Tx<'_>, updates: Vec<Update<R>>) -> Result<Vec<Result<Done>>> {
    let mut outcomes = Vec::with_capacity(updates.len());
    for update in &updates {
        outcomes.push(own_fault(tx.savepoint(|tx| save(tx, update)))?);
    }
    let (mut ids, mut texts) = (Vec::new(), Vec::new());
    for (update, outcome) in updates.iter().zip(&mut outcomes) {
        if let Ok(Saved::Record(text)) = outcome {
            ids.push(update.id);
            texts.push((update.id, std::mem::take(text)));
        }
    }
    backend::put_search_texts(tx.conn, R::KIND.name, R::KIND.number, &texts)?;
    let mut after: HashMap<i64, R::Read> = if ids.is_empty() {
        HashMap::new()
    } else {
        let read = R::load(tx.conn, &ids, View { as_of: tx.today })?;
        read.into_iter().map(|read| (R::id_and_version(&read).0, read)).collect()
    };
    let mut done = Vec::with_capacity(updates.len());
    for (update, outcome) in updates.into_iter().zip(outcomes) {
        let Update { id, version, before, merged, changes, .. } = update;
        if let Ok(Saved::Record(_)) = outcome {
            let after = after.remove(&id).ok_or_else(|| Error::unexpected("a record that was changed is gone"))?;
            let reason = merged.as_ref().and_then(|merged| merged["reason"].as_str());
            let (old, now) = (record::snapshot::<R>(&before)?, record::snapshot::<R>(&after)?);
            record::remember(tx, R::KIND, id, Action::Update, reason, Some(&old), Some(&now));
        }
        done.push(outcome.map(|_| Done::Updated(changes, version)));
    }
    Ok(done)
}

/// What is written of a change.
enum Saved {
    /// All of it.
    Whole,
    /// The record; its new text for `q` and its event are not.
    Record(String),
}

fn save<R: Resource>(tx: &mut Tx<'_>, update: &Update<R>) -> Result<Saved> {
    let Update { id, version, before, patch, merged, changes } = update;
    let locked = (R::KIND.lock)(tx.conn, *id)?;
    let Some(merged) = merged.as_ref().filter(|_| locked == Some(*version)) else {
        // It is no record, or another has changed it since it was read.
        record::update::<R>(tx, &Ref(id.to_string()), &Precondition::Any, patch)?;
        return Ok(Saved::Whole);
    };
    tx.contract.judge(R::NEW, merged)?;
    let fields: Vec<String> = changes.iter().map(|change| change.field.clone()).collect();
    R::refuse_change(before, &fields)?;
    let new = R::New::deserialize(merged)?;
    let text = search::spaced_apart(&R::texts(&new));
    record::save_whole::<R>(tx, Some((*id, before)), new, Parts { text: false, ..Parts::of(&fields) })?;
    Ok(Saved::Record(text))
}
