//! The keys that people and programs call with: their form, and who holds one.
//!
//! | part | what it is |
//! |---|---|
//! | `ptk_` | what secret scanners know a key by |
//! | 8 lower-case letters and digits | the key's code: public, and what its row is found by |
//! | `_` | |
//! | 43 letters and digits | the secret: 62^43 of them, a little more than 2^256 |
//! | 6 hexadecimal digits | the beginning of a SHA-256 of all before, so that a mistyped key is refused before any look-up |
//!
//! A key of a calendar ([`super::feeds`]) has the same form and another beginning.
//!
//! Only the SHA-256 of the whole is kept: 256 random bits need no slow hash.

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

/// What a key begins with.
pub const PREFIX: &str = "ptk_";
const CODE_LENGTH: usize = 8;
const SECRET_LENGTH: usize = 43;
const CHECKSUM_LENGTH: usize = 6;
const CODE_LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// A new key's parts.
#[derive(Debug)]
pub struct Issued {
    /// The public part.
    pub code: Code,
    /// The whole key, which is shown once.
    pub secret: String,
    /// What is kept of it.
    pub sha256: String,
}

impl Issued {
    /// A key that never was before.
    pub fn random() -> Issued {
        Issued::random_with(PREFIX)
    }

    /// [`Issued::random`] for keys of another kind, by what they begin with.
    pub fn random_with(prefix: &str) -> Issued {
        let mut random = rand::rng();
        // A letter first, so that a code is never taken for an id.
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

/// A text of the right form, not yet known to be a key.
#[derive(Clone, Debug)]
pub struct Shown {
    pub code: String,
    pub sha256: String,
}

impl Shown {
    /// Reads a text; `None` where it cannot be a key.
    pub fn read(text: &str) -> Option<Shown> {
        Shown::read_with(PREFIX, text)
    }

    /// [`Shown::read`] for keys of another kind, by what they begin with.
    pub fn read_with(prefix: &str, text: &str) -> Option<Shown> {
        let (code, body) = text.strip_prefix(prefix)?.split_once('_')?;
        let shaped = code.len() == CODE_LENGTH
            && code.bytes().all(|b| CODE_LETTERS.contains(&b))
            && body.len() == SECRET_LENGTH + CHECKSUM_LENGTH
            && body.bytes().all(|b| b.is_ascii_alphanumeric());
        let (unchecked, sum) = text.split_at_checked(text.len().checked_sub(CHECKSUM_LENGTH)?)?;
        (shaped && checksum(unchecked) == sum).then(|| Shown { code: code.to_owned(), sha256: hash(text) })
    }

    /// Whether this is the key whose hash is stored; takes the same time whatever the answer.
    pub fn is(&self, stored_sha256: &str) -> bool {
        stored_sha256.as_bytes().ct_eq(self.sha256.as_bytes()).into()
    }

    /// Who holds the key on a day of the service's time zone; `None` where it is unknown, revoked or expired. Asked of the
    /// database every time, so that a revocation holds at once, whichever replica made it.
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

/// The refusal of a key that is malformed, unknown, expired or revoked: one answer for all.
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
