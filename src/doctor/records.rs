//! Checks of the content of the database.

use chrono::TimeDelta;
use diesel::dsl::{count_star, max, min};
use diesel::prelude::*;

use super::Finding;
use crate::audit::chain;
use crate::config::invocation::suggest;
use crate::db::schema::{audit_events, webhook_deliveries, webhooks};
use crate::db::{Conn, backend};
use crate::error::Result;
use crate::model::types::Instant;
use crate::webhooks::deliveries::Status as DeliveryStatus;
use crate::webhooks::endpoints::Status as WebhookStatus;

/// The difference between clocks that causes a warning.
const SKEW_WARNING: TimeDelta = TimeDelta::seconds(5);
/// The difference between clocks that is a failure: it can put events of the audit log out of order.
const SKEW_FAILURE: TimeDelta = TimeDelta::seconds(60);
/// The age of an undelivered webhook message that causes a warning.
const DELIVERY_WARNING: TimeDelta = TimeDelta::hours(1);
/// The number of faults that a line lists; the others are counted.
const NAMED: usize = 3;

const RESTORE: &str = "Restore the newest backup whose checks are ok.";

/// The first entries of a list, and the number of the others.
pub(crate) fn some_of(all: &[String]) -> String {
    let named = all.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named}, and {more} more"),
    }
}

pub fn migrations(conn: &mut Conn) -> Result<Finding> {
    let applied = backend::upkeep::recorded_migrations(conn)?;
    if let Some(unknown) = backend::unknown_migration(conn.is_sqlite(), &applied) {
        let message = format!("The database is newer than this program: it has migration {unknown}.");
        return Ok(Finding::failure(message, "Use the newer pairing-tracker."));
    }
    let lacking = backend::lacking_migrations(conn.is_sqlite(), &applied);
    Ok(if lacking.is_empty() {
        Finding::ok(format!("The schema is up to date ({}).", applied.last().map_or("none", String::as_str)))
    } else {
        let message = format!("The database lacks {} migrations: {}.", lacking.len(), some_of(&lacking));
        Finding::failure(message, format!("Make a backup, then run: {}", suggest("migrate")))
    })
}

pub fn integrity(conn: &mut Conn) -> Result<Finding> {
    let faults = match backend::upkeep::integrity_faults(conn) {
        // The damage prevents the check itself.
        Err(error) if ["malformed", "not a database"].iter().any(|words| error.to_string().contains(words)) => {
            vec![error.to_string()]
        }
        found => found?,
    };
    Ok(if faults.is_empty() {
        Finding::ok("The storage is intact.")
    } else if conn.is_sqlite() {
        Finding::failure(format!("The file is damaged: {}.", some_of(&faults)), RESTORE)
    } else {
        Finding::failure(format!("{}.", some_of(&faults)), "REINDEX the indexes, enable the triggers.")
    })
}

pub fn foreign_keys(conn: &mut Conn) -> Result<Finding> {
    let faults = backend::upkeep::foreign_key_faults(conn)?;
    if faults.is_empty() {
        return Ok(Finding::ok("All references between tables are valid."));
    }
    let faults: Vec<String> = faults.into_iter().map(|(key, rows)| format!("{key} ({rows} rows)")).collect();
    Ok(Finding::failure(format!("Rows refer to rows that do not exist: {}.", some_of(&faults)), RESTORE))
}

pub fn audit_chain(conn: &mut Conn) -> Result<Finding> {
    Ok(match chain::verify(conn, None)? {
        Ok(head) => Finding::ok(format!("All {} events are unchanged; the head is {head}.", head.id)),
        Err(broken) => Finding::failure(
            format!("The audit log is not intact: {broken}."),
            "Find out who changed it, and compare it with a backup.",
        ),
    })
}

/// Checks for webhook messages that are due, and for events not yet processed. Paused webhooks are ignored.
pub fn deliveries(conn: &mut Conn) -> Result<Finding> {
    let active = webhooks::table.filter(webhooks::status.eq(WebhookStatus::Active));
    let pending = webhook_deliveries::table
        .filter(webhook_deliveries::status.eq(DeliveryStatus::Pending))
        .filter(webhook_deliveries::webhook_id.eq_any(active.select(webhooks::id)));
    let (count, oldest): (i64, Option<Instant>) =
        pending.select((count_star(), min(webhook_deliveries::created_at))).first(conn)?;
    let cursor: Option<i64> = active.select(min(webhooks::event_cursor)).first(conn)?;
    let unseen: Option<Instant> = match cursor {
        Some(cursor) => {
            let next = audit_events::table.filter(audit_events::id.gt(cursor)).order(audit_events::id);
            next.select(audit_events::at).first(conn).optional()?
        }
        None => None,
    };
    let now = Instant::now().utc();
    let age = oldest.into_iter().chain(unseen).map(|at| now - at.utc()).max().unwrap_or_default();
    let message = format!("{count} webhook messages are pending, the oldest for {} s.", age.num_seconds().max(0));
    Ok(if count == 0 && unseen.is_none() {
        Finding::ok("No webhook message is pending.")
    } else if age < DELIVERY_WARNING {
        Finding::ok(message)
    } else {
        let action = "Check that the service is running, and see GET /api/v1/webhooks/ID/deliveries?status=pending.";
        Finding::warning(message, action)
    })
}

/// Compares the clock of this machine with that of the database server, and with the newest event.
pub fn clock(conn: &mut Conn) -> Result<Finding> {
    const SET: &str = "Synchronize the clocks: timedatectl set-ntp true";
    let now = Instant::now().utc();
    if let Some(server) = backend::upkeep::server_clock(conn)? {
        let skew = (server.utc() - now).abs();
        let message = format!("The clock of the database server differs by {} s.", skew.num_seconds());
        if skew >= SKEW_FAILURE {
            return Ok(Finding::failure(message, SET));
        } else if skew >= SKEW_WARNING {
            return Ok(Finding::warning(message, SET));
        }
    }
    let newest: Option<Instant> = audit_events::table.select(max(audit_events::at)).first(conn)?;
    let ahead = newest.map(|at| at.utc() - now).unwrap_or_default();
    Ok(if ahead < SKEW_WARNING {
        Finding::ok("The clock is not behind the newest event.")
    } else {
        let message = format!("The newest event of the audit log is {} s in the future.", ahead.num_seconds());
        if ahead < SKEW_FAILURE { Finding::warning(message, SET) } else { Finding::failure(message, SET) }
    })
}
