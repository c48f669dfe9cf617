//! Assets (资源平台): what a region brings into cooperation: parks, laboratories, heritage, farm products, tourism.
//!
//! An asset is of a region and not of a pairing; all pairings share it.

pub mod api;
pub mod sheet;
pub mod store;

use crate::{kind, named, text_enum};

/// The resource.
pub struct Assets;

kind!(
    "asset", "assets", 19, assets, named!(assets by name_zh, name_en),
    "Parks, laboratories, heritage, farm products and the like that a region brings. 资源平台。",
    refers to {
        "region" by assets::region_id,
    }
);

text_enum! {
    /// What an asset is.
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
