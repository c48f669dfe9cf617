//! What clients see of conferences.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Conferences, Kind, Status};
use crate::db::reference::Reference;
use crate::error::Faults;
use crate::http::routes::Routes;
use crate::model::types::Ref;
use crate::resources::ApiResource;
use crate::{msg, text_enum};

crate::fields! {
    /// A meeting of a pairing.
    Conference;
    /// A conference to create.
    NewConference;
    resource Conferences, table conferences, sheet "会议", code Code;

    /// Pairing that meets.
    pairing: Ref<pairings> "结对",
    /// Kind of conference.
    #[new(serde(default = "joint_conference"))]
    kind: Kind "类别",
    /// Number of the conference among those of its kind in the pairing (第几次).
    #[read(schema(minimum = 1, example = 1))]
    #[new(schema(minimum = 1, maximum = 100_000, example = 1))]
    sequence_number: Option<i64> "届次",
    /// Title, if the conference has one of its own.
    title: Option<Text> "标题" searched,
    /// Status. `planned` and `postponed` can become `held`, `postponed` or `cancelled`.
    #[new(serde(default = "planned"))]
    status: Status "状态",
    /// Day on which the conference was or will be held. Required when `held`, and not in the future then.
    held_on: Option<NaiveDate> "召开日期",
    /// Region that hosts the conference.
    host_region: Option<Ref<regions>> "主办地区",
    /// Place of the meeting.
    #[schema(max_length = 500)]
    venue: Option<String> "地点" searched,
    /// Participants.
    #[new(serde(default))]
    participants: nested { Vec<Participant> } from { Vec<NewParticipant> } in conference_participants "参会人员" {
        name "姓名", title "职务", organization "单位" => organizations, region "地区" => regions,
    },
    /// Summary of the discussion.
    summary: Option<String> "摘要" searched,
    /// Free-text note.
    note: Option<String> "备注" searched,
}

/// Who takes part in a conference.
#[derive(Debug, Serialize, ToSchema)]
pub struct Participant {
    /// The person's name.
    #[schema(max_length = 200)]
    pub name: Option<String>,
    /// The person's office.
    #[schema(max_length = 200)]
    pub title: Option<String>,
    /// The organization that is represented.
    pub organization: Option<Reference>,
    /// The region that is represented.
    pub region: Option<Reference>,
}

/// Who takes part in a conference: a person, an organization or a region.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewParticipant {
    /// The person's name.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub name: Option<String>,
    /// The person's office.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub title: Option<String>,
    /// The organization that is represented.
    #[serde(default)]
    pub organization: Option<Ref>,
    /// The region that is represented.
    #[serde(default)]
    pub region: Option<Ref>,
}

fn joint_conference() -> Kind {
    Kind::JointConference
}

fn planned() -> Status {
    Status::Planned
}

/// Checks the rules across the fields of a request.
pub fn validate(new: &NewConference, faults: &mut Faults) {
    if new.status == Status::Held && new.held_on.is_none() {
        faults.push(
            "/held_on",
            "required",
            msg!("状态为 held 时须给出召开日期。", "is required when the status is held"),
        );
    }
}

text_enum! {
    /// The orders of a list of conferences; ties are ordered by id.
    Sort as "ConferenceSort" {
        /// Oldest first.
        Id => "id",
        /// Newest first.
        IdDesc => "-id",
        /// By code.
        Code => "code",
        /// By code, backwards.
        CodeDesc => "-code",
        /// By date; the undated last.
        HeldOn => "held_on",
        /// By date, backwards; the undated first.
        HeldOnDesc => "-held_on",
        /// Least recently changed first.
        UpdatedAt => "updated_at",
        /// Most recently changed first.
        UpdatedAtDesc => "-updated_at",
    }
}

/// Filter parameters of the list of conferences.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ConferenceFilter {
    /// Words in title, venue, summary and note.
    #[param(max_length = 200, example = "联席会议")]
    pub q: Option<String>,
    /// Of the pairings of this programme.
    pub programme: Option<Ref>,
    /// Of this pairing.
    pub pairing: Option<Ref>,
    /// Of these kinds; several repeat the parameter.
    #[serde(default)]
    pub kind: Vec<Kind>,
    /// With one of these statuses; several repeat the parameter.
    #[serde(default)]
    pub status: Vec<Status>,
    /// Hosted by this region.
    pub host_region: Option<Ref>,
    /// With this organization among the participants.
    pub organization: Option<Ref>,
    /// With this region among the participants.
    pub region: Option<Ref>,
    /// Held on this date or later.
    pub held_from: Option<NaiveDate>,
    /// Held on this date or earlier.
    pub held_to: Option<NaiveDate>,
    /// Only records changed at this instant or later.
    pub updated_since: Option<DateTime<Utc>>,
    /// Sort order; a leading `-` sorts descending.
    #[param(inline)]
    pub sort: Option<Sort>,
}

impl ApiResource for Conferences {
    const ROUTES: Routes = Routes { label: "会议", ..Routes::OF_PAIRING };
}
