//! The rows of commitments.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::prelude::*;

use super::api::{Commitment, CommitmentFilter, Indicator, NewCommitment, NewIndicator, Sort};
use super::approved::approved;
use super::{Accumulation, Commitments, Direction};
use crate::access::Scope;
use crate::db::page::{self, PageIds, PageRequest};
use crate::db::reference::{self, References};
use crate::db::schema::{agreements as agreements_table, commitments};
use crate::db::{Conn, MultiBackend};
use crate::error::{Error, Faults, Result};
use crate::figures::pace::{self, Goal};
use crate::model::decimal::Quantity;
use crate::model::sheet::Sheet;
use crate::model::text::Text;
use crate::model::types::{Code, Instant};
use crate::record::{ReadContext, Resource, Tx, citations};
use crate::resources::{agreements, organizations, pairings, sectors};
use crate::{filter, keyset, links, put_links, put_row, record_parts};

#[derive(Queryable, Selectable)]
#[diesel(table_name = commitments)]
struct Row {
    id: i64,
    version: i64,
    created_at: Instant,
    updated_at: Instant,
    #[diesel(embed)]
    values: Values,
}

/// What is written, besides the version and the times.
#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = commitments, treat_none_as_null = true)]
struct Values {
    code: Option<String>,
    pairing_id: i64,
    agreement_id: i64,
    clause: Option<String>,
    text_zh: String,
    text_en: Option<String>,
    sector_id: Option<i64>,
    starts_on: Option<NaiveDate>,
    due_on: Option<NaiveDate>,
    indicator_name: Option<String>,
    indicator_unit: Option<String>,
    indicator_baseline: Option<Quantity>,
    indicator_target: Option<Quantity>,
    indicator_direction: Option<Direction>,
    indicator_accumulation: Option<Accumulation>,
    note: Option<String>,
}

impl Row {
    fn indicator(&self) -> Option<Indicator> {
        Some(Indicator {
            name: self.values.indicator_name.clone(),
            unit: self.values.indicator_unit.clone()?,
            baseline: self.values.indicator_baseline,
            target: self.values.indicator_target,
            direction: self.values.indicator_direction?,
            accumulation: self.values.indicator_accumulation?,
        })
    }

    fn goal(&self) -> Option<Goal> {
        Some(Goal {
            baseline: self.values.indicator_baseline,
            target: self.values.indicator_target,
            direction: self.values.indicator_direction?,
            accumulation: self.values.indicator_accumulation?,
        })
    }
}

impl Resource for Commitments {
    type Read = Commitment;
    type New = NewCommitment;
    type Filter = CommitmentFilter;

    const KIND: &'static reference::Kind = &super::KIND;
    const NEW: &'static str = "NewCommitment";
    const SHEET: Option<&'static Sheet> = Some(&super::sheet::SHEET);
    const COMPUTED: &'static [&'static str] =
        &["period_from_on", "period_to_on", "actual", "completion", "expected", "pace", "reported_to"];

    fn page(conn: &mut Conn, filter: &CommitmentFilter, page: &PageRequest, _: ReadContext) -> Result<PageIds> {
        let filtered = |conn: &mut Conn| -> Result<_> {
            let CommitmentFilter {
                q,
                programme,
                pairing,
                agreement,
                sector,
                responsible,
                due_from,
                due_to,
                updated_since,
                sort: _,
            } = filter;
            let mut faults = Faults::default();
            let mut query = commitments::table.into_boxed::<MultiBackend>();
            filter!(query, conn, faults, commitments:
                text(q),
                programme(programme),
                reference(pairing => pairings.pairing_id),
                reference(agreement => agreements.agreement_id),
                reference(sector => sectors.sector_id),
                linked(responsible => organizations in commitment_responsible(commitment_id, organization_id)),
                from(due_from => due_order),
                to(due_to => due_order),
                since(updated_since),
            );
            // The undated stand last in the order; they are in no range.
            if due_from.is_some() || due_to.is_some() {
                query = query.filter(commitments::due_on.is_not_null());
            }
            faults.refuse()?;
            Ok(query)
        };
        keyset!(conn, page, filter.sort.unwrap_or(Sort::Id), filtered, commitments, {
            Sort::DueOn => asc due_order: NaiveDate,
            Sort::DueOnDesc => desc due_order: NaiveDate,
            Sort::Id => asc id: i64,
            Sort::IdDesc => desc id: i64,
            Sort::UpdatedAt => asc updated_at: Instant,
            Sort::UpdatedAtDesc => desc updated_at: Instant,
        })
    }

    fn load(conn: &mut Conn, ids: &[i64], view: ReadContext) -> Result<Vec<Commitment>> {
        let rows: Vec<Row> =
            commitments::table.filter(commitments::id.eq_any(ids)).select(Row::as_select()).load(conn)?;
        let responsible = links!(conn, commitment_responsible, commitment_id in ids, organization_id);
        let approved = approved(conn, ids)?;
        let terms = terms(conn, &rows.iter().map(|row| row.values.agreement_id).collect::<Vec<_>>())?;

        let mut references = References::default();
        for row in &rows {
            references.want(&pairings::KIND, row.values.pairing_id);
            references.want(&agreements::KIND, row.values.agreement_id);
            references.want(&sectors::KIND, row.values.sector_id);
        }
        responsible.iter().for_each(|(_, id)| references.want(&organizations::KIND, *id));
        references.load(conn)?;

        let mut cited = citations::load(conn, Self::KIND, ids)?;
        Ok(page::in_order(ids, rows, |row| row.id)
            .map(|row| {
                let term = terms.get(&row.values.agreement_id).copied().unwrap_or_default();
                let period_from_on = row.values.starts_on.or(term.from_on);
                let period_to_on = row.values.due_on.or(term.to_on);
                let periods = approved.get(&row.id).map_or(&[][..], Vec::as_slice);
                let standing = pace::standing(row.goal(), period_from_on, period_to_on, periods, view.as_of);
                Commitment {
                    indicator: row.indicator(),
                    id: row.id,
                    code: row.values.code.map(Code),
                    version: row.version,
                    created_at: row.created_at,
                    updated_at: row.updated_at,
                    agreement: references.get(&agreements::KIND, row.values.agreement_id),
                    pairing: references.get(&pairings::KIND, row.values.pairing_id),
                    clause: row.values.clause,
                    text: Text { zh: row.values.text_zh, en: row.values.text_en },
                    sector: references.optional(&sectors::KIND, row.values.sector_id),
                    responsible: references.linked(&organizations::KIND, &responsible, row.id),
                    starts_on: row.values.starts_on,
                    due_on: row.values.due_on,
                    note: row.values.note,
                    citations: cited.remove(&row.id).unwrap_or_default(),
                    period_from_on,
                    period_to_on,
                    actual: standing.actual,
                    completion: standing.completion,
                    expected: standing.expected,
                    pace: standing.pace,
                    reported_to: standing.reported_to,
                }
            })
            .collect())
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Commitment)>, new: NewCommitment) -> Result<i64> {
        let NewCommitment {
            code,
            agreement,
            clause,
            text,
            sector,
            responsible,
            starts_on,
            due_on,
            indicator,
            note,
            citations: _,
        } = new;
        let mut faults = Faults::default();
        let agreement_id = agreements::KIND.resolve(tx.conn, &mut faults, "/agreement", &agreement)?;
        let sector_id = sectors::KIND.resolve_optional(tx.conn, &mut faults, "/sector", sector.as_ref())?;
        let responsible_ids = organizations::KIND.resolve_all(tx.conn, &mut faults, "/responsible", &responsible)?;
        faults.refuse()?;
        let Some(agreement_id) = agreement_id else { return Err(Error::unexpected("a reference was lost")) };
        let pairing_id =
            agreements_table::table.find(agreement_id).select(agreements_table::pairing_id).first(tx.conn)?;
        let values = Values {
            code: code.map(|code| code.0),
            pairing_id,
            agreement_id,
            clause,
            text_zh: text.zh,
            text_en: text.en,
            sector_id,
            starts_on,
            due_on,
            indicator_direction: indicator.as_ref().map(|indicator| indicator.direction),
            indicator_accumulation: indicator.as_ref().map(|indicator| indicator.accumulation),
            indicator_baseline: indicator.as_ref().and_then(|indicator| indicator.baseline),
            indicator_target: indicator.as_ref().and_then(|indicator| indicator.target),
            indicator_name: indicator.as_ref().and_then(|indicator| indicator.name.clone()),
            indicator_unit: indicator.and_then(|NewIndicator { unit, .. }| unit),
            note,
        };
        let id = put_row!(tx, commitments, before.map(|(id, _)| id), values);
        put_links!(tx, commitment_responsible, commitment_id = id, organization_id in responsible_ids);
        Ok(id)
    }

    fn scope(conn: &mut Conn, id: i64) -> Result<Scope> {
        Ok(Scope::Pairing(commitments::table.find(id).select(commitments::pairing_id).first(conn)?))
    }

    fn scope_of_new(conn: &mut Conn, new: &NewCommitment) -> Result<Option<Scope>> {
        let agreement = agreements::KIND.find(conn, &new.agreement)?;
        agreement.map(|id| agreements::Agreements::scope(conn, id)).transpose()
    }

    fn texts(new: &NewCommitment) -> Vec<&str> {
        let measured = new.indicator.as_ref().and_then(|indicator| indicator.name.as_ref());
        let texts = [new.clause.as_ref(), measured, new.note.as_ref()];
        Text::all(Some(&new.text)).chain(texts.into_iter().flatten().map(String::as_str)).collect()
    }

    record_parts!(Commitment, NewCommitment, code optional);
}

/// From when to when an agreement holds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Term {
    pub from_on: Option<NaiveDate>,
    pub to_on: Option<NaiveDate>,
}

/// The terms of agreements: in force from their first day or their signing, to their last day.
fn terms(conn: &mut Conn, agreements: &[i64]) -> Result<HashMap<i64, Term>> {
    use agreements_table as a;
    type Dates = (i64, Option<NaiveDate>, Option<NaiveDate>, Option<NaiveDate>);
    let rows: Vec<Dates> = a::table
        .filter(a::id.eq_any(agreements))
        .select((a::id, a::effective_on, a::signed_on, a::expires_on))
        .load(conn)?;
    let term = |(id, effective, signed, expires): Dates| (id, Term { from_on: effective.or(signed), to_on: expires });
    Ok(rows.into_iter().map(term).collect())
}
