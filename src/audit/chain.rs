//! The chain of events: each carries a hash of itself and of the hash before it, so that whoever changes, removes or
//! inserts one must rewrite all that follow.
//!
//! An event's `hash` is the SHA-256, in lower-case hexadecimal digits, of a JSON array without white space, in UTF-8: the
//! hash of the event before it (64 zeros for the first), then the event's columns in the order of the table: `id`, `at`,
//! `actor`, `actor_id`, `action`, `entity`, `record_id`, `record_code`, `reason`, `before_json`, `after_json`,
//! `request_id`. `at` is RFC 3339 in UTC with six digits of fraction and a `Z`; the two of JSON are strings that hold the
//! stored text as it is; what is absent is null. JSON's quoting leaves no two lists of columns with one text. Events are
//! numbered from 1 without a gap, so that a missing one is seen.

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

/// What stands for the hash before the first event.
const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Events that are in memory at a time; each holds at most two records.
const WRITTEN_TOGETHER: usize = 500;
/// Events that are read at a time.
const READ_TOGETHER: i64 = 100;

/// A row of the chain. The action is text here: an unknown one is a change to be found, not a row that cannot be read.
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
    /// What its hash must be after the event that has this one.
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

/// An event's number and hash: what a chain ends in, or ended in when somebody noted it. `ID:HASH` as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The number of the last event, which is how many there are; 0 before the first.
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
        let wanted = || "ID:HASH is meant, as `audit verify` prints it".to_owned();
        let (id, hash) = text.split_once(':').ok_or_else(wanted)?;
        let id = id.parse().ok().filter(|id| *id >= 0).ok_or_else(wanted)?;
        let is_hash = hash.len() == NOTHING.len() && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if is_hash && (id > 0 || hash == NOTHING) { Ok(Head { id, hash: hash.to_owned() }) } else { Err(wanted()) }
    }
}

/// Appends events in their order, in the present transaction, whose last work this is.
///
/// On PostgreSQL the writers take turns from here to their commit. Who waits here holds the rows that it wrote, and who has
/// the turn waits for no row any more, so that no two can wait for each other; a turn taken before other locks could
/// close such a circle. (Telling other processes of a change makes commits take turns there anyway.)
pub fn append(conn: &mut Conn, events: impl IntoIterator<Item = Result<Event>>) -> Result<()> {
    let mut events = events.into_iter().peekable();
    if events.peek().is_none() {
        return Ok(());
    }
    take_turn(conn)?;
    if !conn.is_sqlite() && pending::are_any(conn)? {
        return pending::defer(conn, events);
    }
    extend(conn, events)
}

/// Waits until this transaction alone may append, until its end.
pub fn take_turn(conn: &mut Conn) -> Result<()> {
    Ok(backend::lock_kind(conn, "audit_events")?)
}

/// Appends events in their order, once it is this transaction's turn.
pub fn extend(conn: &mut Conn, events: impl IntoIterator<Item = Result<Event>>) -> Result<()> {
    // A statement of its own: it must see what was committed while this one waited for its turn.
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
        // The usual one: a statement that is prepared once.
        [link] => {
            diesel::insert_into(audit_events::table).values(link).execute(conn)?;
        }
        links => {
            insert_all!(conn, audit_events::table, links)?;
        }
    }
    Ok(())
}

/// What the chain ends in.
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

/// Why a chain is not whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    #[error("event {0} is missing")]
    Missing(i64),
    #[error("event {0} was inserted: events are numbered from 1")]
    Inserted(i64),
    #[error("event {0} is not what was written after the event before it: it, or the hash before it, was changed")]
    Changed(i64),
    #[error("event {0} cannot be read: it was changed")]
    Unreadable(i64),
    #[error("event {id} is gone, which the noted head names: the end was cut off", id = .0.id)]
    CutOff(Head),
    #[error("event {id} has another hash than the noted head: the chain was written anew", id = .0.id)]
    Rewritten(Head),
}

/// Walks the chain from its beginning and gives what it ends in, or the first break. With a head that was noted before,
/// the chain must go through it too: an end that was cut off, or a chain computed anew as a whole, is whole in itself.
///
/// Reads a few events at a time. What others append meanwhile may be walked too.
pub fn verify(conn: &mut Conn, noted: Option<&Head>) -> Result<Result<Head, Break>> {
    use diesel::result::Error::DeserializationError as Unreadable;
    let mut head = Head { id: 0, hash: NOTHING.to_owned() };
    let mut from = i64::MIN;
    loop {
        let links = match read(conn, from, READ_TOGETHER) {
            // Some value is none of its column's type: read one by one, to name the event.
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
