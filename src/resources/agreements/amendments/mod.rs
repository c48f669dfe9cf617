//! Amendments (变更): numbered, signed changes of an agreement. They are added and never changed.

pub mod api;
mod store;
