//! Calendar feeds (RFC 5545) of a pairing's milestones and conferences.
//!
//! Every event is one whole day. Its `UID` must be the same for ever, on every host and under every title, and another in
//! every other database: it is the record's kind and id at the first hash of this database's history ([`crate::audit::chain`]),
//! which every copy and backup of the database keeps and no other has. (A programme's code can be changed.) `SEQUENCE`
//! follows the record's version, `DTSTAMP` and `LAST-MODIFIED` the instant of its last change, so that a feed changes where a
//! record does.
//!
//! What is cancelled stays in the feed as `STATUS:CANCELLED`. So does what is no longer in it, for [`CANCELLED_FOR_DAYS`], because
//! many programs keep an event that is merely missing ([`departures`]): a record that was deleted, that moved to another
//! pairing, by itself or with its agreement or project, and a conference without a date. To a key that was revoked or has
//! expired, all events are cancelled for as long, without their content ([`closed`]).
//!
//! `SEQUENCE` never falls within a feed. An agreement or a project that moves takes its milestones along without a new
//! version of theirs, so the moves to and from the pairing are counted in.
//!
//! Persons are in no feed, neither those that only some may see nor participants of conferences.

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
use crate::model::types::Instant;

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
