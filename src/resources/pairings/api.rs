//! What clients see of pairings.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::{Validate, ValidationError};

use super::{Pairings, Role};
use crate::access::policy::{Access, Reach};
use crate::db::page::RecordSort;
use crate::db::reference::Reference;
use crate::figures::tally::StatusCounts;
use crate::http::routes::Routes;
use crate::model::text::Text;
use crate::model::types::{Code, Instant, Ref};
use crate::record::citations::{Citation, NewCitation};
use crate::resources::ApiResource;
use crate::{msg, rules};

/// The tie between supporters and recipients.
#[derive(Debug, Serialize, ToSchema)]
pub struct Pairing {
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
    /// The programme that it belongs to.
    pub programme: Reference,
    /// The pairing's name.
    pub name: Text,
    /// Who supports whom, and when.
    pub members: Vec<Member>,
    /// The fields that the sides cooperate in.
    pub sectors: Vec<Reference>,
    /// When it was established.
    pub established_on: Option<NaiveDate>,
    /// When it ended.
    pub ended_on: Option<NaiveDate>,
    /// The pairing whose place it took.
    pub supersedes: Option<Reference>,
    /// Free-text note.
    pub note: Option<String>,
    /// Sources cited for this record.
    pub citations: Vec<Citation>,
    /// Σ(weight·progress)/Σ(weight) over its milestones that are not cancelled, in percent; null where there is no weight.
    #[schema(minimum = 0, maximum = 100, example = 62.5)]
    pub progress: Option<f64>,
    /// How many milestones the progress counts.
    #[schema(minimum = 0, example = 10)]
    pub progress_counted: i64,
    /// How many it leaves out: the cancelled.
    #[schema(minimum = 0, example = 0)]
    pub progress_left_out: i64,
    /// How many of its milestones have each status.
    pub milestones: StatusCounts,
    /// How many of its milestones are overdue on `as_of`.
    #[schema(minimum = 0, example = 2)]
    pub overdue: i64,
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

/// A pairing to create.
#[derive(Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[validate(schema(function = "period"), schema(function = "both_sides"))]
pub struct NewPairing {
    /// Unique slug.
    pub code: Code,
    /// The programme that it belongs to.
    pub programme: Ref,
    /// The pairing's name.
    pub name: Text,
    /// Who supports whom: one supporter and one recipient at least.
    #[schema(min_items = 2, max_items = 200)]
    pub members: Vec<NewMember>,
    /// The fields that the sides cooperate in.
    #[serde(default)]
    pub sectors: Vec<Ref>,
    /// When it was established.
    #[serde(default)]
    pub established_on: Option<NaiveDate>,
    /// When it ended.
    #[serde(default)]
    pub ended_on: Option<NaiveDate>,
    /// The pairing whose place it takes. A change that leads back to the record, or to more than 10,000 records
    /// through others, is refused (422).
    #[serde(default)]
    pub supersedes: Option<Ref>,
    /// Free-text note.
    #[serde(default)]
    pub note: Option<String>,
    /// Sources cited for this record.
    #[serde(default)]
    pub citations: Vec<NewCitation>,
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

fn period(new: &NewPairing) -> Result<(), ValidationError> {
    rules::period(new.established_on, new.ended_on, "/ended_on", "established_on")
}

fn both_sides(new: &NewPairing) -> Result<(), ValidationError> {
    match Role::ALL.iter().find(|role| new.members.iter().all(|member| member.role != **role)) {
        None => Ok(()),
        Some(role) => Err(rules::broken(
            "/members",
            "side_missing",
            msg!("缺少角色为 {role} 的成员。", "must have a member with the role {role}"),
        )),
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
