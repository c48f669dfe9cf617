//! The scorecard: how pairings, sectors or agreements stand on a date, and all of them together.
//!
//! Sums are taken once an agreement and rolled up from there, so that every grouping follows the one rule. An agreement
//! in several sectors counts in each of them; in `overall` it counts once.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, get};
use chrono::NaiveDate;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use crate::db::page::{Key, KeyValue};
use crate::db::reference::{Kind, Reference, References};
use crate::db::schema::{agreement_sectors, agreements as agreements_table, pairings as pairings_table};
use crate::db::types::Ref;
use crate::db::{Conn, MultiBackend};
use crate::error::{Faults, Result};
use crate::figures::tally::{self, Figures, Tally};
use crate::http::list::{AsOf, PageParams};
use crate::http::{Call, typed};
use crate::resources::{agreements, pairings, programmes, sectors};
use crate::{links, text_enum};

text_enum! {
    /// What a scorecard has a row for.
    GroupBy as "ScorecardGroup" {
        /// A row a pairing.
        Pairing => "pairing",
        /// A row a sector.
        Sector => "sector",
        /// A row an agreement.
        Agreement => "agreement",
    }
}

/// What a scorecard covers.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ScorecardFilter {
    /// Of this programme.
    pub programme: Option<Ref>,
    /// Of this pairing.
    pub pairing: Option<Ref>,
    /// Of agreements in this field of cooperation.
    pub sector: Option<Ref>,
    /// What the rows are; `pairing` unless given.
    #[param(inline)]
    pub group_by: Option<GroupBy>,
}

/// How things stand on a date.
#[derive(Debug, Serialize, ToSchema)]
pub struct Scorecard {
    /// The date that the figures hold for.
    pub as_of: NaiveDate,
    /// All that the filter covers, each milestone once.
    pub overall: Figures,
    /// A row each, in the order of their ids.
    pub items: Vec<ScorecardRow>,
    /// Pass it as `cursor` for the next page; null on the last one.
    pub next_cursor: Option<String>,
    /// How many rows there are; only with `count=true`.
    #[schema(minimum = 0, example = 3)]
    pub total: Option<i64>,
}

/// How one pairing, sector or agreement stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct ScorecardRow {
    /// The pairing; null in rows that are sectors.
    pub pairing: Option<Reference>,
    /// The sector; null in other rows.
    pub sector: Option<Reference>,
    /// The agreement; null in other rows.
    pub agreement: Option<Reference>,
    /// Its figures.
    pub figures: Figures,
}

/// Reads the scorecard.
#[utoipa::path(
    get, path = "/reports/scorecard", operation_id = "getScorecard", tag = "reports",
    summary = "Read the scorecard · 对照表",
    description = "Progress, overdue milestones, days late and on-time rate on `as_of`, a row each pairing, sector or agreement, and overall. \
        An agreement in several sectors counts in each. 截至某日的进度、逾期与按期完成率。",
    params(ScorecardFilter, PageParams, AsOf),
    responses((status = 200, description = "The scorecard.", body = Scorecard))
)]
#[get("/reports/scorecard")]
pub async fn get_scorecard(call: Call) -> Result<HttpResponse> {
    call.answer(|call| {
        let query = call.query("getScorecard")?;
        let filter: ScorecardFilter = typed(&query)?;
        let listing = call.listing("getScorecard", &query)?;
        let as_of = call.view(&query).as_of;
        Ok(move |conn: &mut Conn| {
            let (overall, rows) = compute(conn, &filter, as_of)?;
            let total = listing.page.count.then(|| i64::try_from(rows.len()).unwrap_or(i64::MAX));
            let after = listing.page.after.as_ref().map_or(0, |key| key.id);
            let limit = usize::try_from(listing.page.limit).unwrap_or(usize::MAX);
            let mut rest = rows.into_iter().filter(|(id, _)| *id > after).peekable();
            let page: Vec<(i64, ScorecardRow)> = rest.by_ref().take(limit).collect();
            let next = match (page.last(), rest.peek()) {
                (Some((id, _)), Some(_)) => Some(Key { value: id.to_key(), id: *id }),
                _ => None,
            };
            let items: Vec<ScorecardRow> = page.into_iter().map(|(_, row)| row).collect();
            listing.answer_with(json!({ "as_of": as_of, "overall": overall, "items": items }), next.as_ref(), total)
        })
    })
    .await
}

/// An agreement that the filter covers, and its pairing.
type Covered = (i64, i64);

fn compute(conn: &mut Conn, filter: &ScorecardFilter, as_of: NaiveDate) -> Result<(Figures, Vec<(i64, ScorecardRow)>)> {
    let covered = covered(conn, filter)?;
    let ids: Vec<i64> = covered.iter().map(|(agreement, _)| *agreement).collect();
    let tallies = tally::by_agreement(conn, &ids, as_of)?;
    let mut overall = Tally::default();
    tallies.values().for_each(|tally| overall += tally);

    let mut grouped: BTreeMap<i64, Tally> = BTreeMap::new();
    let mut add = |group: i64, agreement: &i64| {
        let tally = tallies.get(agreement).cloned().unwrap_or_default();
        *grouped.entry(group).or_default() += &tally;
    };
    let group_by = filter.group_by.unwrap_or(GroupBy::Pairing);
    let kind: &'static Kind = match group_by {
        GroupBy::Pairing => {
            covered.iter().for_each(|(agreement, pairing)| add(*pairing, agreement));
            // A pairing without agreements has a row, too: that nothing was agreed is worth knowing.
            for pairing in pairings_covered(conn, filter)? {
                grouped.entry(pairing).or_default();
            }
            &pairings::KIND
        }
        GroupBy::Agreement => {
            covered.iter().for_each(|(agreement, _)| add(*agreement, agreement));
            &agreements::KIND
        }
        GroupBy::Sector => {
            for chunk in ids.chunks(10_000) {
                let links = links!(conn, agreement_sectors, agreement_id in chunk, sector_id);
                links.iter().for_each(|(agreement, sector)| add(*sector, agreement));
            }
            &sectors::KIND
        }
    };

    let pairing_of: BTreeMap<i64, i64> = covered.into_iter().collect();
    let mut references = References::default();
    grouped.keys().for_each(|id| references.want(kind, *id));
    if group_by == GroupBy::Agreement {
        pairing_of.values().for_each(|id| references.want(&pairings::KIND, *id));
    }
    references.load(conn)?;
    let rows = grouped
        .into_iter()
        .map(|(id, tally)| {
            let subject = references.get(kind, id);
            let (pairing, sector, agreement) = match group_by {
                GroupBy::Pairing => (Some(subject), None, None),
                GroupBy::Sector => (None, Some(subject), None),
                GroupBy::Agreement => {
                    (references.optional(&pairings::KIND, pairing_of.get(&id).copied()), None, Some(subject))
                }
            };
            (id, ScorecardRow { pairing, sector, agreement, figures: tally.figures(as_of) })
        })
        .collect();
    Ok((overall.figures(as_of), rows))
}

fn covered(conn: &mut Conn, filter: &ScorecardFilter) -> Result<Vec<Covered>> {
    let mut query = agreements_table::table
        .select((agreements_table::id, agreements_table::pairing_id))
        .into_boxed::<MultiBackend>();
    let (programme, pairing, sector) = filter_ids(conn, filter)?;
    if let Some(id) = programme {
        let of_programme = pairings_table::table.filter(pairings_table::programme_id.eq(id)).select(pairings_table::id);
        query = query.filter(agreements_table::pairing_id.eq_any(of_programme));
    }
    if let Some(id) = pairing {
        query = query.filter(agreements_table::pairing_id.eq(id));
    }
    if let Some(id) = sector {
        let in_sector = agreement_sectors::table.filter(agreement_sectors::sector_id.eq(id));
        query = query.filter(agreements_table::id.eq_any(in_sector.select(agreement_sectors::agreement_id)));
    }
    Ok(query.load(conn)?)
}

/// The pairings that the filter covers whether they have agreements or not; none when it asks for a sector.
fn pairings_covered(conn: &mut Conn, filter: &ScorecardFilter) -> Result<Vec<i64>> {
    let (programme, pairing, sector) = filter_ids(conn, filter)?;
    if sector.is_some() {
        return Ok(Vec::new());
    }
    let mut query = pairings_table::table.select(pairings_table::id).into_boxed::<MultiBackend>();
    if let Some(id) = programme {
        query = query.filter(pairings_table::programme_id.eq(id));
    }
    if let Some(id) = pairing {
        query = query.filter(pairings_table::id.eq(id));
    }
    Ok(query.load(conn)?)
}

/// The ids of programme, pairing and sector, where the filter names them.
fn filter_ids(conn: &mut Conn, filter: &ScorecardFilter) -> Result<(Option<i64>, Option<i64>, Option<i64>)> {
    let ScorecardFilter { programme, pairing, sector, group_by: _ } = filter;
    let mut faults = Faults::default();
    let programme = programmes::KIND.resolve_optional(conn, &mut faults, "/query/programme", programme.as_ref())?;
    let pairing = pairings::KIND.resolve_optional(conn, &mut faults, "/query/pairing", pairing.as_ref())?;
    let sector = sectors::KIND.resolve_optional(conn, &mut faults, "/query/sector", sector.as_ref())?;
    faults.refuse()?;
    Ok((programme, pairing, sector))
}
