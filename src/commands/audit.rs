//! `audit verify`.

use clap::Subcommand;

use super::database::open_existing;
use super::{Outcome, write_out};
use crate::audit::chain::{self, Head};
use crate::audit::pending;
use crate::config::Settings;

#[derive(Subcommand)]
pub enum AuditCommand {
    /// Verify that no event of the audit log was changed, removed or inserted
    ///
    /// Each event contains a hash of its content and of the hash before it. This command verifies all events, prints their
    /// number and the head (the id and hash of the last event), and fails at the first event that was changed or is missing.
    ///
    /// A person with write access to the database can delete the last events, or compute all hashes again. Therefore store the
    /// printed head regularly where such a person cannot change it, and pass it with --head later: the command fails if the
    /// log no longer contains that event.
    #[command(after_help = "\
Examples:
  pairing-tracker audit verify
  pairing-tracker audit verify --head 0:0000000000000000000000000000000000000000000000000000000000000000")]
    Verify {
        /// A head that was printed before: fail if that event is missing or has another hash
        #[arg(long, value_name = "ID:HASH")]
        head: Option<Head>,
    },
}

pub fn run(settings: &Settings, command: &AuditCommand) -> Outcome {
    let AuditCommand::Verify { head } = command;
    let mut conn = open_existing(settings)?;
    let head = chain::verify(&mut conn, head.as_ref())
        .map_err(|error| error.cause())?
        .map_err(|broken| format!("the audit log is not intact: {broken}"))?;
    let pending = match pending::count(&mut conn).map_err(|error| error.to_string())? {
        0 => String::new(),
        count => format!("Pending: {count} events of large writes that are not in the chain yet.\n"),
    };
    write_out(&format!("Whole: {} events.\nHead: {head}\n{pending}", head.id))
}
