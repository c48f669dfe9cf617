//! Which commands create a database, `migrate`, and messages about databases that cannot be used.

use std::path::Path;

use tempfile::TempDir;

use crate::common::program::{SQLITE, connect, databases, on, run};
use crate::common::tamper;

fn directory() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("the directory exists");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

/// A URL as the program writes it into a command for a shell.
fn quoted(url: &str) -> String {
    if url.contains(['?', '&', '*']) { format!("'{url}'") } else { url.to_owned() }
}

#[test]
fn a_mistyped_database_is_refused_in_one_line() {
    let directory = directory();
    for (url, words) in [
        (
            "mysql://db/tracker",
            "database_url: unknown database scheme \"mysql\"; use sqlite:PATH or postgres://USER@HOST/NAME",
        ),
        ("test.db", "database_url: \"test.db\" is not a database URL; for a file write sqlite:test.db"),
        ("", "database_url: the database URL is empty; use sqlite:PATH or postgres://USER@HOST/NAME"),
        (
            "sqlite:",
            "database_url: a SQLite URL names a file, such as sqlite:pairing-tracker.db or sqlite:///srv/pairing.db",
        ),
        (
            "postgres:tracker",
            "database_url: a PostgreSQL URL begins with postgres://, such as postgres://USER@HOST/NAME",
        ),
        (
            "sqlite:nowhere/test.db",
            "cannot create the database nowhere/test.db: there is no directory nowhere; create it, or choose another path",
        ),
        ("sqlite:.", "the database . is a directory; name a file, such as sqlite:./pairing-tracker.db"),
    ] {
        for args in [&["migrate"][..], &["serve", "--listen", "127.0.0.1:0"]] {
            let refused = on(directory.path(), url, args).refused();
            assert_eq!(refused, words);
        }
    }
    assert!(names(directory.path()).is_empty(), "nothing was created");
}

#[test]
fn only_serve_and_migrate_create_a_database() {
    let directory = directory();
    std::fs::write(directory.path().join("a.yaml"), "regions: []\n").expect("a bundle");
    for args in [
        &["key", "create", "--name", "office", "--role", "admin"][..],
        &["key", "list"],
        &["key", "revoke", "1"],
        &["seed", "plan", "a.yaml"],
        &["seed", "apply", "a.yaml"],
        &["audit", "verify"],
        &["backup", "backup.tar"],
        &["doctor", "--repair-search"],
        &["migrate", "--check"],
    ] {
        let refused = on(directory.path(), SQLITE, args).refused();
        assert_eq!(
            refused,
            "there is no database test.db; check the path, or create it with: \
             pairing-tracker --database-url sqlite:test.db migrate"
        );
    }
    assert_eq!(names(directory.path()), ["a.yaml"], "nothing was created");
}

#[test]
fn a_database_is_migrated_once_and_checked() {
    for url in databases() {
        let directory = directory();
        if url != SQLITE {
            let behind = on(directory.path(), &url, &["migrate", "--check"]).refused();
            assert!(behind.contains("lacks"), "{behind}");
            let command = format!("pairing-tracker --database-url {} migrate", quoted(&url));
            assert!(behind.ends_with(&format!("); run: {command}")), "{behind}");
            let refused = on(directory.path(), &url, &["key", "list"]).refused();
            assert_eq!(refused, format!("the database {url} is not up to date; run: {command}"));
        }
        let first = on(directory.path(), &url, &["migrate"]);
        assert_eq!(first.err.contains("Creating the database"), url == SQLITE, "{first:?}");
        assert!(!first.good().contains(" 0 migrations applied"));
        let second = on(directory.path(), &url, &["migrate"]);
        assert_eq!(second.err, "");
        assert!(second.good().contains(" 0 migrations applied"));
        assert!(on(directory.path(), &url, &["migrate", "--check"]).good().contains("is up to date"));
    }
}

#[test]
fn a_database_of_a_later_version_is_refused() {
    for url in databases() {
        let directory = directory();
        on(directory.path(), &url, &["migrate"]).good();
        let later = "INSERT INTO __diesel_schema_migrations (version, run_on) VALUES ('9999', CURRENT_TIMESTAMP)";
        tamper::execute(&mut connect(directory.path(), &url), later).expect("the row is written");
        for args in [&["migrate"][..], &["migrate", "--check"], &["key", "list"], &["serve", "--listen", "127.0.0.1:0"]]
        {
            let refused = on(directory.path(), &url, args).refused();
            assert!(refused.contains("newer than this program") && refused.contains("9999"), "{refused}");
        }
    }
}

#[test]
fn a_database_that_cannot_be_opened_is_explained_in_one_line() {
    let directory = directory();
    let path = directory.path();
    std::fs::write(path.join("notes.txt"), "This is not a database, but a text of some length.\n".repeat(99))
        .expect("a file");
    let refused = on(path, "sqlite:notes.txt", &["migrate"]).refused();
    assert_eq!(refused, "notes.txt is not a SQLite database; check the path");

    let refused = on(path, "postgres://nobody@127.0.0.1:1/none", &["key", "list"]).refused();
    assert_eq!(
        refused,
        "cannot open the database: connection to server at \"127.0.0.1\", port 1 failed: Connection refused; \
         Is the server running on that host and accepting TCP/IP connections?"
    );
}

/// A directory in which the user of this test can create no file.
fn unwritable(directory: &Path) -> String {
    let inner = directory.join("readonly");
    std::fs::create_dir(&inner).expect("a directory");
    std::fs::set_permissions(&inner, std::os::unix::fs::PermissionsExt::from_mode(0o555)).expect("permissions");
    // The permissions do not restrict root, but the file system of the kernel does.
    if tempfile::tempfile_in(&inner).is_ok() { "/sys".to_owned() } else { "readonly".to_owned() }
}

#[test]
fn a_directory_that_is_not_writable_is_named() {
    let directory = directory();
    let path = directory.path();
    let readonly = unwritable(path);
    let reason = format!(
        "the directory {readonly} is not writable; choose another path, or change the permissions of the directory"
    );
    for args in [&["migrate"][..], &["serve", "--port", "0"]] {
        let refused = on(path, &format!("sqlite:{readonly}/test.db"), args).refused();
        assert_eq!(refused, format!("cannot create the database {readonly}/test.db: {reason}"));
    }
    on(path, SQLITE, &["migrate"]).good();
    for args in [["export", "--output"], ["backup", "--force"]] {
        let file = format!("{readonly}/all.yaml");
        assert_eq!(on(path, SQLITE, &[&args[..], &[&file]].concat()).refused(), format!("{file}: {reason}"));
    }
}

#[test]
fn a_path_that_does_not_exist_is_named() {
    let directory = directory();
    let path = directory.path();
    on(path, SQLITE, &["migrate"]).good();
    let start = path.canonicalize().expect("a directory").display().to_string();
    for (args, name) in [
        (&["restore", "b.tar"][..], "b.tar"),
        (&["seed", "plan", "a.yaml"], "a.yaml"),
        (&["seed", "apply", "a.yaml"], "a.yaml"),
        (&["doctor", "--config", "a.toml"], "a.toml"),
    ] {
        let expected = format!("{name}: there is no such file; check the path, which is relative to {start}");
        assert_eq!(on(path, SQLITE, args).refused(), expected, "{args:?}");
    }
    let absolute = on(path, SQLITE, &["restore", "/nowhere/b.tar"]).refused();
    assert_eq!(absolute, "/nowhere/b.tar: there is no such file; check the path");
    for (args, name) in [
        (&["export", "--output", "nowhere/a.yaml"][..], "nowhere/a.yaml"),
        (&["backup", "nowhere/b.tar"], "nowhere/b.tar"),
    ] {
        let expected = format!("{name}: there is no directory nowhere; create it, or choose another path");
        assert_eq!(on(path, SQLITE, args).refused(), expected, "{args:?}");
    }
    for args in [&["restore", "."][..], &["backup", "."], &["export", "--output", "."], &["doctor", "--config", "."]] {
        assert_eq!(on(path, SQLITE, args).refused(), ".: is a directory; name a file", "{args:?}");
    }
    let files = run(path, &["doctor", "--files-dir", "nowhere"]).refused();
    assert_eq!(files, "files_dir: there is no directory nowhere; create it, or choose another path");
}
