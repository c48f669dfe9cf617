//! Deliveries of webhooks (投递): what each was told or is to be told, and what came of it. [`crate::webhooks`] writes them.

pub mod api;
pub mod store;

pub use crate::model::webhooks::DeliveryStatus as Status;
