//! Queries and writes of resolutions.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Date};

use super::api::{
    CommitmentStanding, MilestoneStanding, NewResolution, Resolution, ResolutionFilter, ResolutionParts, Sort, validate,
};
use super::{Resolutions, state, state_by_commitment, state_by_milestone};
use crate::db::page::{PageIds, PageRequest};
use crate::db::schema::resolutions;
use crate::db::{Conn, MultiBackend};
use crate::error::{Faults, Result};
use crate::model::types::Instant;
use crate::record::{ReadContext, Resource, Tx};
use crate::resources::fields::{Changeset, Loading};
use crate::resources::{commitments, conferences, milestones};
use crate::{filter, keyset, rules};

type Query<'a> = resolutions::BoxedQuery<'a, MultiBackend>;

impl Resource for Resolutions {
    type Filter = ResolutionFilter;

    fn page(conn: &mut Conn, filter: &ResolutionFilter, page: &PageRequest, view: ReadContext) -> Result<PageIds> {
        let filtered = |conn: &mut Conn| -> Result<_> {
            let ResolutionFilter {
                q,
                programme,
                pairing,
                conference,
                last_conference,
                responsible,
                commitment,
                milestone,
                status,
                due_from,
                due_to,
                updated_since,
                sort: _,
            } = filter;
            let mut faults = Faults::default();
            let mut query = resolutions::table.into_boxed::<MultiBackend>();
            filter!(query, conn, faults, resolutions:
                text(q),
                programme(programme),
                reference(pairing => pairings.pairing_id),
                reference(conference => conferences.conference_id),
                linked(responsible => organizations in resolution_responsible(resolution_id, organization_id)),
                reference(commitment => commitments.commitment_id),
                reference(milestone => milestones.milestone_id),
                among(status => status),
                from(due_from => due_order),
                to(due_to => due_order),
                since(updated_since),
            );
            // The undated stand last in the order; they are in no range.
            if due_from.is_some() || due_to.is_some() {
                query = query.filter(resolutions::due_on.is_not_null());
            }
            faults.refuse()?;
            Ok(match last_conference {
                Some(wanted) => of_last_conference(query, *wanted, view.as_of),
                None => query,
            })
        };
        keyset!(conn, page, filter.sort.unwrap_or(Sort::Id), filtered, resolutions, {
            Sort::DueOn => asc due_order: NaiveDate,
            Sort::DueOnDesc => desc due_order: NaiveDate,
            Sort::Id => asc id: i64,
            Sort::IdDesc => desc id: i64,
            Sort::UpdatedAt => asc updated_at: Instant,
            Sort::UpdatedAtDesc => desc updated_at: Instant,
        })
    }

    fn load(conn: &mut Conn, ids: &[i64], view: ReadContext) -> Result<Vec<Resolution>> {
        let loading = Loading::<Self>::begin(conn, ids)?;
        let became: Vec<i64> = loading.rows.iter().filter_map(|(_, row)| row.commitment_id).collect();
        let became_commitments: HashMap<i64, commitments::api::Commitment> =
            commitments::Commitments::load(conn, &became, view)?.into_iter().map(|one| (one.id, one)).collect();
        let became: Vec<i64> = loading.rows.iter().filter_map(|(_, row)| row.milestone_id).collect();
        let became_milestones: HashMap<i64, milestones::api::Milestone> =
            milestones::Milestones::load(conn, &became, view)?.into_iter().map(|one| (one.id, one)).collect();
        loading.finish(conn, |_, row, _| {
            let commitment = row.commitment_id.and_then(|id| became_commitments.get(&id));
            let milestone = row.milestone_id.and_then(|id| became_milestones.get(&id));
            ResolutionParts {
                state: match (commitment, milestone) {
                    (Some(one), _) => state_by_commitment(one.completion, one.pace, one.expected),
                    (None, Some(one)) => state_by_milestone(one.status, one.overdue),
                    (None, None) => state(row.status, row.due_on, view.as_of),
                },
                commitment_standing: commitment
                    .map(|one| CommitmentStanding { completion: one.completion, pace: one.pace }),
                milestone_standing: milestone.map(|one| MilestoneStanding {
                    status: one.status,
                    overdue: one.overdue,
                    days_late: one.days_late,
                }),
            }
        })
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Resolution)>, new: NewResolution) -> Result<i64> {
        let mut change = Changeset::<Self>::resolve(tx, before, &new)?;
        let (row, faults) = (&mut change.row, &mut change.faults);
        if row.conference_id != 0 {
            row.pairing_id = conferences::KIND.pairing(tx.conn, row.conference_id)?.unwrap_or(0);
            if let Some(commitment) = row.commitment_id {
                let of_commitment = commitments::KIND.pairing(tx.conn, commitment)?;
                rules::same_pairing(faults, "/commitment", of_commitment, row.pairing_id);
            }
            if let Some(milestone) = row.milestone_id {
                let of_milestone = milestones::KIND.pairing(tx.conn, milestone)?;
                rules::same_pairing(faults, "/milestone", of_milestone, row.pairing_id);
            }
        }
        rules::not_in_future(faults, "/done_on", new.done_on, tx.today);
        if let Some((_, before)) = before {
            rules::transition(faults, before.status, new.status, before.status.next());
        }
        change.write(tx, before)
    }

    fn validate(new: &NewResolution, faults: &mut Faults) {
        validate(new, faults);
    }
}

/// Narrows to the last conference that each pairing held by a date, or to all others. In SQL's own words: the DSL that both
/// backends share cannot compare a table with itself inside a condition.
fn of_last_conference<'a>(query: Query<'a>, wanted: bool, as_of: NaiveDate) -> Query<'a> {
    let is_last = sql::<Bool>(if wanted { "(" } else { "NOT (" })
        .sql(
            "resolutions.conference_id IN (SELECT c.id FROM conferences c WHERE c.status = 'held' AND NOT EXISTS \
             (SELECT 1 FROM conferences later WHERE later.pairing_id = c.pairing_id AND later.status = 'held' \
             AND (later.held_on > c.held_on OR (later.held_on = c.held_on AND later.id > c.id)) AND later.held_on <= ",
        )
        .bind::<Date, _>(as_of)
        .sql(") AND c.held_on <= ")
        .bind::<Date, _>(as_of)
        .sql("))");
    query.filter(is_last)
}
