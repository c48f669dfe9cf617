//! NDJSON: one record per line, as exported by lists.

use std::io::{BufRead, BufReader, Read, Seek};

use serde_json::Value;

use super::csv::unknown_table;
use super::{binding, faults};
use crate::access::redaction;
use crate::db::surrogate_code;
use crate::error::{Error, Result};
use crate::model::text::Msg;
use crate::msg;
use crate::record::merge;
use crate::resources::{Form, forms};
use crate::transfer::columns::all_tables;
use crate::transfer::fault::ImportFault;
use crate::transfer::row::{Layout, Place, Row, Sink, Spot};
use crate::validation::{Contract, normalize_numbers};

/// The most bytes of a line.
const BYTES: u64 = 1 << 20;

pub fn read<F: Read + Seek>(
    file: &mut F,
    resource: Option<&str>,
    contract: &Contract,
    sink: &mut dyn Sink,
) -> Result<()> {
    let Some(resource) = resource else {
        let message =
            msg!("NDJSON 文件须用 resource 指明资源。", "is NDJSON, for which the resource must be given (resource)");
        return sink.fault(ImportFault::of_file("which_table", &message));
    };
    let mut tables = all_tables(contract)?;
    tables.retain(|table| table.list.is_none());
    let table = binding::table(&tables, resource);
    let form = table.and_then(|table| forms().into_iter().find(|form| form.kind.path == table.path));
    let Some(form) = form else { return sink.fault(unknown_table(resource, &tables)) };
    sink.layout(Layout::default())?;
    records(&mut BufReader::new(file), &form, contract, sink)
}

/// Reads a record from each line, and reports the lines that have none.
fn records(file: &mut impl BufRead, form: &Form, contract: &Contract, sink: &mut dyn Sink) -> Result<()> {
    let (mut line, mut row) = (Vec::new(), 0_u32);
    loop {
        line.clear();
        row = row.saturating_add(1);
        let read = file.take(BYTES + 1).read_until(b'\n', &mut line).map_err(Error::unexpected)?;
        let spot = Spot { row, ..Spot::default() };
        let fault = |code, message| ImportFault {
            resource: Some(form.kind.path.to_owned()),
            ..faults::at(&spot, code, &message)
        };
        if read == 0 {
            return Ok(());
        }
        if read as u64 > BYTES {
            return sink.fault(fault("too_long", msg!("一行超过 1 MiB。", "is a line longer than 1 MiB")));
        }
        if row == 1 && line.starts_with(b"\xEF\xBB\xBF") {
            line.drain(..3);
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let given = match parsed(&line, form) {
            Ok(given) => given,
            Err((code, message)) => {
                sink.fault(fault(code, message))?;
                continue;
            }
        };
        let Some(code) = given["code"].as_str().map(str::to_owned) else {
            let message = msg!("批量导入的记录须有代码。", "is required, because it identifies the record");
            sink.fault(ImportFault { pointer: "/code".to_owned(), ..fault("required", message) })?;
            continue;
        };
        let document = document(contract, form, given);
        let place = Place { table: 0, row, elsewhere: Vec::new() };
        sink.row(Row { path: form.kind.path.to_owned(), code, document, place })?;
    }
}

/// The JSON object of a line, or the code and message of its fault.
fn parsed(line: &[u8], form: &Form) -> Result<Value, (&'static str, Msg)> {
    let mut given: Value = match serde_json::from_slice(line) {
        Ok(given @ Value::Object(_)) => given,
        Ok(_) => return Err(("type", msg!("每行须为一条记录。", "must be one record per line"))),
        Err(error) => {
            let column = error.column();
            let message = msg!("第 {column} 列附近不是有效的 JSON。", "is not valid JSON near column {column}");
            return Err(("syntax", message));
        }
    };
    normalize_numbers(&mut given);
    // In the export of a list, a record without a code has its id and creation time, which give its surrogate code.
    surrogate_code::name(form.kind, &mut given);
    if given["version"].is_i64() {
        redaction::remove_null(form.kind, &mut given);
    }
    Ok(given)
}

/// The fields of a record that clients write. Unknown fields remain, so that the validation reports them.
fn document(contract: &Contract, form: &Form, given: Value) -> Value {
    let readable = contract.properties(&form.read);
    let mut document = merge::writable(contract, form.new, &given);
    if let (Value::Object(fields), Value::Object(given)) = (&mut document, given) {
        let unknown = given.into_iter().filter(|(name, _)| readable.is_none_or(|known| !known.contains_key(name)));
        let unknown: Vec<_> = unknown.filter(|(name, _)| !fields.contains_key(name)).collect();
        fields.extend(unknown);
    }
    document
}
