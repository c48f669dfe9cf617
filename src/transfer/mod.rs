//! Records in files: read, planned, applied, and written out again.
//!
//! A file is read into rows ([`row`]), which are put on disk ([`gather`]) and brought in by one engine ([`engine`]),
//! whoever asks: the command line, or a client. A plan says what would become of each record ([`plan`]), and every fault
//! with its place ([`fault`]). The columns of tables follow from the published schema ([`columns`]).
//!
//! Beside them, what goes out in forms that other programs read: [`calendar`] feeds and the [`iati`] file.

mod amounts;
pub mod cells;
pub mod columns;
pub mod engine;
pub mod export;
pub mod fault;
pub mod files;
pub mod format;
pub mod gather;
mod guide;
mod headers;
pub mod imports;
mod names;
pub mod plan;
pub mod read;
pub mod row;
mod words;
pub mod workbook;

use std::sync::Arc;

use chrono::NaiveDate;

use crate::access::{Actor, revoked};
use crate::db::Conn;
use crate::error::{Error, Result};
use crate::record::{Catalog, Tx};
use engine::Options;
use gather::Gathered;
use plan::{Plan, Report};

/// Who brings a file in, when, and how.
pub struct Import<'a> {
    pub actor: &'a Actor,
    pub request_id: &'a str,
    pub catalog: &'a Arc<Catalog>,
    pub today: NaiveDate,
    pub options: &'a Options,
}

/// Why a file was not applied. Nothing of it was written.
#[derive(Debug)]
pub enum Refusal {
    /// It has faults, which the report was told.
    Faulty(Plan),
    /// The state is another than the plan's: the report was told what would become of it now.
    Stale(Plan),
    Failed(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        Refusal::Failed(error)
    }
}

impl From<diesel::result::Error> for Refusal {
    fn from(error: diesel::result::Error) -> Refusal {
        Refusal::Failed(error.into())
    }
}

impl Import<'_> {
    /// An error where the key was revoked under which this is done.
    pub fn require_key(&self, conn: &mut Conn) -> Result<()> {
        revoked::require_unrevoked(conn, self.actor)
    }

    /// Says what applying would do, by doing it in the transaction that is under way: the caller undoes that.
    pub fn plan(&self, conn: &mut Conn, gathered: &mut Gathered, report: &mut dyn Report) -> Result<Plan> {
        Tx::rehearse(conn, self.actor, self.request_id, self.catalog, self.today, |tx| {
            engine::bring_in(tx, self.options, gathered, report)
        })
    }

    /// Brings every record in, in the transaction that is under way. Refused where there is a fault, and where the state
    /// is no longer the one that `planned_on` is the digest of: the caller then undoes the transaction.
    pub fn apply(
        &self,
        conn: &mut Conn,
        gathered: &mut Gathered,
        planned_on: Option<&str>,
        report: &mut dyn Report,
    ) -> Result<Plan, Refusal> {
        let plan = Tx::run(conn, self.actor, self.request_id, self.catalog, self.today, |tx| {
            engine::bring_in(tx, self.options, gathered, report)
        })?;
        if planned_on.is_some_and(|planned_on| planned_on != plan.state_sha256) {
            return Err(Refusal::Stale(plan));
        }
        if plan.counts.errors > 0 || plan.counts.refused > 0 {
            return Err(Refusal::Faulty(plan));
        }
        Ok(plan)
    }
}

/// Mounts the operations.
pub fn mount(config: &mut utoipa_actix_web::service_config::ServiceConfig<'_>) {
    imports::api::mount(config);
    export::api::mount(config);
}
