//! Checks of a database and of what belongs to it, for an operator. Nothing is changed, except by [`search::repair`].

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

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Ok,
    /// Something will go wrong, or may have.
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

/// One check and its result.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// Stable and snake_case.
    pub name: &'static str,
    pub status: Status,
    /// What was found, in one line.
    pub message: String,
    /// What the operator is to do, in one line; `None` where the check ended well.
    pub action: Option<String>,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Check { name, status, message, action } = self;
        write!(f, "{status:8}{name:20}{message}")?;
        action.as_ref().map_or(Ok(()), |action| write!(f, " {action}"))
    }
}

/// What a check found.
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

/// The name of a check and what it found; one that could not be made has failed.
fn check(name: &'static str, found: Result<Finding>) -> Check {
    let failed = |error: Error| {
        Finding::failure(format!("The check could not be made: {}.", error.cause()), "Fix that, and run doctor again.")
    };
    found.unwrap_or_else(failed).named(name)
}

/// The results of all checks.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The worst of the checks'.
    pub status: Status,
    /// The program's version.
    pub version: &'static str,
    /// The database's URL, without its password.
    pub database: String,
    pub checks: Vec<Check>,
}

/// The worst status of some checks.
pub fn worst(checks: &[Check]) -> Status {
    checks.iter().map(|check| check.status).max().unwrap_or(Status::Ok)
}

/// Makes every check. Where the database cannot be opened, or its schema is another than this program's, the checks that
/// need it are left out.
pub fn examine(settings: &Settings, catalog: &Catalog) -> Report {
    let mut checks = Vec::new();
    // Before a connection is opened: the last one to be closed removes the log.
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
                "Check the URL, that the server runs, and the file's permissions.",
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

/// The checks of the storage alone, which hold for any version of the schema.
pub fn stored(conn: &mut Conn) -> Vec<Check> {
    vec![check("integrity", records::integrity(conn)), check("foreign_keys", records::foreign_keys(conn))]
}

/// The check of the audit log.
pub fn audit_chain(conn: &mut Conn) -> Check {
    check("audit_chain", records::audit_chain(conn))
}

/// Checks that the schema is this program's, and says whether it is.
pub fn schema(conn: &mut Conn, checks: &mut Vec<Check>) -> bool {
    let migrations = check("migrations", records::migrations(conn));
    let is_current = migrations.status == Status::Ok;
    checks.push(migrations);
    is_current
}
