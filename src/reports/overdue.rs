//! The list of overdue milestones on a date, the longest overdue first, with the responsible organizations.

use actix_web::HttpResponse;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use crate::db::Conn;
use crate::db::page::PageRequest;
use crate::db::reference::Reference;
use crate::error::Result;
use crate::http::list::{AsOf, Page, PageParams};
use crate::http::{Call, typed};
use crate::model::types::Ref;
use crate::record::Resource;
use crate::reports::facts::{FactStore, counts};
use crate::resources::milestones::api::{Milestone, MilestoneFilter, Sort};
use crate::resources::milestones::{Milestones, Status};

/// Filter parameters of the report.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OverdueFilter {
    /// Only milestones of this programme.
    pub programme: Option<Ref>,
    /// Only milestones of this pairing.
    pub pairing: Option<Ref>,
    /// Only milestones in this sector: a sector of the project, or of the agreement if the project has none.
    pub sector: Option<Ref>,
    /// Only milestones for which this organization is responsible.
    pub responsible: Option<Ref>,
}

/// An overdue milestone.
#[derive(Debug, Serialize, ToSchema)]
pub struct OverdueRow {
    /// The milestone.
    pub milestone: Reference,
    /// The agreement of the milestone; null if it belongs to a project.
    pub agreement: Option<Reference>,
    /// The project of the milestone; null if it belongs to an agreement.
    pub project: Option<Reference>,
    /// The pairing of that agreement or project.
    pub pairing: Reference,
    /// The responsible organizations.
    pub responsible: Vec<Reference>,
    /// The due date.
    pub due_on: NaiveDate,
    /// The baseline: the due date that was first set.
    pub baseline_due_on: NaiveDate,
    /// The date on which the responsible organizations expect completion; null if unknown.
    pub forecast_on: Option<NaiveDate>,
    /// The status of the milestone.
    pub status: Status,
    /// Progress in percent.
    #[schema(minimum = 0, maximum = 100, example = 40)]
    pub progress: i32,
    /// Number of days overdue.
    #[schema(minimum = 1, example = 12)]
    pub days_late: i64,
    /// Number of days between the baseline and the due date; negative if it was brought forward.
    #[schema(example = 30)]
    pub slippage_days: i64,
}

/// The overdue milestones on a date.
#[derive(Debug, Serialize, ToSchema)]
pub struct OverdueList {
    /// The date of the report.
    pub as_of: NaiveDate,
    /// The overdue milestones of this page, the longest overdue first.
    pub items: Vec<OverdueRow>,
    /// Pass as `cursor` to get the next page; null on the last page.
    pub next_cursor: Option<String>,
    /// Number of overdue milestones; present only with `count=true`.
    #[schema(minimum = 0, example = 2)]
    pub total: Option<i64>,
}

impl From<Milestone> for OverdueRow {
    fn from(milestone: Milestone) -> OverdueRow {
        OverdueRow {
            milestone: Reference { id: milestone.id, code: milestone.code.map(|code| code.0), name: milestone.title },
            agreement: milestone.agreement,
            project: milestone.project,
            pairing: milestone.pairing,
            responsible: milestone.responsible,
            due_on: milestone.due_on,
            baseline_due_on: milestone.baseline_due_on,
            forecast_on: milestone.forecast_on,
            status: milestone.status,
            progress: milestone.progress,
            days_late: milestone.days_late,
            slippage_days: milestone.slippage_days,
        }
    }
}

/// Lists overdue milestones.
#[utoipa::path(
    get, path = "/reports/overdue", operation_id = "listOverdueMilestones", tag = "reports",
    summary = "List overdue milestones · 逾期清单",
    description = "The milestones that are overdue on `as_of`, the longest overdue first, with who is responsible. 截至某日逾期的里程碑，逾期最久者在前。",
    params(OverdueFilter, PageParams, AsOf),
    responses((status = 200, description = "A page of overdue milestones.", body = OverdueList))
)]
pub async fn list_overdue(call: Call) -> Result<HttpResponse> {
    call.reads_records()
        .list("listOverdueMilestones", |call, query, _| {
            let OverdueFilter { programme, pairing, sector, responsible } = typed(query)?;
            let view = call.view(query);
            let filter = MilestoneFilter {
                programme,
                pairing,
                sector,
                responsible,
                overdue: Some(true),
                sort: Some(Sort::DueOn),
                ..MilestoneFilter::default()
            };
            let facts = call.state.parts.get::<FactStore>()?;
            Ok(move |conn: &mut Conn, page: &PageRequest| {
                let total = if page.count { counts::of_milestones(&facts, conn, &filter, view)? } else { None };
                let page = page.read_with_total(total, |request| Milestones::page(conn, &filter, request, view))?;
                let items: Vec<OverdueRow> =
                    Milestones::load(conn, &page.ids, view)?.into_iter().map(OverdueRow::from).collect();
                Ok(Page::new(items, page).beside(json!({ "as_of": view.as_of })))
            })
        })
        .await
}
