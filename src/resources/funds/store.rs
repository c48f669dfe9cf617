//! The rows of funds.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::prelude::*;

use super::api::{Fund, FundFilter, NewFund};
use super::{Funds, Source};
use crate::access::Scope;
use crate::db::page::{self, PageIds, PageRequest};
use crate::db::reference::{self, References};
use crate::db::schema::{fund_source_kinds, funds};
use crate::db::{Conn, MultiBackend};
use crate::error::{Error, Faults, Result};
use crate::model::sheet::Sheet;
use crate::model::text::Text;
use crate::model::types::{Code, Instant};
use crate::record::{ReadContext, Resource, Tx, citations};
use crate::resources::{programmes, sectors};
use crate::{filter, links, msg, put_links, put_row, record_page, record_parts};

#[derive(Queryable, Selectable)]
#[diesel(table_name = funds)]
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
#[diesel(table_name = funds, treat_none_as_null = true)]
struct Values {
    code: String,
    programme_id: i64,
    name_zh: String,
    name_en: Option<String>,
    starts_on: Option<NaiveDate>,
    ends_on: Option<NaiveDate>,
    note: Option<String>,
}

impl Resource for Funds {
    type Read = Fund;
    type New = NewFund;
    type Filter = FundFilter;

    const KIND: &'static reference::Kind = &super::KIND;
    const NEW: &'static str = "NewFund";
    const SHEET: Option<&'static Sheet> = Some(&super::sheet::SHEET);

    fn page(conn: &mut Conn, filter: &FundFilter, page: &PageRequest, _: ReadContext) -> Result<PageIds> {
        let filtered = |conn: &mut Conn| -> Result<_> {
            let FundFilter { q, programme, focus, source_kind, starts_from, starts_to, updated_since, sort: _ } =
                filter;
            let mut faults = Faults::default();
            let mut query = funds::table.into_boxed::<MultiBackend>();
            filter!(query, conn, faults, funds:
                text(q),
                reference(programme => programmes.programme_id),
                linked(focus => sectors in fund_sectors(fund_id, sector_id)),
                from(starts_from => starts_on),
                to(starts_to => starts_on),
                since(updated_since),
            );
            faults.refuse()?;
            if !source_kind.is_empty() {
                let from_them = fund_source_kinds::table.filter(fund_source_kinds::kind.eq_any(source_kind));
                query = query.filter(funds::id.eq_any(from_them.select(fund_source_kinds::fund_id)));
            }
            Ok(query)
        };
        record_page!(conn, page, filter.sort, filtered, funds)
    }

    fn load(conn: &mut Conn, ids: &[i64], _: ReadContext) -> Result<Vec<Fund>> {
        let rows: Vec<Row> = funds::table.filter(funds::id.eq_any(ids)).select(Row::as_select()).load(conn)?;
        let focus = links!(conn, fund_sectors, fund_id in ids, sector_id);
        let mut references = References::default();
        rows.iter().for_each(|row| references.want(&programmes::KIND, row.values.programme_id));
        focus.iter().for_each(|(_, sector)| references.want(&sectors::KIND, *sector));
        references.load(conn)?;
        let mut sources_of: HashMap<i64, Vec<Source>> = HashMap::new();
        for (fund, source) in sources(conn, ids)? {
            sources_of.entry(fund).or_default().push(source);
        }
        let mut cited = citations::load(conn, Self::KIND, ids)?;
        Ok(page::in_order(ids, rows, |row| row.id)
            .map(|row| Fund {
                id: row.id,
                code: Code(row.values.code),
                version: row.version,
                created_at: row.created_at,
                updated_at: row.updated_at,
                programme: references.get(&programmes::KIND, row.values.programme_id),
                name: Text { zh: row.values.name_zh, en: row.values.name_en },
                starts_on: row.values.starts_on,
                ends_on: row.values.ends_on,
                focus: references.linked(&sectors::KIND, &focus, row.id),
                source_kinds: sources_of.remove(&row.id).unwrap_or_default(),
                note: row.values.note,
                citations: cited.remove(&row.id).unwrap_or_default(),
            })
            .collect())
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Fund)>, new: NewFund) -> Result<i64> {
        let NewFund { code, programme, name, starts_on, ends_on, focus, source_kinds, note, citations: _ } = new;
        let mut faults = Faults::default();
        let programme_id = programmes::KIND.resolve(tx.conn, &mut faults, "/programme", &programme)?;
        let sector_ids = sectors::KIND.resolve_all(tx.conn, &mut faults, "/focus", &focus)?;
        for (index, kind) in source_kinds.iter().enumerate() {
            if source_kinds[..index].contains(kind) {
                let pointer = format!("/source_kinds/{index}");
                faults.push(pointer, "repeated", msg!("“{kind}”重复出现。", "names \"{kind}\" a second time"));
            }
        }
        faults.refuse()?;
        let Some(programme_id) = programme_id else { return Err(Error::unexpected("a reference was lost")) };
        let values =
            Values { code: code.0, programme_id, name_zh: name.zh, name_en: name.en, starts_on, ends_on, note };
        let id = put_row!(tx, funds, before.map(|(id, _)| id), values);
        put_links!(tx, fund_sectors, fund_id = id, sector_id in sector_ids);
        put_sources(tx.conn, id, source_kinds)?;
        Ok(id)
    }

    fn scope(_: &mut Conn, _: i64) -> Result<Scope> {
        Ok(Scope::Shared)
    }

    fn scope_of_new(_: &mut Conn, _: &NewFund) -> Result<Option<Scope>> {
        Ok(Some(Scope::Shared))
    }

    fn texts(new: &NewFund) -> Vec<&str> {
        Text::all(Some(&new.name)).chain(new.note.as_deref()).collect()
    }

    record_parts!(Fund, NewFund, code required);
}

fn sources(conn: &mut Conn, ids: &[i64]) -> Result<Vec<(i64, Source)>> {
    use fund_source_kinds as s;
    let of_page = s::table.filter(s::fund_id.eq_any(ids)).order((s::fund_id, s::position));
    Ok(of_page.select((s::fund_id, s::kind)).load(conn)?)
}

/// Puts the kinds of a fund's sources in place of those that are there.
fn put_sources(conn: &mut Conn, fund: i64, kinds: Vec<Source>) -> Result<()> {
    use fund_source_kinds as s;
    diesel::delete(s::table.filter(s::fund_id.eq(fund))).execute(conn)?;
    for (position, kind) in (0_i32..).zip(kinds) {
        diesel::insert_into(s::table)
            .values((s::fund_id.eq(fund), s::kind.eq(kind), s::position.eq(position)))
            .execute(conn)?;
    }
    Ok(())
}
