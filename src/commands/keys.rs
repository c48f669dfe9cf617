//! `key create`, `key list`, `key revoke`.

use diesel::Connection;

use super::{KeyCommand, Outcome, open_existing, write_out};
use crate::access::{self, Role};
use crate::config::Settings;
use crate::db::types::Ref;
use crate::error::Error;
use crate::text::Language;

pub fn run(settings: &Settings, command: KeyCommand) -> Outcome {
    let mut conn = open_existing(settings)?;
    match command {
        KeyCommand::Create { name, role, pairings } => {
            let pairings: Vec<Ref> = pairings.into_iter().map(Ref).collect();
            let secret = conn
                .transaction(|conn| access::create_key(conn, &name, role, &pairings))
                .map_err(|error| explain(&error))?;
            write_out(&format!("{secret}\n"))
        }
        KeyCommand::List => {
            let keys = access::list_keys(&mut conn).map_err(|error| explain(&error))?;
            let mut text = String::from("id\tname\trole\tsecret\tcreated\trevoked\tpairings\n");
            for key in keys {
                let day = |at: crate::db::types::Instant| at.utc().format("%Y-%m-%dT%H:%M:%SZ").to_string();
                let revoked = key.revoked_at.map_or_else(|| "-".to_owned(), day);
                let pairings = match (key.pairings.as_slice(), key.role) {
                    ([], Role::Viewer) => "-".to_owned(),
                    ([], Role::Admin | Role::Editor) => "all".to_owned(),
                    (some, _) => some.join(","),
                };
                text += &format!(
                    "{}\t{}\t{}\t{}…\t{}\t{revoked}\t{pairings}\n",
                    key.id,
                    key.name,
                    key.role,
                    key.prefix,
                    day(key.created_at)
                );
            }
            write_out(&text)
        }
        KeyCommand::Revoke { id } => match access::revoke_key(&mut conn, id) {
            Ok(true) => write_out(&format!("Key {id} is revoked.\n")),
            Ok(false) => Err(format!("there is no key {id} that is still good; see: pairing-tracker key list")),
            Err(error) => Err(explain(&error)),
        },
    }
}

/// A refusal in words for the operator, a line a fault.
pub fn explain(error: &Error) -> String {
    let Error::Problem(problem) = error else { return error.to_string() };
    if problem.faults.is_empty() {
        return problem.title.en.clone();
    }
    let line = |fault: &crate::error::Fault| {
        format!("{}: {}", fault.pointer.trim_start_matches('/').replace('/', " "), fault.message.get(Language::En))
    };
    problem.faults.iter().map(line).collect::<Vec<_>>().join("\n")
}
