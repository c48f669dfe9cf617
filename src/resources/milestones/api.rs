//! What clients see of milestones.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use utoipa::IntoParams;

use super::revisions::api as revisions;
use super::{Milestones, Status, Weight};
use crate::error::Faults;
use crate::http::routes::{self, Routes, ServiceConfig, operation};
use crate::model::types::{Instant, Ref};
use crate::resources::ApiResource;
use crate::{msg, text_enum};

crate::fields! {
    /// A dated, checkable point of an agreement or of a project.
    Milestone;
    /// A milestone to create.
    NewMilestone;
    resource Milestones, table milestones, sheet "里程碑", code Option<Code>, copied as InsertedMilestone;

    /// Agreement that the milestone belongs to; null when it belongs to a project.
    agreement: Option<Ref<agreements>> "协议",
    /// Project that the milestone belongs to; null when it belongs to an agreement.
    project: Option<Ref<projects>> "项目",
    /// Pairing of that agreement or project.
    pairing: stored Ref<pairings>,
    /// Title.
    title: Text "名称" searched,
    /// Kind of milestone, as the programme names it.
    #[schema(max_length = 100, example = "signing")]
    kind: Option<String> "类别",
    /// Due date. A change of the due date requires a `reason`.
    due_on: NaiveDate "到期日",
    /// First due date, set on creation.
    baseline_due_on: stored NaiveDate,
    /// Day on which the responsible organizations expect the milestone to be met.
    forecast_on: Option<NaiveDate> "预计日期",
    /// Day on which the milestone was met or partially met. Required for `met` and `partially_met`, null for every other
    /// status; not in the future.
    met_on: Option<NaiveDate> "完成日期",
    /// Status. `not_met` requires a `reason`, and a due date in the past.
    #[new(serde(default = "scheduled"))]
    status: Status "状态",
    /// Reason for the status `not_met` or `cancelled`; null otherwise.
    status_reason: stored Option<String>,
    /// Progress in percent; 100 when met.
    #[schema(minimum = 0, maximum = 100, example = 40)]
    #[new(serde(default))]
    progress: i32 "进度（%）",
    /// Weight among the milestones of the same agreement or project, with three decimal places.
    #[schema(value_type = f64, minimum = 0, maximum = 1_000_000, example = 1.0)]
    #[new(serde(default = "one"))]
    weight: Weight in weight_thousandths "权重",
    /// Responsible organizations.
    responsible: Vec<Ref<organizations>> in milestone_responsible.organization_id "责任单位",
    /// Milestones that must be met before this one. A change that leads back to the record, or reaches more than 10,000
    /// records through others, is rejected (422).
    depends_on: Vec<Ref<milestones>> in milestone_dependencies.depends_on_id "前置里程碑",
    /// Free-text note.
    note: Option<String> "备注" searched,
    /// Reason for a new due date, or for the status `not_met` or `cancelled`; recorded in the revision and in the history.
    #[schema(example = "汛期停工，顺延一个月")]
    reason: written Option<String> "原因",
    /// When the supporters' side confirmed that the milestone is met; null before.
    supporter_confirmed_at: stored Option<Instant>,
    /// When the recipients' side confirmed that the milestone is met; null before.
    recipient_confirmed_at: stored Option<Instant>,
    /// Whether the milestone is overdue on `as_of`: `due_on` is before `as_of`, and the status is `scheduled`,
    /// `in_progress` or `not_met`.
    overdue: computed bool,
    /// Days overdue on `as_of`; 0 when not overdue.
    #[schema(minimum = 0, example = 12)]
    days_late: computed i64,
    /// `due_on` minus `baseline_due_on` in days; negative when the due date was brought forward.
    #[schema(example = 30)]
    slippage_days: computed i64,
}

fn scheduled() -> Status {
    Status::Scheduled
}

fn one() -> Weight {
    Weight::ONE
}

/// Checks the rules across the fields of a request.
pub fn validate(new: &NewMilestone, faults: &mut Faults) {
    day_of_meeting(new, faults);
    belongs_to_one(new, faults);
}

fn day_of_meeting(new: &NewMilestone, faults: &mut Faults) {
    let status = new.status;
    match (status.has_met_on(), new.met_on) {
        (true, None) => faults.push(
            "/met_on",
            "required",
            msg!("状态为 {status} 时须给出完成日期。", "is required when the status is {status}"),
        ),
        (false, Some(_)) => faults.push(
            "/met_on",
            "not_for_status",
            msg!("状态为 {status} 时不得有完成日期。", "must be null when the status is {status}"),
        ),
        _ => {}
    }
}

fn belongs_to_one(new: &NewMilestone, faults: &mut Faults) {
    match (&new.agreement, &new.project) {
        (None, None) => faults.push(
            "/agreement",
            "required",
            msg!("须给出 agreement 或 project。", "is required unless it belongs to a project"),
        ),
        (Some(_), Some(_)) => faults.push(
            "/project",
            "one_of",
            msg!("agreement 与 project 只能给出一个。", "must be absent when the milestone belongs to an agreement"),
        ),
        _ => {}
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

    fn mount(config: &mut ServiceConfig) {
        routes::mount::<Self>(config, &Self::ROUTES);
        config
            .service(operation!(revisions::list_revisions))
            .service(operation!(revisions::list_confirmations))
            .service(operation!(revisions::confirm));
    }
}
