//! Runs in the rows of imports: start, progress, end, and abandoned runs.

use diesel::prelude::*;

use super::Status;
use super::types::ImportStaleLine;
use crate::db::schema::imports;
use crate::db::{Conn, backend};
use crate::error::{Error, Result};
use crate::model::text::Text;
use crate::model::types::Instant;
use crate::msg;
use crate::transfer::fault::bilingual;
use crate::transfer::plan::Plan;

/// Assigns an import to a run and sets its status, if its status is one of `from`. Returns whether it was.
pub fn begin(conn: &mut Conn, id: i64, from: &[Status], status: Status, run: &str, now: Instant) -> Result<bool> {
    let begun = diesel::update(imports::table.filter(imports::id.eq(id).and(imports::status.eq_any(from))))
        .set((
            imports::status.eq(status),
            imports::run.eq(Some(run)),
            imports::done.eq(0),
            imports::updated_at.eq(now),
            imports::failure_zh.eq(None::<String>),
            imports::failure_en.eq(None::<String>),
            imports::stale_json.eq(None::<String>),
        ))
        .execute(conn)?;
    Ok(begun == 1)
}

/// The end of a run.
pub enum End {
    /// The lines and faults are stored already ([`super::plans`]).
    Planned {
        plan: Plan,
        records: i64,
    },
    Applied {
        plan: Plan,
        records: i64,
    },
    Stale(Vec<ImportStaleLine>),
    Failed {
        status: Status,
        why: Text,
    },
}

/// The columns that the end of a run sets; `None` leaves one unchanged.
#[derive(AsChangeset, Default)]
#[diesel(table_name = imports)]
struct Ended {
    status: Option<Status>,
    run: Option<Option<String>>,
    updated_at: Option<Instant>,
    creates: Option<i64>,
    updates: Option<i64>,
    unchanged: Option<i64>,
    deletes: Option<i64>,
    restores: Option<i64>,
    refused: Option<i64>,
    errors: Option<i64>,
    warnings: Option<i64>,
    state_sha256: Option<String>,
    records: Option<i64>,
    done: Option<i64>,
    planned_at: Option<Instant>,
    applied_at: Option<Instant>,
    failure_zh: Option<String>,
    failure_en: Option<String>,
    stale_json: Option<String>,
}

impl Ended {
    fn new(end: &End, now: Instant) -> Result<Ended> {
        let ended = Ended { run: Some(None), updated_at: Some(now), ..Ended::default() };
        Ok(match end {
            End::Planned { plan, records } => {
                let is_faulty = plan.counts.errors + plan.counts.refused > 0;
                let status = if is_faulty { Status::Refused } else { Status::Planned };
                Ended { status: Some(status), planned_at: Some(now), ..ended.with(plan, *records) }
            }
            End::Applied { plan, records } => {
                Ended { status: Some(Status::Applied), applied_at: Some(now), ..ended.with(plan, *records) }
            }
            End::Stale(stale) => {
                let stale_json = Some(serde_json::to_string(stale)?);
                Ended { status: Some(Status::Stale), stale_json, ..ended }
            }
            End::Failed { status, why } => {
                let Text { zh, en } = why.clone();
                Ended { status: Some(*status), failure_zh: Some(zh), failure_en: en, ..ended }
            }
        })
    }

    fn with(self, plan: &Plan, records: i64) -> Ended {
        let Plan { counts, state_sha256 } = plan;
        Ended {
            creates: Some(counts.create),
            updates: Some(counts.update),
            unchanged: Some(counts.unchanged),
            deletes: Some(counts.delete),
            restores: Some(counts.restore),
            refused: Some(counts.refused),
            errors: Some(counts.errors),
            warnings: Some(counts.warnings),
            state_sha256: Some(state_sha256.clone()),
            records: Some(records),
            done: Some(records),
            ..self
        }
    }
}

/// Stores the end of a run. Fails if the run no longer owns the import, so that its transaction is rolled back.
pub fn end(conn: &mut Conn, id: i64, run: &str, end: End, now: Instant) -> Result<()> {
    let ended = diesel::update(imports::table.filter(imports::id.eq(id).and(imports::run.eq(run))))
        .set(Ended::new(&end, now)?)
        .execute(conn)?;
    if ended == 0 { Err(taken_over()) } else { Ok(()) }
}

fn taken_over() -> Error {
    Error::Unavailable("another run has taken over the import".to_owned())
}

/// Locks the row of an import until the end of the transaction. Fails if the run no longer owns the import.
pub fn require(conn: &mut Conn, id: i64, run: &str) -> Result<()> {
    let mine = diesel::update(imports::table.filter(imports::id.eq(id).and(imports::run.eq(run))))
        .set(imports::updated_at.eq(Instant::now()))
        .execute(conn)?;
    if mine == 0 { Err(taken_over()) } else { Ok(()) }
}

/// Stores the progress of a run for other processes. Returns whether the run still owns the import.
pub fn note_progress(conn: &mut Conn, id: i64, run: &str, records: i64, done: i64) -> Result<bool> {
    let noted = diesel::update(imports::table.filter(imports::id.eq(id).and(imports::run.eq(run))))
        .set((imports::records.eq(Some(records)), imports::done.eq(done), imports::updated_at.eq(Instant::now())))
        .execute(conn)?;
    Ok(noted == 1)
}

/// Cancels an import whose status is not final. A run that works on it finds that it no longer owns it.
pub fn cancel(conn: &mut Conn, id: i64) -> Result<()> {
    let open: Vec<Status> = Status::ALL.iter().copied().filter(|status| !status.is_over()).collect();
    diesel::update(imports::table.filter(imports::id.eq(id).and(imports::status.eq_any(open))))
        .set((
            imports::status.eq(Status::Cancelled),
            imports::run.eq(None::<String>),
            imports::updated_at.eq(Instant::now()),
        ))
        .execute(conn)?;
    Ok(())
}

/// The imports under way whose run has stored no progress since `since`, except the runs in `mine`.
fn silent(conn: &mut Conn, since: Instant, mine: &[String]) -> Result<Vec<(i64, String)>> {
    let running = [Status::Planning, Status::Applying];
    let silent: Vec<(i64, Option<String>)> = imports::table
        .filter(imports::status.eq_any(running).and(imports::updated_at.le(since)))
        .select((imports::id, imports::run))
        .load(conn)?;
    let named = silent.into_iter().filter_map(|(id, run)| Some((id, run?)));
    Ok(named.filter(|(_, run)| !mine.contains(run)).collect())
}

/// Whether there may be abandoned imports.
pub fn are_any_silent(conn: &mut Conn, since: Instant, mine: &[String]) -> Result<bool> {
    Ok(!silent(conn, since, mine)?.is_empty())
}

/// Marks abandoned imports as interrupted: those without stored progress since `since` whose lock, on PostgreSQL, is free. `mine`
/// are the runs of this process.
pub fn interrupt_abandoned(conn: &mut Conn, since: Instant, mine: &[String]) -> Result<usize> {
    let mut count = 0;
    for (id, run) in silent(conn, since, mine)? {
        if backend::try_lock_key(conn, &lock_of(&run))? {
            let why = bilingual(&msg!("服务在处理期间停止。", "The service stopped during the work."));
            end(conn, id, &run, End::Failed { status: Status::Interrupted, why }, Instant::now())?;
            count += 1;
        }
    }
    Ok(count)
}

/// The lock that a run holds while it writes.
pub fn lock_of(run: &str) -> String {
    format!("import {run}")
}
