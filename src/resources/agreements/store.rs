//! The rows of agreements.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::prelude::*;
use serde_json::Value;

use super::api::{Agreement, AgreementFilter, NewAgreement, Party, Sort};
use super::{Agreements, Kind, State, Status, parties, state};
use crate::access::Scope;
use crate::db::backend::Edges;
use crate::db::page::{self, PageIds, PageRequest};
use crate::db::reference::References;
use crate::db::schema::{agreements, conferences as conferences_table};
use crate::db::{Conn, MultiBackend, reference};
use crate::error::{Error, Faults, Result};
use crate::figures::tally;
use crate::model::sheet::Sheet;
use crate::model::text::Text;
use crate::model::types::{Code, Instant};
use crate::record::{self, ReadContext, Resource, Tx, citations};
use crate::resources::{conferences, pairings, sectors};
use crate::{filter, keyset, links, msg, put_links, put_row, record_parts, rules};

#[derive(Queryable, Selectable)]
#[diesel(table_name = agreements)]
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
#[diesel(table_name = agreements, treat_none_as_null = true)]
struct Values {
    code: String,
    pairing_id: i64,
    kind: Kind,
    title_zh: String,
    title_en: Option<String>,
    number: Option<String>,
    parent_id: Option<i64>,
    conference_id: Option<i64>,
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

impl Row {
    fn state(&self, as_of: NaiveDate) -> State {
        state(
            self.values.status,
            self.values.status_on,
            self.values.effective_on.or(self.values.signed_on),
            self.values.expires_on,
            as_of,
        )
    }
}

type Query<'a> = agreements::BoxedQuery<'a, MultiBackend>;

/// Which record is above which.
const EDGES: Edges = Edges { table: "agreements", from: "id", to: "parent_id" };

impl Resource for Agreements {
    type Read = Agreement;
    type New = NewAgreement;
    type Filter = AgreementFilter;

    const KIND: &'static reference::Kind = &super::KIND;
    const NEW: &'static str = "NewAgreement";
    const SHEET: Option<&'static Sheet> = Some(&super::sheet::SHEET);
    const COMPUTED: &'static [&'static str] =
        &["state", "progress", "progress_counted", "progress_left_out", "overdue"];

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
        let rows: Vec<Row> =
            agreements::table.filter(agreements::id.eq_any(ids)).select(Row::as_select()).load(conn)?;
        let signed = parties::load(conn, ids)?;
        let in_sectors = links!(conn, agreement_sectors, agreement_id in ids, sector_id);
        let tallies = tally::by_agreement(conn, ids, view.as_of)?;

        let mut references = References::default();
        for row in &rows {
            references.want(&pairings::KIND, row.values.pairing_id);
            references.want(Self::KIND, row.values.parent_id);
            references.want(&conferences::KIND, row.values.conference_id);
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
                let tally = tallies.get(&row.id).cloned().unwrap_or_default();
                Agreement {
                    pairing: references.get(&pairings::KIND, row.values.pairing_id),
                    parent: references.optional(Self::KIND, row.values.parent_id),
                    conference: references.optional(&conferences::KIND, row.values.conference_id),
                    parties: parties_of.remove(&row.id).unwrap_or_default(),
                    sectors: references.linked(&sectors::KIND, &in_sectors, row.id),
                    citations: cited.remove(&row.id).unwrap_or_default(),
                    state: row.state(view.as_of),
                    id: row.id,
                    code: Code(row.values.code),
                    version: row.version,
                    created_at: row.created_at,
                    updated_at: row.updated_at,
                    kind: row.values.kind,
                    title: Text { zh: row.values.title_zh, en: row.values.title_en },
                    number: row.values.number,
                    status: row.values.status,
                    status_on: row.values.status_on,
                    status_reason: row.values.status_reason,
                    signed_on: row.values.signed_on,
                    effective_on: row.values.effective_on,
                    expires_on: row.values.expires_on,
                    summary: Text::optional(row.values.summary_zh, row.values.summary_en),
                    note: row.values.note,
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
            code,
            pairing,
            kind,
            title,
            number,
            parent,
            conference,
            status,
            status_on,
            status_reason,
            signed_on,
            effective_on,
            expires_on,
            parties,
            sectors,
            summary,
            note,
            citations: _,
        } = new;
        let mut faults = Faults::default();
        let pairing_id = pairings::KIND.resolve(tx.conn, &mut faults, "/pairing", &pairing)?;
        let parent_id = Self::KIND.resolve_optional(tx.conn, &mut faults, "/parent", parent.as_ref())?;
        let conference_id =
            conferences::KIND.resolve_optional(tx.conn, &mut faults, "/conference", conference.as_ref())?;
        let sector_ids = sectors::KIND.resolve_all(tx.conn, &mut faults, "/sectors", &sectors)?;
        let signed = parties::resolve(tx.conn, &mut faults, &parties)?;
        rules::not_in_future(&mut faults, "/signed_on", signed_on, tx.today);
        if let (Some(parent), Some(pairing)) = (parent_id, pairing_id) {
            let of_parent = agreements::table.find(parent).select(agreements::pairing_id).first(tx.conn)?;
            rules::same_pairing(&mut faults, "/parent", of_parent, pairing);
        }
        if let (Some(conference), Some(pairing)) = (conference_id, pairing_id) {
            let of_conference =
                conferences_table::table.find(conference).select(conferences_table::pairing_id).first(tx.conn)?;
            rules::same_pairing(&mut faults, "/conference", of_conference, pairing);
        }
        if let (true, Some(pairing)) = (status != Status::Draft, pairing_id) {
            parties::require_both_sides(tx.conn, &mut faults, pairing, &signed)?;
        }
        if let Some((id, before)) = before {
            rules::transition(&mut faults, before.status, status, before.status.next());
            let had: Vec<i64> = before.parent.iter().map(|parent| parent.id).collect();
            record::no_cycle(tx.conn, &mut faults, Self::KIND, EDGES, "/parent", id, (&had, parent_id.as_slice()))?;
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
            conference_id,
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
        let Some(fields) = merged.as_object_mut().filter(|fields| fields.get("status") != before.get("status")) else {
            return;
        };
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
        let texts = [new.number.as_ref(), new.note.as_ref()];
        let texts = texts.into_iter().flatten().map(String::as_str);
        Text::all(Some(&new.title)).chain(Text::all(new.summary.as_ref())).chain(texts).collect()
    }

    record_parts!(Agreement, NewAgreement, code required);
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
