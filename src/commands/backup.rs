//! `backup` and `restore`.

use std::path::PathBuf;

use clap::Args;

use super::{Outcome, database, write_out};
use crate::app;
use crate::backup::create::{Made, Options, create};
use crate::backup::restore::{Restored, restore};
use crate::config::Settings;
use crate::doctor::{Check, Status};

/// What `backup`, `restore` and `doctor` have in common.
#[derive(Args, Clone)]
pub struct UpkeepArgs {
    /// The directory in which the files of documents are kept [default: the database]
    #[arg(long, env = "PAIRING_TRACKER_FILES_DIR", value_name = "DIR")]
    pub files_dir: Option<PathBuf>,
    /// Print the result as a JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct BackupArgs {
    /// The archive to write: a tar file that says itself what it is of
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace FILE where it is there
    #[arg(long)]
    force: bool,
    /// Make the backup even where a check of the data fails
    #[arg(long)]
    allow_damaged: bool,
    #[command(flatten)]
    pub shared: UpkeepArgs,
}

#[derive(Args)]
pub struct RestoreArgs {
    /// The archive that `backup` wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    pub shared: UpkeepArgs,
}

impl UpkeepArgs {
    /// Prints a result: a JSON object, or lines.
    pub fn print(&self, result: &impl serde::Serialize, lines: impl FnOnce() -> String) -> Outcome {
        let text =
            if self.json { serde_json::to_string_pretty(result).map_err(|e| e.to_string())? + "\n" } else { lines() };
        write_out(&text)
    }
}

/// One check a line.
pub fn lines(checks: &[Check]) -> String {
    checks.iter().map(|check| format!("{check}\n")).collect()
}

pub fn backup(settings: &Settings, args: &BackupArgs) -> Outcome {
    database::require_present(&settings.database_url)?;
    let options = Options { force: args.force, allow_damaged: args.allow_damaged };
    let made = create(settings, &args.file, options)?;
    args.shared.print(&made, || {
        let Made {
            file, bytes, database, version, schema_version, created_at, audit_head, rows, files, checks, ..
        } = &made;
        let head = audit_head.as_ref().map(|head| format!("Head: {head}\n")).unwrap_or_default();
        format!(
            "{}Wrote {file}: {bytes} bytes, {rows} rows and {files} files.\n\
             It is of {database} at {created_at}, by pairing-tracker {version}, schema {schema_version}.\n{head}",
            lines(checks)
        )
    })
}

pub fn run_restore(settings: &Settings, args: &RestoreArgs) -> Outcome {
    let catalog = app::catalog().map_err(|e| e.to_string())?;
    let restored = restore(settings, &catalog, &args.file)?;
    args.shared.print(&restored, || {
        let Restored { file, database, version, schema_version, created_at, migrated, files, checks, .. } = &restored;
        format!(
            "Restored {file} into {database}, with {files} files.\n\
             It is of {created_at}, by pairing-tracker {version}, schema {schema_version}; {migrated} migrations applied.\n{}",
            lines(checks)
        )
    })?;
    match restored.status {
        Status::Failure => Err("the backup is restored, and a check of it failed".to_owned()),
        Status::Ok | Status::Warning => Ok(()),
    }
}
