//! What clients see of resolutions.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Resolutions, State, Status};
use crate::error::Faults;
use crate::figures::pace::Pace;
use crate::http::routes::{self, Routes, ServiceConfig};
use crate::model::types::Ref;
use crate::resources::{ApiResource, conferences, milestones};
use crate::{msg, text_enum};

crate::fields! {
    /// What a conference decided.
    Resolution;
    /// A resolution to create.
    NewResolution;
    resource Resolutions, table resolutions, sheet "会议议定事项", code Option<Code>;

    /// Conference that passed the resolution.
    conference: Ref<conferences> "会议",
    /// Pairing of that conference.
    pairing: stored Ref<pairings>,
    /// Text of the resolution.
    text: Text "内容" searched,
    /// Responsible organizations.
    responsible: Vec<Ref<organizations>> in resolution_responsible.organization_id "责任单位",
    /// Due date; null when there is none.
    due_on: Option<NaiveDate> "到期日",
    /// Status. `open` can become `done` or `dropped`, and both can become `open` again.
    #[new(serde(default = "open"))]
    status: Status "状态",
    /// Day on which the resolution was done; only with the status `done`, and not in the future.
    done_on: Option<NaiveDate> "完成日期",
    /// Commitment of the same pairing that the resolution became; excludes `milestone`.
    commitment: Option<Ref<commitments>> "协议事项",
    /// Milestone of the same pairing that the resolution became; excludes `commitment`.
    milestone: Option<Ref<milestones>> "里程碑",
    /// Free-text note.
    note: Option<String> "备注" searched,
    /// State on `as_of`: that of the commitment or milestone that the resolution became, else by its own status and due
    /// date.
    state: computed State,
    /// Standing of the commitment that the resolution became; null without one.
    commitment_standing: computed Option<CommitmentStanding>,
    /// Standing of the milestone that the resolution became; null without one.
    milestone_standing: computed Option<MilestoneStanding>,
}

/// How the commitment stands that a resolution became.
#[derive(Debug, Serialize, ToSchema)]
pub struct CommitmentStanding {
    /// How far it is, in percent; null where unknown.
    #[schema(example = 62.5)]
    pub completion: Option<f64>,
    /// Pace on `as_of`.
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

fn open() -> Status {
    Status::Open
}

/// Checks the rules across the fields of a request.
pub fn validate(new: &NewResolution, faults: &mut Faults) {
    day_done(new, faults);
    becomes_one(new, faults);
}

fn day_done(new: &NewResolution, faults: &mut Faults) {
    let status = new.status;
    if status != Status::Done && new.done_on.is_some() {
        faults.push(
            "/done_on",
            "not_for_status",
            msg!("状态为 {status} 时不得有办结日期。", "must be null when the status is {status}"),
        );
    }
}

fn becomes_one(new: &NewResolution, faults: &mut Faults) {
    if new.commitment.is_some() && new.milestone.is_some() {
        faults.push(
            "/milestone",
            "one_of",
            msg!("commitment 与 milestone 只能给出一个。", "must be null when it became a commitment"),
        );
    }
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

    fn mount(config: &mut ServiceConfig) {
        routes::mount::<Self>(config, &Self::ROUTES);
        routes::mount_nested::<Self>(config, &Self::ROUTES, &conferences::KIND);
    }
}
