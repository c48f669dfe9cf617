//! SQLite's single writer: a queue that commits concurrent writes together (group commit).
//!
//! Every commit costs a disk sync, regardless of its size. The writer therefore runs all queued writes in one
//! transaction, each in its own savepoint, commits, and only then reports the results. The reported results are
//! reliable:
//!
//! - A write that fails, or panics, rolls back its own savepoint and leaves the others alone.
//! - The outer transaction is checked after each write. SQLite rolls it back on its own after a full disk or an I/O error; the writes so far then fail, and the following ones run in a new transaction. Further statements of a failed write cannot be committed separately ([`sqlite::Handle::veto_stray_commits`]).
//! - If the commit fails, all of its writes fail. If an I/O error leaves open whether it reached the disk, they report an unknown outcome.
//! - A write that has not begun by its deadline never begins. If another process holds the lock for too long, all queued writes fail after one bounded wait.
//!
//! A large write runs in a transaction of its own, because inside a savepoint SQLite keeps copies of all modified pages
//! in memory until the savepoint ends.

mod load;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use diesel::Connection;
use tokio::sync::oneshot;

use super::backend::{self, BEGIN, Conn, Manager, Statements, sqlite, upkeep};
use super::changes::{Changes, Notice};
use super::names::{self, NameCache};
use super::watcher::{Feed, INTERVAL};
use crate::error::{Error, Result};
use load::Counts;
pub use load::WriterLoad;

/// Capacity of the queue; further writes are rejected.
const QUEUE: usize = 1024;
/// Maximum number of writes in one commit, which bounds the wait of the first one.
const BATCH: usize = 128;
/// Maximum wait of a write in the queue.
const DEADLINE: Duration = Duration::from_secs(5);
/// Maximum wait of a write with its own transaction.
const ALONE_DEADLINE: Duration = Duration::from_secs(60);
/// Maximum wait for a lock of another process.
const LOCK_WAIT: Duration = Duration::from_secs(2);
/// Time limit of the statements of one write.
const RUN_MAX: Duration = Duration::from_secs(10);
/// Length of the write-ahead log, in pages, from which it is moved into the database.
const LOG_PAGES: i32 = 1_000;

/// Runs a write, or receives the reason why it cannot run. Returns a closure that reports the result to the waiting
/// request after the commit.
type Together = Box<dyn FnOnce(Result<&mut Conn>) -> Reply + Send>;
type Reply = Box<dyn FnOnce(Result<()>) + Send>;
/// Runs a write with its own transaction, or receives the reason why it cannot run. Returns a closure that reports the
/// result.
type Alone = Box<dyn FnOnce(Result<&mut Conn>) -> Box<dyn FnOnce() + Send> + Send>;

struct Job {
    ticket: Arc<Ticket>,
    work: Work,
}

enum Work {
    Together(Together),
    Alone(Alone),
}

/// Atomically decides whether a write begins or is cancelled.
#[derive(Default)]
struct Ticket(AtomicU8);

impl Ticket {
    const WAITING: u8 = 0;
    const BEGUN: u8 = 1;
    const GIVEN_UP: u8 = 2;

    fn becomes(&self, state: u8) -> bool {
        self.0.compare_exchange(Ticket::WAITING, state, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}

/// Handle to the writer's thread, which ends when the last handle is dropped.
#[derive(Clone)]
pub struct Writer {
    queue: SyncSender<Job>,
    counts: Arc<Counts>,
    statements: Arc<Statements>,
    changes: Arc<Changes>,
}

impl Writer {
    /// Opens the writer's connection and starts its thread, which also watches for changes of other processes.
    pub fn start(manager: &Manager, changes: Arc<Changes>, names: Arc<NameCache>) -> Result<Writer> {
        let manager = manager.with_own_count();
        let mut conn = manager.open()?;
        let handle = sqlite::Handle::opened().ok_or_else(|| Error::unexpected("SQLite opened no connection"))?;
        handle.veto_stray_commits();
        handle.defer_checkpoints();
        backend::set_lock_wait(&mut conn, LOCK_WAIT)?;
        let looked = Instant::now();
        let seen = backend::foreign_version(&mut conn)?;
        let feed = Feed::begin(&mut conn)?;
        let writing = Writing { conn, handle, changes: changes.clone(), counts: Arc::default(), names, seen, feed };
        changes.prove(looked);
        let counts = writing.counts.clone();
        let (queue, jobs) = sync_channel(QUEUE);
        thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || writing.run(&jobs))
            .map_err(Error::unexpected)?;
        Ok(Writer { queue, counts, statements: manager.statements().clone(), changes })
    }

    /// Queues a write and waits until it is durable, and its changes are published, or has failed.
    pub async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<(T, Notice)> + Send + 'static,
    ) -> Result<T> {
        let (reply, outcome) = oneshot::channel();
        let changes = self.changes.clone();
        let together: Together = Box::new(move |conn| {
            let result = conn.and_then(|conn| caught(conn, |conn| conn.transaction(work)));
            Box::new(move |commit| {
                let result = result
                    .and_then(|(value, notice)| commit.inspect(|()| changes.publish_own(&notice)).map(|()| value));
                // Sending fails if the request was cancelled; its write remains committed.
                drop(reply.send(result));
            })
        });
        self.queue(Work::Together(together), DEADLINE, outcome).await
    }

    /// Queues a write with its own transaction and waits for its end.
    pub async fn write_alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<(T, Notice)> + Send + 'static,
    ) -> Result<T> {
        let (reply, outcome) = oneshot::channel();
        let changes = self.changes.clone();
        let alone: Alone = Box::new(move |conn| {
            let result = conn.and_then(|conn| caught(conn, work));
            Box::new(move || {
                let result = result.map(|(value, notice)| {
                    changes.publish_own(&notice);
                    value
                });
                changes.end_commit();
                drop(reply.send(result));
            })
        });
        self.queue(Work::Alone(alone), ALONE_DEADLINE, outcome).await
    }

    /// Returns the load of the writer.
    pub fn load(&self) -> WriterLoad {
        self.counts.load(self.statements.count())
    }

    /// Whether a write with its own transaction, which may take long, is running.
    pub fn is_busy_alone(&self) -> bool {
        self.counts.is_alone.load(Ordering::SeqCst)
    }

    async fn queue<T>(&self, work: Work, deadline: Duration, mut outcome: oneshot::Receiver<Result<T>>) -> Result<T> {
        let ticket = Arc::new(Ticket::default());
        let job = Job { ticket: ticket.clone(), work };
        self.counts.waiting.fetch_add(1, Ordering::Relaxed);
        self.queue.try_send(job).map_err(|e| {
            self.counts.waiting.fetch_sub(1, Ordering::Relaxed);
            match e {
                TrySendError::Full(_) => Error::Unavailable("the write queue is full".to_owned()),
                TrySendError::Disconnected(_) => stopped(),
            }
        })?;
        match tokio::time::timeout(deadline, &mut outcome).await {
            Ok(outcome) => outcome.map_err(|_| stopped())?,
            Err(_) if ticket.becomes(Ticket::GIVEN_UP) => {
                Err(Error::Unavailable("the write could not start in time".to_owned()))
            }
            // The write has begun, so it ends soon and reports its result.
            Err(_) => outcome.await.map_err(|_| stopped())?,
        }
    }
}

fn stopped() -> Error {
    Error::Unavailable("the writer has stopped".to_owned())
}

/// Runs `work`, converts a panic to an error and rolls back savepoints that were left open.
fn caught<T>(conn: &mut Conn, work: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
    let before = backend::depth(conn)?;
    catch_unwind(AssertUnwindSafe(|| work(conn))).unwrap_or_else(|_| {
        while backend::depth(conn)? > before {
            backend::roll_back(conn)?;
        }
        Err(Error::Unexpected("a write panicked".to_owned()))
    })
}

/// State of the writer's thread.
struct Writing {
    conn: Conn,
    handle: sqlite::Handle,
    changes: Arc<Changes>,
    counts: Arc<Counts>,
    names: Arc<NameCache>,
    /// SQLite's version of the data at the last look.
    seen: i64,
    feed: Feed,
}

impl Writing {
    fn run(mut self, jobs: &Receiver<Job>) {
        let mut next = None;
        loop {
            let job = match next.take().map_or_else(|| jobs.recv_timeout(INTERVAL), Ok) {
                Ok(job) => job,
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    if let Err(error) = self.watch() {
                        tracing::warn!(%error, "cannot watch for changes of other processes; trying again");
                    }
                    continue;
                }
            };
            next = match self.begun(job) {
                None => None,
                // The writes of a batch see what those before them wrote.
                Some(Work::Together(first)) => names::writing(&self.names.clone(), || self.together(first, jobs)),
                Some(Work::Alone(job)) => {
                    names::writing(&self.names.clone(), || self.alone(job));
                    None
                }
            };
        }
    }

    /// Marks a job as begun; `None` if its request cancelled it.
    fn begun(&self, job: Job) -> Option<Work> {
        self.counts.waiting.fetch_sub(1, Ordering::Relaxed);
        job.ticket.becomes(Ticket::BEGUN).then_some(job.work)
    }

    /// Checks for changes of other processes.
    fn watch(&mut self) -> Result<()> {
        let looked = Instant::now();
        let now = backend::foreign_version(&mut self.conn)?;
        if self.seen != now {
            // The events of this process are among those that are read, and are published once ([`Changes::publish_read`]).
            self.feed.read(&mut self.conn, &self.changes)?;
            self.seen = now;
        }
        self.changes.prove(looked);
        Ok(())
    }

    /// Begins a transaction with the write lock; from here on only this thread changes data.
    fn begin(&mut self) -> Result<()> {
        backend::begin_write(&mut self.conn, BEGIN)?;
        self.changes.set_locked(true);
        // Commits of other processes before that are published first.
        self.watch()
    }

    /// Runs a write and those queued behind it in one transaction; returns a write that needs its own transaction.
    fn together(&mut self, first: Together, jobs: &Receiver<Job>) -> Option<Job> {
        if let Err(error) = self.begin() {
            self.end_transaction();
            self.refuse_all(Some(Work::Together(first)), &error.to_string(), jobs);
            return None;
        }
        let (mut replies, mut next) = (Vec::new(), None);
        let mut job = Some(first);
        while let Some(work) = job.take() {
            let deadline = Some(Instant::now() + RUN_MAX);
            replies.push(sqlite::with_deadline(deadline, || work(Ok(&mut self.conn))));
            if !self.is_whole() {
                self.end_transaction();
                tracing::error!(writes = replies.len(), "SQLite rolled back a transaction; its writes have failed");
                return self.refuse(replies, "SQLite rolled the transaction back");
            }
            while job.is_none() && next.is_none() && replies.len() < BATCH {
                match jobs.try_recv() {
                    Ok(found) if matches!(found.work, Work::Alone(_)) => next = Some(found),
                    Ok(found) => match self.begun(found) {
                        Some(Work::Together(work)) => job = Some(work),
                        _ => continue,
                    },
                    Err(_) => break,
                }
            }
        }
        self.commit(replies);
        next
    }

    fn commit(&mut self, replies: Vec<Reply>) {
        let began = Instant::now();
        let committed = backend::commit(&mut self.conn);
        self.counts.note_commit(began.elapsed());
        match committed {
            Ok(()) => {
                self.counts.writes.fetch_add(replies.len() as u64, Ordering::Relaxed);
                // Replies publish their changes. Until then this process counts as the holder of the lock, so that its versions
                // stay valid.
                replies.into_iter().for_each(|reply| reply(Ok(())));
                self.changes.set_locked(false);
                self.checkpoint();
            }
            Err(error) => {
                let error = Error::of_commit(error);
                tracing::error!(%error, writes = replies.len(), "commit failed");
                self.end_transaction();
                for reply in replies {
                    reply(Err(match &error {
                        Error::OutcomeUnknown(cause) => Error::OutcomeUnknown(cause.clone()),
                        other => Error::Unavailable(other.to_string()),
                    }));
                }
            }
        }
    }

    /// Moves the write-ahead log into the database when it is long. Not within a commit, so that nobody waits for it, and what was
    /// committed is published before.
    fn checkpoint(&mut self) {
        if sqlite::log_pages() < LOG_PAGES {
            return;
        }
        // Readers can keep a part of it from being moved; the next commit tries again.
        if let Err(error) = upkeep::checkpoint(&mut self.conn) {
            tracing::warn!(%error, "the write-ahead log could not be moved into the database; trying again");
        }
    }

    fn alone(&mut self, job: Alone) {
        self.counts.is_alone.store(true, Ordering::SeqCst);
        let reply = job(Ok(&mut self.conn));
        self.end_transaction();
        self.counts.is_alone.store(false, Ordering::SeqCst);
        reply();
        self.checkpoint();
    }

    /// Whether exactly the outer transaction is open.
    fn is_whole(&mut self) -> bool {
        self.handle.is_in_transaction() && backend::depth(&mut self.conn) == Ok(1)
    }

    /// Ends any open transaction in SQLite and in Diesel's count.
    fn end_transaction(&mut self) {
        while backend::depth(&mut self.conn).unwrap_or(1) > 0 || self.handle.is_in_transaction() {
            if let Err(error) = backend::roll_back(&mut self.conn)
                && (self.handle.is_in_transaction() || backend::depth(&mut self.conn) != Ok(0))
            {
                tracing::error!(%error, "rollback failed");
                break;
            }
        }
        self.changes.set_locked(false);
    }

    fn refuse(&self, replies: Vec<Reply>, why: &str) -> Option<Job> {
        replies.into_iter().for_each(|reply| reply(Err(Error::Unavailable(why.to_owned()))));
        None
    }

    /// Fails a write that could not begin and all queued ones, because each would wait as long.
    fn refuse_all(&self, first: Option<Work>, why: &str, jobs: &Receiver<Job>) {
        let waiting = std::iter::from_fn(|| jobs.try_recv().ok()).filter_map(|job| self.begun(job));
        for work in first.into_iter().chain(waiting) {
            let refusal = Err(Error::Unavailable(why.to_owned()));
            match work {
                Work::Together(work) => work(refusal)(Ok(())),
                Work::Alone(work) => work(refusal)(),
            }
        }
    }
}
