//! What clients see of pairings.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Pairings, Role};
use crate::access::policy::{Access, Reach};
use crate::db::page::RecordSort;
use crate::db::reference::Reference;
use crate::error::Faults;
use crate::figures::tally::StatusCounts;
use crate::http::routes::Routes;
use crate::model::types::Ref;
use crate::resources::ApiResource;
use crate::{msg, rules};

crate::fields! {
    /// The tie between supporters and recipients.
    Pairing;
    /// A pairing to create.
    NewPairing;
    resource Pairings, table pairings, sheet "结对", code Code;

    /// Programme that the pairing belongs to.
    programme: Ref<programmes> "计划",
    /// Name.
    name: Text "名称" searched,
    /// Member regions, with at least one supporter and one recipient.
    #[new(schema(min_items = 2, max_items = 200))]
    members: nested { Vec<Member> } from { Vec<NewMember> } in pairing_members "成员" {
        region "地区" => regions, role "角色", is_lead "是否牵头", from_on "起始日期", to_on "截止日期",
    },
    /// Fields of cooperation.
    sectors: Vec<Ref<sectors>> in pairing_sectors.sector_id "合作领域",
    /// Day on which the pairing was established; null when unknown.
    established_on: Option<NaiveDate> "建立日期",
    /// Last day, not before `established_on`; null when the pairing has not ended.
    ended_on: Option<NaiveDate> "结束日期",
    /// Pairing that this one replaced. A change that leads back to the record, or reaches more than 10,000 records through
    /// others, is rejected (422).
    supersedes: Option<Ref<pairings>> "取代的结对",
    /// Free-text note.
    note: Option<String> "备注" searched,
    /// Average progress of the milestones that are not cancelled, weighted by `weight`, in percent; null when the sum of
    /// the weights is 0.
    #[schema(minimum = 0, maximum = 100, example = 62.5)]
    progress: computed Option<f64>,
    /// Number of milestones that the progress counts.
    #[schema(minimum = 0, example = 10)]
    progress_counted: computed i64,
    /// Number of cancelled milestones, which the progress does not count.
    #[schema(minimum = 0, example = 0)]
    progress_left_out: computed i64,
    /// Number of its milestones in each status.
    milestones: computed StatusCounts,
    /// Number of milestones that are overdue on `as_of`.
    #[schema(minimum = 0, example = 2)]
    overdue: computed i64,
}

/// A region in a pairing.
#[derive(Debug, Serialize, ToSchema)]
pub struct Member {
    /// The region.
    pub region: Reference,
    /// What it does in the pairing.
    pub role: Role,
    /// Whether it leads the supporters.
    pub is_lead: bool,
    /// Its first day in the pairing; null: from the pairing's beginning.
    pub from_on: Option<NaiveDate>,
    /// Its last day in the pairing; null: to the pairing's end.
    pub to_on: Option<NaiveDate>,
}

/// A region to take into a pairing.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMember {
    /// The region.
    pub region: Ref,
    /// What it does in the pairing.
    pub role: Role,
    /// Whether it leads the supporters; one at most at a time. Absent: it does not.
    #[serde(default)]
    pub is_lead: bool,
    /// Its first day in the pairing; absent: from the pairing's beginning.
    #[serde(default)]
    pub from_on: Option<NaiveDate>,
    /// Its last day in the pairing; absent: to the pairing's end.
    #[serde(default)]
    pub to_on: Option<NaiveDate>,
}

impl NewMember {
    /// Whether both are members on some day.
    pub fn overlaps(&self, other: &NewMember) -> bool {
        let begins_by = |a: &NewMember, b: &NewMember| match (a.from_on, b.to_on) {
            (Some(from), Some(to)) => from <= to,
            _ => true,
        };
        begins_by(self, other) && begins_by(other, self)
    }
}

/// Checks the rules across the fields of a request.
pub fn validate(new: &NewPairing, faults: &mut Faults) {
    rules::period(faults, new.established_on, new.ended_on, "/ended_on", "established_on");
    both_sides(new, faults);
}

fn both_sides(new: &NewPairing, faults: &mut Faults) {
    match Role::ALL.iter().find(|role| new.members.iter().all(|member| member.role != **role)) {
        None => {}
        Some(role) => faults.push(
            "/members",
            "side_missing",
            msg!("缺少角色为 {role} 的成员。", "must have a member with the role {role}"),
        ),
    }
}

/// Filter parameters of the list of pairings.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PairingFilter {
    /// Words in name and note.
    #[param(max_length = 200, example = "台山")]
    pub q: Option<String>,
    /// Of this programme.
    pub programme: Option<Ref>,
    /// With this region among the members, in either role.
    pub region: Option<Ref>,
    /// Supported by this region.
    pub supporter: Option<Ref>,
    /// Supporting this region.
    pub recipient: Option<Ref>,
    /// In this field of cooperation.
    pub sector: Option<Ref>,
    /// That took this pairing's place.
    pub supersedes: Option<Ref>,
    /// Established by this date and not ended before it; an unknown date is open.
    pub active_on: Option<NaiveDate>,
    /// Established on this date or later.
    pub established_from: Option<NaiveDate>,
    /// Established on this date or earlier.
    pub established_to: Option<NaiveDate>,
    /// Only records changed at this instant or later.
    pub updated_since: Option<DateTime<Utc>>,
    /// Sort order; a leading `-` sorts descending.
    #[param(inline)]
    pub sort: Option<RecordSort>,
}

impl ApiResource for Pairings {
    const ROUTES: Routes = Routes {
        label: "结对关系",
        takes_as_of: true,
        exceptions: &[("createPairing", Access::Editors(Reach::AllPairings))],
        ..Routes::OF_PAIRING
    };
}
