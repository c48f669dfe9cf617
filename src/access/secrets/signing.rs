//! Secrets of webhooks, in the form of Standard Webhooks 1.0: `whsec_` and the key in base64.
//!
//! The service signs with them (HMAC-SHA256), so they are stored as they are, not hashed; who can read the database can
//! sign. They are returned on creation and rotation only; the audit log and exports do not contain them, a backup of the
//! database does. They do not expire; for a day after a rotation, messages are also signed with the previous secret.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::TimeDelta;
use ring::hmac;

use super::{Secret, random_bytes};
use crate::error::{Error, Result};
use crate::model::types::Instant;

/// Prefix of a secret.
const PREFIX: &str = "whsec_";
/// Length of a secret in bytes; the specification requires 24 to 64.
const SECRET_BYTES: usize = 32;

/// Generates a random secret.
pub fn new_secret() -> Secret {
    Secret(format!("{PREFIX}{}", BASE64_STANDARD.encode(random_bytes::<SECRET_BYTES>())))
}

/// Returns until when messages are also signed with the previous secret after a rotation.
pub fn overlap_until(rotated_at: Instant) -> Instant {
    Instant::from(rotated_at.utc() + TimeDelta::hours(24))
}

/// Returns the secrets that sign at an instant, newest first. `previous` is the one before the last rotation.
pub fn in_use(current: String, previous: Option<String>, previous_until: Option<Instant>, now: Instant) -> Vec<Secret> {
    let previous = previous.filter(|_| previous_until.is_some_and(|until| until > now));
    std::iter::once(current).chain(previous).map(Secret).collect()
}

impl Secret {
    /// The key for HMAC-SHA256; fails if the stored secret is malformed.
    pub fn hmac_key(&self) -> Result<hmac::Key> {
        let key = self.0.strip_prefix(PREFIX).and_then(|text| BASE64_STANDARD.decode(text).ok());
        // The error must not contain the secret.
        let key = key.ok_or_else(|| Error::unexpected("the stored secret of a webhook is malformed"))?;
        Ok(hmac::Key::new(hmac::HMAC_SHA256, &key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        Instant::from(text.parse::<chrono::DateTime<chrono::Utc>>().unwrap())
    }

    #[test]
    fn a_new_secret_has_32_random_bytes_and_signs() {
        let (one, other) = (new_secret(), new_secret());
        assert!(one != other && one.expose().len() == PREFIX.len() + 44);
        assert!(one.hmac_key().is_ok());
    }

    #[test]
    fn the_error_of_a_malformed_secret_omits_it() {
        for text in ["whsec_%", "%", ""] {
            let message = Secret(text.to_owned()).hmac_key().unwrap_err().to_string();
            assert!(!message.contains('%'), "{message}");
        }
    }

    #[test]
    fn the_previous_secret_signs_for_a_day_after_the_rotation() {
        let until = overlap_until(at("2022-03-01T08:00:00Z"));
        let count = |now: &str| in_use("b".to_owned(), Some("a".to_owned()), Some(until), at(now)).len();
        assert_eq!((count("2022-03-01T08:00:00Z"), count("2022-03-02T07:59:59Z")), (2, 2));
        assert_eq!(count("2022-03-02T08:00:00Z"), 1);
        assert_eq!(in_use("b".to_owned(), None, None, until), [Secret("b".to_owned())]);
    }
}
