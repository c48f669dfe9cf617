//! Deliveries of webhooks (投递): what each was told or is to be told, and what came of it. [`crate::webhooks`] writes them.

pub mod api;
pub mod store;

use crate::text_enum;

text_enum! {
    /// How a delivery stands.
    Status as "WebhookDeliveryStatus" {
        /// It is under way, or will be tried again. 待投递.
        Pending => "pending",
        /// The receiver took it. 已送达.
        Delivered => "delivered",
        /// It was given up after the last attempt. 已放弃.
        Failed => "failed",
    }
}
