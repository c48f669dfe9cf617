//! Twinnings (单位结对): two organizations tied under a pairing, school to school, hospital to hospital, village to
//! enterprise.
//!
//! One stands on the supporters' side and one on the recipients'. Where the two are is not asked: a school of the city
//! may stand for either side.

pub mod api;
pub mod sheet;
pub mod store;

use crate::kind;

/// The resource.
pub struct Twinnings;

kind!(
    "twinning", "twinnings", 16, twinnings, store::references,
    "Two organizations tied under a pairing. 单位结对。",
    refers to {
        "pairing" by twinnings::pairing_id,
        "organization" by twinnings::supporter_organization_id,
        "organization" by twinnings::recipient_organization_id,
        "sector" by twinnings::sector_id,
    }
);
