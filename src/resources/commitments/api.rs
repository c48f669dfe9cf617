//! What clients see of commitments.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Accumulation, Commitments, Direction};
use crate::error::Faults;
use crate::figures::pace::Pace;
use crate::http::routes::Routes;
use crate::model::decimal::{Quantity, QuantityTotal};
use crate::model::types::Ref;
use crate::resources::ApiResource;
use crate::resources::fields::Searched;
use crate::{msg, rules, text_enum};

crate::fields! {
    /// A clause of an agreement, as something checkable.
    Commitment;
    /// A commitment to create.
    NewCommitment;
    resource Commitments, table commitments, sheet "协议事项", code Option<Code>;

    /// Agreement that contains the clause.
    agreement: Ref<agreements> "协议",
    /// Pairing of that agreement.
    pairing: stored Ref<pairings>,
    /// Place of the clause in the agreement: article or paragraph.
    #[schema(max_length = 200, example = "第三条")]
    clause: Option<String> "条款" searched,
    /// Text of the commitment.
    text: Text "内容" searched,
    /// Field of cooperation.
    sector: Option<Ref<sectors>> "合作领域",
    /// Responsible organizations.
    responsible: Vec<Ref<organizations>> in commitment_responsible.organization_id "责任单位",
    /// First day of the period; if null, that of the agreement.
    starts_on: Option<NaiveDate> "开始日期",
    /// Last day of the period; if null, that of the agreement.
    due_on: Option<NaiveDate> "到期日",
    /// Indicator that measures the commitment; null if it is not measured by a number.
    #[new(serde(default))]
    indicator: nested { Option<Indicator> } from { Option<NewIndicator> } in commitments "指标" {
        name "指标名称", unit "单位", baseline "基线值", target "目标值", direction "方向", accumulation "累计方式",
    } searched,
    indicator_name: column Option<String>,
    indicator_unit: column Option<String>,
    indicator_baseline: column Option<Quantity>,
    indicator_target: column Option<Quantity>,
    indicator_direction: column Option<Direction>,
    indicator_accumulation: column Option<Accumulation>,
    /// Free-text note.
    note: Option<String> "备注" searched,
    /// First day of the period: `starts_on`, else that of the agreement; null when neither has one.
    period_from_on: computed Option<NaiveDate>,
    /// Last day of the period: `due_on`, else that of the agreement; null when neither has one.
    period_to_on: computed Option<NaiveDate>,
    /// Value of the indicator by the approved reports up to `as_of`; null when unknown.
    actual: computed Option<QuantityTotal>,
    /// Distance covered from baseline to target, in percent; may be negative or more than 100; null when unknown.
    #[schema(example = 62.5)]
    completion: computed Option<f64>,
    /// Share of the period that `completion` is compared with, in percent; null without a
    /// period.
    #[schema(minimum = 0, maximum = 100, example = 49.59)]
    expected: computed Option<f64>,
    /// Pace on `as_of`: `completion` compared with `expected`.
    pace: computed Pace,
    /// Last day of the last approved report up to `as_of`; null when there is none.
    reported_to: computed Option<NaiveDate>,
}

/// Indicator that measures a commitment.
#[derive(Debug, Serialize, ToSchema)]
pub struct Indicator {
    /// What is measured.
    #[schema(max_length = 200, example = "跟岗教师人数")]
    pub name: Option<String>,
    /// The unit of every value.
    #[schema(max_length = 50, example = "人")]
    pub unit: String,
    /// Where it stood at first.
    pub baseline: Option<Quantity>,
    /// Where it is to stand on the last day.
    pub target: Option<Quantity>,
    /// Which way it is to move.
    pub direction: Direction,
    /// How the values of periods are combined.
    pub accumulation: Accumulation,
}

/// Indicator of a commitment to create.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewIndicator {
    /// What is measured.
    #[serde(default)]
    #[schema(max_length = 200, example = "跟岗教师人数")]
    pub name: Option<String>,
    /// The unit of every value; required of an indicator that is not there yet.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 50, example = "人")]
    pub unit: Option<String>,
    /// Where it stood at first.
    #[serde(default)]
    pub baseline: Option<Quantity>,
    /// Where it is to stand on the last day; absent where no number was agreed.
    #[serde(default)]
    pub target: Option<Quantity>,
    /// Which way it is to move.
    #[serde(default = "rising")]
    pub direction: Direction,
    /// How the values of periods are combined.
    #[serde(default = "cumulative")]
    pub accumulation: Accumulation,
}

impl Searched for NewIndicator {
    fn texts(&self) -> impl Iterator<Item = &str> {
        self.name.as_deref().into_iter()
    }
}

fn rising() -> Direction {
    Direction::Rising
}

fn cumulative() -> Accumulation {
    Accumulation::Cumulative
}

/// Checks the rules across the fields of a request.
pub fn validate(new: &NewCommitment, faults: &mut Faults) {
    rules::period(faults, new.starts_on, new.due_on, "/due_on", "starts_on");
    unit(new, faults);
    direction(new, faults);
}

fn unit(new: &NewCommitment, faults: &mut Faults) {
    if new.indicator.as_ref().is_some_and(|indicator| indicator.unit.is_none()) {
        faults.push("/indicator/unit", "required", msg!("指标须有单位。", "is required of an indicator"));
    }
}

fn direction(new: &NewCommitment, faults: &mut Faults) {
    let Some(NewIndicator { baseline: Some(baseline), target: Some(target), direction, .. }) = &new.indicator else {
        return;
    };
    let is_against = match direction {
        Direction::Rising => target < baseline,
        Direction::Falling => target > baseline,
    };
    if is_against {
        faults.push(
            "/indicator/target",
            "against_direction",
            msg!(
                "方向为 {direction}，目标值与基线值（{baseline}）不符。",
                "does not fit the direction {direction} from the baseline {baseline}"
            ),
        );
    }
}

text_enum! {
    /// The orders of a list of commitments; ties are ordered by id.
    Sort as "CommitmentSort" {
        /// Due first; those without a day of their own last.
        DueOn => "due_on",
        /// Due last; those without a day of their own first.
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

/// Filter parameters of the list of commitments.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CommitmentFilter {
    /// Words in text, clause, indicator and note.
    #[param(max_length = 200, example = "教师")]
    pub q: Option<String>,
    /// Of the pairings of this programme.
    pub programme: Option<Ref>,
    /// Of this pairing.
    pub pairing: Option<Ref>,
    /// Of this agreement.
    pub agreement: Option<Ref>,
    /// About this field of cooperation.
    pub sector: Option<Ref>,
    /// With this organization among the responsible.
    pub responsible: Option<Ref>,
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

impl ApiResource for Commitments {
    const ROUTES: Routes = Routes { label: "协议事项", takes_as_of: true, ..Routes::OF_PAIRING };
}
