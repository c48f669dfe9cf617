//! What is overdue on a date: the milestones themselves, the longest overdue first, and who is responsible.

use actix_web::{HttpResponse, get};
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
use crate::resources::milestones::api::{Milestone, MilestoneFilter, Sort};
use crate::resources::milestones::{Milestones, Status};

/// What the report covers.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OverdueFilter {
    /// Of this programme.
    pub programme: Option<Ref>,
    /// Of this pairing.
    pub pairing: Option<Ref>,
    /// In this field of cooperation: one of its project's, or one of its agreement's where the project has none.
    pub sector: Option<Ref>,
    /// With this organization among the responsible.
    pub responsible: Option<Ref>,
}

/// An overdue milestone.
#[derive(Debug, Serialize, ToSchema)]
pub struct OverdueRow {
    /// The milestone.
    pub milestone: Reference,
    /// The agreement that it belongs to; null where it belongs to a project.
    pub agreement: Option<Reference>,
    /// The project that it belongs to; null where it belongs to an agreement.
    pub project: Option<Reference>,
    /// The pairing of that agreement or project.
    pub pairing: Reference,
    /// Who is responsible.
    pub responsible: Vec<Reference>,
    /// When it was due.
    pub due_on: NaiveDate,
    /// When it was due at first.
    pub baseline_due_on: NaiveDate,
    /// When those who are responsible expect it.
    pub forecast_on: Option<NaiveDate>,
    /// How it stands.
    pub status: Status,
    /// How far it is, in percent.
    #[schema(minimum = 0, maximum = 100, example = 40)]
    pub progress: i32,
    /// How many days overdue.
    #[schema(minimum = 1, example = 12)]
    pub days_late: i64,
    /// How many days the due date has moved.
    #[schema(example = 30)]
    pub slippage_days: i64,
}

/// What is overdue on a date.
#[derive(Debug, Serialize, ToSchema)]
pub struct OverdueList {
    /// The date that the report holds for.
    pub as_of: NaiveDate,
    /// The overdue milestones of this page, the longest overdue first.
    pub items: Vec<OverdueRow>,
    /// Pass it as `cursor` for the next page; null on the last one.
    pub next_cursor: Option<String>,
    /// How many are overdue; only with `count=true`.
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

/// Lists what is overdue.
#[utoipa::path(
    get, path = "/reports/overdue", operation_id = "listOverdueMilestones", tag = "reports",
    summary = "List what is overdue · 逾期清单",
    description = "The milestones that are overdue on `as_of`, the longest overdue first, with who is responsible. 截至某日逾期的里程碑，逾期最久者在前。",
    params(OverdueFilter, PageParams, AsOf),
    responses((status = 200, description = "What is overdue.", body = OverdueList))
)]
#[get("/reports/overdue")]
pub async fn list_overdue(call: Call) -> Result<HttpResponse> {
    call.list("listOverdueMilestones", |call, query, _| {
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
        Ok(move |conn: &mut Conn, page: &PageRequest| {
            let page = Milestones::page(conn, &filter, page, view)?;
            let items: Vec<OverdueRow> =
                Milestones::load(conn, &page.ids, view)?.into_iter().map(OverdueRow::from).collect();
            Ok(Page::new(&items, page)?.beside(json!({ "as_of": view.as_of })))
        })
    })
    .await
}
