//! `key create`, `key list`, `key revoke`: what an administrator does through the API, for who holds the database.

use std::sync::Arc;

use clap::Subcommand;
use diesel::prelude::*;
use serde_json::json;

use super::{Outcome, open_existing, write_out};
use crate::access::{Actor, Role};
use crate::app;
use crate::config::Settings;
use crate::db::schema::api_keys;
use crate::db::{Conn, locked};
use crate::error::{Error, Problem, Result};
use crate::model::hex;
use crate::model::text::Language;
use crate::model::types::{Instant, Ref};
use crate::record::{self, Resource, Tx, View};
use crate::resources::api_keys::marks::Marks;
use crate::resources::api_keys::{ApiKeys, KIND, api, store};

#[derive(Subcommand)]
pub enum KeyCommand {
    /// Make a key and print its secret, which is never shown again
    Create {
        /// Whose key it is; the history keeps this name
        #[arg(long)]
        name: String,
        /// What it may do
        #[arg(long, value_enum)]
        role: Role,
        /// A pairing of the key, by code or id; repeat for several. An editor writes in these alone (none: in all), a viewer
        /// sees their personal data (none: nobody's)
        #[arg(long = "pairing", value_name = "CODE")]
        pairings: Vec<String>,
        /// The last day on which it is good [default: until it is revoked]
        #[arg(long, value_name = "YYYY-MM-DD")]
        expires_on: Option<chrono::NaiveDate>,
        /// What should be known about it
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
    },
    /// List the keys
    List,
    /// Revoke a key by its code or id: from the next request on it is refused
    Revoke {
        #[arg(value_name = "CODE")]
        key: String,
    },
}

pub fn run(settings: &Settings, command: KeyCommand) -> Outcome {
    let mut conn = open_existing(settings)?;
    let done = match command {
        KeyCommand::Create { name, role, pairings, expires_on, note } => {
            let new =
                json!({ "name": name, "role": role, "pairings": pairings, "expires_on": expires_on, "note": note });
            write(&mut conn, settings, |tx| {
                tx.catalog.contract.validate(ApiKeys::NEW, &new)?;
                let (_, secret) = store::issue(tx, serde_json::from_value(new)?)?;
                Ok(format!("{secret}\n"))
            })
        }
        KeyCommand::List => list(&mut conn, settings),
        KeyCommand::Revoke { key } => revoke(&mut conn, settings, &Ref(key)),
    };
    write_out(&done.map_err(|error| explain(&error))?)
}

/// Revokes a key. A service that is writing refuses it at once, though the database has the revocation only once it is written.
fn revoke(conn: &mut Conn, settings: &Settings, key: &Ref) -> Result<String> {
    let id = KIND.find(conn, key)?.ok_or_else(|| Problem::not_found(KIND.name, &key.0))?;
    let code: String = api_keys::table.find(id).select(api_keys::code).first(conn)?;
    let marks = Marks::beside(&settings.database_url);
    let failed =
        |error: std::io::Error| Error::Unavailable(format!("cannot mark the key beside the database: {error}"));
    if let Some(marks) = &marks {
        marks.put(&code).map_err(failed)?;
    }
    // Where this fails the mark stays: a service records the revocation as soon as it can.
    let key = write(conn, settings, |tx| store::revoke(tx, &Ref(code.clone())))?;
    if let Some(marks) = &marks {
        marks.remove(&code).map_err(failed)?;
    }
    Ok(format!("Key {} of {} is revoked.\n", key.code.0, key.name))
}

/// Runs an operator's write, whole or not at all.
fn write<T>(conn: &mut Conn, settings: &Settings, work: impl FnOnce(&mut Tx<'_>) -> Result<T>) -> Result<T> {
    let catalog = Arc::new(app::catalog()?);
    let request_id = format!("key-{}", hex(&rand::random::<[u8; 6]>()));
    let actor = Actor::operator();
    let today = settings.today();
    locked::short_transaction(conn, locked::PATIENCE, |conn| Tx::run(conn, &actor, &request_id, &catalog, today, work))
}

/// Every key, revoked ones too, oldest first.
fn list(conn: &mut Conn, settings: &Settings) -> Result<String> {
    let every: api::ApiKeyFilter = serde_json::from_value(json!({}))?;
    let keys = record::load_all::<ApiKeys>(conn, &every, View { as_of: settings.today() })?;
    let mut text = String::from("id\tcode\tname\trole\tpairings\tstatus\tcreated\texpires\tlast used\n");
    let instant = |at: Instant| at.utc().format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    for key in keys {
        let named: Vec<String> = key.pairings.iter().map(|pairing| pairing.key().0).collect();
        let pairings = match (named.as_slice(), key.role) {
            ([], Role::Viewer) => "-".to_owned(),
            ([], Role::Admin | Role::Editor) => "all".to_owned(),
            (some, _) => some.join(","),
        };
        let columns = [
            key.id.to_string(),
            key.code.0,
            key.name,
            key.role.to_string(),
            pairings,
            key.status.to_string(),
            instant(key.created_at),
            or_none(key.expires_on.map(|last| last.to_string())),
            or_none(key.last_used_at.map(instant)),
        ];
        text += &format!("{}\n", columns.join("\t"));
    }
    Ok(text)
}

/// A refusal in words for the operator, a line a fault.
pub fn explain(error: &Error) -> String {
    let Error::Problem(problem) = error else { return error.cause() };
    if problem.faults.is_empty() {
        return problem.detail.as_ref().unwrap_or(&problem.title).get(Language::En).to_owned();
    }
    let line = |fault: &crate::error::Fault| {
        format!("{}: {}", fault.pointer.trim_start_matches('/').replace('/', " "), fault.message.get(Language::En))
    };
    problem.faults.iter().map(line).collect::<Vec<_>>().join("\n")
}
