//! The issuer's keys as they were last seen, and when it is asked for them again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jsonwebtoken::DecodingKey;

use super::fetch::{Asker, Key};
use crate::error::{Error, Result};

/// How long things take and hold; tests have a clock of their own.
#[derive(Clone)]
pub struct Times {
    /// The most time of one question.
    pub question: Duration,
    /// How long keys are fresh where the issuer says nothing of it,
    pub fresh: Duration,
    /// and the least and the most that it may say: a key that it takes back must not hold for long.
    pub fresh_least: Duration,
    pub fresh_most: Duration,
    /// The time between two questions while there are keys: tokens that name keys which are none cost nothing more.
    pub between: Duration,
    /// The time between two questions while there are none.
    pub between_failures: Duration,
    /// How long keys hold while the issuer cannot be reached.
    pub kept: Duration,
    /// What time it is.
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

/// What the issuer answered.
struct Seen {
    keys: Vec<Key>,
    at: Instant,
    fresh_for: Duration,
}

impl Seen {
    /// The key of a name. A token that names none means the only key that there is.
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
    /// When the issuer was last asked, whatever came of it.
    asked: Option<Instant>,
}

/// The issuer's keys.
pub struct Keys {
    inner: Arc<Inner>,
    /// Held by who asks the issuer: one at a time.
    asking: Arc<tokio::sync::Mutex<()>>,
}

struct Inner {
    asker: Asker,
    times: Times,
    state: Mutex<State>,
}

impl Keys {
    /// No keys yet; the first token asks for them.
    pub fn new(asker: Asker, times: Times) -> Keys {
        let inner = Inner { asker, times, state: Mutex::default() };
        Keys { inner: Arc::new(inner), asking: Arc::default() }
    }

    /// The key that a token names; `None` where the issuer has no such key. Fails with [`Error::Unavailable`] while the
    /// issuer's keys are not known.
    pub async fn find(&self, kid: Option<&str>) -> Result<Option<DecodingKey>> {
        let (key, wants_asking) = self.inner.look(kid);
        if !wants_asking {
            return self.inner.settle(key);
        }
        let turn = match (self.asking.clone().try_lock_owned(), key) {
            (Ok(turn), _) => turn,
            // Another asks already; what there is will do.
            (Err(_), Some(key)) => return Ok(Some(key)),
            (Err(_), None) => self.asking.clone().lock_owned().await,
        };
        // Who waited may find that the other has the answer.
        if self.inner.look(kid).1 {
            let inner = self.inner.clone();
            let asked = tokio::task::spawn_blocking(move || {
                // Held to the end, though whoever waits for the answer may be gone before.
                let _turn = turn;
                inner.ask();
            });
            asked.await.map_err(Error::unexpected)?;
        }
        self.inner.settle(self.inner.look(kid).0)
    }
}

impl Inner {
    /// The key of a name, as far as is known, and whether the issuer should be asked.
    fn look(&self, kid: Option<&str>) -> (Option<DecodingKey>, bool) {
        let now = (self.times.clock)();
        let (seen, asked) = self.state();
        let key = seen.as_ref().and_then(|seen| seen.find(kid));
        let is_fresh = seen.as_ref().is_some_and(|seen| now.duration_since(seen.at) < seen.fresh_for);
        let between = if seen.is_some() { self.times.between } else { self.times.between_failures };
        let may_ask = asked.is_none_or(|asked| now.duration_since(asked) >= between);
        let wants_asking = may_ask && !(is_fresh && key.is_some());
        (key, wants_asking)
    }

    /// What was seen, unless it is too long ago, and when the issuer was asked.
    fn state(&self) -> (Option<Arc<Seen>>, Option<Instant>) {
        let now = (self.times.clock)();
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = state.seen.as_ref().filter(|seen| now.duration_since(seen.at) < self.times.kept);
        (seen.cloned(), state.asked)
    }

    /// An unknown key is the token's fault only where the keys are known.
    fn settle(&self, key: Option<DecodingKey>) -> Result<Option<DecodingKey>> {
        if key.is_none() && self.state().0.is_none() {
            return Err(Error::Unavailable("the keys of the OpenID Connect issuer are not known".to_owned()));
        }
        Ok(key)
    }

    fn ask(&self) {
        let answer = self.asker.ask();
        let times = &self.times;
        let at = (times.clock)();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.asked = Some(at);
        match answer {
            Ok((keys, age)) => {
                let fresh_for = age.map_or(times.fresh, |age| age.clamp(times.fresh_least, times.fresh_most));
                state.seen = Some(Arc::new(Seen { keys, at, fresh_for }));
            }
            Err(cause) => tracing::warn!(cause, "cannot read the keys of the OpenID Connect issuer"),
        }
    }
}
