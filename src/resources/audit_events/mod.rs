//! Audit events: the history of all records, for reading. What writes it is [`crate::history`].

pub mod api;
mod follow;
pub mod store;
