//! Commitments (协议事项): one clause of an agreement turned into something checkable, with an indicator where there is a
//! number.
//!
//! What is reported on a commitment are its progress reports; what of them counts, and how far the commitment is, is in
//! [`crate::figures::pace`]. Its period begins and ends with the agreement where it names no days of its own.

pub mod api;
mod approved;
pub mod sheet;
pub mod store;

pub use crate::model::commitments::{Accumulation, Direction};
use crate::{kind, named};

/// The resource.
pub struct Commitments;

kind!(
    "commitment", "commitments", 11, commitments, named!(commitments by text_zh, text_en),
    "Clauses turned into something checkable, and the reports on them. 协议事项及其进展报告。",
    refers to {
        "pairing" by commitments::pairing_id,
        "agreement" by commitments::agreement_id,
        "sector" by commitments::sector_id,
        "organization" by commitment_responsible::organization_id,
    }
);
