//! What clients see of progress reports.

use actix_web::web::{Path, Payload};
use actix_web::{HttpResponse, post};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::{Validate, ValidationError};

use super::{ProgressReports, Status, store};
use crate::db::reference::Reference;
use crate::error::{Faults, Result};
use crate::http::Call;
use crate::http::idempotency::Posted;
use crate::http::routes::{self, Routes};
use crate::model::decimal::Quantity;
use crate::model::types::{Code, Instant, Ref};
use crate::record::Resource;
use crate::record::citations::{Citation, NewCitation};
use crate::resources::{ApiResource, commitments};
use crate::{msg, rules, text_enum};
use utoipa_actix_web::service_config::ServiceConfig;

/// What is reported on a commitment for a period.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProgressReport {
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
    /// The commitment that it reports on.
    pub commitment: Reference,
    /// The pairing of that commitment.
    pub pairing: Reference,
    /// The period's first day.
    pub period_start_on: NaiveDate,
    /// The period's last day.
    pub period_end_on: NaiveDate,
    /// The period's value in the indicator's unit: what it added, or where the indicator stood at its end. Null: unknown.
    pub value: Option<Quantity>,
    /// What was done, in words.
    pub narrative: Option<String>,
    /// How it stands.
    pub status: Status,
    /// Why it was returned.
    pub return_note: Option<String>,
    /// The approved report that it corrects.
    pub supersedes: Option<Reference>,
    /// When it was last submitted.
    pub submitted_at: Option<Instant>,
    /// Who submitted it.
    pub submitted_by: Option<String>,
    /// When it was approved or returned.
    pub reviewed_at: Option<Instant>,
    /// Who approved or returned it.
    pub reviewed_by: Option<String>,
    /// Sources cited for this record.
    pub citations: Vec<Citation>,
    /// The approved report that corrects it; null while there is none.
    pub superseded_by: Option<Reference>,
    /// Whether it counts: it is approved, and no approved report corrects it.
    pub counts: bool,
}

/// A progress report to create.
#[derive(Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[validate(schema(function = "period"), schema(function = "says_something"), schema(function = "note_of_return"))]
pub struct NewProgressReport {
    /// Optional unique slug.
    #[serde(default)]
    pub code: Option<Code>,
    /// The commitment that it reports on.
    pub commitment: Ref,
    /// The period's first day.
    pub period_start_on: NaiveDate,
    /// The period's last day.
    pub period_end_on: NaiveDate,
    /// The period's value in the indicator's unit: what it added, or where the indicator stood at its end.
    #[serde(default)]
    pub value: Option<Quantity>,
    /// What was done, in words; required without a value.
    #[serde(default)]
    pub narrative: Option<String>,
    /// How it stands. From `draft` or `returned` to `submitted`; from there to `approved` or `returned`.
    #[serde(default = "draft")]
    pub status: Status,
    /// Why it is returned; required for `returned`, and for it alone.
    #[serde(default)]
    pub return_note: Option<String>,
    /// The approved report of the same commitment that it corrects.
    #[serde(default)]
    pub supersedes: Option<Ref>,
    /// Sources cited for this record.
    #[serde(default)]
    pub citations: Vec<NewCitation>,
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

fn period(new: &NewProgressReport) -> Result<(), ValidationError> {
    rules::period(Some(new.period_start_on), Some(new.period_end_on), "/period_end_on", "period_start_on")
}

fn says_something(new: &NewProgressReport) -> Result<(), ValidationError> {
    let has_words = new.narrative.as_deref().is_some_and(|words| !words.trim().is_empty());
    if new.value.is_none() && !has_words {
        return Err(rules::broken(
            "/value",
            "required",
            msg!("数值与文字说明至少填一项。", "is required without a narrative"),
        ));
    }
    Ok(())
}

fn note_of_return(new: &NewProgressReport) -> Result<(), ValidationError> {
    let status = new.status;
    match (status, new.return_note.as_deref().is_some_and(|note| !note.trim().is_empty())) {
        (Status::Returned, false) => {
            Err(rules::broken("/return_note", "required", msg!("退回须说明原因。", "is required to return a report")))
        }
        (Status::Draft | Status::Submitted | Status::Approved, true) => Err(rules::broken(
            "/return_note",
            "not_for_status",
            msg!("状态为 {status} 时不得有退回说明。", "must be null when the status is {status}"),
        )),
        _ => Ok(()),
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

impl ApiResource for ProgressReports {
    const ROUTES: Routes = Routes { label: "进展报告", ..Routes::OF_PAIRING };

    fn mount(config: &mut ServiceConfig<'_>) {
        routes::mount::<Self>(config, &Self::ROUTES);
        routes::mount_nested::<Self>(config, &Self::ROUTES, &commitments::KIND);
        config.service(submit).service(approve).service(send_back);
    }
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
#[post("/progress-reports/{ref}/submit")]
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
#[post("/progress-reports/{ref}/approve")]
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
#[post("/progress-reports/{ref}/return")]
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
