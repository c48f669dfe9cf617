//! API keys: the look-up of their holder. Their format and verification are in [`super::secrets`].

use chrono::NaiveDate;
use diesel::prelude::*;

use super::secrets::keys::PresentedKey;
use super::secrets::validity::Validity;
use super::{Actor, Identity, Role};
use crate::db::Conn;
use crate::db::schema::{api_key_pairings, api_keys};
use crate::error::Result;
use crate::model::types::Instant;

/// Returns the holder of a key on a day of the service's time zone; `None` if it is unknown, revoked or expired.
/// Always read from the database, so a revocation on any replica takes effect immediately.
pub fn holder(conn: &mut Conn, presented: &PresentedKey, today: NaiveDate) -> Result<Option<Actor>> {
    type Row = ((i64, String, Role, String, Option<NaiveDate>, Option<Instant>), Option<i64>);
    let rows: Vec<Row> = api_keys::table
        .left_join(api_key_pairings::table.on(api_key_pairings::api_key_id.eq(api_keys::id)))
        .filter(api_keys::code.eq(&presented.code))
        .select((
            (
                api_keys::id,
                api_keys::name,
                api_keys::role,
                api_keys::secret_sha256,
                api_keys::expires_on,
                api_keys::revoked_at,
            ),
            api_key_pairings::pairing_id.nullable(),
        ))
        .order(api_key_pairings::pairing_id)
        .load(conn)?;
    let pairings: Vec<i64> = rows.iter().filter_map(|(_, pairing)| *pairing).collect();
    let Some(((id, name, role, sha256, expires_on, revoked_at), _)) = rows.into_iter().next() else { return Ok(None) };
    if !presented.matches(&sha256) || !(Validity { expires_on, revoked_at }).is_valid(today) {
        return Ok(None);
    }
    let pairings = (!pairings.is_empty()).then_some(pairings);
    Ok(Some(Actor { name, identity: Identity::Key(id), role, pairings }))
}
