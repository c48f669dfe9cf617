//! Settings from flags, the environment and the settings file.

use std::process::Command;

use tempfile::TempDir;

use crate::common::issuer::{AUDIENCE, Issuer};
use crate::common::program::{SQLITE, Service, finish, program, run};

fn directory() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
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
    for (text, expected) in [
        (
            "colour = 1\n",
            "bad.toml:1: there is no setting \"colour\"; the settings are listed by: pairing-tracker serve --print-config",
        ),
        ("# Few\nconections = 3\n", "bad.toml:2: there is no setting \"conections\"; did you mean \"connections\"?"),
        ("listen = 8080\n", "bad.toml:1: invalid type: integer `8080`, expected a string"),
        ("private\n", "bad.toml:1: key with no value, expected `=`"),
    ] {
        std::fs::write(directory.path().join("bad.toml"), text).expect("settings");
        let refused = run(directory.path(), &["serve", "--print-config", "--config", "bad.toml"]).refused();
        assert_eq!(refused, expected);
    }
    std::fs::write(directory.path().join("bad.toml"), b"listen = \"\xff\"").expect("settings");
    let refused = run(directory.path(), &["serve", "--print-config", "--config", "bad.toml"]).refused();
    assert_eq!(refused, "bad.toml: is not UTF-8 text; save it as UTF-8");
    let zone = run(directory.path(), &["serve", "--time-zone", "Asia/Shangai"]).refused();
    assert_eq!(zone, "time_zone: there is no time zone \"Asia/Shangai\"; did you mean \"Asia/Shanghai\"?");
    let zone = run(directory.path(), &["serve", "--time-zone", "here"]).refused();
    assert_eq!(zone, "time_zone: there is no time zone \"here\"; use an IANA name, such as Asia/Shanghai");
    let few = run(directory.path(), &["serve", "--connections", "0"]).refused();
    assert_eq!(few, "connections: 0 is not between 1 and 100");
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
fn a_port_alone_is_an_address() {
    let directory = directory();
    let listen = |args: &[&str]| {
        let printed = run(directory.path(), &[args, &["--print-config"]].concat()).good();
        toml::from_str::<toml::Table>(&printed).expect("a settings file")["listen"].as_str().expect("a text").to_owned()
    };
    for (args, expected) in [
        (&["serve", "--listen", "9000"][..], "127.0.0.1:9000"),
        (&["serve", "--listen", ":9000"], "127.0.0.1:9000"),
        (&["serve", "--port", "9000"], "127.0.0.1:9000"),
        (&["serve", "--listen", "0.0.0.0:80", "--port", "9000"], "0.0.0.0:9000"),
        (&["--port", "9000"], "127.0.0.1:9000"),
        (&["--listen", ":9000"], "127.0.0.1:9000"),
        (&["--bind", "[::1]:9000"], "[::1]:9000"),
    ] {
        assert_eq!(listen(args), expected, "{args:?}");
    }
    for (address, reason) in [
        ("0.0.0.0", "\"0.0.0.0\" has no port; write 0.0.0.0:8080"),
        ("70000", "there is no port 70000; ports are 0 to 65535"),
        ("http://127.0.0.1:80", "\"http://127.0.0.1:80\" is not an address; write HOST:PORT, such as 127.0.0.1:8080"),
    ] {
        let refused = run(directory.path(), &["--listen", address]).refused();
        assert_eq!(refused, format!("listen: {reason}"));
    }
}

#[test]
fn options_of_serve_need_no_command() {
    let directory = directory();
    let printed = run(directory.path(), &["--private", "--db", SQLITE, "--print-config"]).good();
    for line in ["private = true", "seed = true", "database_url = \"sqlite:test.db\""] {
        assert!(printed.lines().any(|printed| printed == line), "{line}: {printed}");
    }
    for (args, line) in [
        (&["--listn", "9000"][..], "error: unexpected argument '--listn' found"),
        (&["--port", "high"], "error: invalid value 'high' for '--port <PORT>': invalid digit found in string"),
        (&["migrate", "--port", "9000"], "error: unexpected argument '--port' found"),
    ] {
        let refused = run(directory.path(), args);
        assert_eq!((refused.code, refused.err.lines().next()), (Some(2), Some(line)), "{refused:?}");
        assert!(!refused.err.contains("--private"), "{refused:?}");
    }
    let similar = run(directory.path(), &["--listn", "9000"]).err;
    assert!(similar.contains("  tip: a similar argument exists: '--listen'"), "{similar}");
}
