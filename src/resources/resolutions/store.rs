//! The rows of resolutions.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Date};

use super::api::{CommitmentStanding, MilestoneStanding, NewResolution, Resolution, ResolutionFilter, Sort};
use super::{Resolutions, Status, state, state_by_commitment, state_by_milestone};
use crate::access::Scope;
use crate::db::page::{self, PageIds, PageRequest};
use crate::db::reference::{self, References};
use crate::db::schema::{
    commitments as commitments_table, conferences as conferences_table, milestones as milestones_table, resolutions,
};
use crate::db::{Conn, MultiBackend};
use crate::error::{Error, Faults, Result};
use crate::model::sheet::Sheet;
use crate::model::text::Text;
use crate::model::types::{Code, Instant};
use crate::record::{ReadContext, Resource, Tx, citations};
use crate::resources::{commitments, conferences, milestones, organizations, pairings};
use crate::{filter, keyset, links, put_links, put_row, record_parts, rules};

#[derive(Queryable, Selectable)]
#[diesel(table_name = resolutions)]
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
#[diesel(table_name = resolutions, treat_none_as_null = true)]
struct Values {
    code: Option<String>,
    pairing_id: i64,
    conference_id: i64,
    text_zh: String,
    text_en: Option<String>,
    due_on: Option<NaiveDate>,
    status: Status,
    done_on: Option<NaiveDate>,
    commitment_id: Option<i64>,
    milestone_id: Option<i64>,
    note: Option<String>,
}

type Query<'a> = resolutions::BoxedQuery<'a, MultiBackend>;

impl Resource for Resolutions {
    type Read = Resolution;
    type New = NewResolution;
    type Filter = ResolutionFilter;

    const KIND: &'static reference::Kind = &super::KIND;
    const NEW: &'static str = "NewResolution";
    const SHEET: Option<&'static Sheet> = Some(&super::sheet::SHEET);
    const COMPUTED: &'static [&'static str] = &["state", "commitment_standing", "milestone_standing"];

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
        let rows: Vec<Row> =
            resolutions::table.filter(resolutions::id.eq_any(ids)).select(Row::as_select()).load(conn)?;
        let responsible = links!(conn, resolution_responsible, resolution_id in ids, organization_id);
        let mut references = References::default();
        for row in &rows {
            references.want(&pairings::KIND, row.values.pairing_id);
            references.want(&conferences::KIND, row.values.conference_id);
            references.want(&commitments::KIND, row.values.commitment_id);
            references.want(&milestones::KIND, row.values.milestone_id);
        }
        responsible.iter().for_each(|(_, id)| references.want(&organizations::KIND, *id));
        references.load(conn)?;

        let became: Vec<i64> = rows.iter().filter_map(|row| row.values.commitment_id).collect();
        let became_commitments: HashMap<i64, commitments::api::Commitment> =
            commitments::Commitments::load(conn, &became, view)?.into_iter().map(|one| (one.id, one)).collect();
        let became: Vec<i64> = rows.iter().filter_map(|row| row.values.milestone_id).collect();
        let became_milestones: HashMap<i64, milestones::api::Milestone> =
            milestones::Milestones::load(conn, &became, view)?.into_iter().map(|one| (one.id, one)).collect();

        let mut cited = citations::load(conn, Self::KIND, ids)?;
        Ok(page::in_order(ids, rows, |row| row.id)
            .map(|row| {
                let commitment = row.values.commitment_id.and_then(|id| became_commitments.get(&id));
                let milestone = row.values.milestone_id.and_then(|id| became_milestones.get(&id));
                let state = match (commitment, milestone) {
                    (Some(one), _) => state_by_commitment(one.completion, one.pace, one.expected),
                    (None, Some(one)) => state_by_milestone(one.status, one.overdue),
                    (None, None) => state(row.values.status, row.values.due_on, view.as_of),
                };
                Resolution {
                    id: row.id,
                    code: row.values.code.map(Code),
                    version: row.version,
                    created_at: row.created_at,
                    updated_at: row.updated_at,
                    conference: references.get(&conferences::KIND, row.values.conference_id),
                    pairing: references.get(&pairings::KIND, row.values.pairing_id),
                    text: Text { zh: row.values.text_zh, en: row.values.text_en },
                    responsible: references.linked(&organizations::KIND, &responsible, row.id),
                    due_on: row.values.due_on,
                    status: row.values.status,
                    done_on: row.values.done_on,
                    commitment: references.optional(&commitments::KIND, row.values.commitment_id),
                    milestone: references.optional(&milestones::KIND, row.values.milestone_id),
                    note: row.values.note,
                    citations: cited.remove(&row.id).unwrap_or_default(),
                    state,
                    commitment_standing: commitment
                        .map(|one| CommitmentStanding { completion: one.completion, pace: one.pace }),
                    milestone_standing: milestone.map(|one| MilestoneStanding {
                        status: one.status,
                        overdue: one.overdue,
                        days_late: one.days_late,
                    }),
                }
            })
            .collect())
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Resolution)>, new: NewResolution) -> Result<i64> {
        let NewResolution {
            code,
            conference,
            text,
            responsible,
            due_on,
            status,
            done_on,
            commitment,
            milestone,
            note,
            citations: _,
        } = new;
        let mut faults = Faults::default();
        let conference_id = conferences::KIND.resolve(tx.conn, &mut faults, "/conference", &conference)?;
        let responsible_ids = organizations::KIND.resolve_all(tx.conn, &mut faults, "/responsible", &responsible)?;
        let commitment_id =
            commitments::KIND.resolve_optional(tx.conn, &mut faults, "/commitment", commitment.as_ref())?;
        let milestone_id = milestones::KIND.resolve_optional(tx.conn, &mut faults, "/milestone", milestone.as_ref())?;
        let mut pairing_id = None;
        if let Some(conference) = conference_id {
            use {commitments_table as c, conferences_table as f, milestones_table as m};
            let pairing = f::table.find(conference).select(f::pairing_id).first(tx.conn)?;
            if let Some(commitment) = commitment_id {
                let of_commitment = c::table.find(commitment).select(c::pairing_id).first(tx.conn)?;
                rules::same_pairing(&mut faults, "/commitment", of_commitment, pairing);
            }
            if let Some(milestone) = milestone_id {
                let of_milestone = m::table.find(milestone).select(m::pairing_id).first(tx.conn)?;
                rules::same_pairing(&mut faults, "/milestone", of_milestone, pairing);
            }
            pairing_id = Some(pairing);
        }
        rules::not_in_future(&mut faults, "/done_on", done_on, tx.today);
        if let Some((_, before)) = before {
            rules::transition(&mut faults, before.status, status, before.status.next());
        }
        faults.refuse()?;
        let (Some(conference_id), Some(pairing_id)) = (conference_id, pairing_id) else {
            return Err(Error::unexpected("a reference was lost"));
        };
        let values = Values {
            code: code.map(|code| code.0),
            pairing_id,
            conference_id,
            text_zh: text.zh,
            text_en: text.en,
            due_on,
            status,
            done_on,
            commitment_id,
            milestone_id,
            note,
        };
        let id = put_row!(tx, resolutions, before.map(|(id, _)| id), values);
        put_links!(tx, resolution_responsible, resolution_id = id, organization_id in responsible_ids);
        Ok(id)
    }

    fn scope(conn: &mut Conn, id: i64) -> Result<Scope> {
        Ok(Scope::Pairing(resolutions::table.find(id).select(resolutions::pairing_id).first(conn)?))
    }

    fn scope_of_new(conn: &mut Conn, new: &NewResolution) -> Result<Option<Scope>> {
        let conference = conferences::KIND.find(conn, &new.conference)?;
        conference.map(|id| conferences::Conferences::scope(conn, id)).transpose()
    }

    fn texts(new: &NewResolution) -> Vec<&str> {
        Text::all(Some(&new.text)).chain(new.note.as_deref()).collect()
    }

    record_parts!(Resolution, NewResolution, code optional);
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
