//! `doctor` detects each kind of damage.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::common::program::{SQLITE, connect, databases, on};
use crate::common::tamper;

const SEED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/seed");
/// SHA-256 of `abc` (FIPS 180-2, appendix B.1).
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

struct Installed {
    directory: tempfile::TempDir,
    url: String,
}

impl Installed {
    fn seeded(url: String) -> Installed {
        let directory = tempfile::tempdir().expect("a directory");
        fs::create_dir(directory.path().join("files")).expect("a directory");
        on(directory.path(), &url, &["migrate"]).good();
        on(directory.path(), &url, &["seed", "apply", SEED]).good();
        Installed { directory, url }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    fn corrupt(&self, sql: &str) {
        let mut conn = connect(self.directory.path(), &self.url);
        tamper::execute(&mut conn, sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
    }

    /// The exit code and the report.
    fn examine(&self, more: &[&str]) -> (Option<i32>, Value) {
        let done = on(self.directory.path(), &self.url, &[&["doctor", "--json"], more].concat());
        let report = serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("{error}: {done:?}"));
        (done.code, report)
    }

    /// The status and the message of one check; the exit code must match the worst status.
    fn check(&self, name: &str, more: &[&str]) -> (String, String) {
        let (code, report) = self.examine(more);
        assert_eq!(code, Some(i32::from(report["status"] == "failure")), "{report:#}");
        let checks = report["checks"].as_array().expect("checks");
        let check = checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("{name}: {report:#}"));
        assert_eq!(check["action"].is_null(), check["status"] == "ok", "{check}");
        (check["status"].as_str().expect("a status").to_owned(), check["message"].to_string())
    }

    #[track_caller]
    fn assert_check(&self, name: &str, status: &str, words: &str, more: &[&str]) {
        let (found, message) = self.check(name, more);
        assert!(found == status && message.contains(words), "{name}: {found} {message}");
    }
}

fn installations() -> impl Iterator<Item = Installed> {
    databases().into_iter().map(Installed::seeded)
}

#[test]
fn an_intact_database_passes_every_check() {
    for installed in installations() {
        let (code, report) = installed.examine(&[]);
        assert_eq!(code, Some(0), "{report:#}");
        let checks = report["checks"].as_array().expect("checks");
        let names: Vec<&str> = checks.iter().filter_map(|check| check["name"].as_str()).collect();
        let mut all = vec![
            "connection",
            "migrations",
            "integrity",
            "foreign_keys",
            "audit_chain",
            "files",
            "search_index",
            "webhook_deliveries",
            "clock",
            "disk_space",
        ];
        if installed.url == SQLITE {
            all.push("write_ahead_log");
        }
        assert_eq!(names, all);
        for check in checks.iter().filter(|check| check["name"] != "disk_space") {
            assert_eq!(check["status"], "ok", "{check}");
        }
        let lines = on(installed.directory.path(), &installed.url, &["doctor"]).good();
        assert_eq!(lines.lines().count(), all.len(), "{lines}");
        assert!(lines.contains("ok      audit_chain         All "), "{lines}");
    }
}

#[test]
fn a_missing_or_outdated_database_is_a_failure() {
    let directory = tempfile::tempdir().expect("a directory");
    let missing = on(directory.path(), SQLITE, &["doctor"]);
    assert_eq!(missing.code, Some(1), "{missing:?}");
    assert!(missing.out.starts_with("failure connection"), "{missing:?}");
    for installed in installations() {
        installed.corrupt("INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')");
        installed.assert_check("migrations", "failure", "newer than this program", &[]);
        installed.corrupt("DELETE FROM __diesel_schema_migrations WHERE version IN ('9999', '0001')");
        installed.assert_check("migrations", "failure", "lacks 1 migrations", &[]);
    }
}

#[test]
fn a_changed_audit_log_is_detected() {
    for installed in installations() {
        tamper::drop_triggers(&mut connect(installed.directory.path(), &installed.url));
        installed.corrupt("UPDATE audit_events SET at = '2999-01-01 00:00:00' WHERE id = 3");
        installed.assert_check("audit_chain", "failure", "event 3", &[]);
        installed.assert_check("clock", "failure", "in the future", &[]);
    }
}

#[test]
fn a_broken_reference_is_detected() {
    for installed in installations() {
        let off = if installed.url == SQLITE {
            "PRAGMA foreign_keys = OFF"
        } else {
            "SET session_replication_role = replica"
        };
        installed.corrupt(&format!("{off}; DELETE FROM regions WHERE code = 'xinhui'"));
        installed.assert_check("foreign_keys", "failure", "regions", &[]);
    }
}

#[test]
fn a_wrong_search_index_is_detected_and_repaired() {
    for installed in installations() {
        let row = if installed.url == SQLITE { "rowid, entity, body, record_id" } else { "entity, body, record_id" };
        let values = if installed.url == SQLITE { "(9, 'region', '甲', 99999)" } else { "('region', '甲', 99999)" };
        for (sql, words) in [
            ("DELETE FROM search_texts WHERE entity = 'region' AND record_id = 1".to_owned(), "regions/1 is missing"),
            (
                "UPDATE search_texts SET body = '甲' WHERE entity = 'region' AND record_id = 2".to_owned(),
                "regions/2 is stale",
            ),
            (format!("INSERT INTO search_texts ({row}) VALUES {values}"), "region 99999 is superfluous"),
        ] {
            installed.corrupt(&sql);
            installed.assert_check("search_index", "failure", words, &[]);
            installed.assert_check("search_index", "ok", "", &["--repair-search"]);
        }
    }
}

#[test]
fn damaged_missing_and_unused_files_are_detected() {
    for installed in installations() {
        let set =
            format!("UPDATE documents SET media_type = 'text/plain', byte_size = 3, sha256 = '{ABC}' WHERE id = 1");
        installed.corrupt(&set);
        installed.assert_check("files", "failure", "The database lacks the files of 1 documents", &[]);
        let directory = &["--files-dir", "files"];
        installed.assert_check("files", "failure", "1 files are missing", directory);
        fs::write(installed.path("files").join(ABC), "abd").expect("written");
        installed.assert_check("files", "failure", "1 files are damaged", directory);
        fs::write(installed.path("files").join(ABC), "abc").expect("written");
        installed.assert_check("files", "ok", "All 1 files", directory);

        let stray = installed.path("files").join("0".repeat(64));
        let file = fs::File::create(&stray).expect("a file");
        installed.assert_check("files", "ok", "", directory);
        file.set_modified(SystemTime::now() - Duration::from_hours(1)).expect("a time");
        installed.assert_check("files", "warning", "1 files belong to no document", directory);

        let bytes = if installed.url == SQLITE { "X'00'" } else { "'\\x00'" };
        installed.corrupt(&format!("INSERT INTO document_contents (document_id, content) VALUES (1, {bytes})"));
        installed.assert_check("files", "failure", "1 files are damaged", &[]);
    }
}

#[test]
fn messages_that_wait_for_long_are_detected() {
    for installed in installations() {
        installed.corrupt(
            "INSERT INTO webhooks (version, created_at, updated_at, url, status, entities_json, actions_json, secret, event_cursor) \
             SELECT 1, max(at), max(at), 'https://a.example/', 'active', '[]', '[]', 'whsec_00000000000000000000000000000000', max(id) \
             FROM audit_events; \
             INSERT INTO webhook_deliveries (webhook_id, message_id, event_type, entity, record_id, status, attempts, created_at, \
             next_attempt_at) SELECT id, 'msg_1', 'region.create', 'region', 1, 'pending', 1, '2022-01-01 00:00:00', created_at \
             FROM webhooks",
        );
        installed.assert_check("webhook_deliveries", "warning", "1 webhook messages", &[]);
        installed.corrupt("UPDATE webhooks SET status = 'paused'");
        installed.assert_check("webhook_deliveries", "ok", "", &[]);
    }
}

#[test]
fn a_damaged_file_and_a_large_log_are_detected() {
    let installed = Installed::seeded(SQLITE.to_owned());
    let log = fs::File::create(installed.path("test.db-wal")).expect("a file");
    log.set_len(300 << 20).expect("a length");
    installed.assert_check("write_ahead_log", "warning", "300 MiB", &[]);
    drop(log);
    let database: &Path = &installed.path("test.db");
    let mut bytes = fs::read(database).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8192].fill(0xff);
    fs::write(database, bytes).expect("written");
    installed.assert_check("integrity", "failure", "damaged", &[]);
}
