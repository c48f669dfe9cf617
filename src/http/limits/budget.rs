//! Rate limits: requests per minute for each key or address, by the generic cell rate algorithm of `governor`.

use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::{Clock, MonotonicClock};
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::ShrinkableKeyedStateStore;
use governor::{Quota, RateLimiter};

/// The window of every budget, in seconds.
pub const WINDOW: u64 = 60;
/// The number of clients with a budget of their own; all further ones share one.
const TRACKED_MAX: usize = 100_000;
/// How often full budgets are removed.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10);

/// The state of a budget after a request was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Requests per window.
    pub quota: u32,
    /// Requests that may follow immediately.
    pub remaining: u32,
    /// Seconds until the budget is full again, or, when it is exhausted, until the next request is allowed; rounded up.
    pub reset: u64,
}

/// A number of requests per minute for each `K`, all of which may arrive at once.
pub struct Budget<K: Clone + Eq + Hash> {
    limiter: RateLimiter<Access<K>, Tracked<K>, MonotonicClock, StateInformationMiddleware>,
    quota: NonZeroU32,
    swept: Mutex<Instant>,
}

/// A key of the store: the client, and whether the request is counted or the budget only inspected.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Access<K> {
    client: K,
    spends: bool,
}

impl<K: Clone + Eq + Hash> Budget<K> {
    /// A budget of `quota` requests per minute.
    pub fn new(quota: NonZeroU32) -> Budget<K> {
        let limiter = RateLimiter::new(Quota::per_minute(quota), Tracked::default(), MonotonicClock);
        Budget { limiter, quota, swept: Mutex::new(Instant::now()) }
    }

    /// Counts a request; `Err` when the budget is exhausted.
    pub fn spend(&self, client: &K) -> Result<Standing, Standing> {
        self.sweep();
        self.check(client, true)
    }

    /// Whether a request would be allowed, without counting one.
    pub fn peek(&self, client: &K) -> Result<Standing, Standing> {
        self.check(client, false)
    }

    fn check(&self, client: &K, spends: bool) -> Result<Standing, Standing> {
        let quota = self.quota.get();
        match self.limiter.check_key(&Access { client: client.clone(), spends }) {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity().min(quota);
                let spent = u64::from(quota - remaining);
                Ok(Standing { quota, remaining, reset: (spent * WINDOW).div_ceil(u64::from(quota)) })
            }
            Err(until) => {
                let wait = until.wait_time_from(self.limiter.clock().now());
                // At least a second, because `Retry-After: 0` would cause an immediate retry, which fails too.
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                Err(Standing { quota, remaining: 0, reset: seconds.max(1) })
            }
        }
    }

    /// Removes full budgets, once per interval.
    fn sweep(&self) {
        {
            let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
            if swept.elapsed() < SWEEP_INTERVAL {
                return;
            }
            *swept = Instant::now();
        }
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }
}

/// The state of each budget. Unlike the stores of `governor`, it is bounded and can be read without counting a request.
struct Tracked<K> {
    states: Mutex<States<K>>,
    most: usize,
}

struct States<K> {
    known: HashMap<K, Nanos>,
    others: Option<Nanos>,
}

impl<K> Default for Tracked<K> {
    fn default() -> Tracked<K> {
        Tracked { states: Mutex::new(States { known: HashMap::new(), others: None }), most: TRACKED_MAX }
    }
}

impl<K> Tracked<K> {
    fn lock(&self) -> MutexGuard<'_, States<K>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Clone + Eq + Hash> StateStore for Tracked<K> {
    type Key = Access<K>;

    fn measure_and_replace<T, F, E>(&self, access: &Access<K>, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut states = self.lock();
        let is_other = states.known.len() >= self.most && !states.known.contains_key(&access.client);
        let state = if is_other { states.others } else { states.known.get(&access.client).copied() };
        let (outcome, next) = measure(state)?;
        match (access.spends, is_other) {
            (false, _) => {}
            (true, true) => states.others = Some(next),
            (true, false) => drop(states.known.insert(access.client.clone(), next)),
        }
        Ok(outcome)
    }
}

impl<K: Clone + Eq + Hash> ShrinkableKeyedStateStore<Access<K>> for Tracked<K> {
    fn retain_recent(&self, drop_below: Nanos) {
        self.lock().known.retain(|_, state| *state >= drop_below);
    }

    fn shrink_to_fit(&self) {
        self.lock().known.shrink_to_fit();
    }

    fn len(&self) -> usize {
        self.lock().known.len()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(quota: u32) -> Budget<u32> {
        Budget::new(NonZeroU32::new(quota).unwrap())
    }

    #[test]
    fn each_client_has_its_own_budget() {
        let budget = budget(2);
        assert_eq!(budget.spend(&1), Ok(Standing { quota: 2, remaining: 1, reset: 30 }));
        assert_eq!(budget.spend(&1), Ok(Standing { quota: 2, remaining: 0, reset: 60 }));
        let rejected = budget.spend(&1).unwrap_err();
        assert_eq!((rejected.remaining, (1..=30).contains(&rejected.reset)), (0, true), "{rejected:?}");
        assert_eq!(budget.spend(&2).unwrap().remaining, 1);
    }

    #[test]
    fn peeking_is_not_counted() {
        let budget = budget(1);
        for _ in 0..3 {
            assert!(budget.peek(&1).is_ok());
        }
        assert!(budget.limiter.is_empty());
        assert!(budget.spend(&1).is_ok());
        assert!(budget.peek(&1).is_err());
    }

    #[test]
    fn a_large_quota_is_counted() {
        let budget = budget(6000);
        assert_eq!(budget.spend(&1), Ok(Standing { quota: 6000, remaining: 5999, reset: 1 }));
    }

    #[test]
    fn clients_beyond_the_maximum_share_one_budget() {
        let tracked = Tracked { most: 2, ..Tracked::default() };
        let limiter: RateLimiter<_, _, _, StateInformationMiddleware> =
            RateLimiter::new(Quota::per_hour(NonZeroU32::new(2).unwrap()), tracked, MonotonicClock);
        let spend = |client: u32| limiter.check_key(&Access { client, spends: true }).is_ok();
        assert_eq!([1, 2, 3, 4, 5].map(spend), [true, true, true, true, false]);
        assert_eq!(limiter.len(), 2);
        assert_eq!([1, 2, 1].map(spend), [true, true, false]);
        // No budget is full again within an hour.
        limiter.retain_recent();
        assert_eq!(limiter.len(), 2);
    }

    #[test]
    fn full_budgets_are_removed() {
        let clock = governor::clock::FakeRelativeClock::default();
        let limiter: RateLimiter<_, _, _, StateInformationMiddleware> =
            RateLimiter::new(Quota::per_minute(NonZeroU32::new(60).unwrap()), Tracked::default(), clock.clone());
        assert!((0..1000).all(|client: u32| limiter.check_key(&Access { client, spends: true }).is_ok()));
        assert_eq!(limiter.len(), 1000);
        clock.advance(Duration::from_secs(3));
        limiter.retain_recent();
        assert!(limiter.is_empty());
    }
}
