//! Regions (行政区): administrative divisions and functional zones, a tree. `division_code` is GB/T 2260.

pub mod api;
pub mod store;

use crate::text_enum;

use crate::db::reference::Kind;

/// The resource.
pub struct Regions;

/// The kind of these records.
pub static KIND: Kind = Kind {
    name: "region",
    path: "regions",
    number: 2,
    table: "regions",
    owner: "region_id",
    outgoing: &[api::OUTGOING],
    acyclic: &["parent"],
    about: "Administrative divisions and functional zones. 行政区与功能区。",
    ..super::defaults()
};

text_enum! {
    /// Administrative level of a region.
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
