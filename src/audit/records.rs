//! Decoding of record states in audit events, and look-up of records that may be deleted.

use diesel::prelude::*;
use serde::de::DeserializeOwned;

use super::undecodable;
use crate::db::Conn;
use crate::db::reference::Kind;
use crate::db::schema::{audit_events, record_codes};
use crate::error::Result;
use crate::model::types::Ref;

/// Decodes the stored JSON of an event; reports it and returns `None` if that fails.
pub fn decoded<T: DeserializeOwned>(event: i64, text: &str) -> Option<T> {
    serde_json::from_str(text).map_err(|error| undecodable::report(event, &error)).ok()
}

/// Finds the id of a record, including a deleted one, by its id, its code or a former code.
pub fn id_of(conn: &mut Conn, kind: &'static Kind, reference: &Ref) -> Result<Option<i64>> {
    let Some(id) = reference.id() else {
        let code = &reference.0;
        if !reference.is_shaped() {
            return Ok(None);
        }
        return Ok(record_codes::table
            .find((code, kind.name))
            .select(record_codes::record_id)
            .first(conn)
            .optional()?);
    };
    let written: Option<i64> = audit_events::table
        .filter(audit_events::entity.eq(kind.name).and(audit_events::record_id.eq(id)))
        .select(audit_events::record_id.assume_not_null())
        .first(conn)
        .optional()?;
    Ok(written)
}
