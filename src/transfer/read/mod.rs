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
mod headings;
mod json;
mod line;
mod lists;
mod merges;
mod ndjson;
mod node;
mod normal;
mod numfmt;
mod record;
mod scan;
mod sheets;
mod told;
mod xlsx;

use std::io::{Read, Seek, SeekFrom};

use super::format::Format;
use super::row::Sink;
use crate::error::{Error, Result};
use crate::validation::Contract;
pub use binding::{is_code, nearest};
pub use csv::rows as csv_rows;
pub use line::{Line, letters};

/// How a file is read.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadOptions<'a> {
    /// The table of a CSV file (`milestones`, `pairings.members`, `里程碑`) or of a workbook with one filled sheet, or the
    /// resource of an NDJSON file, which needs it. Bundles say it themselves.
    pub resource: Option<&'a str>,
    /// Columns that are not understood are left out with a warning instead of being faults.
    pub ignore_unknown_columns: bool,
}

/// How long a file is, which is then at its beginning.
fn size<F: Seek>(file: &mut F) -> Result<u64> {
    let size = file.seek(SeekFrom::End(0)).map_err(Error::unexpected)?;
    file.rewind().map_err(Error::unexpected)?;
    Ok(size)
}

/// Whether a workbook would not be opened at all: it is none, or is built to do harm.
pub fn is_refused<F: Read + Seek>(file: &mut F) -> Result<bool> {
    file.rewind().map_err(Error::unexpected)?;
    Ok(guard::check(file)?.is_err())
}

/// Reads a file from its beginning.
pub fn read<F: Read + Seek>(
    file: &mut F,
    format: Format,
    options: ReadOptions<'_>,
    contract: &Contract,
    sink: &mut dyn Sink,
) -> Result<()> {
    file.rewind().map_err(Error::unexpected)?;
    let sink = &mut normal::Normalized { contract, sink };
    match format {
        Format::Xlsx => xlsx::read(file, options, contract, sink),
        Format::Csv => csv::read(file, options, contract, sink),
        Format::Json if size(file)? >= json::FROM => json::read(file, sink),
        Format::Yaml | Format::Json => bundle::read(file, sink),
        Format::Ndjson => ndjson::read(file, options.resource, contract, sink),
    }
}

#[cfg(test)]
pub(super) mod tests;
