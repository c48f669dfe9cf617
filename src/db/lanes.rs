//! Classes of work. Each class has a lane: threads with connections, a deadline and a maximum share for one client.

mod class;
mod queue;
mod threads;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::RecvError;
use tokio::time::{timeout, timeout_at};

use super::pool::Pool;
use crate::error::{Error, Result};
pub use class::Class;
pub use threads::Work;
use threads::{Job, Threads};

/// Time after the deadline until work that has not ended is abandoned.
const GRACE: Duration = Duration::from_secs(1);

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

/// The load of a lane.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub class: Class,
    pub threads: usize,
    pub in_use: usize,
    pub waiting: usize,
    /// Requests rejected for lack of a thread since the service started.
    pub refused: u64,
    /// Statements since the service started.
    pub statements: u64,
}

/// The lane of one class.
pub struct Lane {
    threads: Arc<Threads>,
    class: Class,
    most: usize,
    refused: Arc<AtomicU64>,
}

impl Lane {
    /// Creates a lane for the number of read connections. Work of reads is for a processor if the database is in the process.
    pub fn new(class: Class, connections: usize, pool: Pool, is_embedded: bool) -> Lane {
        let most = class.threads(connections);
        let processors = available_parallelism().map_or(2, usize::from);
        let regular = if is_embedded { most.min(processors.max(2)) } else { most };
        let threads = Threads::new(class, pool, [regular, most - regular], class.share(most));
        Lane { threads: Arc::new(threads), class, most, refused: Arc::default() }
    }

    /// Runs work on one of the lane's connections. Refuses it if it cannot begin in time or too much work is waiting, and abandons it
    /// after its deadline and [`GRACE`].
    pub async fn run(&self, client: &Client, work: Work) -> Result<()> {
        let (outcome, awaited) = oneshot::channel();
        let number = {
            let mut state = self.threads.lock();
            if state.queue.waiting() >= self.class.waiting_max(self.most) {
                self.refused.fetch_add(1, Ordering::Relaxed);
                let class = self.class.as_str();
                return Err(Error::Unavailable(format!("too many requests are waiting for a {class}")));
            }
            self.threads.push(&mut state, client, Job { work, outcome })?
        };
        let pending = Pending {
            threads: self.threads.clone(),
            refused: self.refused.clone(),
            class: self.class,
            client: client.clone(),
            number,
            awaited,
        };
        let mut guard = Guard(Some(pending));
        let Some(pending) = &mut guard.0 else { return Ok(()) };
        let ended = pending.ended().await;
        guard.0 = None;
        ended
    }

    /// Returns the current load.
    pub fn load(&self) -> Load {
        let state = self.threads.lock();
        Load {
            class: self.class,
            threads: self.most,
            in_use: state.queue.running(),
            waiting: state.queue.waiting(),
            refused: self.refused.load(Ordering::Relaxed),
            statements: self.threads.pool.statements(),
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.threads.close();
    }
}

/// Work that waits or runs.
struct Pending {
    threads: Arc<Threads>,
    refused: Arc<AtomicU64>,
    class: Class,
    client: Client,
    number: u64,
    awaited: oneshot::Receiver<Result<()>>,
}

impl Pending {
    async fn ended(&mut self) -> Result<()> {
        // Without an outcome the work has panicked.
        let flat = |outcome: Result<Result<()>, RecvError>| outcome.map_err(Error::unexpected)?;
        if let Ok(outcome) = timeout(self.class.patience(), &mut self.awaited).await {
            return flat(outcome);
        }
        if self.withdraw() {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(Error::Unavailable(format!("no {} could start in time", self.class.as_str())));
        }
        let Some(deadline) = self.class.deadline() else { return flat((&mut self.awaited).await) };
        let generation = self.threads.pool.generation();
        // If it does not run, it has just ended.
        let began = self.threads.lock().began(self.number).unwrap_or_else(Instant::now);
        if let Ok(outcome) = timeout_at((began + deadline + GRACE).into(), &mut self.awaited).await {
            return flat(outcome);
        }
        self.threads.abandon(&mut self.threads.lock(), &self.client, self.number);
        self.threads.pool.give_up(generation);
        Err(Error::Unavailable("the database does not respond".to_owned()))
    }

    /// Takes the work back if it has not begun.
    fn withdraw(&self) -> bool {
        self.threads.lock().queue.remove(&self.client, self.number).is_some()
    }
}

/// Dropped while work is pending, as when a request is cancelled, it takes the work back, or leaves a task that waits for its end, so
/// that work that never ends is abandoned.
struct Guard(Option<Pending>);

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(mut pending) = self.0.take() else { return };
        if pending.withdraw() {
            return;
        }
        // At the end of the process there is no runtime, and no work that waits for a thread.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move { pending.ended().await });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::super::Manager;
    use super::super::pool::Generation;
    use super::*;
    use crate::config::DatabaseUrl;

    /// A lane over an empty database, which is removed with the directory.
    fn lane(class: Class, connections: usize) -> (Arc<Lane>, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let manager = Manager::new(DatabaseUrl::Sqlite(directory.path().join("empty.db")));
        let lane = Lane::new(class, connections, Pool::new(manager, Generation::default()), true);
        (Arc::new(lane), directory)
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
    }

    fn client(number: u8) -> Client {
        Client::Address(IpAddr::from([192, 0, 2, number]))
    }

    /// Work that tells when it begins and ends when it is told to.
    struct Held {
        begun: Receiver<()>,
        end: Sender<()>,
        task: tokio::task::JoinHandle<Result<()>>,
    }

    fn hold(lane: &Arc<Lane>, client: Client) -> Held {
        let (begin, begun) = channel();
        let (end, ended) = channel();
        let work: Work = Box::new(move |_, _| {
            begin.send(()).map_err(Error::unexpected)?;
            ended.recv().map_err(Error::unexpected)
        });
        let lane = lane.clone();
        Held { begun, end, task: tokio::spawn(async move { lane.run(&client, work).await }) }
    }

    impl Held {
        async fn has_begun(&self) -> bool {
            for _ in 0..100 {
                if self.begun.try_recv().is_ok() {
                    return true;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            false
        }

        async fn finish(self) {
            self.end.send(()).unwrap();
            self.task.await.unwrap().expect("it ends well");
        }
    }

    #[test]
    fn a_client_waits_behind_itself_and_others_do_not() {
        let (lane, _directory) = lane(Class::LongRead, 8);
        runtime().block_on(async {
            let first = hold(&lane, client(1));
            assert!(first.has_begun().await);
            let behind = hold(&lane, client(1));
            let other = hold(&lane, client(2));
            assert!(other.has_begun().await, "another client's");
            assert_eq!((lane.load().in_use, lane.load().waiting), (2, 1), "its share is one of two");
            first.finish().await;
            assert!(behind.has_begun().await);
            behind.finish().await;
            other.finish().await;
        });
    }

    #[test]
    fn spare_threads_take_what_waits_behind_slow_work() {
        let (lane, _directory) = lane(Class::ShortRead, 64);
        runtime().block_on(async {
            let slow: Vec<Held> = (0..32).map(|_| hold(&lane, Client::Service)).collect();
            for held in &slow {
                assert!(held.has_begun().await);
            }
            for held in slow {
                held.finish().await;
            }
        });
    }

    #[test]
    fn work_that_waits_too_long_is_refused_and_cancelled_work_does_not_begin() {
        let (lane, _directory) = lane(Class::Probe, 1);
        runtime().block_on(async {
            let held = hold(&lane, Client::Service);
            assert!(held.has_begun().await);
            let cancelled = hold(&lane, Client::Service);
            tokio::task::yield_now().await;
            assert_eq!(lane.load().waiting, 1);
            cancelled.task.abort();
            assert!(cancelled.task.await.is_err());
            assert_eq!(lane.load().waiting, 0);
            let late = hold(&lane, Client::Service).task.await.unwrap();
            assert!(matches!(late, Err(Error::Unavailable(_))), "{late:?}");
            held.finish().await;
            assert!(cancelled.begun.try_recv().is_err());
        });
        assert_eq!(lane.load().refused, 1);
    }

    #[test]
    fn work_that_does_not_end_is_abandoned_and_its_thread_replaced() {
        let (lane, _directory) = lane(Class::Probe, 1);
        runtime().block_on(async {
            let stuck = hold(&lane, Client::Service);
            assert!(stuck.has_begun().await);
            let outcome = stuck.task.await.unwrap();
            assert!(matches!(outcome, Err(Error::Unavailable(_))), "{outcome:?}");
            let next = hold(&lane, Client::Service);
            assert!(next.has_begun().await);
            next.finish().await;
            stuck.end.send(()).unwrap();
        });
    }

    #[test]
    fn a_panic_fails_its_work_alone() {
        let (lane, _directory) = lane(Class::Probe, 1);
        runtime().block_on(async {
            let outcome = lane.run(&Client::Service, Box::new(|_, _| panic!("on purpose"))).await;
            assert!(matches!(outcome, Err(Error::Unexpected(_))), "{outcome:?}");
            let next = hold(&lane, Client::Service);
            assert!(next.has_begun().await);
            next.finish().await;
        });
    }
}
