//! `key create`, `key list` and `key revoke`.

use tempfile::TempDir;

use crate::common::program::{SQLITE, Service, databases, on};

fn directory() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

#[test]
fn keys_are_created_listed_and_revoked_while_it_serves() {
    for url in databases() {
        let directory = directory();
        let service = Service::start(directory.path(), &["--database-url", &url]);
        let made = on(directory.path(), &url, &["key", "create", "--name", "office", "--role", "viewer"]);
        assert_eq!(made.err, "");
        let made = made.good();
        let secret = made.trim_end();
        assert!(
            made == format!("{secret}\n") && secret.starts_with("ptk_") && !secret.contains(char::is_whitespace),
            "{made:?}"
        );

        let listed = on(directory.path(), &url, &["key", "list"]).good();
        assert!(!listed.contains(secret), "the secret is shown once");
        let row: Vec<&str> = listed.lines().nth(1).unwrap_or_default().split('\t').collect();
        let code = secret.split('_').nth(1).expect("a code");
        assert_eq!((row[0], row[1], row[2], row[3], row[5]), ("1", code, "office", "viewer", "active"), "{listed}");

        let ask = || service.request("GET /api/v1/pairings", Some(secret)).0;
        assert_eq!(ask(), 200);
        let revoke = || on(directory.path(), &url, &["key", "revoke", code]);
        assert_eq!(revoke().good(), format!("Key {code} of office is revoked.\n"));
        assert_eq!(ask(), 401, "another process revoked it");
        assert_eq!(revoke().good(), format!("Key {code} of office is revoked.\n"), "it stays so");
        let command = on(directory.path(), &url, &["key", "revoke", "none"]).refused();
        assert!(
            command.starts_with("there is no key with the code or id \"none\"; list the keys with: pairing-tracker ")
        );
        assert!(command.ends_with(" key list"), "{command}");
        assert_eq!(
            on(directory.path(), &url, &["key", "revoke", "office"]).refused(),
            format!("there is no key with the code or id \"office\"; the code of the key with this name is {code}")
        );
        let unknown =
            on(directory.path(), &url, &["key", "create", "--name", "x", "--role", "editor", "--pairing", "none"]);
        assert_eq!(unknown.refused(), "--pairing: there is no pairing \"none\"; the database has no pairings");
        assert_eq!(service.stop().0, Some(0));
    }
}

#[test]
fn a_wrong_option_of_a_key_is_explained_in_one_line() {
    let directory = directory();
    on(directory.path(), SQLITE, &["migrate"]).good();
    let seed = concat!(env!("CARGO_MANIFEST_DIR"), "/seed");
    on(directory.path(), SQLITE, &["seed", "apply", seed]).good();
    let create = |more: &[&str]| {
        on(directory.path(), SQLITE, &[&["key", "create", "--name", "a", "--role", "editor"], more].concat()).refused()
    };
    for (pairing, remedy) in [
        ("xinhui-taishn", "did you mean xinhui-taishan?"),
        ("enping", "did you mean pengjiang-jianghai-enping?"),
        ("beijing", "the database has heshan-kaiping, pengjiang-jianghai-enping, xinhui-taishan"),
    ] {
        let expected = format!("--pairing: there is no pairing \"{pairing}\"; {remedy}");
        assert_eq!(create(&["--pairing", pairing]), expected);
    }
    let past = create(&["--expires-on", "2020-01-01"]);
    assert!(past.starts_with("--expires-on: 2020-01-01 is in the past; give 2"), "{past}");
    assert!(past.ends_with(" or a later date"), "{past}");
    let empty = on(directory.path(), SQLITE, &["key", "create", "--name", "", "--role", "viewer"]);
    assert_eq!(
        (empty.code, empty.err.lines().next()),
        (Some(2), Some("error: a value is required for '--name <NAME>' but none was supplied")),
        "{empty:?}"
    );
}
