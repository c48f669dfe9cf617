//! Refusals: requests that were refused for want of a key or of a right, for administrators to read. They are counted in
//! [`crate::audit::refusals`].

pub mod api;
pub mod store;
