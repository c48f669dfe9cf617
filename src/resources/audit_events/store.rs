//! The rows of the history, for reading.

use diesel::prelude::*;
use serde_json::Value;

use super::api::{AuditEvent, AuditEventFilter, Sort};
use crate::db::page::{self, PageIds, PageRequest};
use crate::db::reference::Kind;
use crate::db::schema::{audit_events, record_codes};
use crate::db::types::{Instant, Ref};
use crate::db::{Conn, MultiBackend};
use crate::error::Result;
use crate::history::Action;
use crate::keyset;

#[derive(Queryable, Selectable)]
#[diesel(table_name = audit_events)]
struct Row {
    id: i64,
    at: Instant,
    actor: String,
    action: Action,
    entity: String,
    record_id: i64,
    record_code: Option<String>,
    reason: Option<String>,
    before_json: Option<String>,
    after_json: Option<String>,
    request_id: String,
}

/// A page of the whole history.
pub fn page(conn: &mut Conn, filter: &AuditEventFilter, page: &PageRequest) -> Result<PageIds> {
    let filtered = |_: &mut Conn| -> Result<_> {
        let AuditEventFilter { entity, record_id, actor, action, at_from, at_before, sort: _ } = filter;
        let mut query = audit_events::table.into_boxed::<MultiBackend>();
        if let Some(entity) = entity {
            query = query.filter(audit_events::entity.eq(entity));
        }
        if let Some(id) = record_id {
            query = query.filter(audit_events::record_id.eq(*id));
        }
        if let Some(actor) = actor {
            query = query.filter(audit_events::actor.eq(actor));
        }
        if !action.is_empty() {
            query = query.filter(audit_events::action.eq_any(action));
        }
        if let Some(from) = at_from {
            query = query.filter(audit_events::at.ge(Instant::from(*from)));
        }
        if let Some(before) = at_before {
            query = query.filter(audit_events::at.lt(Instant::from(*before)));
        }
        Ok(query)
    };
    keyset!(conn, page, filter.sort.unwrap_or(Sort::AtDesc), filtered, audit_events, {
        Sort::At => asc at: Instant,
        Sort::AtDesc => desc at: Instant,
    })
}

/// A page of one record's history, oldest first.
pub fn history(conn: &mut Conn, kind: &'static Kind, id: i64, page: &PageRequest) -> Result<PageIds> {
    let filtered = |_: &mut Conn| -> Result<_> {
        let of_record = audit_events::entity.eq(kind.name).and(audit_events::record_id.eq(id));
        Ok(audit_events::table.into_boxed::<MultiBackend>().filter(of_record))
    };
    keyset!(conn, page, (), filtered, audit_events, { () => asc id: i64 })
}

/// Events by id, in order.
pub fn load(conn: &mut Conn, ids: &[i64]) -> Result<Vec<AuditEvent>> {
    let rows: Vec<Row> = audit_events::table.filter(audit_events::id.eq_any(ids)).select(Row::as_select()).load(conn)?;
    page::in_order(ids, rows, |row| row.id)
        .map(|row| {
            let Row { id, at, actor, action, entity, record_id, record_code, reason, before_json, after_json, request_id } = row;
            let json = |text: Option<String>| -> Result<Option<Value>> {
                Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
            };
            let (before, after) = (json(before_json)?, json(after_json)?);
            Ok(AuditEvent { id, at, actor, action, entity, record_id, record_code, reason, before, after, request_id })
        })
        .collect()
}

/// The id of a record that is there or was: by its id, its code, or a code that it had.
pub fn id_of(conn: &mut Conn, kind: &'static Kind, reference: &Ref) -> Result<Option<i64>> {
    let Some(id) = reference.id() else {
        let code = &reference.0;
        return Ok(record_codes::table.find((kind.name, code)).select(record_codes::record_id).first(conn).optional()?);
    };
    let written: Option<i64> = audit_events::table
        .filter(audit_events::entity.eq(kind.name).and(audit_events::record_id.eq(id)))
        .select(audit_events::record_id)
        .first(conn)
        .optional()?;
    Ok(written)
}
