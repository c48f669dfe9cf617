//! Cache of the issuer's keys.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jsonwebtoken::DecodingKey;

use super::fetch::{IssuerClient, Key};
use crate::error::{Error, Result};

/// Timeouts and lifetimes; tests replace the clock.
#[derive(Clone)]
pub struct Times {
    /// Timeout of one request to the issuer.
    pub question: Duration,
    /// Lifetime of keys if the issuer does not specify one.
    pub fresh: Duration,
    /// Bounds of the lifetime that the issuer may specify, because a withdrawn key must not stay valid for long.
    pub fresh_least: Duration,
    pub fresh_most: Duration,
    /// Minimum interval between requests while keys are known, so that tokens with unknown key ids do not flood the
    /// issuer.
    pub between: Duration,
    /// Minimum interval between requests while no keys are known.
    pub between_failures: Duration,
    /// How long keys stay valid while the issuer is unreachable.
    pub kept: Duration,
    /// The clock.
    pub clock: Arc<dyn Fn() -> Instant + Send + Sync>,
}

impl Default for Times {
    fn default() -> Times {
        Times {
            question: Duration::from_secs(5),
            fresh: Duration::from_secs(10 * 60),
            fresh_least: Duration::from_secs(60),
            fresh_most: Duration::from_secs(60 * 60),
            between: Duration::from_secs(30),
            between_failures: Duration::from_secs(5),
            kept: Duration::from_secs(24 * 60 * 60),
            clock: Arc::new(Instant::now),
        }
    }
}

/// The issuer's last response.
struct Seen {
    keys: Vec<Key>,
    at: Instant,
    fresh_for: Duration,
}

impl Seen {
    /// Finds a key by `kid`. A token without one matches only a set of a single key.
    fn find(&self, kid: Option<&str>) -> Option<DecodingKey> {
        let found = match (kid, self.keys.as_slice()) {
            (Some(kid), keys) => keys.iter().find(|key| key.kid.as_deref() == Some(kid)),
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        found.map(|found| found.key.clone())
    }
}

#[derive(Default)]
struct State {
    seen: Option<Arc<Seen>>,
    /// When the issuer was last requested, successfully or not.
    asked: Option<Instant>,
}

/// The issuer's keys.
pub struct Keys {
    inner: Arc<Inner>,
    /// Limits requests to the issuer to one at a time.
    refresh_lock: Arc<tokio::sync::Mutex<()>>,
}

struct Inner {
    client: IssuerClient,
    times: Times,
    state: Mutex<State>,
}

impl Keys {
    /// Creates an empty cache; the first token triggers the first request.
    pub fn new(client: IssuerClient, times: Times) -> Keys {
        let inner = Inner { client, times, state: Mutex::default() };
        Keys { inner: Arc::new(inner), refresh_lock: Arc::default() }
    }

    /// Finds the key of a token; `None` if the issuer has no such key. Fails with [`Error::Unavailable`] while the
    /// issuer's keys are unknown.
    pub async fn find(&self, kid: Option<&str>) -> Result<Option<DecodingKey>> {
        let (key, needs_refresh) = self.inner.look(kid);
        if !needs_refresh {
            return self.inner.require_known(key);
        }
        let permit = match (self.refresh_lock.clone().try_lock_owned(), key) {
            (Ok(permit), _) => permit,
            // Another request is in progress; the cached key is used meanwhile.
            (Err(_), Some(key)) => return Ok(Some(key)),
            (Err(_), None) => self.refresh_lock.clone().lock_owned().await,
        };
        // The request that this one waited for may have refreshed the keys.
        if self.inner.look(kid).1 {
            let inner = self.inner.clone();
            let refreshed = tokio::task::spawn_blocking(move || {
                // The permit is held until the request ends, even if the caller is cancelled.
                let _permit = permit;
                inner.refresh();
            });
            refreshed.await.map_err(Error::unexpected)?;
        }
        self.inner.require_known(self.inner.look(kid).0)
    }
}

impl Inner {
    /// Returns the cached key, and whether the keys should be refreshed.
    fn look(&self, kid: Option<&str>) -> (Option<DecodingKey>, bool) {
        let now = (self.times.clock)();
        let (seen, asked) = self.state();
        let key = seen.as_ref().and_then(|seen| seen.find(kid));
        let is_fresh = seen.as_ref().is_some_and(|seen| now.duration_since(seen.at) < seen.fresh_for);
        let between = if seen.is_some() { self.times.between } else { self.times.between_failures };
        let may_refresh = asked.is_none_or(|asked| now.duration_since(asked) >= between);
        let needs_refresh = may_refresh && !(is_fresh && key.is_some());
        (key, needs_refresh)
    }

    /// Returns the last response unless it has expired, and the time of the last request.
    fn state(&self) -> (Option<Arc<Seen>>, Option<Instant>) {
        let now = (self.times.clock)();
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = state.seen.as_ref().filter(|seen| now.duration_since(seen.at) < self.times.kept);
        (seen.cloned(), state.asked)
    }

    /// Returns an error instead of `None` while the issuer's keys are unknown.
    fn require_known(&self, key: Option<DecodingKey>) -> Result<Option<DecodingKey>> {
        if key.is_none() && self.state().0.is_none() {
            return Err(Error::Unavailable("the keys of the OpenID Connect issuer are unavailable".to_owned()));
        }
        Ok(key)
    }

    fn refresh(&self) {
        let answer = self.client.fetch();
        let times = &self.times;
        let at = (times.clock)();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.asked = Some(at);
        match answer {
            Ok((keys, age)) => {
                let fresh_for = age.map_or(times.fresh, |age| age.clamp(times.fresh_least, times.fresh_most));
                state.seen = Some(Arc::new(Seen { keys, at, fresh_for }));
            }
            Err(cause) => tracing::warn!(cause, "cannot fetch the keys of the OpenID Connect issuer"),
        }
    }
}
