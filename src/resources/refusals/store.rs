//! Queries and writes of refusals, for reading.

use diesel::prelude::*;

use super::api::{Refusal, RefusalFilter, Sort};
use crate::db::page::{self, PageIds, PageRequest};
use crate::db::schema::request_refusals;
use crate::db::{Conn, MultiBackend};
use crate::error::Result;
use crate::keyset;
use crate::model::types::Instant;

#[derive(Queryable, Selectable)]
#[diesel(table_name = request_refusals)]
struct Row {
    id: i64,
    network: String,
    actor: String,
    actor_id: String,
    operation: String,
    code: String,
    method: String,
    path: String,
    status: Option<i32>,
    request_id: String,
    count: i64,
    first_at: Instant,
    last_at: Instant,
}

impl From<Row> for Refusal {
    fn from(row: Row) -> Refusal {
        let Row {
            id,
            network,
            actor,
            actor_id,
            operation,
            code,
            method,
            path,
            status,
            request_id,
            count,
            first_at,
            last_at,
        } = row;
        let known = |text: String| (!text.is_empty()).then_some(text);
        Refusal {
            id,
            first_at,
            last_at,
            count,
            network: known(network),
            actor,
            actor_id,
            operation: known(operation),
            code,
            status,
            method: known(method),
            path: known(path),
            request_id,
        }
    }
}

/// A page of refusals.
pub fn page(conn: &mut Conn, filter: &RefusalFilter, page: &PageRequest) -> Result<PageIds> {
    let filtered = |_: &mut Conn| -> Result<_> { Ok(filtered(filter)) };
    keyset!(conn, page, filter.sort.unwrap_or(Sort::FirstAtDesc), filtered, unversioned request_refusals, {
        Sort::FirstAt => asc first_at: Instant,
        Sort::FirstAtDesc => desc first_at: Instant,
    })
}

fn filtered(filter: &RefusalFilter) -> request_refusals::BoxedQuery<'_, MultiBackend> {
    use request_refusals::dsl as r;
    let RefusalFilter { actor, operation, code, network, first_from, first_before, sort: _ } = filter;
    let mut query = r::request_refusals.into_boxed::<MultiBackend>();
    if let Some(actor) = actor {
        query = query.filter(r::actor.eq(actor));
    }
    if let Some(operation) = operation {
        query = query.filter(r::operation.eq(operation));
    }
    if let Some(code) = code {
        query = query.filter(r::code.eq(code));
    }
    if let Some(network) = network {
        query = query.filter(r::network.eq(network));
    }
    if let Some(from) = first_from {
        query = query.filter(r::first_at.ge(Instant::from(*from)));
    }
    if let Some(before) = first_before {
        query = query.filter(r::first_at.lt(Instant::from(*before)));
    }
    query
}

/// Refusals by id, in order.
pub fn load(conn: &mut Conn, ids: &[i64]) -> Result<Vec<Refusal>> {
    let rows: Vec<Row> =
        request_refusals::table.filter(request_refusals::id.eq_any(ids)).select(Row::as_select()).load(conn)?;
    Ok(page::in_order(ids, rows, |row| row.id).map(Refusal::from).collect())
}
