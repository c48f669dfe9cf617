//! Sectors (合作领域): fields of cooperation, a tree; each may name the vocabulary that its code is from.

pub mod api;
pub mod sheet;
pub mod store;

use crate::{kind, named};

/// The resource.
pub struct Sectors;

kind!(
    "sector", "sectors", 4, sectors, named!(sectors by name_zh, name_en), "Fields of cooperation. 合作领域。",
    refers to {
        "sector" by sectors::parent_id,
    },
    after &["parent"]
);
