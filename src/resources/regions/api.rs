//! What clients see of regions.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Level, Regions};
use crate::db::page::RecordSort;
use crate::error::Faults;
use crate::http::routes::Routes;
use crate::model::types::Ref;
use crate::resources::ApiResource;

crate::fields! {
    /// An administrative division or a functional zone.
    Region;
    /// A region to create.
    NewRegion;
    resource Regions, table regions, sheet "地区", code Code;

    /// Code in GB/T 2260; null for a zone that has none.
    #[schema(max_length = 12, pattern = "^[0-9]{2,12}$", example = "440785")]
    division_code: Option<String> "行政区划代码",
    /// Name.
    name: Text "名称" searched,
    /// Administrative level.
    level: Level "级别",
    /// Region that directly contains this one. A change that leads back to the record, or reaches more than 10,000 records
    /// through others, is rejected (422).
    parent: Option<Ref<regions>> "上级地区",
    /// Latitude in degrees north (WGS 84); given together with `longitude`.
    #[schema(minimum = -90, maximum = 90, example = 22.18)]
    latitude: Option<f64> "纬度",
    /// Longitude in degrees east (WGS 84); given together with `latitude`.
    #[schema(minimum = -180, maximum = 180, example = 112.31)]
    longitude: Option<f64> "经度",
    /// Free-text note.
    note: Option<String> "备注" searched,
}

/// Checks the rules across the fields of a request.
pub fn validate(new: &NewRegion, faults: &mut Faults) {
    if new.latitude.is_some() == new.longitude.is_some() {
        return;
    }
    let pointer = if new.latitude.is_none() { "/latitude" } else { "/longitude" };
    faults.push(pointer, "required", crate::msg!("经纬度须同时给出。", "latitude and longitude go together"));
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
    /// Only regions of these kinds; several repeat the parameter.
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
