//! Calendar keys, each valid for one feed of one pairing.
//!
//! Calendar programs store a URL and send no headers, so the key is part of the URL, where it can leak through
//! bookmarks and shared calendars. It is therefore not an API key: it has the same form ([`super::secrets::keys`]) with
//! another prefix and a table of its own, and it is rejected as a bearer token and on any other feed, pairing or path. It has
//! no actor: its holder reads what anonymous readers of a public service read. After its revocation or expiry, a key
//! still returns cancellations of the feed's events for some time ([`Opening`]). The log and the list of refusals omit
//! the query, and every response has `Referrer-Policy: no-referrer`.

use std::borrow::Cow;

use chrono::{NaiveDate, TimeDelta};
use diesel::prelude::*;

use super::secrets::keys::{Family, PresentedKey};
use super::secrets::validity::Validity;
use crate::config::Settings;
use crate::db::Conn;
use crate::db::reference::Kind;
use crate::db::schema::calendar_keys;
use crate::error::Result;
use crate::model::types::{Instant, Ref};
use crate::text_enum;

/// Query parameter of the key.
pub const PARAMETER: &str = "key";

/// Parts of a feed's path, `/api/v1/pairings/{ref}/<feed>.ics`.
const BEFORE: &str = "/api/v1/pairings/";
const AFTER: &str = ".ics";

text_enum! {
    /// A feed of a pairing.
    Feed as "CalendarFeed" {
        /// Milestones by due date. 里程碑.
        Milestones => "milestones",
        /// Conferences that have a date. 会议.
        Conferences => "conferences",
    }
}

impl Feed {
    /// Returns the path of this feed of a pairing.
    pub fn path(self, pairing: &str) -> String {
        format!("{BEFORE}{pairing}/{self}{AFTER}")
    }
}

/// Returns the identity of a key's holder, for rate limits and the log.
pub fn identity(id: i64) -> String {
    format!("feed:{id}")
}

/// Returns the calendar key in a query. On a feed, any value of the parameter counts as a key; elsewhere only one with
/// the prefix. Returns an empty, invalid key if there are several.
pub fn key_in(query: &str, is_feed: bool) -> Option<String> {
    let mut shown = url::form_urlencoded::parse(query.as_bytes())
        .filter(|(name, value)| name == PARAMETER && (is_feed || Family::Calendar.has_prefix(value)))
        .map(|(_, value)| value);
    let first = shown.next()?;
    Some(if shown.next().is_some() { String::new() } else { Cow::into_owned(first) })
}

/// Number of days for which a feed lists removed events as cancelled, so that programs that were offline remove them.
pub const CANCELLED_FOR_DAYS: i64 = 90;

/// A calendar key that is accepted for its feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The key's id.
    pub key: i64,
    /// When the key was revoked or expired; `None` for a valid one. The feed then contains only cancellations without
    /// details, so that calendar programs remove the events.
    pub ended_at: Option<Instant>,
}

/// The feed and pairing of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub feed: Feed,
    pub pairing: Ref,
}

impl Asked {
    /// Parses a path; `None` if it is not the path of a feed.
    pub fn read(path: &str) -> Option<Asked> {
        let (pairing, file) = path.strip_prefix(BEFORE)?.split_once('/')?;
        let feed = file.strip_suffix(AFTER)?.parse().ok()?;
        Some(Asked { feed, pairing: Ref(pairing.to_owned()) })
    }

    /// Looks up a key and accepts it if it belongs to this feed and is valid today in the service's time zone, or ended
    /// less than [`CANCELLED_FOR_DAYS`] ago. Always read from the database, so a revocation takes effect immediately.
    pub fn opened_by(
        &self,
        conn: &mut Conn,
        pairings: &Kind,
        presented: &PresentedKey,
        settings: &Settings,
    ) -> Result<Option<Opening>> {
        type Row = (i64, i64, Feed, String, Option<NaiveDate>, Option<Instant>);
        let row: Option<Row> = calendar_keys::table
            .filter(calendar_keys::code.eq(&presented.code))
            .select((
                calendar_keys::id,
                calendar_keys::pairing_id,
                calendar_keys::feed,
                calendar_keys::secret_sha256,
                calendar_keys::expires_on,
                calendar_keys::revoked_at,
            ))
            .first(conn)
            .optional()?;
        let Some((id, pairing, feed, sha256, expires_on, revoked_at)) = row else { return Ok(None) };
        let today = settings.today();
        let ended_at = Validity { expires_on, revoked_at }.ended_at(settings, today);
        let since = settings.start_of(today) - TimeDelta::days(CANCELLED_FOR_DAYS);
        let is_forgotten = ended_at.is_some_and(|at| at.utc() < since);
        if !presented.matches(&sha256) || is_forgotten || feed != self.feed {
            return Ok(None);
        }
        let asked = pairings.find(conn, &self.pairing)?;
        Ok((asked == Some(pairing)).then_some(Opening { key: id, ended_at }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_its_feed_and_pairing() {
        for feed in Feed::ALL {
            let asked = Asked::read(&feed.path("xinhui-taishan")).expect("a feed");
            assert_eq!((asked.feed, asked.pairing.0.as_str()), (*feed, "xinhui-taishan"));
        }
        for path in ["/api/v1/pairings", "/api/v1/pairings/x", "/api/v1/pairings/x/liaisons.ics", "/x/milestones.ics"] {
            assert_eq!(Asked::read(path), None, "{path}");
        }
    }

    #[test]
    fn a_key_is_found_in_a_query_and_two_are_none() {
        assert_eq!(key_in("as_of=2022-01-01&key=ptf%5Fx", true).as_deref(), Some("ptf_x"));
        assert_eq!(key_in("key=anything", true).as_deref(), Some("anything"));
        assert_eq!(key_in("key=anything", false), None);
        assert_eq!(key_in("q=1&key=ptf_x", false).as_deref(), Some("ptf_x"));
        assert_eq!(key_in("key=ptf_x&key=ptf_y", true).as_deref(), Some(""));
        assert_eq!(key_in("", true), None);
    }
}
