//! Classes of work. Each class has a lane: permits, connections, a deadline and a maximum share for one client.
//!
//! Requests of one client first queue for its share and then, together with those of other clients, for the lane's
//! permits, so a client with many requests delays mainly itself.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::pool::Pool;
use crate::error::{Error, Result};

/// Maximum number of waiting requests per permit; further ones are rejected immediately.
const WAITING_PER_PERMIT: usize = 64;
/// Maximum number of waiting key look-ups. Each takes a fraction of a millisecond, and the number of concurrent
/// requests is bounded elsewhere.
const WAITING_LOOK_UPS: usize = 4_096;

/// The cost class of a piece of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Health check of the database; never waits behind other work.
    Probe,
    /// Look-up of a key's holder; waits only behind other look-ups.
    KeyLookup,
    /// A record, or a page of a list.
    ShortRead,
    /// Reads far more than it returns: reports, exports, plans, counted searches.
    LongRead,
    /// A single write. SQLite's writes go through one queue instead.
    Write,
    /// A write of many records, without a fixed deadline.
    Bulk,
}

impl Class {
    pub const ALL: [Class; 6] =
        [Class::Probe, Class::KeyLookup, Class::ShortRead, Class::LongRead, Class::Write, Class::Bulk];

    /// Returns the name used in metrics and logs.
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

    /// Returns the number of permits for the configured number of read connections.
    fn permits(self, connections: usize) -> usize {
        match self {
            Class::Probe => 1,
            Class::KeyLookup => 2,
            Class::ShortRead | Class::Write => connections,
            Class::LongRead => (connections / 4).max(2),
            Class::Bulk => 1,
        }
    }

    /// Returns the maximum number of waiting requests.
    fn waiting_max(self, permits: usize) -> usize {
        if self == Class::KeyLookup { WAITING_LOOK_UPS } else { WAITING_PER_PERMIT * permits }
    }

    /// Returns the maximum number of permits of one client.
    fn share(self, permits: usize) -> usize {
        match self {
            Class::Probe | Class::Bulk => permits,
            Class::KeyLookup | Class::LongRead => permits.div_ceil(2),
            Class::ShortRead | Class::Write => (permits * 3 / 4).max(1),
        }
    }

    /// Returns how long a request waits for its permit.
    fn patience(self) -> Duration {
        match self {
            Class::Probe | Class::LongRead => Duration::from_secs(1),
            Class::ShortRead | Class::Write => Duration::from_secs(2),
            Class::KeyLookup => Duration::from_secs(5),
            Class::Bulk => Duration::from_secs(60),
        }
    }

    /// Returns the time limit of running work; `None` if the work limits itself.
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

/// The client on whose behalf work is done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Client {
    /// The service itself, without a limit by share.
    Service,
    /// A client without a key, identified by its network.
    Address(IpAddr),
    /// A client with a key or token, identified by its identity.
    Identity(String),
}

/// The lane of one class.
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

/// A permit to run, released on drop.
pub struct Permit {
    // Field order matters: the lane's permit is released before the client's share.
    _of_lane: OwnedSemaphorePermit,
    _of_client: Option<ClientPermit>,
}

struct ClientPermit {
    lane: Arc<Lane>,
    client: Client,
    permit: Option<OwnedSemaphorePermit>,
}

/// The load of a lane.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub class: Class,
    pub permits: usize,
    pub in_use: usize,
    pub waiting: usize,
    /// Requests rejected for lack of a permit since the service started.
    pub refused: u64,
    /// Statements since the service started.
    pub statements: u64,
}

impl Lane {
    /// Creates a lane with permits for the number of read connections.
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

    /// Waits for a permit; fails if none becomes free in time or too many requests are waiting.
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
        if waiting.0 >= self.class.waiting_max(self.permits_max) {
            return Err(Error::Unavailable(format!("too many requests are waiting for a {}", self.class.as_str())));
        }
        let busy = |_| Error::Unavailable(format!("no {} could start in time", self.class.as_str()));
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

    /// Returns the current load.
    pub fn load(&self) -> Load {
        Load {
            class: self.class,
            permits: self.permits_max,
            in_use: self.permits_max.saturating_sub(self.permits.available_permits()),
            waiting: self.waiting.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            statements: self.pool.statements(),
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
        // Permits and waiters hold a reference, so a semaphore referenced only by the map is unused.
        self.permit = None;
        let mut clients = self.lane.clients();
        if clients.get(&self.client).is_some_and(|share| Arc::strong_count(share) == 1) {
            clients.remove(&self.client);
        }
    }
}

/// Counts a waiting request until it is dropped, including by cancellation.
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

    /// Returns a permit if one is available immediately.
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
        assert!(lane.clients().is_empty(), "unused clients are removed");
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
