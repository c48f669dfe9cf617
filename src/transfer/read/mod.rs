//! Reading files of records: workbooks, CSV, bundles in YAML or JSON, and NDJSON.
//!
//! A file is read as a stream, whatever its size, and tells what it holds row by row to a [`Sink`]. A fault of the file
//! is told to the sink, too, and what can be read goes on being read; an `Err` is the service's own trouble. What the
//! records say (schemas, references, codes that stand twice) is for others to judge.

mod binding;
mod bundle;
mod csv;
mod document;
mod encoding;
mod guard;
mod json;
mod lists;
mod ndjson;
mod node;
mod scan;
mod sheets;
mod told;
mod xlsx;

use std::io::{Read, Seek, SeekFrom};

use super::format::Format;
use super::row::Sink;
use crate::contract::Contract;
use crate::error::{Error, Result};
pub use binding::{is_code, nearest};
pub use csv::rows as csv_rows;
pub use sheets::{Line, Raw, letters};

/// How long a file is, which is then at its beginning.
fn size<F: Seek>(file: &mut F) -> Result<u64> {
    let size = file.seek(SeekFrom::End(0)).map_err(Error::unexpected)?;
    file.rewind().map_err(Error::unexpected)?;
    Ok(size)
}

/// Whether a workbook would not be opened at all: it is none, or is built to do harm.
pub fn is_refused<F: Read + Seek>(file: &mut F) -> Result<bool> {
    file.rewind().map_err(Error::unexpected)?;
    Ok(guard::check(file)?.is_some())
}

/// Reads a file from its beginning.
///
/// `resource` names the table of a CSV file (`milestones`, `pairings.members`, `里程碑`) or the resource of an NDJSON
/// file, which needs it, and of a workbook whose only sheet has another name. Bundles say it themselves.
pub fn read<F: Read + Seek>(
    file: &mut F,
    format: Format,
    resource: Option<&str>,
    contract: &Contract,
    sink: &mut dyn Sink,
) -> Result<()> {
    file.rewind().map_err(Error::unexpected)?;
    match format {
        Format::Xlsx => xlsx::read(file, resource, contract, sink),
        Format::Csv => csv::read(file, resource, contract, sink),
        Format::Json if size(file)? >= json::FROM => json::read(file, sink),
        Format::Yaml | Format::Json => bundle::read(file, sink),
        Format::Ndjson => ndjson::read(file, resource, contract, sink),
    }
}

#[cfg(test)]
pub(super) mod tests;
