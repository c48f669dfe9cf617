//! Requests refused because of a missing key or permission, counted by operation, caller, network and hour.
//!
//! Refused clients must not be able to fill the database: equal refusals of an hour share a row, the number of rows per
//! hour is bounded, the excess is summed in one row, and old rows are deleted. Refusals are not audit events, because
//! these can never be deleted.

mod rows;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{TimeDelta, Timelike, Utc};
use tokio::time::Instant as Moment;

use crate::db::Store;
use crate::error::{Error, Result};
use crate::model::types::Instant;
use rows::{ROWS_OF_ANONYMOUS, ROWS_OF_KEYS, SWEPT_TOGETHER};

/// Maximum number of distinct refusals in memory between two writes; further ones are counted together.
const APART_MAX: usize = 1_000;
/// Maximum length of a stored path in characters.
const PATH_MAX: usize = 200;
/// Interval between updates of existing rows, because each write invalidates the response cache.
const WRITE_INTERVAL: Duration = Duration::from_secs(60);
/// Interval between deletions of old rows.
const SWEEP_INTERVAL: Duration = Duration::from_secs(3600);
/// The actor of a request without a valid key.
pub const ANONYMOUS: &str = "anonymous";
/// The actor and the code of the row that sums the excess.
pub const OTHER: &str = "other";

/// A refused request.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The client's network as text; `None` for in-process requests.
    pub network: Option<String>,
    /// The name and identity of the caller; `None` without a valid key.
    pub actor: Option<(String, String)>,
    /// The operation id; `None` for undocumented paths.
    pub operation: Option<String>,
    pub method: String,
    /// The path without the query, which may contain personal data.
    pub path: String,
    pub status: u16,
    /// The error code.
    pub code: &'static str,
    pub request_id: String,
}

/// The unique key of a row: refusals with equal keys are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Alike {
    hour: Instant,
    network: String,
    actor_id: String,
    operation: String,
    code: &'static str,
}

/// Equal refusals: details of the first one, and their number.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Counted {
    actor: String,
    method: String,
    path: String,
    status: Option<i32>,
    request_id: String,
    count: i64,
    first_at: Instant,
    last_at: Instant,
}

/// Refusals that are not stored yet. Clones share them.
#[derive(Clone, Default)]
pub struct Refusals(Arc<Shared>);

#[derive(Default)]
struct Shared {
    tally: Mutex<Tally>,
    written: Mutex<Written>,
    /// Held while refusals are stored, so that a caller that waits for it finds them in the database.
    writing: tokio::sync::Mutex<()>,
}

/// Counts that are not stored yet.
#[derive(Default)]
struct Tally(HashMap<Alike, Counted>);

/// State of the stored rows.
#[derive(Default)]
struct Written {
    /// Keys of the current hour that have a row or are summed in the excess row.
    keys: HashSet<Alike>,
    written_at: Option<Moment>,
    swept_at: Option<Moment>,
}

impl Refusals {
    /// Counts a refusal, without accessing the database.
    pub fn note(&self, refusal: Refusal) {
        let now = Instant::now();
        let Refusal { network, actor, operation, method, mut path, status, code, request_id } = refusal;
        if let Some((end, _)) = path.char_indices().nth(PATH_MAX) {
            path.truncate(end);
        }
        let (actor, actor_id) = actor.unwrap_or_else(|| (ANONYMOUS.to_owned(), ANONYMOUS.to_owned()));
        let alike = Alike {
            hour: hour_of(now),
            network: network.unwrap_or_default(),
            actor_id,
            operation: operation.unwrap_or_default(),
            code,
        };
        let status = Some(i32::from(status));
        let counted = Counted { actor, method, path, status, request_id, count: 1, first_at: now, last_at: now };
        self.tally().add(alike, counted);
    }

    /// Calls [`Refusals::flush`] if due: immediately for keys without a row, else once a minute.
    pub async fn flush_in_time(&self, store: &Store) -> Result<()> {
        let is_time = {
            let (tally, mut written) = (self.tally(), self.written());
            let hour = hour_of(Instant::now());
            written.keys.retain(|alike| alike.hour == hour);
            // Once the limit of rows is reached, new keys are summed and can wait.
            let has_room = i64::try_from(written.keys.len()).is_ok_and(|rows| rows < ROWS_OF_ANONYMOUS + ROWS_OF_KEYS);
            (has_room && tally.0.keys().any(|alike| !written.keys.contains(alike)))
                || written.written_at.is_none_or(|at| at.elapsed() >= WRITE_INTERVAL)
        };
        if is_time { self.flush(store).await } else { Ok(()) }
    }

    /// Stores the counts; on failure they stay pending and an error is returned. On success, all refusals noted before
    /// the call are stored.
    pub async fn flush(&self, store: &Store) -> Result<()> {
        let (this, store) = (self.clone(), store.clone());
        // Runs in its own task, because cancelling the caller would lose the counts.
        tokio::spawn(async move { this.write(&store).await }).await.map_err(Error::unexpected)?
    }

    async fn write(&self, store: &Store) -> Result<()> {
        let _turn = self.0.writing.lock().await;
        let taken = std::mem::take(&mut *self.tally());
        if taken.0.is_empty() {
            return Ok(());
        }
        let counted = taken.in_order();
        let keys: Vec<Alike> = counted.iter().map(|(alike, _)| alike.clone()).collect();
        let outcome = store.write(move |conn| rows::put_all(conn, counted)).await;
        let mut written = self.written();
        written.written_at = Some(Moment::now());
        if outcome.is_ok() {
            written.keys.extend(keys);
        } else {
            drop(written);
            self.tally().put_back(taken);
        }
        outcome
    }

    /// Deletes rows older than `keep_days`, periodically and in batches.
    pub async fn sweep(&self, store: &Store, keep_days: u32) -> Result<()> {
        if self.written().swept_at.is_some_and(|at| at.elapsed() < SWEEP_INTERVAL) {
            return Ok(());
        }
        let before = Instant::from(Utc::now() - TimeDelta::days(i64::from(keep_days)));
        // Reads first, because a write invalidates the response cache.
        let is_any = store.read(move |conn| Ok(!rows::too_old(conn, before, 1)?.is_empty())).await?;
        let mut deleted = 0;
        if is_any {
            deleted = store.write(move |conn| rows::delete_old(conn, before)).await?;
        }
        if deleted < SWEPT_TOGETHER {
            self.written().swept_at = Some(Moment::now());
        }
        Ok(())
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.0.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.0.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Alike {
    /// Returns the key of the row that sums the excess of an hour.
    fn other(hour: Instant) -> Alike {
        Alike { hour, network: String::new(), actor_id: OTHER.to_owned(), operation: String::new(), code: OTHER }
    }

    fn is_other(&self) -> bool {
        self.actor_id == OTHER
    }
}

impl Counted {
    /// Drops the details, which do not apply to all refusals of the excess row.
    fn into_other(self) -> Counted {
        let nothing = String::new;
        Counted { actor: OTHER.to_owned(), method: nothing(), path: nothing(), status: None, ..self }
    }

    fn absorb(&mut self, more: &Counted) {
        self.count += more.count;
        self.first_at = self.first_at.min(more.first_at);
        self.last_at = self.last_at.max(more.last_at);
    }
}

impl Tally {
    fn add(&mut self, alike: Alike, counted: Counted) {
        let has_room = self.0.len() < APART_MAX || alike.is_other();
        match self.0.entry(alike) {
            Entry::Occupied(mut same) => same.get_mut().absorb(&counted),
            Entry::Vacant(place) if has_room => drop(place.insert(counted)),
            Entry::Vacant(place) => {
                let other = Alike::other(place.key().hour);
                self.add(other, counted.into_other());
            }
        }
    }

    /// Merges earlier counts that could not be stored.
    fn put_back(&mut self, earlier: Tally) {
        let later = std::mem::replace(self, earlier);
        later.in_order().into_iter().for_each(|(alike, counted)| self.add(alike, counted));
    }

    /// Returns the counts in the order of their first refusal.
    fn in_order(&self) -> Vec<(Alike, Counted)> {
        let mut all: Vec<(Alike, Counted)> =
            self.0.iter().map(|(alike, counted)| (alike.clone(), counted.clone())).collect();
        all.sort_by_key(|(_, counted)| counted.first_at);
        all
    }
}

fn hour_of(at: Instant) -> Instant {
    let at = at.utc();
    let into =
        TimeDelta::seconds(i64::from(at.minute() * 60 + at.second())) + TimeDelta::nanoseconds(at.nanosecond().into());
    Instant::from(at - into)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(operation: usize) -> (Alike, Counted) {
        let now = Instant::now();
        let alike = Alike {
            hour: hour_of(now),
            network: String::new(),
            actor_id: ANONYMOUS.to_owned(),
            operation: format!("operation{operation}"),
            code: "unauthorized",
        };
        let counted = Counted {
            actor: ANONYMOUS.to_owned(),
            method: "GET".to_owned(),
            path: "/".to_owned(),
            status: Some(401),
            request_id: "request".to_owned(),
            count: 1,
            first_at: now,
            last_at: now,
        };
        (alike, counted)
    }

    fn add(tally: &mut Tally, operation: usize) {
        let (alike, counted) = refusal(operation);
        tally.add(alike, counted);
    }

    #[test]
    fn equal_refusals_are_counted_together_and_too_many_others_too() {
        let mut tally = Tally::default();
        let before = hour_of(Instant::now());
        for number in 0..APART_MAX + 300 {
            add(&mut tally, number);
            add(&mut tally, 0);
        }
        if hour_of(Instant::now()) != before {
            return;
        }
        let other = tally.0.get(&Alike::other(before)).map(|other| other.count);
        assert_eq!((tally.0.len(), other), (APART_MAX + 1, Some(300)));
        let all: i64 = tally.0.values().map(|counted| counted.count).sum();
        assert_eq!(all, 2 * i64::try_from(APART_MAX).unwrap() + 600);
    }

    #[test]
    fn what_could_not_be_written_is_counted_with_what_came_since() {
        let (mut earlier, mut tally) = (Tally::default(), Tally::default());
        let before = hour_of(Instant::now());
        (0..APART_MAX).for_each(|number| add(&mut earlier, number));
        add(&mut tally, 1);
        add(&mut tally, APART_MAX);
        if hour_of(Instant::now()) != before {
            return;
        }
        tally.put_back(earlier);
        let other = tally.0.get(&Alike::other(before)).map(|other| other.count);
        assert_eq!((tally.0.len(), other), (APART_MAX + 1, Some(1)));
        assert_eq!(tally.0.values().map(|counted| counted.count).max(), Some(2));
    }

    #[test]
    fn an_hour_begins_at_its_first_second() {
        let at: chrono::DateTime<Utc> = "2022-04-11T01:59:59.999999Z".parse().unwrap();
        let begins: chrono::DateTime<Utc> = "2022-04-11T01:00:00Z".parse().unwrap();
        assert_eq!(hour_of(Instant::from(at)), Instant::from(begins));
    }
}
