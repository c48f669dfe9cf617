//! The rows of the history, for reading.

use diesel::prelude::*;
use serde_json::Value;

use super::api::{AuditEvent, AuditEventFilter, Sort};
use crate::access::Sight;
use crate::access::redaction::Hidden;
use crate::db::page::{self, PageIds, PageRequest};
use crate::db::reference::Kind;
use crate::db::schema::{audit_events, record_codes};
use crate::db::types::{Instant, Ref};
use crate::db::{Conn, MultiBackend};
use crate::error::{Fault, Problem, Result};
use crate::history::{API_KEY, Action, CALENDAR_KEY, REQUEST, WEBHOOK};
use crate::{keyset, msg, resources};

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

type Narrowed<'a> = audit_events::BoxedQuery<'a, MultiBackend>;

/// A page of the whole history, for who sees this much.
pub fn page(conn: &mut Conn, filter: &AuditEventFilter, page: &PageRequest, sight: &Sight) -> Result<PageIds> {
    if is_hidden(filter, sight) {
        return Ok(PageIds::cut(Vec::new(), page.limit, page.count.then_some(0)));
    }
    let record_id = record_of(conn, filter)?;
    let filtered = |_: &mut Conn| -> Result<_> { Ok(narrowed(filter, record_id, sight)) };
    keyset!(conn, page, filter.sort.unwrap_or(Sort::AtDesc), filtered, audit_events, {
        Sort::At => asc at: Instant,
        Sort::AtDesc => desc at: Instant,
    })
}

/// The number of the newest event; 0 where there is none.
pub fn newest(conn: &mut Conn) -> Result<i64> {
    Ok(audit_events::table.select(diesel::dsl::max(audit_events::id)).get_result::<Option<i64>>(conn)?.unwrap_or(0))
}

/// The first events after one, up to another, in the order in which they were written.
pub fn between(
    conn: &mut Conn,
    filter: &AuditEventFilter,
    after: i64,
    up_to: i64,
    limit: i64,
    sight: &Sight,
) -> Result<Vec<AuditEvent>> {
    if is_hidden(filter, sight) {
        return Ok(Vec::new());
    }
    let record_id = record_of(conn, filter)?;
    let ids: Vec<i64> = narrowed(filter, record_id, sight)
        .filter(audit_events::id.gt(after).and(audit_events::id.le(up_to)))
        .order(audit_events::id)
        .limit(limit)
        .select(audit_events::id)
        .load(conn)?;
    load(conn, &ids, sight)
}

/// Whether all that a filter asks for is for administrators alone, and the caller is none.
fn is_hidden(filter: &AuditEventFilter, sight: &Sight) -> bool {
    !sight.is_administrators() && matches!(filter.entity.as_deref(), Some(REQUEST | API_KEY | CALENDAR_KEY | WEBHOOK))
}

fn narrowed<'a>(filter: &'a AuditEventFilter, record_id: Option<i64>, sight: &Sight) -> Narrowed<'a> {
    let AuditEventFilter { entity, record: _, actor, action, request_id, at_from, at_before, sort: _ } = filter;
    let mut query = audit_events::table.into_boxed::<MultiBackend>();
    if !sight.is_administrators() {
        // Refused requests alone are about no record; an index leaves them out by that.
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

/// The record that a filter names, if any, among those of the kind that it names.
fn record_of(conn: &mut Conn, filter: &AuditEventFilter) -> Result<Option<i64>> {
    let Some(record) = &filter.record else { return Ok(None) };
    let Some(entity) = &filter.entity else {
        let message = msg!("须与 record 一同给出。", "is needed beside `record`");
        let fault = Fault { pointer: "/query/entity".to_owned(), code: "required", message };
        return Err(Problem::malformed(vec![fault]).into());
    };
    let found = match resources::kinds().find(|kind| kind.name == entity) {
        Some(kind) => id_of(conn, kind, record)?,
        None => None,
    };
    if found.is_none() {
        let message = msg!("没有 {entity} “{record}”。", "names no {entity}: \"{record}\"");
        let fault = Fault { pointer: "/query/record".to_owned(), code: "unknown_reference", message };
        return Err(Problem::invalid(vec![fault]).into());
    }
    Ok(found)
}

/// A page of one record's history, oldest first; up to an instant, where one is given.
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
    keyset!(conn, page, (), filtered, audit_events, { () => asc id: i64 })
}

/// A record as it stood at an instant; `None` where it was not there.
pub fn as_it_stood(conn: &mut Conn, kind: &'static Kind, id: i64, at: Instant) -> Result<Option<Value>> {
    let state: Option<Option<String>> = audit_events::table
        .filter(audit_events::entity.eq(kind.name).and(audit_events::record_id.eq(id)))
        .filter(audit_events::at.le(at))
        // What an amendment leaves in the history is the amendment.
        .filter(audit_events::action.ne(Action::Amend))
        .order(audit_events::id.desc())
        .select(audit_events::after_json)
        .first(conn)
        .optional()?;
    Ok(state.flatten().map(|text| serde_json::from_str(&text)).transpose()?)
}

/// All records of a kind as they stood at an instant, by id.
pub fn all_as_they_stood(conn: &mut Conn, kind: &'static Kind, at: Instant) -> Result<Vec<(i64, Value)>> {
    let last = audit_events::table
        .filter(audit_events::entity.eq(kind.name).and(audit_events::at.le(at)))
        .filter(audit_events::action.ne(Action::Amend))
        .group_by(audit_events::record_id)
        .select(diesel::dsl::max(audit_events::id).assume_not_null());
    let ids: Vec<i64> = last.load(conn)?;
    states_after(conn, &ids)
}

/// Some records of a kind as they stood at an instant, by id; those that did not exist then are left out.
pub fn as_they_stood(conn: &mut Conn, kind: &'static Kind, ids: &[i64], at: Instant) -> Result<Vec<(i64, Value)>> {
    let mut records = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(10_000) {
        let last = audit_events::table
            .filter(audit_events::entity.eq(kind.name).and(audit_events::record_id.eq_any(chunk)))
            .filter(audit_events::at.le(at).and(audit_events::action.ne(Action::Amend)))
            .group_by(audit_events::record_id)
            .select(diesel::dsl::max(audit_events::id).assume_not_null());
        let last: Vec<i64> = last.load(conn)?;
        records.extend(states_after(conn, &last)?);
    }
    Ok(records)
}

/// The records as these events left them; those that were deleted are left out.
fn states_after(conn: &mut Conn, events: &[i64]) -> Result<Vec<(i64, Value)>> {
    let mut records = Vec::with_capacity(events.len());
    for chunk in events.chunks(10_000) {
        let rows: Vec<(i64, Option<String>)> = audit_events::table
            .filter(audit_events::id.eq_any(chunk))
            .order(audit_events::record_id)
            .select((audit_events::record_id.assume_not_null(), audit_events::after_json))
            .load(conn)?;
        for (id, state) in rows {
            if let Some(state) = state {
                records.push((id, serde_json::from_str(&state)?));
            }
        }
    }
    Ok(records)
}

/// Events by id, in order, for who sees this much.
pub fn load(conn: &mut Conn, ids: &[i64], sight: &Sight) -> Result<Vec<AuditEvent>> {
    let rows: Vec<Row> =
        audit_events::table.filter(audit_events::id.eq_any(ids)).select(Row::as_select()).load(conn)?;
    page::in_order(ids, rows, |row| row.id)
        .map(|row| {
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
            let json = |text: Option<String>| -> Result<Option<Value>> {
                Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
            };
            let (mut before, mut after) = (json(before_json)?, json(after_json)?);
            if let Some(kind) = resources::kinds().find(|kind| kind.name == entity) {
                [&mut before, &mut after]
                    .into_iter()
                    .flatten()
                    .for_each(|state| sight.redact(kind, state, Hidden::Null));
            }
            let actor_id = sight.is_administrators().then_some(actor_id);
            Ok(AuditEvent {
                id,
                at,
                actor,
                actor_id,
                action,
                entity,
                record_id,
                record_code,
                reason,
                before,
                after,
                request_id,
            })
        })
        .collect()
}

/// The id of a record that is there or was: by its id, its code, or a code that it had.
pub fn id_of(conn: &mut Conn, kind: &'static Kind, reference: &Ref) -> Result<Option<i64>> {
    let Some(id) = reference.id() else {
        let code = &reference.0;
        if !reference.is_shaped() {
            return Ok(None);
        }
        return Ok(record_codes::table
            .find((code, kind.name))
            .select(record_codes::record_id)
            .first(conn)
            .optional()?);
    };
    let written: Option<i64> = audit_events::table
        .filter(audit_events::entity.eq(kind.name).and(audit_events::record_id.eq(id)))
        .select(audit_events::record_id.assume_not_null())
        .first(conn)
        .optional()?;
    Ok(written)
}
