//! What clients see of progress reports.

use actix_web::HttpResponse;
use actix_web::web::{Path, Payload};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{ProgressReports, Status, store};
use crate::db::reference::Reference;
use crate::error::{Faults, Result};
use crate::http::Call;
use crate::http::idempotency::Posted;
use crate::http::routes::{self, Routes, ServiceConfig, operation};
use crate::model::decimal::Quantity;
use crate::model::types::{Instant, Ref};
use crate::record::Record;
use crate::resources::{ApiResource, commitments};
use crate::{msg, rules, text_enum};

crate::fields! {
    /// What is reported on a commitment for a period.
    ProgressReport;
    /// A progress report to create.
    NewProgressReport;
    resource ProgressReports, table progress_reports, sheet "进展报告", code Option<Code>;

    /// Commitment that is reported on.
    commitment: Ref<commitments> "协议事项",
    /// Pairing of that commitment.
    pairing: stored Ref<pairings>,
    /// First day of the period.
    period_start_on: NaiveDate "期间开始",
    /// Last day of the period, not before `period_start_on`.
    period_end_on: NaiveDate "期间结束",
    /// Value of the period in the unit of the indicator: the increment, or the value at the end of the period, depending on
    /// the indicator's `accumulation`. Null when unknown.
    value: Option<Quantity> "数值",
    /// Description of the progress; required without a value.
    narrative: Option<String> "进展说明" searched,
    /// Status. `draft` and `returned` can become `submitted`; `submitted` can become `approved` or `returned`.
    #[new(serde(default = "draft"))]
    status: Status "状态",
    /// Reason for the return; required when `returned` and null otherwise.
    return_note: Option<String> "退回意见" searched,
    /// Approved report of the same commitment that this one corrects.
    supersedes: Option<Ref<progress_reports>> "取代的报告",
    /// When the report was last submitted; null before.
    submitted_at: stored Option<Instant>,
    /// Name of the key that submitted the report.
    submitted_by: stored Option<String>,
    /// When the report was approved or returned; null before.
    reviewed_at: stored Option<Instant>,
    /// Name of the key that approved or returned the report.
    reviewed_by: stored Option<String>,
    /// Approved report that corrects this one; null when there is none.
    superseded_by: computed Option<Reference>,
    /// Whether the report counts: it is approved, and no approved report corrects it.
    counts: computed bool,
}

/// Why a report is returned.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReturn {
    /// What has to be mended.
    #[schema(min_length = 1, max_length = 10_000, example = "请补充人员名册")]
    pub note: String,
}

fn draft() -> Status {
    Status::Draft
}

/// Checks the rules across the fields of a request.
pub fn validate(new: &NewProgressReport, faults: &mut Faults) {
    rules::period(faults, Some(new.period_start_on), Some(new.period_end_on), "/period_end_on", "period_start_on");
    says_something(new, faults);
    note_of_return(new, faults);
}

fn says_something(new: &NewProgressReport, faults: &mut Faults) {
    let has_words = new.narrative.as_deref().is_some_and(|words| !words.trim().is_empty());
    if new.value.is_none() && !has_words {
        faults.push("/value", "required", msg!("数值与文字说明至少填一项。", "is required without a narrative"));
    }
}

fn note_of_return(new: &NewProgressReport, faults: &mut Faults) {
    let status = new.status;
    match (status, new.return_note.as_deref().is_some_and(|note| !note.trim().is_empty())) {
        (Status::Returned, false) => {
            faults.push("/return_note", "required", msg!("退回须说明原因。", "is required to return a report"))
        }
        (Status::Draft | Status::Submitted | Status::Approved, true) => faults.push(
            "/return_note",
            "not_for_status",
            msg!("状态为 {status} 时不得有退回说明。", "must be null when the status is {status}"),
        ),
        _ => {}
    }
}

text_enum! {
    /// The orders of a list of progress reports; ties are ordered by id.
    Sort as "ProgressReportSort" {
        /// By the period's end.
        PeriodEndOn => "period_end_on",
        /// By the period's end, the latest first.
        PeriodEndOnDesc => "-period_end_on",
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

/// Filter parameters of the list of progress reports.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ProgressReportFilter {
    /// Words in narrative and return note.
    #[param(max_length = 200, example = "教师")]
    pub q: Option<String>,
    /// Of the pairings of this programme.
    pub programme: Option<Ref>,
    /// Of this pairing.
    pub pairing: Option<Ref>,
    /// On commitments of this agreement.
    pub agreement: Option<Ref>,
    /// On this commitment.
    pub commitment: Option<Ref>,
    /// Correcting this report.
    pub supersedes: Option<Ref>,
    /// With one of these statuses; several repeat the parameter.
    #[serde(default)]
    pub status: Vec<Status>,
    /// Whose period ends on this date or later.
    pub period_from: Option<NaiveDate>,
    /// Whose period ends on this date or earlier.
    pub period_to: Option<NaiveDate>,
    /// Only records changed at this instant or later.
    pub updated_since: Option<DateTime<Utc>>,
    /// Sort order; a leading `-` sorts descending. Default: `period_end_on`.
    #[param(inline)]
    pub sort: Option<Sort>,
}

/// Submits a report.
#[utoipa::path(
    post, path = "/progress-reports/{ref}/submit", operation_id = "submitProgressReport", tag = "progress-reports",
    summary = "Submit a progress report · 上报进展报告",
    description = "Submits a draft or a returned report for a decision; its content does not change. Submitting a submitted report has \
        no effect. 上报草稿或被退回的报告。",
    params(("ref" = Ref, Path, description = "Code or numeric identifier of the progress report.")),
    responses((status = 200, description = "The updated progress report.", body = ProgressReport))
)]
async fn submit(call: Call, payload: Payload, reference: Path<String>) -> Result<HttpResponse> {
    call.require_no_body(payload).await?;
    decide(call, reference.into_inner(), Status::Submitted, None).await
}

/// Approves a report.
#[utoipa::path(
    post, path = "/progress-reports/{ref}/approve", operation_id = "approveProgressReport", tag = "progress-reports",
    summary = "Approve a progress report · 审定进展报告",
    description = "Approves a submitted report: its figures are counted, and its period is locked. Approving an approved report has no \
        effect. 审定已上报的报告，计入进度并锁定其期间。",
    params(("ref" = Ref, Path, description = "Code or numeric identifier of the progress report.")),
    responses((status = 200, description = "The updated progress report.", body = ProgressReport))
)]
async fn approve(call: Call, payload: Payload, reference: Path<String>) -> Result<HttpResponse> {
    call.require_no_body(payload).await?;
    decide(call, reference.into_inner(), Status::Approved, None).await
}

/// Returns a report.
#[utoipa::path(
    post, path = "/progress-reports/{ref}/return", operation_id = "returnProgressReport", tag = "progress-reports",
    summary = "Return a progress report · 退回进展报告",
    description = "Returns a submitted report for correction, with a note on the reason. 退回已上报的报告并说明原因。",
    params(("ref" = Ref, Path, description = "Code or numeric identifier of the progress report.")),
    request_body(content = NewReturn, description = "The reason."),
    responses((status = 200, description = "The updated progress report.", body = ProgressReport))
)]
async fn send_back(call: Call, payload: Payload, reference: Path<String>) -> Result<HttpResponse> {
    call.writer()?;
    let mut body = call.json(payload, &["application/json"]).await?;
    call.state.catalog.contract.normalize("NewReturn", &mut body);
    call.state.catalog.contract.validate("NewReturn", &body)?;
    let NewReturn { note } = serde_json::from_value(body)?;
    if note.trim().is_empty() {
        let mut faults = Faults::default();
        faults.push("/note", "required", msg!("退回须说明原因。", "is required to return a report"));
        faults.refuse()?;
    }
    decide(call, reference.into_inner(), Status::Returned, Some(note)).await
}

async fn decide(call: Call, reference: String, status: Status, note: Option<String>) -> Result<HttpResponse> {
    let actor = call.writer()?;
    let body = serde_json::json!(note);
    call.post(actor, &body, move |tx| {
        let report = store::decide(tx, &Ref(reference), status, note)?;
        let (_, version) = ProgressReports::id_and_version(&report);
        Posted::done(version, &report)
    })
    .await
}

impl ApiResource for ProgressReports {
    const ROUTES: Routes = Routes { label: "进展报告", ..Routes::OF_PAIRING };

    fn mount(config: &mut ServiceConfig) {
        routes::mount::<Self>(config, &Self::ROUTES);
        routes::mount_nested::<Self>(config, &Self::ROUTES, &commitments::KIND);
        config.service(operation!(submit)).service(operation!(approve)).service(operation!(send_back));
    }
}
