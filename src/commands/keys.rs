//! `key create`, `key list`, `key revoke`: management of API keys with access to the database instead of an administrator's key.

use std::sync::Arc;

use chrono::NaiveDate;
use clap::builder::{NonEmptyStringValueParser, PossibleValue};
use clap::{Args, Subcommand, ValueEnum};
use diesel::prelude::*;
use serde_json::json;

use super::database::open_existing;
use super::{Outcome, references, write_out};
use crate::access::{Actor, Role, secrets};
use crate::app;
use crate::audit::pending;
use crate::config::Settings;
use crate::config::invocation::suggest;
use crate::db::schema::api_keys;
use crate::db::{Conn, locked};
use crate::error::{Error, Result};
use crate::model::text::Language;
use crate::model::types::{Instant, Ref};
use crate::record::{self, ReadContext, Record, Tx};
use crate::resources::api_keys::marks::Marks;
use crate::resources::api_keys::{ApiKeys, KIND, api, store};
use crate::resources::pairings;

#[derive(Subcommand)]
pub enum KeyCommand {
    /// Create a key and print its secret, which is shown only once
    #[command(after_help = "\
Examples:
  pairing-tracker key create --name office --role admin
  pairing-tracker key create --name county-office --role editor --pairing xinhui-taishan --expires-on 2030-12-31")]
    Create(NewKeyArgs),
    /// List all keys
    #[command(after_help = "\
Examples:
  pairing-tracker key list")]
    List,
    /// Revoke a key by its code or id, effective with the next request
    #[command(after_help = "\
Examples:
  pairing-tracker key revoke k7m2q9x4tz")]
    Revoke {
        /// The code or id, as `key list` prints it
        #[arg(value_name = "CODE")]
        key: String,
    },
}

#[derive(Args)]
pub struct NewKeyArgs {
    /// The holder of the key; the history shows this name
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    name: String,
    /// What the key permits
    #[arg(long, value_enum)]
    role: Role,
    /// A pairing of the key, by code or id; repeatable. An editor writes only to these (default: to all); a viewer sees
    /// their personal data (default: none)
    #[arg(long = "pairing", value_name = "CODE")]
    pairings: Vec<String>,
    /// The last day on which the key is valid [default: valid until revoked]
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = date)]
    expires_on: Option<NaiveDate>,
    /// A free-text note
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

impl ValueEnum for Role {
    fn value_variants<'a>() -> &'a [Role] {
        Role::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.as_str()))
    }
}

fn date(text: &str) -> std::result::Result<NaiveDate, String> {
    text.parse().map_err(|_| "not a date of the calendar; write YYYY-MM-DD, such as 2030-12-31".to_owned())
}

pub fn run(settings: &Settings, command: KeyCommand) -> Outcome {
    let mut conn = open_existing(settings)?;
    let text = match command {
        KeyCommand::Create(args) => create(&mut conn, settings, args)?,
        KeyCommand::List => list(&mut conn, settings).map_err(|error| explain(&error))?,
        KeyCommand::Revoke { key } => {
            let id = find(&mut conn, settings, &key)?;
            revoke(&mut conn, settings, id).map_err(|error| explain(&error))?
        }
    };
    write_out(&text)
}

/// Creates a key; returns its secret.
fn create(conn: &mut Conn, settings: &Settings, args: NewKeyArgs) -> std::result::Result<String, String> {
    let NewKeyArgs { name, role, pairings, expires_on, note } = args;
    for pairing in &pairings {
        references::require(conn, &pairings::KIND, "--pairing", pairing)?;
    }
    let today = settings.today();
    if let Some(day) = expires_on.filter(|day| *day < today) {
        return Err(format!("--expires-on: {day} is in the past; give {today} or a later date"));
    }
    let new = json!({ "name": name, "role": role, "pairings": pairings, "expires_on": expires_on, "note": note });
    let secret = write(conn, settings, |tx| {
        tx.catalog.contract.validate(ApiKeys::NEW, &new)?;
        Ok(store::issue(tx, serde_json::from_value(new)?)?.1)
    });
    secret.map(|secret| format!("{}\n", secret.expose())).map_err(|error| explain(&error))
}

/// The id of a key. For a name, which several keys may share, the error lists the codes.
fn find(conn: &mut Conn, settings: &Settings, key: &str) -> std::result::Result<i64, String> {
    let found = KIND.find(conn, &Ref(key.to_owned())).map_err(|error| error.to_string())?;
    if let Some(id) = found {
        return Ok(id);
    }
    let named = load_all(conn, settings).map_err(|error| explain(&error))?.into_iter().filter(|one| one.name == key);
    let codes: Vec<String> = named.map(|key| key.code.0).collect();
    let remedy = match codes.as_slice() {
        [] => format!("list the keys with: {}", suggest("key list")),
        [code] => format!("the code of the key with this name is {code}"),
        several => format!("the codes of the keys with this name are {}", several.join(", ")),
    };
    Err(format!("there is no key with the code or id \"{key}\"; {remedy}"))
}

/// Revokes a key. The mark beside the database makes a running service refuse it at once, even while this waits to write.
fn revoke(conn: &mut Conn, settings: &Settings, id: i64) -> Result<String> {
    let code: String = api_keys::table.find(id).select(api_keys::code).first(conn)?;
    let marks = Marks::beside(&settings.database_url);
    let failed =
        |error: std::io::Error| Error::Unavailable(format!("cannot mark the key beside the database: {error}"));
    if let Some(marks) = &marks {
        marks.put(&code).map_err(failed)?;
    }
    // If this fails the mark stays, and a service records the revocation as soon as possible.
    let key = write(conn, settings, |tx| store::revoke(tx, &Ref(code.clone())))?;
    if let Some(marks) = &marks {
        marks.remove(&code).map_err(failed)?;
    }
    Ok(format!("Key {} of {} is revoked.\n", key.code.0, key.name))
}

/// Runs a write of the operator in one transaction.
fn write<T>(conn: &mut Conn, settings: &Settings, work: impl FnOnce(&mut Tx<'_>) -> Result<T>) -> Result<T> {
    let catalog = Arc::new(app::catalog()?);
    let request_id = format!("key-{}", secrets::random_hex::<6>());
    let actor = Actor::operator();
    let today = settings.today();
    let (value, _) = locked::short_transaction(conn, locked::PATIENCE, |conn| {
        Tx::run(conn, &actor, &request_id, &catalog, today, work)
    })?;
    pending::seal_all(conn)?;
    Ok(value)
}

/// Every key, including revoked ones, oldest first.
fn load_all(conn: &mut Conn, settings: &Settings) -> Result<Vec<api::ApiKey>> {
    let every: api::ApiKeyFilter = serde_json::from_value(json!({}))?;
    record::load_all::<ApiKeys>(conn, &every, ReadContext { as_of: settings.today() })
}

fn list(conn: &mut Conn, settings: &Settings) -> Result<String> {
    let keys = load_all(conn, settings)?;
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

/// Explains an error to the operator, one line for each fault.
pub fn explain(error: &Error) -> String {
    let Error::Problem(problem) = error else {
        let cause = error.cause();
        let is_readonly = cause.contains("readonly database");
        return if is_readonly { format!("{cause}; make it and its directory writable for this user") } else { cause };
    };
    if problem.faults.is_empty() {
        return problem.detail.as_ref().unwrap_or(&problem.title).get(Language::En).to_owned();
    }
    let line = |fault: &crate::error::Fault| {
        format!("{}: {}", fault.pointer.trim_start_matches('/').replace('/', " "), fault.message.get(Language::En))
    };
    problem.faults.iter().map(line).collect::<Vec<_>>().join("\n")
}
