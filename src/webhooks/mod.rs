//! Events out: what the history has is sent to webhooks, by the Standard Webhooks convention 1.0.
//!
//! | module | what it is |
//! |---|---|
//! | [`queue`] | from the history to deliveries |
//! | [`claims`] | from deliveries to attempts, in order, by one process at a time |
//! | [`event`] | what a message says |
//! | [`sign`] | how it is signed |
//! | [`target`] | where it may go |
//! | [`send`] | one attempt |
//! | [`schedule`] | when the next one is |
//!
//! Nothing is lost: a delivery is written before its webhook's cursor moves past the event, and stays due until an
//! outcome is written. So a message may come twice, under one id. The work is done beside the server's threads: reads and
//! writes by the store's, attempts on the runtime's blocking threads, at most [`claims::AT_A_TIME`] for one webhook and
//! [`IN_FLIGHT_MAX`] for all.

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
use crate::error::{Error, Result};
use crate::http::AppState;
use crate::model::types::Instant;
use crate::record::Tx;
use crate::webhooks::endpoints::store;
use claims::{Claimed, Written};
use send::{Failure, Message, Outcome, Sender};
use target::Targets;

/// Attempts at one time of one process.
pub const IN_FLIGHT_MAX: usize = 32;
/// How soon a change of the data is noticed.
const TICK: Duration = Duration::from_millis(250);
/// How long one waits to look again though nothing changed: what failed may be due.
const LOOK: Duration = Duration::from_secs(1);
/// How often deliveries that ended long ago are looked for.
const TIDY: Duration = Duration::from_hours(1);
/// How long attempts under way may take when the service stops: one attempt, and the writing of its outcome.
const STOPS_WITHIN: Duration = Duration::from_secs(20);
/// How often the writing of an outcome is tried, and the pause in between.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);
/// The status by which a receiver says that it wants nothing more.
const GONE: u16 = 410;

/// The work of a service on its webhooks, until it is stopped.
pub struct Outbox {
    stop: watch::Sender<bool>,
    work: JoinHandle<()>,
}

impl Outbox {
    /// Begins to send, on the present runtime.
    pub fn start(state: Arc<AppState>) -> Result<Outbox> {
        let targets = state.parts.get::<Targets>()?;
        let (stop, stopping) = watch::channel(false);
        Ok(Outbox { stop, work: tokio::spawn(run(state, targets, stopping)) })
    }

    /// Begins no further attempt, and waits for those under way. What they do not end in time is sent again, by whoever
    /// serves next.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.work.await {
            tracing::error!(%error, "the work on webhooks ended badly");
        }
    }
}

async fn run(state: Arc<AppState>, targets: Arc<Targets>, mut stopping: watch::Receiver<bool>) {
    // The certificates of the system are many; they are read when the first message is sent.
    let mut sender: Option<Arc<Sender>> = None;
    let mut busy: HashMap<i64, usize> = HashMap::new();
    let mut attempts: JoinSet<i64> = JoinSet::new();
    let (mut looked, mut tidied): (Option<(Moment, Option<i64>)>, Option<Moment>) = (None, None);
    while !*stopping.borrow() {
        let version = state.store.data_version();
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
                Err(error) => tracing::warn!(%error, "cannot look for messages to webhooks; trying again"),
            }
        }
        if tidied.is_none_or(|at| at.elapsed() >= TIDY) {
            tidied = Some(Moment::now());
            if let Err(error) = tidy(&state, Instant::now()).await {
                tracing::warn!(%error, "cannot drop old deliveries of webhooks; trying again later");
            }
        }
        match tokio::time::timeout(TICK, attempts.join_next()).await {
            Ok(Some(Ok(webhook))) => drop(busy.entry(webhook).and_modify(|count| *count = count.saturating_sub(1))),
            Ok(Some(Err(error))) => {
                tracing::error!(%error, "an attempt to send to a webhook ended badly");
                // Whose it was is not known: nobody is held up by it.
                busy.clear();
            }
            Ok(None) => {
                busy.clear();
                // Either way the loop goes on, and looks whether it is to stop.
                let _ = tokio::time::timeout(TICK, stopping.changed()).await;
            }
            Err(_) => {}
        }
    }
    let all = async { while attempts.join_next().await.is_some() {} };
    if tokio::time::timeout(STOPS_WITHIN, all).await.is_err() {
        tracing::warn!("messages to webhooks were under way when the service stopped; they are sent again");
    }
}

/// Looks for what is to be sent at an instant, and claims it. `busy` says how many attempts are under way for a webhook.
pub async fn look(state: &AppState, now: Instant, busy: &HashMap<i64, usize>) -> Result<Vec<Claimed>> {
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
        // Whose turn it is follows no order, so that nobody is always the last.
        rand::seq::SliceRandom::shuffle(candidates.as_mut_slice(), &mut rand::rng());
        candidates.truncate(IN_FLIGHT_MAX.saturating_sub(under_way));
    }
    if candidates.is_empty() {
        // A write, even of nothing, would make every kept answer old.
        return Ok(Vec::new());
    }
    state.store.write(move |conn| claims::claim(conn, &candidates, now)).await
}

/// Sends a claimed message once, and writes what came of it.
pub async fn attempt(
    state: &AppState,
    sender: &Arc<Sender>,
    claimed: &Claimed,
    clock: impl Fn() -> Instant,
) -> Option<Written> {
    let outcome = match send_once(state, sender, claimed, clock()).await {
        Ok(outcome) => outcome,
        Err(error @ Error::Unavailable(_)) => {
            tracing::warn!(%error, delivery = claimed.id, "a message to a webhook has to wait for the database");
            return None;
        }
        Err(error) => {
            tracing::error!(%error, delivery = claimed.id, "a message to a webhook cannot be made");
            Outcome::failed(Failure::Message)
        }
    };
    for number in 1..=TRIES {
        match write_down(state, claimed, &outcome, clock()).await {
            Ok(written) => {
                tell(state, claimed, &outcome, written);
                return Some(written);
            }
            Err(error) => {
                tracing::warn!(%error, delivery = claimed.id, "cannot write what came of a message to a webhook");
                if number < TRIES {
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
    // It is sent again once the claim is over.
    None
}

/// Makes a message and sends it, without writing what came of it.
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
        if outcome.status == Some(GONE) && written != Written::Nothing {
            let (actor, request_id) = (Actor::service(), format!("delivery-{}", claimed.id));
            Tx::run(conn, &actor, &request_id, &catalog, today, |tx| store::pause(tx, claimed.webhook))?;
        }
        Ok(written)
    };
    state.store.write(write).await
}

/// Counts and logs an attempt; neither the secret nor the URL, whose path may be one.
fn tell(state: &AppState, claimed: &Claimed, outcome: &Outcome, written: Written) {
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
        None => tracing::info!(webhook, delivery = id, event_type, attempt, status, "a message was delivered"),
        Some(failure) => {
            let failure = failure.as_str();
            tracing::warn!(webhook, delivery = id, event_type, attempt, status, failure, "a message was {result}");
        }
    }
}

/// Drops deliveries that ended long ago; gives how many.
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
