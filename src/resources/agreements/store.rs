//! Queries and writes of agreements.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::prelude::*;
use serde_json::Value;

use super::api::{Agreement, AgreementFilter, AgreementParts, AgreementRow, NewAgreement, Sort, validate};
use super::{Agreements, KIND, State, Status, parties, state};
use crate::db::page::{PageIds, PageRequest};
use crate::db::schema::agreements;
use crate::db::{Conn, MultiBackend};
use crate::error::{Faults, Result};
use crate::figures::tally;
use crate::model::types::Instant;
use crate::record::{ReadContext, Resource, Tx};
use crate::resources::conferences;
use crate::resources::fields::{Changeset, Loading};
use crate::{filter, keyset, msg, rules};

impl AgreementRow {
    fn state(&self, as_of: NaiveDate) -> State {
        state(self.status, self.status_on, self.effective_on.or(self.signed_on), self.expires_on, as_of)
    }
}

type Query<'a> = agreements::BoxedQuery<'a, MultiBackend>;

impl Resource for Agreements {
    type Filter = AgreementFilter;

    fn page(conn: &mut Conn, filter: &AgreementFilter, page: &PageRequest, view: ReadContext) -> Result<PageIds> {
        let filtered = |conn: &mut Conn| filtered(conn, filter, view);
        keyset!(conn, page, filter.sort.unwrap_or(Sort::Id), filtered, agreements, {
            Sort::Id => asc id: i64,
            Sort::IdDesc => desc id: i64,
            Sort::Code => asc code: String,
            Sort::CodeDesc => desc code: String,
            Sort::SignedOn => asc signed_order: NaiveDate,
            Sort::SignedOnDesc => desc signed_order: NaiveDate,
            Sort::UpdatedAt => asc updated_at: Instant,
            Sort::UpdatedAtDesc => desc updated_at: Instant,
        })
    }

    fn load(conn: &mut Conn, ids: &[i64], view: ReadContext) -> Result<Vec<Agreement>> {
        let mut loading = Loading::<Self>::begin(conn, ids)?;
        let mut parties_of: HashMap<i64, Vec<parties::Row>> = HashMap::new();
        for party in parties::load(conn, ids)? {
            party.want(&mut loading.references);
            parties_of.entry(party.agreement_id).or_default().push(party);
        }
        let tallies = tally::by_agreement(conn, ids, view.as_of)?;
        loading.finish(conn, |head, row, references| {
            let tally = tallies.get(&head.id).cloned().unwrap_or_default();
            let signed = parties_of.remove(&head.id).unwrap_or_default();
            AgreementParts {
                parties: signed.into_iter().map(|party| party.into_party(references)).collect(),
                state: row.state(view.as_of),
                progress: tally.progress(),
                progress_counted: tally.counted(),
                progress_left_out: tally.counts.cancelled,
                overdue: tally.overdue,
            }
        })
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Agreement)>, new: NewAgreement) -> Result<i64> {
        let mut change = Changeset::<Self>::resolve(tx, before, &new)?;
        let (row, faults, status) = (&mut change.row, &mut change.faults, new.status);
        let signed = parties::resolve(tx.conn, faults, &new.parties)?;
        rules::not_in_future(faults, "/signed_on", new.signed_on, tx.today);
        if row.pairing_id != 0 {
            if let Some(parent) = row.parent_id {
                rules::same_pairing(faults, "/parent", KIND.pairing(tx.conn, parent)?, row.pairing_id);
            }
            if let Some(conference) = row.conference_id {
                let of_conference = conferences::KIND.pairing(tx.conn, conference)?;
                rules::same_pairing(faults, "/conference", of_conference, row.pairing_id);
            }
            if status != Status::Draft {
                parties::require_both_sides(tx.conn, faults, row.pairing_id, &signed)?;
            }
        }
        if let Some((id, before)) = before {
            rules::transition(faults, before.status, status, before.status.next());
            if row.parent_id.is_some() || row.pairing_id != before.pairing.id {
                require_no_children_elsewhere(tx.conn, faults, id, row.pairing_id)?;
            }
        }
        let has_changed = before.is_some_and(|(_, before)| before.status != status);
        // A change of status that names no date is of today.
        row.status_on = row.status_on.or_else(|| (has_changed || status.needs_reason()).then_some(tx.today));
        row.status_reason = row.status_reason.take().filter(|_| status.needs_reason());
        let id = change.write(tx, before)?;
        parties::replace(tx.conn, id, signed)?;
        Ok(id)
    }

    fn validate(new: &NewAgreement, faults: &mut Faults) {
        validate(new, faults);
    }

    fn settle_patch(merged: &mut Value, before: &Value, patch: &Value) {
        // Date and reason are of the status that was; a new one has its own, or none.
        let Some(fields) = merged.as_object_mut().filter(|fields| fields.get("status") != before.get("status")) else {
            return;
        };
        for name in ["status_on", "status_reason"] {
            if patch.get(name).is_none() {
                fields.shift_remove(name);
            }
        }
    }
}

/// An agreement that others hang under does not leave their pairing.
fn require_no_children_elsewhere(conn: &mut Conn, faults: &mut Faults, id: i64, pairing: i64) -> Result<()> {
    let elsewhere: i64 = agreements::table
        .filter(agreements::parent_id.eq(id).and(agreements::pairing_id.ne(pairing)))
        .count()
        .get_result(conn)?;
    if elsewhere > 0 {
        faults.push(
            "/pairing",
            "has_children",
            msg!(
                "其下有 {elsewhere} 个协议属于原结对关系。",
                "{elsewhere} agreements of the present pairing hang under it"
            ),
        );
    }
    Ok(())
}

fn filtered<'a>(conn: &mut Conn, filter: &'a AgreementFilter, view: ReadContext) -> Result<Query<'a>> {
    let AgreementFilter {
        q,
        programme,
        pairing,
        parent,
        conference,
        kind,
        status,
        state,
        sector,
        region,
        organization,
        signed_from,
        signed_to,
        expires_from,
        expires_to,
        updated_since,
        sort: _,
    } = filter;
    let mut faults = Faults::default();
    let mut query = agreements::table.into_boxed::<MultiBackend>();
    filter!(query, conn, faults, agreements:
        text(q),
        programme(programme),
        reference(pairing => pairings.pairing_id),
        reference(parent => agreements.parent_id),
        reference(conference => conferences.conference_id),
        linked(sector => sectors in agreement_sectors(agreement_id, sector_id)),
        linked(region => regions in agreement_parties(agreement_id, region_id)),
        linked(organization => organizations in agreement_parties(agreement_id, organization_id)),
        among(kind => kind),
        among(status => status),
        from(signed_from => signed_order),
        to(signed_to => signed_order),
        from(expires_from => expires_on),
        to(expires_to => expires_on),
        since(updated_since),
    );
    faults.refuse()?;
    if signed_from.is_some() || signed_to.is_some() {
        query = query.filter(agreements::signed_on.is_not_null());
    }
    if !state.is_empty() {
        query = in_states(query, state, view.as_of);
    }
    Ok(query)
}

/// The same rule as [`state`], as a condition; a test compares the two. In SQL's own words: the DSL that both backends
/// share has no comparison that takes null for false.
fn in_states<'a>(query: Query<'a>, states: &[State], as_of: NaiveDate) -> Query<'a> {
    use diesel::dsl::sql;
    use diesel::sql_types::{Date, Text as SqlText};
    let state = sql::<SqlText>(
        "CASE WHEN status = 'draft' THEN 'draft' \
         WHEN status IN ('terminated', 'suspended') AND (status_on IS NULL OR status_on <= ",
    )
    .bind::<Date, _>(as_of)
    .sql(") THEN status WHEN COALESCE(effective_on, signed_on) > ")
    .bind::<Date, _>(as_of)
    .sql(" THEN 'signed' WHEN expires_on < ")
    .bind::<Date, _>(as_of)
    .sql(" THEN 'expired' ELSE 'in_force' END");
    query.filter(state.eq_any(states.iter().map(|state| state.as_str()).collect::<Vec<_>>()))
}
