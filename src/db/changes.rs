//! The change feed of this process: which kinds of records changed, and a counter of the changes of each kind.
//!
//! Values computed from some kinds are valid while the counters of these kinds stay the same. A counter rises at each
//! commit of this process, before the result of the write is reported, and when the watcher ([`super::watcher`]) reads
//! audit events of another process. Silence can mean that nothing changed or that the connection is dead, so the watcher
//! makes a round trip at least every second; without one in the last two seconds there is no version
//! ([`Changes::version`]), which disables the caches.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::watch;

pub use super::kind_set::KindSet;
use super::kind_set::{LOG, NUMBERS, UNAUDITED};
use super::reference::{Kind, Kinds};
use super::sources::Sources;
use crate::model::types::Instant as At;

/// Validity of a round trip of the watcher.
const TRUSTED: Duration = Duration::from_secs(2);
/// Changed records that a transaction lists; of more, the kinds are known only.
const LISTED_MAX: usize = 1_000;
/// Own events that are remembered until the watcher reads them.
const OWN_MAX: usize = 20_000;

/// The records that a transaction changed.
#[derive(Clone, Debug, Default)]
pub struct Changed {
    pub kinds: KindSet,
    /// Their kinds and ids; `None` if they are too many to list.
    pub records: Option<Vec<(&'static Kind, i64)>>,
    /// Digests of the audit events.
    events: Vec<u64>,
}

impl Changed {
    pub fn none() -> Changed {
        Changed { records: Some(Vec::new()), ..Changed::default() }
    }

    fn all() -> Changed {
        Changed { kinds: KindSet::ALL, records: None, events: Vec::new() }
    }

    /// Adds the record of an audit event of this process.
    pub fn add(&mut self, kinds: Kinds, event: &EventKey<'_>) {
        self.add_record(kinds, event);
        if self.records.is_some() {
            self.events.push(event.digest());
        }
    }

    fn add_record(&mut self, kinds: Kinds, event: &EventKey<'_>) {
        let kind = kinds.iter().copied().find(|kind| kind.name == event.entity);
        let (Some(kind), Some(id)) = (kind, event.record_id) else {
            *self = Changed::all();
            return;
        };
        self.kinds = self.kinds.with(KindSet::of(kind));
        if let Some(records) = &mut self.records {
            records.push((kind, id));
        }
        if self.records.as_ref().is_some_and(|records| records.len() > LISTED_MAX) {
            (self.records, self.events) = (None, Vec::new());
        }
    }
}

/// What identifies an audit event before it has its position.
#[derive(Clone, Copy, Debug, Hash)]
pub struct EventKey<'a> {
    pub at: At,
    pub entity: &'a str,
    pub record_id: Option<i64>,
    pub request_id: &'a str,
}

impl EventKey<'_> {
    fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

/// What to publish when a write is committed.
#[derive(Debug)]
pub enum Notice {
    /// No cached value contains the data.
    Nothing,
    /// Data without audit events, such as imports.
    Unaudited,
    Records(Changed),
}

/// Receives the records that changed.
type Subscriber = Box<dyn Fn(&Changed) + Send + Sync>;

/// The change feed of one process.
pub struct Changes {
    kinds: Kinds,
    sources: Sources,
    counts: [AtomicU64; NUMBERS],
    subscribers: RwLock<Vec<Subscriber>>,
    own_subscribers: RwLock<Vec<Subscriber>>,
    /// Notifies of each change.
    notified: watch::Sender<()>,
    /// Events of this process that the watcher has not read yet.
    own: Mutex<HashSet<u64>>,
    began: Instant,
    /// Last round trip of the watcher in milliseconds since `began`; 0 if there was none.
    proved: AtomicU64,
    /// The kinds of a large transaction that SQLite is committing.
    committing: AtomicU64,
    /// Whether this process holds SQLite's write lock, so that no other process can commit.
    is_locked: AtomicBool,
}

impl Changes {
    pub fn new(kinds: Kinds) -> Changes {
        Changes {
            kinds,
            sources: Sources::of(kinds),
            counts: std::array::from_fn(|_| AtomicU64::new(0)),
            subscribers: RwLock::default(),
            own_subscribers: RwLock::default(),
            notified: watch::Sender::new(()),
            own: Mutex::default(),
            began: Instant::now(),
            proved: AtomicU64::new(0),
            committing: AtomicU64::new(0),
            is_locked: AtomicBool::new(false),
        }
    }

    /// The kinds that the records of each kind are read from.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Returns the version of some kinds; `None` while changes of other processes may be missed. Two versions of the same
    /// kinds are equal only if nothing changed in between. Read it before the query whose result is to be cached.
    pub fn version(&self, kinds: KindSet) -> Option<u64> {
        // The counters are read before the round trip is checked, because an outdated version is harmless.
        let version = kinds.numbers().map(|number| self.counts[number].load(Ordering::SeqCst)).sum();
        if self.committing.load(Ordering::SeqCst) & kinds.0 != 0 {
            return None;
        }
        let is_trusted = self.is_locked.load(Ordering::SeqCst) || self.age().is_some_and(|age| age < TRUSTED);
        is_trusted.then_some(version)
    }

    /// Returns the time since the watcher's last round trip; `None` before the first one.
    pub fn age(&self) -> Option<Duration> {
        match self.proved.load(Ordering::SeqCst) {
            0 => None,
            proved => Some(self.began.elapsed().saturating_sub(Duration::from_millis(proved))),
        }
    }

    /// Calls `subscriber` with the records of each change, after the counters have risen and before the write is reported.
    pub fn subscribe(&self, subscriber: impl Fn(&Changed) + Send + Sync + 'static) {
        self.subscribers.write().unwrap_or_else(PoisonError::into_inner).push(Box::new(subscriber));
    }

    /// Calls `subscriber` with the records of each change that this process committed.
    pub fn subscribe_own(&self, subscriber: impl Fn(&Changed) + Send + Sync + 'static) {
        self.own_subscribers.write().unwrap_or_else(PoisonError::into_inner).push(Box::new(subscriber));
    }

    /// Returns a receiver that is notified after each change.
    pub fn receiver(&self) -> watch::Receiver<()> {
        self.notified.subscribe()
    }

    /// Publishes what a transaction of this process changed, after its commit and before its result is reported.
    pub fn publish_own(&self, notice: &Notice) {
        match notice {
            Notice::Nothing => {}
            Notice::Unaudited => {
                self.counts[UNAUDITED].fetch_add(1, Ordering::SeqCst);
                self.notified.send_replace(());
            }
            Notice::Records(changed) if changed.kinds == KindSet::NONE => {}
            Notice::Records(changed) => {
                {
                    let mut own = self.own();
                    if own.len() + changed.events.len() > OWN_MAX {
                        // Forgotten events count as those of another process: values are computed again without need.
                        own.clear();
                    }
                    own.extend(&changed.events);
                }
                notify(&self.own_subscribers, changed);
                self.publish(changed);
            }
        }
    }

    /// Invalidates the versions of what a large transaction changed, until [`Changes::end_commit`]: SQLite shows a commit to readers
    /// before it has copied the log into the database and returns, which can take a while.
    pub fn begin_commit(&self, notice: &Notice) {
        if let Notice::Records(changed) = notice {
            self.committing.store(changed.kinds.0, Ordering::SeqCst);
        }
    }

    /// Ends [`Changes::begin_commit`], after the changes were published.
    pub fn end_commit(&self) {
        self.committing.store(0, Ordering::SeqCst);
    }

    /// Publishes that anything may have changed.
    pub fn publish_all(&self) {
        self.publish(&Changed::all());
    }

    /// Publishes that the audit log has new events, which are published already as changes of their records.
    pub fn publish_log(&self) {
        self.counts[LOG].fetch_add(1, Ordering::SeqCst);
        self.notified.send_replace(());
    }

    /// Publishes the events that the watcher read, except those that this process published at their commit.
    pub fn publish_read<'a>(&self, events: impl IntoIterator<Item = EventKey<'a>>) {
        let mut changed = Changed::none();
        {
            let mut own = self.own();
            for event in events {
                if own.remove(&event.digest()) {
                    continue;
                }
                changed.add_record(self.kinds, &event);
            }
        }
        // Responses made from the log, and its followers, wait for the events of this process, too.
        self.counts[LOG].fetch_add(1, Ordering::SeqCst);
        self.publish(&changed);
    }

    fn publish(&self, changed: &Changed) {
        for number in changed.kinds.numbers() {
            self.counts[number].fetch_add(1, Ordering::SeqCst);
        }
        notify(&self.subscribers, changed);
        self.notified.send_replace(());
    }

    fn own(&self) -> std::sync::MutexGuard<'_, HashSet<u64>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that all changes up to `at` were received.
    pub fn prove(&self, at: Instant) {
        let since = at.saturating_duration_since(self.began).as_millis().max(1);
        self.proved.fetch_max(u64::try_from(since).unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    /// Records whether this process holds SQLite's write lock.
    pub fn set_locked(&self, is_locked: bool) {
        self.is_locked.store(is_locked, Ordering::SeqCst);
    }
}

fn notify(subscribers: &RwLock<Vec<Subscriber>>, changed: &Changed) {
    subscribers.read().unwrap_or_else(PoisonError::into_inner).iter().for_each(|subscriber| subscriber(changed));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::{milestones, sectors};

    static KINDS: Kinds = &[&milestones::KIND, &sectors::KIND];

    fn event(entity: &str, id: i64) -> EventKey<'_> {
        EventKey { at: At::from(chrono::DateTime::UNIX_EPOCH), entity, record_id: Some(id), request_id: "r" }
    }

    fn trusted() -> Changes {
        let changes = Changes::new(KINDS);
        changes.prove(Instant::now());
        changes
    }

    #[test]
    fn a_version_needs_a_proof() {
        let changes = Changes::new(KINDS);
        assert_eq!(changes.version(KindSet::ALL), None);
        changes.prove(Instant::now());
        assert_eq!(changes.version(KindSet::ALL), Some(0));
        let old = Changes { began: Instant::now() - Duration::from_secs(10), ..Changes::new(KINDS) };
        old.prove(Instant::now() - Duration::from_secs(3));
        assert_eq!(old.version(KindSet::ALL), None, "the round trip is too old");
        old.set_locked(true);
        assert_eq!(old.version(KindSet::ALL), Some(0), "no other process can write");
    }

    #[test]
    fn a_change_of_one_kind_leaves_the_versions_of_others() {
        let changes = trusted();
        let (milestones, sectors) = (KindSet::of(&milestones::KIND), KindSet::of(&sectors::KIND));
        let mut changed = Changed::none();
        changed.add(KINDS, &event("milestone", 7));
        let records = changed.records.iter().flatten().map(|(kind, id)| (kind.name, *id));
        assert_eq!(records.collect::<Vec<_>>(), [("milestone", 7)]);
        changes.publish_own(&Notice::Records(changed));
        assert_eq!((changes.version(milestones), changes.version(sectors)), (Some(1), Some(0)));
        changes.publish_own(&Notice::Unaudited);
        assert_eq!((changes.version(milestones), changes.version(KindSet::ALL)), (Some(1), Some(2)));
        assert_eq!(changes.version(KindSet::RECORDS), Some(1));
        changes.publish_all();
        assert_eq!((changes.version(milestones), changes.version(sectors)), (Some(2), Some(1)));
    }

    #[test]
    fn there_is_no_version_of_what_is_being_committed() {
        let changes = trusted();
        let (milestones, sectors) = (KindSet::of(&milestones::KIND), KindSet::of(&sectors::KIND));
        let mut changed = Changed::none();
        changed.add(KINDS, &event("milestone", 7));
        let notice = Notice::Records(changed);
        changes.begin_commit(&notice);
        assert_eq!((changes.version(milestones), changes.version(sectors)), (None, Some(0)));
        changes.publish_own(&notice);
        changes.end_commit();
        assert_eq!(changes.version(milestones), Some(1));
    }

    #[test]
    fn events_of_this_process_are_published_once_and_those_of_others_when_they_are_read() {
        let changes = trusted();
        let milestones = KindSet::of(&milestones::KIND);
        let mut changed = Changed::none();
        changed.add(KINDS, &event("milestone", 7));
        changes.publish_own(&Notice::Records(changed));
        changes.publish_read([event("milestone", 7)]);
        assert_eq!(changes.version(milestones), Some(1), "published at the commit");
        changes.publish_read([event("milestone", 7)]);
        assert_eq!(changes.version(milestones), Some(2), "an equal event of another process");
        changes.publish_read([event("unknown", 1)]);
        assert_eq!(changes.version(milestones), Some(3), "anything may have changed");
    }

    #[test]
    fn a_large_transaction_lists_no_records() {
        let mut changed = Changed::none();
        (0..2_000).for_each(|id| changed.add(KINDS, &event("milestone", id)));
        assert!(changed.records.is_none());
        assert_eq!(changed.kinds, KindSet::of(&milestones::KIND));
    }
}
