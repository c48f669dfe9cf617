//! The command line.

mod audit;
mod backup;
mod database;
mod doctor;
mod document;
mod export;
mod keys;
mod listen;
mod logging;
mod oidc;
mod seed;
mod serve;
mod server;

pub use seed::fill_empty;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use seed::SeedArgs;

use crate::access::Role;
use crate::config::{PartialSettings, Settings};
use crate::db;

/// The settings file that is read when it is there.
const SETTINGS_FILE: &str = "pairing-tracker.toml";

/// Tracks policy pairings: who supports whom, what was agreed, what is done and what is late.
///
/// Without a subcommand it serves: it migrates the database, fills an empty one with the Jiangmen programme of 2022, and
/// listens on 127.0.0.1:8080.
#[derive(Parser)]
#[command(
    name = "pairing-tracker",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  pairing-tracker                                        serve pairing-tracker.db, seeded, on 127.0.0.1:8080
  pairing-tracker key create --name office --role admin  make a key that may write; prints its secret alone
  pairing-tracker seed plan seed/                        what would be created, changed and left
  pairing-tracker serve --database-url postgres://tracker@db/tracker --listen 0.0.0.0:8080
  pairing-tracker openapi --format yaml > api.yaml       the API's document"
)]
struct Cli {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Args, Clone)]
struct DatabaseArgs {
    /// Where the data is: sqlite:PATH or postgres://USER@HOST/NAME [default: sqlite:pairing-tracker.db]
    #[arg(long, global = true, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: Option<String>,
    /// The settings file [default: pairing-tracker.toml, where it is]
    #[arg(long, global = true, env = "PAIRING_TRACKER_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// How to log on the standard error, text or json; RUST_LOG says what [default: text]
    #[arg(long, global = true, env = "PAIRING_TRACKER_LOG_FORMAT", value_name = "FORMAT")]
    log_format: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Migrate the database and serve the API, its documentation and the page
    Serve(Box<ServeArgs>),
    /// Bring the database's schema up to date
    Migrate {
        /// Change nothing; fail when a migration is pending
        #[arg(long)]
        check: bool,
    },
    /// Bring records from workbooks, CSV, YAML or JSON files into the database
    #[command(subcommand)]
    Seed(SeedCommand),
    /// Take records out, as a bundle that `seed apply` reads or as a workbook
    ///
    /// The bundle shows the data as it was at one moment. Records without a code go by one that stands in for it. Ids,
    /// versions, baselines and moves of due dates, confirmations, amendments, who approved what, the files of documents and
    /// the history stay behind.
    #[command(after_help = "\
Examples:
  pairing-tracker export > all.yaml
  pairing-tracker export --programme jiangmen-east-west --output jiangmen.xlsx --language zh")]
    Export(export::ExportArgs),
    /// Print the API's OpenAPI document
    Openapi(document::DocumentArgs),
    /// Make, list and revoke the keys that may write
    #[command(subcommand)]
    Key(keys::KeyCommand),
    /// Check the history of all writes
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Copy the database and the files of documents into one archive, while it is in use
    ///
    /// The archive holds the data of one moment. It is checked before it gets its name: the storage, the references between
    /// tables, the audit log, every file, and the archive itself. PostgreSQL is copied by pg_dump, of the server's version or a
    /// later one.
    #[command(after_help = "\
Examples:
  pairing-tracker backup /var/backups/pairing-tracker/$(date +%F).tar
  tar -xOf 2026-11-29.tar manifest.json                  (what a backup is of)")]
    Backup(backup::BackupArgs),
    /// Fill an empty database, and the directory of files, from a backup
    ///
    /// The archive is checked as a whole before anything is written. A backup by an older version is brought up to date; one by
    /// a newer version is refused. Then the checks of `doctor` are made.
    Restore(backup::RestoreArgs),
    /// Check the database and what belongs to it, and say what to do
    ///
    /// A line a check: ok, warning or failure. Ends with status 1 where one failed. The service may run meanwhile.
    Doctor(doctor::DoctorArgs),
    /// Print a script that completes this program's commands in a shell
    Completions {
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

#[derive(Args)]
struct ServeArgs {
    /// The address to listen on [default: 127.0.0.1:8080]
    #[arg(long, env = "PAIRING_TRACKER_LISTEN", value_name = "ADDR")]
    listen: Option<String>,
    /// Serve /metrics on this address, and no longer on the other [default: on the other]
    #[arg(long, env = "PAIRING_TRACKER_METRICS_LISTEN", value_name = "ADDR")]
    metrics_listen: Option<String>,
    /// Fill an empty database with the Jiangmen programme of 2022
    #[arg(long)]
    seed: bool,
    /// Ask for a key for reading, too
    #[arg(long)]
    private: bool,
    /// The time zone in which "today" is [default: Asia/Shanghai]
    #[arg(long, env = "PAIRING_TRACKER_TIME_ZONE", value_name = "ZONE")]
    time_zone: Option<String>,
    /// Keep the files of documents in this directory instead of the database
    #[arg(long, env = "PAIRING_TRACKER_FILES_DIR", value_name = "DIR")]
    files_dir: Option<PathBuf>,
    /// Connections for short reads, 1 to 100; other classes of work have more of their own [default: 8]
    #[arg(long, env = "PAIRING_TRACKER_CONNECTIONS", value_name = "N")]
    connections: Option<u32>,
    /// Days after which refused requests are deleted, 1 to 3650 [default: 90]
    #[arg(long, env = "PAIRING_TRACKER_KEEP_REFUSALS", value_name = "DAYS")]
    keep_refusals: Option<u32>,
    #[command(flatten)]
    oidc: oidc::OidcArgs,
    #[command(flatten)]
    limits: LimitArgs,
    /// A network that webhooks may be sent to though it is not public, by http too; repeat for several [default: none]
    #[arg(long = "webhook-network", env = "PAIRING_TRACKER_WEBHOOK_NETWORKS", value_name = "IP[/BITS]")]
    #[arg(value_delimiter = ',')]
    webhook_networks: Option<Vec<String>>,
    /// Print the effective settings, without secrets, and stop
    #[arg(long)]
    print_config: bool,
}

/// What one client may ask of the service.
#[derive(Args)]
struct LimitArgs {
    /// A proxy whose X-Forwarded-For is believed, by address or network; repeat for several [default: none]
    #[arg(long = "trusted-proxy", env = "PAIRING_TRACKER_TRUSTED_PROXIES", value_name = "IP[/BITS]")]
    #[arg(value_delimiter = ',')]
    trusted_proxies: Option<Vec<String>>,
    /// Requests a minute of one address, 0 for any number [default: 6000]
    #[arg(long, env = "PAIRING_TRACKER_RATE_PER_ADDRESS", value_name = "N")]
    rate_per_address: Option<u32>,
    /// Requests a minute of one key, 0 for any number [default: 6000]
    #[arg(long, env = "PAIRING_TRACKER_RATE_PER_KEY", value_name = "N")]
    rate_per_key: Option<u32>,
    /// Wrong keys and tokens a minute of one address, 0 for any number [default: 60]
    #[arg(long, env = "PAIRING_TRACKER_WRONG_KEYS_PER_ADDRESS", value_name = "N")]
    wrong_keys_per_address: Option<u32>,
    /// Requests at one time of one address, 0 for any number [default: 100]
    #[arg(long, env = "PAIRING_TRACKER_IN_FLIGHT_PER_ADDRESS", value_name = "N")]
    in_flight_per_address: Option<u32>,
    /// Requests at one time of all, 0 for any number [default: 2000]
    #[arg(long, env = "PAIRING_TRACKER_IN_FLIGHT", value_name = "N")]
    in_flight: Option<u32>,
    /// An origin whose pages may call the API, as scheme://host[:port]; repeat for several [default: none]
    #[arg(long = "cors-origin", env = "PAIRING_TRACKER_CORS_ORIGINS", value_name = "ORIGIN", value_delimiter = ',')]
    cors_origins: Option<Vec<String>>,
}

#[derive(Subcommand)]
enum SeedCommand {
    /// Say what would become of each record; change nothing
    Plan(SeedArgs),
    /// Create what is not there and change what differs, all in one transaction
    Apply {
        #[command(flatten)]
        args: SeedArgs,
        /// Only on the state that a plan saw, by the digest that it printed
        #[arg(long, value_name = "DIGEST")]
        planned_on: Option<String>,
    },
}

impl ValueEnum for Role {
    fn value_variants<'a>() -> &'a [Role] {
        Role::ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.as_str()))
    }
}

/// What a command ends with: nothing, or what went wrong in words for the operator.
type Outcome = Result<(), String>;

/// Runs the program.
pub fn run() -> ExitCode {
    let mut cli = Cli::parse();
    if cli.command.is_none() {
        // Bare `pairing-tracker` is for a first look: it comes with data. Parsed anew, for what the environment says.
        cli = Cli::parse_from(std::env::args_os().chain(["serve".into(), "--seed".into()]));
    }
    let Cli { database, command: Some(command) } = cli else { return ExitCode::FAILURE };
    let outcome = match command {
        Command::Serve(args) => settings(&database, (*args).into()).and_then(|(settings, print)| {
            if print { write_out(&settings.to_string()) } else { serve::serve(settings) }
        }),
        Command::Migrate { check } => {
            plain_settings(&database).and_then(|settings| database::migrate(&settings, check))
        }
        Command::Seed(SeedCommand::Plan(args)) => {
            plain_settings(&database).and_then(|settings| seed::run(&settings, args, seed::Work::Plan))
        }
        Command::Seed(SeedCommand::Apply { args, planned_on }) => {
            let work = seed::Work::Apply { planned_on };
            plain_settings(&database).and_then(|settings| seed::run(&settings, args, work))
        }
        Command::Export(args) => plain_settings(&database).and_then(|settings| export::run(&settings, args)),
        Command::Openapi(args) => document::print(args),
        Command::Key(command) => plain_settings(&database).and_then(|settings| keys::run(&settings, command)),
        Command::Audit(command) => plain_settings(&database).and_then(|settings| audit::run(&settings, &command)),
        Command::Backup(args) => {
            upkeep_settings(&database, &args.shared).and_then(|settings| backup::backup(&settings, &args))
        }
        Command::Restore(args) => {
            upkeep_settings(&database, &args.shared).and_then(|settings| backup::run_restore(&settings, &args))
        }
        Command::Doctor(args) => {
            upkeep_settings(&database, &args.shared).and_then(|settings| doctor::run(&settings, &args))
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "pairing-tracker", &mut script);
            write_out(&String::from_utf8_lossy(&script))
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            for line in message.lines() {
                eprintln!("pairing-tracker: {line}");
            }
            ExitCode::FAILURE
        }
    }
}

/// Prints on the standard output; a reader that has gone away is no failure.
fn write_out(text: &str) -> Outcome {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(format!("cannot print: {error}")),
        _ => Ok(()),
    }
}

impl From<ServeArgs> for (PartialSettings, bool) {
    fn from(args: ServeArgs) -> (PartialSettings, bool) {
        let ServeArgs {
            listen,
            metrics_listen,
            seed,
            private,
            time_zone,
            files_dir,
            connections,
            keep_refusals,
            limits,
            oidc,
            webhook_networks,
            print_config,
        } = args;
        let LimitArgs {
            trusted_proxies,
            rate_per_address,
            rate_per_key,
            wrong_keys_per_address,
            in_flight_per_address,
            in_flight,
            cors_origins,
        } = limits;
        // A flag that is not given leaves the decision to the file.
        let flag = |given: bool| given.then_some(true);
        let settings = PartialSettings {
            listen,
            metrics_listen,
            database_url: None,
            seed: flag(seed),
            private: flag(private),
            time_zone,
            files_dir,
            connections,
            trusted_proxies,
            rate_per_address,
            rate_per_key,
            wrong_keys_per_address,
            keep_refusals,
            in_flight_per_address,
            in_flight,
            cors_origins,
            webhook_networks,
            ..PartialSettings::default()
        };
        let settings = oidc.into_settings(settings);
        (settings, print_config)
    }
}

fn plain_settings(database: &DatabaseArgs) -> Result<Settings, String> {
    settings(database, (PartialSettings::default(), false)).map(|(settings, _)| settings)
}

fn upkeep_settings(database: &DatabaseArgs, shared: &backup::UpkeepArgs) -> Result<Settings, String> {
    let given = PartialSettings { files_dir: shared.files_dir.clone(), ..PartialSettings::default() };
    settings(database, (given, false)).map(|(settings, _)| settings)
}

/// The effective settings of a command, which logs as they say from here on. What is wrong with them is no matter for
/// the log: the operator is told at once.
fn settings(database: &DatabaseArgs, (given, print): (PartialSettings, bool)) -> Result<(Settings, bool), String> {
    let file = match &database.config {
        Some(path) => PartialSettings::from_file(path, true)?,
        None => PartialSettings::from_file(SETTINGS_FILE.as_ref(), false)?,
    };
    let given = PartialSettings {
        database_url: database.database_url.clone(),
        log_format: database.log_format.clone(),
        ..given
    };
    let settings = given.or(file).finish()?;
    logging::start(settings.log_format)?;
    Ok((settings, print))
}

/// Opens one connection for a command; a database that is not there is not made.
fn open_existing(settings: &Settings) -> Result<db::Conn, String> {
    database::require_present(&settings.database_url)?;
    let mut conn = db::Manager::new(settings.database_url.clone()).open().map_err(|e| e.cause())?;
    let pending = db::backend::pending_migrations(&mut conn).map_err(|e| e.cause())?;
    if pending.is_empty() {
        Ok(conn)
    } else {
        Err(format!("the database {} is not up to date; run: pairing-tracker migrate", settings.database_url))
    }
}
