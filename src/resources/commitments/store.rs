//! Queries and writes of commitments.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::prelude::*;

use super::Commitments;
use super::api::{
    Commitment, CommitmentFilter, CommitmentParts, CommitmentRow, Indicator, NewCommitment, NewIndicator, Sort,
    validate,
};
use super::approved::approved;
use crate::db::page::{PageIds, PageRequest};
use crate::db::schema::{agreements as agreements_table, commitments};
use crate::db::{Conn, MultiBackend};
use crate::error::{Faults, Result};
use crate::figures::pace::{self, Goal};
use crate::model::types::Instant;
use crate::record::{ReadContext, Resource, Tx};
use crate::resources::agreements;
use crate::resources::fields::{Changeset, Loading};
use crate::{filter, keyset};

impl CommitmentRow {
    fn indicator(&self) -> Option<Indicator> {
        Some(Indicator {
            name: self.indicator_name.clone(),
            unit: self.indicator_unit.clone()?,
            baseline: self.indicator_baseline,
            target: self.indicator_target,
            direction: self.indicator_direction?,
            accumulation: self.indicator_accumulation?,
        })
    }

    fn goal(&self) -> Option<Goal> {
        Some(Goal {
            baseline: self.indicator_baseline,
            target: self.indicator_target,
            direction: self.indicator_direction?,
            accumulation: self.indicator_accumulation?,
        })
    }
}

impl Resource for Commitments {
    type Filter = CommitmentFilter;

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
        let loading = Loading::<Self>::begin(conn, ids)?;
        let approved = approved(conn, ids)?;
        let terms = terms(conn, &loading.rows.iter().map(|(_, row)| row.agreement_id).collect::<Vec<_>>())?;
        loading.finish(conn, |head, row, _| {
            let term = terms.get(&row.agreement_id).copied().unwrap_or_default();
            let period_from_on = row.starts_on.or(term.from_on);
            let period_to_on = row.due_on.or(term.to_on);
            let periods = approved.get(&head.id).map_or(&[][..], Vec::as_slice);
            let standing = pace::standing(row.goal(), period_from_on, period_to_on, periods, view.as_of);
            CommitmentParts {
                indicator: row.indicator(),
                period_from_on,
                period_to_on,
                actual: standing.actual,
                completion: standing.completion,
                expected: standing.expected,
                pace: standing.pace,
                reported_to: standing.reported_to,
            }
        })
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Commitment)>, new: NewCommitment) -> Result<i64> {
        let mut change = Changeset::<Self>::resolve(tx, before, &new)?;
        let row = &mut change.row;
        if row.agreement_id != 0 {
            row.pairing_id = agreements::KIND.pairing(tx.conn, row.agreement_id)?.unwrap_or(0);
        }
        if let Some(NewIndicator { name, unit, baseline, target, direction, accumulation }) = new.indicator {
            (row.indicator_name, row.indicator_unit) = (name, unit);
            (row.indicator_baseline, row.indicator_target) = (baseline, target);
            (row.indicator_direction, row.indicator_accumulation) = (Some(direction), Some(accumulation));
        }
        change.write(tx, before)
    }

    fn validate(new: &NewCommitment, faults: &mut Faults) {
        validate(new, faults);
    }
}

/// From when to when an agreement holds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Term {
    pub from_on: Option<NaiveDate>,
    pub to_on: Option<NaiveDate>,
}

/// The terms of agreements: in force from their first day or their signing, to their last day.
pub fn terms(conn: &mut Conn, agreements: &[i64]) -> Result<HashMap<i64, Term>> {
    use agreements_table as a;
    type Dates = (i64, Option<NaiveDate>, Option<NaiveDate>, Option<NaiveDate>);
    let rows: Vec<Dates> = a::table
        .filter(a::id.eq_any(agreements))
        .select((a::id, a::effective_on, a::signed_on, a::expires_on))
        .load(conn)?;
    let term = |(id, effective, signed, expires): Dates| (id, Term { from_on: effective.or(signed), to_on: expires });
    Ok(rows.into_iter().map(term).collect())
}
