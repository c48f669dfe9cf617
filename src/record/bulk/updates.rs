//! Updates of many existing records at once, so that they equal the documents of an import.

use serde::de::Deserialize;
use serde_json::Value;

use super::{Change, Done, load_by_id, own_fault};
use crate::audit::Action;
use crate::db::{backend, search};
use crate::error::{Error, Result};
use crate::model::sheet::Sheet;
use crate::model::types::Ref;
use crate::record::merge::{Parts, differences, merge, writable};
use crate::record::{self, Precondition, Resource, Tx, references};

/// A record that a document would change.
pub struct Update<R: Resource> {
    id: i64,
    version: i64,
    before: R::Read,
    /// The record as JSON.
    state: Value,
    patch: Value,
    /// The record with the patch applied, as JSON and deserialized; `None` if it cannot be deserialized.
    merged: Option<(Value, R::New)>,
    changes: Vec<Change>,
}

/// The result of comparing a record with a document.
pub enum Compared<R: Resource> {
    Done(Result<Done>),
    Differs(Box<Update<R>>),
}

/// Compares a record with a document, field by field. Fields that the document does not contain keep their values.
pub fn compare<R: Resource>(
    tx: &mut Tx<'_>,
    sheet: &Sheet,
    id: i64,
    before: R::Read,
    document: &Value,
) -> Result<Compared<R>> {
    // Whether a document differs from a record must not be disclosed to callers who may not write the record.
    if !tx.actor.writes_everywhere() {
        let scope = R::scope(tx.conn, id)?;
        if let Err(error) = tx.actor.require_scope(&scope) {
            return Ok(Compared::Done(Err(error)));
        }
    }
    let (_, version) = R::id_and_version(&before);
    let state = serde_json::to_value(&before)?;
    let old = writable(&tx.catalog.contract, R::NEW, &state);
    let mut patch = document.clone();
    references::settle(tx.conn, tx.catalog.kinds, sheet, &mut patch)?;
    // A record without a code was found by its surrogate code, and does not get that as its code.
    if old["code"].is_null()
        && let Some(fields) = patch.as_object_mut()
    {
        fields.shift_remove("code");
    }
    let mut merged = old.clone();
    merge(&mut merged, &patch);
    R::settle_patch(&mut merged, &old, &patch);
    let Ok(new) = R::New::deserialize(&merged) else {
        // The change itself reports the fault with more detail.
        let update = Update { id, version, before, state, patch, merged: None, changes: Vec::new() };
        return Ok(Compared::Differs(Box::new(update)));
    };
    let now = serde_json::to_value(&new)?;
    let change = |field: String| {
        let (before, after) = (old[&field].clone(), now[&field].clone());
        Change { field, before, after }
    };
    let changes: Vec<Change> = differences(&old, &now).into_iter().map(change).collect();
    Ok(if changes.is_empty() {
        Compared::Done(Ok(Done::Unchanged(version)))
    } else {
        Compared::Differs(Box::new(Update { id, version, before, state, patch, merged: Some((merged, new)), changes }))
    })
}

/// Changes records; those whose change is refused stay as they are. The changed records are indexed and read together.
pub fn update_together<R: Resource>(tx: &mut Tx<'_>, updates: Vec<Update<R>>) -> Result<Vec<Result<Done>>> {
    let (mut done, mut unfinished, mut texts) = (Vec::with_capacity(updates.len()), Vec::new(), Vec::new());
    for update in updates {
        let Update { id, version, before, state, patch, merged, changes } = update;
        let fields: Vec<String> = changes.iter().map(|change| change.field.clone()).collect();
        let saved = own_fault(tx.savepoint(|tx| {
            let locked = R::KIND.lock(tx.conn, id)?;
            let Some((merged, new)) = merged.filter(|_| locked == Some(version)) else {
                // It cannot be deserialized, or was changed by another transaction since it was read.
                return record::update::<R>(tx, &Ref(id.to_string()), &Precondition::Any, &patch).map(|_| None);
            };
            tx.catalog.contract.validate(R::NEW, &merged)?;
            R::refuse_change(&before, &fields)?;
            let text = search::spaced_apart(&R::texts(&new));
            record::save_whole::<R>(tx, Some((id, &before)), new, Parts { text: false, ..Parts::of(&fields) })?;
            Ok(Some((text, merged["reason"].as_str().map(str::to_owned))))
        }))?;
        done.push(saved.map(|saved| {
            if let Some((text, reason)) = saved {
                texts.push((id, text));
                unfinished.push((id, state, reason));
            }
            Done::Updated(changes, version)
        }));
    }
    if unfinished.is_empty() {
        return Ok(done);
    }
    backend::put_search_texts(tx.conn, R::KIND.name, R::KIND.number, &texts)?;
    let ids: Vec<i64> = unfinished.iter().map(|(id, ..)| *id).collect();
    let mut after = load_by_id::<R>(tx, &ids)?;
    for (id, before, reason) in unfinished {
        let after = after.remove(&id).ok_or_else(|| Error::unexpected("a record that was changed is gone"))?;
        let (old, now) = (record::own_state::<R>(before), record::snapshot::<R>(&after)?);
        record::record_event(tx, R::KIND, id, Action::Update, reason.as_deref(), Some(&old), Some(&now));
    }
    Ok(done)
}
