//! The command line, run as an operator runs it.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::common::issuer::{AUDIENCE, Issuer};
use crate::common::program::{SQLITE, Service, connect, databases, finish, on, program, run};
use crate::common::tamper;

fn directory() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("the directory is there");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn every_command_has_help() {
    let directory = directory();
    for (args, words) in [
        (&["--help"][..], "Examples:"),
        (&["serve", "--help"], "--print-config"),
        (&["migrate", "--help"], "--check"),
        (&["seed", "--help"], "plan"),
        (&["seed", "plan", "--help"], "<PATH>"),
        (&["seed", "apply", "--help"], "<PATH>"),
        (&["export", "--help"], "--programme"),
        (&["openapi", "--help"], "--format"),
        (&["key", "--help"], "revoke"),
        (&["key", "create", "--help"], "--pairing"),
        (&["key", "list", "--help"], "--database-url"),
        (&["key", "revoke", "--help"], "<CODE>"),
        (&["audit", "--help"], "verify"),
        (&["audit", "verify", "--help"], "--head"),
        (&["backup", "--help"], "--allow-damaged"),
        (&["restore", "--help"], "--files-dir"),
        (&["doctor", "--help"], "--repair-search"),
        (&["completions", "--help"], "bash"),
    ] {
        let help = run(directory.path(), args).good();
        assert!(help.contains(words) && help.contains("Usage: pairing-tracker"), "{args:?}: {help}");
    }
    let unknown = run(directory.path(), &["sever"]);
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
    assert!(unknown.err.contains("serve"), "{unknown:?}");
    assert!(names(directory.path()).is_empty(), "help makes no files");
}

#[test]
fn the_document_is_printed_in_both_formats() {
    let directory = directory();
    let json: Value = serde_json::from_str(&run(directory.path(), &["openapi"]).good()).expect("JSON");
    assert_eq!(json["openapi"].as_str().map(|version| &version[..2]), Some("3."));
    let same = run(directory.path(), &["openapi", "--format", "json"]).good();
    assert_eq!(serde_json::from_str::<Value>(&same).expect("JSON"), json);
    let yaml: Value =
        yaml_serde::from_str(&run(directory.path(), &["openapi", "--format", "yaml"]).good()).expect("YAML");
    assert_eq!(yaml, json);
}

#[test]
fn a_mistyped_database_is_refused_in_one_line() {
    let directory = directory();
    for (url, words) in [
        ("mysql://db/tracker", "unknown database scheme \"mysql\""),
        ("test.db", "\"test.db\" is no database URL"),
        ("sqlite:", "names a file"),
        ("sqlite:nowhere/test.db", "there is no directory nowhere"),
    ] {
        for args in [&["migrate"][..], &["serve", "--listen", "127.0.0.1:0"]] {
            let refused = on(directory.path(), url, args).refused();
            assert!(refused.contains(words), "{refused}");
        }
    }
    assert!(names(directory.path()).is_empty(), "nothing was made");
}

#[test]
fn only_serving_and_migrating_make_a_database() {
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
        assert!(refused.starts_with("there is no database test.db"), "{refused}");
    }
    assert_eq!(names(directory.path()), ["a.yaml"], "nothing was made");
}

#[test]
fn a_database_is_migrated_once_and_checked() {
    for url in databases() {
        let directory = directory();
        if url != SQLITE {
            let behind = on(directory.path(), &url, &["migrate", "--check"]).refused();
            assert!(behind.contains("lacks"), "{behind}");
            let refused = on(directory.path(), &url, &["key", "list"]).refused();
            assert!(refused.contains("pairing-tracker migrate"), "{refused}");
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
fn a_database_of_a_later_program_is_refused() {
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
fn bundles_are_planned_and_applied() {
    let seed = Path::new(env!("CARGO_MANIFEST_DIR")).join("seed");
    let seed = seed.to_str().expect("UTF-8");
    for url in databases() {
        let directory = directory();
        on(directory.path(), &url, &["migrate"]).good();
        let planned = on(directory.path(), &url, &["seed", "plan", seed]).good();
        let count = planned.lines().filter(|line| line.starts_with("create  ")).count();
        let totals = format!(
            "Would create {count}, change 0, delete 0 and leave 0.\nOn this state alone: seed apply --planned-on "
        );
        let (_, digest) = planned.split_once(&totals).unwrap_or_else(|| panic!("{planned}"));
        assert!(planned.contains("\ncreate  pairings/xinhui-taishan\n"), "{planned}");
        let digest = digest.trim();
        let applied = on(directory.path(), &url, &["seed", "apply", "--planned-on", digest, seed]).good();
        assert!(applied.ends_with(&format!("Created {count}, changed 0, deleted 0, left 0.\n")), "{applied}");
        let stale = on(directory.path(), &url, &["seed", "apply", "--planned-on", digest, seed]).refused();
        assert!(stale.contains("were changed since the plan"), "{stale}");
        let again = on(directory.path(), &url, &["seed", "apply", seed]).good();
        assert_eq!(again, format!("Created 0, changed 0, deleted 0, left {count}.\n"));

        let bundle = directory.path().join("a.yaml");
        let text = "regions:\n  - {code: taishan, name: {zh: 台山市, en: Taishan}, level: county}\n";
        std::fs::write(&bundle, text).expect("a bundle");
        let planned = on(directory.path(), &url, &["seed", "plan", "a.yaml"]).good();
        assert!(
            planned.starts_with("change  regions/taishan (name)\nWould create 0, change 1, delete 0 and leave 0.\n"),
            "{planned}"
        );

        std::fs::write(&bundle, text.replace("county", "planet").replace("zh: 台山市, ", "")).expect("a bundle");
        for verb in ["plan", "apply"] {
            let refused = on(directory.path(), &url, &["seed", verb, "a.yaml"]);
            assert_eq!((refused.code, refused.out.as_str()), (Some(1), ""));
            let lines: Vec<&str> = refused.err.lines().collect();
            // A record that is there may be given in part: its Chinese name stays.
            assert_eq!(lines.len(), 2, "{refused:?}");
            assert!(
                lines[0].starts_with("pairing-tracker: a.yaml:2: regions/taishan /level: must be one of"),
                "{lines:?}"
            );
            assert!(lines[1].contains('1') && lines[1].ends_with("nothing was written"), "{lines:?}");
        }
        assert!(on(directory.path(), &url, &["seed", "plan", "nowhere.yaml"]).refused().starts_with("nowhere.yaml: "));
    }
}

#[test]
fn settings_come_from_flags_environment_and_file_and_show_no_password() {
    let directory = directory();
    let toml = "database_url = \"postgres://u:hush@h/d\"\ntime_zone = \"Asia/Urumqi\"\nconnections = 3\nlisten = \"127.0.0.1:1\"\n";
    std::fs::write(directory.path().join("pairing-tracker.toml"), toml).expect("the settings");
    let print = |change: &dyn Fn(&mut Command)| {
        let mut command = program(directory.path(), &["serve", "--print-config"]);
        change(&mut command);
        let done = finish(command);
        assert!(!format!("{done:?}").contains("hush"), "{done:?}");
        toml::from_str::<toml::Table>(&done.good()).expect("what is printed is a settings file")
    };
    let file = print(&|_| {});
    assert_eq!(file["database_url"].as_str(), Some("postgres://u:***@h/d"));
    assert_eq!((file["time_zone"].as_str(), file["connections"].as_integer()), (Some("Asia/Urumqi"), Some(3)));
    let environment = print(&|command| {
        command.env("PAIRING_TRACKER_LISTEN", "127.0.0.1:2").env("DATABASE_URL", "postgres://h/d?user=u&password=hush");
    });
    assert_eq!(environment["listen"].as_str(), Some("127.0.0.1:2"));
    assert_eq!(environment["database_url"].as_str(), Some("postgres://h/d?user=u&password=***"));
    let flags = print(&|command| {
        command.env("PAIRING_TRACKER_LISTEN", "127.0.0.1:2").args(["--listen", "127.0.0.1:3", "--private"]);
    });
    assert_eq!((flags["listen"].as_str(), flags["private"].as_bool()), (Some("127.0.0.1:3"), Some(true)));
    for secret in
        ["postgres://u:hu@sh:hush@h/d", "postgres://u:hush@h/d?sslkey=k&sslpassword=hush", "postgres://u:a?hush@h/d"]
    {
        print(&|command| {
            command.env("DATABASE_URL", secret);
        });
    }
    std::fs::write(directory.path().join("bad.toml"), "colour = 1\n").expect("settings");
    let refused = run(directory.path(), &["serve", "--print-config", "--config", "bad.toml"]);
    assert!(
        refused.code == Some(1) && refused.err.contains("bad.toml") && refused.err.contains("colour"),
        "{refused:?}"
    );
}

#[test]
fn limits_are_settings_too() {
    let directory = directory();
    let toml = "trusted_proxies = [\"10.0.0.0/8\", \"::1\"]\nrate_per_address = 10\nrate_per_key = 20\nwrong_keys_per_address = 5\n\
                in_flight_per_address = 3\nin_flight = 4\ncors_origins = [\"https://a.example\"]\nlog_format = \"json\"\n";
    std::fs::write(directory.path().join("pairing-tracker.toml"), toml).expect("the settings");
    let print = |variables: &[(&str, &str)], args: &[&str]| {
        let mut command = program(directory.path(), &[&["serve", "--print-config"], args].concat());
        command.envs(variables.iter().copied());
        toml::from_str::<toml::Table>(&finish(command).good()).expect("what is printed is a settings file")
    };
    let list = |table: &toml::Table, name: &str| table[name].as_array().map_or(0, Vec::len);
    let file = print(&[], &[]);
    assert_eq!(file["trusted_proxies"].to_string(), "[\"10.0.0.0/8\", \"::1/128\"]");
    for (name, value) in [
        ("rate_per_address", 10),
        ("rate_per_key", 20),
        ("wrong_keys_per_address", 5),
        ("in_flight_per_address", 3),
        ("in_flight", 4),
    ] {
        let upper = format!("PAIRING_TRACKER_{}", name.to_uppercase());
        let flag = format!("--{}", name.replace('_', "-"));
        assert_eq!(file[name].as_integer(), Some(value), "{name}");
        assert_eq!(print(&[(&upper, "0")], &[])[name].as_integer(), Some(0), "{name}");
        assert_eq!(print(&[(&upper, "0")], &[&flag, "7"])[name].as_integer(), Some(7), "{name}");
    }
    assert_eq!(file["keep_refusals"].as_integer(), Some(90));
    assert_eq!(print(&[("PAIRING_TRACKER_KEEP_REFUSALS", "30")], &[])["keep_refusals"].as_integer(), Some(30));
    assert_eq!(print(&[], &["--keep-refusals", "7"])["keep_refusals"].as_integer(), Some(7));
    for days in ["0", "3651"] {
        let refused = run(directory.path(), &["serve", "--print-config", "--keep-refusals", days]);
        assert!(refused.code == Some(1) && refused.err.contains("keep_refusals"), "{refused:?}");
    }
    for (name, upper, flag, [one, two]) in [
        ("trusted_proxies", "PAIRING_TRACKER_TRUSTED_PROXIES", "--trusted-proxy", ["192.0.2.1", "192.0.2.2"]),
        ("cors_origins", "PAIRING_TRACKER_CORS_ORIGINS", "--cors-origin", ["https://b.example", "https://c.example"]),
        ("webhook_networks", "PAIRING_TRACKER_WEBHOOK_NETWORKS", "--webhook-network", ["10.0.0.0/8", "fd00::/8"]),
    ] {
        assert_eq!(list(&print(&[(upper, &format!("{one},{two}"))], &[]), name), 2, "{name}");
        assert_eq!(list(&print(&[(upper, "")], &[]), name), 0, "{name}");
        assert_eq!(list(&print(&[(upper, one)], &[flag, one, flag, two]), name), 2, "{name}");
    }
    assert_eq!(print(&[("PAIRING_TRACKER_LOG_FORMAT", "text")], &[])["log_format"].as_str(), Some("text"));
    assert_eq!(print(&[], &["--log-format", "text"])["log_format"].as_str(), Some("text"));
}

#[test]
fn serving_announces_a_new_database_and_ends_well_when_asked() {
    let directory = directory();
    let service = Service::start(directory.path(), &["--database-url", SQLITE]);
    assert!(service.output.iter().any(|line| line == "Creating the database test.db"), "{:?}", service.output);
    let (status, body) = service.request("GET /healthz", None);
    assert_eq!((status, serde_json::from_str::<Value>(&body).expect("JSON")["status"].as_str()), (200, Some("ok")));
    assert_eq!(service.request("GET /readyz", None).0, 200);
    assert!(service.request("GET /api/v1/pairings", None).1.contains("\"items\":[]"), "nothing is seeded unasked");
    let (code, told) = service.stop();
    assert_eq!((code, told.last().map(String::as_str)), (Some(0), Some("Stopped.")), "{told:?}");

    let again = Service::start(directory.path(), &["--database-url", SQLITE]);
    assert!(!again.output.iter().any(|line| line.contains("Creating")), "{:?}", again.output);
    assert_eq!(again.request("GET /healthz", None).0, 200);
    assert_eq!(again.stop().0, Some(0));
}

#[test]
fn a_service_that_has_just_announced_itself_ends_well_too() {
    let directory = directory();
    on(directory.path(), SQLITE, &["migrate"]).good();
    for _ in 0..3 {
        let (code, told) = Service::start(directory.path(), &["--database-url", SQLITE]).stop();
        assert_eq!((code, told.last().map(String::as_str)), (Some(0), Some("Stopped.")), "{told:?}");
    }
}

#[test]
fn an_address_that_is_taken_is_refused() {
    let directory = directory();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    on(directory.path(), SQLITE, &["migrate"]).good();
    let refused = on(directory.path(), SQLITE, &["serve", "--listen", &address]).refused();
    assert!(refused.starts_with(&format!("cannot listen on {address}")), "{refused}");
}

#[test]
fn keys_are_made_listed_and_revoked_while_it_serves() {
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
        assert!(on(directory.path(), &url, &["key", "revoke", "none"]).refused().contains("no api_key"));
        let unknown =
            on(directory.path(), &url, &["key", "create", "--name", "x", "--role", "editor", "--pairing", "none"]);
        assert!(unknown.refused().contains("\"none\""));
        assert_eq!(service.stop().0, Some(0));
    }
}

#[test]
fn an_issuer_is_set_by_flags_environment_and_file() {
    let directory = directory();
    let issuer = Issuer::start();
    let flags = ["--oidc-issuer", &issuer.url, "--oidc-audience", AUDIENCE, "--oidc-role-claim", "realm_access.roles"];
    let service = Service::start(directory.path(), &[&["--database-url", SQLITE], &flags[..], &["--private"]].concat());
    let token = |role: &str| issuer.token(serde_json::json!({ "realm_access": { "roles": [role] } }));
    for (token, status) in [(token("viewer"), 200), (token("guest"), 403), (token("viewer") + "A", 401)] {
        assert_eq!(service.request("GET /api/v1/pairings", Some(&token)).0, status);
    }
    assert_eq!(service.request("GET /api/v1/pairings", None).0, 401);
    assert_eq!(service.stop().0, Some(0));

    let toml = "oidc_issuer = \"https://id.example.org\"\noidc_audience = \"a\"\noidc_algorithm = \"EdDSA\"\n";
    std::fs::write(directory.path().join("pairing-tracker.toml"), toml).expect("the settings");
    let mut command = program(directory.path(), &["serve", "--print-config", "--oidc-name-claim", "email"]);
    command.env("PAIRING_TRACKER_OIDC_AUDIENCE", "b").env("PAIRING_TRACKER_OIDC_PAIRINGS_CLAIM", "groups");
    let printed: toml::Table = toml::from_str(&finish(command).good()).expect("a settings file");
    for (name, value) in [
        ("oidc_issuer", "https://id.example.org"),
        ("oidc_audience", "b"),
        ("oidc_algorithm", "EdDSA"),
        ("oidc_role_claim", "pairing_tracker_role"),
        ("oidc_pairings_claim", "groups"),
        ("oidc_name_claim", "email"),
    ] {
        assert_eq!(printed[name].as_str(), Some(value), "{name}");
    }
    let bad = "oidc_issuer = \"http://id.example.org\"\noidc_algorithm = \"HS256\"\nconnections = 0\n";
    std::fs::write(directory.path().join("bad.toml"), bad).expect("settings");
    let refused = run(directory.path(), &["serve", "--config", "bad.toml"]);
    let lines: Vec<&str> = refused.err.lines().collect();
    assert_eq!((refused.code, lines.len()), (Some(1), 4), "{refused:?}");
    for name in ["connections: ", "oidc_issuer: ", "oidc_audience: ", "oidc_algorithm: "] {
        assert!(lines.iter().any(|line| line.starts_with(&format!("pairing-tracker: {name}"))), "{name} {lines:?}");
    }
}

#[test]
fn the_history_is_verified_and_what_was_refused_is_written_when_the_service_has_stopped() {
    for url in databases() {
        let directory = directory();
        let verify = |more: &[&str]| on(directory.path(), &url, &[&["audit", "verify"], more].concat());
        on(directory.path(), &url, &["migrate"]).good();
        let empty = format!("0:{}", "0".repeat(64));
        assert_eq!(verify(&[]).good(), format!("Whole: 0 events.\nHead: {empty}\n"));
        let seed = Path::new(env!("CARGO_MANIFEST_DIR")).join("seed");
        on(directory.path(), &url, &["seed", "apply", seed.to_str().expect("UTF-8")]).good();
        let seeded = verify(&["--head", &empty]).good();
        let head = seeded.lines().last().and_then(|line| line.strip_prefix("Head: ")).expect("a head").to_owned();
        let count: i64 = head.split(':').next().and_then(|id| id.parse().ok()).expect("a number");
        assert_eq!(seeded, format!("Whole: {count} events.\nHead: {head}\n"));

        let service = Service::start(directory.path(), &["--database-url", &url]);
        for _ in 0..2 {
            assert_eq!(service.request("GET /api/v1/pairings?q=hush", Some("ptk_wrong")).0, 401);
        }
        assert_eq!(service.stop().0, Some(0));
        assert_eq!(verify(&["--head", &head]).good(), seeded, "refusals are no events");
        let key = on(directory.path(), &url, &["key", "create", "--name", "office", "--role", "admin"]).good();
        let service = Service::start(directory.path(), &["--database-url", &url]);
        let (status, body) = service.request("GET /api/v1/refusals", Some(key.trim_end()));
        let body: Value = serde_json::from_str(&body).expect("JSON");
        let refusals = body["items"].as_array().expect("a list");
        let counted: i64 = refusals.iter().filter_map(|refusal| refusal["count"].as_i64()).sum();
        assert_eq!((status, counted), (200, 2), "{body}");
        assert_eq!(refusals[0]["network"], "127.0.0.0/24");
        assert!(!body.to_string().contains("hush"), "{body}");
        assert_eq!(service.stop().0, Some(0));

        let mut conn = connect(directory.path(), &url);
        tamper::drop_triggers(&mut conn);
        let last = format!("DELETE FROM audit_events WHERE id >= {count}");
        tamper::execute(&mut conn, &last).expect("a deletion");
        assert!(verify(&[]).good().starts_with(&format!("Whole: {} events.", count - 1)), "the rest is whole");
        let cut = verify(&["--head", &head]).refused();
        assert!(cut.contains(&format!("event {count} is gone")), "{cut}");
        tamper::execute(&mut conn, "DELETE FROM audit_events WHERE id = 3").expect("a deletion");
        let missing = verify(&[]).refused();
        assert_eq!(missing, "the history is not whole: event 3 is missing");
        let mistyped = verify(&["--head", "12"]);
        assert!(mistyped.code == Some(2) && mistyped.err.contains("ID:HASH"), "{mistyped:?}");
    }
}
