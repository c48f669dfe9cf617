//! Secrets that the service issues, and everything that is done with one: generate, hash, verify, expire, revoke, and
//! return it once.
//!
//! | secret | prefix | stored as | because |
//! |---|---|---|---|
//! | API key ([`super::keys`]) | `ptk_` | SHA-256 | the client presents it, so its hash is enough to verify it |
//! | calendar key ([`super::feeds`]) | `ptf_` | SHA-256 | the same |
//! | webhook secret | `whsec_` | the secret itself | the service signs messages with it, which a hash cannot do |
//!
//! [`keys`] has the format of the two kinds of keys, [`validity`] their expiry and revocation, and [`signing`] webhook
//! secrets with their rotation. All of them are 256 random bits, so that a fast hash is enough.

pub mod keys;
pub mod signing;
pub mod validity;

use std::fmt;

use rand::Rng;
use serde::Serialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::error::{Error, Problem};
use crate::model::hex;
use crate::msg;

/// A secret in clear text. It has no `Display`, and its `Debug` omits the text, so that it cannot reach a log by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text, for the response to the request that issued it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A response body with a secret, which only the first response to a request contains. Retries with the same
/// `Idempotency-Key` get the body without it, because responses are stored for them.
pub trait ShownOnce: Serialize {
    /// Removes the secret.
    fn withhold(&mut self);
}

/// Returns the SHA-256 of a text in hexadecimal digits.
pub fn sha256(text: &str) -> String {
    hex(&Sha256::digest(text))
}

/// Compares two texts in a time that depends on their lengths alone.
pub fn equal(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

/// Returns `BYTES` random bytes in hexadecimal digits: a text that others cannot guess.
pub fn random_hex<const BYTES: usize>() -> String {
    hex(&random_bytes::<BYTES>())
}

/// Returns bytes of a cryptographically secure generator, which the operating system seeds.
fn random_bytes<const BYTES: usize>() -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

/// Returns the 401 error of a malformed, unknown, expired or revoked credential; the same for all, so that it does not
/// disclose which.
pub fn invalid() -> Error {
    Problem::unauthorized(msg!("密钥无效、已过期或已吊销。", "The key is not valid: unknown, expired or revoked."))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_equal_only_if_all_of_them_is() {
        for (one, other, same) in [("abc", "abc", true), ("abc", "abd", false), ("abc", "abcd", false), ("", "", true)]
        {
            assert_eq!(equal(one, other), same, "{one} {other}");
        }
    }

    #[test]
    fn the_hash_is_that_of_keys_issued_before() {
        assert_eq!(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn random_texts_differ_and_have_two_digits_a_byte() {
        let (one, other) = (random_hex::<16>(), random_hex::<16>());
        assert!(one != other && one.len() == 32 && one.bytes().all(|digit| digit.is_ascii_hexdigit()));
    }

    #[test]
    fn the_debug_form_of_a_secret_omits_it() {
        let secret = signing::new_secret();
        assert!(!format!("{secret:?}").contains(&secret.expose()[10..]));
    }
}
