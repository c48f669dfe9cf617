//! Queries on the audit log.

use diesel::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::records::{decoded, id_of};
use super::types::{AuditEvent, AuditEventFilter, Sort};
use crate::access::Visibility;
use crate::access::redaction::Hidden;
use crate::audit::{API_KEY, Action, CALENDAR_KEY, REQUEST, WEBHOOK, undecodable};
use crate::db::page::{self, Key, PageIds, PageRequest};
use crate::db::reference::{Kind, Kinds};
use crate::db::schema::audit_events;
use crate::db::{Conn, MultiBackend};
use crate::error::{Fault, Problem, Result};
use crate::model::types::Instant;
use crate::{keyset, msg};

#[derive(Queryable, Selectable)]
#[diesel(table_name = audit_events)]
struct Row {
    id: i64,
    at: Instant,
    actor: String,
    actor_id: String,
    action: Action,
    entity: String,
    record_id: Option<i64>,
    record_code: Option<String>,
    reason: Option<String>,
    before_json: Option<String>,
    after_json: Option<String>,
    request_id: String,
}

type FilteredEvents<'a> = audit_events::BoxedQuery<'a, MultiBackend>;

/// Returns the ids of a page of the audit log, limited to the events visible to the reader.
pub fn page(
    conn: &mut Conn,
    kinds: Kinds,
    filter: &AuditEventFilter,
    page: &PageRequest,
    visibility: &Visibility,
) -> Result<PageIds> {
    if is_hidden(filter, visibility) {
        return Ok(PageIds::cut(Vec::new(), page.limit, page.count.then_some(0)));
    }
    let record_id = record_of(conn, kinds, filter)?;
    let filtered = |_: &mut Conn| -> Result<_> { Ok(filtered_events(filter, record_id, visibility)) };
    keyset!(conn, page, filter.sort.unwrap_or(Sort::AtDesc), filtered, unversioned audit_events, {
        Sort::At => asc at: Instant,
        Sort::AtDesc => desc at: Instant,
    })
}

/// Returns the id of the newest event; 0 if there is none.
pub fn newest(conn: &mut Conn) -> Result<i64> {
    Ok(audit_events::table.select(diesel::dsl::max(audit_events::id)).get_result::<Option<i64>>(conn)?.unwrap_or(0))
}

/// Events after a given one, oldest first.
pub struct Following {
    pub events: Vec<AuditEvent>,
    /// The id of the last event examined; continue after it.
    pub looked_at: i64,
    /// Whether there may be more events.
    pub is_more: bool,
}

/// Returns the first matching events after one id, up to another, in order.
pub fn between(
    conn: &mut Conn,
    kinds: Kinds,
    filter: &AuditEventFilter,
    after: i64,
    up_to: i64,
    limit: i64,
    visibility: &Visibility,
) -> Result<Following> {
    if is_hidden(filter, visibility) {
        return Ok(Following { events: Vec::new(), looked_at: up_to, is_more: false });
    }
    let record_id = record_of(conn, kinds, filter)?;
    let ids: Vec<i64> = filtered_events(filter, record_id, visibility)
        .filter(audit_events::id.gt(after).and(audit_events::id.le(up_to)))
        .order(audit_events::id)
        .limit(limit)
        .select(audit_events::id)
        .load(conn)?;
    let mut events = Vec::new();
    let looked_at = each_bounded(conn, kinds, &ids, visibility, |event| {
        events.push(event);
        Ok(())
    })?;
    // Events that cannot be decoded also count as examined.
    let is_more = ids.len() as i64 == limit || looked_at < ids.len();
    let last = looked_at.checked_sub(1).and_then(|index| ids.get(index)).filter(|_| is_more);
    Ok(Following { events, looked_at: last.copied().unwrap_or(up_to), is_more })
}

/// Whether a filter matches only events that the caller may not read.
fn is_hidden(filter: &AuditEventFilter, visibility: &Visibility) -> bool {
    !visibility.is_administrators()
        && matches!(filter.entity.as_deref(), Some(REQUEST | API_KEY | CALENDAR_KEY | WEBHOOK))
}

fn filtered_events<'a>(
    filter: &'a AuditEventFilter,
    record_id: Option<i64>,
    visibility: &Visibility,
) -> FilteredEvents<'a> {
    let AuditEventFilter { entity, record: _, actor, action, request_id, at_from, at_before, sort: _ } = filter;
    let mut query = audit_events::table.into_boxed::<MultiBackend>();
    if !visibility.is_administrators() {
        // Only refused requests have no record; an index excludes them by this condition.
        let is_hidden = audit_events::entity.eq(API_KEY).or(audit_events::entity.eq(CALENDAR_KEY));
        let is_hidden = is_hidden.or(audit_events::entity.eq(WEBHOOK));
        query = query.filter(audit_events::record_id.is_not_null()).filter(diesel::dsl::not(is_hidden));
    }
    if let Some(entity) = entity {
        query = query.filter(audit_events::entity.eq(entity));
    }
    if let Some(id) = record_id {
        query = query.filter(audit_events::record_id.eq(id));
    }
    if let Some(actor) = actor {
        query = query.filter(audit_events::actor.eq(actor));
    }
    if !action.is_empty() {
        query = query.filter(audit_events::action.eq_any(action));
    }
    if let Some(request_id) = request_id {
        query = query.filter(audit_events::request_id.eq(request_id));
    }
    if let Some(from) = at_from {
        query = query.filter(audit_events::at.ge(Instant::from(*from)));
    }
    if let Some(before) = at_before {
        query = query.filter(audit_events::at.lt(Instant::from(*before)));
    }
    query
}

/// Resolves the record of a filter.
fn record_of(conn: &mut Conn, kinds: Kinds, filter: &AuditEventFilter) -> Result<Option<i64>> {
    let Some(record) = &filter.record else { return Ok(None) };
    let Some(entity) = &filter.entity else {
        let message = msg!("须与 record 一同给出。", "is required together with `record`");
        let fault = Fault { pointer: "/query/entity".to_owned(), code: "required", message };
        return Err(Problem::malformed(vec![fault]).into());
    };
    let found = match kinds.iter().copied().find(|kind| kind.name == entity) {
        Some(kind) => id_of(conn, kind, record)?,
        None => None,
    };
    if found.is_none() {
        let message = msg!("没有 {entity} “{record}”。", "unknown {entity}: \"{record}\"");
        let fault = Fault { pointer: "/query/record".to_owned(), code: "unknown_reference", message };
        return Err(Problem::invalid(vec![fault]).into());
    }
    Ok(found)
}

/// Returns the ids of a page of one record's events, oldest first, optionally up to an instant.
pub fn history(
    conn: &mut Conn,
    kind: &'static Kind,
    id: i64,
    at: Option<Instant>,
    page: &PageRequest,
) -> Result<PageIds> {
    let filtered = |_: &mut Conn| -> Result<_> {
        let of_record = audit_events::entity.eq(kind.name).and(audit_events::record_id.eq(id));
        let query = audit_events::table.into_boxed::<MultiBackend>().filter(of_record);
        Ok(match at {
            Some(at) => query.filter(audit_events::at.le(at)),
            None => query,
        })
    };
    keyset!(conn, page, (), filtered, unversioned audit_events, { () => asc id: i64 })
}

/// Returns a record as of an instant; `None` if it did not exist or its state cannot be decoded.
pub fn as_it_stood(conn: &mut Conn, kind: &'static Kind, id: i64, at: Instant) -> Result<Option<Value>> {
    let state: Option<(i64, Option<String>)> = audit_events::table
        .filter(audit_events::entity.eq(kind.name).and(audit_events::record_id.eq(id)))
        .filter(audit_events::at.le(at))
        // An amendment's event stores the amendment instead of the record.
        .filter(audit_events::action.ne(Action::Amend))
        .order(audit_events::id.desc())
        .select((audit_events::id, audit_events::after_json))
        .first(conn)
        .optional()?;
    Ok(state.and_then(|(event, text)| decoded(event, &text?)))
}

/// Returns the last event of each record of a kind up to an instant: pairs of record and event.
///
/// Only agreements have amendments, whose events store the amendment instead of the record. For all other kinds an
/// index covers the conditions.
fn last_events(conn: &mut Conn, kind: &Kind, at: Instant, records: Records<'_>) -> Result<Vec<(i64, i64)>> {
    let mut query = audit_events::table
        .group_by(audit_events::record_id)
        .select((audit_events::record_id, diesel::dsl::max(audit_events::id)))
        .filter(audit_events::entity.eq(kind.name))
        .filter(audit_events::at.le(at))
        .into_boxed::<MultiBackend>();
    if kind.name == super::AGREEMENT {
        query = query.filter(audit_events::action.ne(Action::Amend));
    }
    query = match records {
        Records::After(id) => {
            let after = query.filter(audit_events::record_id.gt(id)).order(audit_events::record_id);
            after.limit(STATES_TOGETHER as i64)
        }
        Records::These(ids) => query.filter(audit_events::record_id.eq_any(ids)),
    };
    let rows: Vec<(Option<i64>, Option<i64>)> = query.load(conn)?;
    Ok(rows.into_iter().filter_map(|(record, event)| record.zip(event)).collect())
}

/// Which records [`last_events`] reads.
enum Records<'a> {
    /// The next [`STATES_TOGETHER`] after this id.
    After(i64),
    These(&'a [i64]),
}

/// Visits every record of a kind as of an instant, in the order of ids. Decodes a few hundred at a time into `T`, which
/// bounds memory.
pub fn each_as_it_stood<T: DeserializeOwned>(
    conn: &mut Conn,
    kind: &'static Kind,
    at: Instant,
    mut visit: impl FnMut(i64, T),
) -> Result<()> {
    let mut after = 0;
    loop {
        let last = last_events(conn, kind, at, Records::After(after))?;
        let Some((record, _)) = last.last() else { return Ok(()) };
        after = *record;
        let events: Vec<i64> = last.iter().map(|(_, event)| *event).collect();
        visit_states(conn, &events, &mut visit)?;
        if last.len() < STATES_TOGETHER {
            return Ok(());
        }
    }
}

/// Visits some records of a kind as of an instant; skips those that did not exist.
pub fn each_of_as_it_stood<T: DeserializeOwned>(
    conn: &mut Conn,
    kind: &'static Kind,
    records: &[i64],
    at: Instant,
    mut visit: impl FnMut(i64, T),
) -> Result<()> {
    for records in records.chunks(STATES_TOGETHER) {
        let events = last_events_of(conn, kind, records, at)?;
        visit_states(conn, &events, &mut visit)?;
    }
    Ok(())
}

/// Returns the last events of some records of a kind up to an instant. The ids must fit one statement.
pub fn last_events_of(conn: &mut Conn, kind: &'static Kind, records: &[i64], at: Instant) -> Result<Vec<i64>> {
    let last = last_events(conn, kind, at, Records::These(records))?;
    Ok(last.into_iter().map(|(_, event)| event).collect())
}

/// Record states read by one query.
const STATES_TOGETHER: usize = 500;

/// Visits the records' states after events, in the order of record ids; skips deletions.
fn visit_states<T: DeserializeOwned>(conn: &mut Conn, events: &[i64], visit: &mut impl FnMut(i64, T)) -> Result<()> {
    type State = (i64, Option<i64>, Option<String>);
    let mut states: Vec<State> = undecodable::skip(conn, events, |conn, events| {
        audit_events::table
            .filter(audit_events::id.eq_any(events))
            .select((audit_events::id, audit_events::record_id, audit_events::after_json))
            .load(conn)
    })?;
    states.sort_unstable_by_key(|(_, record, _)| *record);
    for (event, record, state) in states {
        if let Some((record, state)) = record.zip(state.and_then(|state| decoded(event, &state))) {
            visit(record, state);
        }
    }
    Ok(())
}

/// Maximum stored JSON of one page of events in bytes, not counting its last events: a page of large records is shorter
/// than its limit. The decoded values take several times as much memory.
const PAGE_BYTES: usize = 512 * 1024;
/// Events read by one query.
const EVENTS_TOGETHER: usize = 50;

/// Loads the events of a page as JSON and returns the page, shortened if the events are large. `key` returns an event's
/// position in the list.
pub fn load_page(
    conn: &mut Conn,
    kinds: Kinds,
    page: PageIds,
    visibility: &Visibility,
    key: impl Fn(&AuditEvent) -> String,
) -> Result<(Vec<Value>, PageIds)> {
    let PageIds { mut ids, versions, mut next, total } = page;
    let (mut items, mut last) = (Vec::with_capacity(ids.len()), None);
    let looked_at = each_bounded(conn, kinds, &ids, visibility, |event| {
        last = Some(Key { value: key(&event), id: event.id });
        // Events are serialized one by one, so that only one is in memory in both forms.
        items.push(serde_json::to_value(event)?);
        Ok(())
    })?;
    if looked_at < ids.len() {
        next = last;
        ids.truncate(looked_at);
    }
    Ok((items, PageIds { ids, versions, next, total }))
}

/// Visits events in the order of `ids` until they exceed [`PAGE_BYTES`]; returns the number of ids examined.
fn each_bounded(
    conn: &mut Conn,
    kinds: Kinds,
    ids: &[i64],
    visibility: &Visibility,
    mut visit: impl FnMut(AuditEvent) -> Result<()>,
) -> Result<usize> {
    let (mut looked_at, mut visited, mut bytes) = (0, 0, 0);
    for chunk in ids.chunks(EVENTS_TOGETHER) {
        for row in load_rows(conn, chunk)? {
            bytes += [&row.before_json, &row.after_json].into_iter().flatten().map(String::len).sum::<usize>();
            visited += 1;
            visit(event(kinds, row, visibility))?;
        }
        looked_at += chunk.len();
        // A page needs at least one event, whose position becomes the cursor.
        if bytes >= PAGE_BYTES && visited > 0 {
            break;
        }
    }
    Ok(looked_at)
}

/// Loads events in the order of `ids`, redacted for the reader.
pub fn load(conn: &mut Conn, kinds: Kinds, ids: &[i64], visibility: &Visibility) -> Result<Vec<AuditEvent>> {
    Ok(load_rows(conn, ids)?.into_iter().map(|row| event(kinds, row, visibility)).collect())
}

fn load_rows(conn: &mut Conn, ids: &[i64]) -> Result<Vec<Row>> {
    let rows = undecodable::skip(conn, ids, |conn, ids| {
        audit_events::table.filter(audit_events::id.eq_any(ids)).select(Row::as_select()).load(conn)
    })?;
    Ok(page::in_order(ids, rows, |row| row.id).collect())
}

/// Converts a row. States that cannot be decoded become null.
fn event(kinds: Kinds, row: Row, visibility: &Visibility) -> AuditEvent {
    let Row {
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
    } = row;
    let state = |text: Option<String>| -> Option<Value> { decoded(id, &text?) };
    let (mut before, mut after) = (state(before_json), state(after_json));
    if let Some(kind) = kinds.iter().copied().find(|kind| kind.name == entity) {
        [&mut before, &mut after].into_iter().flatten().for_each(|state| visibility.redact(kind, state, Hidden::Null));
    }
    let actor_id = visibility.is_administrators().then_some(actor_id);
    AuditEvent { id, at, actor, actor_id, action, entity, record_id, record_code, reason, before, after, request_id }
}
