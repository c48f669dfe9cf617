//! Enumerations of webhooks (推送).

use crate::text_enum;

text_enum! {
    /// The status of a delivery.
    DeliveryStatus as "WebhookDeliveryStatus" {
        /// In progress, or scheduled for a retry. 待投递.
        Pending => "pending",
        /// Accepted by the receiver with a 2xx status. 已送达.
        Delivered => "delivered",
        /// Given up after the last attempt. 已放弃.
        Failed => "failed",
    }
}
