//! Classes of work by cost, with the limits of each.

use std::time::Duration;

/// Maximum number of waiting requests per thread; further ones are rejected immediately.
const WAITING_PER_THREAD: usize = 64;
/// Maximum number of waiting key look-ups. Each takes a fraction of a millisecond, and the number of concurrent
/// requests is bounded elsewhere.
const WAITING_LOOK_UPS: usize = 4_096;

/// The cost class of a piece of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Health check of the database; never waits behind other work.
    Probe,
    /// Look-up of a key's holder; waits only behind other look-ups.
    KeyLookup,
    /// A record, or a page of a list.
    ShortRead,
    /// Reads far more than it returns: reports, exports, plans, counted searches.
    LongRead,
    /// A single write. SQLite's writes go through one queue instead.
    Write,
    /// A write of many records, without a fixed deadline.
    Bulk,
}

impl Class {
    pub const ALL: [Class; 6] =
        [Class::Probe, Class::KeyLookup, Class::ShortRead, Class::LongRead, Class::Write, Class::Bulk];

    /// Returns the name used in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Probe => "probe",
            Class::KeyLookup => "key_lookup",
            Class::ShortRead => "short_read",
            Class::LongRead => "long_read",
            Class::Write => "write",
            Class::Bulk => "bulk",
        }
    }

    /// Returns the maximum number of threads for the configured number of read connections.
    pub fn threads(self, connections: usize) -> usize {
        match self {
            Class::Probe => 1,
            Class::KeyLookup => 2,
            Class::ShortRead | Class::Write => connections,
            Class::LongRead => (connections / 4).max(2),
            Class::Bulk => 1,
        }
    }

    /// Returns the maximum number of waiting requests.
    pub fn waiting_max(self, threads: usize) -> usize {
        if self == Class::KeyLookup { WAITING_LOOK_UPS } else { WAITING_PER_THREAD * threads }
    }

    /// Returns the maximum number of threads that work for one client.
    pub fn share(self, threads: usize) -> usize {
        match self {
            Class::Probe | Class::Bulk => threads,
            Class::KeyLookup | Class::LongRead => threads.div_ceil(2),
            Class::ShortRead | Class::Write => (threads * 3 / 4).max(1),
        }
    }

    /// Returns how long a request waits for a thread.
    pub fn patience(self) -> Duration {
        match self {
            Class::Probe | Class::LongRead => Duration::from_secs(1),
            Class::ShortRead | Class::Write => Duration::from_secs(2),
            Class::KeyLookup => Duration::from_secs(5),
            Class::Bulk => Duration::from_secs(60),
        }
    }

    /// Returns the time limit of running work; `None` if the work limits itself.
    pub fn deadline(self) -> Option<Duration> {
        match self {
            Class::Probe => Some(Duration::from_secs(1)),
            Class::KeyLookup => Some(Duration::from_secs(2)),
            Class::ShortRead => Some(Duration::from_secs(5)),
            Class::LongRead => Some(Duration::from_secs(30)),
            Class::Write => Some(Duration::from_secs(10)),
            Class::Bulk => None,
        }
    }
}
