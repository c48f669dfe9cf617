//! The scorecard: figures of programmes, pairings, sectors, agreements, projects or members on a date, with totals. On
//! request it also contains the figures as recorded at an earlier instant.
//!
//! Everything is summed by what it belongs to and rolled up from there, so that every grouping follows the one rule. What
//! is in several sectors counts in each of them, money in its project's shares; in `overall` everything counts once.

mod compute;
mod facts;
mod memory;
mod present;
mod recorded;
mod snapshots;
mod sums;

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use crate::db::page::PageRequest;
use crate::db::reference::{Kind, Reference};
use crate::db::{self, Conn};
use crate::error::{Faults, Result};
use crate::figures::exchanges::ExchangeFigures;
use crate::figures::money::MoneyFigures;
use crate::figures::pace::PaceCounts;
use crate::figures::resolutions::ResolutionCounts;
use crate::figures::tally::StatusCounts;
use crate::http::list::{AsOf, Page, PageParams};
use crate::http::{Call, typed};
use crate::model::types::{Instant, Ref};
use crate::reports::facts::FactStore;
use crate::resources::{agreements, pairings, programmes, projects, regions, sectors};
use crate::text_enum;
use compute::{Computed, Request, Summed};
use facts::Facts;
use sums::Sums;

text_enum! {
    /// Grouping of the rows of a scorecard.
    GroupBy as "ScorecardGroup" {
        /// A row a programme.
        Programme => "programme",
        /// A row a pairing.
        Pairing => "pairing",
        /// A row a sector.
        Sector => "sector",
        /// A row an agreement.
        Agreement => "agreement",
        /// A row a project.
        Project => "project",
        /// A row a member: a region, for what its pairings did while it was a member.
        Member => "member",
    }
}

impl GroupBy {
    /// The kind of the rows' subjects.
    fn kind(self) -> &'static Kind {
        match self {
            GroupBy::Programme => &programmes::KIND,
            GroupBy::Pairing => &pairings::KIND,
            GroupBy::Sector => &sectors::KIND,
            GroupBy::Agreement => &agreements::KIND,
            GroupBy::Project => &projects::KIND,
            GroupBy::Member => &regions::KIND,
        }
    }
}

/// Filter parameters of the scorecard.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ScorecardFilter {
    /// Of this programme.
    pub programme: Option<Ref>,
    /// Of this pairing.
    pub pairing: Option<Ref>,
    /// In this field of cooperation: of agreements and projects in it, commitments about it, and money by its share.
    pub sector: Option<Ref>,
    /// Grouping of the rows. Default: `pairing`.
    #[param(inline)]
    pub group_by: Option<GroupBy>,
    /// Adds to every row the figures as they would have printed at this instant: by what was known then, for `as_of` or,
    /// where that is not given, for the day of the instant.
    #[param(example = "2022-06-30T16:00:00Z")]
    pub recorded_at: Option<DateTime<Utc>>,
}

/// Figures over what a row covers.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Figures {
    /// Σ(weight·progress)/Σ(weight) over the milestones that are not cancelled, in percent; null where Σ(weight) is 0.
    #[schema(minimum = 0, maximum = 100, example = 62.5)]
    pub progress: Option<f64>,
    /// Number of milestones included in the progress.
    #[schema(minimum = 0, example = 10)]
    pub counted: i64,
    /// Number of cancelled milestones, which are excluded.
    #[schema(minimum = 0, example = 0)]
    pub left_out: i64,
    /// Number of milestones by status.
    pub milestones: StatusCounts,
    /// How many milestones are overdue: `as_of` is after `due_on`, and the status is `scheduled`, `in_progress` or `not_met`.
    #[schema(minimum = 0, example = 2)]
    pub overdue: i64,
    /// Days that the most overdue one is late; 0 when none is.
    #[schema(minimum = 0, example = 45)]
    pub days_late: i64,
    /// How many milestones the on-time rate counts: those that are not cancelled and whose baseline day is over
    /// (`baseline_due_on` is before `as_of`).
    #[schema(minimum = 0, example = 6)]
    pub baseline_due: i64,
    /// How many of those were met on or before their baseline: status `met`, `met_on` not after `baseline_due_on`.
    #[schema(minimum = 0, example = 3)]
    pub on_time: i64,
    /// `on_time` / `baseline_due`, in percent: of the milestones that are not cancelled and whose baseline day is over on
    /// `as_of`, the share that was met on or before it; null where there are none. A milestone due on `as_of` counts from the
    /// next day on.
    #[schema(minimum = 0, maximum = 100, example = 50.0)]
    pub on_time_rate: Option<f64>,
    /// Number of commitments by pace.
    pub commitments: PaceCounts,
    /// Number of resolutions by state.
    pub resolutions: ResolutionCounts,
    /// People seconded.
    pub exchanges: ExchangeFigures,
    /// Money, one item per currency.
    #[schema(max_items = 200)]
    pub funds: Vec<MoneyFigures>,
}

/// The scorecard on a date.
#[derive(Debug, Serialize, ToSchema)]
pub struct Scorecard {
    /// The date of the figures.
    pub as_of: NaiveDate,
    /// The instant of the recorded figures; null where none were asked for.
    pub recorded_at: Option<Instant>,
    /// The date that the recorded figures hold for.
    pub recorded_as_of: Option<NaiveDate>,
    /// Totals over all matching records, each counted once.
    pub overall: Figures,
    /// The same, as it would have printed at `recorded_at`.
    pub recorded_overall: Option<Figures>,
    /// The rows of this page, ordered by id.
    pub items: Vec<ScorecardRow>,
    /// Pass as `cursor` to get the next page; null on the last page.
    pub next_cursor: Option<String>,
    /// Number of rows; present only with `count=true`.
    #[schema(minimum = 0, example = 3)]
    pub total: Option<i64>,
}

/// How one programme, pairing, sector, agreement, project or member stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct ScorecardRow {
    /// The programme; null in rows that are something else.
    pub programme: Option<Reference>,
    /// The pairing; also in rows that are agreements or projects.
    pub pairing: Option<Reference>,
    /// The sector; null in other rows.
    pub sector: Option<Reference>,
    /// The agreement; null in other rows.
    pub agreement: Option<Reference>,
    /// The project; null in other rows.
    pub project: Option<Reference>,
    /// The member; null in other rows.
    pub member: Option<Reference>,
    /// Its figures.
    pub figures: Figures,
    /// Its figures as they would have printed at `recorded_at`; null where none were asked for.
    pub recorded: Option<Figures>,
}

/// Reads the scorecard.
#[utoipa::path(
    get, path = "/reports/scorecard", operation_id = "getScorecard", tag = "reports",
    summary = "Read the scorecard · 对照表",
    description = "Progress, overdue milestones and on-time rate, pace of commitments, resolutions, people and money on `as_of`, a row each \
        programme, pairing, sector, agreement, project or member, and overall. What is in several sectors counts in each. \
        `recorded_at` adds the report as it would have printed at that instant. 截至某日的进度、逾期、序时进度、议定事项、人才与资金；\
        recorded_at 并列当时的报表。",
    params(ScorecardFilter, PageParams, AsOf),
    responses((status = 200, description = "The scorecard.", body = Scorecard))
)]
pub async fn get_scorecard(call: Call) -> Result<HttpResponse> {
    let facts = call.state.parts.get::<FactStore>()?;
    let call = if asks_for_recorded(call.request.query_string()) { call } else { facts.classify(call).reads_records() };
    call.list("getScorecard", |call, query, _| {
        let filter: ScorecardFilter = typed(query)?;
        let AsOf { as_of } = typed(query)?;
        let today = call.today();
        let recorded =
            filter.recorded_at.map(|at| (Instant::from(at), as_of.unwrap_or(call.state.settings.day_of(at))));
        let as_of = as_of.unwrap_or(today);
        Ok(move |conn: &mut Conn, page: &PageRequest| {
            let request = Request { filter: &filter, as_of, recorded, page };
            let Computed { overall, recorded_overall, rows, next, total } =
                match request.compute_in_memory(conn, &facts)? {
                    Some(computed) => computed,
                    // Without a snapshot, concurrent changes could be counted twice or not at all.
                    None => db::in_snapshot(conn, |conn| request.compute_by_queries(conn))?,
                };
            let beside = json!({
                "as_of": as_of,
                "recorded_at": recorded.map(|(at, _)| at),
                "recorded_as_of": recorded.map(|(_, day)| day),
                "overall": overall,
                "recorded_overall": recorded_overall,
            });
            Ok(Page::cut(rows, next, total).beside(beside))
        })
    })
    .await
}

/// Whether a query asks for recorded figures, which are computed from the audit log.
fn asks_for_recorded(query: &str) -> bool {
    url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "recorded_at")
}

/// The figures of every pairing on a date, by its id.
pub fn of_pairings(conn: &mut Conn, store: &FactStore, as_of: NaiveDate) -> Result<BTreeMap<i64, Figures>> {
    let wanted = Wanted { programme: None, pairing: None, sector: None, group_by: GroupBy::Pairing };
    if store.refresh(conn)?
        && let Some(figures) = store.with(|state| figures(&memory::facts(state, &wanted, as_of), &wanted, as_of))
    {
        return Ok(figures);
    }
    Ok(figures(&present::load(conn, &wanted, as_of)?, &wanted, as_of))
}

/// The figures of each subject.
fn figures(facts: &Facts<'_>, wanted: &Wanted, as_of: NaiveDate) -> BTreeMap<i64, Figures> {
    let Summed { subjects, groups, .. } = Summed::over(facts, wanted, as_of);
    let nothing = Sums::default();
    subjects.into_iter().map(|id| (id, groups.get(&id).unwrap_or(&nothing).figures(as_of))).collect()
}

/// What is asked for, by ids.
struct Wanted {
    programme: Option<i64>,
    pairing: Option<i64>,
    sector: Option<i64>,
    group_by: GroupBy,
}

impl Wanted {
    /// Whether money counts by the parts that are in sectors.
    fn is_by_sector(&self) -> bool {
        self.group_by == GroupBy::Sector || self.sector.is_some()
    }

    fn resolve(conn: &mut Conn, filter: &ScorecardFilter) -> Result<Wanted> {
        let ScorecardFilter { programme, pairing, sector, group_by, recorded_at: _ } = filter;
        let mut faults = Faults::default();
        let programme = programmes::KIND.resolve_optional(conn, &mut faults, "/query/programme", programme.as_ref())?;
        let pairing = pairings::KIND.resolve_optional(conn, &mut faults, "/query/pairing", pairing.as_ref())?;
        let sector = sectors::KIND.resolve_optional(conn, &mut faults, "/query/sector", sector.as_ref())?;
        faults.refuse()?;
        Ok(Wanted { programme, pairing, sector, group_by: group_by.unwrap_or(GroupBy::Pairing) })
    }
}
