//! Pairings (结对关系): the tie between supporters and recipients.
//!
//! A pairing has members, each a region with a role and its own dates, so that a supporter may join late, leave, or be
//! replaced. At any time one supporter at most leads. A pairing that takes another's place names it (`supersedes`).

pub mod api;
pub mod sheet;
pub mod store;

pub use crate::model::pairings::Role;
use crate::{kind, named};

/// The resource.
pub struct Pairings;

kind!(
    "pairing", "pairings", 6, pairings, named!(pairings by name_zh, name_en), "Supporters tied to recipients. 结对关系。",
    refers to {
        "programme" by pairings::programme_id,
        "pairing" by pairings::supersedes_id,
        "region" by pairing_members::region_id,
        "sector" by pairing_sectors::sector_id,
    },
    after &["supersedes"]
);
