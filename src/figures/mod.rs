//! The figures that the office above asks for, each in one place.
//!
//! [`lateness`] holds what follows from one milestone and a date; [`tally`] what follows from many. Nothing here is
//! stored, because all of it depends on the date asked for.

pub mod lateness;
pub mod tally;
