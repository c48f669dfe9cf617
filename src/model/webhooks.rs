//! Enumerations of webhooks (推送).

use crate::text_enum;

text_enum! {
    /// How a delivery stands.
    DeliveryStatus as "WebhookDeliveryStatus" {
        /// It is under way, or will be tried again. 待投递.
        Pending => "pending",
        /// The receiver took it. 已送达.
        Delivered => "delivered",
        /// It was given up after the last attempt. 已放弃.
        Failed => "failed",
    }
}
