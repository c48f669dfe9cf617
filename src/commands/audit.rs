//! `audit verify`.

use super::{AuditCommand, Outcome, open_existing, write_out};
use crate::config::Settings;
use crate::history::chain;

pub fn run(settings: &Settings, command: &AuditCommand) -> Outcome {
    let AuditCommand::Verify { head } = command;
    let mut conn = open_existing(settings)?;
    let head = chain::verify(&mut conn, head.as_ref())
        .map_err(|error| error.to_string())?
        .map_err(|broken| format!("the history is not whole: {broken}"))?;
    write_out(&format!("Whole: {} events.\nHead: {head}\n", head.id))
}
