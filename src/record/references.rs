//! The references of a record: every field that names another, as its resource's sheet says.

use diesel::QueryResult;
use serde_json::Value;

use crate::db::reference::Kind;
use crate::db::{Conn, stand_in};
use crate::error::Result;
use crate::model::sheet::{Field, Sheet};

/// Calls `tell` with each reference of a record and the kind that it names: an object `{id, code, name}` in a record as it
/// is read, a code or id in one as it is written.
pub fn each(
    kinds: &[&'static Kind],
    sheet: &Sheet,
    record: &mut Value,
    tell: &mut impl FnMut(&'static Kind, &mut Value) -> Result<()>,
) -> Result<()> {
    sheet.all_fields().try_for_each(|field| of_field(kinds, field, record, tell))
}

fn of_field(
    kinds: &[&'static Kind],
    field: &Field,
    holder: &mut Value,
    tell: &mut impl FnMut(&'static Kind, &mut Value) -> Result<()>,
) -> Result<()> {
    let Some(value) = holder.get_mut(field.name) else { return Ok(()) };
    let values = match value {
        Value::Array(items) => items.as_mut_slice(),
        Value::Null => return Ok(()),
        one => std::slice::from_mut(one),
    };
    let kind = field.names.and_then(|name| kinds.iter().copied().find(|kind| kind.name == name));
    for value in values {
        match kind {
            Some(kind) => tell(kind, value)?,
            None => field.parts.iter().try_for_each(|part| of_field(kinds, part, value, tell))?,
        }
    }
    Ok(())
}

/// Puts ids in the place of the codes that stand in for those of records that have none, so that a record reads the same
/// whichever way it names them.
pub fn settle(conn: &mut Conn, kinds: &[&'static Kind], sheet: &Sheet, document: &mut Value) -> Result<()> {
    each(kinds, sheet, document, &mut |kind, value| {
        if let Some(id) = id_behind(conn, kind, value)? {
            *value = Value::String(id.to_string());
        }
        Ok(())
    })
}

fn id_behind(conn: &mut Conn, kind: &Kind, value: &Value) -> QueryResult<Option<i64>> {
    match value.as_str() {
        // A code of its own comes first: an import elsewhere made the stand-in one.
        Some(code) if stand_in::has_shape(kind, code) && (kind.own_code)(conn, code)?.is_none() => {
            stand_in::find(conn, kind, code)
        }
        _ => Ok(None),
    }
}
