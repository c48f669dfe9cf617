//! What clients see of assets.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Assets, Kind};
use crate::http::routes::Routes;
use crate::model::types::Ref;
use crate::resources::ApiResource;
use crate::text_enum;

crate::fields! {
    /// What a region brings into cooperation.
    Asset;
    /// An asset to create.
    NewAsset;
    resource Assets, table assets, sheet "资源", code Option<Code>;

    /// Region that provides the asset.
    region: Ref<regions> "地区",
    /// Name.
    name: Text "名称" searched,
    /// Kind of asset; null when unknown.
    kind: Option<Kind> "类别",
    /// Awarded title.
    #[schema(max_length = 500, example = "国家地理标志保护产品")]
    designation: Option<String> "称号" searched,
    /// Free-text note.
    note: Option<String> "备注" searched,
}

text_enum! {
    /// The orders of a list of assets; ties are ordered by id.
    Sort as "AssetSort" {
        /// Oldest first.
        Id => "id",
        /// Newest first.
        IdDesc => "-id",
        /// Least recently changed first.
        UpdatedAt => "updated_at",
        /// Most recently changed first.
        UpdatedAtDesc => "-updated_at",
    }
}

/// Filter parameters of the list of assets.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AssetFilter {
    /// Words in name, designation and note.
    #[param(max_length = 200, example = "陈皮")]
    pub q: Option<String>,
    /// Of this region.
    pub region: Option<Ref>,
    /// Of these kinds; several repeat the parameter.
    #[serde(default)]
    pub kind: Vec<Kind>,
    /// Only records changed at this instant or later.
    pub updated_since: Option<DateTime<Utc>>,
    /// Sort order; a leading `-` sorts descending.
    #[param(inline)]
    pub sort: Option<Sort>,
}

impl ApiResource for Assets {
    const ROUTES: Routes = Routes { label: "资源平台", ..Routes::SHARED };
}
