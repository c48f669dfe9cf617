//! What clients see of projects.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Projects, Role, Status};
use crate::db::page::RecordSort;
use crate::db::reference::Reference;
use crate::error::{Faults, Result};
use crate::http::routes::Routes;
use crate::model::decimal::Fen;
use crate::model::types::Ref;
use crate::resources::ApiResource;
use crate::{msg, rules};

crate::fields! {
    /// Work under a pairing.
    Project;
    /// A project to create.
    NewProject;
    resource Projects, table projects, sheet "项目", code Code;

    /// Pairing that the project belongs to.
    pairing: Ref<pairings> "结对",
    /// Agreement of the same pairing that the project is part of.
    agreement: Option<Ref<agreements>> "协议",
    /// Title.
    title: Text "名称" searched,
    /// Description.
    description: Option<Text> "说明" searched,
    /// Fields of cooperation with their shares, which sum to 100 percent unless the list is empty.
    #[new(schema(max_items = 100))]
    #[new(serde(default, deserialize_with = "shares_of_hundred"))]
    sectors: nested { Vec<SectorShare> } from { Vec<NewSectorShare> } in project_sectors "合作领域" {
        sector "合作领域" => sectors, percent "占比（%）",
    },
    /// Organizations involved, with their roles.
    #[new(schema(max_items = 200))]
    #[new(serde(default))]
    organizations: nested { Vec<ProjectOrganization> } from { Vec<NewProjectOrganization> } in project_organizations "参与单位" {
        organization "单位" => organizations, role "角色",
    },
    /// Region in which the project is located.
    location: Option<Ref<regions>> "地点",
    /// Status. A status that cannot follow the present one is rejected with those that can.
    #[new(serde(default = "proposed"))]
    status: Status "状态",
    /// Planned first day.
    planned_start_on: Option<NaiveDate> "计划开始",
    /// Planned last day, not before `planned_start_on`.
    planned_end_on: Option<NaiveDate> "计划结束",
    /// Actual first day, not in the future.
    actual_start_on: Option<NaiveDate> "实际开始",
    /// Actual last day, not before `actual_start_on` and not in the future.
    actual_end_on: Option<NaiveDate> "实际结束",
    /// Total investment, as a decimal string.
    #[new(schema(value_type = Option<String>, pattern = r"^[0-9]{1,12}(\.[0-9]{1,2})?$", max_length = 15, example = "1200000.00"))]
    investment: Option<Fen> "投资额",
    /// Currency of the investment (ISO 4217).
    #[read(schema(max_length = 3, example = "CNY"))]
    #[new(schema(pattern = "^[A-Z]{3}$", min_length = 3, max_length = 3, example = "CNY"))]
    #[new(serde(default = "rules::yuan"))]
    currency: String "币种",
    /// Free-text note.
    note: Option<String> "备注" searched,
    /// Average progress of the milestones that are not cancelled, weighted by `weight`, in percent; null when the sum of
    /// the weights is 0.
    #[schema(minimum = 0, maximum = 100, example = 62.5)]
    progress: computed Option<f64>,
    /// Number of milestones that the progress counts.
    #[schema(minimum = 0, example = 4)]
    progress_counted: computed i64,
    /// Number of cancelled milestones, which the progress does not count.
    #[schema(minimum = 0, example = 0)]
    progress_left_out: computed i64,
    /// Number of milestones that are overdue on `as_of`.
    #[schema(minimum = 0, example = 1)]
    overdue: computed i64,
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

/// Checks the rules across the fields of a request.
pub fn validate(new: &NewProject, faults: &mut Faults) {
    rules::period(faults, new.planned_start_on, new.planned_end_on, "/planned_end_on", "planned_start_on");
    rules::period(faults, new.actual_start_on, new.actual_end_on, "/actual_end_on", "actual_start_on");
    shares(new, faults);
}

fn shares(new: &NewProject, faults: &mut Faults) {
    let sum: i64 = new.sectors.iter().map(NewSectorShare::hundredths).sum();
    if new.sectors.is_empty() || sum == 10_000 {
        return;
    }
    let sum: i64 = new.sectors.iter().map(NewSectorShare::thousandths).sum();
    let (whole, rest) = (sum / 1_000, sum % 1_000);
    let rest = if rest % 10 == 0 { format!("{:02}", rest / 10) } else { format!("{rest:03}") };
    faults.push(
        "/sectors",
        "sum",
        msg!("各领域占比之和须为 100，现为 {whole}.{rest}。", "must have percents that sum to 100, not {whole}.{rest}"),
    );
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
