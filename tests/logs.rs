//! The log: it contains every request and no confidential data.

use std::path::Path;

use serde_json::Value;

use crate::common::program::{SQLITE, Service, finish, on, program, run};

const PRIVATE: [&str; 6] = ["13800138000", "陈私密", "hidden-query", "private@example.org", "secret-header", "坏正文"];

/// A key that has the wrong form.
const MALFORMED: &str = "ptk_abcdefghijklmnopqrstuvwxyz";

struct Keys {
    valid: String,
    /// A well-formed key that the database does not have.
    unknown: String,
    /// The unknown key in the form of a key for calendar feeds.
    feed: String,
}

fn create_key(directory: &Path) -> String {
    on(directory, SQLITE, &["migrate"]).good();
    let made = on(directory, SQLITE, &["key", "create", "--name", "office", "--role", "admin"]).good();
    made.trim_end().to_owned()
}

/// Requests to a service: their ids and the statuses of their responses.
struct Requests<'a> {
    service: &'a Service,
    sent: Vec<(String, u16)>,
}

impl Requests<'_> {
    fn send(&mut self, key: &str, method: &str, target: &str, headers: &str, body: &str, wanted: u16) {
        let id = format!("request-{}", self.sent.len());
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-Id: {id}\r\nX-Note: secret-header\r\n\
             Authorization: Bearer {key}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = self.service.exchange(request.as_bytes());
        assert_eq!(answer.split(' ').nth(1), Some(wanted.to_string().as_str()), "{request}\n{answer}");
        self.sent.push((id, wanted));
    }
}

/// Sends requests with confidential data in each part that could be logged.
fn send_confidential(requests: &mut Requests<'_>, keys: &Keys) {
    let json = "Content-Type: application/json\r\n";
    let liaison =
        r#"{"code":"secretary","pairing":"xinhui-taishan","body":"government","name":"乙","contact":"13800138000"}"#;
    requests.send(&keys.valid, "POST", "/api/v1/liaisons", json, liaison, 201);
    let broken = r#"{"pairing":"xinhui-taishan","contact":"13800138000","nmae":"陈私密"}"#;
    requests.send(&keys.valid, "POST", "/api/v1/liaisons", json, broken, 400);
    let exchange = r#"{"pairing":"xinhui-taishan","profession":"doctor","direction":"supporter_to_recipient","headcount":1,"names":["陈私密"]}"#;
    requests.send(&keys.valid, "POST", "/api/v1/exchanges", json, exchange, 201);
    requests.send(&keys.valid, "POST", "/api/v1/liaisons", json, r#"{"contact": "private@example.org", 坏正文"#, 400);
    requests.send(
        &keys.valid,
        "PATCH",
        "/api/v1/liaisons/secretary",
        &format!("{json}If-Match: *\r\n"),
        r#"{"contact":"private@example.org"}"#,
        200,
    );
    requests.send(&keys.valid, "GET", "/api/v1/liaisons?q=hidden-query&limit=5", "", "", 200);
    requests.send(&keys.valid, "GET", "/api/v1/liaisons?hidden-query=1", "", "", 400);
    requests.send(&keys.valid, "GET", "/api/v1/liaisons/secretary", "", "", 200);
    requests.send(&keys.unknown, "GET", "/api/v1/liaisons?q=hidden-query", "", "", 401);
    requests.send(MALFORMED, "GET", "/api/v1/liaisons", "", "", 401);
    // A key in a URL; the bearer token beside it is valid.
    requests.send(
        &keys.valid,
        "GET",
        &format!("/api/v1/pairings/xinhui-taishan/milestones.ics?key={}", keys.feed),
        "",
        "",
        401,
    );
    requests.send(&keys.valid, "GET", "/api/v1/none?q=hidden-query", "", "", 404);
}

fn assert_confidential(log: &str, keys: &Keys) {
    for secret in PRIVATE.into_iter().chain([keys.valid.as_str(), &keys.unknown, MALFORMED, &keys.feed]) {
        assert!(!log.contains(secret), "the log holds {secret}");
        let part = &secret[..secret.len().min(12)];
        assert!(secret.len() < 30 || !log.contains(&part[4..]), "the log holds a part of {secret}");
    }
    assert!(!log.contains("?q=") && !log.contains("limit=5"), "the log holds a query");
}

/// Asserts that the log has a line of each request.
fn assert_logged(logged: &[String], sent: &[(String, u16)]) {
    let lines: Vec<Value> = logged.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    for (id, status) in sent {
        let line =
            lines.iter().find(|line| line["request_id"] == id.as_str()).unwrap_or_else(|| panic!("no line of {id}"));
        assert_eq!(line["target"], "pairing_tracker::request", "{line}");
        assert_eq!((line["status"].as_u64(), line["client"].as_str()), (Some(u64::from(*status)), Some("127.0.0.1")));
        let known =
            *status != 401 && *status != 404 || line["path"].as_str().is_some_and(|path| path.ends_with(".ics"));
        assert_eq!(line["caller"].as_str(), known.then_some("key:1"), "{line}");
        let quiet = line["method"] == "GET" && *status != 401;
        assert_eq!(line["level"], if quiet { "DEBUG" } else { "INFO" }, "{line}");
        assert!(line["milliseconds"].as_f64().is_some_and(|took| took > 0.0), "{line}");
    }
    let first = lines.iter().find(|line| line["request_id"] == "request-4").expect("a line");
    assert_eq!(
        (first["route"].as_str(), first["path"].as_str()),
        (Some("/api/v1/liaisons/{ref}"), Some("/api/v1/liaisons/secretary"))
    );
}

#[test]
fn every_request_is_logged_and_no_secret_is() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let elsewhere = tempfile::tempdir().expect("a temporary directory");
    let (valid, unknown) = (create_key(directory.path()), create_key(elsewhere.path()));
    let feed = format!("ptf_{}", &unknown[4..]);
    let keys = Keys { valid, unknown, feed };

    let args = ["--database-url", SQLITE, "--seed", "--log-format", "json"];
    let service = Service::start_with(directory.path(), &args, &[("RUST_LOG", "debug,pairing_tracker=trace")]);
    let mut requests = Requests { service: &service, sent: Vec::new() };
    send_confidential(&mut requests, &keys);
    let sent = requests.sent;
    let (code, logged) = service.stop();
    assert_eq!(code, Some(0));

    assert_confidential(&logged.join("\n"), &keys);
    // The control: the log has what it may contain.
    assert_logged(&logged, &sent);
}

#[test]
fn a_password_of_the_database_is_never_logged() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for url in ["postgres://u:hush@127.0.0.1:1/d", "postgres://127.0.0.1:1/d?user=u&password=hush"] {
        for args in [&["migrate"][..], &["serve", "--listen", "127.0.0.1:0"], &["key", "list"]] {
            let mut command = program(directory.path(), args);
            command.env("DATABASE_URL", url).env("RUST_LOG", "trace");
            let done = finish(command);
            assert_eq!(done.code, Some(1), "{done:?}");
            assert!(!format!("{done:?}").contains("hush"), "{done:?}");
        }
    }
}

#[test]
fn an_unknown_log_format_is_reported_with_all_other_faults() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    // The flag accepts no other value; the settings file may have one.
    std::fs::write(directory.path().join("pairing-tracker.toml"), "log_format = \"xml\"\n").expect("the settings");
    let args = ["serve", "--print-config", "--trusted-proxy", "proxy", "--cors-origin", "*", "--connections", "0"];
    let refused = run(directory.path(), &args);
    assert_eq!((refused.code, refused.err.lines().count()), (Some(1), 4), "{refused:?}");
    for name in ["log_format:", "trusted_proxies:", "cors_origins:", "connections:"] {
        assert!(refused.err.contains(name), "{refused:?}");
    }
}
