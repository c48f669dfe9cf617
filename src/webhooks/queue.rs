//! Creates deliveries from audit events. The audit log is the outbox: an event is inserted in the transaction of the
//! change it describes, and event ids follow commit order ([`crate::audit::chain`]). The cursor of a webhook is the id
//! of the last event processed for it. It moves in the transaction that inserts the deliveries, so no delivery is lost
//! or created twice.

use std::collections::{BTreeMap, HashMap, HashSet};

use diesel::dsl::{count_star, exists, max, not};
use diesel::prelude::*;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::event::{self, Change};
use crate::audit::{Action, log as audit, records, undecodable};
use crate::db::Conn;
use crate::db::schema::{audit_events, webhook_deliveries, webhook_pairings, webhooks};
use crate::error::Result;
use crate::insert_all;
use crate::model::hex;
use crate::model::types::Instant;
use crate::resources::pairings;
use crate::webhooks::deliveries::Status as DeliveryStatus;
use crate::webhooks::endpoints::Status;
use crate::webhooks::endpoints::api::Entity;

/// Events processed in one batch for one webhook.
const LOOKED_AT_TOGETHER: i64 = 500;
/// Webhooks processed in one call of [`gather`].
const WEBHOOKS_TOGETHER: usize = 10;
/// Maximum number of pending deliveries of a webhook. Beyond it its cursor stops, and the events wait in the audit log.
const PENDING_MAX: i64 = 10_000;

/// The columns of an audit event that decide which webhooks receive it.
#[derive(Queryable, Selectable)]
#[diesel(table_name = audit_events)]
pub struct Found {
    pub id: i64,
    at: Instant,
    action: Action,
    entity: String,
    record_id: Option<i64>,
    hash: String,
}

/// The subscription of a webhook: kinds, actions and pairings.
pub struct Wanted {
    entities: HashSet<String>,
    actions: HashSet<Change>,
    pairings: HashSet<i64>,
}

impl Wanted {
    /// Parses the JSON columns of a webhook's row.
    pub fn read(entities_json: &str, actions_json: &str, pairings: HashSet<i64>) -> Result<Wanted> {
        let entities: Vec<Entity> = serde_json::from_str(entities_json)?;
        let entities = entities.into_iter().map(|Entity(name)| name).collect();
        Ok(Wanted { entities, actions: serde_json::from_str(actions_json)?, pairings })
    }

    /// Loads the subscription of a webhook; `None` if the webhook does not exist.
    pub fn of(conn: &mut Conn, webhook: i64) -> Result<Option<Wanted>> {
        let row: Option<(String, String)> = webhooks::table
            .find(webhook)
            .select((webhooks::entities_json, webhooks::actions_json))
            .first(conn)
            .optional()?;
        let Some((entities, actions)) = row else { return Ok(None) };
        let named = webhook_pairings::table
            .filter(webhook_pairings::webhook_id.eq(webhook))
            .select(webhook_pairings::pairing_id);
        Wanted::read(&entities, &actions, named.load(conn)?.into_iter().collect()).map(Some)
    }

    /// Returns the delivery of an event, or `None` if the webhook is not subscribed to it.
    pub fn delivery(&self, conn: &mut Conn, event: &Found) -> Result<Option<Due>> {
        let Some(((kind, change), record_id)) =
            event::kind_of(&event.entity).zip(Change::of(event.action)).zip(event.record_id)
        else {
            return Ok(None);
        };
        let is_asked_for = (self.entities.is_empty() || self.entities.contains(kind.name))
            && (self.actions.is_empty() || self.actions.contains(&change));
        if !is_asked_for || !self.is_of_pairings(conn, event, record_id)? {
            return Ok(None);
        }
        let (event_type, entity) = (format!("{}.{change}", kind.name), event.entity.clone());
        Ok(Some(Due { event_id: event.id, hash: event.hash.clone(), event_type, entity, record_id }))
    }

    /// Whether the record belongs to a subscribed pairing, or did so before the event.
    fn is_of_pairings(&self, conn: &mut Conn, event: &Found, record_id: i64) -> Result<bool> {
        if self.pairings.is_empty() {
            return Ok(true);
        }
        if event.entity == pairings::KIND.name {
            return Ok(self.pairings.contains(&record_id));
        }
        let states: (Option<String>, Option<String>) = audit_events::table
            .find(event.id)
            .select((audit_events::before_json, audit_events::after_json))
            .first(conn)?;
        // A state that cannot be decoded is skipped; the other state decides.
        let states = [states.0, states.1].into_iter().flatten();
        let mut pairings: Vec<i64> = states
            .filter_map(|state| records::decoded(event.id, &state))
            .flat_map(|state| pairings_of(&state))
            .collect();
        // An amendment's event stores the amendment, which has no pairing, so the agreement is read as of the event.
        if event.action == Action::Amend
            && let Some(kind) = event::kind_of(&event.entity)
        {
            let record = audit::as_it_stood(conn, kind, record_id, event.at)?;
            pairings.extend(record.iter().flat_map(pairings_of));
        }
        Ok(pairings.iter().any(|pairing| self.pairings.contains(pairing)))
    }
}

/// Returns the pairings in a record's JSON; a document may belong to several.
fn pairings_of(record: &Value) -> Vec<i64> {
    let several = record["pairings"].as_array().into_iter().flatten();
    several.chain([&record["pairing"]]).filter_map(|pairing| pairing["id"].as_i64()).collect()
}

/// A delivery to insert.
pub struct Due {
    event_id: i64,
    hash: String,
    event_type: String,
    entity: String,
    record_id: i64,
}

impl Due {
    /// Returns the message id: stable for this event and webhook, and unique across services because event hashes are.
    fn message_id(&self, webhook: i64) -> String {
        let digest = Sha256::digest(format!("{webhook}\n{}", self.hash));
        format!("msg_{}", hex(&digest[..16]))
    }
}

/// Unprocessed events of one webhook: the cursor before and after, and the deliveries that they cause.
pub struct Batch {
    webhook: i64,
    from: i64,
    to: i64,
    due: Vec<Due>,
}

/// Returns the batches to process and the number of pending deliveries of all active webhooks.
pub fn gather(conn: &mut Conn) -> Result<(Vec<Batch>, i64)> {
    type Row = (i64, i64, String, String);
    let active: Vec<Row> = webhooks::table
        .filter(webhooks::status.eq(Status::Active))
        .order(webhooks::id)
        .select((webhooks::id, webhooks::event_cursor, webhooks::entities_json, webhooks::actions_json))
        .load(conn)?;
    if active.is_empty() {
        return Ok((Vec::new(), 0));
    }
    let head: Option<i64> = audit_events::table.select(max(audit_events::id)).first(conn)?;
    let head = head.unwrap_or(0);
    let active_ids = || webhooks::table.filter(webhooks::status.eq(Status::Active)).select(webhooks::id);
    let pending: Vec<(i64, i64)> = webhook_deliveries::table
        .filter(webhook_deliveries::webhook_id.eq_any(active_ids()))
        .filter(webhook_deliveries::status.eq(DeliveryStatus::Pending))
        .group_by(webhook_deliveries::webhook_id)
        .select((webhook_deliveries::webhook_id, count_star()))
        .load(conn)?;
    let pending: HashMap<i64, i64> = pending.into_iter().collect();
    let named: Vec<(i64, i64)> = webhook_pairings::table
        .filter(webhook_pairings::webhook_id.eq_any(active_ids()))
        .select((webhook_pairings::webhook_id, webhook_pairings::pairing_id))
        .load(conn)?;
    let mut batches = Vec::new();
    for (webhook, from, entities, actions) in active {
        if from >= head || pending.get(&webhook).is_some_and(|count| *count >= PENDING_MAX) {
            continue;
        }
        let pairings = named.iter().filter(|(id, _)| *id == webhook).map(|(_, pairing)| *pairing).collect();
        batches.push(batch(conn, webhook, from, &Wanted::read(&entities, &actions, pairings)?)?);
        // The caller repeats the call until no batch is left.
        if batches.len() == WEBHOOKS_TOGETHER {
            break;
        }
    }
    Ok((batches, pending.values().sum()))
}

/// Returns the next batch of a webhook. Events that cannot be decoded are skipped.
fn batch(conn: &mut Conn, webhook: i64, from: i64, wanted: &Wanted) -> Result<Batch> {
    let ids: Vec<i64> = audit_events::table
        .filter(audit_events::id.gt(from))
        .order(audit_events::id)
        .limit(LOOKED_AT_TOGETHER)
        .select(audit_events::id)
        .load(conn)?;
    let found: Vec<Found> = undecodable::skip(conn, &ids, |conn, ids| {
        let events = audit_events::table.filter(audit_events::id.eq_any(ids)).order(audit_events::id);
        events.select(Found::as_select()).load(conn)
    })?;
    let mut due = Vec::new();
    for event in &found {
        due.extend(wanted.delivery(conn, event)?);
    }
    Ok(Batch { webhook, from, to: ids.last().copied().unwrap_or(from), due })
}

/// Moves a webhook's cursor and inserts the batch's deliveries, in the current transaction. Does nothing if the cursor
/// changed meanwhile (another process, a replay) or the webhook was deleted.
pub fn put(conn: &mut Conn, batch: &Batch, now: Instant) -> Result<()> {
    let Batch { webhook, from, to, due } = batch;
    let moved = diesel::update(webhooks::table.find(webhook).filter(webhooks::event_cursor.eq(from)))
        .set(webhooks::event_cursor.eq(to))
        .execute(conn)?;
    if moved == 1 { enqueue(conn, *webhook, due, now).map(drop) } else { Ok(()) }
}

/// Inserts deliveries; those that exist and have ended become due again. Returns the number of deliveries due.
pub fn enqueue(conn: &mut Conn, webhook: i64, due: &[Due], now: Instant) -> Result<usize> {
    use webhook_deliveries::dsl as d;
    let ids: Vec<i64> = due.iter().map(|due| due.event_id).collect();
    let of_webhook = d::webhook_deliveries.filter(d::webhook_id.eq(webhook)).filter(d::event_id.eq_any(&ids));
    let there: Vec<(i64, Option<i64>, DeliveryStatus)> =
        of_webhook.select((d::id, d::event_id, d::status)).load(conn)?;
    let ended: Vec<i64> =
        there.iter().filter(|(.., status)| *status != DeliveryStatus::Pending).map(|(id, ..)| *id).collect();
    renew(conn, webhook, &ended, now)?;
    let there: HashSet<i64> = there.into_iter().filter_map(|(_, event, _)| event).collect();
    let rows: Vec<_> = due
        .iter()
        .filter(|due| !there.contains(&due.event_id))
        .map(|due| {
            (
                d::webhook_id.eq(webhook),
                d::event_id.eq(Some(due.event_id)),
                d::message_id.eq(due.message_id(webhook)),
                d::event_type.eq(&due.event_type),
                d::entity.eq(&due.entity),
                d::record_id.eq(due.record_id),
                d::status.eq(DeliveryStatus::Pending),
                d::attempts.eq(0),
                d::created_at.eq(now),
                d::next_attempt_at.eq(now),
                d::is_blocked.eq(false),
            )
        })
        .collect();
    insert_all!(conn, webhook_deliveries::table, &rows)?;
    mark_blocked(conn, webhook, due.iter().map(|due| (due.entity.as_str(), due.record_id)))?;
    Ok(due.len())
}

/// Resets ended deliveries of a webhook to pending, with no attempts.
pub fn renew(conn: &mut Conn, webhook: i64, ids: &[i64], now: Instant) -> Result<usize> {
    use webhook_deliveries::dsl as d;
    let mut count = 0;
    for chunk in ids.chunks(1_000) {
        let renewed = || d::webhook_deliveries.filter(d::webhook_id.eq(webhook)).filter(d::id.eq_any(chunk));
        count += diesel::update(renewed())
            .set((
                d::status.eq(DeliveryStatus::Pending),
                d::attempts.eq(0),
                d::next_attempt_at.eq(now),
                d::claim.eq(None::<String>),
                d::ended_at.eq(None::<Instant>),
                d::is_blocked.eq(false),
            ))
            .execute(conn)?;
        let records: Vec<(String, i64)> = renewed().select((d::entity, d::record_id)).distinct().load(conn)?;
        mark_blocked(conn, webhook, records.iter().map(|(entity, record)| (entity.as_str(), *record)))?;
    }
    Ok(count)
}

/// Recomputes `is_blocked` of the pending deliveries of some records: a delivery is blocked while an earlier one of its
/// record is pending. The caller's transaction holds the lock on the webhook's row, so no delivery ends meanwhile
/// ([`super::claims::finish`]).
fn mark_blocked<'a>(conn: &mut Conn, webhook: i64, records: impl Iterator<Item = (&'a str, i64)>) -> Result<()> {
    use webhook_deliveries::dsl as d;
    let mut by_entity: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    records.for_each(|(entity, record)| by_entity.entry(entity).or_default().push(record));
    let earlier = diesel::alias!(webhook_deliveries as earlier_deliveries);
    for (entity, records) in by_entity {
        for records in records.chunks(1_000) {
            let pending = |is_blocked: bool| {
                d::webhook_deliveries
                    .filter(d::webhook_id.eq(webhook))
                    .filter(d::status.eq(DeliveryStatus::Pending))
                    .filter(d::entity.eq(entity))
                    .filter(d::record_id.eq_any(records))
                    .filter(d::is_blocked.eq(is_blocked))
            };
            let has_earlier = || {
                exists(
                    earlier
                        .filter(earlier.field(d::webhook_id).eq(d::webhook_id))
                        .filter(earlier.field(d::status).eq(DeliveryStatus::Pending))
                        .filter(earlier.field(d::entity).eq(d::entity))
                        .filter(earlier.field(d::record_id).eq(d::record_id))
                        .filter(earlier.field(d::event_id).lt(d::event_id)),
                )
            };
            diesel::update(pending(false).filter(has_earlier())).set(d::is_blocked.eq(true)).execute(conn)?;
            diesel::update(pending(true).filter(not(has_earlier()))).set(d::is_blocked.eq(false)).execute(conn)?;
        }
    }
    Ok(())
}

/// Unblocks the first pending delivery of a record after the one before it has ended.
pub fn unblock_next(conn: &mut Conn, webhook: i64, entity: &str, record: i64) -> Result<()> {
    use webhook_deliveries::dsl as d;
    let next: Option<i64> = d::webhook_deliveries
        .filter(d::webhook_id.eq(webhook))
        .filter(d::status.eq(DeliveryStatus::Pending))
        .filter(d::entity.eq(entity))
        .filter(d::record_id.eq(record))
        .filter(d::event_id.is_not_null())
        .order(d::event_id)
        .select(d::id)
        .first(conn)
        .optional()?;
    if let Some(next) = next {
        diesel::update(d::webhook_deliveries.find(next)).set(d::is_blocked.eq(false)).execute(conn)?;
    }
    Ok(())
}
