//! What clients see of programmes.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::{Validate, ValidationError};

use super::Programmes;
use crate::db::page::RecordSort;
use crate::http::routes::Routes;
use crate::model::text::Text;
use crate::model::types::{Code, Instant};
use crate::record::citations::{Citation, NewCitation};
use crate::resources::ApiResource;
use crate::rules;

/// A policy that pairs regions, with a period and a lead body.
#[derive(Debug, Serialize, ToSchema)]
pub struct Programme {
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
    /// The programme's name.
    pub name: Text,
    /// What the programme is for.
    pub description: Option<Text>,
    /// Who leads it.
    #[schema(max_length = 500, example = "中共江门市委、江门市人民政府")]
    pub lead_body: Option<String>,
    /// When it begins.
    pub starts_on: Option<NaiveDate>,
    /// When it ends.
    pub ends_on: Option<NaiveDate>,
    /// The principles that it follows.
    pub principles: Option<Text>,
    /// Sources cited for this record.
    pub citations: Vec<Citation>,
}

/// A programme to create.
#[derive(Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[validate(schema(function = "period"))]
pub struct NewProgramme {
    /// Unique slug.
    pub code: Code,
    /// The programme's name.
    pub name: Text,
    /// What the programme is for.
    #[serde(default)]
    pub description: Option<Text>,
    /// Who leads it.
    #[serde(default)]
    #[schema(max_length = 500, example = "中共江门市委、江门市人民政府")]
    pub lead_body: Option<String>,
    /// When it begins.
    #[serde(default)]
    pub starts_on: Option<NaiveDate>,
    /// When it ends.
    #[serde(default)]
    pub ends_on: Option<NaiveDate>,
    /// The principles that it follows.
    #[serde(default)]
    pub principles: Option<Text>,
    /// Sources cited for this record.
    #[serde(default)]
    pub citations: Vec<NewCitation>,
}

fn period(new: &NewProgramme) -> Result<(), ValidationError> {
    rules::period(new.starts_on, new.ends_on, "/ends_on", "starts_on")
}

/// Filter parameters of the list of programmes.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ProgrammeFilter {
    /// Words in name, description, principles and lead body.
    #[param(max_length = 200, example = "对口")]
    pub q: Option<String>,
    /// Begun by this date and not ended before it; an unknown end is open.
    pub active_on: Option<NaiveDate>,
    /// Only records changed at this instant or later.
    pub updated_since: Option<DateTime<Utc>>,
    /// Sort order; a leading `-` sorts descending.
    #[param(inline)]
    pub sort: Option<RecordSort>,
}

impl ApiResource for Programmes {
    const ROUTES: Routes = Routes { label: "计划", ..Routes::SHARED };
}
