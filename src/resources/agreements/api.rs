//! What clients see of agreements.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::{Validate, ValidationError};

use super::amendments::api::{create_amendment, list_amendments};
use super::{Agreements, Kind, Side, State, Status};
use crate::db::reference::Reference;
use crate::http::routes::{self, Routes};
use crate::model::text::Text;
use crate::model::types::{Code, Instant, Ref};
use crate::record::citations::{Citation, NewCitation};
use crate::resources::ApiResource;
use crate::{msg, rules, text_enum};
use utoipa_actix_web::service_config::ServiceConfig;

/// What the sides of a pairing signed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Agreement {
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
    /// What kind of agreement it is.
    pub kind: Kind,
    /// The agreement's title.
    pub title: Text,
    /// Its number among the papers of who issued it.
    #[schema(max_length = 200)]
    pub number: Option<String>,
    /// The agreement that it hangs under.
    pub parent: Option<Reference>,
    /// The conference at which it was signed.
    pub conference: Option<Reference>,
    /// What was last decided about it.
    pub status: Status,
    /// Since when it has this status.
    pub status_on: Option<NaiveDate>,
    /// Why it was suspended or terminated.
    pub status_reason: Option<String>,
    /// When it was signed.
    pub signed_on: Option<NaiveDate>,
    /// Its first day in force; null: from its signing.
    pub effective_on: Option<NaiveDate>,
    /// Its last day in force; null: open.
    pub expires_on: Option<NaiveDate>,
    /// Who signed it.
    pub parties: Vec<Party>,
    /// The fields that it is about.
    pub sectors: Vec<Reference>,
    /// What it says, in short.
    pub summary: Option<Text>,
    /// Free-text note.
    pub note: Option<String>,
    /// Sources cited for this record.
    pub citations: Vec<Citation>,
    /// What it is on `as_of`.
    pub state: State,
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

/// Who signed an agreement.
#[derive(Debug, Serialize, ToSchema)]
pub struct Party {
    /// The region that signed; null where an organization did.
    pub region: Option<Reference>,
    /// The organization that signed; null where a region did.
    pub organization: Option<Reference>,
    /// The side that it signed for.
    pub side: Side,
    /// Who signed for it.
    #[schema(max_length = 200)]
    pub signatory: Option<String>,
    /// That person's office.
    #[schema(max_length = 200)]
    pub signatory_title: Option<String>,
    /// When it signed, where that differs.
    pub signed_on: Option<NaiveDate>,
}

/// An agreement to create.
#[derive(Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[validate(schema(function = "period"), schema(function = "reason_and_date"), schema(function = "two_parties"))]
pub struct NewAgreement {
    /// Unique slug.
    pub code: Code,
    /// The pairing that it belongs to.
    pub pairing: Ref,
    /// What kind of agreement it is.
    pub kind: Kind,
    /// The agreement's title.
    pub title: Text,
    /// Its number among the papers of who issued it.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub number: Option<String>,
    /// The agreement of the same pairing that it hangs under. A change that leads back to the record, or to more than 10,000 records
    /// through others, is refused (422).
    #[serde(default)]
    pub parent: Option<Ref>,
    /// The conference of the same pairing at which it was signed.
    #[serde(default)]
    pub conference: Option<Ref>,
    /// What was decided about it. From `draft` to `signed`; from `signed` to `suspended` or `terminated`; from
    /// `suspended` to `signed` or `terminated`.
    #[serde(default = "draft")]
    pub status: Status,
    /// Since when it has this status; today where a change of status names no date.
    #[serde(default)]
    pub status_on: Option<NaiveDate>,
    /// Why it was suspended or terminated; required for these.
    #[serde(default)]
    pub status_reason: Option<String>,
    /// When it was signed; not in the future.
    #[serde(default)]
    pub signed_on: Option<NaiveDate>,
    /// Its first day in force; absent: from its signing.
    #[serde(default)]
    pub effective_on: Option<NaiveDate>,
    /// Its last day in force; absent: open.
    #[serde(default)]
    pub expires_on: Option<NaiveDate>,
    /// Who signs it. `signed` needs two at least, each side of the pairing among them or among their regions.
    #[serde(default)]
    #[schema(max_items = 200)]
    pub parties: Vec<NewParty>,
    /// The fields that it is about.
    #[serde(default)]
    pub sectors: Vec<Ref>,
    /// What it says, in short.
    #[serde(default)]
    pub summary: Option<Text>,
    /// Free-text note.
    #[serde(default)]
    pub note: Option<String>,
    /// Sources cited for this record.
    #[serde(default)]
    pub citations: Vec<NewCitation>,
}

/// Who signs an agreement: a region or an organization.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewParty {
    /// The region that signs; absent where an organization does.
    #[serde(default)]
    pub region: Option<Ref>,
    /// The organization that signs; absent where a region does.
    #[serde(default)]
    pub organization: Option<Ref>,
    /// The side that it signs for.
    pub side: Side,
    /// Who signs for it.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub signatory: Option<String>,
    /// That person's office.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub signatory_title: Option<String>,
    /// When it signed, where that differs.
    #[serde(default)]
    pub signed_on: Option<NaiveDate>,
}

fn draft() -> Status {
    Status::Draft
}

fn period(new: &NewAgreement) -> Result<(), ValidationError> {
    rules::period(new.effective_on, new.expires_on, "/expires_on", "effective_on")
}

fn reason_and_date(new: &NewAgreement) -> Result<(), ValidationError> {
    if new.status.needs_reason() && new.status_reason.as_deref().is_none_or(|reason| reason.trim().is_empty()) {
        let status = new.status;
        return Err(rules::broken(
            "/status_reason",
            "required",
            msg!("状态为 {status} 时须说明原因。", "is required when the status is {status}"),
        ));
    }
    Ok(())
}

fn two_parties(new: &NewAgreement) -> Result<(), ValidationError> {
    if new.status != Status::Draft && new.parties.len() < 2 {
        return Err(rules::broken(
            "/parties",
            "too_few",
            msg!("已签署的协议须有两个以上签署方。", "must be two at least, for an agreement that is signed"),
        ));
    }
    Ok(())
}

text_enum! {
    /// The orders of a list of agreements; ties are ordered by id.
    Sort as "AgreementSort" {
        /// Oldest first.
        Id => "id",
        /// Newest first.
        IdDesc => "-id",
        /// By code.
        Code => "code",
        /// By code, backwards.
        CodeDesc => "-code",
        /// By signing date; the undated last.
        SignedOn => "signed_on",
        /// By signing date, backwards; the undated first.
        SignedOnDesc => "-signed_on",
        /// Least recently changed first.
        UpdatedAt => "updated_at",
        /// Most recently changed first.
        UpdatedAtDesc => "-updated_at",
    }
}

/// Filter parameters of the list of agreements.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AgreementFilter {
    /// Words in title, number, summary and note.
    #[param(max_length = 200, example = "文旅")]
    pub q: Option<String>,
    /// Of this programme.
    pub programme: Option<Ref>,
    /// Of this pairing.
    pub pairing: Option<Ref>,
    /// Hanging under this agreement.
    pub parent: Option<Ref>,
    /// Signed at this conference.
    pub conference: Option<Ref>,
    /// Of these kinds; several repeat the parameter.
    #[serde(default)]
    pub kind: Vec<Kind>,
    /// With one of these statuses; several repeat the parameter.
    #[serde(default)]
    pub status: Vec<Status>,
    /// With one of these states on `as_of`; several repeat the parameter.
    #[serde(default)]
    pub state: Vec<State>,
    /// About this field of cooperation.
    pub sector: Option<Ref>,
    /// Signed by this region.
    pub region: Option<Ref>,
    /// Signed by this organization.
    pub organization: Option<Ref>,
    /// Signed on this date or later.
    pub signed_from: Option<NaiveDate>,
    /// Signed on this date or earlier.
    pub signed_to: Option<NaiveDate>,
    /// Expiring on this date or later.
    pub expires_from: Option<NaiveDate>,
    /// Expiring on this date or earlier.
    pub expires_to: Option<NaiveDate>,
    /// Only records changed at this instant or later.
    pub updated_since: Option<DateTime<Utc>>,
    /// Sort order; a leading `-` sorts descending.
    #[param(inline)]
    pub sort: Option<Sort>,
}

impl ApiResource for Agreements {
    const ROUTES: Routes = Routes { label: "协议", takes_as_of: true, ..Routes::OF_PAIRING };

    fn mount(config: &mut ServiceConfig<'_>) {
        routes::mount::<Self>(config, &Self::ROUTES);
        config.service(list_amendments).service(create_amendment);
    }
}
