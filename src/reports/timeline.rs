//! The timeline: all dated records of pairings in one list: agreements, conferences and their resolutions, commitments,
//! projects, milestones as planned and as met, exchanges.
//!
//! Each date column is a source, read in order from the start of the page; the page contains the first dates over all
//! sources.

use actix_web::HttpResponse;
use chrono::NaiveDate;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use crate::db::page::{Key, KeyValue, PageRequest, key_value};
use crate::db::reference::{Kind, Reference, References};
use crate::db::schema::{agreement_sectors, project_sectors};
use crate::db::{Conn, MultiBackend};
use crate::error::{Error, Faults, Result};
use crate::http::list::{Page, PageParams};
use crate::http::{Call, typed};
use crate::model::types::Ref;
use crate::resources::milestones::filter::in_sector;
use crate::resources::{
    agreements, commitments, conferences, exchanges, milestones, pairings, programmes, projects, resolutions, sectors,
};
use crate::text_enum;

text_enum! {
    /// What happens on a day of a timeline.
    TimelineEvent as "TimelineEvent" {
        /// 签署: an agreement is signed.
        Signed => "signed",
        /// 生效: an agreement comes into force.
        Effective => "effective",
        /// 到期: an agreement's last day.
        Expires => "expires",
        /// 中止或终止: an agreement is suspended or terminated.
        StatusChanged => "status_changed",
        /// 召开: a conference is held.
        Held => "held",
        /// 计划到期日: a milestone was due at first.
        BaselineDue => "baseline_due",
        /// 到期: a milestone, a commitment or a resolution is due.
        Due => "due",
        /// 完成: a milestone is met, a resolution done.
        Done => "done",
        /// 计划开始: an exchange or a project is to begin.
        PlannedStart => "planned_start",
        /// 计划结束: an exchange or a project is to end.
        PlannedEnd => "planned_end",
        /// 实际开始: an exchange or a project began.
        ActualStart => "actual_start",
        /// 实际结束: an exchange or a project ended.
        ActualEnd => "actual_end",
    }
}

/// Filter parameters of the timeline.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TimelineFilter {
    /// Only records of this programme.
    pub programme: Option<Ref>,
    /// Only records of this pairing.
    pub pairing: Option<Ref>,
    /// Only agreements, commitments, projects and milestones in this sector.
    pub sector: Option<Ref>,
    /// Only these kinds of events; repeat the parameter for several.
    #[serde(default)]
    pub event: Vec<TimelineEvent>,
    /// Only events on this date or later.
    pub from: Option<NaiveDate>,
    /// Only events on this date or earlier.
    pub to: Option<NaiveDate>,
    /// The date up to which events are past. Default: today in the service's time zone.
    #[param(value_type = Option<String>, format = Date, example = "2022-12-31")]
    pub as_of: Option<NaiveDate>,
}

/// One event on one day. Exactly one of the record references is not null.
#[derive(Debug, Serialize, ToSchema)]
pub struct TimelineRow {
    /// The date of the event.
    pub on: NaiveDate,
    /// The kind of event.
    pub event: TimelineEvent,
    /// Whether the date is on or before `as_of`.
    pub is_past: bool,
    /// The pairing that it belongs to.
    pub pairing: Reference,
    /// The agreement.
    pub agreement: Option<Reference>,
    /// The conference.
    pub conference: Option<Reference>,
    /// The resolution.
    pub resolution: Option<Reference>,
    /// The commitment.
    pub commitment: Option<Reference>,
    /// The project.
    pub project: Option<Reference>,
    /// The milestone.
    pub milestone: Option<Reference>,
    /// The exchange.
    pub exchange: Option<Reference>,
}

/// A page of the timeline.
#[derive(Debug, Serialize, ToSchema)]
pub struct TimelineList {
    /// The date up to which events are past.
    pub as_of: NaiveDate,
    /// The events of this page, ordered by date.
    pub items: Vec<TimelineRow>,
    /// Pass as `cursor` to get the next page; null on the last page.
    pub next_cursor: Option<String>,
    /// Number of events; present only with `count=true`.
    #[schema(minimum = 0, example = 12)]
    pub total: Option<i64>,
}

/// Reads the timeline.
#[utoipa::path(
    get, path = "/reports/timeline", operation_id = "getTimeline", tag = "reports",
    summary = "Read a timeline · 时间轴",
    description = "Everything dated on one axis, for one pairing or for many: agreements, conferences and resolutions, commitments, \
        projects, milestones as planned and as met, exchanges. 结对关系的协议、会议、里程碑、项目与人才交流等全部日期。",
    params(TimelineFilter, PageParams),
    responses((status = 200, description = "A page of the timeline.", body = TimelineList))
)]
pub async fn get_timeline(call: Call) -> Result<HttpResponse> {
    call.list("getTimeline", |call, query, _| {
        let filter: TimelineFilter = typed(query)?;
        let as_of = call.view(query).as_of;
        Ok(move |conn: &mut Conn, request: &PageRequest| {
            let scope = Scope::resolve(conn, &filter)?;
            let (dates, next, total) = page(conn, &scope, request)?;
            let items = rows(conn, dates, as_of)?;
            Ok(Page::cut(items, next, total).beside(json!({ "as_of": as_of })))
        })
    })
    .await
}

/// What the filter covers, by ids.
struct Scope<'a> {
    filter: &'a TimelineFilter,
    pairings: Option<Vec<i64>>,
    sector: Option<i64>,
}

impl Scope<'_> {
    fn resolve<'a>(conn: &mut Conn, filter: &'a TimelineFilter) -> Result<Scope<'a>> {
        use crate::db::schema::pairings as p;
        let TimelineFilter { programme, pairing, sector, event: _, from: _, to: _, as_of: _ } = filter;
        let mut faults = Faults::default();
        let programme = programmes::KIND.resolve_optional(conn, &mut faults, "/query/programme", programme.as_ref())?;
        let pairing = pairings::KIND.resolve_optional(conn, &mut faults, "/query/pairing", pairing.as_ref())?;
        let sector = sectors::KIND.resolve_optional(conn, &mut faults, "/query/sector", sector.as_ref())?;
        faults.refuse()?;
        let mut of_scope = p::table.select(p::id).into_boxed::<MultiBackend>();
        if let Some(id) = programme {
            of_scope = of_scope.filter(p::programme_id.eq(id));
        }
        if let Some(id) = pairing {
            of_scope = of_scope.filter(p::id.eq(id));
        }
        let is_narrowed = programme.is_some() || pairing.is_some();
        let pairings = if is_narrowed { Some(of_scope.load(conn)?) } else { None };
        Ok(Scope { filter, pairings, sector })
    }
}

/// One date of one record.
struct Dated {
    on: NaiveDate,
    /// The source's place among the sources, which orders what happens on one day.
    source: usize,
    id: i64,
    pairing: i64,
    event: TimelineEvent,
    kind: &'static Kind,
}

impl Dated {
    fn key(&self) -> Key {
        Key { value: Place { on: self.on, source: self.source }.to_key(), id: self.id }
    }
}

/// The place of a date: its day, and on that day its source.
struct Place {
    on: NaiveDate,
    source: usize,
}

impl KeyValue for Place {
    fn to_key(&self) -> String {
        format!("{} {:02}", self.on, self.source)
    }
    fn from_key(text: &str) -> Option<Place> {
        let (on, source) = text.split_once(' ')?;
        Some(Place { on: on.parse().ok()?, source: source.parse().ok()? })
    }
}

/// Where a page begins: after this place and id.
type After = (Place, i64);

/// Reads a source: the dates of one column, in order, as many as a page can need; and counts all where it is asked to.
///
/// `source!(conn, scope, page, after, found, 6, Due, commitments.due_on, in sector |sector| …)` expands to the query of
/// `commitments` by `due_on`, with the conditions of the filter, and appends its rows to `found.dates` as source 6. A function
/// would need the type of each table, of its columns and of the condition as parameters.
macro_rules! source {
    ($conn:ident, $scope:ident, $page:ident, $after:ident, $found:ident, $number:expr, $event:ident,
     $table:ident.$column:ident $(, where $condition:expr)? $(, in sector |$in:ident| $in_sector:expr)?) => {{
        use crate::db::schema::$table as t;
        let wanted = &$scope.filter.event;
        if wanted.is_empty() || wanted.contains(&TimelineEvent::$event) {
            let narrowed = || {
                let mut query = t::table.filter(t::$column.is_not_null()).into_boxed::<MultiBackend>();
                $(query = query.filter($condition);)?
                if let Some(pairings) = &$scope.pairings {
                    query = query.filter(t::pairing_id.eq_any(pairings));
                }
                if let Some(from) = $scope.filter.from {
                    query = query.filter(t::$column.ge(from));
                }
                if let Some(to) = $scope.filter.to {
                    query = query.filter(t::$column.le(to));
                }
                source!(@sector query, $scope $(, $in, $in_sector)?)
            };
            if let Some(query) = narrowed() {
                if $page.count {
                    $found.total += query.count().get_result::<i64>($conn)?;
                }
            }
            if let Some(mut query) = narrowed() {
                if let Some((Place { on, source }, id)) = $after {
                    query = match $number.cmp(source) {
                        std::cmp::Ordering::Less => query.filter(t::$column.gt(on)),
                        std::cmp::Ordering::Equal => {
                            query.filter(t::$column.gt(on).or(t::$column.eq(on).and(t::id.gt(id))))
                        }
                        std::cmp::Ordering::Greater => query.filter(t::$column.ge(on)),
                    };
                }
                let rows: Vec<(i64, i64, Option<NaiveDate>)> = query
                    .order((t::$column, t::id))
                    .limit($page.limit + 1)
                    .select((t::id, t::pairing_id, t::$column.nullable()))
                    .load($conn)?;
                let dated = rows.into_iter().filter_map(|(id, pairing, on)| {
                    let (event, kind) = (TimelineEvent::$event, &$table::KIND);
                    Some(Dated { on: on?, source: $number, id, pairing, event, kind })
                });
                $found.dates.extend(dated);
            }
        }
    }};
    // What has no sector is in none.
    (@sector $query:ident, $scope:ident) => { $scope.sector.is_none().then_some($query) };
    (@sector $query:ident, $scope:ident, $in:ident, $in_sector:expr) => {
        match $scope.sector {
            None => Some($query),
            Some($in) => Some($query.filter($in_sector)),
        }
    };
}

/// The ids of the agreements in a sector, as a subquery.
#[diesel::dsl::auto_type(no_type_alias)]
fn agreements_in(sector: i64) -> _ {
    agreement_sectors::table.filter(agreement_sectors::sector_id.eq(sector)).select(agreement_sectors::agreement_id)
}

/// The ids of the projects in a sector, as a subquery.
#[diesel::dsl::auto_type(no_type_alias)]
fn projects_in(sector: i64) -> _ {
    project_sectors::table.filter(project_sectors::sector_id.eq(sector)).select(project_sectors::project_id)
}

#[derive(Default)]
struct Found {
    dates: Vec<Dated>,
    total: i64,
}

/// The dates of a page, the next page's key, and the count of all where it is asked for.
fn page(conn: &mut Conn, scope: &Scope<'_>, page: &PageRequest) -> Result<(Vec<Dated>, Option<Key>, Option<i64>)> {
    let after = page.after.as_ref().map(|key| Ok::<After, Error>((key_value(key)?, key.id))).transpose()?;
    let after = &after;
    let mut found = Found::default();
    agreements_and_meetings(conn, scope, page, after, &mut found)?;
    work(conn, scope, page, after, &mut found)?;
    let Found { mut dates, total } = found;
    dates.sort_by_key(|one| (one.on, one.source, one.id));
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let more = dates.len() > limit;
    dates.truncate(limit);
    let next = dates.last().filter(|_| more).map(Dated::key);
    Ok((dates, next, page.count.then_some(total)))
}

fn agreements_and_meetings(
    conn: &mut Conn,
    scope: &Scope<'_>,
    page: &PageRequest,
    after: &Option<After>,
    found: &mut Found,
) -> Result<()> {
    source!(conn, scope, page, after, found, 0, Signed, agreements.signed_on,
        in sector |sector| t::id.eq_any(agreements_in(sector)));
    source!(conn, scope, page, after, found, 1, Effective, agreements.effective_on,
        in sector |sector| t::id.eq_any(agreements_in(sector)));
    source!(conn, scope, page, after, found, 2, StatusChanged, agreements.status_on,
        where t::status.eq_any([agreements::Status::Suspended, agreements::Status::Terminated]),
        in sector |sector| t::id.eq_any(agreements_in(sector)));
    source!(conn, scope, page, after, found, 3, Held, conferences.held_on, where t::status.ne(conferences::Status::Cancelled));
    source!(conn, scope, page, after, found, 4, Due, resolutions.due_on);
    source!(conn, scope, page, after, found, 5, Done, resolutions.done_on);
    source!(conn, scope, page, after, found, 6, Due, commitments.due_on,
        in sector |sector| t::sector_id.eq(sector).or(t::sector_id.is_null().and(t::agreement_id.eq_any(agreements_in(sector))).nullable()));
    Ok(())
}

fn work(
    conn: &mut Conn,
    scope: &Scope<'_>,
    page: &PageRequest,
    after: &Option<After>,
    found: &mut Found,
) -> Result<()> {
    source!(conn, scope, page, after, found, 7, PlannedStart, projects.planned_start_on,
        in sector |sector| t::id.eq_any(projects_in(sector)));
    source!(conn, scope, page, after, found, 8, ActualStart, projects.actual_start_on,
        in sector |sector| t::id.eq_any(projects_in(sector)));
    source!(conn, scope, page, after, found, 9, BaselineDue, milestones.baseline_due_on, in sector |sector| in_sector(sector));
    source!(conn, scope, page, after, found, 10, Due, milestones.due_on, in sector |sector| in_sector(sector));
    source!(conn, scope, page, after, found, 11, Done, milestones.met_on, in sector |sector| in_sector(sector));
    source!(conn, scope, page, after, found, 12, PlannedStart, exchanges.planned_start_on);
    source!(conn, scope, page, after, found, 13, ActualStart, exchanges.actual_start_on);
    source!(conn, scope, page, after, found, 14, PlannedEnd, exchanges.planned_end_on);
    source!(conn, scope, page, after, found, 15, ActualEnd, exchanges.actual_end_on);
    source!(conn, scope, page, after, found, 16, PlannedEnd, projects.planned_end_on,
        in sector |sector| t::id.eq_any(projects_in(sector)));
    source!(conn, scope, page, after, found, 17, ActualEnd, projects.actual_end_on,
        in sector |sector| t::id.eq_any(projects_in(sector)));
    source!(conn, scope, page, after, found, 18, Expires, agreements.expires_on,
        in sector |sector| t::id.eq_any(agreements_in(sector)));
    Ok(())
}

fn rows(conn: &mut Conn, dates: Vec<Dated>, as_of: NaiveDate) -> Result<Vec<TimelineRow>> {
    let mut references = References::default();
    for one in &dates {
        references.want(&pairings::KIND, one.pairing);
        references.want(one.kind, one.id);
    }
    references.load(conn)?;
    let row = |one: Dated| {
        let as_a = |kind: &'static Kind| std::ptr::eq(one.kind, kind).then(|| references.get(kind, one.id));
        TimelineRow {
            on: one.on,
            event: one.event,
            is_past: one.on <= as_of,
            pairing: references.get(&pairings::KIND, one.pairing),
            agreement: as_a(&agreements::KIND),
            conference: as_a(&conferences::KIND),
            resolution: as_a(&resolutions::KIND),
            commitment: as_a(&commitments::KIND),
            project: as_a(&projects::KIND),
            milestone: as_a(&milestones::KIND),
            exchange: as_a(&exchanges::KIND),
        }
    };
    Ok(dates.into_iter().map(row).collect())
}
