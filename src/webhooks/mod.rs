//! Outgoing webhooks: sends audit events to registered endpoints, following Standard Webhooks 1.0.
//!
//! | module | what it is |
//! |---|---|
//! | [`queue`] | creates deliveries from audit events |
//! | [`claims`] | claims due deliveries for one process at a time, in order |
//! | [`event`] | the body of a message |
//! | [`sign`] | the signature of a message |
//! | [`target`] | the addresses that messages may be sent to |
//! | [`send`] | one delivery attempt |
//! | [`schedule`] | the delay before the next attempt |
//!
//! Delivery is at least once: a delivery is inserted before the cursor of its webhook moves past the event, and it
//! stays due until an outcome is stored. A message may therefore arrive twice, with the same id. Attempts run on the
//! runtime's blocking threads: at most [`claims::AT_A_TIME`] for one webhook and [`IN_FLIGHT_MAX`] in total.

pub mod claims;
pub mod deliveries;
pub mod endpoints;
pub mod event;
pub mod queue;
pub mod schedule;
pub mod send;
pub mod sign;
pub mod target;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant as Moment};

use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::access::Actor;
use crate::db::Client;
use crate::db::changes::{Changed, KindSet};
use crate::error::{Error, Result};
use crate::http::AppState;
use crate::model::types::Instant;
use crate::record::Tx;
use crate::webhooks::endpoints::store;
use claims::{Claimed, Written};
use send::{Failure, Message, Outcome, Sender};
use target::Targets;

/// Maximum number of concurrent attempts of one process.
pub const IN_FLIGHT_MAX: usize = 32;
/// Interval between checks for a new data version.
const TICK: Duration = Duration::from_millis(250);
/// Interval between polls while the data does not change, because a retry may have become due.
const LOOK: Duration = Duration::from_secs(1);
/// Interval between deletions of expired deliveries.
const TIDY: Duration = Duration::from_hours(1);
/// Time allowed for attempts in progress at shutdown: one attempt and the storing of its outcome.
const STOPS_WITHIN: Duration = Duration::from_secs(20);
/// Number of tries to store an outcome; `PAUSE` separates them.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);
/// Status (410 Gone) with which a receiver unsubscribes; it pauses the webhook.
const GONE: u16 = 410;

/// The background task that delivers messages to webhooks.
pub struct Outbox {
    stop: watch::Sender<bool>,
    work: JoinHandle<()>,
}

impl Outbox {
    /// Spawns the task on the current runtime.
    pub fn start(state: Arc<AppState>) -> Result<Outbox> {
        let targets = state.parts.get::<Targets>()?;
        let (stop, stopping) = watch::channel(false);
        Ok(Outbox { stop, work: tokio::spawn(run(state, targets, stopping)) })
    }

    /// Stops new attempts and waits for those in progress. Attempts that do not finish in time are repeated after their
    /// claim expires.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.work.await {
            tracing::error!(%error, "the webhook task failed");
        }
    }
}

async fn run(state: Arc<AppState>, targets: Arc<Targets>, mut stopping: watch::Receiver<bool>) {
    // Loading the system's certificates is slow, so the sender is built for the first message.
    let mut sender: Option<Arc<Sender>> = None;
    let mut busy: HashMap<i64, usize> = HashMap::new();
    let mut attempts: JoinSet<i64> = JoinSet::new();
    let (mut looked, mut tidied): (Option<(Moment, Option<u64>)>, Option<Moment>) = (None, None);
    while !*stopping.borrow() {
        let version = state.store.version(KindSet::ALL);
        let is_time = looked.is_none_or(|(at, seen)| at.elapsed() >= LOOK || seen != version);
        if is_time {
            looked = Some((Moment::now(), version));
            match look(&state, Instant::now(), &busy).await {
                Ok(claimed) => {
                    for claimed in claimed {
                        let sender = sender.get_or_insert_with(|| Arc::new(Sender::new(targets.clone()))).clone();
                        *busy.entry(claimed.webhook).or_default() += 1;
                        let state = state.clone();
                        attempts.spawn(async move {
                            attempt(&state, &sender, &claimed, Instant::now).await;
                            claimed.webhook
                        });
                    }
                }
                Err(error) => tracing::warn!(%error, "cannot read due webhook deliveries; retrying"),
            }
        }
        if tidied.is_none_or(|at| at.elapsed() >= TIDY) {
            tidied = Some(Moment::now());
            if let Err(error) = tidy(&state, Instant::now()).await {
                tracing::warn!(%error, "cannot delete old webhook deliveries; retrying later");
            }
        }
        match tokio::time::timeout(TICK, attempts.join_next()).await {
            Ok(Some(Ok(webhook))) => drop(busy.entry(webhook).and_modify(|count| *count = count.saturating_sub(1))),
            Ok(Some(Err(error))) => {
                tracing::error!(%error, "a webhook delivery attempt panicked");
                // The webhook of the failed attempt is unknown, so all counts are reset; otherwise one webhook would
                // lose a slot.
                busy.clear();
            }
            Ok(None) => {
                busy.clear();
                // The loop condition checks for shutdown, so the result is irrelevant.
                let _ = tokio::time::timeout(TICK, stopping.changed()).await;
            }
            Err(_) => {}
        }
    }
    let all = async { while attempts.join_next().await.is_some() {} };
    if tokio::time::timeout(STOPS_WITHIN, all).await.is_err() {
        tracing::warn!("webhook deliveries were in progress at shutdown; they will be sent again");
    }
}

/// Enqueues new events, then claims the deliveries due at `now`. `busy` maps webhooks to their attempts in progress.
pub async fn look(state: &AppState, now: Instant, busy: &HashMap<i64, usize>) -> Result<Vec<Claimed>> {
    state.sealer.settle().await;
    loop {
        let (batches, pending) = state.store.read(queue::gather).await?;
        state.metrics.webhooks_pending(pending);
        if batches.is_empty() {
            break;
        }
        let put = move |conn: &mut crate::db::Conn| batches.iter().try_for_each(|batch| queue::put(conn, batch, now));
        state.store.write(put).await?;
    }
    let under_way = busy.values().sum::<usize>();
    let busy = busy.clone();
    let room = move |webhook: i64| claims::AT_A_TIME.saturating_sub(busy.get(&webhook).copied().unwrap_or(0));
    let mut candidates = state.store.read(move |conn| claims::due(conn, now, room)).await?;
    if candidates.len() > IN_FLIGHT_MAX.saturating_sub(under_way) {
        // Candidates are shuffled so that no webhook is starved.
        rand::seq::SliceRandom::shuffle(candidates.as_mut_slice(), &mut rand::rng());
        candidates.truncate(IN_FLIGHT_MAX.saturating_sub(under_way));
    }
    if candidates.is_empty() {
        // Even an empty write would invalidate the response cache.
        return Ok(Vec::new());
    }
    state.store.write(move |conn| claims::claim(conn, &candidates, now)).await
}

/// Sends a claimed message once and stores the outcome.
pub async fn attempt(
    state: &AppState,
    sender: &Arc<Sender>,
    claimed: &Claimed,
    clock: impl Fn() -> Instant,
) -> Option<Written> {
    let outcome = match send_once(state, sender, claimed, clock()).await {
        Ok(outcome) => outcome,
        Err(error @ Error::Unavailable(_)) => {
            tracing::warn!(%error, delivery = claimed.id, "the database is unavailable; a webhook delivery is postponed");
            return None;
        }
        Err(error) => {
            tracing::error!(%error, delivery = claimed.id, "cannot build a webhook message");
            Outcome::failed(Failure::Message)
        }
    };
    for number in 1..=TRIES {
        match write_down(state, claimed, &outcome, clock()).await {
            Ok(written) => {
                record_outcome(state, claimed, &outcome, written);
                return Some(written);
            }
            Err(error) => {
                tracing::warn!(%error, delivery = claimed.id, "cannot store the outcome of a webhook delivery");
                if number < TRIES {
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
    // The delivery is due again when its claim expires.
    None
}

/// Builds a message and sends it, without storing the outcome.
pub async fn send_once(state: &AppState, sender: &Arc<Sender>, claimed: &Claimed, now: Instant) -> Result<Outcome> {
    let body = match claimed.event_id {
        Some(event) => state.store.read(move |conn| event::body(conn, event)).await?,
        None => event::test_body(claimed.webhook, claimed.code.clone(), &claimed.message_id, claimed.created_at)?,
    };
    let timestamp = now.utc().timestamp();
    let message = Message {
        url: claimed.url.clone(),
        id: claimed.message_id.clone(),
        timestamp,
        signature: sign::signatures(&claimed.secrets, &claimed.message_id, timestamp, &body)?,
        body,
    };
    let sender = sender.clone();
    tokio::task::spawn_blocking(move || sender.send(&message)).await.map_err(Error::unexpected)
}

async fn write_down(state: &AppState, claimed: &Claimed, outcome: &Outcome, now: Instant) -> Result<Written> {
    let (catalog, today) = (state.catalog.clone(), state.settings.day_of(now.utc()));
    let (claimed, outcome) = (claimed.clone(), outcome.clone());
    let write = move |conn: &mut crate::db::Conn| {
        let written = claims::finish(conn, &claimed, &outcome, now)?;
        if outcome.status != Some(GONE) || written == Written::Nothing {
            return Ok((written, Changed::none()));
        }
        let (actor, request_id) = (Actor::service(), format!("delivery-{}", claimed.id));
        let pause = |tx: &mut Tx<'_>| store::pause(tx, claimed.webhook);
        let ((), changed) = Tx::run(conn, &actor, &request_id, &catalog, today, pause)?;
        Ok((written, changed))
    };
    state.store.write_records(&Client::Service, write).await
}

/// Counts and logs an attempt. The secret is not logged, nor the URL, whose path may contain one.
fn record_outcome(state: &AppState, claimed: &Claimed, outcome: &Outcome, written: Written) {
    let Claimed { id, webhook, attempts, event_type, .. } = claimed;
    let (attempt, status) = (attempts.saturating_add(1), outcome.status);
    let result = match written {
        Written::Delivered => "delivered",
        Written::Retried => "retried",
        Written::Failed => "failed",
        Written::Nothing => return,
    };
    state.metrics.count_webhook(result);
    match outcome.failure {
        None => tracing::info!(webhook, delivery = id, event_type, attempt, status, "webhook message delivered"),
        Some(failure) => {
            let failure = failure.as_str();
            tracing::warn!(webhook, delivery = id, event_type, attempt, status, failure, "webhook message {result}");
        }
    }
}

/// Deletes deliveries that ended more than [`claims::KEPT_FOR`] ago and returns their number.
pub async fn tidy(state: &AppState, now: Instant) -> Result<usize> {
    let mut count = 0;
    loop {
        let ids = state.store.read(move |conn| claims::outdated(conn, now)).await?;
        if ids.is_empty() {
            return Ok(count);
        }
        count += state.store.write(move |conn| claims::discard(conn, &ids)).await?;
    }
}
