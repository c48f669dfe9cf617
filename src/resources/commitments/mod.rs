//! Commitments (协议事项): one clause of an agreement turned into something checkable, with an indicator where there is a
//! number.
//!
//! What is reported on a commitment are its progress reports; what of them counts, and how far the commitment is, is in
//! [`crate::figures::pace`]. Its period begins and ends with the agreement where it names no days of its own.

pub mod api;
pub mod approved;
pub mod store;

pub use crate::model::commitments::{Accumulation, Direction};

use crate::db::reference::{Belongs, Kind, Naming};

/// The resource.
pub struct Commitments;

/// The kind of these records.
pub static KIND: Kind = Kind {
    name: "commitment",
    path: "commitments",
    number: 11,
    table: "commitments",
    owner: "commitment_id",
    naming: Naming::Columns { zh: "text_zh", en: "text_en" },
    belongs: Belongs::ToPairing,
    outgoing: &[api::OUTGOING],
    about: "Clauses turned into something checkable, and the reports on them. 协议事项及其进展报告。",
    computed_from: &["progress_report"],
    ..super::defaults()
};
