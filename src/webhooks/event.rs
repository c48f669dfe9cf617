//! The body of a webhook message: one audit event, redacted as for an anonymous reader.
//!
//! Personal data and events about keys, webhooks and refused requests are never sent, because receivers are third-party
//! systems.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::endpoints;
use crate::access::Visibility;
use crate::audit::types::AuditEvent;
use crate::audit::{Action, log as audit};
use crate::db::Conn;
use crate::db::reference::Kind;
use crate::error::{Error, Result};
use crate::model::types::Instant;
use crate::{resources, text_enum};

/// Maximum size of a body in bytes; a larger one is sent without `before` and `after`.
pub const BODY_MAX: usize = 256 * 1024;
/// Message type of a test.
pub const TEST: &str = "webhook.test";

text_enum! {
    /// The change of a record; the second part of a message type.
    Change as "WebhookChange" {
        /// The record was created. 新建.
        Created => "created",
        /// Fields of the record were changed. 修改.
        Updated => "updated",
        /// The record was deleted. 删除.
        Deleted => "deleted",
        /// The deleted record was restored. 恢复.
        Restored => "restored",
        /// A signed change was added to an agreement. 变更协议.
        Amended => "amended",
        /// A side confirmed a met milestone. 确认完成.
        Confirmed => "confirmed",
        /// A file was attached to a document. 附上文件.
        Attached => "attached",
    }
}

impl Change {
    /// Converts an audit action; `None` for actions that are never sent.
    pub fn of(action: Action) -> Option<Change> {
        match action {
            Action::Create => Some(Change::Created),
            Action::Update => Some(Change::Updated),
            Action::Delete => Some(Change::Deleted),
            Action::Restore => Some(Change::Restored),
            Action::Amend => Some(Change::Amended),
            Action::Confirm => Some(Change::Confirmed),
            Action::Attach => Some(Change::Attached),
            Action::Revoke | Action::Rotate | Action::Refuse => None,
        }
    }
}

/// A message to a webhook.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookEvent {
    /// Message type: the kind of record and the change, joined by a dot; `webhook.test` for a test.
    #[serde(rename = "type")]
    #[schema(max_length = 100, pattern = "^[a-z_]+\\.[a-z_]+$", example = "milestone.updated")]
    pub event_type: String,
    /// When the change was made, which may be long before this message is sent.
    pub timestamp: Instant,
    /// The change.
    pub data: WebhookEventData,
}

/// The change of a record that a webhook message reports.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookEventData {
    /// Numeric identifier of the audit event; later events have greater ids, whatever the order of arrival. Null for a
    /// test.
    #[schema(minimum = 1, example = 1204)]
    pub event_id: Option<i64>,
    /// The kind of record.
    #[schema(max_length = 100, example = "milestone")]
    pub entity: String,
    /// The record's id.
    #[schema(minimum = 1, example = 7)]
    pub record_id: i64,
    /// The record's code at the time of the change; null if it had none.
    #[schema(max_length = 100, example = "xinhui-road-2022")]
    pub record_code: Option<String>,
    /// API path of the record; returns 404 once the record is deleted.
    #[schema(max_length = 200, example = "/api/v1/milestones/7")]
    pub record_path: String,
    /// The kind of change; null for a test.
    pub change: Option<Change>,
    /// Name of the API key or token holder that made the change.
    #[schema(max_length = 300, example = "新会区对口办")]
    pub actor: String,
    /// The reason given for the change; null if none was given.
    pub reason: Option<String>,
    /// Names of the changed fields; empty unless the record was updated.
    #[schema(max_items = 1000)]
    pub changed: Vec<String>,
    /// The record before the change, without personal data; null if it was created or restored.
    #[schema(value_type = Option<Object>, additional_properties = true)]
    pub before: Option<Value>,
    /// The record after the change, without personal data; null if it was deleted. For `amended`: the amendment.
    #[schema(value_type = Option<Object>, additional_properties = true)]
    pub after: Option<Value>,
    /// Whether `before` and `after` are omitted because the message would exceed 256 KiB or the stored event cannot be
    /// decoded.
    #[schema(example = false)]
    pub is_cut: bool,
    /// Identifier of the request in the service's log and in the history.
    #[schema(max_length = 100, example = "b8c1f0d2a94e4f7c")]
    pub request_id: String,
}

/// Looks up the record kind of an event's `entity`; `None` for kinds that are never sent.
pub fn kind_of(entity: &str) -> Option<&'static Kind> {
    // The kinds of bundles are exactly those that any reader may read.
    resources::kinds().iter().copied().find(|kind| kind.name == entity)
}

/// Builds the body of an event's message.
pub fn body(conn: &mut Conn, event: i64) -> Result<Vec<u8>> {
    let found = audit::load(conn, resources::kinds(), &[event], &Visibility::Nothing)?.pop();
    let event = found.ok_or_else(|| Error::unexpected("an audit event is missing"))?;
    text(message(event)?)
}

/// Builds the body of a test message.
pub fn test_body(webhook: i64, code: Option<String>, message_id: &str, at: Instant) -> Result<Vec<u8>> {
    text(WebhookEvent {
        event_type: TEST.to_owned(),
        timestamp: at,
        data: WebhookEventData {
            event_id: None,
            entity: endpoints::KIND.name.to_owned(),
            record_id: webhook,
            record_code: code,
            record_path: path(&endpoints::KIND, webhook),
            change: None,
            actor: String::new(),
            reason: None,
            changed: Vec::new(),
            before: None,
            after: None,
            is_cut: false,
            request_id: message_id.to_owned(),
        },
    })
}

fn path(kind: &Kind, id: i64) -> String {
    format!("/api/v1/{}/{id}", kind.path)
}

fn message(event: AuditEvent) -> Result<WebhookEvent> {
    let AuditEvent {
        id,
        at,
        actor,
        actor_id: _,
        action,
        entity,
        record_id,
        record_code,
        reason,
        before,
        after,
        request_id,
    } = event;
    let parts = kind_of(&entity).zip(record_id).zip(Change::of(action));
    let ((kind, record_id), change) =
        parts.ok_or_else(|| Error::unexpected("an audit event of a kind that is never sent"))?;
    let is_cut = match change {
        Change::Created | Change::Restored | Change::Amended => after.is_none(),
        Change::Deleted => before.is_none(),
        Change::Updated | Change::Confirmed | Change::Attached => before.is_none() || after.is_none(),
    };
    let (before, after) = if is_cut { (None, None) } else { (before, after) };
    let changed = match (&before, &after) {
        (Some(Value::Object(before)), Some(Value::Object(after))) => differences(before, after),
        _ => Vec::new(),
    };
    let event_type = format!("{entity}.{change}");
    let record_path = path(kind, record_id);
    let data = WebhookEventData {
        event_id: Some(id),
        entity,
        record_id,
        record_code,
        record_path,
        change: Some(change),
        actor,
        reason,
        changed,
        before,
        after,
        is_cut,
        request_id,
    };
    Ok(WebhookEvent { event_type, timestamp: at, data })
}

/// Returns the names of the fields that differ, except those that every change updates.
fn differences(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<String> {
    let moved = |name: &&String| !matches!(name.as_str(), "version" | "updated_at");
    let changed = after.iter().filter(|(name, value)| before.get(*name) != Some(value)).map(|(name, _)| name);
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    changed.chain(gone).filter(moved).cloned().collect()
}

fn text(mut message: WebhookEvent) -> Result<Vec<u8>> {
    let whole = serde_json::to_vec(&message)?;
    if whole.len() <= BODY_MAX {
        return Ok(whole);
    }
    let WebhookEventData { before, after, is_cut, .. } = &mut message.data;
    (*before, *after, *is_cut) = (None, None, true);
    Ok(serde_json::to_vec(&message)?)
}
