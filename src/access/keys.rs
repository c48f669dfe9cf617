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
    type Row = (i64, String, Role, String, Option<NaiveDate>, Option<Instant>);
    let row: Option<Row> = api_keys::table
        .filter(api_keys::code.eq(&presented.code))
        .select((
            api_keys::id,
            api_keys::name,
            api_keys::role,
            api_keys::secret_sha256,
            api_keys::expires_on,
            api_keys::revoked_at,
        ))
        .first(conn)
        .optional()?;
    let Some((id, name, role, sha256, expires_on, revoked_at)) = row else { return Ok(None) };
    if !presented.matches(&sha256) || !(Validity { expires_on, revoked_at }).is_valid(today) {
        return Ok(None);
    }
    let pairings: Vec<i64> = api_key_pairings::table
        .filter(api_key_pairings::api_key_id.eq(id))
        .select(api_key_pairings::pairing_id)
        .load(conn)?;
    let pairings = (!pairings.is_empty()).then_some(pairings);
    Ok(Some(Actor { name, identity: Identity::Key(id), role, pairings }))
}
