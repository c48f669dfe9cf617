//! Storing the outcome of a run, in small writes that do not delay others.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::plans;
use super::runs::{self, End};
use super::types::ImportStaleLine;
use crate::db::changes::Changed;
use crate::db::{Conn, Store, Verdict};
use crate::error::{Error, Result};
use crate::model::types::Instant;
use crate::spool::Spool;
use crate::transfer::fault::ImportFault;
use crate::transfer::plan::{ImportLine, Plan};

/// The outcome of a run.
pub enum RunOutcome {
    /// All records and the end of the run are written.
    Applied {
        records: i64,
    },
    Planned {
        plan: Plan,
        records: i64,
        lines: Spool<ImportLine>,
        faults: Spool<ImportFault>,
    },
    Stale(Vec<ImportStaleLine>),
}

impl RunOutcome {
    /// The outcome of a run whose transaction is rolled back.
    pub fn undone(self) -> Verdict<(RunOutcome, Changed)> {
        Verdict::Undo((self, Changed::none()))
    }
}

/// Stores the outcome of a run, in small writes.
pub async fn finish(store: &Store, id: i64, run: String, outcome: RunOutcome) -> Result<()> {
    let end = match outcome {
        RunOutcome::Applied { .. } => return Ok(()),
        RunOutcome::Stale(stale) => End::Stale(stale),
        RunOutcome::Planned { plan, records, lines, faults } => {
            let named = run.clone();
            let remove = move || {
                let run = named.clone();
                move |conn: &mut Conn| {
                    runs::require(conn, id, &run)?;
                    plans::remove_some(conn, id)
                }
            };
            while store.write_quietly(remove()).await? {}
            add_all(store, id, &run, lines, plans::add_lines).await?;
            add_all(store, id, &run, faults, plans::add_faults).await?;
            End::Planned { plan, records }
        }
    };
    store.write(move |conn| runs::end(conn, id, &run, end, Instant::now())).await
}

/// Stores the items of a spool, a batch in each write.
async fn add_all<T: Serialize + DeserializeOwned + Send + 'static>(
    store: &Store,
    id: i64,
    run: &str,
    mut items: Spool<T>,
    add: fn(&mut Conn, i64, i64, Vec<T>) -> Result<()>,
) -> Result<()> {
    let mut left = items.read()?;
    let mut position = 1;
    loop {
        let read = move || {
            let some = left.by_ref().take(plans::BATCH).collect::<Result<Vec<T>>>()?;
            Ok::<_, Error>((some, left))
        };
        let (some, rest) = tokio::task::spawn_blocking(read).await.map_err(Error::unexpected)??;
        left = rest;
        if some.is_empty() {
            return Ok(());
        }
        let (from, run) = (position, run.to_owned());
        position += some.len() as i64;
        store
            .write_quietly(move |conn| {
                runs::require(conn, id, &run)?;
                add(conn, id, from, some)
            })
            .await?;
    }
}
