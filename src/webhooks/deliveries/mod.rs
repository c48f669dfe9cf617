//! Webhook deliveries (投递): the messages sent or due to each webhook, and their outcomes. [`crate::webhooks`] creates
//! them.

pub mod api;
pub mod store;

pub use crate::model::webhooks::DeliveryStatus as Status;
