//! What clients see of milestones.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::{Validate, ValidationError};

use super::revisions::api::{confirm, list_confirmations, list_revisions};
use super::{Milestones, Status};
use crate::db::reference::Reference;
use crate::http::routes::{self, Routes};
use crate::model::text::Text;
use crate::model::types::{Code, Instant, Ref};
use crate::record::citations::{Citation, NewCitation};
use crate::resources::ApiResource;
use crate::{msg, rules, text_enum};
use utoipa_actix_web::service_config::ServiceConfig;

/// A dated, checkable point of an agreement or of a project.
#[derive(Debug, Serialize, ToSchema)]
pub struct Milestone {
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
    /// The agreement that it belongs to; null where it belongs to a project.
    pub agreement: Option<Reference>,
    /// The project that it belongs to; null where it belongs to an agreement.
    pub project: Option<Reference>,
    /// The pairing of that agreement or project.
    pub pairing: Reference,
    /// What is to be reached.
    pub title: Text,
    /// What kind of point it is, in the programme's own words.
    #[schema(max_length = 100, example = "signing")]
    pub kind: Option<String>,
    /// When it is due.
    pub due_on: NaiveDate,
    /// When it was due at first; set by the service, once.
    pub baseline_due_on: NaiveDate,
    /// When those who are responsible expect it.
    pub forecast_on: Option<NaiveDate>,
    /// When it was met, wholly or in part.
    pub met_on: Option<NaiveDate>,
    /// How it stands.
    pub status: Status,
    /// Why it was not met or was cancelled.
    pub status_reason: Option<String>,
    /// How far it is, in percent; 100 when met.
    #[schema(minimum = 0, maximum = 100, example = 40)]
    pub progress: i32,
    /// What it counts for among the milestones of its agreement or project, to three places.
    #[schema(minimum = 0, maximum = 1_000_000, example = 1.0)]
    pub weight: f64,
    /// Who is responsible.
    pub responsible: Vec<Reference>,
    /// What must be reached before.
    pub depends_on: Vec<Reference>,
    /// Free-text note.
    pub note: Option<String>,
    /// When the supporters' side confirmed that it is met.
    pub supporter_confirmed_at: Option<Instant>,
    /// When the recipients' side confirmed that it is met.
    pub recipient_confirmed_at: Option<Instant>,
    /// Sources cited for this record.
    pub citations: Vec<Citation>,
    /// Whether it is overdue on `as_of`: `as_of` is after `due_on`, and the status is `scheduled`, `in_progress` or `not_met`.
    /// On the due date itself it is not overdue yet.
    pub overdue: bool,
    /// How many days overdue on `as_of`; 0 when it is not.
    #[schema(minimum = 0, example = 12)]
    pub days_late: i64,
    /// `due_on` minus `baseline_due_on` in days; negative when it was brought forward.
    #[schema(example = 30)]
    pub slippage_days: i64,
}

/// A milestone to create.
#[derive(Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[validate(schema(function = "day_of_meeting"), schema(function = "belongs_to_one"))]
pub struct NewMilestone {
    /// Optional unique slug.
    #[serde(default)]
    pub code: Option<Code>,
    /// The agreement that it belongs to; absent where it belongs to a project.
    #[serde(default)]
    pub agreement: Option<Ref>,
    /// The project that it belongs to; absent where it belongs to an agreement.
    #[serde(default)]
    pub project: Option<Ref>,
    /// What is to be reached.
    pub title: Text,
    /// What kind of point it is, in the programme's own words.
    #[serde(default)]
    #[schema(max_length = 100, example = "signing")]
    pub kind: Option<String>,
    /// When it is due. A change that moves it needs a `reason`.
    pub due_on: NaiveDate,
    /// When those who are responsible expect it.
    #[serde(default)]
    pub forecast_on: Option<NaiveDate>,
    /// When it was met, wholly or in part: required for `met` and `partially_met`, and for these alone; not in the future.
    #[serde(default)]
    pub met_on: Option<NaiveDate>,
    /// How it stands. `not_met` needs a `reason`, and a due date that has passed.
    #[serde(default = "scheduled")]
    pub status: Status,
    /// How far it is, in percent; met is 100. Absent: 0.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 100, example = 40)]
    pub progress: i32,
    /// What it counts for among the milestones of its agreement or project; kept to three places. Absent: 1.
    #[serde(default = "one")]
    #[schema(minimum = 0, maximum = 1_000_000, example = 1.0)]
    pub weight: f64,
    /// Who is responsible.
    #[serde(default)]
    pub responsible: Vec<Ref>,
    /// Milestones that must be met before this one. A change that leads back to the milestone, or to more than 10,000
    /// milestones through others, is refused (422).
    #[serde(default)]
    pub depends_on: Vec<Ref>,
    /// Free-text note.
    #[serde(default)]
    pub note: Option<String>,
    /// Why the due date moves, or why it was not met or is cancelled; goes into the revision and the history.
    #[serde(default)]
    #[schema(example = "汛期停工，顺延一个月")]
    pub reason: Option<String>,
    /// Sources cited for this record.
    #[serde(default)]
    pub citations: Vec<NewCitation>,
}

fn scheduled() -> Status {
    Status::Scheduled
}

fn one() -> f64 {
    1.0
}

fn day_of_meeting(new: &NewMilestone) -> Result<(), ValidationError> {
    let status = new.status;
    match (status.has_met_on(), new.met_on) {
        (true, None) => Err(rules::broken(
            "/met_on",
            "required",
            msg!("状态为 {status} 时须给出完成日期。", "is required when the status is {status}"),
        )),
        (false, Some(_)) => Err(rules::broken(
            "/met_on",
            "not_for_status",
            msg!("状态为 {status} 时不得有完成日期。", "must be null when the status is {status}"),
        )),
        _ => Ok(()),
    }
}

fn belongs_to_one(new: &NewMilestone) -> Result<(), ValidationError> {
    match (&new.agreement, &new.project) {
        (None, None) => Err(rules::broken(
            "/agreement",
            "required",
            msg!("须给出 agreement 或 project。", "is required unless it belongs to a project"),
        )),
        (Some(_), Some(_)) => Err(rules::broken(
            "/project",
            "one_of",
            msg!("agreement 与 project 只能给出一个。", "must be absent when the milestone belongs to an agreement"),
        )),
        _ => Ok(()),
    }
}

text_enum! {
    /// The orders of a list of milestones; ties are ordered by id.
    Sort as "MilestoneSort" {
        /// Due first.
        DueOn => "due_on",
        /// Due last.
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

/// Filter parameters of the list of milestones.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MilestoneFilter {
    /// Words in title and note.
    #[param(max_length = 200, example = "联席会议")]
    pub q: Option<String>,
    /// Of this programme.
    pub programme: Option<Ref>,
    /// Of this pairing.
    pub pairing: Option<Ref>,
    /// Of this agreement, and of the projects under it.
    pub agreement: Option<Ref>,
    /// Of this project.
    pub project: Option<Ref>,
    /// In this field of cooperation: one of its project's, or one of its agreement's where the project has none.
    pub sector: Option<Ref>,
    /// With this organization among the responsible.
    pub responsible: Option<Ref>,
    /// That need this milestone before.
    pub depends_on: Option<Ref>,
    /// With one of these statuses; several repeat the parameter.
    #[serde(default)]
    pub status: Vec<Status>,
    /// Of this kind.
    #[param(max_length = 100)]
    pub kind: Option<String>,
    /// Whether they are overdue on `as_of`, as the field `overdue` has it.
    pub overdue: Option<bool>,
    /// Due on this date or later.
    pub due_from: Option<NaiveDate>,
    /// Due on this date or earlier.
    pub due_to: Option<NaiveDate>,
    /// Met on this date or later.
    pub met_from: Option<NaiveDate>,
    /// Met on this date or earlier.
    pub met_to: Option<NaiveDate>,
    /// Only records changed at this instant or later.
    pub updated_since: Option<DateTime<Utc>>,
    /// Sort order; a leading `-` sorts descending. Default: `due_on`.
    #[param(inline)]
    pub sort: Option<Sort>,
}

impl ApiResource for Milestones {
    const ROUTES: Routes = Routes { label: "里程碑", takes_as_of: true, ..Routes::OF_PAIRING };

    fn mount(config: &mut ServiceConfig<'_>) {
        routes::mount::<Self>(config, &Self::ROUTES);
        config.service(list_revisions).service(list_confirmations).service(confirm);
    }
}
