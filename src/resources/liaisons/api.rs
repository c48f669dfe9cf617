//! What clients see of liaisons.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::{Validate, ValidationError};

use super::{Body, Liaisons};
use crate::db::reference::Reference;
use crate::http::routes::Routes;
use crate::model::types::{Code, Instant, Ref};
use crate::record::citations::{Citation, NewCitation};
use crate::resources::ApiResource;
use crate::{msg, rules, text_enum};

/// A leader or a department assigned to a pairing.
#[derive(Debug, Serialize, ToSchema)]
pub struct Liaison {
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
    /// The pairing that it is assigned to.
    pub pairing: Reference,
    /// The person's name.
    #[schema(max_length = 200)]
    pub name: Option<String>,
    /// The person's office.
    #[schema(max_length = 200, example = "副市长")]
    pub title: Option<String>,
    /// The body that it is of.
    pub body: Option<Body>,
    /// The organization that it is of.
    pub organization: Option<Reference>,
    /// The first day of the assignment.
    pub from_on: Option<NaiveDate>,
    /// The last day of the assignment.
    pub to_on: Option<NaiveDate>,
    /// How to reach it. Personal data: null for who may not see it.
    #[schema(max_length = 500)]
    pub contact: Option<String>,
    /// Free-text note.
    pub note: Option<String>,
    /// Sources cited for this record.
    pub citations: Vec<Citation>,
}

/// A liaison to create: at least one of name, title, body and organization.
#[derive(Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[validate(schema(function = "names_somebody"), schema(function = "period"))]
pub struct NewLiaison {
    /// Optional unique slug.
    #[serde(default)]
    pub code: Option<Code>,
    /// The pairing that it is assigned to.
    pub pairing: Ref,
    /// The person's name.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 200)]
    pub name: Option<String>,
    /// The person's office.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 200, example = "副市长")]
    pub title: Option<String>,
    /// The body that it is of.
    #[serde(default)]
    pub body: Option<Body>,
    /// The organization that it is of.
    #[serde(default)]
    pub organization: Option<Ref>,
    /// The first day of the assignment.
    #[serde(default)]
    pub from_on: Option<NaiveDate>,
    /// The last day of the assignment.
    #[serde(default)]
    pub to_on: Option<NaiveDate>,
    /// How to reach it. Personal data: shown only to keys of the pairing.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub contact: Option<String>,
    /// Free-text note.
    #[serde(default)]
    pub note: Option<String>,
    /// Sources cited for this record.
    #[serde(default)]
    pub citations: Vec<NewCitation>,
}

fn names_somebody(new: &NewLiaison) -> Result<(), ValidationError> {
    if new.name.is_none() && new.title.is_none() && new.body.is_none() && new.organization.is_none() {
        return Err(rules::broken(
            "",
            "one_of",
            msg!("须给出姓名、职务、班子或单位。", "must have a name, a title, a body or an organization"),
        ));
    }
    Ok(())
}

fn period(new: &NewLiaison) -> Result<(), ValidationError> {
    rules::period(new.from_on, new.to_on, "/to_on", "from_on")
}

text_enum! {
    /// The orders of a list of liaisons; ties are ordered by id.
    Sort as "LiaisonSort" {
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

/// Filter parameters of the list of liaisons.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LiaisonFilter {
    /// Words in name, title and note.
    #[param(max_length = 200, example = "副市长")]
    pub q: Option<String>,
    /// Of the pairings of this programme.
    pub programme: Option<Ref>,
    /// Of this pairing.
    pub pairing: Option<Ref>,
    /// Of these bodies; several repeat the parameter.
    #[serde(default)]
    pub body: Vec<Body>,
    /// Of this organization.
    pub organization: Option<Ref>,
    /// Assigned on this date; a first or last day that is unknown excludes none.
    pub active_on: Option<NaiveDate>,
    /// Only records changed at this instant or later.
    pub updated_since: Option<DateTime<Utc>>,
    /// Sort order; a leading `-` sorts descending.
    #[param(inline)]
    pub sort: Option<Sort>,
}

impl ApiResource for Liaisons {
    const ROUTES: Routes = Routes { label: "挂钩联系", ..Routes::OF_PAIRING };
}
