//! Keys that are tried and are not good: a budget of them for each address, so that nobody tries without end, and a
//! memory of the keys that were good, so that who holds one is not shut out by what others behind his address try.

use std::collections::HashSet;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::budget::{Budget, Standing};
use crate::http::peer::counted;

/// Good keys of one generation; two generations are remembered.
const GOOD_MAX: usize = 5_000;

/// The attempts of all addresses.
pub struct Guesses {
    /// `None`: any number may fail.
    wrong: Option<Budget<IpAddr>>,
    good: Mutex<Good>,
}

/// The hashes of keys that were good, in two generations: when one is full, the one before it is forgotten.
#[derive(Default)]
struct Good {
    young: HashSet<String>,
    old: HashSet<String>,
}

impl Guesses {
    /// As many may fail of one address in a minute, and as many at once; zero: any number.
    pub fn new(quota: u32) -> Guesses {
        Guesses { wrong: NonZeroU32::new(quota).map(Budget::new), good: Mutex::default() }
    }

    /// Whether the address may try this key, given by the hash that is stored of it (`None`: of the wrong shape).
    pub fn may_try(&self, address: Option<IpAddr>, hash: Option<&str>) -> Result<(), Standing> {
        let (Some(address), Some(wrong)) = (address, &self.wrong) else { return Ok(()) };
        match wrong.look(&counted(address)) {
            Err(_) if hash.is_some_and(|hash| self.lock().knows(hash)) => Ok(()),
            judged => judged.map(drop),
        }
    }

    /// Counts an attempt that failed; the key, if it was good once, is no longer.
    pub fn wrong(&self, address: Option<IpAddr>, hash: Option<&str>) {
        if let Some(hash) = hash {
            let mut good = self.lock();
            good.young.remove(hash);
            good.old.remove(hash);
        }
        if let (Some(address), Some(wrong)) = (address, &self.wrong) {
            // Once the budget is spent, there is nothing more to count.
            let _ = wrong.spend(&counted(address));
        }
    }

    /// Remembers a key that was good.
    pub fn good(&self, hash: &str) {
        let mut good = self.lock();
        if good.young.contains(hash) {
            return;
        }
        if good.young.len() >= GOOD_MAX {
            good.old = std::mem::take(&mut good.young);
        }
        good.young.insert(hash.to_owned());
    }

    fn lock(&self) -> MutexGuard<'_, Good> {
        self.good.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Good {
    fn knows(&self, hash: &str) -> bool {
        self.young.contains(hash) || self.old.contains(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_failed_too_often_may_try_only_what_was_good() {
        let guesses = Guesses::new(60);
        let [here, there] = ["192.0.2.1", "192.0.2.2"].map(|address| Some(address.parse().unwrap()));
        guesses.good("known");
        for _ in 0..60 {
            assert!(guesses.may_try(here, Some("unknown")).is_ok());
            guesses.wrong(here, Some("unknown"));
        }
        assert!(guesses.may_try(here, Some("unknown")).is_err());
        assert!(guesses.may_try(here, None).is_err());
        assert!(guesses.may_try(here, Some("known")).is_ok());
        assert!(guesses.may_try(there, Some("unknown")).is_ok());
        // It was revoked.
        guesses.wrong(here, Some("known"));
        assert!(guesses.may_try(here, Some("known")).is_err());
    }

    #[test]
    fn no_more_than_two_generations_are_remembered() {
        let guesses = Guesses::new(60);
        for n in 0..3 * GOOD_MAX {
            guesses.good(&n.to_string());
        }
        let good = guesses.lock();
        assert_eq!((good.young.len(), good.old.len()), (GOOD_MAX, GOOD_MAX));
        assert!(!good.knows("0") && good.knows(&GOOD_MAX.to_string()));
    }
}
