//! The identity of the database in the `UID` of events.

use diesel::prelude::*;

use crate::db::Conn;
use crate::db::schema::audit_events;
use crate::error::Result;

/// The first characters of the hash of the first audit event, which identify the database.
pub fn database(conn: &mut Conn) -> Result<String> {
    let hash: Option<String> = audit_events::table.find(1).select(audit_events::hash).first(conn).optional()?;
    Ok(hash.unwrap_or_default().chars().take(16).collect())
}
