//! The command line.
//!
//! | module | command |
//! |---|---|
//! | [`serve`] | `serve`; [`listen`] binds its sockets, [`server`] handles connections |
//! | [`database`] | `migrate`, and how commands open the database |
//! | [`seed`] | `seed plan`, `seed apply` |
//! | [`export`] | `export` |
//! | [`document`] | `openapi` |
//! | [`keys`] | `key create`, `key list`, `key revoke` |
//! | [`audit`] | `audit verify` |
//! | [`backup`] | `backup`, `restore` |
//! | [`doctor`] | `doctor` |

mod arguments;
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
mod references;
mod seed;
mod serve;
mod serve_options;
mod server;

pub use arguments::definition;
pub use seed::fill_empty;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use arguments::{Cli, Command, DatabaseArgs};

use crate::config::{PartialSettings, Settings};

/// The settings file that is read if it exists.
const SETTINGS_FILE: &str = "pairing-tracker.toml";

/// The result of a command; the error is a message for the operator, one line for each fault.
type Outcome = Result<(), String>;

/// Runs the program with the arguments of this process.
pub fn run() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let Cli { database, command: Some(command) } = arguments::parse(&arguments).unwrap_or_else(|error| error.exit())
    else {
        return ExitCode::FAILURE;
    };
    match run_command(&database, command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            for line in message.lines() {
                eprintln!("pairing-tracker: {line}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run_command(database: &DatabaseArgs, command: Command) -> Outcome {
    let configure = |given: PartialSettings| settings(database, given);
    let defaults = || configure(PartialSettings::default());
    match command {
        Command::Serve(args) => {
            let print = args.print_config;
            let settings = configure((*args).into())?;
            if print { write_out(&settings.to_string()) } else { serve::serve(settings) }
        }
        Command::Migrate { check } => database::migrate(&defaults()?, check),
        Command::Seed(command) => {
            // A wrong path is reported even if the settings are wrong as well.
            command.check_paths()?;
            seed::run(&defaults()?, command)
        }
        Command::Export(args) => export::run(&defaults()?, &args),
        Command::Openapi(args) => document::print(args),
        Command::Key(command) => keys::run(&defaults()?, command),
        Command::Audit(command) => audit::run(&defaults()?, &command),
        Command::Backup(args) => backup::backup(&configure(args.shared.settings())?, &args),
        Command::Restore(args) => backup::run_restore(&configure(args.shared.settings())?, &args),
        Command::Doctor(args) => doctor::run(&configure(args.shared.settings())?, &args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut definition(), "pairing-tracker", &mut script);
            write_out(&String::from_utf8_lossy(&script))
        }
    }
}

/// Writes to standard output. A closed pipe is not an error: the reader has read enough.
fn write_out(text: &str) -> Outcome {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(format!("cannot print: {error}")),
        _ => Ok(()),
    }
}

/// Combines the settings of a command and starts the log in their format.
fn settings(database: &DatabaseArgs, given: PartialSettings) -> Result<Settings, String> {
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
    Ok(settings)
}
