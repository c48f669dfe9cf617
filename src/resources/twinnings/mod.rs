//! Twinnings (单位结对): two organizations tied under a pairing, school to school, hospital to hospital, village to
//! enterprise.
//!
//! One stands on the supporters' side and one on the recipients'. Where the two are is not asked: a school of the city
//! may stand for either side.

pub mod api;
pub mod store;

use crate::db::reference::{Belongs, Kind, Naming};

/// The resource.
pub struct Twinnings;

/// The kind of these records.
pub static KIND: Kind = Kind {
    name: "twinning",
    path: "twinnings",
    number: 16,
    table: "twinnings",
    owner: "twinning_id",
    naming: Naming::Function(store::references),
    belongs: Belongs::ToPairing,
    outgoing: &[api::OUTGOING],
    about: "Two organizations tied under a pairing. 单位结对。",
    ..super::defaults()
};
