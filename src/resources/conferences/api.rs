//! What clients see of conferences.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::{Validate, ValidationError};

use super::{Conferences, Kind, Status};
use crate::db::reference::Reference;
use crate::http::routes::Routes;
use crate::model::text::Text;
use crate::model::types::{Code, Instant, Ref};
use crate::record::citations::{Citation, NewCitation};
use crate::resources::ApiResource;
use crate::{msg, rules, text_enum};

/// A meeting of a pairing.
#[derive(Debug, Serialize, ToSchema)]
pub struct Conference {
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
    /// The pairing that meets.
    pub pairing: Reference,
    /// What kind of conference it is.
    pub kind: Kind,
    /// Which of its kind it is in the pairing (第几次).
    #[schema(minimum = 1, example = 1)]
    pub sequence_number: Option<i64>,
    /// Its title, where it has one of its own.
    pub title: Option<Text>,
    /// How it stands.
    pub status: Status,
    /// When it was held, or is to be.
    pub held_on: Option<NaiveDate>,
    /// The region that hosts it.
    pub host_region: Option<Reference>,
    /// Where it meets.
    #[schema(max_length = 500)]
    pub venue: Option<String>,
    /// Who takes part.
    pub participants: Vec<Participant>,
    /// What was discussed, in short.
    pub summary: Option<String>,
    /// Free-text note.
    pub note: Option<String>,
    /// Sources cited for this record.
    pub citations: Vec<Citation>,
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

/// A conference to create.
#[derive(Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[validate(schema(function = "day_of_meeting"))]
pub struct NewConference {
    /// Unique slug.
    pub code: Code,
    /// The pairing that meets.
    pub pairing: Ref,
    /// What kind of conference it is.
    #[serde(default = "joint_conference")]
    pub kind: Kind,
    /// Which of its kind it is in the pairing (第几次).
    #[serde(default)]
    #[schema(minimum = 1, maximum = 100_000, example = 1)]
    pub sequence_number: Option<i64>,
    /// Its title, where it has one of its own.
    #[serde(default)]
    pub title: Option<Text>,
    /// How it stands. From `planned` or `postponed` it is held, postponed or cancelled.
    #[serde(default = "planned")]
    pub status: Status,
    /// When it was held, or is to be; required and not in the future when `held`.
    #[serde(default)]
    pub held_on: Option<NaiveDate>,
    /// The region that hosts it.
    #[serde(default)]
    pub host_region: Option<Ref>,
    /// Where it meets.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub venue: Option<String>,
    /// Who takes part.
    #[serde(default)]
    pub participants: Vec<NewParticipant>,
    /// What was discussed, in short.
    #[serde(default)]
    pub summary: Option<String>,
    /// Free-text note.
    #[serde(default)]
    pub note: Option<String>,
    /// Sources cited for this record.
    #[serde(default)]
    pub citations: Vec<NewCitation>,
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

fn day_of_meeting(new: &NewConference) -> Result<(), ValidationError> {
    if new.status == Status::Held && new.held_on.is_none() {
        return Err(rules::broken(
            "/held_on",
            "required",
            msg!("状态为 held 时须给出召开日期。", "is required when the status is held"),
        ));
    }
    Ok(())
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
