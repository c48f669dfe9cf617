//! Webhook endpoints (事件推送): URLs to which the service sends changes, following Standard Webhooks 1.0.
//!
//! Only administrators read and write them. A webhook receives every event since its creation that it is subscribed to,
//! at least once, and the events of one record in order; [`crate::webhooks`] implements the delivery. The secret is
//! returned only when it is created or rotated, and the audit log does not contain it. A paused webhook receives
//! nothing and continues where it stopped once it is active again.

pub mod api;
pub mod store;

use crate::text_enum;

use crate::db::reference::{Belongs, Kind, Naming, Outgoing};
use crate::resources::{self, pairings};

/// The resource.
pub struct Webhooks;

/// The kind of these records.
pub static KIND: Kind = Kind {
    name: "webhook",
    path: "webhooks",
    number: 31,
    table: "webhooks",
    owner: "webhook_id",
    naming: Naming::Function(store::references),
    belongs: Belongs::ToAdministration,
    outgoing: &[&[Outgoing {
        field: "pairings",
        to: &pairings::KIND,
        table: "webhook_pairings",
        column: "pairing_id",
    }]],
    about: "Endpoints that receive changes; for administrators. 事件推送。",
    is_restorable: false,
    is_confidential: true,
    is_cached: false,
    ..resources::defaults()
};

text_enum! {
    /// Whether messages are sent to a webhook.
    Status as "WebhookStatus" {
        /// Messages are sent. 启用.
        Active => "active",
        /// No messages are sent; delivery continues where it stopped once the webhook is active again. A 410 response
        /// of the receiver pauses it. 暂停.
        Paused => "paused",
    }
}

impl Default for Status {
    /// A new webhook is active.
    fn default() -> Status {
        Status::Active
    }
}
