//! Workbooks for Excel and WPS: records as sheets ([`Book`]), the template that people fill in ([`template()`]), and an uploaded
//! workbook with its faults marked ([`marked()`]).
//!
//! Rows are written to disk at once, so that memory does not grow with the length of a workbook.

mod book;
mod hints;
mod marked;
pub mod plain;
mod rules;
mod styles;
mod template;
#[cfg(test)]
mod tests;

pub use book::{Book, SheetId};
pub use marked::{faults_alone, marked};
pub use template::{Named, OFFERED, template};

use crate::error::Error;

impl From<rust_xlsxwriter::XlsxError> for Error {
    fn from(error: rust_xlsxwriter::XlsxError) -> Error {
        Error::unexpected(format!("a workbook cannot be written: {error}"))
    }
}
