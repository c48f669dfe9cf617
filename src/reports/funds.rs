//! The funds report: what was pledged, committed, disbursed and spent up to a date, by fund, pairing, sector or year.
//!
//! An entry is split among the sectors of its project by their shares, exact to the fen; a sector filter keeps only the
//! parts of that sector. In `overall` every entry counts once.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, get};
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
use crate::resources::transactions::api::TransactionFilter;
use crate::resources::transactions::booked::{self, Shares};
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
#[get("/reports/funds")]
pub async fn get_funds_report(call: Call) -> Result<HttpResponse> {
    call.reads_records().list("getFundsReport", |call, query, _| {
        let filter: FundsFilter = typed(query)?;
        let as_of = call.view(query).as_of;
        Ok(move |conn: &mut Conn, page: &PageRequest| {
            // Without a snapshot, concurrent changes could be counted twice or not at all.
            let Computed { overall, rows } = db::in_snapshot(conn, |conn| compute(conn, &filter, as_of))?;
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

fn compute(conn: &mut Conn, filter: &FundsFilter, as_of: NaiveDate) -> Result<Computed> {
    let group_by = filter.group_by.unwrap_or(GroupBy::Fund);
    let (entries, sector) = narrowed(conn, filter)?;
    let needs_sectors = sector.is_some() || group_by == GroupBy::Sector;

    let mut overall: BTreeMap<String, Sums> = BTreeMap::new();
    let mut groups: BTreeMap<Group, Sums> = BTreeMap::new();
    booked::each(conn, &entries, as_of, |conn, entries| {
        let shares = if needs_sectors { booked::shares(conn, &entries)? } else { Shares::new() };
        for one in &entries {
            let mut parts = if needs_sectors { one.by_sector(&shares) } else { vec![(None, one.entry)] };
            parts.retain(|(of, _)| sector.is_none() || *of == sector);
            for (of, entry) in &parts {
                let subject = match group_by {
                    GroupBy::Fund => one.fund_id,
                    GroupBy::Pairing => one.pairing_id,
                    GroupBy::Sector => *of,
                    GroupBy::Year => Some(i64::from(entry.value_on.year())),
                };
                groups.entry((subject.unwrap_or(NOTHING), one.currency.clone())).or_default().add(entry);
            }
            if !parts.is_empty() {
                let amount = parts.iter().map(|(_, part)| part.amount).sum();
                overall.entry(one.currency.clone()).or_default().add(&Entry { amount, ..one.entry });
            }
        }
        Ok(())
    })?;

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

/// Returns the filter for entries and the sector to restrict their parts to.
fn narrowed(conn: &mut Conn, filter: &FundsFilter) -> Result<(TransactionFilter, Option<i64>)> {
    let FundsFilter { programme, pairing, fund, sector, project, group_by: _ } = filter;
    let mut faults = Faults::default();
    let mut known = |kind: &Kind, pointer: &str, reference: &Option<Ref>| {
        kind.resolve_optional(conn, &mut faults, pointer, reference.as_ref())
    };
    let by_id = |id: Option<i64>| id.map(|id| Ref(id.to_string()));
    let entries = TransactionFilter {
        programme: by_id(known(&programmes::KIND, "/query/programme", programme)?),
        pairing: by_id(known(&pairings::KIND, "/query/pairing", pairing)?),
        fund: by_id(known(&funds::KIND, "/query/fund", fund)?),
        project: by_id(known(&projects::KIND, "/query/project", project)?),
        ..TransactionFilter::default()
    };
    let sector = known(&sectors::KIND, "/query/sector", sector)?;
    faults.refuse()?;
    Ok((entries, sector))
}
