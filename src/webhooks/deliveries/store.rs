//! Queries for reading and replaying deliveries.

use diesel::dsl::min;
use diesel::prelude::*;

use super::Status;
use super::api::{NewWebhookReplay, Sort, WebhookDelivery, WebhookDeliveryFilter, validate};
use crate::access::secrets;
use crate::audit::undecodable;
use crate::db::page::{self, PageIds, PageRequest};
use crate::db::schema::{audit_events, webhook_deliveries, webhooks};
use crate::db::{Conn, MultiBackend};
use crate::error::{Error, Faults, Problem, Result};
use crate::model::types::{Instant, Ref};
use crate::record::{self, Precondition, Record, Tx};
use crate::webhooks::endpoints::{self as resource, KIND, Webhooks};
use crate::webhooks::event::TEST;
use crate::webhooks::queue::{self, Found, Wanted};
use crate::webhooks::send::Failure;
use crate::{keyset, msg};

#[derive(Queryable, Selectable)]
#[diesel(table_name = webhook_deliveries)]
struct Row {
    id: i64,
    event_id: Option<i64>,
    message_id: String,
    event_type: String,
    entity: String,
    record_id: i64,
    status: Status,
    attempts: i32,
    created_at: Instant,
    next_attempt_at: Instant,
    last_attempt_at: Option<Instant>,
    last_status_code: Option<i32>,
    last_failure: Option<Failure>,
    ended_at: Option<Instant>,
}

impl From<Row> for WebhookDelivery {
    fn from(row: Row) -> WebhookDelivery {
        let Row {
            id,
            event_id,
            message_id,
            event_type,
            entity,
            record_id,
            status,
            attempts,
            created_at,
            next_attempt_at,
            last_attempt_at,
            last_status_code,
            last_failure,
            ended_at,
        } = row;
        WebhookDelivery {
            id,
            message_id,
            event_id,
            event_type,
            entity,
            record_id,
            status,
            attempts,
            created_at,
            last_attempt_at,
            next_attempt_at: (status == Status::Pending).then_some(next_attempt_at),
            last_status_code,
            last_failure,
            ended_at,
        }
    }
}

/// Returns the ids of a page of a webhook's deliveries.
pub fn page(conn: &mut Conn, reference: &Ref, filter: &WebhookDeliveryFilter, page: &PageRequest) -> Result<PageIds> {
    let webhook = KIND.find(conn, reference)?.ok_or_else(|| Problem::not_found(KIND.name, &reference.0))?;
    let filtered = |_: &mut Conn| -> Result<_> {
        let of_webhook = webhook_deliveries::webhook_id.eq(webhook);
        let query = webhook_deliveries::table.into_boxed::<MultiBackend>().filter(of_webhook);
        Ok(match filter.status {
            Some(status) => query.filter(webhook_deliveries::status.eq(status)),
            None => query,
        })
    };
    keyset!(conn, page, filter.sort.unwrap_or(Sort::IdDesc), filtered, unversioned webhook_deliveries, {
        Sort::Id => asc id: i64,
        Sort::IdDesc => desc id: i64,
    })
}

/// Loads deliveries in the order of `ids`.
pub fn load(conn: &mut Conn, ids: &[i64]) -> Result<Vec<WebhookDelivery>> {
    let rows: Vec<Row> =
        webhook_deliveries::table.filter(webhook_deliveries::id.eq_any(ids)).select(Row::as_select()).load(conn)?;
    Ok(page::in_order(ids, rows, |row| row.id).map(WebhookDelivery::from).collect())
}

/// Schedules messages to be sent again; returns the webhook's version and the number of events.
pub fn replay(tx: &mut Tx<'_>, reference: &Ref, new: NewWebhookReplay) -> Result<(i64, i64)> {
    let (id, webhook) = record::lock::<Webhooks>(tx, reference, &Precondition::Any)?;
    let (_, version) = Webhooks::id_and_version(&webhook);
    let mut faults = Faults::default();
    validate(&new, &mut faults);
    faults.refuse()?;
    let NewWebhookReplay { since, events, failed } = new;
    let count = match (since.map(Instant::from), failed) {
        (Some(since), false) => go_back(tx, id, webhook.event_cursor, since)?,
        (since, true) => renew_failed(tx, id, since)?,
        (None, false) => renew_events(tx, id, &events)?,
    };
    Ok((version, count))
}

/// Sets a webhook's cursor back so that events since an instant are processed again.
fn go_back(tx: &mut Tx<'_>, webhook: i64, cursor: i64, since: Instant) -> Result<i64> {
    // Ids follow the order of commits, while `at` is the start of the write, so `at` does not increase with the id.
    let first: Option<i64> =
        audit_events::table.filter(audit_events::at.ge(since)).select(min(audit_events::id)).first(tx.conn)?;
    let Some(before) = first.map(|first| first - 1).filter(|before| *before < cursor) else { return Ok(0) };
    diesel::update(webhooks::table.find(webhook)).set(webhooks::event_cursor.eq(before)).execute(tx.conn)?;
    Ok(cursor - before)
}

fn renew_failed(tx: &mut Tx<'_>, webhook: i64, since: Option<Instant>) -> Result<i64> {
    use webhook_deliveries::dsl as d;
    let failed = d::webhook_deliveries
        .filter(d::webhook_id.eq(webhook))
        .filter(d::status.eq(Status::Failed))
        .select(d::id)
        .into_boxed::<MultiBackend>();
    let failed = match since {
        Some(since) => {
            let lately = audit_events::table.filter(audit_events::at.ge(since)).select(audit_events::id.nullable());
            failed.filter(d::event_id.eq_any(lately))
        }
        None => failed,
    };
    let ids: Vec<i64> = failed.load(tx.conn)?;
    queue::renew(tx.conn, webhook, &ids, tx.now).map(count)
}

fn renew_events(tx: &mut Tx<'_>, webhook: i64, ids: &[i64]) -> Result<i64> {
    let wanted = Wanted::of(tx.conn, webhook)?.ok_or_else(|| Error::unexpected("a locked webhook is missing"))?;
    let mut faults = Faults::default();
    let mut due = Vec::with_capacity(ids.len());
    for (index, id) in ids.iter().enumerate() {
        let found: Option<Found> = undecodable::skip(tx.conn, &[*id], |conn, ids| {
            audit_events::table.filter(audit_events::id.eq_any(ids)).select(Found::as_select()).load(conn)
        })?
        .pop();
        let delivery = match &found {
            Some(event) => wanted.delivery(tx.conn, event)?,
            None => None,
        };
        let pointer = format!("/events/{index}");
        if ids[..index].contains(id) {
            faults.push(pointer, "repeated", msg!("重复出现：{id}。", "contains {id} more than once"));
        } else if let Some(delivery) = delivery {
            due.push(delivery);
        } else {
            let message =
                msg!("没有此推送所订阅的事件 {id}。", "is not an event that this webhook is subscribed to: {id}");
            faults.push(pointer, "unknown_reference", message);
        }
    }
    faults.refuse()?;
    queue::enqueue(tx.conn, webhook, &due, tx.now).map(count)
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Enqueues a test message; returns the webhook's version and the delivery.
pub fn test(tx: &mut Tx<'_>, reference: &Ref) -> Result<(i64, WebhookDelivery)> {
    use webhook_deliveries::dsl as d;
    let (id, webhook) = record::lock::<Webhooks>(tx, reference, &Precondition::Any)?;
    if webhook.status == resource::Status::Paused {
        return Err(Problem::conflict(
            "webhook_paused",
            msg!("推送已暂停，不发送任何消息。", "The webhook is paused; no messages are sent to it."),
        )
        .into());
    }
    let delivery: i64 = diesel::insert_into(d::webhook_deliveries)
        .values((
            d::webhook_id.eq(id),
            d::message_id.eq(format!("msg_{}", secrets::random_hex::<16>())),
            d::event_type.eq(TEST),
            d::entity.eq(KIND.name),
            d::record_id.eq(id),
            d::status.eq(Status::Pending),
            d::attempts.eq(0),
            d::created_at.eq(tx.now),
            d::next_attempt_at.eq(tx.now),
            d::is_blocked.eq(false),
        ))
        .returning(d::id)
        .get_result(tx.conn)?;
    let delivery = load(tx.conn, &[delivery])?.pop();
    let delivery = delivery.ok_or_else(|| Error::unexpected("a delivery is missing right after its insertion"))?;
    Ok((webhook.version, delivery))
}
