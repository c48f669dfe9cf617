//! API keys: their format and the look-up of their holder.
//!
//! | part | meaning |
//! |---|---|
//! | `ptk_` | prefix, recognized by secret scanners |
//! | 8 lower-case letters and digits | the public code, used to look up the row |
//! | `_` | |
//! | 43 letters and digits | the secret: 62^43 combinations, slightly more than 2^256 |
//! | 6 hexadecimal digits | checksum: the first digits of the SHA-256 of the preceding text, so that a mistyped key is rejected without a look-up |
//!
//! Calendar keys ([`super::feeds`]) have the same format with another prefix.
//!
//! Only the SHA-256 of the key is stored; 256 random bits need no slow hash.

use chrono::NaiveDate;
use diesel::prelude::*;
use rand::RngExt;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{Actor, Identity, Role};
use crate::db::Conn;
use crate::db::schema::{api_key_pairings, api_keys};
use crate::error::{Error, Problem, Result};
use crate::model::hex;
use crate::model::types::{Code, Instant};
use crate::msg;

/// Prefix of API keys.
pub const PREFIX: &str = "ptk_";
const CODE_LENGTH: usize = 8;
const SECRET_LENGTH: usize = 43;
const CHECKSUM_LENGTH: usize = 6;
const CODE_LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// The parts of a new key.
#[derive(Debug)]
pub struct Issued {
    /// The public code.
    pub code: Code,
    /// The whole key, returned once.
    pub secret: String,
    /// The stored hash.
    pub sha256: String,
}

impl Issued {
    /// Generates a random key.
    pub fn random() -> Issued {
        Issued::random_with(PREFIX)
    }

    /// [`Issued::random`] with another prefix.
    pub fn random_with(prefix: &str) -> Issued {
        let mut random = rand::rng();
        // A code starts with a letter because a text of digits is an id.
        let code: String = (0..CODE_LENGTH)
            .map(|place| {
                let letters = if place == 0 { &CODE_LETTERS[..26] } else { CODE_LETTERS };
                char::from(letters[random.random_range(0..letters.len())])
            })
            .collect();
        let body: String = (0..SECRET_LENGTH).map(|_| char::from(random.sample(rand::distr::Alphanumeric))).collect();
        let unchecked = format!("{prefix}{code}_{body}");
        let secret = format!("{unchecked}{}", checksum(&unchecked));
        Issued { sha256: hash(&secret), code: Code(code), secret }
    }
}

/// A well-formed key that has not been looked up yet.
#[derive(Clone, Debug)]
pub struct Shown {
    pub code: String,
    pub sha256: String,
}

impl Shown {
    /// Parses a text; `None` if it is malformed.
    pub fn read(text: &str) -> Option<Shown> {
        Shown::read_with(PREFIX, text)
    }

    /// [`Shown::read`] with another prefix.
    pub fn read_with(prefix: &str, text: &str) -> Option<Shown> {
        let (code, body) = text.strip_prefix(prefix)?.split_once('_')?;
        let shaped = code.len() == CODE_LENGTH
            && code.bytes().all(|b| CODE_LETTERS.contains(&b))
            && body.len() == SECRET_LENGTH + CHECKSUM_LENGTH
            && body.bytes().all(|b| b.is_ascii_alphanumeric());
        let (unchecked, sum) = text.split_at_checked(text.len().checked_sub(CHECKSUM_LENGTH)?)?;
        (shaped && checksum(unchecked) == sum).then(|| Shown { code: code.to_owned(), sha256: hash(text) })
    }

    /// Compares the key with a stored hash in constant time.
    pub fn is(&self, stored_sha256: &str) -> bool {
        stored_sha256.as_bytes().ct_eq(self.sha256.as_bytes()).into()
    }

    /// Returns the holder of the key on a day of the service's time zone; `None` if it is unknown, revoked or expired.
    /// Always read from the database, so a revocation on any replica takes effect immediately.
    pub fn holder(&self, conn: &mut Conn, today: NaiveDate) -> Result<Option<Actor>> {
        type Row = (i64, String, Role, String, Option<NaiveDate>, Option<Instant>);
        let row: Option<Row> = api_keys::table
            .filter(api_keys::code.eq(&self.code))
            .select((
                api_keys::id,
                api_keys::name,
                api_keys::role,
                api_keys::secret_sha256,
                api_keys::expires_on,
                api_keys::revoked_at,
            ))
            .first(conn)
            .optional()?;
        let Some((id, name, role, sha256, expires_on, revoked_at)) = row else { return Ok(None) };
        if !self.is(&sha256) || revoked_at.is_some() || expires_on.is_some_and(|last| last < today) {
            return Ok(None);
        }
        let pairings: Vec<i64> = api_key_pairings::table
            .filter(api_key_pairings::api_key_id.eq(id))
            .select(api_key_pairings::pairing_id)
            .load(conn)?;
        Ok(Some(Actor {
            name,
            identity: Identity::Key(id),
            role,
            pairings: (!pairings.is_empty()).then_some(pairings),
        }))
    }
}

/// Returns the 401 error of a malformed, unknown, expired or revoked key; the same for all, so that it does not
/// disclose which.
pub fn not_good() -> Error {
    Problem::unauthorized(msg!("密钥无效、已过期或已吊销。", "The key is not valid: unknown, expired or revoked."))
        .into()
}

fn hash(text: &str) -> String {
    hex(&Sha256::digest(text))
}

fn checksum(text: &str) -> String {
    hex(&Sha256::digest(text)[..CHECKSUM_LENGTH / 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_issued_is_read_again() {
        let issued = Issued::random();
        let shown = Shown::read(&issued.secret).expect("a key");
        assert_eq!((shown.code, shown.sha256), (issued.code.0, issued.sha256));
    }

    #[test]
    fn a_mistyped_key_is_none() {
        let secret = Issued::random().secret;
        for (place, letter) in secret.char_indices() {
            let other = if letter == 'x' { "y" } else { "x" };
            let mistyped = format!("{}{other}{}", &secret[..place], &secret[place + 1..]);
            assert!(Shown::read(&mistyped).is_none(), "{place}");
        }
        for text in ["", "ptk_", "ptk__", &secret[..secret.len() - 1], &format!("{secret}0"), "ptk_ключ_ключ"] {
            assert!(Shown::read(text).is_none(), "{text}");
        }
    }
}
