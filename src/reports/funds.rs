//! The funds report: what was pledged, committed, disbursed and spent up to a date, by fund, pairing, sector or year.
//!
//! An entry is split among the sectors of its project by their shares, exact to the fen; a sector filter keeps only the
//! parts of that sector. In `overall` every entry counts once.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use crate::db::page::{self, Key, PageRequest};
use crate::db::reference::{Kind, Reference, References};
use crate::db::{self, Conn};
use crate::error::{Faults, Result};
use crate::figures::money::{Entry, MoneyFigures, Sums};
use crate::http::list::{AsOf, Page, PageParams};
use crate::http::{Call, typed};
use crate::model::types::Ref;
use crate::reports::facts::FactStore;
use crate::reports::facts::state::State;
use crate::resources::transactions::api::TransactionFilter;
use crate::resources::transactions::booked::{self, Booked, Shares};
use crate::resources::{funds, pairings, programmes, projects, sectors};
use crate::text_enum;

/// Subject of entries without one; sorts after every id.
const NOTHING: i64 = i64::MAX;

text_enum! {
    /// Grouping of the rows of a funds report.
    GroupBy as "FundsGroup" {
        /// One row per fund and currency.
        Fund => "fund",
        /// One row per pairing and currency.
        Pairing => "pairing",
        /// One row per sector and currency.
        Sector => "sector",
        /// One row per year of the value date and currency.
        Year => "year",
    }
}

/// Filter parameters of the funds report.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FundsFilter {
    /// Only entries of the pairings or funds of this programme.
    pub programme: Option<Ref>,
    /// Only entries for this pairing.
    pub pairing: Option<Ref>,
    /// Only entries of this fund.
    pub fund: Option<Ref>,
    /// Only the parts for this sector.
    pub sector: Option<Ref>,
    /// Only entries for this project.
    pub project: Option<Ref>,
    /// Grouping of the rows. Default: `fund`.
    #[param(inline)]
    pub group_by: Option<GroupBy>,
}

/// Funds up to a date.
#[derive(Debug, Serialize, ToSchema)]
pub struct FundsReport {
    /// The date of the report; later entries are excluded.
    pub as_of: NaiveDate,
    /// Totals over all matching entries, each counted once; one item per currency.
    pub overall: Vec<MoneyFigures>,
    /// One item per subject and currency, ordered by id or year; entries without a subject come last.
    pub items: Vec<FundsRow>,
    /// Pass as `cursor` to get the next page; null on the last page.
    pub next_cursor: Option<String>,
    /// Number of rows; present only with `count=true`.
    #[schema(minimum = 0, example = 3)]
    pub total: Option<i64>,
}

/// The money of one fund, pairing, sector or year in one currency; all of these are null for entries without a subject.
#[derive(Debug, Serialize, ToSchema)]
pub struct FundsRow {
    /// The fund; null in other rows.
    pub fund: Option<Reference>,
    /// The pairing; null in other rows.
    pub pairing: Option<Reference>,
    /// The sector; null in other rows.
    pub sector: Option<Reference>,
    /// The year; null in other rows.
    #[schema(minimum = 0, maximum = 9999, example = 2022)]
    pub year: Option<i64>,
    /// Its figures.
    pub figures: MoneyFigures,
}

/// Reads the funds report.
#[utoipa::path(
    get, path = "/reports/funds", operation_id = "getFundsReport", tag = "reports",
    summary = "Read the funds report · 资金报表",
    description = "What was pledged, committed, disbursed and spent up to `as_of`, by fund, pairing, sector or \
        year, a row each currency, and overall. Reversals count against what they reverse; money passed through is \
        counted once. \
        截至某日的承诺、安排、拨付与支出，冲销抵减，过手资金只计一次。",
    params(FundsFilter, PageParams, AsOf),
    responses((status = 200, description = "The funds report.", body = FundsReport))
)]
pub async fn get_funds_report(call: Call) -> Result<HttpResponse> {
    let facts = call.state.parts.get::<FactStore>()?;
    let call = facts.classify(call.reads_records());
    call.list("getFundsReport", |call, query, _| {
        let filter: FundsFilter = typed(query)?;
        let as_of = call.view(query).as_of;
        Ok(move |conn: &mut Conn, page: &PageRequest| {
            let Computed { overall, rows } = match compute_in_memory(conn, &facts, &filter, as_of)? {
                Some(computed) => computed,
                // Without a snapshot, concurrent changes could be counted twice or not at all.
                None => db::in_snapshot(conn, |conn| compute_by_queries(conn, &filter, as_of))?,
            };
            let (items, next, total) = page::cut_computed(rows, page);
            Ok(Page::cut(items, next, total).beside(json!({ "as_of": as_of, "overall": overall })))
        })
    })
    .await
}

/// A subject, [`NOTHING`] where there is none, and a currency.
type Group = (i64, String);

struct Computed {
    overall: Vec<MoneyFigures>,
    /// In the order of their groups.
    rows: Vec<(Key, FundsRow)>,
}

/// Computes the report over the facts in memory; `None` without them.
fn compute_in_memory(
    conn: &mut Conn,
    store: &FactStore,
    filter: &FundsFilter,
    as_of: NaiveDate,
) -> Result<Option<Computed>> {
    if !store.refresh(conn)? {
        return Ok(None);
    }
    let covered = Covered::resolve(conn, filter)?;
    let groups = store.with(|state| {
        let mut groups = Groups::new(filter, &covered);
        for transaction in state.transactions.values() {
            if transaction.booked.entry.value_on <= as_of && covered.contains(state, &transaction.booked) {
                groups.add(&state.booked(transaction), &state.structure.shares);
            }
        }
        groups
    });
    groups.map(|groups| groups.name(conn)).transpose()
}

/// Computes the report by queries.
fn compute_by_queries(conn: &mut Conn, filter: &FundsFilter, as_of: NaiveDate) -> Result<Computed> {
    let covered = Covered::resolve(conn, filter)?;
    let mut groups = Groups::new(filter, &covered);
    booked::each(conn, &covered.filter(), as_of, |conn, entries| {
        let shares = if groups.needs_sectors { booked::shares(conn, &entries)? } else { Shares::new() };
        entries.iter().for_each(|one| groups.add(one, &shares));
        Ok(())
    })?;
    groups.name(conn)
}

/// The sums of the report.
struct Groups {
    group_by: GroupBy,
    sector: Option<i64>,
    needs_sectors: bool,
    overall: BTreeMap<String, Sums>,
    groups: BTreeMap<Group, Sums>,
}

impl Groups {
    fn new(filter: &FundsFilter, covered: &Covered) -> Groups {
        let group_by = filter.group_by.unwrap_or(GroupBy::Fund);
        Groups {
            group_by,
            sector: covered.sector,
            needs_sectors: covered.sector.is_some() || group_by == GroupBy::Sector,
            overall: BTreeMap::new(),
            groups: BTreeMap::new(),
        }
    }

    fn add(&mut self, one: &Booked, shares: &Shares) {
        let mut parts = if self.needs_sectors { one.by_sector(shares) } else { vec![(None, one.entry)] };
        parts.retain(|(of, _)| self.sector.is_none() || *of == self.sector);
        for (of, entry) in &parts {
            let subject = match self.group_by {
                GroupBy::Fund => one.fund_id,
                GroupBy::Pairing => one.pairing_id,
                GroupBy::Sector => *of,
                GroupBy::Year => Some(i64::from(entry.value_on.year())),
            };
            self.groups.entry((subject.unwrap_or(NOTHING), one.currency.clone())).or_default().add(entry);
        }
        if !parts.is_empty() {
            let amount = parts.iter().map(|(_, part)| part.amount).sum();
            self.overall.entry(one.currency.clone()).or_default().add(&Entry { amount, ..one.entry });
        }
    }

    /// Names the subjects of the rows.
    fn name(self, conn: &mut Conn) -> Result<Computed> {
        let Groups { group_by, overall, groups, .. } = self;
        let kind: Option<&'static Kind> = match group_by {
            GroupBy::Fund => Some(&funds::KIND),
            GroupBy::Pairing => Some(&pairings::KIND),
            GroupBy::Sector => Some(&sectors::KIND),
            GroupBy::Year => None,
        };
        let mut references = References::default();
        if let Some(kind) = kind {
            groups.keys().filter(|(id, _)| *id != NOTHING).for_each(|(id, _)| references.want(kind, *id));
        }
        references.load(conn)?;
        let row = |(group, sums): (Group, Sums)| {
            let subject = Some(group.0).filter(|id| *id != NOTHING);
            let named = |of: GroupBy, kind| references.optional(kind, subject.filter(|_| group_by == of));
            let row = FundsRow {
                fund: named(GroupBy::Fund, &funds::KIND),
                pairing: named(GroupBy::Pairing, &pairings::KIND),
                sector: named(GroupBy::Sector, &sectors::KIND),
                year: subject.filter(|_| group_by == GroupBy::Year),
                figures: sums.figures(&group.1),
            };
            let (id, currency) = group;
            (Key { value: format!("{id:019} {currency}"), id }, row)
        };
        Ok(Computed {
            overall: overall.iter().map(|(currency, sums)| sums.figures(currency)).collect(),
            rows: groups.into_iter().map(row).collect(),
        })
    }
}

/// What the filter covers, by ids.
struct Covered {
    programme: Option<i64>,
    pairing: Option<i64>,
    fund: Option<i64>,
    project: Option<i64>,
    /// The sector that the parts of entries are restricted to.
    sector: Option<i64>,
}

impl Covered {
    fn resolve(conn: &mut Conn, filter: &FundsFilter) -> Result<Covered> {
        let FundsFilter { programme, pairing, fund, sector, project, group_by: _ } = filter;
        let mut faults = Faults::default();
        let mut known = |kind: &Kind, pointer: &str, reference: &Option<Ref>| {
            kind.resolve_optional(conn, &mut faults, pointer, reference.as_ref())
        };
        let covered = Covered {
            programme: known(&programmes::KIND, "/query/programme", programme)?,
            pairing: known(&pairings::KIND, "/query/pairing", pairing)?,
            fund: known(&funds::KIND, "/query/fund", fund)?,
            project: known(&projects::KIND, "/query/project", project)?,
            sector: known(&sectors::KIND, "/query/sector", sector)?,
        };
        faults.refuse()?;
        Ok(covered)
    }

    /// The filter for entries.
    fn filter(&self) -> TransactionFilter {
        let by_id = |id: Option<i64>| id.map(|id| Ref(id.to_string()));
        TransactionFilter {
            programme: by_id(self.programme),
            pairing: by_id(self.pairing),
            fund: by_id(self.fund),
            project: by_id(self.project),
            ..TransactionFilter::default()
        }
    }

    /// The same condition on an entry in memory.
    fn contains(&self, state: &State, booked: &Booked) -> bool {
        let is = |wanted: Option<i64>, id: Option<i64>| wanted.is_none() || wanted == id;
        is(self.pairing, booked.pairing_id)
            && is(self.fund, booked.fund_id)
            && is(self.project, booked.project_id)
            && self.programme.is_none_or(|programme| state.is_booked_in(booked, programme))
    }
}
