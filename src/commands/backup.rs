//! `backup` and `restore`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::{Outcome, database, write_out};
use crate::app;
use crate::backup::create::{BackupReport, Options, create};
use crate::backup::restore::{RestoreReport, restore};
use crate::config::{PartialSettings, Settings};
use crate::doctor::{Check, Status};

/// The options of `backup`, `restore` and `doctor`.
#[derive(Args, Clone)]
pub struct UpkeepArgs {
    /// The directory where the files of documents are stored [default: the database]
    #[arg(long, env = "PAIRING_TRACKER_FILES_DIR", value_name = "DIR", value_hint = ValueHint::DirPath)]
    files_dir: Option<PathBuf>,
    /// Print the result as a JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct BackupArgs {
    /// The archive to write, a tar file with a manifest
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace FILE if it exists
    #[arg(long)]
    force: bool,
    /// Create the backup even if a check of the data fails
    #[arg(long)]
    allow_damaged: bool,
    #[command(flatten)]
    pub shared: UpkeepArgs,
}

#[derive(Args)]
pub struct RestoreArgs {
    /// An archive that `backup` wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    pub shared: UpkeepArgs,
}

impl UpkeepArgs {
    pub fn settings(&self) -> PartialSettings {
        PartialSettings { files_dir: self.files_dir.clone(), ..PartialSettings::default() }
    }

    /// Prints a result as a JSON object or as lines.
    pub fn print(&self, result: &impl serde::Serialize, lines: impl FnOnce() -> String) -> Outcome {
        let text =
            if self.json { serde_json::to_string_pretty(result).map_err(|e| e.to_string())? + "\n" } else { lines() };
        write_out(&text)
    }
}

/// A line for each check.
pub fn lines(checks: &[Check]) -> String {
    checks.iter().map(|check| format!("{check}\n")).collect()
}

pub fn backup(settings: &Settings, args: &BackupArgs) -> Outcome {
    database::require_present(&settings.database_url)?;
    let options = Options { force: args.force, allow_damaged: args.allow_damaged };
    let report = create(settings, &args.file, options)?;
    args.shared.print(&report, || {
        let BackupReport {
            file, bytes, database, version, schema_version, created_at, audit_head, rows, files, checks, ..
        } = &report;
        let head = audit_head.as_ref().map(|head| format!("Head: {head}\n")).unwrap_or_default();
        format!(
            "{}Wrote {file}: {bytes} bytes, {rows} rows and {files} files.\n\
             It contains {database} as of {created_at}, written by pairing-tracker {version}, schema {schema_version}.\n{head}",
            lines(checks)
        )
    })
}

pub fn run_restore(settings: &Settings, args: &RestoreArgs) -> Outcome {
    let catalog = app::catalog().map_err(|e| e.to_string())?;
    let report = restore(settings, &catalog, &args.file)?;
    args.shared.print(&report, || {
        let RestoreReport { file, database, version, schema_version, created_at, migrated, files, checks, .. } = &report;
        format!(
            "Restored {file} into {database}, with {files} files.\n\
             It contains the data as of {created_at}, written by pairing-tracker {version}, schema {schema_version}; {migrated} migrations applied.\n{}",
            lines(checks)
        )
    })?;
    match report.status {
        Status::Failure => Err("the backup was restored, but a check failed; see above".to_owned()),
        Status::Ok | Status::Warning => Ok(()),
    }
}
