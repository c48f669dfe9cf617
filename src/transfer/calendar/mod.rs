//! Calendar feeds (RFC 5545) of a pairing's milestones and conferences.
//!
//! Every event is one whole day. Its `UID` must be the same for ever, on every host and under every title, and another in
//! every other database: it is the record's kind and id at the first hash of this database's history ([`crate::history::chain`]),
//! which every copy and backup of the database keeps and no other has. (A programme's code can be changed.) `SEQUENCE`
//! is the record's version, `DTSTAMP` and `LAST-MODIFIED` the instant of its last change, so that a feed changes where a
//! record does.
//!
//! What is cancelled stays in the feed as `STATUS:CANCELLED`; so does what was deleted, for [`TOLD_FOR_DAYS`], out of the
//! history, since a program that lost its connection meanwhile would keep the event for ever.
//!
//! Persons are in no feed, neither those that only some may see nor participants of conferences.

pub mod api;
mod conferences;
mod feed;
mod milestones;
mod store;

use chrono::NaiveDate;
use icalendar::EventStatus;

use crate::db::types::Instant;

/// How long a feed tells of a deleted record that it is cancelled, in days.
const TOLD_FOR_DAYS: i64 = 90;

/// One day of a calendar.
#[derive(Debug)]
struct Entry {
    /// The record's kind and id: `milestone-12`.
    record: String,
    on: NaiveDate,
    status: EventStatus,
    sequence: i64,
    changed_at: Instant,
    summary: String,
    /// Lines.
    description: Vec<String>,
    location: Option<String>,
    categories: Vec<String>,
}
