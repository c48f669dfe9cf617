//! Assets (资源平台): what a region brings into cooperation: parks, laboratories, heritage, farm products, tourism.
//!
//! An asset is of a region and not of a pairing; all pairings share it.

pub mod api;
pub mod store;

use crate::text_enum;

use crate::db::reference;

/// The resource.
pub struct Assets;

/// The kind of these records.
pub static KIND: reference::Kind = reference::Kind {
    name: "asset",
    path: "assets",
    number: 19,
    table: "assets",
    owner: "asset_id",
    outgoing: &[api::OUTGOING],
    about: "Parks, laboratories, heritage, farm products and the like that a region brings. 资源平台。",
    ..super::defaults()
};

text_enum! {
    /// Kind of asset.
    Kind as "AssetKind" {
        /// 园区.
        Park => "park",
        /// 实验室.
        Laboratory => "laboratory",
        /// 文化遗产.
        Heritage => "heritage",
        /// 特色农产品.
        FarmProduct => "farm_product",
        /// 旅游资源.
        Tourism => "tourism",
        /// 医疗资源.
        Medical => "medical",
        /// 教育资源.
        Education => "education",
        /// 生态资源.
        Ecology => "ecology",
        /// 其他.
        Other => "other",
    }
}
