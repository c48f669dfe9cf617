//! Keys of calendars: each opens one feed of one pairing, and nothing else.
//!
//! A calendar program keeps a URL and sends no headers, so that its key stands in the URL, where it is easily told on: in a
//! bookmark, in a shared calendar. Such a key is therefore none that anybody could call with. Its form is that of other keys
//! ([`super::keys`]) with a beginning of its own, and it is found in a table of its own; as a bearer, at another feed, at
//! another pairing and at any other path it is a wrong key. It names no actor: who reads by it sees what anybody sees of a
//! public service. A key that was revoked or has expired reads, for some time, only cancellations of what the feed
//! had ([`Opening`]). The log and the history of refusals keep no query, and every answer says `Referrer-Policy: no-referrer`.

use std::borrow::Cow;

use chrono::{NaiveDate, TimeDelta};
use diesel::prelude::*;

use super::keys::Shown;
use crate::config::Settings;
use crate::db::Conn;
use crate::db::reference::Kind;
use crate::db::schema::calendar_keys;
use crate::error::Result;
use crate::model::types::{Instant, Ref};
use crate::text_enum;

/// What a key of a calendar begins with.
pub const PREFIX: &str = "ptf_";
/// The parameter that it is shown in.
pub const PARAMETER: &str = "key";

/// The paths of feeds are `/api/v1/pairings/{ref}/<feed>.ics`.
const BEFORE: &str = "/api/v1/pairings/";
const AFTER: &str = ".ics";

text_enum! {
    /// A feed of a pairing.
    Feed as "CalendarFeed" {
        /// 里程碑: its milestones, by due date.
        Milestones => "milestones",
        /// 会议: its conferences that have a date.
        Conferences => "conferences",
    }
}

impl Feed {
    /// The path of this feed of a pairing.
    pub fn path(self, pairing: &str) -> String {
        format!("{BEFORE}{pairing}/{self}{AFTER}")
    }
}

/// The name of who reads by a key, where one must be told from others.
pub fn identity(id: i64) -> String {
    format!("feed:{id}")
}

/// The key of a calendar that a query holds. At a feed whatever stands in the parameter is one that is meant; elsewhere only
/// what begins as one. Several at once are none that could be good.
pub fn key_in(query: &str, is_feed: bool) -> Option<String> {
    let mut shown = url::form_urlencoded::parse(query.as_bytes())
        .filter(|(name, value)| name == PARAMETER && (is_feed || value.starts_with(PREFIX)))
        .map(|(_, value)| value);
    let first = shown.next()?;
    Some(if shown.next().is_some() { String::new() } else { Cow::into_owned(first) })
}

/// How long a feed lists what is no longer in it as cancelled, in days: programs that were offline drop it then.
pub const TOLD_FOR_DAYS: i64 = 90;

/// A key that was shown for its feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The key's id.
    pub key: i64,
    /// When the key was revoked or expired; `None` for a good one. The feed is then nothing but cancellations, without a
    /// word of what they were, so that a calendar program drops what it has.
    pub ended_at: Option<Instant>,
}

/// The feed that a path asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub feed: Feed,
    pub pairing: Ref,
}

impl Asked {
    /// Reads a path; `None` where it is none of a feed.
    pub fn read(path: &str) -> Option<Asked> {
        let (pairing, file) = path.strip_prefix(BEFORE)?.split_once('/')?;
        let feed = file.strip_suffix(AFTER)?.parse().ok()?;
        Some(Asked { feed, pairing: Ref(pairing.to_owned()) })
    }

    /// The key that is shown, where it is one of this very feed and is good today in the service's time zone, or ended
    /// less than [`TOLD_FOR_DAYS`] before. Read from the database every time, so that a revocation holds at once.
    pub fn opened_by(
        &self,
        conn: &mut Conn,
        pairings: &Kind,
        shown: &Shown,
        settings: &Settings,
    ) -> Result<Option<Opening>> {
        type Row = (i64, i64, Feed, String, Option<NaiveDate>, Option<Instant>);
        let row: Option<Row> = calendar_keys::table
            .filter(calendar_keys::code.eq(&shown.code))
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
        let expired = expires_on.filter(|last| *last < today).and_then(|last| last.succ_opt());
        let expired = expired.map(|day| Instant::from(settings.start_of(day)));
        let ended_at = revoked_at.into_iter().chain(expired).min();
        let since = settings.start_of(today) - TimeDelta::days(TOLD_FOR_DAYS);
        let is_forgotten = ended_at.is_some_and(|at| at.utc() < since);
        if !shown.is(&sha256) || is_forgotten || feed != self.feed {
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
