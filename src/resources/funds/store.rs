//! Queries and writes of funds.

use std::collections::HashMap;

use diesel::prelude::*;

use super::api::{Fund, FundFilter, FundParts, NewFund};
use super::{Funds, Source};
use crate::db::page::{PageIds, PageRequest};
use crate::db::schema::{fund_source_kinds, funds};
use crate::db::{Conn, MultiBackend};
use crate::error::{Faults, Result};
use crate::record::{ReadContext, Resource, Tx};
use crate::resources::fields::{Changeset, Loading};
use crate::{filter, keyset, msg, rules};

impl Resource for Funds {
    type Filter = FundFilter;

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
        keyset!(conn, page, filter.sort, filtered, funds)
    }

    fn load(conn: &mut Conn, ids: &[i64], _: ReadContext) -> Result<Vec<Fund>> {
        let loading = Loading::<Self>::begin(conn, ids)?;
        let mut sources_of: HashMap<i64, Vec<Source>> = HashMap::new();
        for (fund, source) in sources(conn, ids)? {
            sources_of.entry(fund).or_default().push(source);
        }
        loading.finish(conn, |head, _, _| FundParts { source_kinds: sources_of.remove(&head.id).unwrap_or_default() })
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Fund)>, new: NewFund) -> Result<i64> {
        let mut change = Changeset::<Self>::resolve(tx, before, &new)?;
        for (index, kind) in new.source_kinds.iter().enumerate() {
            if new.source_kinds[..index].contains(kind) {
                let message = msg!("“{kind}”重复出现。", "names \"{kind}\" a second time");
                change.faults.push(format!("/source_kinds/{index}"), "repeated", message);
            }
        }
        let id = change.write(tx, before)?;
        put_sources(tx.conn, id, new.source_kinds)?;
        Ok(id)
    }

    fn validate(new: &NewFund, faults: &mut Faults) {
        rules::period(faults, new.starts_on, new.ends_on, "/ends_on", "starts_on");
    }
}

fn sources(conn: &mut Conn, ids: &[i64]) -> Result<Vec<(i64, Source)>> {
    use fund_source_kinds as s;
    let of_page = s::table.filter(s::fund_id.eq_any(ids)).order((s::fund_id, s::position));
    Ok(of_page.select((s::fund_id, s::kind)).load(conn)?)
}

/// Replaces the kinds of a fund's sources.
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
