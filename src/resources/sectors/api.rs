//! What clients see of sectors.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use super::Sectors;
use crate::db::page::RecordSort;
use crate::db::reference::Reference;
use crate::http::routes::Routes;
use crate::model::types::{Code, Instant, Ref};
use crate::record::citations::{Citation, NewCitation};
use crate::resources::ApiResource;

use crate::model::text::Text;

/// A field of cooperation.
#[derive(Debug, Serialize, ToSchema)]
pub struct Sector {
    /// Numeric identifier, assigned on creation and never reused.
    #[schema(minimum = 1, example = 1)]
    pub id: i64,
    /// Unique slug.
    pub code: Code,
    /// Version, incremented by every change.
    #[schema(minimum = 1, example = 1)]
    pub version: i64,
    /// Time of creation.
    pub created_at: Instant,
    /// Time of the last change.
    pub updated_at: Instant,
    /// The sector's name.
    pub name: Text,
    /// The list of sectors that it is from.
    #[schema(max_length = 200, example = "jiangmen-2022")]
    pub vocabulary: Option<String>,
    /// The wider sector that it is part of.
    pub parent: Option<Reference>,
    /// What it covers.
    pub description: Option<Text>,
    /// Sources cited for this record.
    pub citations: Vec<Citation>,
}

/// A sector to create.
#[derive(Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct NewSector {
    /// Unique slug.
    pub code: Code,
    /// The sector's name.
    pub name: Text,
    /// The list of sectors that it is from.
    #[serde(default)]
    #[schema(max_length = 200, example = "jiangmen-2022")]
    pub vocabulary: Option<String>,
    /// The wider sector that it is part of. A change that leads back to the record, or to more than 10,000 records
    /// through others, is refused (422).
    #[serde(default)]
    pub parent: Option<Ref>,
    /// What it covers.
    #[serde(default)]
    pub description: Option<Text>,
    /// Sources cited for this record.
    #[serde(default)]
    pub citations: Vec<NewCitation>,
}

/// Filter parameters of the list of sectors.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SectorFilter {
    /// Words in name and description.
    #[param(max_length = 200, example = "文旅")]
    pub q: Option<String>,
    /// Part of this sector, directly.
    pub parent: Option<Ref>,
    /// From this vocabulary.
    #[param(max_length = 200, example = "jiangmen-2022")]
    pub vocabulary: Option<String>,
    /// Only records changed at this instant or later.
    pub updated_since: Option<DateTime<Utc>>,
    /// Sort order; a leading `-` sorts descending.
    #[param(inline)]
    pub sort: Option<RecordSort>,
}

impl ApiResource for Sectors {
    const ROUTES: Routes = Routes { label: "合作领域", ..Routes::SHARED };
}
