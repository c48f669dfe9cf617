//! What clients see of regions.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::{Validate, ValidationError};

use super::{Level, Regions};
use crate::db::page::RecordSort;
use crate::db::reference::Reference;
use crate::http::routes::Routes;
use crate::model::text::Text;
use crate::model::types::{Code, Instant, Ref};
use crate::record::citations::{Citation, NewCitation};
use crate::resources::ApiResource;
use crate::rules;

/// An administrative division or a functional zone.
#[derive(Debug, Serialize, ToSchema)]
pub struct Region {
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
    /// Its code in GB/T 2260; null for a zone that has none.
    #[schema(max_length = 12, pattern = "^[0-9]{2,12}$", example = "440785")]
    pub division_code: Option<String>,
    /// The region's name.
    pub name: Text,
    /// What it is in the order of administration.
    pub level: Level,
    /// The region that it is part of.
    pub parent: Option<Reference>,
    /// Degrees north (WGS 84).
    #[schema(minimum = -90, maximum = 90, example = 22.18)]
    pub latitude: Option<f64>,
    /// Degrees east (WGS 84).
    #[schema(minimum = -180, maximum = 180, example = 112.31)]
    pub longitude: Option<f64>,
    /// Free-text note.
    pub note: Option<String>,
    /// Sources cited for this record.
    pub citations: Vec<Citation>,
}

/// A region to create.
#[derive(Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[validate(schema(function = "position"))]
pub struct NewRegion {
    /// Unique slug.
    pub code: Code,
    /// Its code in GB/T 2260; null for a zone that has none.
    #[serde(default)]
    #[schema(max_length = 12, pattern = "^[0-9]{2,12}$", example = "440785")]
    pub division_code: Option<String>,
    /// The region's name.
    pub name: Text,
    /// What it is in the order of administration.
    pub level: Level,
    /// The region that it is part of. A change that leads back to the record, or to more than 10,000 records
    /// through others, is refused (422).
    #[serde(default)]
    pub parent: Option<Ref>,
    /// Degrees north (WGS 84).
    #[serde(default)]
    #[schema(minimum = -90, maximum = 90, example = 22.18)]
    pub latitude: Option<f64>,
    /// Degrees east (WGS 84).
    #[serde(default)]
    #[schema(minimum = -180, maximum = 180, example = 112.31)]
    pub longitude: Option<f64>,
    /// Free-text note.
    #[serde(default)]
    pub note: Option<String>,
    /// Sources cited for this record.
    #[serde(default)]
    pub citations: Vec<NewCitation>,
}

fn position(new: &NewRegion) -> Result<(), ValidationError> {
    if new.latitude.is_some() == new.longitude.is_some() {
        return Ok(());
    }
    let pointer = if new.latitude.is_none() { "/latitude" } else { "/longitude" };
    Err(rules::broken(pointer, "required", crate::msg!("经纬度须同时给出。", "latitude and longitude go together")))
}

/// Filter parameters of the list of regions.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RegionFilter {
    /// Words in name and note.
    #[param(max_length = 200, example = "恩平")]
    pub q: Option<String>,
    /// Part of this region, directly.
    pub parent: Option<Ref>,
    /// What the regions are; several repeat the parameter.
    #[serde(default)]
    pub level: Vec<Level>,
    /// With this code in GB/T 2260.
    #[param(max_length = 12, example = "440785")]
    pub division_code: Option<String>,
    /// Only records changed at this instant or later.
    pub updated_since: Option<DateTime<Utc>>,
    /// Sort order; a leading `-` sorts descending.
    #[param(inline)]
    pub sort: Option<RecordSort>,
}

impl ApiResource for Regions {
    const ROUTES: Routes = Routes { label: "行政区", ..Routes::SHARED };
}
