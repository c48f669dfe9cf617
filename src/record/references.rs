//! The references in a record: the fields that its resource's sheet declares as references.

use diesel::QueryResult;
use serde_json::Value;

use crate::db::reference::Kind;
use crate::db::{Conn, surrogate_code};
use crate::error::Result;
use crate::model::sheet::{Field, Sheet};

/// Visits each reference of a record with the kind that it refers to. A reference is an object `{id, code, name}` in a record
/// that was read, and a code or id in a record to be written.
pub fn each(
    kinds: &[&'static Kind],
    sheet: &Sheet,
    record: &mut Value,
    visit: &mut impl FnMut(&'static Kind, &mut Value) -> Result<()>,
) -> Result<()> {
    sheet.all_fields().try_for_each(|field| of_field(kinds, field, record, visit))
}

fn of_field(
    kinds: &[&'static Kind],
    field: &Field,
    holder: &mut Value,
    visit: &mut impl FnMut(&'static Kind, &mut Value) -> Result<()>,
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
            Some(kind) => visit(kind, value)?,
            None => field.parts.iter().try_for_each(|part| of_field(kinds, part, value, visit))?,
        }
    }
    Ok(())
}

/// Replaces surrogate codes by ids. A record without a code of its own can be referred to by either, and two documents that refer
/// to the same record must compare equal.
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
        // An own code has precedence: a database that imported the record has the surrogate code as its own.
        Some(code) if surrogate_code::has_shape(kind, code) && kind.own_code(conn, code)?.is_none() => {
            surrogate_code::find(conn, kind, code)
        }
        _ => Ok(None),
    }
}
