//! What clients see of exchanges.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::{Direction, Exchanges, Profession, Stage, Status};
use crate::error::Faults;
use crate::http::routes::Routes;
use crate::model::types::Ref;
use crate::resources::ApiResource;
use crate::{msg, rules, text_enum};

crate::fields! {
    /// A secondment, or a group of them.
    Exchange;
    /// An exchange to create.
    NewExchange;
    resource Exchanges, table exchanges, sheet "人员交流", code Option<Code>;

    /// Pairing that the exchange belongs to.
    pairing: Ref<pairings> "结对",
    /// Profession of the persons.
    profession: Profession "类别",
    /// Direction between the sides of the pairing.
    direction: Direction "方向",
    /// Number of persons; null when unknown.
    #[schema(minimum = 1, maximum = 1_000_000, example = 5)]
    headcount: Option<i64> "人数",
    /// Organization that sends the persons.
    sending: Option<Ref<organizations>> "派出单位",
    /// Organization that hosts the persons; differs from `sending`.
    hosting: Option<Ref<organizations>> "接收单位",
    /// Planned first day.
    planned_start_on: Option<NaiveDate> "计划开始",
    /// Planned last day, not before `planned_start_on`.
    planned_end_on: Option<NaiveDate> "计划结束",
    /// Actual first day, not in the future.
    actual_start_on: Option<NaiveDate> "实际开始",
    /// Actual last day, not before `actual_start_on` and not in the future.
    actual_end_on: Option<NaiveDate> "实际结束",
    /// Status. A status that cannot follow the present one is rejected with those that can.
    #[new(serde(default = "planned"))]
    status: Status "状态",
    // Not searched: a caller that may not read it must not find records by it.
    /// Names of the persons, no more than `headcount`. Personal data: disclosed only to keys of the pairing, null
    /// otherwise.
    #[schema(max_items = 1000)]
    #[new(serde(default))]
    names: nested { Option<Vec<PersonName>> } from { Vec<PersonName> } in exchange_names "姓名" {},
    /// Free-text note.
    note: Option<String> "备注" searched,
    /// Stage on `as_of`, by the actual dates, or by the status where these are unknown.
    stage: computed Stage,
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

fn planned() -> Status {
    Status::Planned
}

/// Checks the rules across the fields of a request.
pub fn validate(new: &NewExchange, faults: &mut Faults) {
    rules::period(faults, new.planned_start_on, new.planned_end_on, "/planned_end_on", "planned_start_on");
    rules::period(faults, new.actual_start_on, new.actual_end_on, "/actual_end_on", "actual_start_on");
    names_fit(new, faults);
}

fn names_fit(new: &NewExchange, faults: &mut Faults) {
    let count = new.names.len();
    match new.headcount {
        Some(headcount) if i64::try_from(count).is_ok_and(|count| count > headcount) => faults.push(
            "/names",
            "too_many",
            msg!("有 {count} 个姓名，多于人数（{headcount}）。", "are {count}, more than the headcount ({headcount})"),
        ),
        _ => {}
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
