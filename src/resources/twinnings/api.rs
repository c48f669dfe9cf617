//! What clients see of twinnings.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::{Validate, ValidationError};

use super::Twinnings;
use crate::db::reference::Reference;
use crate::http::routes::Routes;
use crate::model::types::{Code, Instant, Ref};
use crate::record::citations::{Citation, NewCitation};
use crate::resources::ApiResource;
use crate::{rules, text_enum};

/// Two organizations tied under a pairing.
#[derive(Debug, Serialize, ToSchema)]
pub struct Twinning {
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
    /// The pairing that it is under.
    pub pairing: Reference,
    /// The organization on the supporters' side.
    pub supporter_organization: Reference,
    /// The organization on the recipients' side.
    pub recipient_organization: Reference,
    /// The field of cooperation.
    pub sector: Option<Reference>,
    /// The first day of the tie.
    pub from_on: Option<NaiveDate>,
    /// The last day of the tie.
    pub to_on: Option<NaiveDate>,
    /// Free-text note.
    pub note: Option<String>,
    /// Sources cited for this record.
    pub citations: Vec<Citation>,
}

/// A twinning to create.
#[derive(Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[validate(schema(function = "period"))]
pub struct NewTwinning {
    /// Optional unique slug.
    #[serde(default)]
    pub code: Option<Code>,
    /// The pairing that it is under.
    pub pairing: Ref,
    /// The organization on the supporters' side.
    pub supporter_organization: Ref,
    /// The organization on the recipients' side: another one.
    pub recipient_organization: Ref,
    /// The field of cooperation.
    #[serde(default)]
    pub sector: Option<Ref>,
    /// The first day of the tie.
    #[serde(default)]
    pub from_on: Option<NaiveDate>,
    /// The last day of the tie.
    #[serde(default)]
    pub to_on: Option<NaiveDate>,
    /// Free-text note.
    #[serde(default)]
    pub note: Option<String>,
    /// Sources cited for this record.
    #[serde(default)]
    pub citations: Vec<NewCitation>,
}

fn period(new: &NewTwinning) -> Result<(), ValidationError> {
    rules::period(new.from_on, new.to_on, "/to_on", "from_on")
}

text_enum! {
    /// The orders of a list of twinnings; ties are ordered by id.
    Sort as "TwinningSort" {
        /// Oldest first.
        Id => "id",
        /// Newest first.
        IdDesc => "-id",
        /// By the first day; the undated last.
        FromOn => "from_on",
        /// By the first day, backwards; the undated first.
        FromOnDesc => "-from_on",
        /// Least recently changed first.
        UpdatedAt => "updated_at",
        /// Most recently changed first.
        UpdatedAtDesc => "-updated_at",
    }
}

/// Filter parameters of the list of twinnings.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TwinningFilter {
    /// Words in the note.
    #[param(max_length = 200, example = "幼儿园")]
    pub q: Option<String>,
    /// Of the pairings of this programme.
    pub programme: Option<Ref>,
    /// Of this pairing.
    pub pairing: Option<Ref>,
    /// With this organization on the supporters' side.
    pub supporter_organization: Option<Ref>,
    /// With this organization on the recipients' side.
    pub recipient_organization: Option<Ref>,
    /// With this organization on either side.
    pub organization: Option<Ref>,
    /// In this field of cooperation.
    pub sector: Option<Ref>,
    /// Tied on this date; a first or last day that is unknown excludes none.
    pub active_on: Option<NaiveDate>,
    /// Only records changed at this instant or later.
    pub updated_since: Option<DateTime<Utc>>,
    /// Sort order; a leading `-` sorts descending.
    #[param(inline)]
    pub sort: Option<Sort>,
}

impl ApiResource for Twinnings {
    const ROUTES: Routes = Routes { label: "单位结对", ..Routes::OF_PAIRING };
}
