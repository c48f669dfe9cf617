//! What clients see of projects.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::{Validate, ValidationError};

use super::{Projects, Role, Status};
use crate::db::page::RecordSort;
use crate::db::reference::Reference;
use crate::http::routes::Routes;
use crate::model::decimal::Fen;
use crate::model::text::Text;
use crate::model::types::{Code, Instant, Ref};
use crate::record::citations::{Citation, NewCitation};
use crate::resources::ApiResource;
use crate::{msg, rules};

/// Work under a pairing.
#[derive(Debug, Serialize, ToSchema)]
pub struct Project {
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
    /// The pairing that it belongs to.
    pub pairing: Reference,
    /// The agreement that it is under.
    pub agreement: Option<Reference>,
    /// The project's title.
    pub title: Text,
    /// What it is about.
    pub description: Option<Text>,
    /// The fields that it is in, each with its share.
    pub sectors: Vec<SectorShare>,
    /// Who does what in it.
    pub organizations: Vec<ProjectOrganization>,
    /// Where it is.
    pub location: Option<Reference>,
    /// How it stands.
    pub status: Status,
    /// When it is to begin.
    pub planned_start_on: Option<NaiveDate>,
    /// When it is to end.
    pub planned_end_on: Option<NaiveDate>,
    /// When it began.
    pub actual_start_on: Option<NaiveDate>,
    /// When it ended.
    pub actual_end_on: Option<NaiveDate>,
    /// What is invested in all.
    pub investment: Option<Fen>,
    /// The currency of the investment (ISO 4217).
    #[schema(max_length = 3, example = "CNY")]
    pub currency: String,
    /// Free-text note.
    pub note: Option<String>,
    /// Sources cited for this record.
    pub citations: Vec<Citation>,
    /// Σ(weight·progress)/Σ(weight) over its milestones that are not cancelled, in percent; null where there is no weight.
    #[schema(minimum = 0, maximum = 100, example = 62.5)]
    pub progress: Option<f64>,
    /// How many milestones the progress counts.
    #[schema(minimum = 0, example = 4)]
    pub progress_counted: i64,
    /// How many it leaves out: the cancelled.
    #[schema(minimum = 0, example = 0)]
    pub progress_left_out: i64,
    /// How many of its milestones are overdue on `as_of`.
    #[schema(minimum = 0, example = 1)]
    pub overdue: i64,
}

/// A field of cooperation, and what of the project is in it.
#[derive(Debug, Serialize, ToSchema)]
pub struct SectorShare {
    /// The field.
    pub sector: Reference,
    /// Its share in percent, to two places.
    #[schema(minimum = 0, maximum = 100, example = 60.0)]
    pub percent: f64,
}

/// An organization in a project.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProjectOrganization {
    /// The organization.
    pub organization: Reference,
    /// What it does in the project.
    pub role: Role,
}

/// A project to create.
#[derive(Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[validate(schema(function = "planned_period"), schema(function = "actual_period"), schema(function = "shares"))]
pub struct NewProject {
    /// Unique slug.
    pub code: Code,
    /// The pairing that it belongs to.
    pub pairing: Ref,
    /// The agreement of the same pairing that it is under.
    #[serde(default)]
    pub agreement: Option<Ref>,
    /// The project's title.
    pub title: Text,
    /// What it is about.
    #[serde(default)]
    pub description: Option<Text>,
    /// The fields that it is in; their percents sum to 100, where there are any.
    #[serde(default, deserialize_with = "shares_of_hundred")]
    #[schema(max_items = 100)]
    pub sectors: Vec<NewSectorShare>,
    /// Who does what in it.
    #[serde(default)]
    #[schema(max_items = 200)]
    pub organizations: Vec<NewProjectOrganization>,
    /// Where it is.
    #[serde(default)]
    pub location: Option<Ref>,
    /// How it stands. A status that may not follow the one before is refused with those that may.
    #[serde(default = "proposed")]
    pub status: Status,
    /// When it is to begin.
    #[serde(default)]
    pub planned_start_on: Option<NaiveDate>,
    /// When it is to end.
    #[serde(default)]
    pub planned_end_on: Option<NaiveDate>,
    /// When it began; not in the future.
    #[serde(default)]
    pub actual_start_on: Option<NaiveDate>,
    /// When it ended; not in the future.
    #[serde(default)]
    pub actual_end_on: Option<NaiveDate>,
    /// What is invested in all, as a decimal string.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = r"^[0-9]{1,12}(\.[0-9]{1,2})?$", max_length = 15, example = "1200000.00")]
    pub investment: Option<Fen>,
    /// The currency of the investment (ISO 4217).
    #[serde(default = "rules::yuan")]
    #[schema(pattern = "^[A-Z]{3}$", min_length = 3, max_length = 3, example = "CNY")]
    pub currency: String,
    /// Free-text note.
    #[serde(default)]
    pub note: Option<String>,
    /// Sources cited for this record.
    #[serde(default)]
    pub citations: Vec<NewCitation>,
}

/// A field of cooperation, and what of the project is in it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSectorShare {
    /// The field.
    pub sector: Ref,
    /// Its share in percent, kept to two places.
    #[schema(minimum = 0.01, maximum = 100, example = 60.0)]
    pub percent: f64,
}

impl NewSectorShare {
    /// The share in hundredths of a percent.
    pub fn hundredths(&self) -> i64 {
        super::hundredths(self.percent)
    }

    /// The share in thousandths of a percent.
    fn thousandths(&self) -> i64 {
        #[expect(clippy::cast_possible_truncation, reason = "0 to 100 by the schema, rounded")]
        let thousandths = (self.percent * 1_000.0).round() as i64;
        thousandths
    }
}

/// An organization to take into a project.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProjectOrganization {
    /// The organization.
    pub organization: Ref,
    /// What it does in the project.
    pub role: Role,
}

fn proposed() -> Status {
    Status::Proposed
}

fn planned_period(new: &NewProject) -> Result<(), ValidationError> {
    rules::period(new.planned_start_on, new.planned_end_on, "/planned_end_on", "planned_start_on")
}

fn actual_period(new: &NewProject) -> Result<(), ValidationError> {
    rules::period(new.actual_start_on, new.actual_end_on, "/actual_end_on", "actual_start_on")
}

fn shares(new: &NewProject) -> Result<(), ValidationError> {
    let sum: i64 = new.sectors.iter().map(NewSectorShare::hundredths).sum();
    if new.sectors.is_empty() || sum == 10_000 {
        return Ok(());
    }
    let sum: i64 = new.sectors.iter().map(NewSectorShare::thousandths).sum();
    let (whole, rest) = (sum / 1_000, sum % 1_000);
    let rest = if rest % 10 == 0 { format!("{:02}", rest / 10) } else { format!("{rest:03}") };
    Err(rules::broken(
        "/sectors",
        "sum",
        msg!("各领域占比之和须为 100，现为 {whole}.{rest}。", "must have percents that sum to 100, not {whole}.{rest}"),
    ))
}

/// Shares that sum to 100 in thousandths of a percent, in hundredths that do so, too: what rounding leaves over goes to the
/// shares that it cut most (33.333, 33.333 and 33.334 are stored as 33.33, 33.33 and 33.34).
fn shares_of_hundred<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<NewSectorShare>, D::Error> {
    let mut shares = Vec::<NewSectorShare>::deserialize(deserializer)?;
    let sum = |one: fn(&NewSectorShare) -> i64| shares.iter().map(one).sum::<i64>();
    if sum(NewSectorShare::thousandths) != 100_000 || sum(NewSectorShare::hundredths) == 10_000 {
        return Ok(shares);
    }
    let cut: Vec<i64> = shares.iter().map(|share| share.thousandths() % 10).collect();
    let mut hundredths: Vec<i64> = shares.iter().map(|share| share.thousandths() / 10).collect();
    let mut by_cut: Vec<usize> = (0..shares.len()).collect();
    by_cut.sort_by_key(|index| std::cmp::Reverse(cut[*index]));
    let left = 10_000 - hundredths.iter().sum::<i64>();
    for index in by_cut.into_iter().take(usize::try_from(left).unwrap_or_default()) {
        hundredths[index] += 1;
    }
    for (share, hundredths) in shares.iter_mut().zip(hundredths) {
        share.percent = super::percent(hundredths);
    }
    Ok(shares)
}

/// Filter parameters of the list of projects.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ProjectFilter {
    /// Words in title, description and note.
    #[param(max_length = 200, example = "园区")]
    pub q: Option<String>,
    /// Of the pairings of this programme.
    pub programme: Option<Ref>,
    /// Of this pairing.
    pub pairing: Option<Ref>,
    /// Under this agreement.
    pub agreement: Option<Ref>,
    /// In this field of cooperation.
    pub sector: Option<Ref>,
    /// With this organization in some role.
    pub organization: Option<Ref>,
    /// In this region.
    pub location: Option<Ref>,
    /// With one of these statuses; several repeat the parameter.
    #[serde(default)]
    pub status: Vec<Status>,
    /// Planned to begin on this date or later.
    pub planned_start_from: Option<NaiveDate>,
    /// Planned to begin on this date or earlier.
    pub planned_start_to: Option<NaiveDate>,
    /// Planned to end on this date or later.
    pub planned_end_from: Option<NaiveDate>,
    /// Planned to end on this date or earlier.
    pub planned_end_to: Option<NaiveDate>,
    /// Only records changed at this instant or later.
    pub updated_since: Option<DateTime<Utc>>,
    /// Sort order; a leading `-` sorts descending.
    #[param(inline)]
    pub sort: Option<RecordSort>,
}

impl ApiResource for Projects {
    const ROUTES: Routes = Routes { label: "项目", takes_as_of: true, ..Routes::OF_PAIRING };
}
