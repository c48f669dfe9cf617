//! Webhook deliveries (投递): the messages sent or due to each webhook, and their outcomes. [`crate::webhooks`] creates
//! them.

pub mod api;
pub mod store;

use crate::text_enum;

text_enum! {
    /// The status of a delivery.
    Status as "WebhookDeliveryStatus" {
        /// In progress, or scheduled for a retry. 待投递.
        Pending => "pending",
        /// Accepted by the receiver with a 2xx status. 已送达.
        Delivered => "delivered",
        /// Given up after the last attempt. 已放弃.
        Failed => "failed",
    }
}
