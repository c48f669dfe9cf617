//! The vocabulary of the service: plain types that every other module uses, and that use none of them.
//!
//! Column types and scalars ([`types`], [`decimal`]), bilingual text and messages ([`text`]), and the enumerations that
//! figures and resources share, one module for each resource that stores them; besides, [`path_tree`] finds values by path.

pub mod commitments;
pub mod decimal;
pub mod exchanges;
pub mod milestones;
pub mod pairings;
pub mod path_tree;
pub mod progress_reports;
pub mod resolutions;
pub mod sheet;
pub mod similar;
pub mod text;
pub mod transactions;
pub mod types;
pub mod webhooks;

/// Encodes bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
