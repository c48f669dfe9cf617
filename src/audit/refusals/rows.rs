//! Statements that store refusals.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use diesel::prelude::*;

use super::{ANONYMOUS, Alike, Counted, OTHER};
use crate::db::schema::request_refusals;
use crate::db::{Conn, backend};
use crate::error::{Error, Result};
use crate::model::types::Instant;

/// Maximum number of rows per hour for requests without and with a valid key. Separate limits, so that anonymous
/// clients cannot displace the rows of keys.
pub const ROWS_OF_ANONYMOUS: i64 = 150;
pub const ROWS_OF_KEYS: i64 = 50;
/// Rows deleted in one transaction.
pub const SWEPT_TOGETHER: i64 = 5_000;

/// Adds counts to existing rows and inserts the others.
pub fn put_all(conn: &mut Conn, rows: Vec<(Alike, Counted)>) -> Result<()> {
    // Without the lock, two processes could insert the same row.
    backend::lock_kind(conn, "request_refusals")?;
    // Rows per hour, for anonymous requests and for keys.
    let mut counts: HashMap<(Instant, bool), i64> = HashMap::new();
    for (alike, counted) in rows {
        if add(conn, &alike, &counted)? {
            continue;
        }
        let is_anonymous = alike.actor_id == ANONYMOUS;
        let count = match counts.entry((alike.hour, is_anonymous)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(count_rows(conn, alike.hour, is_anonymous)?),
        };
        let most = if is_anonymous { ROWS_OF_ANONYMOUS } else { ROWS_OF_KEYS };
        if alike.is_other() {
            insert(conn, &alike, counted)?;
        } else if *count < most {
            *count += 1;
            insert(conn, &alike, counted)?;
        } else {
            let (alike, counted) = (Alike::other(alike.hour), counted.into_other());
            if !add(conn, &alike, &counted)? {
                insert(conn, &alike, counted)?;
            }
        }
    }
    Ok(())
}

fn count_rows(conn: &mut Conn, hour: Instant, is_anonymous: bool) -> Result<i64> {
    use request_refusals::dsl as r;
    let of_hour = r::request_refusals.filter(r::hour.eq(hour)).filter(r::actor_id.ne(OTHER)).count();
    Ok(if is_anonymous {
        of_hour.filter(r::actor_id.eq(ANONYMOUS)).get_result(conn)?
    } else {
        of_hour.filter(r::actor_id.ne(ANONYMOUS)).get_result(conn)?
    })
}

/// Adds to a row; returns false if it does not exist.
fn add(conn: &mut Conn, alike: &Alike, counted: &Counted) -> Result<bool> {
    use request_refusals::dsl as r;
    let Alike { hour, network, actor_id, operation, code } = alike;
    let row = r::request_refusals
        .filter(r::hour.eq(hour).and(r::network.eq(network)).and(r::actor_id.eq(actor_id)))
        .filter(r::operation.eq(operation).and(r::code.eq(code)));
    let changed = diesel::update(row)
        .set((r::count.eq(r::count + counted.count), r::last_at.eq(counted.last_at)))
        .execute(conn)?;
    Ok(changed > 0)
}

fn insert(conn: &mut Conn, alike: &Alike, counted: Counted) -> Result<()> {
    use request_refusals::dsl as r;
    let Alike { hour, network, actor_id, operation, code } = alike;
    let Counted { actor, method, path, status, request_id, count, first_at, last_at } = counted;
    diesel::insert_into(r::request_refusals)
        .values((
            (r::hour.eq(hour), r::network.eq(network), r::actor.eq(actor), r::actor_id.eq(actor_id)),
            (r::operation.eq(operation), r::code.eq(code), r::method.eq(method), r::path.eq(path)),
            (r::status.eq(status), r::request_id.eq(request_id)),
            (r::count.eq(count), r::first_at.eq(first_at), r::last_at.eq(last_at)),
        ))
        .execute(conn)?;
    Ok(())
}

/// Returns the rows that began before an instant, oldest first.
pub fn too_old(conn: &mut Conn, before: Instant, limit: i64) -> Result<Vec<i64>> {
    use request_refusals::dsl as r;
    let old = r::request_refusals.filter(r::first_at.lt(before)).order((r::first_at, r::id)).limit(limit);
    Ok(old.select(r::id).load(conn)?)
}

/// Deletes a batch of the rows that began before an instant; returns their number.
pub fn delete_old(conn: &mut Conn, before: Instant) -> Result<i64> {
    let ids = too_old(conn, before, SWEPT_TOGETHER)?;
    diesel::delete(request_refusals::table.filter(request_refusals::id.eq_any(&ids))).execute(conn)?;
    i64::try_from(ids.len()).map_err(Error::unexpected)
}
