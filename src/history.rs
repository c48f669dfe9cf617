//! The history: who wrote what, when, what stood there before and after. Written in the write's own transaction, kept
//! when the record is gone, and never changed.

use diesel::prelude::*;
use serde_json::Value;

use crate::access::Actor;
use crate::db::Conn;
use crate::db::schema::audit_events;
use crate::db::types::Instant;
use crate::error::Result;
use crate::text_enum;

text_enum! {
    /// What was done to a record.
    Action as "HistoryAction" {
        /// The record was created.
        Create => "create",
        /// Fields of the record were changed.
        Update => "update",
        /// The record was deleted.
        Delete => "delete",
        /// A signed change was added to an agreement.
        Amend => "amend",
        /// A side confirmed a met milestone.
        Confirm => "confirm",
        /// A file was attached to a document.
        Attach => "attach",
        /// A key was revoked.
        Revoke => "revoke",
    }
}

/// One write, as it is told to the history.
pub struct Event<'a> {
    pub action: Action,
    pub entity: &'static str,
    pub record_id: i64,
    pub record_code: Option<&'a str>,
    pub reason: Option<&'a str>,
    pub before: Option<&'a Value>,
    pub after: Option<&'a Value>,
}

/// Records a write; every write of the service makes this call in its transaction.
pub fn record(conn: &mut Conn, actor: &Actor, request_id: &str, at: Instant, event: &Event<'_>) -> Result<()> {
    let Event { action, entity, record_id, record_code, reason, before, after } = event;
    diesel::insert_into(audit_events::table)
        .values((
            audit_events::at.eq(at),
            audit_events::actor.eq(&actor.name),
            audit_events::action.eq(*action),
            audit_events::entity.eq(*entity),
            audit_events::record_id.eq(*record_id),
            audit_events::record_code.eq(*record_code),
            audit_events::reason.eq(*reason),
            audit_events::before_json.eq(before.map(Value::to_string)),
            audit_events::after_json.eq(after.map(Value::to_string)),
            audit_events::request_id.eq(request_id),
        ))
        .execute(conn)?;
    Ok(())
}
