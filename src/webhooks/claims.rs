//! Selects due deliveries, claims them for this process and stores the outcome of each attempt.
//!
//! A process claims a delivery for a limited time before it sends it, so only one of several processes does. If no
//! outcome is stored before the claim expires, the process has crashed, and another one sends the delivery again. For
//! one webhook and record only the earliest event can be claimed: later ones are marked as blocked until it has ended,
//! and the query for due deliveries skips them.

use std::time::Duration;

use chrono::TimeDelta;
use diesel::prelude::*;
use rand::RngExt;

use super::send::{Failure, Outcome};
use super::{queue, schedule};
use crate::access::secrets::{self, Secret, signing};
use crate::db::Conn;
use crate::db::schema::{webhook_deliveries, webhooks};
use crate::error::Result;
use crate::model::types::Instant;
use crate::webhooks::deliveries::Status as DeliveryStatus;
use crate::webhooks::endpoints::{KIND, Status};

/// Maximum number of concurrent attempts of one process for one webhook.
pub const AT_A_TIME: usize = 4;
/// Lifetime of a claim: well beyond the longest attempt plus the storing of its outcome.
pub const CLAIMED_FOR: Duration = Duration::from_secs(90);
/// Retention of a delivery after it ended.
pub const KEPT_FOR: Duration = Duration::from_hours(30 * 24);
/// Deliveries deleted in one transaction.
const DROPPED_TOGETHER: i64 = 1_000;

/// A due delivery, with the due time that was read; [`claim`] skips it if that time has changed.
#[derive(Clone, Debug)]
pub struct Candidate {
    id: i64,
    webhook: i64,
    seen: Instant,
}

/// A delivery claimed by this process for [`CLAIMED_FOR`].
#[derive(Clone, Debug)]
pub struct Claimed {
    pub id: i64,
    pub webhook: i64,
    /// Random token of the claim; an expired claim no longer matches, so it stores no outcome.
    claim: String,
    pub message_id: String,
    pub event_id: Option<i64>,
    pub event_type: String,
    entity: String,
    record_id: i64,
    /// Number of earlier attempts.
    pub attempts: i32,
    pub created_at: Instant,
    pub url: String,
    pub code: Option<String>,
    /// Signing secrets, newest first.
    pub secrets: Vec<Secret>,
}

/// What was stored for an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    Delivered,
    /// A retry is scheduled.
    Retried,
    /// That was the last attempt.
    Failed,
    /// Nothing was stored: the claim had expired, or the delivery was deleted.
    Nothing,
}

/// Returns the unblocked deliveries due at `now`, at most `room(webhook)` of each active webhook.
pub fn due(conn: &mut Conn, now: Instant, room: impl Fn(i64) -> usize) -> Result<Vec<Candidate>> {
    use webhook_deliveries::dsl as d;
    let active: Vec<i64> = webhooks::table
        .filter(webhooks::status.eq(Status::Active))
        .order(webhooks::id)
        .select(webhooks::id)
        .load(conn)?;
    let mut all = Vec::new();
    for webhook in active {
        let Some(limit) = i64::try_from(room(webhook)).ok().filter(|limit| *limit > 0) else { continue };
        let found: Vec<(i64, Instant)> = d::webhook_deliveries
            .filter(d::webhook_id.eq(webhook))
            .filter(d::status.eq(DeliveryStatus::Pending))
            .filter(d::is_blocked.eq(false))
            .filter(d::next_attempt_at.le(now))
            .order((d::next_attempt_at, d::id))
            .limit(limit)
            .select((d::id, d::next_attempt_at))
            .load(conn)?;
        all.extend(found.into_iter().map(|(id, seen)| Candidate { id, webhook, seen }));
    }
    Ok(all)
}

/// Claims the candidates that no other process has claimed since they were read.
pub fn claim(conn: &mut Conn, candidates: &[Candidate], now: Instant) -> Result<Vec<Claimed>> {
    use webhook_deliveries::dsl as d;
    let until = Instant::from(now.utc() + TimeDelta::from_std(CLAIMED_FOR).unwrap_or(TimeDelta::zero()));
    let mut all = Vec::with_capacity(candidates.len());
    for Candidate { id, webhook, seen } in candidates {
        let claim = secrets::random_hex::<16>();
        let as_seen = d::webhook_deliveries
            .find(id)
            .filter(d::status.eq(DeliveryStatus::Pending))
            .filter(d::next_attempt_at.eq(seen));
        let taken =
            diesel::update(as_seen).set((d::claim.eq(Some(&claim)), d::next_attempt_at.eq(until))).execute(conn)?;
        if taken == 1 {
            all.extend(load(conn, *id, *webhook, claim, now)?);
        }
    }
    Ok(all)
}

fn load(conn: &mut Conn, id: i64, webhook: i64, claim: String, now: Instant) -> Result<Option<Claimed>> {
    use webhook_deliveries::dsl as d;
    type Receiver = (String, Option<String>, String, Option<String>, Option<Instant>);
    let receiver: Option<Receiver> = webhooks::table
        .find(webhook)
        .filter(webhooks::status.eq(Status::Active))
        .select((
            webhooks::url,
            webhooks::code,
            webhooks::secret,
            webhooks::previous_secret,
            webhooks::previous_secret_expires_at,
        ))
        .first(conn)
        .optional()?;
    // The webhook was deleted or paused meanwhile; the claim expires on its own.
    let Some((url, code, secret, previous, previous_until)) = receiver else { return Ok(None) };
    type Sent = (String, Option<i64>, String, String, i64, i32, Instant);
    let (message_id, event_id, event_type, entity, record_id, attempts, created_at): Sent = d::webhook_deliveries
        .find(id)
        .select((d::message_id, d::event_id, d::event_type, d::entity, d::record_id, d::attempts, d::created_at))
        .first(conn)?;
    let secrets = signing::in_use(secret, previous, previous_until, now);
    Ok(Some(Claimed {
        id,
        webhook,
        claim,
        message_id,
        event_id,
        event_type,
        entity,
        record_id,
        attempts,
        created_at,
        url,
        code,
        secrets,
    }))
}

/// Stores the outcome of an attempt.
pub fn finish(conn: &mut Conn, claimed: &Claimed, outcome: &Outcome, now: Instant) -> Result<Written> {
    use webhook_deliveries::dsl as d;
    let attempts = claimed.attempts.saturating_add(1);
    let pause = outcome
        .failure
        .and_then(|_| schedule::pause(attempts, outcome.retry_after, rand::rng().random()))
        .and_then(|pause| TimeDelta::from_std(pause).ok());
    let (status, written, next, ended) = match (outcome.failure, pause) {
        (None, _) => (DeliveryStatus::Delivered, Written::Delivered, now, Some(now)),
        (Some(_), Some(pause)) => (DeliveryStatus::Pending, Written::Retried, Instant::from(now.utc() + pause), None),
        (Some(_), None) => (DeliveryStatus::Failed, Written::Failed, now, Some(now)),
    };
    // Locks the webhook until the end of the transaction: a delivery enqueued behind this one meanwhile would stay
    // blocked.
    KIND.lock(conn, claimed.webhook)?;
    let mine = d::webhook_deliveries.find(claimed.id).filter(d::claim.eq(Some(&claimed.claim)));
    let changed = diesel::update(mine)
        .set((
            d::status.eq(status),
            d::attempts.eq(attempts),
            d::next_attempt_at.eq(next),
            d::claim.eq(None::<String>),
            d::last_attempt_at.eq(Some(now)),
            d::last_status_code.eq(outcome.status.map(i32::from)),
            d::last_failure.eq(outcome.failure.map(Failure::as_str)),
            d::ended_at.eq(ended),
        ))
        .execute(conn)?;
    if changed == 0 {
        return Ok(Written::Nothing);
    }
    if ended.is_some() {
        queue::unblock_next(conn, claimed.webhook, &claimed.entity, claimed.record_id)?;
    }
    Ok(written)
}

/// Returns up to [`DROPPED_TOGETHER`] deliveries whose retention has expired.
pub fn outdated(conn: &mut Conn, now: Instant) -> Result<Vec<i64>> {
    use webhook_deliveries::dsl as d;
    let oldest = Instant::from(now.utc() - TimeDelta::from_std(KEPT_FOR).unwrap_or(TimeDelta::zero()));
    let ended = d::webhook_deliveries.filter(d::ended_at.lt(oldest)).order((d::ended_at, d::id));
    Ok(ended.limit(DROPPED_TOGETHER).select(d::id).load(conn)?)
}

/// Deletes deliveries, except those that were replayed meanwhile and are pending again.
pub fn discard(conn: &mut Conn, ids: &[i64]) -> Result<usize> {
    use webhook_deliveries::dsl as d;
    let ended = d::webhook_deliveries.filter(d::id.eq_any(ids)).filter(d::status.ne(DeliveryStatus::Pending));
    Ok(diesel::delete(ended).execute(conn)?)
}
