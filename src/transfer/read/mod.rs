//! Reading files of records: workbooks, CSV, bundles in YAML or JSON, and NDJSON.
//!
//! A reader streams a file and passes its rows and faults one by one to a [`Sink`]. After a fault it continues with what can
//! still be read; an `Err` is a failure of the service, not of the file. Readers do not validate the records: schemas,
//! references and repeated codes are checked later.

mod binding;
mod bundle;
mod csv;
mod document;
mod encoding;
mod faults;
mod guard;
mod headings;
mod json;
mod line;
mod lists;
mod merges;
mod ndjson;
mod normalized;
mod numfmt;
mod record;
mod scan;
mod sheets;
mod xlsx;
mod yaml;

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
    /// The table of a CSV file or of a workbook with one filled sheet (`milestones`, `pairings.members`, `里程碑`), or the
    /// resource of an NDJSON file, which requires it. Bundles contain the names of their resources.
    pub resource: Option<&'a str>,
    /// Whether unknown columns are ignored with a warning instead of an error.
    pub ignore_unknown_columns: bool,
}

/// The size of a file in bytes; rewinds the file.
fn size<F: Seek>(file: &mut F) -> Result<u64> {
    let size = file.seek(SeekFrom::End(0)).map_err(Error::unexpected)?;
    file.rewind().map_err(Error::unexpected)?;
    Ok(size)
}

/// Whether a file is not a workbook, or one that is refused as harmful.
pub fn is_refused<F: Read + Seek>(file: &mut F) -> Result<bool> {
    file.rewind().map_err(Error::unexpected)?;
    Ok(guard::check(file)?.is_err())
}

/// Reads a file from its beginning and passes its rows and faults to the sink.
pub fn read<F: Read + Seek>(
    file: &mut F,
    format: Format,
    options: ReadOptions<'_>,
    contract: &Contract,
    sink: &mut dyn Sink,
) -> Result<()> {
    file.rewind().map_err(Error::unexpected)?;
    let sink = &mut normalized::Normalized { contract, sink };
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
