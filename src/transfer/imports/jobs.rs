//! The work on imports: off the requests' threads, one at a time in a process, with a progress that can be asked for.
//!
//! A run is named in the import's row. It ends by a change of that row, in the transaction of what it wrote, and only while
//! the row still names it: a run that was cancelled, or that another process believes dead, cannot write any more. What a
//! killed process leaves is therefore an import that still names its run and nothing of the file; it is marked as
//! interrupted by the next process that looks ([`Jobs::interrupt_abandoned`]).

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use actix_web::web;
use chrono::TimeDelta;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};

use super::outcome::{Came, finish};
use super::runs::{self, End};
use super::workbooks::gone;
use super::{Status, plans, store};
use crate::access::Actor;
use crate::access::revoked::{self, Revoked};
use crate::db::{Conn, Verdict, backend};
use crate::error::{Error, Result};
use crate::http::AppState;
use crate::model::text::Text;
use crate::model::types::Instant;
use crate::msg;
use crate::spool::Spool;
use crate::transfer::engine::Options;
use crate::transfer::fault::{ImportFault, bilingual};
use crate::transfer::gather::{Gathered, until_full};
use crate::transfer::plan::{ImportLine, Report};
use crate::transfer::read::{ReadOptions, read};
use crate::transfer::row::{Layout, Row, Sink};
use crate::transfer::{Import, Refusal};

/// How often a run's progress is written for other processes to see.
const NOTED: Duration = Duration::from_secs(2);
/// A run that has not been heard of for so long, in seconds, may have died with its process.
const SILENT_FOR: i64 = 15;
const SILENT_ON_SQLITE: i64 = 600;
/// How many records that differ from a plan are told.
const STALE_TOLD: usize = 100;

/// How long the service waits for its runs to end when it stops.
const STOPS_WITHIN: Duration = Duration::from_secs(20);

/// The runs of this process.
#[derive(Default)]
pub struct Jobs {
    running: Mutex<HashMap<i64, Arc<Running>>>,
    runtime: OnceLock<Handle>,
}

/// One run.
struct Running {
    run: String,
    records: AtomicUsize,
    done: AtomicUsize,
    is_cancelled: AtomicBool,
    is_interrupted: AtomicBool,
    ended: watch::Sender<bool>,
    /// Under whose key it runs, and the keys that are being revoked.
    actor: Actor,
    revoked: Revoked,
}

impl Running {
    /// An error where the run is to stop.
    fn go_on(&self) -> Result<()> {
        if self.is_cancelled.load(Ordering::Relaxed) || self.is_interrupted.load(Ordering::Relaxed) {
            return Err(Error::Unavailable("the import is to stop".to_owned()));
        }
        if self.revoked.contains(&self.actor) {
            return Err(revoked::revoked());
        }
        Ok(())
    }
}

/// The one place at which imports are worked on in this process.
static TURN: Semaphore = Semaphore::const_new(1);

/// What a run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    Plan,
    Apply,
}

impl Jobs {
    fn running(&self) -> MutexGuard<'_, HashMap<i64, Arc<Running>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many runs this process has.
    pub fn count(&self) -> usize {
        self.running().len()
    }

    /// How many records a run of this process has read, and how many of them it has brought in.
    pub fn progress(&self, id: i64) -> Option<(i64, i64)> {
        let running = self.running().get(&id).cloned()?;
        let number = |count: &AtomicUsize| i64::try_from(count.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
        Some((number(&running.records), number(&running.done)))
    }

    /// Asks a run of this process to stop.
    pub fn stop(&self, id: i64) {
        if let Some(running) = self.running().get(&id) {
            running.is_cancelled.store(true, Ordering::Relaxed);
        }
    }

    /// Has the runs live on a runtime that outlives the requests that begin them.
    pub fn run_on(&self, runtime: Handle) {
        // Told once, when the service begins.
        let _ = self.runtime.set(runtime);
    }

    /// Interrupts every run of this process, and waits until all have ended.
    pub async fn interrupt(&self) {
        let running: Vec<Arc<Running>> = self.running().values().cloned().collect();
        for running in &running {
            running.is_interrupted.store(true, Ordering::Relaxed);
        }
        let all = async {
            for running in running {
                // An error: it has ended, and is gone.
                let _ = running.ended.subscribe().wait_for(|ended| *ended).await;
            }
        };
        if tokio::time::timeout(STOPS_WITHIN, all).await.is_err() {
            tracing::warn!("an import did not stop in time; the next start marks it as interrupted");
        }
    }

    /// Waits until a run of this process has ended, or for so long.
    pub async fn wait(&self, id: i64, longest: Duration) {
        let Some(mut ended) = self.running().get(&id).map(|running| running.ended.subscribe()) else { return };
        // Either way the import is read again.
        let _ = tokio::time::timeout(longest, ended.wait_for(|ended| *ended)).await;
    }

    /// Marks what nobody works on any more as interrupted: whatever SQLite holds at the start of the service, when no other
    /// process writes to its file; otherwise what has been silent for a while.
    pub async fn interrupt_abandoned(&self, state: &AppState, at_start: bool) -> Result<usize> {
        let mine: Vec<String> = self.running().values().map(|running| running.run.clone()).collect();
        let since = move |conn: &Conn| {
            let silent_for = match (conn.is_sqlite(), at_start) {
                (true, true) => 0,
                // Another process on the same file writes no notes while it has the file.
                (true, false) => SILENT_ON_SQLITE,
                (false, _) => SILENT_FOR,
            };
            Instant::from(Instant::now().utc() - TimeDelta::seconds(silent_for))
        };
        let looked = mine.clone();
        // A write, even of nothing, would make every kept answer old.
        if !state.store.read(move |conn| runs::are_any_silent(conn, since(conn), &looked)).await? {
            return Ok(0);
        }
        state.store.write(move |conn| runs::interrupt_abandoned(conn, since(conn), &mine)).await
    }
}

/// Begins a run that the import's row names already.
pub fn start(state: &web::Data<AppState>, actor: Actor, id: i64, run: String, kind: Work) -> Result<()> {
    let jobs = state.parts.get::<Jobs>()?;
    let (ended, _) = watch::channel(false);
    let running = Arc::new(Running {
        run: run.clone(),
        records: AtomicUsize::new(0),
        done: AtomicUsize::new(0),
        is_cancelled: AtomicBool::new(false),
        is_interrupted: AtomicBool::new(false),
        ended,
        actor: actor.clone(),
        revoked: state.revoked.clone(),
    });
    jobs.running().insert(id, running.clone());
    state.metrics.imports_running(jobs.count());
    let (state, runtime) = (state.clone(), jobs.runtime.get().cloned());
    let work = async move {
        // Where the run itself is the one writer, a note would wait for its end, and make every kept answer old then.
        let noting = (!state.store.has_one_writer())
            .then(|| tokio::spawn(note_progress(state.clone(), jobs.clone(), id, running.clone())));
        let done = go(&state, actor, id, &running, kind).await;
        if let Some(noting) = noting {
            noting.abort();
        }
        if let Err(error) = done {
            fail(&state, id, &running, error).await;
        }
        {
            // Another run of the import may have begun meanwhile.
            let mut all = jobs.running();
            if all.get(&id).is_some_and(|current| current.run == running.run) {
                all.remove(&id);
            }
        }
        state.metrics.imports_running(jobs.count());
        running.ended.send_replace(true);
    };
    // In a task of its own: the request that began it may go away.
    match runtime {
        Some(runtime) => drop(runtime.spawn(work)),
        None => drop(tokio::spawn(work)),
    }
    Ok(())
}

async fn note_progress(state: web::Data<AppState>, jobs: Arc<Jobs>, id: i64, running: Arc<Running>) {
    loop {
        tokio::time::sleep(NOTED).await;
        let (records, done) = jobs.progress(id).unwrap_or_default();
        let run = running.run.clone();
        let noted = state.store.write(move |conn| runs::note_progress(conn, id, &run, records, done)).await;
        match noted {
            Ok(true) => {}
            Ok(false) => running.is_cancelled.store(true, Ordering::Relaxed),
            Err(error) => tracing::warn!(%error, import = id, "cannot note how far an import is"),
        }
    }
}

async fn go(state: &web::Data<AppState>, actor: Actor, id: i64, running: &Arc<Running>, work: Work) -> Result<()> {
    let _turn = TURN.acquire().await.map_err(Error::unexpected)?;
    running.go_on()?;
    let (catalog, today) = (state.catalog.clone(), state.settings.today());
    let file = tempfile::tempfile().map_err(|e| Error::Unavailable(format!("cannot make a temporary file: {e}")))?;
    let (row, file) = state
        .store
        .read(move |conn| {
            let row = store::row(conn, id)?.ok_or_else(|| Error::unexpected("the import is gone"))?;
            let mut file = file;
            let is_kept = store::write_file(conn, id, &mut file)?;
            Ok((row, is_kept.then_some(file)))
        })
        .await?;
    let Some(mut file) = file else {
        return Err(gone().into());
    };
    let (format, resource, judged_by) = (row.format, row.resource.clone(), catalog.clone());
    let ignore_unknown_columns = row.ignore_unknown_columns;
    let watched = running.clone();
    let mut gathered = tokio::task::spawn_blocking(move || {
        let mut gathered = Gathered::new()?;
        let mut sink = Watched { running: &watched, gathered: &mut gathered };
        let options = ReadOptions { resource: resource.as_deref(), ignore_unknown_columns };
        until_full(read(&mut file, format, options, &judged_by.contract, &mut sink))?;
        Ok::<Gathered, Error>(gathered)
    })
    .await
    .map_err(Error::unexpected)??;
    let options = Options { mode: row.mode, restore: row.restore, prune: store::pruned(&row)? };
    let run = running.run.clone();
    let running = running.clone();
    let request_id = format!("import-{id}");
    let mut work_on = move |conn: &mut Conn| {
        let import = Import { actor: &actor, request_id: &request_id, catalog: &catalog, today, options: &options };
        backend::try_lock_key(conn, &runs::lock_of(&running.run))?;
        match work {
            Work::Plan => plan(conn, &import, &running, &mut gathered).map(Verdict::Undo),
            Work::Apply => apply(conn, &import, id, &running, &mut gathered, row.state_sha256.as_deref()),
        }
    };
    let came_to = match work {
        Work::Plan => state.store.rehearse(move |conn| work_on(conn).map(Verdict::into_value)).await?,
        Work::Apply => state.store.write_alone(work_on).await?,
    };
    if let Came::Applied { records } = &came_to {
        state.metrics.imported.inc_by(u64::try_from(*records).unwrap_or_default());
    }
    finish(&state.store, id, run, came_to).await
}

fn plan(conn: &mut Conn, import: &Import<'_>, running: &Running, gathered: &mut Gathered) -> Result<Came> {
    let mut told = Told::new(running)?;
    let plan = import.plan(conn, gathered, &mut told)?;
    let records = i64::try_from(gathered.count).map_err(Error::unexpected)?;
    let Told { lines, faults, .. } = told;
    Ok(Came::Planned { plan, records, lines, faults })
}

fn apply(
    conn: &mut Conn,
    import: &Import<'_>,
    id: i64,
    running: &Running,
    gathered: &mut Gathered,
    planned_on: Option<&str>,
) -> Result<Verdict<Came>> {
    import.require_key(conn)?;
    let mut told = Told::new(running)?;
    let records = i64::try_from(gathered.count).map_err(Error::unexpected)?;
    match import.apply(conn, gathered, planned_on, &mut told) {
        Ok(plan) => {
            // On PostgreSQL others could write all the while, and revoke it.
            import.require_key(conn)?;
            runs::end(conn, id, &running.run, End::Applied { plan, records }, Instant::now())?;
            Ok(Verdict::Keep(Came::Applied { records }))
        }
        Err(Refusal::Stale(_)) => {
            Ok(Verdict::Undo(Came::Stale(plans::compare(conn, id, &mut told.lines, STALE_TOLD)?)))
        }
        // A plan that could be applied had no fault: it is this state's.
        Err(Refusal::Faulty(plan)) => {
            let Told { lines, faults, .. } = told;
            Ok(Verdict::Undo(Came::Planned { plan, records, lines, faults }))
        }
        Err(Refusal::Failed(error)) => Err(error),
    }
}

/// Writes why a run ended without an outcome.
async fn fail(state: &web::Data<AppState>, id: i64, running: &Arc<Running>, error: Error) {
    let (status, why) = match &error {
        _ if running.is_cancelled.load(Ordering::Relaxed) => {
            (Status::Cancelled, bilingual(&msg!("已取消。", "It was cancelled.")))
        }
        Error::Problem(problem) => (Status::Failed, bilingual(problem.detail.as_ref().unwrap_or(&problem.title))),
        Error::Unavailable(_) if running.is_interrupted.load(Ordering::Relaxed) => {
            (Status::Interrupted, bilingual(&msg!("服务在处理期间停止。", "The service stopped meanwhile.")))
        }
        Error::Unavailable(_) | Error::OutcomeUnknown(_) => {
            tracing::warn!(%error, import = id, "an import was interrupted");
            (Status::Interrupted, bilingual(&msg!("服务暂不可用。", "The service was not available.")))
        }
        Error::Unexpected(_) => {
            tracing::error!(%error, import = id, "an import failed");
            (Status::Failed, bilingual(&msg!("服务内部错误。", "Internal error.")))
        }
    };
    let run = running.run.clone();
    let ended = state.store.write(move |conn| end_failed(conn, id, &run, status, why)).await;
    if let Err(error) = ended {
        tracing::warn!(%error, import = id, "cannot write how an import ended");
    }
}

/// An import that is no longer the run's has its end already.
fn end_failed(conn: &mut Conn, id: i64, run: &str, status: Status, why: Text) -> Result<()> {
    let is_mine = store::row(conn, id)?.is_some_and(|row| row.run.as_deref() == Some(run));
    if is_mine { runs::end(conn, id, run, End::Failed { status, why }, Instant::now()) } else { Ok(()) }
}

/// Gathers what is read, as long as the run is not to stop.
struct Watched<'a> {
    running: &'a Running,
    gathered: &'a mut Gathered,
}

impl Sink for Watched<'_> {
    fn layout(&mut self, layout: Layout) -> Result<()> {
        self.gathered.layout(layout)
    }

    fn row(&mut self, row: Row) -> Result<()> {
        self.running.go_on()?;
        self.gathered.row(row)?;
        self.running.records.store(self.gathered.count, Ordering::Relaxed);
        Ok(())
    }

    fn fault(&mut self, fault: ImportFault) -> Result<()> {
        self.running.go_on()?;
        self.gathered.fault(fault)
    }
}

/// Keeps what is told of a file on disk.
struct Told<'a> {
    running: &'a Running,
    lines: Spool<ImportLine>,
    faults: Spool<ImportFault>,
}

impl Told<'_> {
    fn new(running: &Running) -> Result<Told<'_>> {
        Ok(Told { running, lines: Spool::new()?, faults: Spool::new()? })
    }
}

impl Report for Told<'_> {
    fn line(&mut self, line: ImportLine) -> Result<()> {
        self.lines.push(&line).map(drop)
    }

    fn fault(&mut self, fault: ImportFault) -> Result<()> {
        self.faults.push(&fault).map(drop)
    }

    fn progress(&mut self, done: usize) -> Result<()> {
        self.running.done.store(done, Ordering::Relaxed);
        self.running.go_on()
    }
}
