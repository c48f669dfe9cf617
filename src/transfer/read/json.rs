//! Large bundles in JSON, streamed record by record. Small ones are read as YAML ([`super::bundle`]), which gives the line of
//! each field but buffers an outer `{…}` as a whole. Here a record has one line number, that of its beginning.

use std::cell::Cell;
use std::fmt;
use std::io::{BufRead, BufReader, Read, Seek};
use std::rc::Rc;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::faults;
use crate::error::{Error, Result};
use crate::msg;
use crate::resources::kinds;
use crate::transfer::fault::ImportFault;
use crate::transfer::row::{Layout, Place, Row, Sink, Spot};
use crate::validation::normalize_numbers;

/// The size in bytes from which files are read here.
pub const FROM: u64 = 1 << 19;
/// The most bytes of a record.
const RECORD: usize = 256 << 10;

pub fn read<F: Read + Seek>(file: &mut F, sink: &mut dyn Sink) -> Result<()> {
    sink.layout(Layout::default())?;
    let place = Rc::new(Reading { line: Cell::new(1), since: Cell::new(0) });
    let mut file = BufReader::with_capacity(1 << 16, file);
    if file.fill_buf().map_err(Error::unexpected)?.starts_with(b"\xEF\xBB\xBF") {
        file.consume(3);
    }
    let counted = Counted { inner: file, place: place.clone() };
    let mut failed = None;
    let mut json = serde_json::Deserializer::from_reader(counted);
    let bundle = Bundle { place: &place, sink, failed: &mut failed };
    let read = json.deserialize_map(bundle).and_then(|()| json.end());
    if let Some(error) = failed {
        return Err(error);
    }
    let Err(error) = read else { return Ok(()) };
    let spot = Spot { row: place.line.get(), ..Spot::default() };
    if place.since.get() > RECORD {
        let message = msg!("一条记录超过 256 KiB。", "is a record larger than 256 KiB");
        return sink.fault(faults::at(&spot, "too_long", &message));
    }
    let column = error.column();
    let message = msg!("第 {column} 列附近不是有效的数据包。", "is not a valid bundle near column {column}");
    sink.fault(faults::at(&spot, "syntax", &message))
}

/// The progress of reading.
struct Reading {
    line: Cell<u32>,
    /// Bytes read since the beginning of the record.
    since: Cell<usize>,
}

/// A reader that counts lines and bytes, and ends the file if a record is too long.
struct Counted<R> {
    inner: R,
    place: Rc<Reading>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let read = buffer.get(..count).unwrap_or_default();
        let lines = read.iter().filter(|byte| **byte == b'\n').count();
        self.place.line.set(self.place.line.get().saturating_add(u32::try_from(lines).unwrap_or(u32::MAX)));
        self.place.since.set(self.place.since.get() + count);
        if self.place.since.get() > RECORD { Ok(0) } else { Ok(count) }
    }
}

/// The mapping from resources to lists of records.
struct Bundle<'a> {
    place: &'a Reading,
    sink: &'a mut dyn Sink,
    /// A failure of the service, which the deserializer's error cannot carry.
    failed: &'a mut Option<Error>,
}

impl<'de> Visitor<'de> for Bundle<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping from resources to lists of records")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut resources: A) -> Result<(), A::Error> {
        while let Some(name) = resources.next_key::<String>()? {
            let known = kinds().iter().find(|kind| kind.path == name);
            let path = known.map(|kind| kind.path);
            if path.is_none() {
                let shown = faults::shown(&name).unwrap_or_default();
                let message = msg!("没有资源 {shown}。", "there is no resource \"{shown}\"");
                let spot = Spot { row: self.place.line.get(), ..Spot::default() };
                let suggestion = super::nearest(&name, kinds().iter().map(|kind| kind.path));
                let fault = ImportFault { suggestion, ..faults::at(&spot, "unknown_field", &message) };
                if let Err(error) = self.sink.fault(fault) {
                    *self.failed = Some(error);
                    return Err(A::Error::custom("stopped"));
                }
            }
            let records = Records { path, place: self.place, sink: &mut *self.sink, failed: &mut *self.failed };
            resources.next_value_seed(records)?;
        }
        Ok(())
    }
}

/// The records of one resource; those of an unknown one are skipped.
struct Records<'a> {
    path: Option<&'static str>,
    place: &'a Reading,
    sink: &'a mut dyn Sink,
    failed: &'a mut Option<Error>,
}

impl<'de> DeserializeSeed<'de> for Records<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, list: D) -> Result<(), D::Error> {
        list.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Records<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut records: A) -> Result<(), A::Error> {
        loop {
            self.place.since.set(0);
            let row = self.place.line.get();
            let Some(mut document) = records.next_element::<Value>()? else { return Ok(()) };
            let Some(path) = self.path else { continue };
            normalize_numbers(&mut document);
            let passed = match document["code"].as_str().map(str::to_owned) {
                Some(code) => {
                    let place = Place { table: 0, row, elsewhere: Vec::new() };
                    self.sink.row(Row { path: path.to_owned(), code, document, place })
                }
                None => {
                    let message =
                        msg!("批量导入的记录须有代码。", "is required in a bundle, because it identifies the record");
                    let fault = faults::at(&Spot { row, ..Spot::default() }, "required", &message);
                    let (resource, pointer) = (Some(path.to_owned()), "/code".to_owned());
                    self.sink.fault(ImportFault { resource, pointer, ..fault })
                }
            };
            if let Err(error) = passed {
                *self.failed = Some(error);
                return Err(A::Error::custom("stopped"));
            }
        }
    }
}
