//! Requests that were refused for want of a key or of a right: counted by operation, caller, network and hour.
//!
//! Whoever is refused must not be able to fill the database. Equal refusals of an hour share a row, an hour has a bounded
//! number of rows, what exceeds it is summed in one row, and rows are deleted after a time. They are not events of the audit
//! log: its chain lets none be deleted.

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

/// Refusals that are counted apart in memory between two writes; the rest are counted together.
const APART_MAX: usize = 1_000;
/// How much of a path is stored, in characters.
const PATH_MAX: usize = 200;
/// How long counts of rows that are there already wait to be written: each write invalidates the response cache.
const WRITE_INTERVAL: Duration = Duration::from_secs(60);
/// How often rows that are too old are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(3600);
/// The actor of a request without a good key.
pub const ANONYMOUS: &str = "anonymous";
/// The actor and the code of the row that sums what exceeds the others.
pub const OTHER: &str = "other";

/// A request that was refused.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The network that it came from, as text; `None` in process.
    pub network: Option<String>,
    /// The name and the identity of the caller; `None` without a good key.
    pub actor: Option<(String, String)>,
    /// The id of the operation; `None` outside the document.
    pub operation: Option<String>,
    pub method: String,
    /// Without the query, which may hold personal data.
    pub path: String,
    pub status: u16,
    /// The problem's.
    pub code: &'static str,
    pub request_id: String,
}

/// What makes refusals equal; the unique key of a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Alike {
    hour: Instant,
    network: String,
    actor_id: String,
    operation: String,
    code: &'static str,
}

/// Equal refusals: what they share, what is known of the first, and how many there were.
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

/// The refusals that are not written yet. Clones share them.
#[derive(Clone, Default)]
pub struct Refusals(Arc<Shared>);

#[derive(Default)]
struct Shared {
    tally: Mutex<Tally>,
    written: Mutex<Written>,
    /// Held while refusals are written, so that a caller that waits for it finds them in the database.
    writing: tokio::sync::Mutex<()>,
}

/// What is not written yet.
#[derive(Default)]
struct Tally(HashMap<Alike, Counted>);

/// What is known of the rows that are there.
#[derive(Default)]
struct Written {
    /// Keys of the present hour that have a row or are summed in another.
    keys: HashSet<Alike>,
    written_at: Option<Moment>,
    swept_at: Option<Moment>,
}

impl Refusals {
    /// Counts a refusal. Never waits for the database.
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

    /// [`Refusals::flush`] when it is time: at once for what has no row yet, else once a minute.
    pub async fn flush_in_time(&self, store: &Store) -> Result<()> {
        let is_time = {
            let (tally, mut written) = (self.tally(), self.written());
            let hour = hour_of(Instant::now());
            written.keys.retain(|alike| alike.hour == hour);
            // Once the rows of an hour are used up, new keys are summed and can wait.
            let has_room = i64::try_from(written.keys.len()).is_ok_and(|rows| rows < ROWS_OF_ANONYMOUS + ROWS_OF_KEYS);
            (has_room && tally.0.keys().any(|alike| !written.keys.contains(alike)))
                || written.written_at.is_none_or(|at| at.elapsed() >= WRITE_INTERVAL)
        };
        if is_time { self.flush(store).await } else { Ok(()) }
    }

    /// Writes what was counted; what cannot be written stays for the next time. When this returns, whatever was noted before
    /// it began is written, or it returns an error.
    pub async fn flush(&self, store: &Store) -> Result<()> {
        let (this, store) = (self.clone(), store.clone());
        // In a task of its own: the caller may go away meanwhile, and the counts with it.
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

    /// Deletes rows that are older than so many days, now and then and some at a time.
    pub async fn sweep(&self, store: &Store, keep_days: u32) -> Result<()> {
        if self.written().swept_at.is_some_and(|at| at.elapsed() < SWEEP_INTERVAL) {
            return Ok(());
        }
        let before = Instant::from(Utc::now() - TimeDelta::days(i64::from(keep_days)));
        // A look first: a write invalidates the response cache.
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
    /// The row that sums what exceeds the others of an hour.
    fn other(hour: Instant) -> Alike {
        Alike { hour, network: String::new(), actor_id: OTHER.to_owned(), operation: String::new(), code: OTHER }
    }

    fn is_other(&self) -> bool {
        self.actor_id == OTHER
    }
}

impl Counted {
    /// Of what they have in common nothing is known but their number.
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

    /// Takes in what was counted before this tally began.
    fn put_back(&mut self, earlier: Tally) {
        let later = std::mem::replace(self, earlier);
        later.in_order().into_iter().for_each(|(alike, counted)| self.add(alike, counted));
    }

    /// In the order of what came first.
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
