//! SQLite's one writer: a queue that commits concurrent writes together.
//!
//! A commit costs a sync of the disk, whatever is in it. So the writer takes what waits in the queue, runs each write in
//! its own savepoint, commits all of them at once, and only then answers each. A write that fails rolls back its own
//! savepoint and leaves the others alone; a commit that fails fails them all.

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
type Job = Box<dyn FnOnce(Result<&mut Conn>) -> Tell + Send>;
type Tell = Box<dyn FnOnce(Result<()>) + Send>;

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
        let job: Job = Box::new(move |conn| {
            let result = conn.and_then(|conn| {
                catch_unwind(AssertUnwindSafe(|| conn.transaction(work)))
                    .unwrap_or_else(|_| Err(Error::Unexpected("a write panicked".to_owned())))
            });
            Box::new(move |commit| {
                // The request may have gone away meanwhile; its write stands all the same.
                drop(answer.send(result.and_then(|value| commit.map(|()| value))));
            })
        });
        self.queue.try_send(job).map_err(|e| match e {
            TrySendError::Full(_) => Error::Unavailable("the queue of writes is full".to_owned()),
            TrySendError::Disconnected(_) => Error::Unavailable("the writer has stopped".to_owned()),
        })?;
        outcome.await.map_err(|_| Error::Unavailable("the writer has stopped".to_owned()))?
    }
}

fn run(mut conn: Conn, jobs: &Receiver<Job>, committed: &impl Fn()) {
    while let Ok(first) = jobs.recv() {
        if let Err(error) = backend::begin_batch(&mut conn) {
            first(Err(error.into()))(Ok(()));
            continue;
        }
        let mut tells = vec![first(Ok(&mut conn))];
        while tells.len() < BATCH {
            let Ok(job) = jobs.try_recv() else { break };
            tells.push(job(Ok(&mut conn)));
        }
        let outcome = backend::commit_batch(&mut conn).map_err(|e| e.to_string());
        match &outcome {
            Ok(()) => committed(),
            Err(error) => {
                tracing::error!(%error, "commit failed");
                if let Err(error) = backend::roll_back_batch(&mut conn) {
                    tracing::error!(%error, "roll-back failed");
                }
            }
        }
        for tell in tells {
            tell(outcome.clone().map_err(Error::Unavailable));
        }
    }
}
