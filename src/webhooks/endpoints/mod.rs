//! Webhooks (事件推送): programs that the service tells of changes, by the Standard Webhooks convention 1.0.
//!
//! Only administrators see and write them. A webhook is told of every event of the history since it was made that it asks
//! for, at least once, and of the events of one record in their order; how is [`crate::webhooks`]. Its secret is shown when it
//! is made and when it is replaced, and never again; the history has none of it. A paused webhook is sent nothing, and goes
//! on where it stopped.

pub mod api;
pub mod store;

use crate::{kind, text_enum};

/// The resource.
pub struct Webhooks;

kind!(
    "webhook", "webhooks", 31, webhooks, store::references,
    "Programs that are told of changes; for administrators. 事件推送。",
    refers to { "pairing" by webhook_pairings::pairing_id },
    restorable false, confidential true
);

text_enum! {
    /// Whether a webhook is sent anything.
    Status as "WebhookStatus" {
        /// It is. 启用.
        Active => "active",
        /// It is not, until it is active again; then it goes on where it stopped. A receiver that answers 410 pauses it. 暂停.
        Paused => "paused",
    }
}

impl Default for Status {
    /// A new webhook is sent what happens from then on.
    fn default() -> Status {
        Status::Active
    }
}
