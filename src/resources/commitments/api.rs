//! What clients see of commitments.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::{Validate, ValidationError};

use super::{Accumulation, Commitments, Direction};
use crate::db::reference::Reference;
use crate::figures::pace::Pace;
use crate::http::routes::Routes;
use crate::model::decimal::{Quantity, QuantityTotal};
use crate::model::text::Text;
use crate::model::types::{Code, Instant, Ref};
use crate::record::citations::{Citation, NewCitation};
use crate::resources::ApiResource;
use crate::{msg, rules, text_enum};

/// A clause of an agreement, as something checkable.
#[derive(Debug, Serialize, ToSchema)]
pub struct Commitment {
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
    /// The agreement whose clause it is.
    pub agreement: Reference,
    /// The pairing of that agreement.
    pub pairing: Reference,
    /// Where in the agreement: an article, a paragraph.
    #[schema(max_length = 200, example = "第三条")]
    pub clause: Option<String>,
    /// What is committed to.
    pub text: Text,
    /// The field of cooperation that it is about.
    pub sector: Option<Reference>,
    /// Who is responsible.
    pub responsible: Vec<Reference>,
    /// Its first day; null: with the agreement.
    pub starts_on: Option<NaiveDate>,
    /// Its last day; null: with the agreement.
    pub due_on: Option<NaiveDate>,
    /// The indicator by which it is measured; null if it is assessed in words.
    pub indicator: Option<Indicator>,
    /// Free-text note.
    pub note: Option<String>,
    /// Sources cited for this record.
    pub citations: Vec<Citation>,
    /// The first day of its period: its own, or that of its agreement; null where neither has one.
    pub period_from_on: Option<NaiveDate>,
    /// The last day of its period: its own, or that of its agreement; null where neither has one.
    pub period_to_on: Option<NaiveDate>,
    /// Where the indicator stands by the approved reports up to `as_of`; null where unknown.
    pub actual: Option<QuantityTotal>,
    /// How far it is from the baseline to the target, in percent; null where unknown. May be negative, and more than 100.
    #[schema(example = 62.5)]
    pub completion: Option<f64>,
    /// The share of its period that completion is held against, in percent; null without a period.
    #[schema(minimum = 0, maximum = 100, example = 49.59)]
    pub expected: Option<f64>,
    /// How it keeps pace with its time on `as_of`.
    pub pace: Pace,
    /// The end of the last approved period up to `as_of`; null where there is none.
    pub reported_to: Option<NaiveDate>,
}

/// What a commitment is measured by.
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
    /// What the value of a period says.
    pub accumulation: Accumulation,
}

/// A commitment to create.
#[derive(Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[validate(schema(function = "period"), schema(function = "unit"), schema(function = "direction"))]
pub struct NewCommitment {
    /// Optional unique slug.
    #[serde(default)]
    pub code: Option<Code>,
    /// The agreement whose clause it is.
    pub agreement: Ref,
    /// Where in the agreement: an article, a paragraph.
    #[serde(default)]
    #[schema(max_length = 200, example = "第三条")]
    pub clause: Option<String>,
    /// What is committed to.
    pub text: Text,
    /// The field of cooperation that it is about.
    #[serde(default)]
    pub sector: Option<Ref>,
    /// Who is responsible.
    #[serde(default)]
    pub responsible: Vec<Ref>,
    /// Its first day; absent: with the agreement.
    #[serde(default)]
    pub starts_on: Option<NaiveDate>,
    /// Its last day; absent: with the agreement.
    #[serde(default)]
    pub due_on: Option<NaiveDate>,
    /// The indicator by which it is measured; absent if it is assessed in words.
    #[serde(default)]
    pub indicator: Option<NewIndicator>,
    /// Free-text note.
    #[serde(default)]
    pub note: Option<String>,
    /// Sources cited for this record.
    #[serde(default)]
    pub citations: Vec<NewCitation>,
}

/// What a commitment is to be measured by.
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
    /// What the value of a period says.
    #[serde(default = "cumulative")]
    pub accumulation: Accumulation,
}

fn rising() -> Direction {
    Direction::Rising
}

fn cumulative() -> Accumulation {
    Accumulation::Cumulative
}

fn period(new: &NewCommitment) -> Result<(), ValidationError> {
    rules::period(new.starts_on, new.due_on, "/due_on", "starts_on")
}

fn unit(new: &NewCommitment) -> Result<(), ValidationError> {
    match &new.indicator {
        Some(NewIndicator { unit: None, .. }) => {
            Err(rules::broken("/indicator/unit", "required", msg!("指标须有单位。", "is required of an indicator")))
        }
        _ => Ok(()),
    }
}

fn direction(new: &NewCommitment) -> Result<(), ValidationError> {
    let Some(NewIndicator { baseline: Some(baseline), target: Some(target), direction, .. }) = &new.indicator else {
        return Ok(());
    };
    let is_against = match direction {
        Direction::Rising => target < baseline,
        Direction::Falling => target > baseline,
    };
    if is_against {
        return Err(rules::broken(
            "/indicator/target",
            "against_direction",
            msg!(
                "方向为 {direction}，目标值与基线值（{baseline}）不符。",
                "does not fit the direction {direction} from the baseline {baseline}"
            ),
        ));
    }
    Ok(())
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
