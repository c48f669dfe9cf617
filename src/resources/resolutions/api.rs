//! What clients see of resolutions.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::{Validate, ValidationError};

use super::{Resolutions, State, Status};
use crate::db::reference::Reference;
use crate::figures::pace::Pace;
use crate::http::routes::{self, Routes};
use crate::model::text::Text;
use crate::model::types::{Code, Instant, Ref};
use crate::record::citations::{Citation, NewCitation};
use crate::resources::{ApiResource, conferences, milestones};
use crate::{msg, rules, text_enum};
use utoipa_actix_web::service_config::ServiceConfig;

/// What a conference decided.
#[derive(Debug, Serialize, ToSchema)]
pub struct Resolution {
    /// Numeric identifier, assigned on creation and never reused.
    #[schema(minimum = 1, example = 1)]
    pub id: i64,
    /// The record's slug; null where it has none.
    pub code: Option<Code>,
    /// Version, incremented by every change.
    #[schema(minimum = 1, example = 1)]
    pub version: i64,
    /// Time of creation.
    pub created_at: Instant,
    /// Time of the last change.
    pub updated_at: Instant,
    /// The conference that decided it.
    pub conference: Reference,
    /// The pairing of that conference.
    pub pairing: Reference,
    /// What was decided.
    pub text: Text,
    /// Who is responsible.
    pub responsible: Vec<Reference>,
    /// When it is due.
    pub due_on: Option<NaiveDate>,
    /// What was last decided about it.
    pub status: Status,
    /// When it was done.
    pub done_on: Option<NaiveDate>,
    /// The commitment that it became.
    pub commitment: Option<Reference>,
    /// The milestone that it became.
    pub milestone: Option<Reference>,
    /// Free-text note.
    pub note: Option<String>,
    /// Sources cited for this record.
    pub citations: Vec<Citation>,
    /// What it is on `as_of`: by itself, or by what it became.
    pub state: State,
    /// How the commitment stands that it became; null where it became none.
    pub commitment_standing: Option<CommitmentStanding>,
    /// How the milestone stands that it became; null where it became none.
    pub milestone_standing: Option<MilestoneStanding>,
}

/// How the commitment stands that a resolution became.
#[derive(Debug, Serialize, ToSchema)]
pub struct CommitmentStanding {
    /// How far it is, in percent; null where unknown.
    #[schema(example = 62.5)]
    pub completion: Option<f64>,
    /// How it keeps pace with its time.
    pub pace: Pace,
}

/// How the milestone stands that a resolution became.
#[derive(Debug, Serialize, ToSchema)]
pub struct MilestoneStanding {
    /// Its status.
    pub status: milestones::Status,
    /// Whether it is overdue.
    pub overdue: bool,
    /// How many days overdue; 0 when it is not.
    #[schema(minimum = 0, example = 12)]
    pub days_late: i64,
}

/// A resolution to create.
#[derive(Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[validate(schema(function = "day_done"), schema(function = "becomes_one"))]
pub struct NewResolution {
    /// Optional unique slug.
    #[serde(default)]
    pub code: Option<Code>,
    /// The conference that decided it.
    pub conference: Ref,
    /// What was decided.
    pub text: Text,
    /// Who is responsible.
    #[serde(default)]
    pub responsible: Vec<Ref>,
    /// When it is due.
    #[serde(default)]
    pub due_on: Option<NaiveDate>,
    /// What was decided about it since. From `open` to `done` or `dropped`, and back.
    #[serde(default = "open")]
    pub status: Status,
    /// When it was done: only of one that is, and not in the future.
    #[serde(default)]
    pub done_on: Option<NaiveDate>,
    /// The commitment of the same pairing that it became.
    #[serde(default)]
    pub commitment: Option<Ref>,
    /// The milestone of the same pairing that it became.
    #[serde(default)]
    pub milestone: Option<Ref>,
    /// Free-text note.
    #[serde(default)]
    pub note: Option<String>,
    /// Sources cited for this record.
    #[serde(default)]
    pub citations: Vec<NewCitation>,
}

fn open() -> Status {
    Status::Open
}

fn day_done(new: &NewResolution) -> Result<(), ValidationError> {
    let status = new.status;
    if status != Status::Done && new.done_on.is_some() {
        return Err(rules::broken(
            "/done_on",
            "not_for_status",
            msg!("状态为 {status} 时不得有办结日期。", "must be null when the status is {status}"),
        ));
    }
    Ok(())
}

fn becomes_one(new: &NewResolution) -> Result<(), ValidationError> {
    if new.commitment.is_some() && new.milestone.is_some() {
        return Err(rules::broken(
            "/milestone",
            "one_of",
            msg!("commitment 与 milestone 只能给出一个。", "must be null when it became a commitment"),
        ));
    }
    Ok(())
}

text_enum! {
    /// The orders of a list of resolutions; ties are ordered by id.
    Sort as "ResolutionSort" {
        /// Due first; the undated last.
        DueOn => "due_on",
        /// Due last; the undated first.
        DueOnDesc => "-due_on",
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

/// Filter parameters of the list of resolutions.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ResolutionFilter {
    /// Words in text and note.
    #[param(max_length = 200, example = "园区")]
    pub q: Option<String>,
    /// Of the pairings of this programme.
    pub programme: Option<Ref>,
    /// Of this pairing.
    pub pairing: Option<Ref>,
    /// Of this conference.
    pub conference: Option<Ref>,
    /// Whether they are of the last conference that their pairing held by `as_of`.
    pub last_conference: Option<bool>,
    /// With this organization among the responsible.
    pub responsible: Option<Ref>,
    /// That became this commitment.
    pub commitment: Option<Ref>,
    /// That became this milestone.
    pub milestone: Option<Ref>,
    /// With one of these statuses; several repeat the parameter.
    #[serde(default)]
    pub status: Vec<Status>,
    /// Due on this date or later.
    pub due_from: Option<NaiveDate>,
    /// Due on this date or earlier.
    pub due_to: Option<NaiveDate>,
    /// Only records changed at this instant or later.
    pub updated_since: Option<DateTime<Utc>>,
    /// Sort order; a leading `-` sorts descending. Default: `id`.
    #[param(inline)]
    pub sort: Option<Sort>,
}

impl ApiResource for Resolutions {
    const ROUTES: Routes = Routes { label: "议定事项", takes_as_of: true, ..Routes::OF_PAIRING };

    fn mount(config: &mut ServiceConfig<'_>) {
        routes::mount::<Self>(config, &Self::ROUTES);
        routes::mount_nested::<Self>(config, &Self::ROUTES, &conferences::KIND);
    }
}
