//! Tests by resource and by manner.

mod milestones;
