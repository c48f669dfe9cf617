//! The rows of twinnings.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::prelude::*;

use super::Twinnings;
use super::api::{NewTwinning, Sort, Twinning, TwinningFilter};
use crate::access::Scope;
use crate::db::page::{self, PageIds, PageRequest};
use crate::db::reference::{Kind, Reference, References};
use crate::db::schema::twinnings;
use crate::db::{Conn, MultiBackend};
use crate::error::{Error, Faults, Result};
use crate::model::sheet::Sheet;
use crate::model::text::Text;
use crate::model::types::{Code, Instant};
use crate::record::{ReadContext, Resource, Tx, citations};
use crate::resources::{organizations, pairings, sectors};
use crate::{filter, keyset, msg, put_row, record_parts};

#[derive(Queryable, Selectable)]
#[diesel(table_name = twinnings)]
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
#[diesel(table_name = twinnings, treat_none_as_null = true)]
struct Values {
    code: Option<String>,
    pairing_id: i64,
    supporter_organization_id: i64,
    recipient_organization_id: i64,
    sector_id: Option<i64>,
    from_on: Option<NaiveDate>,
    to_on: Option<NaiveDate>,
    note: Option<String>,
}

impl Resource for Twinnings {
    type Read = Twinning;
    type New = NewTwinning;
    type Filter = TwinningFilter;

    const KIND: &'static Kind = &super::KIND;
    const NEW: &'static str = "NewTwinning";
    const SHEET: Option<&'static Sheet> = Some(&super::sheet::SHEET);

    fn page(conn: &mut Conn, filter: &TwinningFilter, page: &PageRequest, _: ReadContext) -> Result<PageIds> {
        let filtered = |conn: &mut Conn| -> Result<_> {
            let TwinningFilter {
                q,
                programme,
                pairing,
                supporter_organization,
                recipient_organization,
                organization,
                sector,
                active_on,
                updated_since,
                sort: _,
            } = filter;
            let mut faults = Faults::default();
            let mut query = twinnings::table.into_boxed::<MultiBackend>();
            filter!(query, conn, faults, twinnings:
                text(q),
                programme(programme),
                reference(pairing => pairings.pairing_id),
                reference(supporter_organization => organizations.supporter_organization_id),
                reference(recipient_organization => organizations.recipient_organization_id),
                reference(sector => sectors.sector_id),
                active(active_on => from_on, to_on),
                since(updated_since),
            );
            if let Some(organization) = organization {
                use twinnings::{recipient_organization_id, supporter_organization_id};
                let id = organizations::KIND.resolve(conn, &mut faults, "/query/organization", organization)?;
                let id = id.unwrap_or(0);
                query = query.filter(supporter_organization_id.eq(id).or(recipient_organization_id.eq(id)));
            }
            faults.refuse()?;
            Ok(query)
        };
        keyset!(conn, page, filter.sort.unwrap_or(Sort::Id), filtered, twinnings, {
            Sort::Id => asc id: i64,
            Sort::IdDesc => desc id: i64,
            Sort::FromOn => asc from_order: NaiveDate,
            Sort::FromOnDesc => desc from_order: NaiveDate,
            Sort::UpdatedAt => asc updated_at: Instant,
            Sort::UpdatedAtDesc => desc updated_at: Instant,
        })
    }

    fn load(conn: &mut Conn, ids: &[i64], _: ReadContext) -> Result<Vec<Twinning>> {
        let rows: Vec<Row> = twinnings::table.filter(twinnings::id.eq_any(ids)).select(Row::as_select()).load(conn)?;
        let mut references = References::default();
        for row in &rows {
            references.want(&pairings::KIND, row.values.pairing_id);
            references.want(&organizations::KIND, row.values.supporter_organization_id);
            references.want(&organizations::KIND, row.values.recipient_organization_id);
            references.want(&sectors::KIND, row.values.sector_id);
        }
        references.load(conn)?;
        let mut cited = citations::load(conn, Self::KIND, ids)?;
        Ok(page::in_order(ids, rows, |row| row.id)
            .map(|row| Twinning {
                id: row.id,
                code: row.values.code.map(Code),
                version: row.version,
                created_at: row.created_at,
                updated_at: row.updated_at,
                pairing: references.get(&pairings::KIND, row.values.pairing_id),
                supporter_organization: references.get(&organizations::KIND, row.values.supporter_organization_id),
                recipient_organization: references.get(&organizations::KIND, row.values.recipient_organization_id),
                sector: references.optional(&sectors::KIND, row.values.sector_id),
                from_on: row.values.from_on,
                to_on: row.values.to_on,
                note: row.values.note,
                citations: cited.remove(&row.id).unwrap_or_default(),
            })
            .collect())
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Twinning)>, new: NewTwinning) -> Result<i64> {
        let NewTwinning {
            code,
            pairing,
            supporter_organization,
            recipient_organization,
            sector,
            from_on,
            to_on,
            note,
            citations: _,
        } = new;
        let mut faults = Faults::default();
        let pairing_id = pairings::KIND.resolve(tx.conn, &mut faults, "/pairing", &pairing)?;
        let supporter =
            organizations::KIND.resolve(tx.conn, &mut faults, "/supporter_organization", &supporter_organization)?;
        let recipient =
            organizations::KIND.resolve(tx.conn, &mut faults, "/recipient_organization", &recipient_organization)?;
        let sector_id = sectors::KIND.resolve_optional(tx.conn, &mut faults, "/sector", sector.as_ref())?;
        if supporter.is_some() && supporter == recipient {
            faults.push(
                "/recipient_organization",
                "same",
                msg!("须不同于支援方单位。", "must be another organization than the supporters'"),
            );
        }
        faults.refuse()?;
        let (Some(pairing_id), Some(supporter), Some(recipient)) = (pairing_id, supporter, recipient) else {
            return Err(Error::unexpected("a reference was lost"));
        };
        let values = Values {
            code: code.map(|code| code.0),
            pairing_id,
            supporter_organization_id: supporter,
            recipient_organization_id: recipient,
            sector_id,
            from_on,
            to_on,
            note,
        };
        Ok(put_row!(tx, twinnings, before.map(|(id, _)| id), values))
    }

    fn scope(conn: &mut Conn, id: i64) -> Result<Scope> {
        Ok(Scope::Pairing(twinnings::table.find(id).select(twinnings::pairing_id).first(conn)?))
    }

    fn scope_of_new(conn: &mut Conn, new: &NewTwinning) -> Result<Option<Scope>> {
        Ok(pairings::KIND.find(conn, &new.pairing)?.map(Scope::Pairing))
    }

    fn texts(new: &NewTwinning) -> Vec<&str> {
        new.note.iter().map(String::as_str).collect()
    }

    record_parts!(Twinning, NewTwinning, code optional);
}

/// A twinning goes by its two organizations; in English only where both have an English name.
pub fn references(conn: &mut Conn, ids: &[i64]) -> QueryResult<Vec<Reference>> {
    use twinnings as t;
    let rows: Vec<(i64, Option<String>, i64, i64)> = t::table
        .filter(t::id.eq_any(ids))
        .select((t::id, t::code, t::supporter_organization_id, t::recipient_organization_id))
        .load(conn)?;
    let sides: Vec<i64> = rows.iter().flat_map(|(_, _, supporter, recipient)| [*supporter, *recipient]).collect();
    let found = (organizations::KIND.references)(conn, &sides)?;
    let names: HashMap<i64, Text> = found.into_iter().map(|reference| (reference.id, reference.name)).collect();
    let named = |(id, code, supporter, recipient)| {
        let (a, b) = (names.get(&supporter)?, names.get(&recipient)?);
        let en = a.en.as_ref().zip(b.en.as_ref()).map(|(a, b)| format!("{a} – {b}"));
        Some(Reference { id, code, name: Text { zh: format!("{}—{}", a.zh, b.zh), en } })
    };
    Ok(rows.into_iter().filter_map(named).collect())
}
