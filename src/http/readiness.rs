//! The readiness check: a read and a write of the database, each within a second.

use std::time::{Duration, Instant};

use diesel::prelude::*;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::db::schema::{programmes, service_checks};
use crate::db::{Class, Client, Conn, Store};
use crate::error::{Error, Fault, Problem, Result};
use crate::model::types::Instant as Moment;
use crate::msg;

/// The timeout of each check.
const TIMEOUT: Duration = Duration::from_secs(1);
/// How long a successful write is reused as the result of further checks.
const WRITE_INTERVAL: Duration = Duration::from_secs(1);

/// The time of the last successful write. One check runs at a time, and waiting checks reuse its result.
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
        let mut last = timeout(TIMEOUT, self.0.lock()).await.map_err(|_| timed_out())?;
        if last.is_some_and(|last| last.elapsed() < WRITE_INTERVAL) {
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
            // An import occupies the only writer of SQLite, which shows that the database can be written.
            Err(_) if store.is_writing_in_bulk() => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

async fn within(check: impl Future<Output = Result<()>>) -> Result<()> {
    timeout(TIMEOUT, check).await.map_err(|_| timed_out())?
}

fn timed_out() -> Error {
    Error::Unavailable("the database did not respond within a second".to_owned())
}
