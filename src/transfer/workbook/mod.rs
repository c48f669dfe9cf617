//! Workbooks for Excel and WPS: records as sheets ([`Book`]), the empty or filled form that people write in
//! ([`template()`]), and a workbook given back with its faults marked ([`marked()`]).
//!
//! Rows go to disk as they are written, so that a workbook of any length takes the same memory.

mod book;
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
