//! The threads of a lane. Each keeps its connection, and takes the next job as soon as it has ended one.
//!
//! Reads of SQLite are work for a processor, so that more threads than processors only wait for each other: the further ones are
//! spare, and take what has waited for [`SPARE_AFTER`], so that a few slow reads do not hold up all others. On PostgreSQL the
//! database works, and all threads are equal.

use std::collections::{HashMap, HashSet};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::queue::{Next, Queue};
use super::{Class, Client};
use crate::db::Conn;
use crate::db::backend::sqlite;
use crate::db::pool::{Lent, Pool};
use crate::error::{Error, Result};

/// Waiting time after which a spare thread takes a job.
const SPARE_AFTER: Duration = Duration::from_millis(5);
/// Time without jobs after which a thread ends.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// Work on a connection of a lane; it stores its value itself, so that the code that runs it is compiled once.
pub type Work = Box<dyn FnOnce(&mut Conn, &Pool) -> Result<()> + Send>;

/// Work, and where its outcome is awaited.
pub struct Job {
    pub work: Work,
    pub outcome: oneshot::Sender<Result<()>>,
}

/// The threads of a lane and the jobs that they share.
pub struct Threads {
    class: Class,
    pub pool: Pool,
    /// The maximum number of regular and of spare threads.
    most: [usize; 2],
    state: Mutex<State>,
    woken: [Condvar; 2],
}

pub struct State {
    pub queue: Queue<Job>,
    running: HashMap<u64, Running>,
    /// Jobs that were abandoned; their threads end with them.
    abandoned: HashSet<u64>,
    threads: [Count; 2],
    /// Whether a spare thread watches the queue.
    is_watched: bool,
    is_closed: bool,
}

struct Running {
    began: Instant,
    on: Sort,
}

/// The threads of one sort.
#[derive(Default)]
struct Count {
    alive: usize,
    idle: usize,
    /// Idle threads that were woken and have not run yet.
    woken: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Regular,
    Spare,
}

type Locked<'a> = MutexGuard<'a, State>;

impl State {
    fn threads(&mut self, sort: Sort) -> &mut Count {
        &mut self.threads[sort as usize]
    }

    /// When a running job began.
    pub fn began(&self, number: u64) -> Option<Instant> {
        self.running.get(&number).map(|running| running.began)
    }
}

impl Threads {
    /// No threads yet, and at most so many regular and spare ones. Jobs of one client run on `share` of them.
    pub fn new(class: Class, pool: Pool, most: [usize; 2], share: usize) -> Threads {
        let state = State {
            queue: Queue::new(share),
            running: HashMap::new(),
            abandoned: HashSet::new(),
            threads: Default::default(),
            is_watched: false,
            is_closed: false,
        };
        Threads { class, pool, most, state: Mutex::new(state), woken: Default::default() }
    }

    pub fn lock(&self) -> Locked<'_> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a job; returns its number.
    pub fn push(self: &Arc<Self>, state: &mut State, client: &Client, job: Job) -> Result<u64> {
        let number = state.queue.push(client, Instant::now(), job);
        if let Err(error) = self.wake_one(state) {
            state.queue.remove(client, number);
            return Err(Error::Unavailable(format!("no thread could be started: {error}")));
        }
        Ok(number)
    }

    /// Finds a thread for a waiting job; if all regular ones are busy, a spare one that watches.
    fn wake_one(self: &Arc<Self>, state: &mut State) -> io::Result<()> {
        if !self.wake(state, Sort::Regular)? && !state.is_watched {
            state.is_watched = self.wake(state, Sort::Spare)?;
        }
        Ok(())
    }

    /// Wakes an idle thread, or starts one; false if all are busy.
    fn wake(self: &Arc<Self>, state: &mut State, sort: Sort) -> io::Result<bool> {
        let count = state.threads(sort);
        if count.idle > 0 {
            count.idle -= 1;
            count.woken += 1;
            self.woken[sort as usize].notify_one();
            return Ok(true);
        }
        if count.alive == self.most[sort as usize] {
            return Ok(false);
        }
        let threads = self.clone();
        match thread::Builder::new().name(self.class.as_str().to_owned()).spawn(move || threads.run(sort)) {
            Ok(_) => count.alive += 1,
            // One of the others takes the job.
            Err(_) if count.alive > 0 => return Ok(false),
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    /// Gives up a running job. Its thread ends with it, and another one takes its place.
    pub fn abandon(self: &Arc<Self>, state: &mut State, client: &Client, number: u64) {
        let Some(Running { on, .. }) = state.running.remove(&number) else { return };
        state.abandoned.insert(number);
        state.queue.end(client);
        state.threads(on).alive -= 1;
        if state.queue.startable_since().is_some()
            && let Err(error) = self.wake_one(state)
        {
            tracing::warn!(%error, "no thread could be started");
        }
    }

    /// Lets the threads end once no job waits.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.woken.iter().for_each(Condvar::notify_all);
    }

    fn run(self: Arc<Self>, on: Sort) {
        let mut lent = None;
        let mut is_new = true;
        let mut state = self.lock();
        loop {
            let (next, mut locked) = match on {
                Sort::Regular => self.next(state),
                Sort::Spare => self.next_late(state, is_new),
            };
            is_new = false;
            let Some(Next { client, number, job }) = next else { return };
            locked.running.insert(number, Running { began: Instant::now(), on });
            drop(locked);
            lent = self.work(job, lent);
            state = self.lock();
            if state.abandoned.remove(&number) {
                return;
            }
            state.running.remove(&number);
            state.queue.end(&client);
        }
    }

    /// Runs a job on the thread's connection, and returns that if it can be used again.
    fn work(&self, Job { work, outcome }: Job, lent: Option<Lent>) -> Option<Lent> {
        let until = self.class.deadline().map(|deadline| Instant::now() + deadline);
        let ran = catch_unwind(AssertUnwindSafe(|| {
            let mut lent = match self.pool.renew(lent) {
                Ok(lent) => lent,
                Err(error) => return (Err(error), None),
            };
            let done = sqlite::with_deadline(until, || work(&mut lent.conn, &self.pool));
            let lent = self.pool.keep(lent, &done);
            (done, lent)
        }));
        // After a panic, which the panic hook has reported, the dropped sender tells that there is no outcome.
        let (done, lent) = ran.ok()?;
        // Nobody may be waiting.
        let _ = outcome.send(done);
        lent
    }

    /// Waits for a job; `None` when the thread is to end.
    fn next<'a>(&'a self, mut state: Locked<'a>) -> (Option<Next<Job>>, Locked<'a>) {
        loop {
            if let Some(next) = state.queue.start() {
                return (Some(next), state);
            }
            let (is_woken, locked) = self.idle(state, Sort::Regular);
            state = locked;
            if !is_woken {
                return (None, state);
            }
        }
    }

    /// Waits for a job that has waited too long; `None` when the thread is to end. A new thread was started to watch.
    fn next_late<'a>(self: &'a Arc<Self>, mut state: Locked<'a>, is_new: bool) -> (Option<Next<Job>>, Locked<'a>) {
        let mut watches = is_new || !std::mem::replace(&mut state.is_watched, true);
        loop {
            if !watches {
                let (is_woken, locked) = self.idle(state, Sort::Spare);
                state = locked;
                if !is_woken {
                    return (None, state);
                }
            }
            watches = true;
            match state.queue.startable_since().map(|since| since.elapsed()) {
                Some(waited) if waited < SPARE_AFTER => {
                    drop(state);
                    thread::sleep(SPARE_AFTER - waited);
                    state = self.lock();
                }
                Some(_) => {
                    let next = state.queue.start();
                    // If no thread can be started, this one watches again after the job.
                    state.is_watched = state.queue.waiting() > 0 && self.wake(&mut state, Sort::Spare).unwrap_or(false);
                    return (next, state);
                }
                None => {
                    state.is_watched = false;
                    watches = false;
                }
            }
        }
    }

    /// Waits until another thread wakes this one; false when it is to end, and no longer counts.
    fn idle<'a>(&'a self, mut state: Locked<'a>, sort: Sort) -> (bool, Locked<'a>) {
        let until = Instant::now() + IDLE_MAX;
        state.threads(sort).idle += 1;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let (is_closed, count) = (state.is_closed, state.threads(sort));
            if count.woken > 0 {
                count.woken -= 1;
                return (true, state);
            }
            if is_closed || left.is_zero() {
                count.idle -= 1;
                count.alive -= 1;
                return (false, state);
            }
            let waited = self.woken[sort as usize].wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
