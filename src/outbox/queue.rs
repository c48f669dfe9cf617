//! From the history to deliveries: the history is the outbox, as each event is written in the transaction of what it tells
//! of, and events are numbered in the order of their commits ([`crate::history::chain`]). A webhook's cursor says up to
//! which number it has looked, and moves in the transaction that writes its deliveries, so that none is lost or made twice.

use std::collections::{HashMap, HashSet};

use diesel::dsl::{count_star, max};
use diesel::prelude::*;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::event::{self, Change};
use crate::access::hex;
use crate::db::Conn;
use crate::db::schema::{audit_events, webhook_deliveries, webhook_pairings, webhooks};
use crate::db::types::Instant;
use crate::error::Result;
use crate::history::Action;
use crate::insert_all;
use crate::resources::audit_events::store as audit;
use crate::resources::pairings;
use crate::resources::webhooks::Status;
use crate::resources::webhooks::api::Entity;
use crate::resources::webhooks::deliveries::Status as DeliveryStatus;

/// Events that are looked at together for one webhook.
const LOOKED_AT_TOGETHER: i64 = 500;
/// A webhook with more messages to deliver looks at no further events: the history keeps them for it.
const PENDING_MAX: i64 = 10_000;

/// An event, as far as it decides who is told of it.
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

/// What a webhook asks for.
pub struct Wanted {
    entities: HashSet<String>,
    actions: HashSet<Change>,
    pairings: HashSet<i64>,
}

impl Wanted {
    /// From the columns of its row, and the pairings that it names.
    pub fn read(entities_json: &str, actions_json: &str, pairings: HashSet<i64>) -> Result<Wanted> {
        let entities: Vec<Entity> = serde_json::from_str(entities_json)?;
        let entities = entities.into_iter().map(|Entity(name)| name).collect();
        Ok(Wanted { entities, actions: serde_json::from_str(actions_json)?, pairings })
    }

    /// Of a webhook; `None` where there is none with this id.
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

    /// The delivery of an event; `None` where the webhook is not told of it.
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

    /// Whether a record belongs to the pairings that the webhook names, or did so before the event.
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
        let mut pairings = Vec::new();
        for state in [states.0, states.1].into_iter().flatten() {
            pairings.extend(pairings_of(&serde_json::from_str(&state)?));
        }
        // What an amendment leaves in the history is the amendment, which names no pairing.
        if event.action == Action::Amend
            && let Some(kind) = event::kind_of(&event.entity)
        {
            let record = audit::as_it_stood(conn, kind, record_id, event.at)?;
            pairings.extend(record.iter().flat_map(pairings_of));
        }
        Ok(pairings.iter().any(|pairing| self.pairings.contains(pairing)))
    }
}

/// The pairings that a record belongs to, as it is read; a document may be of several.
fn pairings_of(record: &Value) -> Vec<i64> {
    let several = record["pairings"].as_array().into_iter().flatten();
    several.chain([&record["pairing"]]).filter_map(|pairing| pairing["id"].as_i64()).collect()
}

/// A delivery to write.
pub struct Due {
    event_id: i64,
    hash: String,
    event_type: String,
    entity: String,
    record_id: i64,
}

impl Due {
    /// The message's id: the same for this event and webhook whenever it is sent, and no other's on any service, as an
    /// event's hash is its own.
    fn message_id(&self, webhook: i64) -> String {
        let digest = Sha256::digest(format!("{webhook}\n{}", self.hash));
        format!("msg_{}", hex(&digest[..16]))
    }
}

/// What a webhook has not looked at yet, up to a number.
pub struct Batch {
    webhook: i64,
    from: i64,
    to: i64,
    due: Vec<Due>,
}

/// What webhooks have to look at, and how many messages are still to be delivered to all that are not paused.
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
        let wanted = Wanted::read(&entities, &actions, pairings)?;
        let found: Vec<Found> = audit_events::table
            .filter(audit_events::id.gt(from))
            .order(audit_events::id)
            .limit(LOOKED_AT_TOGETHER)
            .select(Found::as_select())
            .load(conn)?;
        let to = found.last().map_or(from, |event| event.id);
        let mut due = Vec::new();
        for event in &found {
            due.extend(wanted.delivery(conn, event)?);
        }
        batches.push(Batch { webhook, from, to, due });
    }
    Ok((batches, pending.values().sum()))
}

/// Moves a webhook's cursor and writes what is due, in the transaction under way; nothing where another process was
/// faster, or where the webhook is gone or went back meanwhile.
pub fn put(conn: &mut Conn, batch: &Batch, now: Instant) -> Result<()> {
    let Batch { webhook, from, to, due } = batch;
    let moved = diesel::update(webhooks::table.find(webhook).filter(webhooks::event_cursor.eq(from)))
        .set(webhooks::event_cursor.eq(to))
        .execute(conn)?;
    if moved == 1 { enqueue(conn, *webhook, due, now).map(drop) } else { Ok(()) }
}

/// Writes deliveries; those that were written before, and have ended, are due once more. Gives how many are due.
pub fn enqueue(conn: &mut Conn, webhook: i64, due: &[Due], now: Instant) -> Result<usize> {
    use webhook_deliveries::dsl as d;
    let ids: Vec<i64> = due.iter().map(|due| due.event_id).collect();
    let of_webhook = d::webhook_deliveries.filter(d::webhook_id.eq(webhook)).filter(d::event_id.eq_any(&ids));
    let there: Vec<(i64, Option<i64>, DeliveryStatus)> =
        of_webhook.select((d::id, d::event_id, d::status)).load(conn)?;
    let ended: Vec<i64> =
        there.iter().filter(|(.., status)| *status != DeliveryStatus::Pending).map(|(id, ..)| *id).collect();
    renew(conn, &ended, now)?;
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
            )
        })
        .collect();
    insert_all!(conn, webhook_deliveries::table, &rows)?;
    Ok(due.len())
}

/// Makes deliveries that have ended due once more, as if they had never been tried.
pub fn renew(conn: &mut Conn, ids: &[i64], now: Instant) -> Result<usize> {
    use webhook_deliveries::dsl as d;
    let mut count = 0;
    for chunk in ids.chunks(10_000) {
        count += diesel::update(d::webhook_deliveries.filter(d::id.eq_any(chunk)))
            .set((
                d::status.eq(DeliveryStatus::Pending),
                d::attempts.eq(0),
                d::next_attempt_at.eq(now),
                d::claim.eq(None::<String>),
                d::ended_at.eq(None::<Instant>),
            ))
            .execute(conn)?;
    }
    Ok(count)
}
