//! Regions (行政区): administrative divisions and functional zones, a tree. `division_code` is GB/T 2260.

pub mod api;
pub mod sheet;
pub mod store;

use crate::{kind, named, text_enum};

/// The resource.
pub struct Regions;

kind!(
    "region", "regions", 2, regions, named!(regions by name_zh, name_en), "Administrative divisions and functional zones. 行政区与功能区。",
    refers to {
        "region" by regions::parent_id,
    },
    after &["parent"]
);

text_enum! {
    /// What a region is in the order of administration.
    Level as "RegionLevel" {
        /// 省级.
        Province => "province",
        /// 地级.
        Prefecture => "prefecture",
        /// 县级: counties, districts and county-level cities.
        County => "county",
        /// 乡级: towns, townships and subdistricts.
        Township => "township",
        /// 村级.
        Village => "village",
        /// 功能区: a development or high-tech zone.
        FunctionalZone => "functional_zone",
    }
}
