//! What clients see of funds.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::{Validate, ValidationError};

use super::{Funds, Source};
use crate::db::page::RecordSort;
use crate::db::reference::Reference;
use crate::http::routes::Routes;
use crate::model::text::Text;
use crate::model::types::{Code, Instant, Ref};
use crate::record::citations::{Citation, NewCitation};
use crate::resources::ApiResource;
use crate::rules;

/// A pot of money with a purpose.
#[derive(Debug, Serialize, ToSchema)]
pub struct Fund {
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
    /// The programme that it serves.
    pub programme: Reference,
    /// The fund's name.
    pub name: Text,
    /// When it begins.
    pub starts_on: Option<NaiveDate>,
    /// When it ends.
    pub ends_on: Option<NaiveDate>,
    /// The fields of cooperation that it is for.
    pub focus: Vec<Reference>,
    /// Where its money comes from.
    pub source_kinds: Vec<Source>,
    /// Free-text note.
    pub note: Option<String>,
    /// Sources cited for this record.
    pub citations: Vec<Citation>,
}

/// A fund to create.
#[derive(Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[validate(schema(function = "period"))]
pub struct NewFund {
    /// Unique slug.
    pub code: Code,
    /// The programme that it serves.
    pub programme: Ref,
    /// The fund's name.
    pub name: Text,
    /// When it begins.
    #[serde(default)]
    pub starts_on: Option<NaiveDate>,
    /// When it ends.
    #[serde(default)]
    pub ends_on: Option<NaiveDate>,
    /// The fields of cooperation that it is for.
    #[serde(default)]
    #[schema(max_items = 100)]
    pub focus: Vec<Ref>,
    /// Where its money comes from, each kind once.
    #[serde(default)]
    #[schema(max_items = 20)]
    pub source_kinds: Vec<Source>,
    /// Free-text note.
    #[serde(default)]
    pub note: Option<String>,
    /// Sources cited for this record.
    #[serde(default)]
    pub citations: Vec<NewCitation>,
}

fn period(new: &NewFund) -> Result<(), ValidationError> {
    rules::period(new.starts_on, new.ends_on, "/ends_on", "starts_on")
}

/// Filter parameters of the list of funds.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FundFilter {
    /// Words in name and note.
    #[param(max_length = 200, example = "平衡发展")]
    pub q: Option<String>,
    /// Of this programme.
    pub programme: Option<Ref>,
    /// With this field of cooperation among its focus.
    pub focus: Option<Ref>,
    /// With money from one of these kinds of sources; several repeat the parameter.
    #[serde(default)]
    pub source_kind: Vec<Source>,
    /// Beginning on this date or later.
    pub starts_from: Option<NaiveDate>,
    /// Beginning on this date or earlier.
    pub starts_to: Option<NaiveDate>,
    /// Only records changed at this instant or later.
    pub updated_since: Option<DateTime<Utc>>,
    /// Sort order; a leading `-` sorts descending.
    #[param(inline)]
    pub sort: Option<RecordSort>,
}

impl ApiResource for Funds {
    const ROUTES: Routes = Routes { label: "资金", ..Routes::SHARED };
}
