//! The scorecard: figures of programmes, pairings, sectors, agreements, projects or members on a date, with totals. On
//! request it also contains the figures as recorded at an earlier instant.
//!
//! Everything is summed by what it belongs to and rolled up from there, so that every grouping follows the one rule. What
//! is in several sectors counts in each of them, money in its project's shares; in `overall` everything counts once.

mod facts;
mod present;
mod recorded;
mod snapshots;

use std::collections::BTreeMap;

use actix_web::{HttpResponse, get};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use crate::db::page::{self, Key, PageRequest};
use crate::db::reference::{Kind, Reference, References};
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
use crate::resources::{agreements, pairings, programmes, projects, regions, sectors};
use crate::text_enum;
use facts::{Facts, Sums};

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
#[get("/reports/scorecard")]
pub async fn get_scorecard(call: Call) -> Result<HttpResponse> {
    call.list("getScorecard", |call, query, _| {
        let filter: ScorecardFilter = typed(query)?;
        let AsOf { as_of } = typed(query)?;
        let today = call.today();
        let recorded =
            filter.recorded_at.map(|at| (Instant::from(at), as_of.unwrap_or(call.state.settings.day_of(at))));
        let as_of = as_of.unwrap_or(today);
        Ok(move |conn: &mut Conn, page: &PageRequest| {
            let Computed { overall, recorded_overall, rows } =
                // Without a snapshot, concurrent changes could be counted twice or not at all.
                db::in_snapshot(conn, |conn| compute(conn, &filter, as_of, recorded))?;
            let (items, next, total) = page::cut_computed(rows, page);
            let beside = json!({
                "as_of": as_of,
                "recorded_at": recorded.map(|(at, _)| at),
                "recorded_as_of": recorded.map(|(_, day)| day),
                "overall": overall,
                "recorded_overall": recorded_overall,
            });
            Ok(Page::cut(items, next, total).beside(beside))
        })
    })
    .await
}

struct Computed {
    overall: Figures,
    recorded_overall: Option<Figures>,
    rows: Vec<(Key, ScorecardRow)>,
}

/// Computes the figures for a date; and, where that is asked for, those that were recorded at an instant, for their date.
fn compute(
    conn: &mut Conn,
    filter: &ScorecardFilter,
    as_of: NaiveDate,
    recorded: Option<(Instant, NaiveDate)>,
) -> Result<Computed> {
    let wanted = Wanted::resolve(conn, filter)?;
    let facts = present::load(conn, &wanted, as_of)?;
    let (overall, rows) = sum(&facts, &wanted, as_of);
    let (mut recorded_overall, mut recorded_rows) = (None, BTreeMap::new());
    if let Some((at, as_of)) = recorded {
        let facts = recorded::load(conn, &wanted, at, as_of)?;
        let (overall, rows) = sum(&facts, &wanted, as_of);
        (recorded_overall, recorded_rows) = (Some(overall.figures(as_of)), rows);
    }
    let recorded_as_of = recorded.map(|(_, day)| day);
    let rows = rows_of(conn, &wanted, &facts, (rows, as_of), (recorded_rows, recorded_as_of))?;
    Ok(Computed { overall: overall.figures(as_of), recorded_overall, rows })
}

/// The figures of every pairing on a date, by its id.
pub fn of_pairings(conn: &mut Conn, as_of: NaiveDate) -> Result<BTreeMap<i64, Figures>> {
    let wanted = Wanted { programme: None, pairing: None, sector: None, group_by: GroupBy::Pairing };
    let facts = present::load(conn, &wanted, as_of)?;
    let (_, rows) = sum(&facts, &wanted, as_of);
    Ok(rows.into_iter().map(|(id, sums)| (id, sums.figures(as_of))).collect())
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

/// The sums of each group, and of all once.
fn sum(facts: &Facts, wanted: &Wanted, as_of: NaiveDate) -> (Sums, BTreeMap<i64, Sums>) {
    let mut overall = Sums::default();
    // What has nothing to count has a row, too: that nothing was agreed is worth knowing.
    let mut groups: BTreeMap<i64, Sums> =
        facts.subjects(wanted, as_of).into_iter().map(|id| (id, Sums::default())).collect();
    facts.each(wanted, as_of, |what, in_overall, of_groups| {
        if in_overall {
            overall.add(&what);
        }
        for group in of_groups {
            groups.entry(group).or_default().add(&what);
        }
    });
    (overall, groups)
}

/// The rows of what stands now or stood then, in the order of their subjects.
fn rows_of(
    conn: &mut Conn,
    wanted: &Wanted,
    facts: &Facts,
    (now, as_of): (BTreeMap<i64, Sums>, NaiveDate),
    (then, recorded_as_of): (BTreeMap<i64, Sums>, Option<NaiveDate>),
) -> Result<Vec<(Key, ScorecardRow)>> {
    let kind = wanted.group_by.kind();
    let mut ids: Vec<i64> = now.keys().chain(then.keys()).copied().collect();
    ids.sort_unstable();
    ids.dedup();
    let pairing_of = |id: i64| match wanted.group_by {
        GroupBy::Agreement => facts.agreements.get(&id).map(|agreement| agreement.pairing),
        GroupBy::Project => facts.projects.get(&id).map(|project| project.pairing),
        _ => None,
    };
    let mut references = References::default();
    for id in &ids {
        references.want(kind, *id);
        references.want(&pairings::KIND, pairing_of(*id));
    }
    references.load(conn)?;
    let nothing = Sums::default();
    ids.into_iter()
        .map(|id| {
            let as_a = |group: GroupBy| (wanted.group_by == group).then(|| references.get(kind, id));
            let recorded = |day| then.get(&id).unwrap_or(&nothing).figures(day);
            let row = ScorecardRow {
                programme: as_a(GroupBy::Programme),
                pairing: as_a(GroupBy::Pairing).or_else(|| references.optional(&pairings::KIND, pairing_of(id))),
                sector: as_a(GroupBy::Sector),
                agreement: as_a(GroupBy::Agreement),
                project: as_a(GroupBy::Project),
                member: as_a(GroupBy::Member),
                figures: now.get(&id).unwrap_or(&nothing).figures(as_of),
                recorded: recorded_as_of.map(recorded),
            };
            Ok((Key { value: format!("{id:019}"), id }, row))
        })
        .collect()
}
