//! Limits attempts with invalid keys, per address.
//!
//! Keys that were valid recently are exempt, so that their holders are not locked out by invalid attempts of others behind the
//! same address.

use std::collections::HashSet;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::budget::{Budget, Standing};
use crate::http::peer::counted;

/// The number of valid keys in one generation; two generations are kept.
const GENERATION_MAX: usize = 5_000;

/// The attempts of all addresses.
pub struct KeyAttempts {
    /// `None` when attempts are not limited.
    invalid: Option<Budget<IpAddr>>,
    valid: Mutex<ValidKeys>,
}

/// The hashes of recently valid keys, in two generations: when the young one is full, it replaces the old one.
#[derive(Default)]
struct ValidKeys {
    young: HashSet<String>,
    old: HashSet<String>,
}

impl KeyAttempts {
    /// Allows `quota` invalid attempts per minute and address; zero means no limit.
    pub fn new(quota: u32) -> KeyAttempts {
        KeyAttempts { invalid: NonZeroU32::new(quota).map(Budget::new), valid: Mutex::default() }
    }

    /// Whether the address may try the key with this hash (`None` for a malformed key).
    pub fn check(&self, address: Option<IpAddr>, hash: Option<&str>) -> Result<(), Standing> {
        let (Some(address), Some(invalid)) = (address, &self.invalid) else { return Ok(()) };
        match invalid.peek(&counted(address)) {
            Err(_) if hash.is_some_and(|hash| self.lock().contains(hash)) => Ok(()),
            outcome => outcome.map(drop),
        }
    }

    /// Counts a failed attempt, and removes the key from the valid ones.
    pub fn record_invalid(&self, address: Option<IpAddr>, hash: Option<&str>) {
        if let Some(hash) = hash {
            let mut valid = self.lock();
            valid.young.remove(hash);
            valid.old.remove(hash);
        }
        if let (Some(address), Some(invalid)) = (address, &self.invalid) {
            // This fails when the budget is exhausted already.
            let _ = invalid.spend(&counted(address));
        }
    }

    /// Stores the hash of a valid key.
    pub fn record_valid(&self, hash: &str) {
        let mut valid = self.lock();
        if valid.young.contains(hash) {
            return;
        }
        if valid.young.len() >= GENERATION_MAX {
            valid.old = std::mem::take(&mut valid.young);
        }
        valid.young.insert(hash.to_owned());
    }

    fn lock(&self) -> MutexGuard<'_, ValidKeys> {
        self.valid.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ValidKeys {
    fn contains(&self, hash: &str) -> bool {
        self.young.contains(hash) || self.old.contains(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_too_many_attempts_only_valid_keys_are_allowed() {
        let attempts = KeyAttempts::new(60);
        let [here, there] = ["192.0.2.1", "192.0.2.2"].map(|address| Some(address.parse().unwrap()));
        attempts.record_valid("known");
        for _ in 0..60 {
            assert!(attempts.check(here, Some("unknown")).is_ok());
            attempts.record_invalid(here, Some("unknown"));
        }
        assert!(attempts.check(here, Some("unknown")).is_err());
        assert!(attempts.check(here, None).is_err());
        assert!(attempts.check(here, Some("known")).is_ok());
        assert!(attempts.check(there, Some("unknown")).is_ok());
        // The key was revoked.
        attempts.record_invalid(here, Some("known"));
        assert!(attempts.check(here, Some("known")).is_err());
    }

    #[test]
    fn two_generations_of_valid_keys_are_kept() {
        let attempts = KeyAttempts::new(60);
        for n in 0..3 * GENERATION_MAX {
            attempts.record_valid(&n.to_string());
        }
        let valid = attempts.lock();
        assert_eq!((valid.young.len(), valid.old.len()), (GENERATION_MAX, GENERATION_MAX));
        assert!(!valid.contains("0") && valid.contains(&GENERATION_MAX.to_string()));
    }
}
