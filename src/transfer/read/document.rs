//! Conversion of a row of cells to the JSON fields of a record or of an item of a list.

use serde_json::{Map, Value};

use super::binding::{Binding, is_code};
use crate::resources;
use crate::transfer::cells::{self, Cell};
use crate::validation::Contract;

/// The fields of a row. `cell` returns the cell at a position, `None` if it cannot be read.
pub fn document<'c>(
    contract: &Contract,
    binding: &Binding<'_>,
    cell: impl Fn(u32) -> Option<&'c Cell>,
) -> Map<String, Value> {
    let mut fields = Map::new();
    for bound in binding.columns.iter().filter(|bound| !is_code(bound.column)) {
        if let Some(value) = cell(bound.position).and_then(|cell| cells::read(bound.column, cell)) {
            set(&mut fields, &bound.column.pointer, value);
        }
    }
    drop_empty_objects(contract, binding, &mut fields);
    fields
}

/// Replaces an object whose cells are all empty by null, or removes it, if the sheet has a column for each of its fields.
fn drop_empty_objects(contract: &Contract, binding: &Binding<'_>, fields: &mut Map<String, Value>) {
    let names: Vec<String> = fields.iter().filter(|(_, value)| is_void(value)).map(|(name, _)| name.clone()).collect();
    for name in names {
        let prefix = format!("/{}/", crate::validation::escape(&name));
        let own = |pointer: &str| pointer.starts_with(&prefix);
        let there = binding.columns.iter().filter(|bound| own(&bound.column.pointer)).count();
        let all = binding.table.columns.iter().filter(|column| !column.is_read_only && own(&column.pointer)).count();
        if there < all {
            continue;
        }
        if binding.table.list.is_none() && may_be_null(contract, binding.table.path, &name) {
            fields.insert(name, Value::Null);
        } else {
            fields.shift_remove(&name);
        }
    }
}

fn is_void(value: &Value) -> bool {
    let is_nothing = |part: &Value| part.is_null() || is_void(part);
    value.as_object().is_some_and(|parts| parts.values().all(is_nothing))
}

fn may_be_null(contract: &Contract, path: &str, name: &str) -> bool {
    let properties = resources::component(path).and_then(|component| contract.properties(component));
    let Some(property) = properties.and_then(|properties| properties.get(name)) else { return false };
    let is_null = |option: &Value| option["type"] == "null";
    property["oneOf"].as_array().is_some_and(|options| options.iter().any(is_null))
        || property["type"].as_array().is_some_and(|types| types.iter().any(|name| name == "null"))
}

/// Sets the value at a JSON pointer (RFC 6901).
fn set(fields: &mut Map<String, Value>, pointer: &str, value: Value) {
    let unescaped = |token: &str| token.replace("~1", "/").replace("~0", "~");
    let Some(rest) = pointer.strip_prefix('/') else { return };
    match rest.split_once('/') {
        None => {
            fields.insert(unescaped(rest), value);
        }
        Some((first, below)) => {
            let object = fields.entry(unescaped(first)).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(object) = object {
                set(object, &format!("/{below}"), value);
            }
        }
    }
}
