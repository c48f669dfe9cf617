//! Checks of a database and its files, for an operator. Only [`search::repair`] changes anything.

mod files;
mod records;
pub mod search;
mod surroundings;

use std::fmt;

use serde::Serialize;

use crate::config::{DatabaseUrl, Settings};
use crate::db::{Conn, Manager, backend};
use crate::error::{Error, Result};
use crate::record::Catalog;

pub(crate) use records::some_of;

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Ok,
    /// Something may fail later, or may have failed.
    Warning,
    /// Something is wrong.
    Failure,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Status::Ok => "ok",
            Status::Warning => "warning",
            Status::Failure => "failure",
        })
    }
}

/// A check and its result.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// A stable name in snake_case.
    pub name: &'static str,
    pub status: Status,
    /// What the check found, in one line.
    pub message: String,
    /// What the operator should do, in one line; `None` if the status is ok.
    pub action: Option<String>,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Check { name, status, message, action } = self;
        write!(f, "{status:8}{name:20}{message}")?;
        action.as_ref().map_or(Ok(()), |action| write!(f, " {action}"))
    }
}

/// The result of a check without its name.
struct Finding {
    status: Status,
    message: String,
    action: Option<String>,
}

impl Finding {
    fn ok(message: impl Into<String>) -> Finding {
        Finding { status: Status::Ok, message: message.into(), action: None }
    }

    fn warning(message: impl Into<String>, action: impl Into<String>) -> Finding {
        Finding { status: Status::Warning, message: message.into(), action: Some(action.into()) }
    }

    fn failure(message: impl Into<String>, action: impl Into<String>) -> Finding {
        Finding { status: Status::Failure, message: message.into(), action: Some(action.into()) }
    }

    fn named(self, name: &'static str) -> Check {
        let Finding { status, message, action } = self;
        Check { name, status, message, action }
    }
}

/// Names a result; a check that could not run is a failure.
fn check(name: &'static str, found: Result<Finding>) -> Check {
    let failed = |error: Error| {
        Finding::failure(format!("The check could not run: {}.", error.cause()), "Fix this, and run doctor again.")
    };
    found.unwrap_or_else(failed).named(name)
}

/// The results of all checks.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The worst status of the checks.
    pub status: Status,
    /// The version of the program.
    pub version: &'static str,
    /// The URL of the database, with its password masked.
    pub database: String,
    pub checks: Vec<Check>,
}

/// The worst status of some checks.
pub fn worst(checks: &[Check]) -> Status {
    checks.iter().map(|check| check.status).max().unwrap_or(Status::Ok)
}

/// Runs all checks, except those that need the database if it cannot be opened or its schema is not this program's.
pub fn examine(settings: &Settings, catalog: &Catalog) -> Report {
    let mut checks = Vec::new();
    // Before a connection is opened: closing the last one removes the log.
    let log = match &settings.database_url {
        DatabaseUrl::Sqlite(path) => Some(check("write_ahead_log", surroundings::write_ahead_log(path))),
        DatabaseUrl::Postgres(_) => None,
    };
    match open(settings) {
        Ok(mut conn) => {
            checks.push(check("connection", Ok(Finding::ok("The database can be opened."))));
            let is_current = schema(&mut conn, &mut checks);
            checks.extend(stored(&mut conn));
            if is_current {
                checks.push(check("audit_chain", records::audit_chain(&mut conn)));
                checks.push(check("files", files::documents(&mut conn, &settings.files)));
                checks.push(check("search_index", search::compare(&mut conn, catalog, settings.today())));
                checks.push(check("webhook_deliveries", records::deliveries(&mut conn)));
                checks.push(check("clock", records::clock(&mut conn)));
            }
            checks.push(check("disk_space", surroundings::disk_space(&mut conn, settings)));
        }
        Err(error) => checks.push(
            Finding::failure(
                format!("{}.", error.cause()),
                "Check the URL, whether the server is running, and the permissions of the file.",
            )
            .named("connection"),
        ),
    }
    checks.extend(log);
    Report {
        status: worst(&checks),
        version: env!("CARGO_PKG_VERSION"),
        database: settings.database_url.to_string(),
        checks,
    }
}

fn open(settings: &Settings) -> Result<Conn> {
    if let DatabaseUrl::Sqlite(path) = &settings.database_url
        && !path.exists()
    {
        return Err(Error::Unavailable(format!("there is no database {}", path.display())));
    }
    let mut conn = Manager::new(settings.database_url.clone()).open()?;
    backend::upkeep::allow_long_statements(&mut conn)?;
    Ok(conn)
}

/// The checks of the storage, which apply to any version of the schema.
pub fn stored(conn: &mut Conn) -> Vec<Check> {
    vec![check("integrity", records::integrity(conn)), check("foreign_keys", records::foreign_keys(conn))]
}

/// Verifies the audit log.
pub fn audit_chain(conn: &mut Conn) -> Check {
    check("audit_chain", records::audit_chain(conn))
}

/// Checks that the schema is this program's; returns whether it is.
pub fn schema(conn: &mut Conn, checks: &mut Vec<Check>) -> bool {
    let migrations = check("migrations", records::migrations(conn));
    let is_current = migrations.status == Status::Ok;
    checks.push(migrations);
    is_current
}
