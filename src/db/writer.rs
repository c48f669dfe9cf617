//! SQLite's one writer: a queue that commits concurrent writes together.
//!
//! A commit costs a sync of the disk, whatever is in it. So the writer takes what waits in the queue, runs each write in
//! its own savepoint, commits all of them at once, and only then answers each. A write that fails rolls back its own
//! savepoint and leaves the others alone; a commit that fails fails them all.
//!
//! A large write goes alone: below a savepoint, SQLite keeps a copy of whatever a statement touches in memory until the
//! savepoint's end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;

use diesel::Connection;
use tokio::sync::oneshot;

use super::backend::{self, Conn};
use crate::error::{Error, Result};

/// Writes that may wait; one more is told to come back later.
const QUEUE: usize = 1024;
/// Writes that share one commit at most, so that the first of them does not wait for long.
const BATCH: usize = 128;

/// Runs a write (or takes the reason why it cannot run), keeps its outcome, and hands back what tells the waiting
/// request once the commit is decided.
type Together = Box<dyn FnOnce(Result<&mut Conn>) -> Tell + Send>;
type Tell = Box<dyn FnOnce(Result<()>) + Send>;
/// Runs a write that makes its own transaction, and hands back what tells the one who waits.
type Alone = Box<dyn FnOnce(&mut Conn) -> Box<dyn FnOnce() + Send> + Send>;

enum Job {
    Together(Together),
    Alone(Alone),
}

/// The handle of the writer's thread; the thread ends when the last handle is gone.
#[derive(Clone)]
pub struct Writer {
    queue: SyncSender<Job>,
}

impl Writer {
    /// Starts the thread. `committed` runs after each commit, before anyone is told.
    pub fn start(conn: Conn, committed: impl Fn() + Send + 'static) -> Result<Writer> {
        let (queue, jobs) = sync_channel(QUEUE);
        thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || run(conn, &jobs, &committed))
            .map_err(Error::unexpected)?;
        Ok(Writer { queue })
    }

    /// Queues one write and waits until it is durable or refused.
    pub async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, outcome) = oneshot::channel();
        let job: Together = Box::new(move |conn| {
            let result = conn.and_then(|conn| caught(|| conn.transaction(work)));
            Box::new(move |commit| {
                // The request may have gone away meanwhile; its write stands all the same.
                drop(answer.send(result.and_then(|value| commit.map(|()| value))));
            })
        });
        self.enqueue(Job::Together(job))?;
        outcome.await.map_err(|_| stopped())?
    }

    /// Queues a write that makes its own transaction, and waits for its end; no other write shares it.
    pub async fn write_alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, outcome) = oneshot::channel();
        let job: Alone = Box::new(move |conn| {
            let result = caught(|| work(conn));
            Box::new(move || drop(answer.send(result)))
        });
        self.enqueue(Job::Alone(job))?;
        outcome.await.map_err(|_| stopped())?
    }

    fn enqueue(&self, job: Job) -> Result<()> {
        self.queue.try_send(job).map_err(|e| match e {
            TrySendError::Full(_) => Error::Unavailable("the queue of writes is full".to_owned()),
            TrySendError::Disconnected(_) => stopped(),
        })
    }
}

fn stopped() -> Error {
    Error::Unavailable("the writer has stopped".to_owned())
}

fn caught<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(Error::Unexpected("a write panicked".to_owned())))
}

fn run(mut conn: Conn, jobs: &Receiver<Job>, committed: &impl Fn()) {
    let mut next = jobs.recv().ok();
    while let Some(job) = next {
        next = match job {
            Job::Together(first) => together(&mut conn, first, jobs, committed),
            Job::Alone(job) => {
                alone(&mut conn, job, committed);
                None
            }
        }
        .or_else(|| jobs.recv().ok());
    }
}

/// Runs a write and what waits behind it in one transaction; gives back a write that must not be part of it.
fn together(conn: &mut Conn, first: Together, jobs: &Receiver<Job>, committed: &impl Fn()) -> Option<Job> {
    if let Err(error) = backend::begin_batch(conn) {
        first(Err(error.into()))(Ok(()));
        return None;
    }
    let mut tells = vec![first(Ok(conn))];
    let mut next = None;
    while tells.len() < BATCH {
        match jobs.try_recv() {
            Ok(Job::Together(job)) => tells.push(job(Ok(conn))),
            Ok(job) => {
                next = Some(job);
                break;
            }
            Err(_) => break,
        }
    }
    let outcome = backend::commit_batch(conn).map_err(|e| e.to_string());
    match &outcome {
        Ok(()) => committed(),
        Err(error) => {
            tracing::error!(%error, "commit failed");
            roll_back(conn);
        }
    }
    for tell in tells {
        tell(outcome.clone().map_err(Error::Unavailable));
    }
    next
}

fn alone(conn: &mut Conn, job: Alone, committed: &impl Fn()) {
    let tell = job(conn);
    // One that panicked has left its transaction open.
    if backend::in_transaction(conn).unwrap_or(true) {
        roll_back(conn);
    }
    committed();
    tell();
}

fn roll_back(conn: &mut Conn) {
    if let Err(error) = backend::roll_back_batch(conn) {
        tracing::error!(%error, "roll-back failed");
    }
}
