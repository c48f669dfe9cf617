//! The format of API keys and calendar keys.
//!
//! | part | meaning |
//! |---|---|
//! | `ptk_` or `ptf_` | prefix of the family, recognized by secret scanners |
//! | 8 lower-case letters and digits | the public code, used to look up the row |
//! | `_` | |
//! | 43 letters and digits | the secret: 62^43 combinations, slightly more than 2^256 |
//! | 6 hexadecimal digits | checksum: the first digits of the SHA-256 of the preceding text, so that a mistyped key is rejected without a look-up |
//!
//! Only the SHA-256 of the whole key is stored.

use rand::RngExt;

use super::{Secret, equal, sha256};
use crate::model::types::Code;

const CODE_LENGTH: usize = 8;
const SECRET_LENGTH: usize = 43;
const CHECKSUM_LENGTH: usize = 6;
const CODE_LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// A family of keys, distinguished by its prefix: a key of one is malformed as a key of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Api,
    Calendar,
}

impl Family {
    /// What each key of the family begins with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Family::Api => "ptk_",
            Family::Calendar => "ptf_",
        }
    }

    /// Whether a text has the prefix of the family, be it a valid key or not.
    pub fn has_prefix(self, text: &str) -> bool {
        text.starts_with(self.prefix())
    }
}

/// The parts of a new key.
#[derive(Debug)]
pub struct IssuedKey {
    /// The public code.
    pub code: Code,
    /// The whole key, returned once.
    pub secret: Secret,
    /// The stored hash.
    pub sha256: String,
}

impl IssuedKey {
    /// Generates a random key.
    pub fn random(family: Family) -> IssuedKey {
        let mut random = rand::rng();
        // A code starts with a letter because a text of digits is an id.
        let code: String = (0..CODE_LENGTH)
            .map(|place| {
                let letters = if place == 0 { &CODE_LETTERS[..26] } else { CODE_LETTERS };
                char::from(letters[random.random_range(0..letters.len())])
            })
            .collect();
        let body: String = (0..SECRET_LENGTH).map(|_| char::from(random.sample(rand::distr::Alphanumeric))).collect();
        let unchecked = format!("{}{code}_{body}", family.prefix());
        let secret = format!("{unchecked}{}", checksum(&unchecked));
        IssuedKey { sha256: sha256(&secret), code: Code(code), secret: Secret(secret) }
    }
}

/// A well-formed key that a client presented. It is verified with [`PresentedKey::matches`].
#[derive(Clone, Debug)]
pub struct PresentedKey {
    pub code: String,
    pub sha256: String,
}

impl PresentedKey {
    /// Parses a text; `None` if it is malformed.
    pub fn parse(family: Family, text: &str) -> Option<PresentedKey> {
        let (code, body) = text.strip_prefix(family.prefix())?.split_once('_')?;
        let is_shaped = code.len() == CODE_LENGTH
            && code.bytes().all(|b| CODE_LETTERS.contains(&b))
            && body.len() == SECRET_LENGTH + CHECKSUM_LENGTH
            && body.bytes().all(|b| b.is_ascii_alphanumeric());
        let (unchecked, sum) = text.split_at_checked(text.len().checked_sub(CHECKSUM_LENGTH)?)?;
        (is_shaped && checksum(unchecked) == sum).then(|| PresentedKey { code: code.to_owned(), sha256: sha256(text) })
    }

    /// Compares the key with a stored hash in constant time.
    pub fn matches(&self, stored_sha256: &str) -> bool {
        equal(stored_sha256, &self.sha256)
    }
}

/// The checksum is public: it detects mistyped keys and protects nothing.
fn checksum(text: &str) -> String {
    let mut digits = sha256(text);
    digits.truncate(CHECKSUM_LENGTH);
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_issued_is_read_again() {
        for family in [Family::Api, Family::Calendar] {
            let issued = IssuedKey::random(family);
            let presented = PresentedKey::parse(family, issued.secret.expose()).expect("a key");
            assert!(presented.matches(&issued.sha256));
            assert!(!presented.matches(&IssuedKey::random(family).sha256));
            assert_eq!(presented.code, issued.code.0);
        }
    }

    /// A change of the format would make issued keys invalid.
    #[test]
    fn a_key_issued_before_is_read() {
        let key = "ptk_k3m9q2xa_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";
        let key = format!("{key}{}", &sha256(key)[..6]);
        let presented = PresentedKey::parse(Family::Api, &key).expect("a key");
        assert!(presented.matches(&sha256(&key)));
        assert_eq!(presented.code, "k3m9q2xa");
        assert!(PresentedKey::parse(Family::Calendar, &key).is_none());
    }

    #[test]
    fn a_mistyped_key_is_none() {
        let issued = IssuedKey::random(Family::Api);
        let secret = issued.secret.expose();
        for (place, letter) in secret.char_indices() {
            let other = if letter == 'x' { "y" } else { "x" };
            let mistyped = format!("{}{other}{}", &secret[..place], &secret[place + 1..]);
            assert!(PresentedKey::parse(Family::Api, &mistyped).is_none(), "{place}");
        }
        for text in ["", "ptk_", "ptk__", &secret[..secret.len() - 1], &format!("{secret}0"), "ptk_ключ_ключ"] {
            assert!(PresentedKey::parse(Family::Api, text).is_none(), "{text}");
        }
    }
}
