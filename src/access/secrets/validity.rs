//! Expiry and revocation of keys.

use chrono::NaiveDate;
use diesel::QueryResult;

use crate::config::Settings;
use crate::db::Conn;
use crate::db::backend::statement::{Bind, Statement};
use crate::db::reference::Kind;
use crate::error::Faults;
use crate::model::types::Instant;
use crate::{msg, text_enum};

text_enum! {
    /// Status of a key.
    Status as "ApiKeyStatus" {
        /// It is good. 有效.
        Active => "active",
        /// Its last day is past. 已过期.
        Expired => "expired",
        /// It was revoked. 已吊销.
        Revoked => "revoked",
    }
}

/// What limits the validity of a key.
#[derive(Clone, Copy, Debug)]
pub struct Validity {
    /// The last day on which the key is valid, in the service's time zone; `None` for a key that does not expire.
    pub expires_on: Option<NaiveDate>,
    pub revoked_at: Option<Instant>,
}

impl Validity {
    /// The status on a day.
    pub fn status(self, today: NaiveDate) -> Status {
        if self.revoked_at.is_some() {
            Status::Revoked
        } else if self.expires_on.is_some_and(|last| last < today) {
            Status::Expired
        } else {
            Status::Active
        }
    }

    /// Whether the key is neither revoked nor expired on a day.
    pub fn is_valid(self, today: NaiveDate) -> bool {
        self.status(today) == Status::Active
    }

    /// When the key was revoked or expired, whichever was first; `None` if it is valid today.
    pub fn ended_at(self, settings: &Settings, today: NaiveDate) -> Option<Instant> {
        let expired = self.expires_on.filter(|last| *last < today).and_then(|last| last.succ_opt());
        let expired = expired.map(|day| Instant::from(settings.start_of(day)));
        self.revoked_at.into_iter().chain(expired).min()
    }
}

/// Refuses a new last day of validity that is over.
pub fn validate_expiry(faults: &mut Faults, expires_on: Option<NaiveDate>, today: NaiveDate) {
    if expires_on.is_some_and(|last| last < today) {
        faults.push("/expires_on", "past", msg!("不能早于今天。", "must not be before today"));
    }
}

/// Revokes a key, unless it is revoked already: a key keeps the time of its first revocation. Returns the number of changed
/// rows.
pub fn revoke(conn: &mut Conn, kind: &Kind, id: i64, now: Instant) -> QueryResult<usize> {
    let table = kind.table;
    let sql = format!(
        "UPDATE {table} SET revoked_at = $1, version = version + 1, updated_at = $2 WHERE id = $3 AND revoked_at IS NULL"
    );
    Statement::new(sql, [Bind::Instant(now), Bind::Instant(now), Bind::Id(id)]).run(conn)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_key_is_valid_through_its_last_day_and_until_it_is_revoked() {
        let (expires_on, revoked_at) = (Some(day("2022-03-01")), Some(Instant::now()));
        for (validity, today, status) in [
            (Validity { expires_on, revoked_at: None }, "2022-03-01", Status::Active),
            (Validity { expires_on, revoked_at: None }, "2022-03-02", Status::Expired),
            (Validity { expires_on, revoked_at }, "2022-03-01", Status::Revoked),
            (Validity { expires_on, revoked_at }, "2022-03-02", Status::Revoked),
            (Validity { expires_on: None, revoked_at: None }, "9999-12-31", Status::Active),
        ] {
            assert_eq!(validity.status(day(today)), status, "{validity:?} {today}");
            assert_eq!(validity.is_valid(day(today)), status == Status::Active, "{validity:?} {today}");
        }
    }

    #[test]
    fn a_key_ends_with_its_last_day_or_its_revocation() {
        let settings = Settings::default();
        let expired_at = Instant::from(settings.start_of(day("2022-03-02")));
        let before = Instant::from(expired_at.utc() - chrono::TimeDelta::hours(1));
        let after = Instant::from(expired_at.utc() + chrono::TimeDelta::hours(1));
        let (expires_on, today) = (Some(day("2022-03-01")), day("2022-03-02"));
        for (revoked_at, ended_at) in [(None, expired_at), (Some(before), before), (Some(after), expired_at)] {
            assert_eq!(
                Validity { expires_on, revoked_at }.ended_at(&settings, today),
                Some(ended_at),
                "{revoked_at:?}"
            );
        }
        assert_eq!(Validity { expires_on, revoked_at: None }.ended_at(&settings, day("2022-03-01")), None);
    }

    #[test]
    fn a_last_day_before_today_is_refused() {
        for (expires_on, is_refused) in [("2022-02-28", true), ("2022-03-01", false), ("2022-03-02", false)] {
            let mut faults = Faults::default();
            validate_expiry(&mut faults, Some(day(expires_on)), day("2022-03-01"));
            assert_eq!(faults.refuse().is_err(), is_refused, "{expires_on}");
        }
    }
}
