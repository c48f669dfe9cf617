//! What clients see of exchanges.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};
use validator::{Validate, ValidationError};

use super::{Direction, Exchanges, Profession, Stage, Status};
use crate::db::reference::Reference;
use crate::http::routes::Routes;
use crate::model::types::{Code, Instant, Ref};
use crate::record::citations::{Citation, NewCitation};
use crate::resources::ApiResource;
use crate::{msg, rules, text_enum};

/// A secondment, or a group of them.
#[derive(Debug, Serialize, ToSchema)]
pub struct Exchange {
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
    /// The profession of those who go.
    pub profession: Profession,
    /// From which side to which.
    pub direction: Direction,
    /// How many go; null where it is unknown.
    #[schema(minimum = 1, maximum = 1_000_000, example = 5)]
    pub headcount: Option<i64>,
    /// The organization that they come from.
    pub sending: Option<Reference>,
    /// The organization that they go to.
    pub hosting: Option<Reference>,
    /// When it is to begin.
    pub planned_start_on: Option<NaiveDate>,
    /// When it is to end.
    pub planned_end_on: Option<NaiveDate>,
    /// When it began.
    pub actual_start_on: Option<NaiveDate>,
    /// When it ended: the last day.
    pub actual_end_on: Option<NaiveDate>,
    /// How it stands.
    pub status: Status,
    /// The names of those who go, as far as they are known. Personal data: null for who may not see it.
    #[schema(max_items = 1000)]
    pub names: Option<Vec<PersonName>>,
    /// Free-text note.
    pub note: Option<String>,
    /// Sources cited for this record.
    pub citations: Vec<Citation>,
    /// Where it is on `as_of`, by its actual dates, or by its status where they are unknown.
    pub stage: Stage,
}

/// The name of a person who goes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PersonName(pub String);

impl PartialSchema for PersonName {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(200))
            .description(Some("A person's name."))
            .into()
    }
}

impl ToSchema for PersonName {}

/// An exchange to create.
#[derive(Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[validate(schema(function = "planned_period"), schema(function = "actual_period"), schema(function = "names_fit"))]
pub struct NewExchange {
    /// Optional unique slug.
    #[serde(default)]
    pub code: Option<Code>,
    /// The pairing that it is under.
    pub pairing: Ref,
    /// The profession of those who go.
    pub profession: Profession,
    /// From which side to which.
    pub direction: Direction,
    /// How many go; absent where it is unknown.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 1_000_000, example = 5)]
    pub headcount: Option<i64>,
    /// The organization that they come from.
    #[serde(default)]
    pub sending: Option<Ref>,
    /// The organization that they go to: another one.
    #[serde(default)]
    pub hosting: Option<Ref>,
    /// When it is to begin.
    #[serde(default)]
    pub planned_start_on: Option<NaiveDate>,
    /// When it is to end.
    #[serde(default)]
    pub planned_end_on: Option<NaiveDate>,
    /// When it began; not in the future.
    #[serde(default)]
    pub actual_start_on: Option<NaiveDate>,
    /// When it ended, the last day; not in the future.
    #[serde(default)]
    pub actual_end_on: Option<NaiveDate>,
    /// How it stands. A status that may not follow the one before is refused with those that may.
    #[serde(default = "planned")]
    pub status: Status,
    /// The names of those who go, no more than `headcount`. Personal data: shown only to keys of the pairing.
    #[serde(default)]
    #[schema(max_items = 1000)]
    pub names: Vec<PersonName>,
    /// Free-text note.
    #[serde(default)]
    pub note: Option<String>,
    /// Sources cited for this record.
    #[serde(default)]
    pub citations: Vec<NewCitation>,
}

fn planned() -> Status {
    Status::Planned
}

fn planned_period(new: &NewExchange) -> Result<(), ValidationError> {
    rules::period(new.planned_start_on, new.planned_end_on, "/planned_end_on", "planned_start_on")
}

fn actual_period(new: &NewExchange) -> Result<(), ValidationError> {
    rules::period(new.actual_start_on, new.actual_end_on, "/actual_end_on", "actual_start_on")
}

fn names_fit(new: &NewExchange) -> Result<(), ValidationError> {
    let count = new.names.len();
    match new.headcount {
        Some(headcount) if i64::try_from(count).is_ok_and(|count| count > headcount) => Err(rules::broken(
            "/names",
            "too_many",
            msg!("有 {count} 个姓名，多于人数（{headcount}）。", "are {count}, more than the headcount ({headcount})"),
        )),
        _ => Ok(()),
    }
}

text_enum! {
    /// The orders of a list of exchanges; ties are ordered by id.
    Sort as "ExchangeSort" {
        /// Oldest first.
        Id => "id",
        /// Newest first.
        IdDesc => "-id",
        /// By the planned beginning; the undated last.
        PlannedStartOn => "planned_start_on",
        /// By the planned beginning, backwards; the undated first.
        PlannedStartOnDesc => "-planned_start_on",
        /// By the actual beginning; the undated last.
        ActualStartOn => "actual_start_on",
        /// By the actual beginning, backwards; the undated first.
        ActualStartOnDesc => "-actual_start_on",
        /// Least recently changed first.
        UpdatedAt => "updated_at",
        /// Most recently changed first.
        UpdatedAtDesc => "-updated_at",
    }
}

/// Filter parameters of the list of exchanges.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExchangeFilter {
    /// Words in the note.
    #[param(max_length = 200, example = "骨干教师")]
    pub q: Option<String>,
    /// Of the pairings of this programme.
    pub programme: Option<Ref>,
    /// Of this pairing.
    pub pairing: Option<Ref>,
    /// Of these professions; several repeat the parameter.
    #[serde(default)]
    pub profession: Vec<Profession>,
    /// In this direction.
    pub direction: Option<Direction>,
    /// With one of these statuses; several repeat the parameter.
    #[serde(default)]
    pub status: Vec<Status>,
    /// Sent by this organization.
    pub sending: Option<Ref>,
    /// Hosted by this organization.
    pub hosting: Option<Ref>,
    /// Planned to begin on this date or later.
    pub planned_start_from: Option<NaiveDate>,
    /// Planned to begin on this date or earlier.
    pub planned_start_to: Option<NaiveDate>,
    /// Begun on this date or later.
    pub actual_start_from: Option<NaiveDate>,
    /// Begun on this date or earlier.
    pub actual_start_to: Option<NaiveDate>,
    /// Only records changed at this instant or later.
    pub updated_since: Option<DateTime<Utc>>,
    /// Sort order; a leading `-` sorts descending.
    #[param(inline)]
    pub sort: Option<Sort>,
}

impl ApiResource for Exchanges {
    const ROUTES: Routes = Routes { label: "人才交流", takes_as_of: true, ..Routes::OF_PAIRING };
}
