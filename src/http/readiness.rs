//! Whether the service can serve: a read and a write of the database, each within a second, whatever else is going on.

use std::time::{Duration, Instant};

use diesel::prelude::*;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::db::schema::{programmes, service_checks};
use crate::db::{Class, Client, Conn, Store};
use crate::error::{Error, Fault, Problem, Result};
use crate::model::types::Instant as Moment;
use crate::msg;

/// How long each check may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// A write that succeeded stands for those asked for within this time.
const WRITES_EVERY: Duration = Duration::from_secs(1);

/// When a write succeeded last. One check at a time; those that wait for it use its result.
#[derive(Default)]
pub struct Readiness(Mutex<Option<Instant>>);

impl Readiness {
    /// Checks the database; 503 with the name of each check that failed.
    pub async fn check(&self, store: &Store) -> Result<()> {
        let mut failed = Vec::new();
        let checks = [("read", self.read(store).await), ("write", self.write(store).await)];
        for (name, outcome) in checks {
            if let Err(error) = outcome {
                tracing::warn!(%error, "the readiness check \"{name}\" failed");
                failed.push(Fault {
                    pointer: format!("/checks/{name}"),
                    code: "failed",
                    message: msg!("检查“{name}”未通过。", "The check \"{name}\" failed."),
                });
            }
        }
        if failed.is_empty() {
            return Ok(());
        }
        Err(Problem::new(503, "not_ready", msg!("服务未就绪", "The service is not ready"))
            .faults(failed)
            .retry_after(1)
            .into())
    }

    async fn read(&self, store: &Store) -> Result<()> {
        let look = |conn: &mut Conn| {
            programmes::table.select(programmes::id).limit(1).load::<i64>(conn)?;
            Ok(())
        };
        within(store.read_as(Class::Probe, &Client::Service, look)).await
    }

    async fn write(&self, store: &Store) -> Result<()> {
        let mut last = timeout(PATIENCE, self.0.lock()).await.map_err(|_| late())?;
        if last.is_some_and(|last| last.elapsed() < WRITES_EVERY) {
            return Ok(());
        }
        let touch = |conn: &mut Conn| {
            diesel::update(service_checks::table.find(1))
                .set(service_checks::checked_at.eq(Some(Moment::now())))
                .execute(conn)?;
            Ok(())
        };
        match within(store.probe_write(touch)).await {
            Ok(()) => *last = Some(Instant::now()),
            // The one writer of SQLite works on an import: it writes, if not for others.
            Err(_) if store.is_writing_in_bulk() => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

async fn within(check: impl Future<Output = Result<()>>) -> Result<()> {
    timeout(PATIENCE, check).await.map_err(|_| late())?
}

fn late() -> Error {
    Error::Unavailable("no answer within a second".to_owned())
}
