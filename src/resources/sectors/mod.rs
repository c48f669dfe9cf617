//! Sectors (合作领域): fields of cooperation, a tree; each may name the vocabulary that its code is from.

pub mod api;
pub mod store;

use crate::db::reference::Kind;

/// The resource.
pub struct Sectors;

/// The kind of these records.
pub static KIND: Kind = Kind {
    name: "sector",
    path: "sectors",
    number: 4,
    table: "sectors",
    owner: "sector_id",
    outgoing: &[api::OUTGOING],
    acyclic: &["parent"],
    about: "Fields of cooperation. 合作领域。",
    ..super::defaults()
};
