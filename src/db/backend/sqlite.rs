//! Features of SQLite's C interface that Diesel does not expose: deadlines for statements, the actual transaction
//! state, and hooks of commits and of the write-ahead log.
//!
//! Diesel does not expose the connection pointer. SQLite passes it to automatic extensions when it opens a connection:
//! [`install`] registers one, and [`Handle::opened`] returns the last pointer seen on this thread.

use std::cell::Cell;
use std::ffi::{c_char, c_int, c_void};
use std::ptr::{NonNull, null_mut};
use std::sync::Once;
use std::time::Instant;

use libsqlite3_sys as ffi;

/// Virtual machine instructions between two deadline checks: about ten microseconds.
const INSTRUCTIONS: c_int = 1_000;

thread_local! {
    static OPENED: Cell<*mut ffi::sqlite3> = const { Cell::new(null_mut()) };
    static DEADLINE: Cell<Option<Instant>> = const { Cell::new(None) };
    static MAY_COMMIT: Cell<bool> = const { Cell::new(false) };
    static LOG_PAGES: Cell<c_int> = const { Cell::new(0) };
}

/// Registers the extension that enables [`with_deadline`] on every connection opened from now on.
pub fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: `on_open` has the signature that SQLite calls, and lives as long as the process.
        unsafe { ffi::sqlite3_auto_extension(Some(on_open)) };
    });
}

unsafe extern "C" fn on_open(
    connection: *mut ffi::sqlite3,
    _: *mut *mut c_char,
    _: *const ffi::sqlite3_api_routines,
) -> c_int {
    OPENED.set(connection);
    // SAFETY: SQLite calls this with the connection that it is opening.
    unsafe { ffi::sqlite3_progress_handler(connection, INSTRUCTIONS, Some(is_late), null_mut()) };
    ffi::SQLITE_OK
}

/// Progress handler that interrupts the running statement after the deadline.
unsafe extern "C" fn is_late(_: *mut c_void) -> c_int {
    c_int::from(DEADLINE.get().is_some_and(|deadline| Instant::now() >= deadline))
}

/// Commit hook that rejects every commit outside of [`allow_commit`].
unsafe extern "C" fn is_stray(_: *mut c_void) -> c_int {
    c_int::from(!MAY_COMMIT.get())
}

/// Hook of the write-ahead log, which notes its length.
unsafe extern "C" fn on_log(_: *mut c_void, _: *mut ffi::sqlite3, _: *const c_char, pages: c_int) -> c_int {
    LOG_PAGES.set(pages);
    ffi::SQLITE_OK
}

/// The length of the write-ahead log in pages after the last commit of this thread that passed [`Handle::defer_checkpoints`].
pub fn log_pages() -> i32 {
    LOG_PAGES.get()
}

/// Runs `work` with a deadline, after which its SQLite statements fail with "interrupted", on any connection.
pub fn with_deadline<T>(deadline: Option<Instant>, work: impl FnOnce() -> T) -> T {
    let _restored = Restored { cell: &DEADLINE, before: DEADLINE.replace(deadline) };
    work()
}

/// Runs a commit that passes [`Handle::veto_stray_commits`].
pub fn allow_commit<T>(commit: impl FnOnce() -> T) -> T {
    let _restored = Restored { cell: &MAY_COMMIT, before: MAY_COMMIT.replace(true) };
    commit()
}

/// Guard that restores the previous value, also on panic.
struct Restored<T: Copy + 'static> {
    cell: &'static std::thread::LocalKey<Cell<T>>,
    before: T,
}

impl<T: Copy + 'static> Drop for Restored<T> {
    fn drop(&mut self) {
        self.cell.set(self.before);
    }
}

/// A raw SQLite connection. It must not outlive the Diesel connection that owns it.
pub struct Handle(NonNull<ffi::sqlite3>);

// SAFETY: SQLite lets any thread use a connection, one at a time; the handle is used with its owner.
unsafe impl Send for Handle {}

impl Handle {
    /// Returns the connection opened last on this thread.
    pub fn opened() -> Option<Handle> {
        NonNull::new(OPENED.get()).map(Handle)
    }

    /// Whether a transaction is open according to SQLite. Diesel's count can differ, because SQLite rolls back on its
    /// own after a full disk or an I/O error.
    pub fn is_in_transaction(&self) -> bool {
        // SAFETY: the connection is open as long as its owner keeps the handle beside it.
        unsafe { ffi::sqlite3_get_autocommit(self.0.as_ptr()) == 0 }
    }

    /// Copies the current state of the database into that of another connection. Other connections may write meanwhile.
    pub fn copy_to(&self, target: &Handle) -> Result<(), String> {
        let main = c"main".as_ptr();
        // SAFETY: both connections are open, the names live as long as the process, and the backup is finished below.
        let backup = unsafe { ffi::sqlite3_backup_init(target.0.as_ptr(), main, self.0.as_ptr(), main) };
        if backup.is_null() {
            return Err("the copy cannot begin".to_owned());
        }
        // All pages in one step, so that the copy is consistent and never restarts. SAFETY: `backup` is what
        // `sqlite3_backup_init` returned, and not used after it is finished.
        let (copied, finished) = unsafe { (ffi::sqlite3_backup_step(backup, -1), ffi::sqlite3_backup_finish(backup)) };
        match (copied, finished) {
            (ffi::SQLITE_DONE, ffi::SQLITE_OK) => Ok(()),
            (copied, finished) => Err(format!("the copy failed ({copied}, {finished})")),
        }
    }

    /// Makes plans that do not depend on the values of parameters. Others are made anew when the values change: with `LIMIT ?`, at
    /// every use of a statement.
    pub fn plan_without_values(&self) {
        let nothing = null_mut::<c_int>();
        // SAFETY: the connection is open; the operation takes an integer and a pointer that may be null.
        unsafe { ffi::sqlite3_db_config(self.0.as_ptr(), ffi::SQLITE_DBCONFIG_ENABLE_QPSG, 1 as c_int, nothing) };
    }

    /// Leaves checkpoints of the write-ahead log to the caller, which learns from [`log_pages`] when one is due. SQLite would run
    /// them within commits, when readers see what was committed already.
    pub fn defer_checkpoints(&self) {
        // SAFETY: as above; `on_log` lives as long as the process.
        unsafe { ffi::sqlite3_wal_hook(self.0.as_ptr(), Some(on_log), null_mut()) };
    }

    /// Rejects every commit outside of [`allow_commit`]. Otherwise, after SQLite rolled back a transaction on its own,
    /// the remaining statements of the work would each be committed separately.
    pub fn veto_stray_commits(&self) {
        // SAFETY: as above; `is_stray` lives as long as the process.
        unsafe { ffi::sqlite3_commit_hook(self.0.as_ptr(), Some(is_stray), null_mut()) };
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use diesel::connection::SimpleConnection;
    use diesel::prelude::*;

    use super::*;

    fn open() -> (SqliteConnection, Handle) {
        install();
        let conn = SqliteConnection::establish(":memory:").expect("it opens");
        let handle = Handle::opened().expect("a handle");
        (conn, handle)
    }

    const ENDLESS: &str =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n WHERE i < 0";

    #[test]
    fn a_statement_without_an_end_is_interrupted_at_its_deadline_and_the_connection_goes_on() {
        let (mut conn, _) = open();
        let deadline = Some(Instant::now() + Duration::from_millis(20));
        let error = with_deadline(deadline, || conn.batch_execute(ENDLESS)).expect_err("it is interrupted");
        assert_eq!(error.to_string(), "interrupted");
        conn.batch_execute("SELECT 1").expect("the deadline is gone");
    }

    #[test]
    fn checkpoints_are_left_to_the_caller() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("log.db");
        install();
        let mut conn = SqliteConnection::establish(&path.to_string_lossy()).expect("it opens");
        let handle = Handle::opened().expect("a handle");
        conn.batch_execute("PRAGMA journal_mode = WAL; CREATE TABLE t (i INTEGER)").expect("a table");
        handle.defer_checkpoints();
        conn.batch_execute("INSERT INTO t VALUES (1)").expect("a row");
        let first = log_pages();
        conn.batch_execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000000) INSERT INTO t SELECT i FROM n",
        )
        .expect("many rows");
        assert!(
            first > 0 && log_pages() > first + 1_000,
            "the log grows beyond the length at which SQLite checkpoints"
        );
        conn.batch_execute("PRAGMA wal_checkpoint(PASSIVE); INSERT INTO t VALUES (2)").expect("a checkpoint");
        assert!(log_pages() < 10, "after a checkpoint it begins anew");
    }

    #[test]
    fn a_commit_that_is_not_allowed_is_rolled_back() {
        let (mut conn, handle) = open();
        conn.batch_execute("CREATE TABLE t (i INTEGER)").expect("a table");
        handle.veto_stray_commits();
        conn.batch_execute("INSERT INTO t VALUES (1)").expect_err("it would commit by itself");
        conn.batch_execute("BEGIN; INSERT INTO t VALUES (2)").expect("a transaction");
        assert!(handle.is_in_transaction());
        allow_commit(|| conn.batch_execute("COMMIT")).expect("it is allowed");
        assert!(!handle.is_in_transaction());
        let found = diesel::dsl::sql::<diesel::sql_types::BigInt>("SELECT sum(i) FROM t").get_result::<i64>(&mut conn);
        assert_eq!(found, Ok(2));
    }
}
