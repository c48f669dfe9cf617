//! `audit verify`.

use clap::Subcommand;

use super::{Outcome, open_existing, write_out};
use crate::audit::chain::{self, Head};
use crate::audit::pending;
use crate::config::Settings;

#[derive(Subcommand)]
pub enum AuditCommand {
    /// Check that no event of the history was changed, removed or inserted
    ///
    /// Each event carries a hash of itself and of the hash before it. This walks all of them, prints how many there are and
    /// the last one's number and hash (the head), and fails at the first event that is not what was written, or is missing.
    ///
    /// What is whole in itself may still not be what was written: whoever holds the database can cut off its end, or compute
    /// every hash anew. So note the printed head now and then where the database's holders cannot change it, and give it
    /// with --head later: a history that does not go through it has lost its end or was written anew.
    #[command(after_help = "\
Examples:
  pairing-tracker audit verify
  pairing-tracker audit verify --head 1204:5f2c…  (a head that was printed before, whole)")]
    Verify {
        /// A head that was noted before: fail when that event is gone or has another hash
        #[arg(long, value_name = "ID:HASH")]
        head: Option<Head>,
    },
}

pub fn run(settings: &Settings, command: &AuditCommand) -> Outcome {
    let AuditCommand::Verify { head } = command;
    let mut conn = open_existing(settings)?;
    let head = chain::verify(&mut conn, head.as_ref())
        .map_err(|error| error.cause())?
        .map_err(|broken| format!("the history is not whole: {broken}"))?;
    let pending = match pending::count(&mut conn).map_err(|error| error.to_string())? {
        0 => String::new(),
        count => format!("Pending: {count} events of large writes that are not in the chain yet.\n"),
    };
    write_out(&format!("Whole: {} events.\nHead: {head}\n{pending}", head.id))
}
