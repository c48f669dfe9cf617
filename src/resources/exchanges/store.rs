//! Queries and writes of exchanges.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::prelude::*;

use super::api::{Exchange, ExchangeFilter, ExchangeParts, NewExchange, PersonName, Sort, validate};
use super::{Direction, Exchanges, Profession, stage};
use crate::db::Conn;
use crate::db::page::{PageIds, PageRequest};
use crate::db::reference::Reference;
use crate::db::schema::{exchange_names, exchanges};
use crate::error::{Faults, Result};
use crate::model::text::Text;
use crate::model::types::Instant;
use crate::record::{ReadContext, Resource, Tx};
use crate::resources::fields::{Changeset, Loading};
use crate::{filter, keyset, msg, rules};

impl Resource for Exchanges {
    type Filter = ExchangeFilter;

    fn page(conn: &mut Conn, filter: &ExchangeFilter, page: &PageRequest, _: ReadContext) -> Result<PageIds> {
        let filtered = |conn: &mut Conn| -> Result<_> {
            filter!(conn, exchanges, filter => ExchangeFilter {
                text(q),
                programme(programme),
                reference(pairing => pairings.pairing_id),
                among(profession => profession),
                among(direction => direction),
                among(status => status),
                reference(sending => organizations.sending_id),
                reference(hosting => organizations.hosting_id),
                from(planned_start_from => planned_start_on),
                to(planned_start_to => planned_start_on),
                from(actual_start_from => actual_start_on),
                to(actual_start_to => actual_start_on),
                since(updated_since),
            })
        };
        keyset!(conn, page, filter.sort.unwrap_or(Sort::Id), filtered, exchanges, {
            Sort::Id => asc id: i64,
            Sort::IdDesc => desc id: i64,
            Sort::PlannedStartOn => asc planned_start_order: NaiveDate,
            Sort::PlannedStartOnDesc => desc planned_start_order: NaiveDate,
            Sort::ActualStartOn => asc actual_start_order: NaiveDate,
            Sort::ActualStartOnDesc => desc actual_start_order: NaiveDate,
            Sort::UpdatedAt => asc updated_at: Instant,
            Sort::UpdatedAtDesc => desc updated_at: Instant,
        })
    }

    fn load(conn: &mut Conn, ids: &[i64], view: ReadContext) -> Result<Vec<Exchange>> {
        let loading = Loading::<Self>::begin(conn, ids)?;
        let mut names = names(conn, ids)?;
        loading.finish(conn, |head, row, _| ExchangeParts {
            names: Some(names.remove(&head.id).unwrap_or_default()),
            stage: stage(row.status, row.actual_start_on, row.actual_end_on, view.as_of),
        })
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Exchange)>, new: NewExchange) -> Result<i64> {
        let mut change = Changeset::<Self>::resolve(tx, before, &new)?;
        let faults = &mut change.faults;
        if change.row.sending_id.is_some() && change.row.sending_id == change.row.hosting_id {
            faults.push(
                "/hosting",
                "same",
                msg!("接收单位须不同于派出单位。", "must be another organization than the sending one"),
            );
        }
        rules::not_in_future(faults, "/actual_start_on", new.actual_start_on, tx.today);
        rules::not_in_future(faults, "/actual_end_on", new.actual_end_on, tx.today);
        if let Some((_, before)) = before {
            rules::transition(faults, before.status, new.status, before.status.next());
        }
        let id = change.write(tx, before)?;
        put_names(tx.conn, id, new.names)?;
        Ok(id)
    }

    fn validate(new: &NewExchange, faults: &mut Faults) {
        validate(new, faults);
    }
}

/// The names of exchanges, by exchange, in order.
fn names(conn: &mut Conn, ids: &[i64]) -> Result<HashMap<i64, Vec<PersonName>>> {
    use exchange_names as n;
    let of_page = n::table.filter(n::exchange_id.eq_any(ids)).order((n::exchange_id, n::position));
    let rows: Vec<(i64, String)> = of_page.select((n::exchange_id, n::name)).load(conn)?;
    let mut by_exchange: HashMap<i64, Vec<PersonName>> = HashMap::new();
    for (exchange, name) in rows {
        by_exchange.entry(exchange).or_default().push(PersonName(name));
    }
    Ok(by_exchange)
}

/// Replaces an exchange's names.
fn put_names(conn: &mut Conn, exchange: i64, names: Vec<PersonName>) -> Result<()> {
    use exchange_names as n;
    diesel::delete(n::table.filter(n::exchange_id.eq(exchange))).execute(conn)?;
    for (position, name) in (0_i32..).zip(names) {
        diesel::insert_into(n::table)
            .values((n::exchange_id.eq(exchange), n::position.eq(position), n::name.eq(name.0)))
            .execute(conn)?;
    }
    Ok(())
}

/// References to exchanges, named by profession, headcount if known, and direction: 教师5人交流（支援方→受援方）.
pub fn references(conn: &mut Conn, ids: &[i64]) -> QueryResult<Vec<Reference>> {
    use exchanges as e;
    type Named = (i64, Option<String>, Profession, Direction, Option<i64>);
    let rows: Vec<Named> = e::table
        .filter(e::id.eq_any(ids))
        .select((e::id, e::code, e::profession, e::direction, e::headcount))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(id, code, profession, direction, headcount)| {
            let ((who_zh, who_en), (way_zh, way_en)) = (profession.words(), direction.words());
            let (count_zh, count_en) = match headcount {
                Some(count) => (format!("{count}人"), format!(" of {count}")),
                None => Default::default(),
            };
            let zh = format!("{who_zh}{count_zh}交流（{way_zh}）");
            let en = format!("{who_en} exchange{count_en} ({way_en})");
            Reference { id, code, name: Text { zh, en: Some(en) } }
        })
        .collect())
}
