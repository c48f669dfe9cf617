//! Queries and writes of twinnings.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::prelude::*;

use super::Twinnings;
use super::api::{NewTwinning, Sort, Twinning, TwinningFilter};
use crate::db::Conn;
use crate::db::page::{PageIds, PageRequest};
use crate::db::reference::Reference;
use crate::db::schema::twinnings;
use crate::error::{Faults, Result};
use crate::model::text::Text;
use crate::model::types::Instant;
use crate::record::{ReadContext, Resource, Tx};
use crate::resources::fields::{Changeset, Loading};
use crate::resources::organizations;
use crate::{filter, keyset, msg, rules};

impl Resource for Twinnings {
    type Filter = TwinningFilter;

    fn page(conn: &mut Conn, filter: &TwinningFilter, page: &PageRequest, _: ReadContext) -> Result<PageIds> {
        let filtered = |conn: &mut Conn| -> Result<_> {
            filter!(conn, twinnings, filter => TwinningFilter {
                text(q),
                programme(programme),
                reference(pairing => pairings.pairing_id),
                reference(supporter_organization => organizations.supporter_organization_id),
                reference(recipient_organization => organizations.recipient_organization_id),
                reference(sector => sectors.sector_id),
                active(active_on => from_on, to_on),
                since(updated_since),
                either(organization => organizations.supporter_organization_id, recipient_organization_id),
            })
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
        Loading::<Self>::begin(conn, ids)?.finish(conn, |_, _, _| ())
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Twinning)>, new: NewTwinning) -> Result<i64> {
        let mut change = Changeset::<Self>::resolve(tx, before, &new)?;
        let supporter: Option<i64> = change.ids.column("supporter_organization");
        if supporter.is_some() && supporter == change.ids.column("recipient_organization") {
            change.faults.push(
                "/recipient_organization",
                "same",
                msg!("须不同于支援方单位。", "must be another organization than the supporters'"),
            );
        }
        change.write(tx, before)
    }

    fn validate(new: &NewTwinning, faults: &mut Faults) {
        rules::period(faults, new.from_on, new.to_on, "/to_on", "from_on");
    }
}

/// References to twinnings, named by their two organizations; in English only if both have an English name.
pub fn references(conn: &mut Conn, ids: &[i64]) -> QueryResult<Vec<Reference>> {
    use twinnings as t;
    let rows: Vec<(i64, Option<String>, i64, i64)> = t::table
        .filter(t::id.eq_any(ids))
        .select((t::id, t::code, t::supporter_organization_id, t::recipient_organization_id))
        .load(conn)?;
    let sides: Vec<i64> = rows.iter().flat_map(|(_, _, supporter, recipient)| [*supporter, *recipient]).collect();
    let found = organizations::KIND.references(conn, &sides)?;
    let names: HashMap<i64, Text> = found.into_iter().map(|reference| (reference.id, reference.name)).collect();
    let named = |(id, code, supporter, recipient)| {
        let (a, b) = (names.get(&supporter)?, names.get(&recipient)?);
        let en = a.en.as_ref().zip(b.en.as_ref()).map(|(a, b)| format!("{a} – {b}"));
        Some(Reference { id, code, name: Text { zh: format!("{}—{}", a.zh, b.zh), en } })
    };
    Ok(rows.into_iter().filter_map(named).collect())
}
