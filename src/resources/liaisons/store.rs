//! Queries and writes of liaisons.

use chrono::NaiveDate;
use diesel::prelude::*;

use super::api::{Liaison, LiaisonFilter, NewLiaison, Sort, validate};
use super::{Body, Liaisons};
use crate::db::Conn;
use crate::db::page::{PageIds, PageRequest};
use crate::db::reference::Reference;
use crate::db::schema::liaisons;
use crate::error::{Faults, Result};
use crate::model::text::Text;
use crate::model::types::Instant;
use crate::record::{ReadContext, Resource, Tx};
use crate::resources::fields::{Changeset, Loading};
use crate::{filter, keyset};

impl Resource for Liaisons {
    type Filter = LiaisonFilter;

    fn page(conn: &mut Conn, filter: &LiaisonFilter, page: &PageRequest, _: ReadContext) -> Result<PageIds> {
        let filtered = |conn: &mut Conn| -> Result<_> {
            filter!(conn, liaisons, filter => LiaisonFilter {
                text(q),
                programme(programme),
                reference(pairing => pairings.pairing_id),
                among(body => body),
                reference(organization => organizations.organization_id),
                active(active_on => from_on, to_on),
                since(updated_since),
            })
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
        Loading::<Self>::begin(conn, ids)?.finish(conn, |_, _, _| ())
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Liaison)>, new: NewLiaison) -> Result<i64> {
        Changeset::<Self>::resolve(tx, before, &new)?.write(tx, before)
    }

    fn validate(new: &NewLiaison, faults: &mut Faults) {
        validate(new, faults);
    }
}

/// References to liaisons, named by the person's name, else the title, else the body.
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
