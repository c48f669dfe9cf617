//! The history: who wrote what, when, and what stood there before and after. Written in the write's own
//! transaction, kept when the record is gone, and never changed: each event is tied to the one before it ([`chain`]).

pub mod chain;
pub mod log;
pub mod pending;
pub mod records;
pub mod refusals;
pub mod types;
pub mod undecodable;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::access::Actor;
use crate::model::types::Instant;
use crate::text_enum;

/// The kind of record that events of refused requests name. Versions before 0.2.0 recorded them; events are never deleted.
pub const REQUEST: &str = "request";
/// The one kind of record with amendments, whose events hold the amendment instead of the record.
pub const AGREEMENT: &str = "agreement";
/// The kind of record whose events are for administrators alone, as those of [`REQUEST`] are: keys.
pub const API_KEY: &str = "api_key";
/// The kind of record whose events are for administrators alone, too: keys of calendars.
pub const CALENDAR_KEY: &str = "calendar_key";
/// The kind of record whose events are for administrators alone, too: webhooks.
pub const WEBHOOK: &str = "webhook";

text_enum! {
    /// What was done to a record.
    Action as "HistoryAction" {
        /// The record was created.
        Create => "create",
        /// Fields of the record were changed.
        Update => "update",
        /// The record was deleted.
        Delete => "delete",
        /// The record was deleted and is there again.
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
        /// Requests were refused for want of a key, or of what a key allows; recorded by versions before 0.2.0 alone.
        Refuse => "refuse",
    }
}

/// One event, as it is told to the history; its number and hash come with its place in the chain.
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
    /// An event of an actor's request that says nothing yet of what stood before and after.
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
