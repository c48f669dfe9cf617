//! Import and export of records as files.
//!
//! An import reads a file into rows ([`row`]), spools them to disk ([`gather`]) and writes them through one engine
//! ([`engine`]), which the command line and the HTTP API share. Its result is a plan: the outcome of each record ([`plan`])
//! and every fault with its place in the file ([`fault`]). The columns of tables are derived from the published schema
//! ([`columns`], [`sheet`]).
//!
//! Two further exports are in formats that other programs define: [`calendar`] feeds and the [`iati`] file.

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
mod messages;
mod names;
pub mod plan;
pub mod read;
pub mod row;
pub mod workbook;

use std::sync::Arc;

use chrono::NaiveDate;

use crate::access::{Actor, revoked};
use crate::db::Conn;
use crate::db::changes::Changed;
use crate::error::{Error, Result};
use crate::http::routes::ServiceConfig;
use crate::record::{Catalog, Tx};
use engine::Options;
use gather::Gathered;
use plan::{Plan, Report};

/// An import: its actor, day and options.
pub struct Import<'a> {
    pub actor: &'a Actor,
    pub request_id: &'a str,
    pub catalog: &'a Arc<Catalog>,
    pub today: NaiveDate,
    pub options: &'a Options,
}

/// Why a file was not applied. Nothing of the file was written.
#[derive(Debug)]
pub enum Refusal {
    /// The file has faults, which the report has received.
    Faulty(Plan),
    /// The data differs from what the plan was made on; the report has received the outcomes on the data of today.
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
    /// Fails if the key of the import has been revoked.
    pub fn require_key(&self, conn: &mut Conn) -> Result<()> {
        revoked::require_unrevoked(conn, self.actor)
    }

    /// Computes what applying would do, by doing it in the open transaction. The caller rolls that back.
    pub fn plan(&self, conn: &mut Conn, gathered: &mut Gathered, report: &mut dyn Report) -> Result<Plan> {
        Tx::rehearse(conn, self.actor, self.request_id, self.catalog, self.today, |tx| {
            engine::import_records(tx, self.options, gathered, report)
        })
    }

    /// Writes every record in the open transaction. Refuses a file with faults, and one whose plan was made on other data:
    /// `planned_on` is the digest of the data that the plan saw. The caller then rolls the transaction back.
    pub fn apply(
        &self,
        conn: &mut Conn,
        gathered: &mut Gathered,
        planned_on: Option<&str>,
        report: &mut dyn Report,
    ) -> Result<(Plan, Changed), Refusal> {
        let (plan, changed) = Tx::run(conn, self.actor, self.request_id, self.catalog, self.today, |tx| {
            engine::import_records(tx, self.options, gathered, report)
        })?;
        if planned_on.is_some_and(|planned_on| planned_on != plan.state_sha256) {
            return Err(Refusal::Stale(plan));
        }
        if plan.counts.errors > 0 || plan.counts.refused > 0 {
            return Err(Refusal::Faulty(plan));
        }
        Ok((plan, changed))
    }
}

/// Mounts the operations.
pub fn mount(config: &mut ServiceConfig) {
    imports::api::mount(config);
    export::api::mount(config);
}
