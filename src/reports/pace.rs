//! The pace report: progress of commitments against elapsed time on a date, by pairing, those behind first.

use std::collections::{BTreeSet, HashMap};

use actix_web::HttpResponse;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use crate::db::page::{self, Key, PageRequest};
use crate::db::reference::{Kind, Reference, References};
use crate::db::{self, Conn};
use crate::error::{Faults, Result};
use crate::figures::members::{self, Member, Places};
use crate::figures::pace::{Pace, PaceCounts, Standing};
use crate::http::list::{AsOf, Page, PageParams};
use crate::http::{Call, typed};
use crate::model::decimal::QuantityTotal;
use crate::model::types::Ref;
use crate::record::{self, ReadContext, Resource};
use crate::reports::facts::FactStore;
use crate::reports::facts::state::{Commitment as Fact, State};
use crate::resources::agreements::parties;
use crate::resources::commitments::Commitments;
use crate::resources::commitments::api::{Commitment, CommitmentFilter, Indicator, Sort};
use crate::resources::pairings::Role;
use crate::resources::{agreements, organizations, pairings, programmes, regions, sectors};

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
pub async fn get_pace(call: Call) -> Result<HttpResponse> {
    let facts = call.state.parts.get::<FactStore>()?;
    let call = facts.classify(call.reads_records());
    call.list("getPaceReport", |call, query, _| {
        let filter: PaceFilter = typed(query)?;
        let view = call.view(query);
        Ok(move |conn: &mut Conn, page: &PageRequest| {
            let request = Request { filter: &filter, view, page };
            let (counts, (items, next, total)) = match request.compute_in_memory(conn, &facts)? {
                Some(computed) => computed,
                // Without a snapshot, concurrent changes could be counted twice or not at all.
                None => db::in_snapshot(conn, |conn| request.compute_by_queries(conn))?,
            };
            Ok(Page::cut(items, next, total).beside(json!({ "as_of": view.as_of, "counts": counts })))
        })
    })
    .await
}

/// The rows of a page, the key of the next one, and the count of all where it is asked for.
type Rows = (Vec<PaceRow>, Option<Key>, Option<i64>);

struct Request<'a> {
    filter: &'a PaceFilter,
    view: ReadContext,
    page: &'a PageRequest,
}

impl Request<'_> {
    /// Counts the commitments that the filter covers over the facts in memory, and reads those of a page; `None` without facts.
    fn compute_in_memory(&self, conn: &mut Conn, store: &FactStore) -> Result<Option<(PaceCounts, Rows)>> {
        if !store.refresh(conn)? {
            return Ok(None);
        }
        // A query explains an unknown reference.
        let Some(covered) = Covered::find(conn, self.filter)? else { return Ok(None) };
        let as_of = self.view.as_of;
        let sorted = store.with(|state| {
            let mut sorted = Sorted::new(&self.filter.pace);
            for (id, commitment) in &state.commitments {
                if let Some(pairing) = covered.pairing_of(state, commitment, as_of) {
                    sorted.add(*id, pairing, &state.standing(commitment, as_of));
                }
            }
            sorted
        });
        let Some(sorted) = sorted else { return Ok(None) };
        let places = store.with(|state| state.structure.places.clone()).unwrap_or_default();
        Ok(Some((sorted.counts, self.rows(conn, sorted, &places)?)))
    }

    /// The same by queries. All commitments have to be computed to know their order; no more than their keys are in memory at a
    /// time.
    fn compute_by_queries(&self, conn: &mut Conn) -> Result<(PaceCounts, Rows)> {
        let PaceFilter { programme, pairing, agreement, sector, responsible, member, pace } = self.filter.clone();
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
        let view = self.view;
        let places = Places::load(conn)?;
        let mut sorted = Sorted::new(&pace);
        let visited = record::each_page::<Commitments>(conn, &covered, view, |conn, commitments| {
            let concerned = member.map(|_| Concerned::load(conn, &commitments, &places)).transpose()?;
            for commitment in commitments {
                let counts_for = |member: i64| {
                    concerned.as_ref().is_none_or(|concerned| concerned.of(&commitment, view.as_of).contains(&member))
                };
                if member.is_none_or(counts_for) {
                    sorted.add(commitment.id, commitment.pairing.id, &standing(&commitment));
                }
            }
            Ok(())
        });
        if let (Err(error), _) | (_, Err(error)) = (visited, faults.refuse()) {
            return Err(error);
        }
        Ok((sorted.counts, self.rows(conn, sorted, &places)?))
    }

    /// Reads the rows of the page.
    fn rows(&self, conn: &mut Conn, sorted: Sorted<'_>, places: &Places) -> Result<Rows> {
        let mut keys = sorted.keys;
        keys.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let (ids, next, total) = page::cut_computed(keys, self.page);
        let commitments = Commitments::load(conn, &ids, self.view)?;
        let concerned = Concerned::load(conn, &commitments, places)?;
        let references = concerned.references(conn)?;
        let rows = commitments.into_iter().map(|commitment| {
            let recipients = concerned.recipients(&commitment, self.view.as_of);
            let recipients = recipients.into_iter().map(|id| references.get(&regions::KIND, id)).collect();
            row(commitment, recipients)
        });
        Ok((rows.collect(), next, total))
    }
}

/// The paces of commitments, and the keys of those that the report lists.
struct Sorted<'a> {
    listed: &'a [Pace],
    counts: PaceCounts,
    keys: Vec<(Key, i64)>,
}

impl Sorted<'_> {
    /// Lists commitments with some paces, or all.
    fn new(listed: &[Pace]) -> Sorted<'_> {
        Sorted { listed, counts: PaceCounts::default(), keys: Vec::new() }
    }

    fn add(&mut self, id: i64, pairing: i64, standing: &Standing) {
        self.counts += standing.pace;
        if self.listed.is_empty() || self.listed.contains(&standing.pace) {
            self.keys.push((key(id, pairing, standing), id));
        }
    }
}

/// What the filter covers, by ids.
struct Covered {
    programme: Option<i64>,
    pairing: Option<i64>,
    agreement: Option<i64>,
    sector: Option<i64>,
    responsible: Option<i64>,
    member: Option<i64>,
}

impl Covered {
    /// Finds the records that the filter refers to; `None` if one of them does not exist.
    fn find(conn: &mut Conn, filter: &PaceFilter) -> Result<Option<Covered>> {
        let PaceFilter { programme, pairing, agreement, sector, responsible, member, pace: _ } = filter;
        let mut is_known = true;
        let mut find = |kind: &Kind, reference: &Option<Ref>| -> Result<Option<i64>> {
            let Some(reference) = reference else { return Ok(None) };
            let found = kind.find(conn, reference)?;
            is_known &= found.is_some();
            Ok(found)
        };
        let covered = Covered {
            programme: find(&programmes::KIND, programme)?,
            pairing: find(&pairings::KIND, pairing)?,
            agreement: find(&agreements::KIND, agreement)?,
            sector: find(&sectors::KIND, sector)?,
            responsible: find(&organizations::KIND, responsible)?,
            member: find(&regions::KIND, member)?,
        };
        Ok(is_known.then_some(covered))
    }

    /// The pairing of a commitment that the filter covers.
    fn pairing_of(&self, state: &State, commitment: &Fact, as_of: NaiveDate) -> Option<i64> {
        let agreement = state.structure.agreements.get(&commitment.agreement)?;
        let pairing = state.structure.pairings.get(&agreement.pairing)?;
        let is = |wanted: Option<i64>, id: i64| wanted.is_none_or(|wanted| wanted == id);
        let counts_for = |member: i64| {
            let day = state.last_day(commitment).unwrap_or(as_of);
            members::concerned(&pairing.members, &agreement.named, day).contains(&member)
        };
        let is_covered = is(self.programme, pairing.programme)
            && is(self.pairing, agreement.pairing)
            && is(self.agreement, commitment.agreement)
            && (self.sector.is_none() || self.sector == commitment.sector)
            && self.responsible.is_none_or(|id| commitment.responsible.contains(&id))
            && self.member.is_none_or(counts_for);
        is_covered.then_some(agreement.pairing)
    }
}

/// The figures of a commitment that was read as a record.
fn standing(commitment: &Commitment) -> Standing {
    Standing {
        actual: commitment.actual,
        completion: commitment.completion,
        expected: commitment.expected,
        pace: commitment.pace,
        reported_to: commitment.reported_to,
    }
}

/// The place of a commitment: by pairing, those behind first, by how far it is behind.
fn key(id: i64, pairing: i64, standing: &Standing) -> Key {
    let rank = match standing.pace {
        Pace::Behind => 0,
        Pace::Unknown => 1,
        Pace::OnTrack => 2,
        Pace::Ahead => 3,
    };
    let gap = standing.completion.unwrap_or_default() - standing.expected.unwrap_or_default();
    // As text in the order of numbers: shifted above zero, in hundredths, with as many digits as the largest.
    #[expect(clippy::cast_possible_truncation, reason = "bounded just before")]
    let gap = (gap.clamp(-1e12, 1e12) * 100.0).round() as i64 + 100_000_000_000_000;
    Key { value: format!("{pairing:019} {rank} {gap:015}"), id }
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
