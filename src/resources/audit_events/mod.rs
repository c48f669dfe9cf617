//! Audit events: the history of all records, for reading. What writes it is [`crate::audit`].

pub mod api;
mod follow;
