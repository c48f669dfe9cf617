//! The rows of agreements.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::prelude::*;
use serde_json::Value;

use super::api::{Agreement, AgreementFilter, NewAgreement, Party, Sort};
use super::{Agreements, Kind, State, Status, parties, state};
use crate::access::Scope;
use crate::db::page::{self, PageIds, PageRequest};
use crate::db::reference::References;
use crate::db::schema::{agreement_parties, agreement_sectors, agreements, pairings as pairings_table};
use crate::db::types::{Code, Instant};
use crate::db::{Conn, MultiBackend, reference, search};
use crate::error::{Error, Faults, Result};
use crate::figures::tally;
use crate::resources::citations::{self, NewCitation};
use crate::resources::record::{self, Resource, Tx, View};
use crate::resources::{organizations, pairings, programmes, regions, sectors};
use crate::text::Text;
use crate::{keyset, links, msg, put_links, put_row, rules};

#[derive(Queryable, Selectable)]
#[diesel(table_name = agreements)]
struct Row {
    id: i64,
    code: String,
    version: i64,
    created_at: Instant,
    updated_at: Instant,
    pairing_id: i64,
    kind: Kind,
    title_zh: String,
    title_en: Option<String>,
    number: Option<String>,
    parent_id: Option<i64>,
    status: Status,
    status_on: Option<NaiveDate>,
    status_reason: Option<String>,
    signed_on: Option<NaiveDate>,
    effective_on: Option<NaiveDate>,
    expires_on: Option<NaiveDate>,
    summary_zh: Option<String>,
    summary_en: Option<String>,
    note: Option<String>,
}

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = agreements, treat_none_as_null = true)]
struct Values {
    code: String,
    pairing_id: i64,
    kind: Kind,
    title_zh: String,
    title_en: Option<String>,
    number: Option<String>,
    parent_id: Option<i64>,
    status: Status,
    status_on: Option<NaiveDate>,
    status_reason: Option<String>,
    signed_on: Option<NaiveDate>,
    effective_on: Option<NaiveDate>,
    expires_on: Option<NaiveDate>,
    summary_zh: Option<String>,
    summary_en: Option<String>,
    note: Option<String>,
}

type Query<'a> = agreements::BoxedQuery<'a, MultiBackend>;

impl Resource for Agreements {
    type Read = Agreement;
    type New = NewAgreement;
    type Filter = AgreementFilter;

    const KIND: &'static reference::Kind = &super::KIND;
    const NEW: &'static str = "NewAgreement";
    const COMPUTED: &'static [&'static str] = &["state", "progress", "progress_counted", "progress_left_out", "overdue"];

    fn page(conn: &mut Conn, filter: &AgreementFilter, page: &PageRequest, view: View) -> Result<PageIds> {
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

    fn load(conn: &mut Conn, ids: &[i64], view: View) -> Result<Vec<Agreement>> {
        let rows: Vec<Row> = agreements::table.filter(agreements::id.eq_any(ids)).select(Row::as_select()).load(conn)?;
        let signed = parties::load(conn, ids)?;
        let in_sectors = links!(conn, agreement_sectors, agreement_id in ids, sector_id);
        let tallies = tally::by_agreement(conn, ids, view.as_of)?;

        let mut references = References::default();
        for row in &rows {
            references.want(&pairings::KIND, row.pairing_id);
            references.want(Self::KIND, row.parent_id);
        }
        signed.iter().for_each(|party| party.want(&mut references));
        in_sectors.iter().for_each(|(_, sector)| references.want(&sectors::KIND, *sector));
        references.load(conn)?;

        let mut parties_of: HashMap<i64, Vec<Party>> = HashMap::new();
        for party in signed {
            parties_of.entry(party.agreement_id).or_default().push(party.into_party(&references));
        }
        let mut cited = citations::load(conn, Self::KIND, ids)?;
        Ok(page::in_order(ids, rows, |row| row.id)
            .map(|row| {
                let Row {
                    id, code, version, created_at, updated_at, pairing_id, kind, title_zh, title_en, number, parent_id, status,
                    status_on, status_reason, signed_on, effective_on, expires_on, summary_zh, summary_en, note,
                } = row;
                let tally = tallies.get(&id).cloned().unwrap_or_default();
                Agreement {
                    id,
                    code: Code(code),
                    version,
                    created_at,
                    updated_at,
                    pairing: references.get(&pairings::KIND, pairing_id),
                    kind,
                    title: Text { zh: title_zh, en: title_en },
                    number,
                    parent: references.optional(Self::KIND, parent_id),
                    status,
                    status_on,
                    status_reason,
                    signed_on,
                    effective_on,
                    expires_on,
                    parties: parties_of.remove(&id).unwrap_or_default(),
                    sectors: references.linked(&sectors::KIND, &in_sectors, id),
                    summary: Text::optional(summary_zh, summary_en),
                    note,
                    citations: cited.remove(&id).unwrap_or_default(),
                    state: state(status, status_on, effective_on.or(signed_on), expires_on, view.as_of),
                    progress: tally.progress(),
                    progress_counted: tally.counted(),
                    progress_left_out: tally.counts.cancelled,
                    overdue: tally.overdue,
                }
            })
            .collect())
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Agreement)>, new: NewAgreement) -> Result<i64> {
        let NewAgreement {
            code, pairing, kind, title, number, parent, status, status_on, status_reason, signed_on, effective_on, expires_on,
            parties, sectors, summary, note, citations: _,
        } = new;
        let mut faults = Faults::default();
        let pairing_id = pairings::KIND.resolve(tx.conn, &mut faults, "/pairing", &pairing)?;
        let parent_id = Self::KIND.resolve_optional(tx.conn, &mut faults, "/parent", parent.as_ref())?;
        let sector_ids = sectors::KIND.resolve_all(tx.conn, &mut faults, "/sectors", &sectors)?;
        let signed = parties::resolve(tx.conn, &mut faults, &parties)?;
        rules::not_in_future(&mut faults, "/signed_on", signed_on, tx.today);
        if let (Some(parent), Some(pairing)) = (parent_id, pairing_id) {
            require_same_pairing(tx.conn, &mut faults, parent, pairing)?;
        }
        if let (true, Some(pairing)) = (status != Status::Draft, pairing_id) {
            parties::require_both_sides(tx.conn, &mut faults, pairing, &signed)?;
        }
        if let Some((id, before)) = before {
            rules::transition(&mut faults, before.status, status, before.status.next());
            record::no_cycle(tx.conn, &mut faults, Self::KIND, "/parent", id, parent_id, |conn, id| {
                agreements::table.find(id).select(agreements::parent_id).first(conn)
            })?;
            if parent_id.is_some() || pairing_id != Some(before.pairing.id) {
                require_no_children_elsewhere(tx.conn, &mut faults, id, pairing_id)?;
            }
        }
        faults.refuse()?;
        let Some(pairing_id) = pairing_id else { return Err(Error::unexpected("a reference was lost")) };

        let has_changed = before.is_some_and(|(_, before)| before.status != status);
        // A change of status that names no date is of today.
        let status_on = status_on.or_else(|| (has_changed || status.needs_reason()).then_some(tx.today));
        let (summary_zh, summary_en) = Text::columns(summary.as_ref());
        let values = Values {
            code: code.0,
            pairing_id,
            kind,
            title_zh: title.zh,
            title_en: title.en,
            number,
            parent_id,
            status,
            status_on,
            status_reason: if status.needs_reason() { status_reason } else { None },
            signed_on,
            effective_on,
            expires_on,
            summary_zh,
            summary_en,
            note,
        };
        let id = put_row!(tx, agreements, before.map(|(id, _)| id), values);
        put_links!(tx, agreement_sectors, agreement_id = id, sector_id in sector_ids);
        parties::replace(tx.conn, id, signed)?;
        Ok(id)
    }

    fn settle_patch(merged: &mut Value, before: &Value, patch: &Value) {
        // Date and reason are of the status that was; a new one has its own, or none.
        let Some(fields) = merged.as_object_mut().filter(|fields| fields.get("status") != before.get("status")) else { return };
        for name in ["status_on", "status_reason"] {
            if patch.get(name).is_none() {
                fields.shift_remove(name);
            }
        }
    }

    fn scope(conn: &mut Conn, id: i64) -> Result<Scope> {
        let pairing: i64 = agreements::table.find(id).select(agreements::pairing_id).first(conn)?;
        Ok(Scope::Pairing(pairing))
    }

    fn scope_of_new(conn: &mut Conn, new: &NewAgreement) -> Result<Option<Scope>> {
        Ok(pairings::KIND.find(conn, &new.pairing)?.map(Scope::Pairing))
    }

    fn texts(new: &NewAgreement) -> Vec<&str> {
        let summary = new.summary.as_ref();
        let texts = [
            Some(&new.title.zh),
            new.title.en.as_ref(),
            new.number.as_ref(),
            summary.map(|text| &text.zh),
            summary.and_then(|text| text.en.as_ref()),
            new.note.as_ref(),
        ];
        texts.into_iter().flatten().map(String::as_str).collect()
    }

    fn code(new: &NewAgreement) -> Option<&Code> {
        Some(&new.code)
    }

    fn citations(new: &NewAgreement) -> &[NewCitation] {
        &new.citations
    }

    fn id_and_version(read: &Agreement) -> (i64, i64) {
        (read.id, read.version)
    }
}

/// A parent is of the same pairing; the database holds the same by a composite key.
fn require_same_pairing(conn: &mut Conn, faults: &mut Faults, parent: i64, pairing: i64) -> Result<()> {
    let of_parent: i64 = agreements::table.find(parent).select(agreements::pairing_id).first(conn)?;
    if of_parent != pairing {
        faults.push("/parent", "other_pairing", msg!("上级协议须属于同一结对关系。", "must be an agreement of the same pairing"));
    }
    Ok(())
}

/// An agreement that others hang under does not leave their pairing.
fn require_no_children_elsewhere(conn: &mut Conn, faults: &mut Faults, id: i64, pairing: Option<i64>) -> Result<()> {
    let elsewhere: i64 = agreements::table
        .filter(agreements::parent_id.eq(id).and(agreements::pairing_id.ne(pairing.unwrap_or(0))))
        .count()
        .get_result(conn)?;
    if elsewhere > 0 {
        faults.push(
            "/pairing",
            "has_children",
            msg!("其下有 {elsewhere} 个协议属于原结对关系。", "{elsewhere} agreements of the present pairing hang under it"),
        );
    }
    Ok(())
}

fn filtered<'a>(conn: &mut Conn, filter: &'a AgreementFilter, view: View) -> Result<Query<'a>> {
    let AgreementFilter {
        q, programme, pairing, parent, kind, status, state, sector, region, organization, signed_from, signed_to, expires_from,
        expires_to, updated_since, sort: _,
    } = filter;
    let mut faults = Faults::default();
    let mut query = agreements::table.into_boxed::<MultiBackend>();
    if let Some(q) = q {
        query = query.filter(search::matches(conn, "agreements.id", super::KIND.name, q));
    }
    if let Some(programme) = programme {
        let id = programmes::KIND.resolve(conn, &mut faults, "/query/programme", programme)?.unwrap_or(0);
        let of_programme = pairings_table::table.filter(pairings_table::programme_id.eq(id)).select(pairings_table::id);
        query = query.filter(agreements::pairing_id.eq_any(of_programme));
    }
    if let Some(pairing) = pairing {
        let id = pairings::KIND.resolve(conn, &mut faults, "/query/pairing", pairing)?;
        query = query.filter(agreements::pairing_id.eq(id.unwrap_or(0)));
    }
    if let Some(parent) = parent {
        let id = super::KIND.resolve(conn, &mut faults, "/query/parent", parent)?;
        query = query.filter(agreements::parent_id.eq(id.unwrap_or(0)));
    }
    if let Some(sector) = sector {
        let id = sectors::KIND.resolve(conn, &mut faults, "/query/sector", sector)?.unwrap_or(0);
        let in_sector = agreement_sectors::table.filter(agreement_sectors::sector_id.eq(id));
        query = query.filter(agreements::id.eq_any(in_sector.select(agreement_sectors::agreement_id)));
    }
    if let Some(region) = region {
        let id = regions::KIND.resolve(conn, &mut faults, "/query/region", region)?.unwrap_or(0);
        let by_region = agreement_parties::table.filter(agreement_parties::region_id.eq(id));
        query = query.filter(agreements::id.eq_any(by_region.select(agreement_parties::agreement_id)));
    }
    if let Some(organization) = organization {
        let id = organizations::KIND.resolve(conn, &mut faults, "/query/organization", organization)?.unwrap_or(0);
        let by_organization = agreement_parties::table.filter(agreement_parties::organization_id.eq(id));
        query = query.filter(agreements::id.eq_any(by_organization.select(agreement_parties::agreement_id)));
    }
    faults.refuse()?;
    if !kind.is_empty() {
        query = query.filter(agreements::kind.eq_any(kind));
    }
    match status.as_slice() {
        [] => {}
        // An equality keeps the order of an index, a list of values does not.
        [only] => query = query.filter(agreements::status.eq(*only)),
        several => query = query.filter(agreements::status.eq_any(several)),
    }
    if !state.is_empty() {
        query = in_states(query, state, view.as_of);
    }
    if let Some(from) = signed_from {
        query = query.filter(agreements::signed_order.ge(*from).and(agreements::signed_on.is_not_null()));
    }
    if let Some(to) = signed_to {
        query = query.filter(agreements::signed_order.le(*to).and(agreements::signed_on.is_not_null()));
    }
    if let Some(from) = expires_from {
        query = query.filter(agreements::expires_on.ge(*from));
    }
    if let Some(to) = expires_to {
        query = query.filter(agreements::expires_on.le(*to));
    }
    if let Some(since) = updated_since {
        query = query.filter(agreements::updated_at.ge(Instant::from(*since)));
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
