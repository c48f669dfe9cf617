//! The hash chain of audit events. Each event stores a hash over its columns and the previous hash, so changing,
//! removing or inserting an event invalidates all later ones.
//!
//! `hash` is the SHA-256, in lower-case hexadecimal digits, of a JSON array in UTF-8 without white space: the hash of
//! the previous event (64 zeros for the first), then the event's columns in table order: `id`, `at`, `actor`,
//! `actor_id`, `action`, `entity`, `record_id`, `record_code`, `reason`, `before_json`, `after_json`, `request_id`.
//! `at` is RFC 3339 in UTC with six fractional digits and a `Z`; `before_json` and `after_json` are strings with the
//! stored text; absent values are null. JSON's quoting makes the encoding unambiguous. Ids start at 1 and have no gaps,
//! so a missing event is detected.

use std::fmt;
use std::str::FromStr;

use chrono::SecondsFormat;
use diesel::prelude::*;
use sha2::{Digest, Sha256};

use super::{Event, pending};
use crate::db::schema::audit_events;
use crate::db::{Conn, backend};
use crate::error::Result;
use crate::insert_all;
use crate::model::hex;
use crate::model::types::Instant;

/// The previous hash of the first event.
const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Events inserted by one statement, which bounds memory; each holds at most two records.
const WRITTEN_TOGETHER: usize = 500;
/// Events read by one query.
const READ_TOGETHER: i64 = 100;

/// A row of the chain. The action is text here so that an unknown one is reported as tampering instead of failing to
/// decode.
#[derive(Insertable, Queryable, Selectable)]
#[diesel(table_name = audit_events, treat_none_as_default_value = false)]
struct Link {
    id: i64,
    at: Instant,
    actor: String,
    actor_id: String,
    action: String,
    entity: String,
    record_id: Option<i64>,
    record_code: Option<String>,
    reason: Option<String>,
    before_json: Option<String>,
    after_json: Option<String>,
    request_id: String,
    hash: String,
}

impl Link {
    /// Computes the hash that the event must have after the event with the hash `previous`.
    fn expected(&self, previous: &str) -> Result<String> {
        let Link {
            id,
            at,
            actor,
            actor_id,
            action,
            entity,
            record_id,
            record_code,
            reason,
            before_json,
            after_json,
            request_id,
            hash: _,
        } = self;
        let at = at.utc().to_rfc3339_opts(SecondsFormat::Micros, true);
        let text = serde_json::to_vec(&(
            previous,
            id,
            at,
            actor,
            actor_id,
            action,
            entity,
            record_id,
            record_code,
            reason,
            before_json,
            after_json,
            request_id,
        ))?;
        Ok(hex(&Sha256::digest(&text)))
    }
}

/// The id and hash of the last event of a chain, now or when it was noted. Text form: `ID:HASH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The id of the last event, which equals the number of events; 0 if there are none.
    pub id: i64,
    pub hash: String,
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.id, self.hash)
    }
}

impl FromStr for Head {
    type Err = String;

    fn from_str(text: &str) -> Result<Head, String> {
        let wanted = || "expected ID:HASH, as `audit verify` prints it".to_owned();
        let (id, hash) = text.split_once(':').ok_or_else(wanted)?;
        let id = id.parse().ok().filter(|id| *id >= 0).ok_or_else(wanted)?;
        let is_hash = hash.len() == NOTHING.len() && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if is_hash && (id > 0 || hash == NOTHING) { Ok(Head { id, hash: hash.to_owned() }) } else { Err(wanted()) }
    }
}

/// Records events in order, as the last operation of the current transaction: at the end of the chain on SQLite, whose single
/// writer holds it anyway, and pending on PostgreSQL ([`pending`]).
pub fn append(conn: &mut Conn, events: impl IntoIterator<Item = Result<Event>>) -> Result<()> {
    let mut events = events.into_iter().peekable();
    match events.peek() {
        None => Ok(()),
        Some(_) if conn.is_sqlite() => extend(conn, events),
        Some(_) => pending::defer(conn, events),
    }
}

/// What locks the chain.
const LOCK: &str = "audit_events";

/// Locks the chain for this transaction.
pub fn take_turn(conn: &mut Conn) -> Result<()> {
    Ok(backend::lock_kind(conn, LOCK)?)
}

/// Locks the chain for this transaction, unless another one holds the lock.
pub fn try_turn(conn: &mut Conn) -> Result<bool> {
    Ok(backend::try_lock_kind(conn, LOCK)?)
}

/// Appends events in order. The caller must have locked the chain with [`take_turn`].
pub fn extend(conn: &mut Conn, events: impl IntoIterator<Item = Result<Event>>) -> Result<()> {
    // A separate statement, so that it sees what was committed while this transaction waited for the lock.
    let Head { mut id, mut hash } = head(conn)?;
    let mut links = Vec::new();
    for event in events {
        id += 1;
        let mut link = Link::from((id, event?));
        hash = link.expected(&hash)?;
        link.hash.clone_from(&hash);
        links.push(link);
        if links.len() == WRITTEN_TOGETHER {
            insert(conn, &links)?;
            links.clear();
        }
    }
    insert(conn, &links)
}

fn insert(conn: &mut Conn, links: &[Link]) -> Result<()> {
    match links {
        // The usual case, with a statement that is prepared once.
        [link] => {
            diesel::insert_into(audit_events::table).values(link).execute(conn)?;
        }
        links => {
            insert_all!(conn, audit_events::table, links)?;
        }
    }
    Ok(())
}

/// Returns the head of the chain.
pub fn head(conn: &mut Conn) -> Result<Head> {
    let last = audit_events::table.order(audit_events::id.desc()).select((audit_events::id, audit_events::hash));
    let last: Option<(i64, String)> = last.first(conn).optional()?;
    let (id, hash) = last.unwrap_or_else(|| (0, NOTHING.to_owned()));
    Ok(Head { id, hash })
}

impl From<(i64, Event)> for Link {
    fn from((id, event): (i64, Event)) -> Link {
        let Event { at, actor, actor_id, action, entity, record_id, record_code, reason, before, after, request_id } =
            event;
        Link {
            id,
            at,
            actor,
            actor_id,
            action: action.as_str().to_owned(),
            entity: entity.into_owned(),
            record_id,
            record_code,
            reason,
            before_json: before,
            after_json: after,
            request_id,
            hash: String::new(),
        }
    }
}

/// Why a chain is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    #[error("event {0} is missing")]
    Missing(i64),
    #[error("event {0} was inserted: ids start at 1")]
    Inserted(i64),
    #[error("event {0} does not match its hash: it, or the previous hash, was changed")]
    Changed(i64),
    #[error("event {0} cannot be decoded: it was changed")]
    Unreadable(i64),
    #[error("event {id} of the noted head is missing: the chain was truncated", id = .0.id)]
    CutOff(Head),
    #[error("event {id} does not have the hash of the noted head: the chain was rewritten", id = .0.id)]
    Rewritten(Head),
}

/// Verifies the chain from its beginning and returns its head, or the first break. With a head noted earlier, the chain
/// must also contain it, which detects truncation and a complete rewrite.
///
/// Reads in batches. Events appended meanwhile may be verified, too.
pub fn verify(conn: &mut Conn, noted: Option<&Head>) -> Result<Result<Head, Break>> {
    use diesel::result::Error::DeserializationError as Unreadable;
    let mut head = Head { id: 0, hash: NOTHING.to_owned() };
    let mut from = i64::MIN;
    loop {
        let links = match read(conn, from, READ_TOGETHER) {
            // A value does not fit its column's type; the events are read one by one to find which.
            Err(Unreadable(_)) => match read(conn, from, 1) {
                Err(Unreadable(_)) => return Ok(Err(Break::Unreadable(head.id + 1))),
                link => link?,
            },
            links => links?,
        };
        if links.is_empty() {
            break;
        }
        for link in links {
            let next = head.id + 1;
            if link.id != next {
                return Ok(Err(if link.id > next { Break::Missing(next) } else { Break::Inserted(link.id) }));
            }
            if link.expected(&head.hash)? != link.hash {
                return Ok(Err(Break::Changed(link.id)));
            }
            if let Some(noted) = noted.filter(|noted| noted.id == link.id && noted.hash != link.hash) {
                return Ok(Err(Break::Rewritten(noted.clone())));
            }
            head = Head { id: link.id, hash: link.hash };
        }
        from = head.id + 1;
    }
    Ok(match noted {
        Some(noted) if noted.id > head.id => Err(Break::CutOff(noted.clone())),
        _ => Ok(head),
    })
}

fn read(conn: &mut Conn, from: i64, limit: i64) -> QueryResult<Vec<Link>> {
    audit_events::table
        .filter(audit_events::id.ge(from))
        .order(audit_events::id)
        .limit(limit)
        .select(Link::as_select())
        .load(conn)
}
