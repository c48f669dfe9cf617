//! Tests of the readers with files of people, of programs and of attackers.

mod hostile;
mod tables;
mod texts;

use std::io::Cursor;
use std::sync::LazyLock;

use serde_json::Value;

use super::*;
use crate::transfer::fault::ImportFault;
use crate::transfer::format::OLE;
use crate::transfer::row::{Layout, Row};

pub static CONTRACT: LazyLock<Contract> = LazyLock::new(crate::validation::published);

/// The results of a reader.
#[derive(Debug, Default)]
pub struct Collected {
    pub layouts: Vec<Layout>,
    pub rows: Vec<Row>,
    pub faults: Vec<ImportFault>,
}

impl Sink for Collected {
    fn layout(&mut self, layout: Layout) -> Result<()> {
        self.layouts.push(layout);
        Ok(())
    }

    fn row(&mut self, row: Row) -> Result<()> {
        assert!((row.place.table as usize) < self.layouts.len(), "a row of a table that was not announced");
        self.rows.push(row);
        Ok(())
    }

    fn fault(&mut self, fault: ImportFault) -> Result<()> {
        self.faults.push(fault);
        Ok(())
    }
}

impl Collected {
    pub fn documents(&self) -> Vec<&Value> {
        self.rows.iter().map(|row| &row.document).collect()
    }

    /// Code, sheet, row and column of each fault.
    pub fn places(&self) -> Vec<String> {
        let place = |fault: &ImportFault| {
            let sheet = fault.sheet.as_ref().map(|sheet| format!("{sheet}!")).unwrap_or_default();
            let row = fault.row.map(|row| row.to_string()).unwrap_or_default();
            format!("{} {sheet}{}{row}", fault.code, fault.column.clone().unwrap_or_default()).trim_end().to_owned()
        };
        self.faults.iter().map(place).collect()
    }
}

pub fn collect(bytes: &[u8], format: Format, resource: Option<&str>) -> Collected {
    let mut collected = Collected::default();
    let options = ReadOptions { resource, ..ReadOptions::default() };
    read(&mut Cursor::new(bytes), format, options, &CONTRACT, &mut collected).unwrap();
    collected
}

#[test]
fn formats_are_detected_by_first_bytes_media_type_and_extension() {
    let csv = "text/csv; charset=gb18030";
    assert_eq!(Format::of(csv, None, b"PK\x03\x04"), Some(Format::Xlsx));
    assert_eq!(Format::of(csv, Some("a.yaml"), b"code"), Some(Format::Csv));
    assert_eq!(Format::of("application/octet-stream", Some("A.YML"), b"a:"), Some(Format::Yaml));
    assert_eq!(Format::of("", Some("里程碑.xls"), &OLE), Some(Format::Xlsx));
    assert_eq!(Format::of("text/plain", Some("a.txt"), b"code"), Some(Format::Csv));
    assert_eq!(Format::of("", Some("a.txt"), b"code"), Some(Format::Csv));
    assert_eq!(Format::of("text/plain", Some("a.yaml"), b"a:"), Some(Format::Yaml));
    assert_eq!(Format::of("text/plain", None, b"code"), Some(Format::Csv));
    assert_eq!(Format::of("", Some("a.doc"), b"code"), None);
}
