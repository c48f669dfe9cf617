//! `backup` and `restore`.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::common::flood::{self, Flood};
use crate::common::program::{Done, SQLITE, Service, connect, databases, on, read_response};
use crate::common::tamper;

const SEED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/seed");
const CONTENT: &str = "协议文本\n";

fn seeded(directory: &Path, url: &str) {
    on(directory, url, &["migrate"]).good();
    on(directory, url, &["seed", "apply", SEED]).good();
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a directory").flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn delete_database(directory: &Path, url: &str) {
    if url == SQLITE {
        for name in ["test.db", "test.db-wal", "test.db-shm"] {
            let _ = fs::remove_file(directory.join(name));
        }
    } else {
        let sql = "DROP SCHEMA public CASCADE; CREATE SCHEMA public";
        tamper::execute(&mut connect(directory, url), sql).expect("the tables go");
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Asserts that every check is ok, except that of the disk, which depends on the machine.
#[track_caller]
fn assert_sound(report: &Value) {
    let checks = report["checks"].as_array().expect("checks");
    assert!(checks.len() >= 3, "{report:#}");
    for check in checks.iter().filter(|check| check["name"] != "disk_space") {
        assert_eq!(check["status"], "ok", "{report:#}");
    }
}

/// Attaches a file to a document by HTTP; returns the file as it is read.
fn attach(service: &Service, key: &str) -> String {
    let send = |request: &str, kind: &str, body: &str| {
        let head = format!(
            "{request} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n\
             Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
            service.address,
            body.len()
        );
        service.exchange(head.as_bytes())
    };
    let made =
        send("POST /api/v1/documents", "application/json", "{\"code\": \"text\", \"title\": {\"zh\": \"文本\"}}");
    assert!(made.starts_with("HTTP/1.1 201 "), "{made}");
    let put = send("PUT /api/v1/documents/text/content", "text/plain", CONTENT);
    assert!(put.starts_with("HTTP/1.1 200 "), "{put}");
    content(service)
}

fn content(service: &Service) -> String {
    let head = format!(
        "GET /api/v1/documents/text/content HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        service.address
    );
    let mut stream = service.connect();
    std::io::Write::write_all(&mut stream, head.as_bytes()).expect("it reads");
    let answer = read_response(&mut stream);
    answer.split_once("\r\n\r\n").expect("a body").1.to_owned()
}

/// The members of an archive, with their contents.
fn members(archive: &Path) -> Vec<(String, Vec<u8>)> {
    let mut archive = tar::Archive::new(fs::File::open(archive).expect("a file"));
    let read = |entry: std::io::Result<tar::Entry<'_, fs::File>>| {
        let mut entry = entry.expect("an entry");
        let name = entry.path().expect("a name").display().to_string();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).expect("contents");
        (name, bytes)
    };
    archive.entries().expect("entries").map(read).collect()
}

/// A directory in which the program runs, with a database and perhaps a directory of files.
struct Installation {
    directory: tempfile::TempDir,
    url: String,
    /// The arguments for files outside the database.
    files: &'static [&'static str],
}

impl Installation {
    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn run(&self, args: &[&str]) -> Done {
        on(self.path(), &self.url, args)
    }

    /// Runs a command that reads or writes files.
    fn run_with_files(&self, args: &[&str]) -> Done {
        self.run(&[args, self.files].concat())
    }

    fn start(&self, more: &[&str]) -> Service {
        Service::start(self.path(), &[&["--database-url", &self.url], self.files, more].concat())
    }

    /// Empties the database and the directory of files.
    fn clear(&self) {
        delete_database(self.path(), &self.url);
        fs::remove_dir_all(self.path().join("files")).expect("the files go");
        fs::create_dir(self.path().join("files")).expect("a directory");
    }
}

/// Backs up a running service, stops it, and backs it up again. Returns the manifest of the second backup.
fn back_up(installation: &Installation, service: Service) -> Value {
    let in_directory = !installation.files.is_empty();
    let backup = |more: &[&str]| installation.run_with_files(&[&["backup", "b.tar"], more].concat());
    let first = json(&backup(&["--json"]).good());
    assert_sound(&first);
    assert_eq!(first["files"], i64::from(in_directory), "{first:#}");
    assert!(first["rows"].as_i64().is_some_and(|rows| rows > 100), "{first:#}");
    let archive = installation.path().join("b.tar");
    let metadata = fs::metadata(&archive).expect("the archive");
    assert_eq!((metadata.permissions().mode() & 0o777, Some(metadata.len())), (0o600, first["bytes"].as_u64()));
    assert!(backup(&[]).refused().contains("b.tar exists already"));
    // When it stops, it writes when keys were last used.
    assert_eq!(service.stop().0, Some(0));
    let again = backup(&["--force"]).good();
    assert!(again.contains("Wrote b.tar: "), "{again}");
    assert!(
        !names(installation.path()).iter().any(|name| name.starts_with(".pairing-tracker")),
        "nothing is left over"
    );
    let inside = members(&archive);
    assert_eq!(inside[0].0, "manifest.json");
    let manifest = json(std::str::from_utf8(&inside[0].1).expect("UTF-8"));
    assert_eq!((&manifest["version"], &manifest["format"]), (&Value::from(env!("CARGO_PKG_VERSION")), &Value::from(1)));
    assert_eq!(inside.len(), if in_directory { 3 } else { 2 });
    manifest
}

/// Empties the installation, restores the backup, and asserts that records, keys and the audit log are as before.
fn restore(installation: &Installation, manifest: &Value) {
    let export = || installation.run(&["export", "--personal"]).good();
    let verify = |more: &[&str]| installation.run(&[&["audit", "verify"], more].concat()).good();
    let (exported, keys) = (export(), installation.run(&["key", "list"]).good());
    let head = manifest["audit_head"].as_str().expect("a head");
    verify(&["--head", head]);
    let restore = || installation.run_with_files(&["restore", "b.tar", "--json"]);
    assert!(restore().refused().contains("is not empty"));
    assert!(export() == exported, "nothing was written");

    installation.clear();
    if !installation.files.is_empty() {
        let refused = installation.run(&["restore", "b.tar"]).refused();
        assert!(refused.contains("--files-dir"), "{refused}");
    }
    let restored = json(&restore().good());
    assert_sound(&restored);
    assert_eq!((&restored["migrated"], &restored["version"]), (&Value::from(0), &manifest["version"]));
    assert_sound(&json(&installation.run_with_files(&["doctor", "--json"]).good()));
    assert!(export() == exported, "other records");
    assert_eq!(installation.run(&["key", "list"]).good(), keys);
    assert_eq!(verify(&["--head", head]).lines().last(), Some(format!("Head: {head}").as_str()));
}

#[test]
fn a_backup_restores_all_that_was_there() {
    for url in databases() {
        // Where files are stored does not depend on the backend: each is tested with one of them.
        let files: &[&str] = if url == SQLITE { &["--files-dir", "files"] } else { &[] };
        let installation = Installation { directory: tempfile::tempdir().expect("a directory"), url, files };
        fs::create_dir(installation.path().join("files")).expect("a directory");
        seeded(installation.path(), &installation.url);
        let made = installation.run(&["key", "create", "--name", "office", "--role", "admin"]).good();
        let key = made.trim_end();
        let service = installation.start(&[]);
        assert_eq!(attach(&service, key), CONTENT);
        let manifest = back_up(&installation, service);
        restore(&installation, &manifest);
        let service = installation.start(&["--private"]);
        assert_eq!(service.request("GET /api/v1/pairings", Some(key)).0, 200, "keys still work");
        assert_eq!(service.request("GET /api/v1/pairings", None).0, 401);
        service.stop();
        assert_eq!(content(&installation.start(&[])), CONTENT);
    }
}

/// Writes an archive of these members.
fn archive(path: &Path, members: &[(String, Vec<u8>)]) {
    let mut builder = tar::Builder::new(fs::File::create(path).expect("a file"));
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        builder.append_data(&mut header, name, bytes.as_slice()).expect("written");
    }
    builder.finish().expect("written");
}

#[test]
fn an_invalid_backup_is_refused_before_anything_is_written() {
    for (url, empty) in databases().into_iter().zip(databases()) {
        let (source, target) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
        seeded(source.path(), &url);
        on(source.path(), &url, &["backup", "b.tar"]).good();
        let good = fs::read(source.path().join("b.tar")).expect("a file");
        let inside = members(&source.path().join("b.tar"));
        let bad = target.path().join("bad.tar");
        let refused = |words: &str| {
            let refused = on(target.path(), &empty, &["restore", "bad.tar"]).refused();
            assert!(refused.contains(words), "{refused}");
            assert_eq!(names(target.path()), ["bad.tar"], "nothing was written");
            if empty != SQLITE {
                let tables = pairing_tracker::db::backend::upkeep::tables(&mut connect(target.path(), &empty));
                assert_eq!(tables.expect("tables"), Vec::<String>::new());
            }
        };
        for place in [good.len() / 2, good.len() * 3 / 4] {
            let mut flipped = good.clone();
            flipped[place] ^= 1;
            fs::write(&bad, flipped).expect("written");
            refused("does not match its manifest");
        }
        for (bytes, words) in [
            (&good[..good.len() / 2], "it ends early"),
            (&good[..700], "its manifest ends early"),
            (&b"something else"[..], "is not a backup of pairing-tracker"),
            (&b""[..], "is not a backup of pairing-tracker"),
        ] {
            fs::write(&bad, bytes).expect("written");
            refused(words);
        }
        archive(&bad, &inside[..1]);
        refused("is missing");
        archive(&bad, &[&inside[..], &[("more".to_owned(), Vec::new())]].concat());
        refused("it has members that its manifest does not list");
        let with_manifest = |change: &dyn Fn(&mut Value)| {
            let mut members = inside.clone();
            let mut manifest = json(std::str::from_utf8(&members[0].1).expect("UTF-8"));
            change(&mut manifest);
            members[0].1 = manifest.to_string().into_bytes();
            archive(&bad, &members);
        };
        with_manifest(&|manifest| {
            manifest["version"] = "9.1.0".into();
            manifest["migrations"].as_array_mut().expect("a list").push("9999".into());
        });
        refused("by pairing-tracker 9.1.0 of ");
        with_manifest(&|manifest| manifest["format"] = 2.into());
        refused("in a format that is newer than this program");
        with_manifest(&|manifest| {
            manifest["backend"] = if url == SQLITE { "postgres" } else { "sqlite" }.into();
        });
        refused("database; give the URL of an empty ");
        // The backup itself is good.
        fs::write(&bad, &good).expect("written");
        on(target.path(), &empty, &["restore", "bad.tar"]).good();
    }
}

#[test]
fn the_log_of_another_database_prevents_a_restoration() {
    let directory = tempfile::tempdir().expect("a directory");
    seeded(directory.path(), SQLITE);
    on(directory.path(), SQLITE, &["backup", "b.tar"]).good();
    delete_database(directory.path(), SQLITE);
    fs::write(directory.path().join("test.db-wal"), "left").expect("written");
    let refused = on(directory.path(), SQLITE, &["restore", "b.tar"]).refused();
    assert!(refused.contains("test.db-wal"), "{refused}");
    assert!(!directory.path().join("test.db").exists());
}

/// Reverts the newest migration, as if an older version had created the database.
fn make_older(directory: &Path, url: &str) {
    let kind = if url == SQLITE { "sqlite" } else { "postgres" };
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(kind);
    let newest = names(&migrations).pop().expect("a migration");
    let down = fs::read_to_string(migrations.join(&newest).join("down.sql")).expect("a file");
    let version = newest.split('_').next().expect("a version");
    let sql = format!("{down}; DELETE FROM __diesel_schema_migrations WHERE version = '{version}'");
    tamper::execute(&mut connect(directory, url), &sql).expect("it goes back");
}

#[test]
fn a_backup_of_an_older_version_is_migrated() {
    for url in databases() {
        let directory = tempfile::tempdir().expect("a directory");
        seeded(directory.path(), &url);
        let exported = on(directory.path(), &url, &["export"]).good();
        make_older(directory.path(), &url);
        let refused = on(directory.path(), &url, &["export"]).refused();
        assert!(refused.contains("; run: pairing-tracker --database-url "), "{refused}");
        assert!(refused.ends_with(" migrate"), "{refused}");
        let made = json(&on(directory.path(), &url, &["backup", "b.tar", "--json"]).good());
        assert_eq!(made["audit_head"], Value::Null);
        delete_database(directory.path(), &url);
        let restored = json(&on(directory.path(), &url, &["restore", "b.tar", "--json"]).good());
        assert_sound(&restored);
        assert_eq!(restored["migrated"], 1);
        assert!(on(directory.path(), &url, &["export"]).good() == exported, "other records");
    }
}

#[test]
fn a_backup_during_writes_is_of_one_moment() {
    for (url, other) in databases().into_iter().zip(databases()) {
        let (directory, elsewhere) =
            (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
        let service = flood::service(directory.path(), &url);
        let key = on(directory.path(), &url, &["key", "create", "--name", "office", "--role", "editor"]).good();
        let flood = Flood::start(&service, key.trim_end());
        let before = flood.created();
        let made = json(&on(directory.path(), &url, &["backup", "b.tar", "--json"]).good());
        let after = flood.created();
        assert_sound(&made);
        assert!(after > before, "others wrote meanwhile");
        flood.stop();
        let archive = directory.path().join("b.tar");
        fs::copy(&archive, elsewhere.path().join("b.tar")).expect("copied");
        assert_sound(&json(&on(elsewhere.path(), &other, &["restore", "b.tar", "--json"]).good()));
        let exported = json(&on(elsewhere.path(), &other, &["export", "--format", "json"]).good());
        let count = exported["sectors"].as_array().expect("sectors").len();
        // A write may be in the database a moment before its client has the response.
        assert!((before..=after + 16).contains(&count), "{before} {count} {after}");
    }
}

#[test]
fn a_damaged_database_is_backed_up_only_with_the_option() {
    for url in databases() {
        let directory = tempfile::tempdir().expect("a directory");
        seeded(directory.path(), &url);
        let mut conn = connect(directory.path(), &url);
        tamper::drop_triggers(&mut conn);
        tamper::execute(&mut conn, "UPDATE audit_events SET actor = 'somebody' WHERE id = 3").expect("changed");
        let refused = on(directory.path(), &url, &["backup", "b.tar"]);
        assert_eq!((refused.code, refused.out.as_str()), (Some(1), ""), "{refused:?}");
        assert!(refused.err.contains("audit_chain: ") && refused.err.contains("event 3"), "{refused:?}");
        assert!(!directory.path().join("b.tar").exists());
        let made = json(&on(directory.path(), &url, &["backup", "b.tar", "--allow-damaged", "--json"]).good());
        assert_eq!((&made["status"], &made["audit_head"]), (&Value::from("failure"), &Value::Null));
        delete_database(directory.path(), &url);
        let restored = on(directory.path(), &url, &["restore", "b.tar", "--json"]);
        assert_eq!(restored.code, Some(1), "{restored:?}");
        assert_eq!(json(&restored.out)["status"], "failure");
    }
}

#[test]
fn the_files_of_an_interrupted_backup_are_removed_later() {
    let directory = tempfile::tempdir().expect("a directory");
    seeded(directory.path(), SQLITE);
    let [old, new] = ["old", "new"].map(|name| directory.path().join(format!(".pairing-tracker-backup-{name}")));
    for path in [&old, &new] {
        fs::create_dir(path).expect("a directory");
        fs::write(path.join("database.sqlite"), "half").expect("written");
    }
    let long_ago = SystemTime::now() - Duration::from_hours(48);
    fs::File::open(&old).and_then(|old| old.set_modified(long_ago)).expect("a time");
    on(directory.path(), SQLITE, &["backup", "b.tar"]).good();
    assert_eq!((old.exists(), new.exists()), (false, true), "the new one may still be running");
}
