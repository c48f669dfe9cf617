//! What the writer has done, for metrics.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// Counters of the writer, for metrics.
#[derive(Default)]
pub struct Counts {
    pub waiting: AtomicUsize,
    commits: AtomicU64,
    pub writes: AtomicU64,
    commit_micros: AtomicU64,
    pub is_alone: AtomicBool,
}

/// Snapshot of [`Counts`]; the last four fields count from the start of the service.
#[derive(Clone, Copy, Debug)]
pub struct WriterLoad {
    pub waiting: usize,
    pub commits: u64,
    pub writes: u64,
    pub commit_time: Duration,
    pub statements: u64,
}

impl Counts {
    /// Counts a commit, which may have failed.
    pub fn note_commit(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.commit_micros.fetch_add(micros, Ordering::Relaxed);
        self.commits.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the load, with the number of statements that were counted elsewhere.
    pub fn load(&self, statements: u64) -> WriterLoad {
        let Counts { waiting, commits, writes, commit_micros, .. } = self;
        WriterLoad {
            waiting: waiting.load(Ordering::Relaxed),
            commits: commits.load(Ordering::Relaxed),
            writes: writes.load(Ordering::Relaxed),
            commit_time: Duration::from_micros(commit_micros.load(Ordering::Relaxed)),
            statements,
        }
    }
}
