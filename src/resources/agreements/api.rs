//! What clients see of agreements.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::amendments::api as amendments;
use super::{Agreements, Kind, Side, State, Status};
use crate::db::reference::Reference;
use crate::error::Faults;
use crate::http::routes::{self, Routes, ServiceConfig, operation};
use crate::model::types::Ref;
use crate::resources::ApiResource;
use crate::{msg, rules, text_enum};

crate::fields! {
    /// What the sides of a pairing signed.
    Agreement;
    /// An agreement to create.
    NewAgreement;
    resource Agreements, table agreements, sheet "协议", code Code;

    /// Pairing that the agreement belongs to.
    pairing: Ref<pairings> "结对",
    /// Kind of agreement.
    kind: Kind "类别",
    /// Title.
    title: Text "标题" searched,
    /// Reference number assigned by the issuing body.
    #[schema(max_length = 200)]
    number: Option<String> "文号" searched,
    /// Agreement of the same pairing that this one is subordinate to. A change that leads back to the record, or reaches
    /// more than 10,000 records through others, is rejected (422).
    parent: Option<Ref<agreements>> "上级协议",
    /// Conference of the same pairing at which the agreement was signed.
    conference: Option<Ref<conferences>> "签署会议",
    /// Status. `draft` can become `signed`; `signed` can become `suspended` or `terminated`; `suspended` can become
    /// `signed` or `terminated`.
    #[new(serde(default = "draft"))]
    status: Status "状态",
    /// Day from which the status holds. A change of status without a date takes today.
    status_on: Option<NaiveDate> "状态日期",
    /// Reason for a suspension or termination; required for these and null otherwise.
    status_reason: Option<String> "状态原因",
    /// Day of signing, not in the future; null when unsigned or unknown.
    signed_on: Option<NaiveDate> "签署日期",
    /// First day in force; if null, `signed_on`.
    effective_on: Option<NaiveDate> "生效日期",
    /// Last day in force; null when open.
    expires_on: Option<NaiveDate> "到期日期",
    /// Parties. From `signed` on at least two, with each side of the pairing represented by a member region, or by a region
    /// or organization within it.
    #[new(schema(max_items = 200))]
    #[new(serde(default))]
    parties: nested { Vec<Party> } from { Vec<NewParty> } in agreement_parties "签署方" {
        region "地区" => regions, organization "单位" => organizations, side "方别", signatory "签署人", signatory_title "签署人职务", signed_on "签署日期",
    },
    /// Fields of cooperation that the agreement covers.
    sectors: Vec<Ref<sectors>> in agreement_sectors.sector_id "合作领域",
    /// Summary of the content.
    summary: Option<Text> "摘要" searched,
    /// Free-text note.
    note: Option<String> "备注" searched,
    /// State on `as_of`, computed from status and dates.
    state: computed State,
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

/// Checks the rules across the fields of a request.
pub fn validate(new: &NewAgreement, faults: &mut Faults) {
    rules::period(faults, new.effective_on, new.expires_on, "/expires_on", "effective_on");
    reason_and_date(new, faults);
    two_parties(new, faults);
}

fn reason_and_date(new: &NewAgreement, faults: &mut Faults) {
    if new.status.needs_reason() && new.status_reason.as_deref().is_none_or(|reason| reason.trim().is_empty()) {
        let status = new.status;
        faults.push(
            "/status_reason",
            "required",
            msg!("状态为 {status} 时须说明原因。", "is required when the status is {status}"),
        );
    }
}

fn two_parties(new: &NewAgreement, faults: &mut Faults) {
    if new.status != Status::Draft && new.parties.len() < 2 {
        faults.push(
            "/parties",
            "too_few",
            msg!("已签署的协议须有两个以上签署方。", "must be two at least, for an agreement that is signed"),
        );
    }
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

    fn mount(config: &mut ServiceConfig) {
        routes::mount::<Self>(config, &Self::ROUTES);
        config.service(operation!(amendments::list_amendments)).service(operation!(amendments::create_amendment));
    }
}
