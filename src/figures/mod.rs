//! The figures of the reports, each computed in one place.
//!
//! [`lateness`] holds what follows from one milestone and a date, [`tally`] what follows from many, [`bucket`] the same for milestones in
//! memory; [`pace`] what follows
//! from a commitment and its reports, [`money`] from the ledger, [`exchanges`] from secondments, [`resolutions`] from what
//! conferences decided. [`members`] says whom a figure counts for. Nothing here is stored, because all of it depends on
//! the date asked for.

pub mod bucket;
pub mod exchanges;
pub mod lateness;
pub mod members;
pub mod money;
pub mod pace;
pub mod resolutions;
pub mod tally;
