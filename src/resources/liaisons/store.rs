//! The rows of liaisons.

use chrono::NaiveDate;
use diesel::prelude::*;

use super::api::{Liaison, LiaisonFilter, NewLiaison, Sort};
use super::{Body, Liaisons};
use crate::access::Scope;
use crate::db::page::{self, PageIds, PageRequest};
use crate::db::reference::{Kind, Reference, References};
use crate::db::schema::liaisons;
use crate::db::{Conn, MultiBackend};
use crate::error::{Error, Faults, Result};
use crate::model::sheet::Sheet;
use crate::model::text::Text;
use crate::model::types::{Code, Instant};
use crate::record::{ReadContext, Resource, Tx, citations};
use crate::resources::{organizations, pairings};
use crate::{filter, keyset, put_row, record_parts};

#[derive(Queryable, Selectable)]
#[diesel(table_name = liaisons)]
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
#[diesel(table_name = liaisons, treat_none_as_null = true)]
struct Values {
    code: Option<String>,
    pairing_id: i64,
    name: Option<String>,
    title: Option<String>,
    body: Option<Body>,
    organization_id: Option<i64>,
    from_on: Option<NaiveDate>,
    to_on: Option<NaiveDate>,
    contact: Option<String>,
    note: Option<String>,
}

impl Resource for Liaisons {
    type Read = Liaison;
    type New = NewLiaison;
    type Filter = LiaisonFilter;

    const KIND: &'static Kind = &super::KIND;
    const NEW: &'static str = "NewLiaison";
    const SHEET: Option<&'static Sheet> = Some(&super::sheet::SHEET);

    fn page(conn: &mut Conn, filter: &LiaisonFilter, page: &PageRequest, _: ReadContext) -> Result<PageIds> {
        let filtered = |conn: &mut Conn| -> Result<_> {
            let LiaisonFilter { q, programme, pairing, body, organization, active_on, updated_since, sort: _ } = filter;
            let mut faults = Faults::default();
            let mut query = liaisons::table.into_boxed::<MultiBackend>();
            filter!(query, conn, faults, liaisons:
                text(q),
                programme(programme),
                reference(pairing => pairings.pairing_id),
                among(body => body),
                reference(organization => organizations.organization_id),
                active(active_on => from_on, to_on),
                since(updated_since),
            );
            faults.refuse()?;
            Ok(query)
        };
        keyset!(conn, page, filter.sort.unwrap_or(Sort::Id), filtered, liaisons, {
            Sort::Id => asc id: i64,
            Sort::IdDesc => desc id: i64,
            Sort::FromOn => asc from_order: NaiveDate,
            Sort::FromOnDesc => desc from_order: NaiveDate,
            Sort::UpdatedAt => asc updated_at: Instant,
            Sort::UpdatedAtDesc => desc updated_at: Instant,
        })
    }

    fn load(conn: &mut Conn, ids: &[i64], _: ReadContext) -> Result<Vec<Liaison>> {
        let rows: Vec<Row> = liaisons::table.filter(liaisons::id.eq_any(ids)).select(Row::as_select()).load(conn)?;
        let mut references = References::default();
        for row in &rows {
            references.want(&pairings::KIND, row.values.pairing_id);
            references.want(&organizations::KIND, row.values.organization_id);
        }
        references.load(conn)?;
        let mut cited = citations::load(conn, Self::KIND, ids)?;
        Ok(page::in_order(ids, rows, |row| row.id)
            .map(|row| Liaison {
                id: row.id,
                code: row.values.code.map(Code),
                version: row.version,
                created_at: row.created_at,
                updated_at: row.updated_at,
                pairing: references.get(&pairings::KIND, row.values.pairing_id),
                name: row.values.name,
                title: row.values.title,
                body: row.values.body,
                organization: references.optional(&organizations::KIND, row.values.organization_id),
                from_on: row.values.from_on,
                to_on: row.values.to_on,
                contact: row.values.contact,
                note: row.values.note,
                citations: cited.remove(&row.id).unwrap_or_default(),
            })
            .collect())
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Liaison)>, new: NewLiaison) -> Result<i64> {
        let NewLiaison { code, pairing, name, title, body, organization, from_on, to_on, contact, note, citations: _ } =
            new;
        let mut faults = Faults::default();
        let pairing_id = pairings::KIND.resolve(tx.conn, &mut faults, "/pairing", &pairing)?;
        let organization_id =
            organizations::KIND.resolve_optional(tx.conn, &mut faults, "/organization", organization.as_ref())?;
        faults.refuse()?;
        let Some(pairing_id) = pairing_id else { return Err(Error::unexpected("a reference was lost")) };
        let values = Values {
            code: code.map(|code| code.0),
            pairing_id,
            name,
            title,
            body,
            organization_id,
            from_on,
            to_on,
            contact,
            note,
        };
        Ok(put_row!(tx, liaisons, before.map(|(id, _)| id), values))
    }

    fn scope(conn: &mut Conn, id: i64) -> Result<Scope> {
        Ok(Scope::Pairing(liaisons::table.find(id).select(liaisons::pairing_id).first(conn)?))
    }

    fn scope_of_new(conn: &mut Conn, new: &NewLiaison) -> Result<Option<Scope>> {
        Ok(pairings::KIND.find(conn, &new.pairing)?.map(Scope::Pairing))
    }

    // Never the contact: who may not see it must not find by it either.
    fn texts(new: &NewLiaison) -> Vec<&str> {
        [&new.name, &new.title, &new.note].into_iter().flatten().map(String::as_str).collect()
    }

    record_parts!(Liaison, NewLiaison, code optional);
}

/// A liaison goes by the person's name, or the office, or the body.
pub fn references(conn: &mut Conn, ids: &[i64]) -> QueryResult<Vec<Reference>> {
    use liaisons as l;
    type Named = (i64, Option<String>, Option<String>, Option<String>, Option<Body>);
    let rows: Vec<Named> =
        l::table.filter(l::id.eq_any(ids)).select((l::id, l::code, l::name, l::title, l::body)).load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(id, code, name, title, body)| {
            let (zh, en) = body.map_or(("挂钩联系", "liaison"), Body::words);
            let words = || Text { zh: zh.to_owned(), en: Some(en.to_owned()) };
            let name = name.or(title).map_or_else(words, |zh| Text { zh, en: None });
            Reference { id, code, name }
        })
        .collect())
}
