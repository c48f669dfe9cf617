//! The rows of exchanges.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::prelude::*;

use super::api::{Exchange, ExchangeFilter, NewExchange, PersonName, Sort};
use super::{Direction, Exchanges, Profession, Status, stage};
use crate::access::Scope;
use crate::db::page::{self, PageIds, PageRequest};
use crate::db::reference::{Kind, Reference, References};
use crate::db::schema::{exchange_names, exchanges};
use crate::db::{Conn, MultiBackend};
use crate::error::{Error, Faults, Result};
use crate::model::sheet::Sheet;
use crate::model::text::Text;
use crate::model::types::{Code, Instant};
use crate::record::{ReadContext, Resource, Tx, citations};
use crate::resources::{organizations, pairings};
use crate::{filter, keyset, msg, put_row, record_parts, rules};

#[derive(Queryable, Selectable)]
#[diesel(table_name = exchanges)]
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
#[diesel(table_name = exchanges, treat_none_as_null = true)]
struct Values {
    code: Option<String>,
    pairing_id: i64,
    profession: Profession,
    direction: Direction,
    headcount: Option<i64>,
    sending_id: Option<i64>,
    hosting_id: Option<i64>,
    planned_start_on: Option<NaiveDate>,
    planned_end_on: Option<NaiveDate>,
    actual_start_on: Option<NaiveDate>,
    actual_end_on: Option<NaiveDate>,
    status: Status,
    note: Option<String>,
}

impl Resource for Exchanges {
    type Read = Exchange;
    type New = NewExchange;
    type Filter = ExchangeFilter;

    const KIND: &'static Kind = &super::KIND;
    const NEW: &'static str = "NewExchange";
    const SHEET: Option<&'static Sheet> = Some(&super::sheet::SHEET);
    const COMPUTED: &'static [&'static str] = &["stage"];

    fn page(conn: &mut Conn, filter: &ExchangeFilter, page: &PageRequest, _: ReadContext) -> Result<PageIds> {
        let filtered = |conn: &mut Conn| -> Result<_> {
            let ExchangeFilter {
                q,
                programme,
                pairing,
                profession,
                direction,
                status,
                sending,
                hosting,
                planned_start_from,
                planned_start_to,
                actual_start_from,
                actual_start_to,
                updated_since,
                sort: _,
            } = filter;
            let mut faults = Faults::default();
            let mut query = exchanges::table.into_boxed::<MultiBackend>();
            filter!(query, conn, faults, exchanges:
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
            );
            faults.refuse()?;
            Ok(query)
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
        let rows: Vec<Row> = exchanges::table.filter(exchanges::id.eq_any(ids)).select(Row::as_select()).load(conn)?;
        let mut names = names(conn, ids)?;
        let mut references = References::default();
        for row in &rows {
            references.want(&pairings::KIND, row.values.pairing_id);
            references.want(&organizations::KIND, row.values.sending_id);
            references.want(&organizations::KIND, row.values.hosting_id);
        }
        references.load(conn)?;
        let mut cited = citations::load(conn, Self::KIND, ids)?;
        Ok(page::in_order(ids, rows, |row| row.id)
            .map(|row| Exchange {
                id: row.id,
                code: row.values.code.map(Code),
                version: row.version,
                created_at: row.created_at,
                updated_at: row.updated_at,
                pairing: references.get(&pairings::KIND, row.values.pairing_id),
                profession: row.values.profession,
                direction: row.values.direction,
                headcount: row.values.headcount,
                sending: references.optional(&organizations::KIND, row.values.sending_id),
                hosting: references.optional(&organizations::KIND, row.values.hosting_id),
                planned_start_on: row.values.planned_start_on,
                planned_end_on: row.values.planned_end_on,
                actual_start_on: row.values.actual_start_on,
                actual_end_on: row.values.actual_end_on,
                status: row.values.status,
                names: Some(names.remove(&row.id).unwrap_or_default()),
                note: row.values.note,
                citations: cited.remove(&row.id).unwrap_or_default(),
                stage: stage(row.values.status, row.values.actual_start_on, row.values.actual_end_on, view.as_of),
            })
            .collect())
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Exchange)>, new: NewExchange) -> Result<i64> {
        let NewExchange {
            code,
            pairing,
            profession,
            direction,
            headcount,
            sending,
            hosting,
            planned_start_on,
            planned_end_on,
            actual_start_on,
            actual_end_on,
            status,
            names,
            note,
            citations: _,
        } = new;
        let mut faults = Faults::default();
        let pairing_id = pairings::KIND.resolve(tx.conn, &mut faults, "/pairing", &pairing)?;
        let sending_id = organizations::KIND.resolve_optional(tx.conn, &mut faults, "/sending", sending.as_ref())?;
        let hosting_id = organizations::KIND.resolve_optional(tx.conn, &mut faults, "/hosting", hosting.as_ref())?;
        if sending_id.is_some() && sending_id == hosting_id {
            faults.push(
                "/hosting",
                "same",
                msg!("接收单位须不同于派出单位。", "must be another organization than the sending one"),
            );
        }
        rules::not_in_future(&mut faults, "/actual_start_on", actual_start_on, tx.today);
        rules::not_in_future(&mut faults, "/actual_end_on", actual_end_on, tx.today);
        if let Some((_, before)) = before {
            rules::transition(&mut faults, before.status, status, before.status.next());
        }
        faults.refuse()?;
        let Some(pairing_id) = pairing_id else { return Err(Error::unexpected("a reference was lost")) };
        let values = Values {
            code: code.map(|code| code.0),
            pairing_id,
            profession,
            direction,
            headcount,
            sending_id,
            hosting_id,
            planned_start_on,
            planned_end_on,
            actual_start_on,
            actual_end_on,
            status,
            note,
        };
        let id = put_row!(tx, exchanges, before.map(|(id, _)| id), values);
        put_names(tx.conn, id, names)?;
        Ok(id)
    }

    fn scope(conn: &mut Conn, id: i64) -> Result<Scope> {
        Ok(Scope::Pairing(exchanges::table.find(id).select(exchanges::pairing_id).first(conn)?))
    }

    fn scope_of_new(conn: &mut Conn, new: &NewExchange) -> Result<Option<Scope>> {
        Ok(pairings::KIND.find(conn, &new.pairing)?.map(Scope::Pairing))
    }

    // Never the names: who may not see them must not find by them either.
    fn texts(new: &NewExchange) -> Vec<&str> {
        new.note.iter().map(String::as_str).collect()
    }

    record_parts!(Exchange, NewExchange, code optional);
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

/// Puts an exchange's names in place of those that are there.
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

/// An exchange goes by its profession, its headcount where it is known, and its direction: 教师5人交流（支援方→受援方）.
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
