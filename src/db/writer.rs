//! SQLite's one writer: a queue that commits concurrent writes together.
//!
//! A commit costs a sync of the disk, whatever is in it. So the writer takes what waits in the queue, runs each write in its own
//! savepoint, commits all of them at once, and only then answers each. What it answers is true:
//!
//! - A write that fails, or panics, rolls back its own savepoint and leaves the others alone.
//! - After each write the outer transaction is checked. A full disk or an I/O error makes SQLite roll it back by itself: the writes
//!   so far are lost and refused, and those behind them run in a new transaction. Statements that a lost write still executes
//!   cannot commit by themselves ([`sqlite::Handle::veto_stray_commits`]).
//! - A commit that fails refuses all of its writes; where an I/O error leaves open whether it reached the disk, they are answered
//!   with an unknown outcome.
//! - A write that has not begun by its deadline never begins. When another process holds the lock, one bounded wait refuses all that
//!   wait behind it.
//!
//! A large write goes alone: below a savepoint, SQLite keeps a copy of whatever a statement touches in memory until the savepoint's
//! end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use diesel::Connection;
use tokio::sync::oneshot;

use super::backend::{self, BEGIN, Conn, Manager, sqlite};
use super::watcher::{DataVersion, INTERVAL};
use crate::error::{Error, Result};

/// Writes that may wait; one more is refused.
const QUEUE: usize = 1024;
/// Writes that share one commit at most, so that the first of them does not wait for long.
const BATCH: usize = 128;
/// How long a write may wait for its turn.
const DEADLINE: Duration = Duration::from_secs(5);
/// The same for a write that shares its transaction with none.
const ALONE_DEADLINE: Duration = Duration::from_secs(60);
/// How long the writer waits for a lock that another process holds.
const LOCK_WAIT: Duration = Duration::from_secs(2);
/// How long the statements of one write may take.
const RUN_MAX: Duration = Duration::from_secs(10);

/// Runs a write (or takes the reason why it cannot run), keeps its outcome, and hands back what answers the waiting request once
/// the commit is decided.
type Together = Box<dyn FnOnce(Result<&mut Conn>) -> Reply + Send>;
type Reply = Box<dyn FnOnce(Result<()>) + Send>;
/// Runs a write that makes its own transaction (or takes the reason why it cannot run), and hands back what answers its request.
type Alone = Box<dyn FnOnce(Result<&mut Conn>) -> Box<dyn FnOnce() + Send> + Send>;

struct Job {
    ticket: Arc<Ticket>,
    /// Whether its commit changes what reads return.
    is_quiet: bool,
    work: Work,
}

enum Work {
    Together(Together),
    Alone(Alone),
}

/// Decides whether a write begins or is given up: never both.
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

/// What the writer does, for those who operate the service.
#[derive(Default)]
pub struct Counts {
    waiting: AtomicUsize,
    commits: AtomicU64,
    writes: AtomicU64,
    commit_micros: AtomicU64,
    is_alone: AtomicBool,
}

/// A reading of [`Counts`]; the last three count from the service's start.
#[derive(Clone, Copy, Debug)]
pub struct WriterLoad {
    pub waiting: usize,
    pub commits: u64,
    pub writes: u64,
    pub commit_time: Duration,
}

/// The handle of the writer's thread; the thread ends when the last handle is gone.
#[derive(Clone)]
pub struct Writer {
    queue: SyncSender<Job>,
    counts: Arc<Counts>,
}

impl Writer {
    /// Opens the writer's connection and starts its thread, which also watches for the changes of other processes.
    pub fn start(manager: &Manager, version: Arc<DataVersion>) -> Result<Writer> {
        let conn = manager.open()?;
        let handle = sqlite::Handle::opened().ok_or_else(|| Error::unexpected("SQLite opened no connection"))?;
        handle.veto_stray_commits();
        let mut writing = Writing { conn, handle, version, counts: Arc::default() };
        backend::set_lock_wait(&mut writing.conn, LOCK_WAIT)?;
        let mut seen = backend::foreign_version(&mut writing.conn)?;
        writing.watch(&mut seen)?;
        let counts = writing.counts.clone();
        let (queue, jobs) = sync_channel(QUEUE);
        thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || writing.run(seen, &jobs))
            .map_err(Error::unexpected)?;
        Ok(Writer { queue, counts })
    }

    /// Queues one write and waits until it is durable or refused.
    pub async fn write<T: Send + 'static>(
        &self,
        is_quiet: bool,
        work: impl FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, outcome) = oneshot::channel();
        let together: Together = Box::new(move |conn| {
            let result = conn.and_then(|conn| caught(conn, |conn| conn.transaction(work)));
            Box::new(move |commit| {
                // The request may have gone away meanwhile; its write stands all the same.
                drop(reply.send(result.and_then(|value| commit.map(|()| value))));
            })
        });
        self.queue(is_quiet, Work::Together(together), DEADLINE, outcome).await
    }

    /// Queues a write that makes its own transaction, and waits for its end; no other write shares it.
    pub async fn write_alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, outcome) = oneshot::channel();
        let alone: Alone = Box::new(move |conn| {
            let result = conn.and_then(|conn| caught(conn, work));
            Box::new(move || drop(reply.send(result)))
        });
        self.queue(false, Work::Alone(alone), ALONE_DEADLINE, outcome).await
    }

    /// What the writer does.
    pub fn load(&self) -> WriterLoad {
        let Counts { waiting, commits, writes, commit_micros, .. } = &*self.counts;
        WriterLoad {
            waiting: waiting.load(Ordering::Relaxed),
            commits: commits.load(Ordering::Relaxed),
            writes: writes.load(Ordering::Relaxed),
            commit_time: Duration::from_micros(commit_micros.load(Ordering::Relaxed)),
        }
    }

    /// Whether a write is running that shares its transaction with none, and may take long.
    pub fn is_busy_alone(&self) -> bool {
        self.counts.is_alone.load(Ordering::SeqCst)
    }

    async fn queue<T>(
        &self,
        is_quiet: bool,
        work: Work,
        deadline: Duration,
        mut outcome: oneshot::Receiver<Result<T>>,
    ) -> Result<T> {
        let ticket = Arc::new(Ticket::default());
        let job = Job { ticket: ticket.clone(), is_quiet, work };
        self.counts.waiting.fetch_add(1, Ordering::Relaxed);
        self.queue.try_send(job).map_err(|e| {
            self.counts.waiting.fetch_sub(1, Ordering::Relaxed);
            match e {
                TrySendError::Full(_) => Error::Unavailable("the queue of writes is full".to_owned()),
                TrySendError::Disconnected(_) => stopped(),
            }
        })?;
        match tokio::time::timeout(deadline, &mut outcome).await {
            Ok(outcome) => outcome.map_err(|_| stopped())?,
            Err(_) if ticket.becomes(Ticket::GIVEN_UP) => {
                Err(Error::Unavailable("the write could not begin in time".to_owned()))
            }
            // It has begun: its end is not far, and says what became of it.
            Err(_) => outcome.await.map_err(|_| stopped())?,
        }
    }
}

fn stopped() -> Error {
    Error::Unavailable("the writer has stopped".to_owned())
}

/// Runs a work; one that panics is an error, and the savepoints that it left open are rolled back.
fn caught<T>(conn: &mut Conn, work: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
    let before = backend::depth(conn)?;
    catch_unwind(AssertUnwindSafe(|| work(conn))).unwrap_or_else(|_| {
        while backend::depth(conn)? > before {
            backend::roll_back(conn)?;
        }
        Err(Error::Unexpected("a write panicked".to_owned()))
    })
}

/// What the writer's thread works with.
struct Writing {
    conn: Conn,
    handle: sqlite::Handle,
    version: Arc<DataVersion>,
    counts: Arc<Counts>,
}

impl Writing {
    fn run(mut self, mut seen: i64, jobs: &Receiver<Job>) {
        let mut next = None;
        loop {
            let job = match next.take().map_or_else(|| jobs.recv_timeout(INTERVAL), Ok) {
                Ok(job) => job,
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    if let Err(error) = self.watch(&mut seen) {
                        tracing::warn!(%error, "cannot watch for changes of other processes; trying again");
                    }
                    continue;
                }
            };
            next = match self.begun(job) {
                None => None,
                Some((is_quiet, Work::Together(first))) => self.together(is_quiet, first, &mut seen, jobs),
                Some((_, Work::Alone(job))) => {
                    self.alone(job);
                    None
                }
            };
        }
    }

    /// A job that is to run now; `None` where its request has given it up.
    fn begun(&self, job: Job) -> Option<(bool, Work)> {
        self.counts.waiting.fetch_sub(1, Ordering::Relaxed);
        job.ticket.becomes(Ticket::BEGUN).then_some((job.is_quiet, job.work))
    }

    /// Looks for changes of other processes.
    fn watch(&mut self, seen: &mut i64) -> Result<()> {
        let looked = Instant::now();
        let now = backend::foreign_version(&mut self.conn)?;
        if std::mem::replace(seen, now) != now {
            self.version.bump();
        }
        self.version.prove(looked);
        Ok(())
    }

    /// Begins a transaction, with the lock: from here on nothing changes but by this thread.
    fn begin(&mut self, seen: &mut i64) -> Result<()> {
        backend::begin_write(&mut self.conn, BEGIN)?;
        self.version.set_locked(true);
        // What others committed before counts as a change of its own.
        self.watch(seen)
    }

    /// Runs a write and what waits behind it in one transaction; gives back a write that must not be part of it.
    fn together(&mut self, is_quiet: bool, first: Together, seen: &mut i64, jobs: &Receiver<Job>) -> Option<Job> {
        if let Err(error) = self.begin(seen) {
            self.end_transaction();
            self.refuse_all(Some(Work::Together(first)), &error.to_string(), jobs);
            return None;
        }
        let (mut replies, mut next, mut changes) = (Vec::new(), None, !is_quiet);
        let mut job = Some(first);
        while let Some(work) = job.take() {
            let deadline = Some(Instant::now() + RUN_MAX);
            replies.push(sqlite::with_deadline(deadline, || work(Ok(&mut self.conn))));
            if !self.is_whole() {
                self.end_transaction();
                tracing::error!(writes = replies.len(), "SQLite rolled a transaction back; its writes are refused");
                return self.refuse(replies, "SQLite rolled the transaction back");
            }
            while job.is_none() && next.is_none() && replies.len() < BATCH {
                match jobs.try_recv() {
                    Ok(found) if matches!(found.work, Work::Alone(_)) => next = Some(found),
                    Ok(found) => match self.begun(found) {
                        Some((is_quiet, Work::Together(work))) => {
                            changes |= !is_quiet;
                            job = Some(work);
                        }
                        _ => continue,
                    },
                    Err(_) => break,
                }
            }
        }
        self.commit(replies, changes);
        next
    }

    fn commit(&mut self, replies: Vec<Reply>, changes: bool) {
        let began = Instant::now();
        let committed = backend::commit(&mut self.conn);
        let took = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.counts.commit_micros.fetch_add(took, Ordering::Relaxed);
        self.counts.commits.fetch_add(1, Ordering::Relaxed);
        match committed {
            Ok(()) => {
                self.counts.writes.fetch_add(replies.len() as u64, Ordering::Relaxed);
                // Before the lock is given up for the caches, and before anyone is answered.
                if changes {
                    self.version.bump();
                }
                self.version.set_locked(false);
                replies.into_iter().for_each(|reply| reply(Ok(())));
            }
            Err(error) => {
                let error = Error::of_commit(error);
                tracing::error!(%error, writes = replies.len(), "a commit failed");
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

    fn alone(&mut self, job: Alone) {
        self.counts.is_alone.store(true, Ordering::SeqCst);
        let reply = job(Ok(&mut self.conn));
        self.end_transaction();
        self.version.bump();
        self.counts.is_alone.store(false, Ordering::SeqCst);
        reply();
    }

    /// Whether the outer transaction, and it alone, is open.
    fn is_whole(&mut self) -> bool {
        self.handle.is_in_transaction() && backend::depth(&mut self.conn) == Ok(1)
    }

    /// Leaves no transaction behind, neither SQLite's nor in Diesel's count.
    fn end_transaction(&mut self) {
        while backend::depth(&mut self.conn).unwrap_or(1) > 0 || self.handle.is_in_transaction() {
            if let Err(error) = backend::roll_back(&mut self.conn)
                && (self.handle.is_in_transaction() || backend::depth(&mut self.conn) != Ok(0))
            {
                tracing::error!(%error, "a roll-back failed");
                break;
            }
        }
        self.version.set_locked(false);
    }

    fn refuse(&self, replies: Vec<Reply>, why: &str) -> Option<Job> {
        replies.into_iter().for_each(|reply| reply(Err(Error::Unavailable(why.to_owned()))));
        None
    }

    /// Refuses a write that could not begin, and all that wait behind it: each would wait as long.
    fn refuse_all(&self, first: Option<Work>, why: &str, jobs: &Receiver<Job>) {
        let waiting =
            std::iter::from_fn(|| jobs.try_recv().ok()).filter_map(|job| self.begun(job)).map(|(_, work)| work);
        for work in first.into_iter().chain(waiting) {
            let refusal = Err(Error::Unavailable(why.to_owned()));
            match work {
                Work::Together(work) => work(refusal)(Ok(())),
                Work::Alone(work) => work(refusal)(),
            }
        }
    }
}
