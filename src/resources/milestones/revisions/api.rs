//! What clients see of revisions and confirmations.

use actix_web::HttpResponse;
use actix_web::web::{Path, Payload};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::store;
use crate::db::Conn;
use crate::db::page::PageRequest;
use crate::error::Result;
use crate::http::Call;
use crate::http::idempotency::Posted;
use crate::http::list::{ListPage, Page, PageParams};
use crate::model::types::{Instant, Ref};
use crate::record::Record;
use crate::resources::milestones::Milestones;
use crate::resources::milestones::api::Milestone;
use crate::resources::pairings::Role;

/// One move of a due date; never changed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Revision {
    /// Numeric identifier, assigned on creation and never reused.
    #[schema(minimum = 1, example = 1)]
    pub id: i64,
    /// When it was due before.
    pub old_due_on: NaiveDate,
    /// When it is due since.
    pub new_due_on: NaiveDate,
    /// Why it was moved.
    #[schema(example = "汛期停工，顺延一个月")]
    pub reason: String,
    /// When it was moved.
    pub revised_at: Instant,
    /// Who moved it.
    pub revised_by: String,
}

/// A side's confirmation that a milestone is met.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Confirmation {
    /// The side that confirmed.
    pub side: Role,
    /// When it confirmed.
    pub confirmed_at: Instant,
}

/// A confirmation to give.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewConfirmation {
    /// The side that confirms.
    pub side: Role,
}

/// A page of a list.
pub type RevisionList = ListPage<Revision>;
/// A page of a list.
pub type ConfirmationList = ListPage<Confirmation>;

/// Lists the moves of a milestone's due date.
#[utoipa::path(
    get, path = "/milestones/{ref}/revisions", operation_id = "listMilestoneRevisions", tag = "milestones",
    summary = "List the revisions of a due date · 到期日调整记录",
    description = "Returns a page of the revisions of a milestone's due date, oldest first: the previous and the new date, the reason, and the actor. \
        分页列出里程碑到期日的全部调整。",
    params(("ref" = Ref, Path, description = "Code or numeric identifier of the milestone."), PageParams),
    responses((status = 200, description = "A page of revisions.", body = RevisionList))
)]
pub async fn list_revisions(call: Call, reference: Path<String>) -> Result<HttpResponse> {
    let reference = Ref(reference.into_inner());
    call.reads(&super::super::KIND)
        .list("listMilestoneRevisions", |_, _, _| {
            Ok(move |conn: &mut Conn, page: &PageRequest| {
                let (items, page) = store::revisions(conn, &reference, page)?;
                Ok(Page::new(items, page))
            })
        })
        .await
}

/// Lists the confirmations of a milestone.
#[utoipa::path(
    get, path = "/milestones/{ref}/confirmations", operation_id = "listMilestoneConfirmations", tag = "milestones",
    summary = "List the confirmations of a milestone · 双方确认记录",
    description = "Returns the sides that confirmed that the milestone is met, at most two. 列出已确认完成的一方或双方。",
    params(("ref" = Ref, Path, description = "Code or numeric identifier of the milestone."), PageParams),
    responses((status = 200, description = "The confirmations.", body = ConfirmationList))
)]
pub async fn list_confirmations(call: Call, reference: Path<String>) -> Result<HttpResponse> {
    let reference = Ref(reference.into_inner());
    call.reads(&super::super::KIND)
        .list("listMilestoneConfirmations", |_, _, _| {
            Ok(move |conn: &mut Conn, page: &PageRequest| {
                let (items, page) = store::confirmations(conn, &reference, page)?;
                Ok(Page::new(items, page))
            })
        })
        .await
}

/// Confirms that a milestone is met.
#[utoipa::path(
    post, path = "/milestones/{ref}/confirmations", operation_id = "confirmMilestone", tag = "milestones",
    summary = "Confirm that a milestone is met · 确认里程碑完成",
    description = "Confirms a met milestone for one side. A second confirmation by the same side has no effect. Confirmations are dropped \
        when the milestone is no longer met. 由支援方或受援方确认里程碑完成；里程碑不再处于完成状态时，确认随之失效。",
    params(("ref" = Ref, Path, description = "Code or numeric identifier of the milestone.")),
    request_body(content = NewConfirmation, description = "The side that confirms."),
    responses((status = 200, description = "The milestone with its confirmations.", body = Milestone))
)]
pub async fn confirm(call: Call, payload: Payload, reference: Path<String>) -> Result<HttpResponse> {
    let actor = call.writer()?;
    let body = call.json(payload, &["application/json"]).await?;
    call.state.catalog.contract.validate("NewConfirmation", &body)?;
    let new: NewConfirmation = serde_json::from_value(body.clone())?;
    call.post(actor, &body, move |tx| {
        let milestone = store::confirm(tx, &Ref(reference.into_inner()), new.side)?;
        let (_, version) = Milestones::id_and_version(&milestone);
        Posted::done(version, &milestone)
    })
    .await
}
