//! Queries and writes of a record in the tables of its resource.

use serde_json::Value;

use super::{Cell, Column, defuse, written};
use crate::model::text::Language;
use crate::transfer::columns::Table;

/// One row with a cell for each column.
pub type Cells = Vec<Cell>;

/// The rows of a record in one table: one row in the table of records; in the table of a list one row per item, with the code
/// of the record in the first column.
pub fn rows(table: &Table, columns: &[&Column], record: &Value, language: Language) -> Vec<Cells> {
    let Some(list) = &table.list else {
        return vec![columns.iter().map(|column| written(column, record, language)).collect()];
    };
    let code = match (&record["code"], &record["id"]) {
        (Value::String(code), _) => code.clone(),
        (_, Value::Number(id)) => id.to_string(),
        _ => String::new(),
    };
    let of_item = |item: &Value| {
        let cell = |column: &&Column| match column.pointer.as_str() {
            // The column with the record's code has no field in the item.
            "" => Cell::Text(defuse(code.clone())),
            _ => written(column, item, language),
        };
        columns.iter().map(cell).collect()
    };
    record[list].as_array().into_iter().flatten().map(of_item).collect()
}
