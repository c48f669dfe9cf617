//! `doctor`.

use clap::Args;

use super::Outcome;
use super::backup::{UpkeepArgs, lines};
use super::database::open_existing;
use super::keys::explain;
use crate::app;
use crate::config::Settings;
use crate::doctor::{self, Status, search};

#[derive(Args)]
pub struct DoctorArgs {
    /// Rebuild wrong rows of the search index before the checks
    #[arg(long)]
    repair_search: bool,
    #[command(flatten)]
    pub shared: UpkeepArgs,
}

pub fn run(settings: &Settings, args: &DoctorArgs) -> Outcome {
    let catalog = app::catalog().map_err(|e| e.to_string())?;
    if args.repair_search {
        let mut conn = open_existing(settings)?;
        let repaired = search::repair(&mut conn, &catalog, settings.today()).map_err(|error| explain(&error))?;
        eprintln!("Repaired {repaired} rows of the search index.");
    }
    let report = doctor::examine(settings, &catalog);
    args.shared.print(&report, || lines(&report.checks))?;
    match report.status {
        Status::Failure => Err("a check failed; see above".to_owned()),
        Status::Ok | Status::Warning => Ok(()),
    }
}
