//! What was refused for want of a key or of what a key allows, told to the history without letting who is refused fill it:
//! equal refusals are counted together, and written now and then as one event.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::{Action, Event, REQUEST, chain};
use crate::db::Store;
use crate::db::types::Instant;
use crate::error::{Error, Result};

/// How many refusals that differ are told apart between two times of writing; the rest are counted together.
const APART_MAX: usize = 1_000;
/// How much of a path is kept, in characters.
const PATH_MAX: usize = 200;
/// The actor of whoever showed no key that is good.
const ANONYMOUS: &str = "anonymous";
/// What stands for the actor and the code of the refusals that are counted together because there are too many.
const OTHER: &str = "other";

/// A request that was refused.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Where it came from.
    pub address: Option<IpAddr>,
    /// What that address is counted as, by the limits too.
    pub network: Option<IpAddr>,
    /// The name and the identity of who made it; `None` without a key that is good.
    pub actor: Option<(String, String)>,
    /// The id of the operation that it asked for; `None` outside the document.
    pub operation: Option<String>,
    pub method: String,
    /// Without the query, which may hold personal data.
    pub path: String,
    pub status: u16,
    /// The problem's.
    pub code: &'static str,
    pub request_id: String,
}

/// What makes refusals equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Alike {
    network: Option<IpAddr>,
    actor_id: Option<String>,
    operation: Option<String>,
    code: &'static str,
}

/// The first of equal refusals, and how many there were.
#[derive(Clone, Debug)]
struct Counted {
    first: Refusal,
    count: u64,
    first_at: Instant,
    last_at: Instant,
}

/// What an event keeps of refusals.
#[derive(Serialize)]
struct Kept<'a> {
    operation: Option<&'a str>,
    method: Option<&'a str>,
    path: Option<&'a str>,
    status: Option<u16>,
    code: &'a str,
    address: Option<IpAddr>,
    count: u64,
    first_at: Instant,
    last_at: Instant,
}

/// The refusals that are not written yet. Clones share them.
#[derive(Clone, Default)]
pub struct Refusals(Arc<Shared>);

#[derive(Default)]
struct Shared {
    tally: Mutex<Tally>,
    /// Held while refusals are written, so that who waits for it finds them in the history.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Tally {
    apart: HashMap<Alike, Counted>,
    other: Option<Counted>,
}

impl Refusals {
    /// Counts a refusal. Never waits for the database.
    pub fn note(&self, refusal: Refusal) {
        let now = Instant::now();
        let mut first = refusal;
        if let Some((end, _)) = first.path.char_indices().nth(PATH_MAX) {
            first.path.truncate(end);
        }
        self.tally().add(Counted { first, count: 1, first_at: now, last_at: now });
    }

    /// Writes what was counted into the history, and gives the number of events; what cannot be written is kept for the
    /// next time. When this returns, whatever was noted before it began is written, or an error told.
    pub async fn flush(&self, store: &Store) -> Result<usize> {
        let (this, store) = (self.clone(), store.clone());
        // In a task of its own: who asked may go away meanwhile, and the counts with it.
        tokio::spawn(async move { this.write(&store).await }).await.map_err(Error::unexpected)?
    }

    async fn write(&self, store: &Store) -> Result<usize> {
        let _turn = self.0.writing.lock().await;
        let taken = std::mem::take(&mut *self.tally());
        let events = taken.events()?;
        let count = events.len();
        if count == 0 {
            return Ok(0);
        }
        let written = store.write(move |conn| chain::append(conn, events.into_iter().map(Ok))).await;
        if written.is_err() {
            self.tally().put_back(taken);
        }
        written.map(|()| count)
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.0.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tally {
    fn add(&mut self, counted: Counted) {
        let Refusal { network, actor, operation, code, .. } = &counted.first;
        let actor_id = actor.as_ref().map(|(_, id)| id.clone());
        let alike = Alike { network: *network, actor_id, operation: operation.clone(), code };
        let has_room = self.apart.len() < APART_MAX;
        match self.apart.entry(alike) {
            Entry::Occupied(mut same) => same.get_mut().absorb(&counted),
            Entry::Vacant(place) if has_room => {
                place.insert(counted);
            }
            Entry::Vacant(_) => self.add_other(counted),
        }
    }

    fn add_other(&mut self, counted: Counted) {
        match &mut self.other {
            Some(other) => other.absorb(&counted),
            None => self.other = Some(counted),
        }
    }

    /// Takes in what was counted before this tally began.
    fn put_back(&mut self, earlier: Tally) {
        let later = std::mem::replace(self, earlier);
        later.apart.into_values().for_each(|counted| self.add(counted));
        later.other.into_iter().for_each(|counted| self.add_other(counted));
    }

    /// The events, in the order of what came first.
    fn events(&self) -> Result<Vec<Event>> {
        let mut apart: Vec<&Counted> = self.apart.values().collect();
        apart.sort_by_key(|counted| counted.first_at);
        let mut events = apart.into_iter().map(Counted::event).collect::<Result<Vec<Event>>>()?;
        if let Some(other) = &self.other {
            events.push(other.event_of_other()?);
        }
        Ok(events)
    }
}

impl Counted {
    fn absorb(&mut self, later: &Counted) {
        self.count += later.count;
        self.last_at = self.last_at.max(later.last_at);
    }

    fn event(&self) -> Result<Event> {
        let Refusal { address, actor, operation, method, path, status, code, network: _, request_id: _ } = &self.first;
        let anonymous = || (ANONYMOUS.to_owned(), ANONYMOUS.to_owned());
        self.event_with(
            actor.clone().unwrap_or_else(anonymous),
            &Kept {
                operation: operation.as_deref(),
                method: Some(method),
                path: Some(path),
                status: Some(*status),
                address: *address,
                ..self.kept(code)
            },
        )
    }

    /// Of what they have in common nothing is known but their number.
    fn event_of_other(&self) -> Result<Event> {
        self.event_with((OTHER.to_owned(), OTHER.to_owned()), &self.kept(OTHER))
    }

    fn kept<'a>(&self, code: &'a str) -> Kept<'a> {
        let Counted { first: _, count, first_at, last_at } = *self;
        Kept { operation: None, method: None, path: None, status: None, code, address: None, count, first_at, last_at }
    }

    fn event_with(&self, (actor, actor_id): (String, String), kept: &Kept<'_>) -> Result<Event> {
        Ok(Event {
            at: Instant::now(),
            actor,
            actor_id,
            action: Action::Refuse,
            entity: REQUEST.into(),
            record_id: None,
            record_code: None,
            reason: Some(kept.code.to_owned()),
            before: None,
            after: Some(serde_json::to_string(kept)?),
            request_id: self.first.request_id.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(operation: usize) -> Counted {
        let first = Refusal {
            address: None,
            network: None,
            actor: None,
            operation: Some(format!("operation{operation}")),
            method: "GET".to_owned(),
            path: "/".to_owned(),
            status: 401,
            code: "unauthorized",
            request_id: "request".to_owned(),
        };
        Counted { first, count: 1, first_at: Instant::now(), last_at: Instant::now() }
    }

    #[test]
    fn equal_refusals_are_counted_together_and_too_many_others_too() {
        let mut tally = Tally::default();
        for number in 0..APART_MAX + 300 {
            tally.add(refusal(number));
            tally.add(refusal(0));
        }
        assert_eq!(tally.apart.len(), APART_MAX);
        assert_eq!(tally.other.as_ref().map(|other| other.count), Some(300));
        let all: u64 = tally.apart.values().map(|counted| counted.count).sum();
        assert_eq!(all, 2 * u64::try_from(APART_MAX).unwrap() + 300);
        assert_eq!(tally.events().unwrap().len(), APART_MAX + 1);
    }

    #[test]
    fn what_could_not_be_written_is_counted_with_what_came_since() {
        let (mut earlier, mut tally) = (Tally::default(), Tally::default());
        (0..APART_MAX).for_each(|number| earlier.add(refusal(number)));
        tally.add(refusal(1));
        tally.add(refusal(APART_MAX));
        tally.put_back(earlier);
        assert_eq!((tally.apart.len(), tally.other.map(|other| other.count)), (APART_MAX, Some(1)));
        assert_eq!(tally.apart.values().map(|counted| counted.count).max(), Some(2));
    }
}
