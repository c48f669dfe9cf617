//! The arguments of the command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};

use super::{audit, backup, doctor, document, export, keys, seed, serve_options};
use crate::config::LogFormat;

/// Tracks policy pairings: who supports whom, what was agreed, what is done and what is late.
///
/// Without a command it serves as `serve --seed` does, with the same options: it migrates the database, fills an empty one
/// with the Jiangmen programme of 2022, and listens on 127.0.0.1:8080.
#[derive(Parser)]
#[command(
    name = "pairing-tracker",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  pairing-tracker                                        serve pairing-tracker.db, seeded, on 127.0.0.1:8080
  pairing-tracker --port 9000                            the same on another port
  pairing-tracker key create --name office --role admin  create a key with write access; prints its secret
  pairing-tracker seed plan seed/                        list what would be created and changed
  pairing-tracker serve --database-url postgres://tracker@db/tracker --listen 0.0.0.0:8080
  pairing-tracker openapi --format yaml > api.yaml       save the OpenAPI document"
)]
pub struct Cli {
    #[command(flatten)]
    pub database: DatabaseArgs,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The options of every command.
#[derive(Args, Clone)]
pub struct DatabaseArgs {
    /// The database: sqlite:PATH or postgres://USER@HOST/NAME [default: sqlite:pairing-tracker.db]
    #[arg(long, global = true, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    #[arg(aliases = ["database", "db"])]
    pub database_url: Option<String>,
    /// The settings file [default: pairing-tracker.toml, if it exists]
    #[arg(long, global = true, env = "PAIRING_TRACKER_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The format of the log on standard error; RUST_LOG sets its level [default: text]
    #[arg(long, global = true, env = "PAIRING_TRACKER_LOG_FORMAT", value_name = "FORMAT")]
    #[arg(value_parser = PossibleValuesParser::new(LogFormat::NAMES))]
    pub log_format: Option<String>,
}

#[derive(Subcommand)]
pub enum Command {
    /// Migrate the database, then serve the API, its documentation and the web page
    #[command(after_help = "\
Examples:
  pairing-tracker serve
  pairing-tracker serve --seed --port 9000
  pairing-tracker serve --listen 0.0.0.0:8080 --private
  pairing-tracker serve --database-url postgres://tracker@db/tracker --print-config")]
    Serve(Box<serve_options::ServeArgs>),
    /// Bring the schema of the database up to date
    #[command(after_help = "\
Examples:
  pairing-tracker migrate
  pairing-tracker migrate --check")]
    Migrate {
        /// Change nothing; fail if a migration is pending
        #[arg(long)]
        check: bool,
    },
    /// Import records from workbooks, CSV, YAML or JSON files
    #[command(
        subcommand,
        after_help = "\
Examples:
  pairing-tracker seed plan seed/
  pairing-tracker seed apply seed/"
    )]
    Seed(seed::SeedCommand),
    /// Export records as a bundle that `seed apply` reads, or as a workbook
    ///
    /// The export shows the data at one moment. Records without a code get a surrogate code. Not exported are ids, versions,
    /// baselines and revisions of due dates, confirmations, amendments, approvals, the files of documents, and the history.
    #[command(after_help = "\
Examples:
  pairing-tracker export > all.yaml
  pairing-tracker export --programme jiangmen-east-west --output jiangmen.xlsx --language zh")]
    Export(export::ExportArgs),
    /// Print the OpenAPI document of the API
    #[command(after_help = "\
Examples:
  pairing-tracker openapi > api.json
  pairing-tracker openapi --format yaml --spec-version 3.0 > api.yaml")]
    Openapi(document::DocumentArgs),
    /// Create, list and revoke API keys
    #[command(
        subcommand,
        after_help = "\
Examples:
  pairing-tracker key create --name office --role admin
  pairing-tracker key list"
    )]
    Key(keys::KeyCommand),
    /// Verify the audit log
    #[command(
        subcommand,
        after_help = "\
Examples:
  pairing-tracker audit verify"
    )]
    Audit(audit::AuditCommand),
    /// Copy the database and the files of documents into one archive while they are in use
    ///
    /// The archive contains the data of one moment. Before it gets its name, these are checked: the storage, the references
    /// between tables, the audit log, every file, and the archive itself. PostgreSQL is copied by pg_dump, which must be of
    /// the server's version or later.
    #[command(after_help = "\
Examples:
  pairing-tracker backup 2026-11-29.tar
  pairing-tracker backup /var/backups/pairing-tracker/latest.tar --force
  tar -xOf 2026-11-29.tar manifest.json                  show what the backup contains")]
    Backup(backup::BackupArgs),
    /// Fill an empty database, and the directory of files, from a backup
    ///
    /// The whole archive is verified before anything is written. A backup of an older version is migrated; one of a newer
    /// version is refused. Afterwards the checks of `doctor` run.
    #[command(after_help = "\
Examples:
  pairing-tracker restore 2026-11-29.tar
  pairing-tracker restore 2026-11-29.tar --database-url sqlite:restored.db")]
    Restore(backup::RestoreArgs),
    /// Check the database and its files, and suggest repairs
    ///
    /// Prints a line for each check: ok, warning or failure. The exit status is 1 if a check failed. The service may be
    /// running.
    #[command(after_help = "\
Examples:
  pairing-tracker doctor
  pairing-tracker doctor --json")]
    Doctor(doctor::DoctorArgs),
    /// Print a completion script for a shell
    #[command(after_help = "\
Examples:
  pairing-tracker completions bash > ~/.local/share/bash-completion/completions/pairing-tracker
  pairing-tracker completions zsh > ~/.zfunc/_pairing-tracker")]
    Completions {
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

/// The definition of the command line, for completion scripts and tests.
pub fn definition() -> clap::Command {
    Cli::command()
}

/// Parses the arguments. Without a command they are those of `serve --seed`.
pub fn parse(arguments: &[OsString]) -> Result<Cli, clap::Error> {
    match Cli::try_parse_from(arguments) {
        Ok(cli) if cli.command.is_some() => return Ok(cli),
        // An option that is unknown here may be one of `serve`.
        Err(error) if error.kind() != ErrorKind::UnknownArgument || names_command(arguments) => return Err(error),
        _ => {}
    }
    let (program, options) = arguments.split_at(arguments.len().min(1));
    let mut cli = Cli::try_parse_from([program, &["serve".into()], options].concat())?;
    if let Some(Command::Serve(args)) = &mut cli.command {
        args.seed = true;
    }
    Ok(cli)
}

fn names_command(arguments: &[OsString]) -> bool {
    let definition = definition();
    let is_command =
        |argument: &OsString| argument.to_str().is_some_and(|name| definition.find_subcommand(name).is_some());
    arguments.iter().skip(1).any(is_command)
}
