//! The audit log: who changed what and when, with the values before and after. Events are inserted in the transaction
//! of the change, kept after the record is deleted, and never changed: a hash chain ([`chain`]) links them.

pub mod chain;
pub mod log;
pub mod pending;
pub mod records;
pub mod refusals;
pub mod sealer;
pub mod types;
pub mod undecodable;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::access::Actor;
use crate::model::types::Instant;
use crate::text_enum;

/// `entity` of events about refused requests. Only versions before 0.2.0 recorded them, but events are never deleted.
pub const REQUEST: &str = "request";
/// The only kind of record with amendments, whose events store the amendment instead of the record.
pub const AGREEMENT: &str = "agreement";
/// API keys; only administrators may read their events.
pub const API_KEY: &str = "api_key";
/// Calendar keys; only administrators may read their events.
pub const CALENDAR_KEY: &str = "calendar_key";
/// Webhooks; only administrators may read their events.
pub const WEBHOOK: &str = "webhook";

text_enum! {
    /// The operation that an audit event records.
    Action as "HistoryAction" {
        /// The record was created.
        Create => "create",
        /// Fields of the record were changed.
        Update => "update",
        /// The record was deleted.
        Delete => "delete",
        /// The deleted record was restored.
        Restore => "restore",
        /// A signed change was added to an agreement.
        Amend => "amend",
        /// A side confirmed a met milestone.
        Confirm => "confirm",
        /// A file was attached to a document.
        Attach => "attach",
        /// A key was revoked.
        Revoke => "revoke",
        /// The secret of a webhook was replaced.
        Rotate => "rotate",
        /// Requests were refused because of a missing key or permission; recorded only by versions before 0.2.0.
        Refuse => "refuse",
    }
}

/// An event to record; the chain assigns its id and hash.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    pub at: Instant,
    pub actor: String,
    /// [`Actor::identity`], as text.
    pub actor_id: String,
    pub action: Action,
    pub entity: Cow<'static, str>,
    /// `None` for [`REQUEST`] alone.
    pub record_id: Option<i64>,
    pub record_code: Option<String>,
    pub reason: Option<String>,
    /// JSON text.
    pub before: Option<String>,
    /// JSON text.
    pub after: Option<String>,
    pub request_id: String,
}

impl Event {
    /// Creates an event without the states before and after.
    pub fn new(actor: &Actor, request_id: &str, at: Instant, action: Action, entity: &'static str) -> Event {
        Event {
            at,
            actor: actor.name.clone(),
            actor_id: actor.identity.to_string(),
            action,
            entity: Cow::Borrowed(entity),
            record_id: None,
            record_code: None,
            reason: None,
            before: None,
            after: None,
            request_id: request_id.to_owned(),
        }
    }
}
