//! What happens to a milestone: moves of its due date, and the sides' confirmations that it is met.

pub mod api;
pub mod store;
