//! Background jobs that plan and apply imports, one at a time in a process.
//!
//! A job is called a run. The row of the import has the id of its run, and a run ends by updating that row in the transaction of
//! the records, on condition that the id is still its own. A run that was cancelled, or that another process considers dead, can
//! therefore not write any more. A killed process leaves an import with the id of a run and none of the file's records; another
//! process marks it as interrupted ([`Jobs::interrupt_abandoned`]).

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use actix_web::web;
use chrono::TimeDelta;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};

use super::outcome::{RunOutcome, finish};
use super::runs::{self, End};
use super::workbooks::gone;
use super::{Status, plans, store};
use crate::access::Actor;
use crate::access::revoked::{self, Revoked};
use crate::db::changes::Changed;
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

/// The interval at which a run stores its progress for other processes.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(2);
/// The seconds without stored progress after which a run may have died with its process.
const SILENT_FOR: i64 = 15;
const SILENT_ON_SQLITE: i64 = 600;
/// The most records that differ from a plan and are reported.
const STALE_MAX: usize = 100;

/// How long a stopping service waits for its runs to end.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(20);

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
    /// The actor whose key started the run, and the keys that were revoked since.
    actor: Actor,
    revoked: Revoked,
}

impl Running {
    /// Fails if the run is to stop.
    fn check_not_stopped(&self) -> Result<()> {
        if self.is_cancelled.load(Ordering::Relaxed) || self.is_interrupted.load(Ordering::Relaxed) {
            return Err(Error::Unavailable("the import was stopped".to_owned()));
        }
        if self.revoked.contains(&self.actor) {
            return Err(revoked::revoked());
        }
        Ok(())
    }
}

/// Lets one import at a time run in this process.
static TURN: Semaphore = Semaphore::const_new(1);

/// The task of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    Plan,
    Apply,
}

impl Jobs {
    fn running(&self) -> MutexGuard<'_, HashMap<i64, Arc<Running>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of runs of this process.
    pub fn count(&self) -> usize {
        self.running().len()
    }

    /// The number of records that a run of this process has read, and the number that it has processed.
    pub fn progress(&self, id: i64) -> Option<(i64, i64)> {
        let running = self.running().get(&id).cloned()?;
        let number = |count: &AtomicUsize| i64::try_from(count.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
        Some((number(&running.records), number(&running.done)))
    }

    /// Stops a run of this process.
    pub fn stop(&self, id: i64) {
        if let Some(running) = self.running().get(&id) {
            running.is_cancelled.store(true, Ordering::Relaxed);
        }
    }

    /// Sets the runtime for runs, which must outlive the requests that start them.
    pub fn run_on(&self, runtime: Handle) {
        // Fails only if it is set already; it is set once, at start-up.
        let _ = self.runtime.set(runtime);
    }

    /// Interrupts every run of this process and waits until all have ended.
    pub async fn interrupt(&self) {
        let running: Vec<Arc<Running>> = self.running().values().cloned().collect();
        for running in &running {
            running.is_interrupted.store(true, Ordering::Relaxed);
        }
        let all = async {
            for running in running {
                // An error means that the run has ended and its sender is dropped.
                let _ = running.ended.subscribe().wait_for(|ended| *ended).await;
            }
        };
        if tokio::time::timeout(SHUTDOWN_TIMEOUT, all).await.is_err() {
            tracing::warn!("an import did not stop in time; it is marked as interrupted at the next start");
        }
    }

    /// Waits until a run of this process has ended, at most for `longest`.
    pub async fn wait(&self, id: i64, longest: Duration) {
        let Some(mut ended) = self.running().get(&id).map(|running| running.ended.subscribe()) else { return };
        // After a timeout as well: the caller reads the import again either way.
        let _ = tokio::time::timeout(longest, ended.wait_for(|ended| *ended)).await;
    }

    /// Marks abandoned imports as interrupted. At the start of a service on SQLite these are all that are under way, since no
    /// other process writes to the file; otherwise those whose run has stored no progress for a while.
    pub async fn interrupt_abandoned(&self, state: &AppState, at_start: bool) -> Result<usize> {
        let mine: Vec<String> = self.running().values().map(|running| running.run.clone()).collect();
        let since = move |conn: &Conn| {
            let silent_for = match (conn.is_sqlite(), at_start) {
                (true, true) => 0,
                // Another process on the same file stores no progress while it holds the write lock.
                (true, false) => SILENT_ON_SQLITE,
                (false, _) => SILENT_FOR,
            };
            Instant::from(Instant::now().utc() - TimeDelta::seconds(silent_for))
        };
        let looked = mine.clone();
        // Checked by a read first, because any write invalidates the response cache.
        if !state.store.read(move |conn| runs::are_any_silent(conn, since(conn), &looked)).await? {
            return Ok(0);
        }
        state.store.write(move |conn| runs::interrupt_abandoned(conn, since(conn), &mine)).await
    }
}

/// Starts a run whose id is stored in the row of the import.
pub fn start(state: &web::Data<AppState>, actor: Actor, id: i64, run: String, kind: Task) -> Result<()> {
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
        // The run occupies a single writer, so progress would be stored after its end, and invalidate the response cache.
        let progress_task = (!state.store.has_one_writer())
            .then(|| tokio::spawn(note_progress(state.clone(), jobs.clone(), id, running.clone())));
        let done = execute(&state, actor, id, &running, kind).await;
        if let Some(progress_task) = progress_task {
            progress_task.abort();
        }
        if let Err(error) = done {
            fail(&state, id, &running, error).await;
        }
        {
            // Another run of the import may have started in the meantime.
            let mut all = jobs.running();
            if all.get(&id).is_some_and(|current| current.run == running.run) {
                all.remove(&id);
            }
        }
        state.metrics.imports_running(jobs.count());
        running.ended.send_replace(true);
    };
    // In its own task, because the request that started it may be cancelled.
    match runtime {
        Some(runtime) => drop(runtime.spawn(work)),
        None => drop(tokio::spawn(work)),
    }
    Ok(())
}

async fn note_progress(state: web::Data<AppState>, jobs: Arc<Jobs>, id: i64, running: Arc<Running>) {
    loop {
        tokio::time::sleep(PROGRESS_INTERVAL).await;
        let (records, done) = jobs.progress(id).unwrap_or_default();
        let run = running.run.clone();
        let noted = state.store.write(move |conn| runs::note_progress(conn, id, &run, records, done)).await;
        match noted {
            Ok(true) => {}
            Ok(false) => running.is_cancelled.store(true, Ordering::Relaxed),
            Err(error) => tracing::warn!(%error, import = id, "cannot store the progress of an import"),
        }
    }
}

async fn execute(state: &web::Data<AppState>, actor: Actor, id: i64, running: &Arc<Running>, task: Task) -> Result<()> {
    let _turn = TURN.acquire().await.map_err(Error::unexpected)?;
    running.check_not_stopped()?;
    let (catalog, today) = (state.catalog.clone(), state.settings.today());
    let file = tempfile::tempfile().map_err(|e| Error::Unavailable(format!("cannot make a temporary file: {e}")))?;
    let (row, file) = state
        .store
        .read(move |conn| {
            let row = store::row(conn, id)?.ok_or_else(|| Error::unexpected("the import is gone"))?;
            let mut file = file;
            let is_stored = store::write_file(conn, id, &mut file)?;
            Ok((row, is_stored.then_some(file)))
        })
        .await?;
    let Some(mut file) = file else {
        return Err(gone().into());
    };
    let (format, resource, schemas) = (row.format, row.resource.clone(), catalog.clone());
    let ignore_unknown_columns = row.ignore_unknown_columns;
    let watched = running.clone();
    let mut gathered = tokio::task::spawn_blocking(move || {
        let mut gathered = Gathered::new()?;
        let mut sink = Cancellable { running: &watched, gathered: &mut gathered };
        let options = ReadOptions { resource: resource.as_deref(), ignore_unknown_columns };
        until_full(read(&mut file, format, options, &schemas.contract, &mut sink))?;
        Ok::<Gathered, Error>(gathered)
    })
    .await
    .map_err(Error::unexpected)??;
    let options = Options { mode: row.mode, restore: row.restore, prune: store::pruned(&row)? };
    let (run, running) = (running.run.clone(), running.clone());
    let request_id = format!("import-{id}");
    let mut work_on = move |conn: &mut Conn| {
        let import = Import { actor: &actor, request_id: &request_id, catalog: &catalog, today, options: &options };
        backend::try_lock_key(conn, &runs::lock_of(&running.run))?;
        match task {
            Task::Plan => plan(conn, &import, &running, &mut gathered).map(RunOutcome::undone),
            Task::Apply => apply(conn, &import, id, &running, &mut gathered, row.state_sha256.as_deref()),
        }
    };
    let outcome = match task {
        Task::Plan => state.store.rehearse(move |conn| Ok(work_on(conn)?.into_value().0)).await?,
        Task::Apply => state.store.write_alone(work_on).await?,
    };
    if let RunOutcome::Applied { records } = &outcome {
        state.metrics.imported.inc_by(u64::try_from(*records).unwrap_or_default());
    }
    finish(&state.store, id, run, outcome).await
}

fn plan(conn: &mut Conn, import: &Import<'_>, running: &Running, gathered: &mut Gathered) -> Result<RunOutcome> {
    let mut spooled = SpooledReport::new(running)?;
    let plan = import.plan(conn, gathered, &mut spooled)?;
    let records = i64::try_from(gathered.count).map_err(Error::unexpected)?;
    let SpooledReport { lines, faults, .. } = spooled;
    Ok(RunOutcome::Planned { plan, records, lines, faults })
}

fn apply(
    conn: &mut Conn,
    import: &Import<'_>,
    id: i64,
    running: &Running,
    gathered: &mut Gathered,
    planned_on: Option<&str>,
) -> Result<Verdict<(RunOutcome, Changed)>> {
    import.require_key(conn)?;
    let mut spooled = SpooledReport::new(running)?;
    let records = i64::try_from(gathered.count).map_err(Error::unexpected)?;
    match import.apply(conn, gathered, planned_on, &mut spooled) {
        Ok((plan, changed)) => {
            // On PostgreSQL the key may have been revoked in the meantime, because other writers are not blocked.
            import.require_key(conn)?;
            runs::end(conn, id, &running.run, End::Applied { plan, records }, Instant::now())?;
            Ok(Verdict::Keep((RunOutcome::Applied { records }, changed)))
        }
        Err(Refusal::Stale(_)) => {
            Ok(RunOutcome::Stale(plans::compare(conn, id, &mut spooled.lines, STALE_MAX)?).undone())
        }
        // The plan had no faults, so that these are due to changes since.
        Err(Refusal::Faulty(plan)) => {
            let SpooledReport { lines, faults, .. } = spooled;
            Ok(RunOutcome::Planned { plan, records, lines, faults }.undone())
        }
        Err(Refusal::Failed(error)) => Err(error),
    }
}

/// Stores why a run failed.
async fn fail(state: &web::Data<AppState>, id: i64, running: &Arc<Running>, error: Error) {
    let (status, why) = match &error {
        _ if running.is_cancelled.load(Ordering::Relaxed) => {
            (Status::Cancelled, bilingual(&msg!("已取消。", "The import was cancelled.")))
        }
        Error::Problem(problem) => (Status::Failed, bilingual(problem.detail.as_ref().unwrap_or(&problem.title))),
        Error::Unavailable(_) if running.is_interrupted.load(Ordering::Relaxed) => {
            (Status::Interrupted, bilingual(&msg!("服务在处理期间停止。", "The service stopped during the work.")))
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
        tracing::warn!(%error, import = id, "cannot store the end of an import");
    }
}

/// Stores the failure, unless the run no longer owns the import, whose end is then stored already.
fn end_failed(conn: &mut Conn, id: i64, run: &str, status: Status, why: Text) -> Result<()> {
    let is_mine = store::row(conn, id)?.is_some_and(|row| row.run.as_deref() == Some(run));
    if is_mine { runs::end(conn, id, run, End::Failed { status, why }, Instant::now()) } else { Ok(()) }
}

/// Passes rows on until the run is stopped.
struct Cancellable<'a> {
    running: &'a Running,
    gathered: &'a mut Gathered,
}

impl Sink for Cancellable<'_> {
    fn layout(&mut self, layout: Layout) -> Result<()> {
        self.gathered.layout(layout)
    }

    fn row(&mut self, row: Row) -> Result<()> {
        self.running.check_not_stopped()?;
        self.gathered.row(row)?;
        self.running.records.store(self.gathered.count, Ordering::Relaxed);
        Ok(())
    }

    fn fault(&mut self, fault: ImportFault) -> Result<()> {
        self.running.check_not_stopped()?;
        self.gathered.fault(fault)
    }
}

/// A report that spools lines and faults to disk.
struct SpooledReport<'a> {
    running: &'a Running,
    lines: Spool<ImportLine>,
    faults: Spool<ImportFault>,
}

impl SpooledReport<'_> {
    fn new(running: &Running) -> Result<SpooledReport<'_>> {
        Ok(SpooledReport { running, lines: Spool::new()?, faults: Spool::new()? })
    }
}

impl Report for SpooledReport<'_> {
    fn line(&mut self, line: ImportLine) -> Result<()> {
        self.lines.push(&line).map(drop)
    }

    fn fault(&mut self, fault: ImportFault) -> Result<()> {
        self.faults.push(&fault).map(drop)
    }

    fn progress(&mut self, done: usize) -> Result<()> {
        self.running.done.store(done, Ordering::Relaxed);
        self.running.check_not_stopped()
    }
}
