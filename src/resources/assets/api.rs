//! What clients see of assets.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use super::{Assets, Kind};
use crate::db::reference::Reference;
use crate::http::routes::Routes;
use crate::model::text::Text;
use crate::model::types::{Code, Instant, Ref};
use crate::record::citations::{Citation, NewCitation};
use crate::resources::ApiResource;
use crate::text_enum;

/// What a region brings into cooperation.
#[derive(Debug, Serialize, ToSchema)]
pub struct Asset {
    /// Numeric identifier, assigned on creation and never reused.
    #[schema(minimum = 1, example = 1)]
    pub id: i64,
    /// Unique slug; null if the record has none.
    pub code: Option<Code>,
    /// Version, incremented by every change.
    #[schema(minimum = 1, example = 1)]
    pub version: i64,
    /// Time of creation.
    pub created_at: Instant,
    /// Time of the last change.
    pub updated_at: Instant,
    /// The region that brings it.
    pub region: Reference,
    /// The asset's name.
    pub name: Text,
    /// What it is.
    pub kind: Option<Kind>,
    /// The title that it bears, as it was awarded.
    #[schema(max_length = 500, example = "国家地理标志保护产品")]
    pub designation: Option<String>,
    /// Free-text note.
    pub note: Option<String>,
    /// Sources cited for this record.
    pub citations: Vec<Citation>,
}

/// An asset to create.
#[derive(Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct NewAsset {
    /// Optional unique slug.
    #[serde(default)]
    pub code: Option<Code>,
    /// The region that brings it.
    pub region: Ref,
    /// The asset's name.
    pub name: Text,
    /// What it is.
    #[serde(default)]
    pub kind: Option<Kind>,
    /// The title that it bears, as it was awarded.
    #[serde(default)]
    #[schema(max_length = 500, example = "国家地理标志保护产品")]
    pub designation: Option<String>,
    /// Free-text note.
    #[serde(default)]
    pub note: Option<String>,
    /// Sources cited for this record.
    #[serde(default)]
    pub citations: Vec<NewCitation>,
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
