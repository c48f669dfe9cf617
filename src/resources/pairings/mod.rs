//! Pairings (结对关系): the tie between supporters and recipients.
//!
//! A pairing has members, each a region with a role and its own dates, so that a supporter may join late, leave, or be
//! replaced. At any time one supporter at most leads. A pairing that takes another's place names it (`supersedes`).

pub mod api;
pub mod store;

pub use crate::model::pairings::Role;

use crate::db::reference::{Belongs, Kind};

/// The resource.
pub struct Pairings;

/// The kind of these records.
pub static KIND: Kind = Kind {
    name: "pairing",
    path: "pairings",
    number: 6,
    table: "pairings",
    owner: "pairing_id",
    belongs: Belongs::ToItself,
    outgoing: &[api::OUTGOING],
    acyclic: &["supersedes"],
    about: "Supporters tied to recipients. 结对关系。",
    computed_from: &["milestone", "project", "agreement"],
    ..super::defaults()
};
