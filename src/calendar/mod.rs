//! Calendar feeds (RFC 5545) of a pairing's milestones and conferences.
//!
//! Each event covers one whole day. Its `UID` must be stable, independent of host and title, and unique across databases. It
//! consists of the record's kind and id and the hash of the first audit event ([`crate::audit::chain`]), which all copies
//! and backups of a database share and no other database has. (A programme's code can change.) `SEQUENCE` is derived from the
//! record's version; `DTSTAMP` and `LAST-MODIFIED` are the time of its last change, so that a feed changes only with its records.
//!
//! Cancelled records stay in the feed with `STATUS:CANCELLED`. Records that left the feed are listed as cancelled for
//! [`CANCELLED_FOR_DAYS`], because many programs keep an event that is merely missing ([`departures`]): deleted records, records
//! that moved to another pairing, by themselves or with their agreement or project, and conferences without a date. Read with a
//! key that was revoked or has expired, the feed cancels all events for as long, without their content ([`closed`]).
//!
//! `SEQUENCE` never decreases within a feed. Moving an agreement or project moves its milestones without a new version of
//! these, so that the number of moves to and from the pairing is added.
//!
//! A feed contains no persons: neither personal data nor the participants of conferences.

pub mod api;
mod closed;
mod conferences;
mod departures;
mod feed;
mod milestones;
mod states;
mod store;

use chrono::NaiveDate;
use icalendar::EventStatus;

use crate::access::feeds::CANCELLED_FOR_DAYS;
use crate::access::policy::{Access, PersonalData, Tag};
use crate::db::Class;
use crate::model::types::Instant;

/// Who may use the operations of this module.
pub const TAG: Tag = Tag {
    name: "calendars",
    about: "Feeds for calendar programs (RFC 5545). 日历订阅。",
    read: Access::FeedReaders,
    write: Access::Denied,
    exceptions: &[],
    reads: Class::LongRead,
    personal_data: PersonalData::None,
};

/// An event of a calendar.
#[derive(Debug)]
struct Entry {
    /// Kind and id of the record: `milestone-12`.
    record: String,
    on: NaiveDate,
    status: EventStatus,
    sequence: i64,
    changed_at: Instant,
    summary: String,
    /// Lines of the description.
    description: Vec<String>,
    location: Option<String>,
    categories: Vec<String>,
}
