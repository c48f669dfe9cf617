//! Classes of work, each in a lane of its own: with permits, connections, a deadline, and a share that one client may have of it.
//!
//! A client that asks for more than its share waits behind itself: its requests queue for the share first, and only then, with
//! the others', for the lane's permits.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::pool::Pool;
use crate::error::{Error, Result};

/// Requests that may wait for each permit; one more is refused at once.
const WAITING_PER_PERMIT: usize = 64;

/// What a piece of work costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Whether the database answers. Never waits behind anything else.
    Probe,
    /// Who holds a key. Waits behind other look-ups alone.
    KeyLookup,
    /// A record, or a page of a list.
    ShortRead,
    /// What reads far more than it returns: reports, exports, plans, searches that are counted.
    LongRead,
    /// A write of its own. SQLite's writes go through one queue instead.
    Write,
    /// A write of many records, which takes as long as it takes.
    Bulk,
}

impl Class {
    pub const ALL: [Class; 6] =
        [Class::Probe, Class::KeyLookup, Class::ShortRead, Class::LongRead, Class::Write, Class::Bulk];

    /// Its name in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Probe => "probe",
            Class::KeyLookup => "key_lookup",
            Class::ShortRead => "short_read",
            Class::LongRead => "long_read",
            Class::Write => "write",
            Class::Bulk => "bulk",
        }
    }

    /// How many may run at one time, where `connections` are set for reading.
    fn permits(self, connections: usize) -> usize {
        match self {
            Class::Probe => 1,
            Class::KeyLookup => 2,
            Class::ShortRead | Class::Write => connections,
            Class::LongRead => (connections / 4).max(2),
            Class::Bulk => 1,
        }
    }

    /// How many of the permits one client may have.
    fn share(self, permits: usize) -> usize {
        match self {
            Class::Probe | Class::Bulk => permits,
            Class::KeyLookup | Class::LongRead => permits.div_ceil(2),
            Class::ShortRead | Class::Write => (permits * 3 / 4).max(1),
        }
    }

    /// How long a request waits for its permit.
    fn patience(self) -> Duration {
        match self {
            Class::Probe | Class::LongRead => Duration::from_secs(1),
            Class::KeyLookup | Class::ShortRead | Class::Write => Duration::from_secs(2),
            Class::Bulk => Duration::from_secs(60),
        }
    }

    /// How long the work may take once it runs; `None` where it bounds itself.
    pub fn deadline(self) -> Option<Duration> {
        match self {
            Class::Probe => Some(Duration::from_secs(1)),
            Class::KeyLookup => Some(Duration::from_secs(2)),
            Class::ShortRead => Some(Duration::from_secs(5)),
            Class::LongRead => Some(Duration::from_secs(30)),
            Class::Write => Some(Duration::from_secs(10)),
            Class::Bulk => None,
        }
    }
}

/// On whose behalf work is done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Client {
    /// The service's own work, which has no share.
    Service,
    /// A client without a key, by the network that its address is counted as.
    Address(IpAddr),
    /// A client with a key or token, by its identity.
    Identity(String),
}

/// One class's lane.
pub struct Lane {
    pub class: Class,
    pub pool: Pool,
    permits: Arc<Semaphore>,
    permits_max: usize,
    share: usize,
    clients: Mutex<HashMap<Client, Arc<Semaphore>>>,
    waiting: AtomicUsize,
    refused: AtomicU64,
}

/// The right to run, until it is dropped.
pub struct Permit {
    // In this order: the share is free once the lane's permit is.
    _of_lane: OwnedSemaphorePermit,
    _of_client: Option<ClientPermit>,
}

struct ClientPermit {
    lane: Arc<Lane>,
    client: Client,
    permit: Option<OwnedSemaphorePermit>,
}

/// How full a lane is.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub class: Class,
    pub permits: usize,
    pub in_use: usize,
    pub waiting: usize,
    /// Requests that got no permit in time, since the service began.
    pub refused: u64,
}

impl Lane {
    /// A lane whose permits follow from the number of connections for reading.
    pub fn new(class: Class, connections: usize, pool: Pool) -> Arc<Lane> {
        let permits = class.permits(connections);
        Arc::new(Lane {
            class,
            pool,
            permits: Arc::new(Semaphore::new(permits)),
            permits_max: permits,
            share: class.share(permits),
            clients: Mutex::default(),
            waiting: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
        })
    }

    /// Waits for a permit; an error where none comes free in time, or too many wait already.
    pub async fn enter(self: &Arc<Self>, client: &Client) -> Result<Permit> {
        let entered = self.try_enter(client).await;
        if entered.is_err() {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        entered
    }

    async fn try_enter(self: &Arc<Self>, client: &Client) -> Result<Permit> {
        let until = Instant::now() + self.class.patience();
        let waiting = Waiting::begin(&self.waiting);
        if waiting.0 >= WAITING_PER_PERMIT * self.permits_max {
            return Err(Error::Unavailable(format!("too many requests wait for a {}", self.class.as_str())));
        }
        let busy = |_| Error::Unavailable(format!("no {} could begin in time", self.class.as_str()));
        let of_client = match client {
            Client::Service => None,
            client => {
                let mut held = ClientPermit { lane: self.clone(), client: client.clone(), permit: None };
                let share = self.share_of(client);
                let permit = timeout_at(until, share.acquire_owned()).await.map_err(busy)?;
                held.permit = Some(permit.map_err(Error::unexpected)?);
                Some(held)
            }
        };
        let permit = timeout_at(until, self.permits.clone().acquire_owned()).await.map_err(busy)?;
        Ok(Permit { _of_lane: permit.map_err(Error::unexpected)?, _of_client: of_client })
    }

    /// How full it is.
    pub fn load(&self) -> Load {
        Load {
            class: self.class,
            permits: self.permits_max,
            in_use: self.permits_max.saturating_sub(self.permits.available_permits()),
            waiting: self.waiting.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }

    fn share_of(&self, client: &Client) -> Arc<Semaphore> {
        let share = || Arc::new(Semaphore::new(self.share));
        self.clients().entry(client.clone()).or_insert_with(share).clone()
    }

    fn clients(&self) -> MutexGuard<'_, HashMap<Client, Arc<Semaphore>>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ClientPermit {
    fn drop(&mut self) {
        // A permit and a waiter each hold the semaphore: with the map's alone left, nobody uses it.
        self.permit = None;
        let mut clients = self.lane.clients();
        if clients.get(&self.client).is_some_and(|share| Arc::strong_count(share) == 1) {
            clients.remove(&self.client);
        }
    }
}

/// One that waits; no longer when it is dropped, also where the request is given up meanwhile.
struct Waiting<'a>(usize, &'a AtomicUsize);

impl Waiting<'_> {
    fn begin(count: &AtomicUsize) -> Waiting<'_> {
        Waiting(count.fetch_add(1, Ordering::Relaxed), count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::path::PathBuf;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::super::Manager;
    use super::super::pool::Generation;
    use super::*;
    use crate::config::DatabaseUrl;

    fn lane(class: Class, connections: usize) -> Arc<Lane> {
        let manager = Manager::new(DatabaseUrl::Sqlite(PathBuf::from("/nonexistent/none.db")));
        Lane::new(class, connections, Pool::new(manager, Generation::default()))
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
    }

    /// A permit that is there at once.
    fn at_once(lane: &Arc<Lane>, client: &Client) -> Option<Permit> {
        let mut context = Context::from_waker(Waker::noop());
        match pin!(lane.enter(client)).poll(&mut context) {
            std::task::Poll::Ready(permit) => permit.ok(),
            std::task::Poll::Pending => None,
        }
    }

    #[test]
    fn a_client_waits_behind_itself_and_others_do_not() {
        let lane = lane(Class::LongRead, 8);
        let [one, two] = ["192.0.2.1", "192.0.2.2"].map(|address| Client::Address(address.parse().unwrap()));
        runtime().block_on(async {
            let first = at_once(&lane, &one).expect("the first");
            assert!(at_once(&lane, &one).is_none(), "its share is one of two");
            let second = at_once(&lane, &two).expect("another client's");
            assert_eq!((lane.load().in_use, lane.load().waiting), (2, 0));
            drop(first);
            drop(at_once(&lane, &one).expect("its own again"));
            drop(second);
        });
        assert!(lane.clients().is_empty(), "clients that left are forgotten");
    }

    #[test]
    fn who_waits_gets_the_permit_that_comes_free() {
        let lane = lane(Class::ShortRead, 1);
        runtime().block_on(async {
            let held = at_once(&lane, &Client::Service).expect("a permit");
            let waiter = tokio::spawn({
                let lane = lane.clone();
                async move { lane.enter(&Client::Service).await.map(drop) }
            });
            tokio::task::yield_now().await;
            assert_eq!(lane.load().waiting, 1);
            drop(held);
            waiter.await.unwrap().expect("it comes free");
        });
    }

    #[test]
    fn who_waits_too_long_is_refused_and_counted() {
        let lane = lane(Class::Probe, 1);
        runtime().block_on(async {
            let _held = at_once(&lane, &Client::Service).expect("a permit");
            let error = lane.enter(&Client::Service).await.err().expect("no permit in time");
            assert!(matches!(error, Error::Unavailable(_)), "{error}");
        });
        assert_eq!(lane.load().refused, 1);
    }
}
