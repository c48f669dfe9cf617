//! The pace report: progress of commitments against elapsed time on a date, by pairing, those behind first.

use std::collections::{BTreeSet, HashMap};

use actix_web::{HttpResponse, get};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use crate::db::page::{self, Key, PageRequest};
use crate::db::reference::{Reference, References};
use crate::db::{self, Conn};
use crate::error::{Faults, Result};
use crate::figures::members::{self, Member, Places};
use crate::figures::pace::{Pace, PaceCounts};
use crate::http::list::{AsOf, Page, PageParams};
use crate::http::{Call, typed};
use crate::model::decimal::QuantityTotal;
use crate::model::types::Ref;
use crate::record::{self, ReadContext, Resource};
use crate::resources::agreements::parties;
use crate::resources::commitments::Commitments;
use crate::resources::commitments::api::{Commitment, CommitmentFilter, Indicator, Sort};
use crate::resources::pairings::Role;
use crate::resources::regions;

/// Filter parameters of the report.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PaceFilter {
    /// Only commitments of this programme.
    pub programme: Option<Ref>,
    /// Only commitments of this pairing.
    pub pairing: Option<Ref>,
    /// Only commitments of this agreement.
    pub agreement: Option<Ref>,
    /// Only commitments in this sector.
    pub sector: Option<Ref>,
    /// Only commitments for which this organization is responsible.
    pub responsible: Option<Ref>,
    /// Only commitments that count for this member of a pairing.
    pub member: Option<Ref>,
    /// Only commitments with one of these paces; repeat the parameter for several.
    #[serde(default)]
    pub pace: Vec<Pace>,
}

/// A commitment and its pace.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaceRow {
    /// The commitment.
    pub commitment: Reference,
    /// The agreement that contains it.
    pub agreement: Reference,
    /// The pairing of that agreement.
    pub pairing: Reference,
    /// The recipient members that it counts for.
    pub recipients: Vec<Reference>,
    /// The responsible organizations.
    pub responsible: Vec<Reference>,
    /// The sector.
    pub sector: Option<Reference>,
    /// The indicator; null if the commitment is assessed in words.
    pub indicator: Option<Indicator>,
    /// Its last day, else that of its agreement; null if neither has one.
    pub due_on: Option<NaiveDate>,
    /// Actual value of the indicator; null if unknown.
    pub actual: Option<QuantityTotal>,
    /// Completion in percent; null if unknown.
    #[schema(example = 41.67)]
    pub completion: Option<f64>,
    /// Elapsed share of its period that completion is compared with, in percent; null if it has no period.
    #[schema(minimum = 0, maximum = 100, example = 49.59)]
    pub expected: Option<f64>,
    /// The pace.
    pub pace: Pace,
    /// Last day of the last approved period; null if there is none.
    pub reported_to: Option<NaiveDate>,
}

/// The pace report on a date.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaceList {
    /// The date of the report.
    pub as_of: NaiveDate,
    /// Number of commitments by pace, over all that match the other filters, regardless of `pace`.
    pub counts: PaceCounts,
    /// The commitments of this page, ordered by pairing, those furthest behind first.
    pub items: Vec<PaceRow>,
    /// Pass as `cursor` to get the next page; null on the last page.
    pub next_cursor: Option<String>,
    /// Number of rows; present only with `count=true`.
    #[schema(minimum = 0, example = 2)]
    pub total: Option<i64>,
}

/// Reads the pace report.
#[utoipa::path(
    get, path = "/reports/pace", operation_id = "getPaceReport", tag = "reports",
    summary = "Read how the commitments keep pace · 序时进度表",
    description = "Completion of every commitment on `as_of` against the share of its period that has passed, pairing by pairing, those \
        behind first. `pace=behind` shows these alone. 截至某日各协议事项的完成率与序时进度，滞后者在前。",
    params(PaceFilter, PageParams, AsOf),
    responses((status = 200, description = "The report.", body = PaceList))
)]
#[get("/reports/pace")]
pub async fn get_pace(call: Call) -> Result<HttpResponse> {
    call.reads_records().list("getPaceReport", |call, query, _| {
        let filter: PaceFilter = typed(query)?;
        let view = call.view(query);
        Ok(move |conn: &mut Conn, page: &PageRequest| {
            let (counts, (items, next, total)) =
                // Without a snapshot, concurrent changes could be counted twice or not at all.
                db::in_snapshot(conn, |conn| compute(conn, filter.clone(), view, page))?;
            Ok(Page::cut(items, next, total).beside(json!({ "as_of": view.as_of, "counts": counts })))
        })
    })
    .await
}

/// The rows of a page, the key of the next one, and the count of all where it is asked for.
type Rows = (Vec<PaceRow>, Option<Key>, Option<i64>);

/// Counts the commitments that the filter covers, and reads those of a page. All of them have to be computed to know their
/// order; no more than their keys are in memory at a time.
fn compute(conn: &mut Conn, filter: PaceFilter, view: ReadContext, page: &PageRequest) -> Result<(PaceCounts, Rows)> {
    let PaceFilter { programme, pairing, agreement, sector, responsible, member, pace } = filter;
    let mut faults = Faults::default();
    let member = regions::KIND.resolve_optional(conn, &mut faults, "/query/member", member.as_ref())?;
    let covered = CommitmentFilter {
        programme,
        pairing,
        agreement,
        sector,
        responsible,
        sort: Some(Sort::Id),
        ..CommitmentFilter::default()
    };
    let places = Places::load(conn)?;
    let mut counts = PaceCounts::default();
    let mut keys: Vec<(Key, i64)> = Vec::new();
    let visited = record::each_page::<Commitments>(conn, &covered, view, |conn, commitments| {
        let concerned = member.map(|_| Concerned::load(conn, &commitments, &places)).transpose()?;
        for commitment in commitments {
            let counts_for = |member: i64| {
                concerned.as_ref().is_none_or(|concerned| concerned.of(&commitment, view.as_of).contains(&member))
            };
            if member.is_some_and(|member| !counts_for(member)) {
                continue;
            }
            counts += commitment.pace;
            if pace.is_empty() || pace.contains(&commitment.pace) {
                keys.push((key(&commitment), commitment.id));
            }
        }
        Ok(())
    });
    if let (Err(error), _) | (_, Err(error)) = (visited, faults.refuse()) {
        return Err(error);
    }
    keys.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    let (ids, next, total) = page::cut_computed(keys, page);
    let commitments = Commitments::load(conn, &ids, view)?;
    let concerned = Concerned::load(conn, &commitments, &places)?;
    let references = concerned.references(conn)?;
    let rows = commitments.into_iter().map(|commitment| {
        let recipients = concerned.recipients(&commitment, view.as_of);
        let recipients = recipients.into_iter().map(|id| references.get(&regions::KIND, id)).collect();
        row(commitment, recipients)
    });
    Ok((counts, (rows.collect(), next, total)))
}

/// The place of a commitment: by pairing, those behind first, by how far it is behind.
fn key(commitment: &Commitment) -> Key {
    let rank = match commitment.pace {
        Pace::Behind => 0,
        Pace::Unknown => 1,
        Pace::OnTrack => 2,
        Pace::Ahead => 3,
    };
    let gap = commitment.completion.unwrap_or_default() - commitment.expected.unwrap_or_default();
    // As text in the order of numbers: shifted above zero, in hundredths, with as many digits as the largest.
    #[expect(clippy::cast_possible_truncation, reason = "bounded just before")]
    let gap = (gap.clamp(-1e12, 1e12) * 100.0).round() as i64 + 100_000_000_000_000;
    Key { value: format!("{:019} {rank} {gap:015}", commitment.pairing.id), id: commitment.id }
}

fn row(commitment: Commitment, recipients: Vec<Reference>) -> PaceRow {
    PaceRow {
        commitment: Reference { id: commitment.id, code: commitment.code.map(|code| code.0), name: commitment.text },
        agreement: commitment.agreement,
        pairing: commitment.pairing,
        recipients,
        responsible: commitment.responsible,
        sector: commitment.sector,
        indicator: commitment.indicator,
        due_on: commitment.period_to_on,
        actual: commitment.actual,
        completion: commitment.completion,
        expected: commitment.expected,
        pace: commitment.pace,
        reported_to: commitment.reported_to,
    }
}

/// The members that commitments count for.
struct Concerned {
    members: HashMap<i64, Vec<Member>>,
    named: HashMap<i64, BTreeSet<i64>>,
}

impl Concerned {
    fn load(conn: &mut Conn, commitments: &[Commitment], places: &Places) -> Result<Concerned> {
        let pairings: BTreeSet<i64> = commitments.iter().map(|one| one.pairing.id).collect();
        let agreements: BTreeSet<i64> = commitments.iter().map(|one| one.agreement.id).collect();
        let members = members::of_pairings(conn, &pairings.into_iter().collect::<Vec<_>>())?;
        let named = parties::named_regions(conn, &agreements.into_iter().collect::<Vec<_>>(), places)?;
        Ok(Concerned { members, named })
    }

    fn references(&self, conn: &mut Conn) -> Result<References> {
        let mut references = References::default();
        self.members.values().flatten().for_each(|member| references.want(&regions::KIND, member.region));
        references.load(conn)?;
        Ok(references)
    }

    /// All members that a commitment counts for: on its last day, or on `as_of` where it has none.
    fn of(&self, commitment: &Commitment, as_of: NaiveDate) -> BTreeSet<i64> {
        let none = BTreeSet::new();
        let named = self.named.get(&commitment.agreement.id).unwrap_or(&none);
        members::concerned(self.members(commitment), named, commitment.period_to_on.unwrap_or(as_of))
    }

    /// Those of them that are recipients, in the order of the pairing's members.
    fn recipients(&self, commitment: &Commitment, as_of: NaiveDate) -> Vec<i64> {
        let all = self.of(commitment, as_of);
        // A region that left and rejoined has several memberships.
        let mut seen = BTreeSet::new();
        self.members(commitment)
            .iter()
            .filter(|member| member.role == Role::Recipient && all.contains(&member.region))
            .map(|member| member.region)
            .filter(|region| seen.insert(*region))
            .collect()
    }

    fn members(&self, commitment: &Commitment) -> &[Member] {
        self.members.get(&commitment.pairing.id).map_or(&[][..], Vec::as_slice)
    }
}
