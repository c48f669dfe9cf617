//! Normalization of the records of files, the same as for the bodies of requests.

use crate::error::Result;
use crate::normalize::half_width;
use crate::resources;
use crate::transfer::fault::ImportFault;
use crate::transfer::row::{Layout, Row, Sink};
use crate::validation::Contract;

/// A sink that normalizes records and passes them on.
pub struct Normalized<'a> {
    pub contract: &'a Contract,
    pub sink: &'a mut dyn Sink,
}

impl Sink for Normalized<'_> {
    fn layout(&mut self, layout: Layout) -> Result<()> {
        self.sink.layout(layout)
    }

    fn row(&mut self, mut row: Row) -> Result<()> {
        if let Some(component) = resources::component(&row.path) {
            self.contract.normalize(component, &mut row.document);
        }
        row.code = match row.document["code"].as_str() {
            Some(code) => code.to_owned(),
            None => half_width(&row.code).into_owned(),
        };
        self.sink.row(row)
    }

    fn fault(&mut self, fault: ImportFault) -> Result<()> {
        self.sink.fault(fault)
    }
}
