//! Following the history: a stream of server-sent events that misses no event and ends when it must.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;

use serde_json::{Value, json};

use crate::common::program::{Service, databases, on};

/// A client of a stream, reading raw lines, among them the sizes of HTTP's chunks.
pub struct Follower {
    lines: std::io::Lines<BufReader<TcpStream>>,
    /// The lines of the response head.
    head: Vec<String>,
}

impl Follower {
    pub fn start(service: &Service, query: &str, headers: &str) -> Follower {
        let mut stream = service.connect();
        let head =
            format!("GET /api/v1/audit-events?{query} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n{headers}\r\n");
        stream.write_all(head.as_bytes()).expect("it reads");
        let mut lines = BufReader::new(stream).lines();
        let head: Vec<String> =
            lines.by_ref().map(|line| line.expect("a line")).take_while(|line| !line.is_empty()).collect();
        assert!(head[0].contains(" 200 "), "{head:?}");
        let mut follower = Follower { lines, head };
        assert_eq!(follower.until("retry: "), "1000");
        follower
    }

    /// The rest of the next line that begins with this text.
    fn until(&mut self, beginning: &str) -> String {
        let found =
            self.lines.by_ref().map(|line| line.expect("a line in time")).find(|line| line.starts_with(beginning));
        found.expect("the stream goes on")[beginning.len()..].to_owned()
    }

    /// The next event, which its id precedes.
    pub fn next(&mut self) -> Value {
        let id = self.until("id: ");
        let event: Value = serde_json::from_str(&self.until("data: ")).expect("JSON");
        assert_eq!(event["id"].to_string(), id);
        event
    }

    /// Whether only the end of the stream follows.
    fn ends(&mut self) -> bool {
        self.lines.by_ref().map_while(Result::ok).all(|line| !line.starts_with("data"))
    }
}

fn key(directory: &Path, url: &str, name: &str, role: &str) -> String {
    on(directory, url, &["key", "create", "--name", name, "--role", role]).good().trim_end().to_owned()
}

fn bearer(key: &str) -> String {
    format!("Authorization: Bearer {key}\r\n")
}

fn write(service: &Service, key: &str, method: &str, path: &str, body: &Value) {
    let body = body.to_string();
    let request = format!(
        "{method} /api/v1/{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nIf-Match: *\r\n{}\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        bearer(key),
        body.len()
    );
    let response = service.exchange(request.as_bytes());
    assert!(response.starts_with("HTTP/1.1 20"), "{response}");
}

fn sector(code: &str) -> Value {
    json!({ "code": code, "name": { "zh": "低空\n经济" } })
}

#[test]
fn a_client_that_reconnects_has_missed_no_event() {
    for url in databases() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path();
        on(path, &url, &["migrate"]).good();
        let admin = key(path, &url, "office", "admin");
        let service = Service::start(path, &["--database-url", &url]);
        let mut follower = Follower::start(&service, "follow", "");
        for wanted in ["content-type: text/event-stream", "cache-control: no-store", "x-accel-buffering: no"] {
            assert!(follower.head.iter().any(|line| line.eq_ignore_ascii_case(wanted)), "{:?}", follower.head);
        }
        write(&service, &admin, "POST", "sectors", &sector("low-altitude"));
        let first = follower.next();
        assert_eq!(
            json!([first["entity"], first["action"], first["record_code"]]),
            json!(["sector", "create", "low-altitude"])
        );
        let (_, body) = service.request("GET /api/v1/audit-events?limit=1", None);
        let list: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(first, list["items"][0], "an event is the same as in the list");
        drop(follower);

        write(&service, &admin, "PATCH", "sectors/low-altitude", &json!({ "vocabulary": "office" }));
        write(&service, &admin, "POST", "sectors", &sector("marine"));
        let last = format!("Last-Event-ID: {}\r\n", first["id"]);
        let mut again = Follower::start(&service, "follow=true&entity=sector", &last);
        let (second, third) = (again.next(), again.next());
        assert_eq!(json!([second["action"], second["record_code"]]), json!(["update", "low-altitude"]));
        assert_eq!(json!([third["action"], third["record_code"]]), json!(["create", "marine"]));

        // The events of one record, from the beginning, by a code that it no longer has.
        write(&service, &admin, "PATCH", "sectors/marine", &json!({ "code": "ocean" }));
        let mut one = Follower::start(&service, "follow&entity=sector&record=marine", "Last-Event-ID: 0\r\n");
        assert_eq!(json!([one.next()["action"], one.next()["action"]]), json!(["create", "update"]));
        assert_eq!(service.stop().0, Some(0));
    }
}

#[test]
fn a_stream_has_events_of_other_processes_and_only_those_that_the_caller_may_see() {
    for url in databases() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path();
        on(path, &url, &["migrate"]).good();
        let admin = key(path, &url, "office", "admin");
        let service = Service::start(path, &["--database-url", &url]);
        let mut all = Follower::start(&service, "follow", &bearer(&admin));
        let mut public = Follower::start(&service, "follow", "");
        key(path, &url, "viewer", "viewer");
        std::fs::write(path.join("more.yaml"), "sectors:\n- {code: ocean, name: {zh: 海洋}}\n").expect("a file");
        on(path, &url, &["seed", "apply", "more.yaml"]).good();
        let (of_key, of_sector) = (all.next(), all.next());
        assert_eq!(json!([of_key["entity"], of_sector["entity"]]), json!(["api_key", "sector"]));
        assert_eq!(of_key["actor_id"], "operator");
        let seen = public.next();
        assert_eq!(json!([seen["entity"], seen["actor_id"]]), json!(["sector", null]), "keys are for administrators");
        assert_eq!(service.stop().0, Some(0));
    }
}

#[test]
fn the_service_stops_while_streams_are_open() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let url = "sqlite:test.db";
    let service = Service::start(directory.path(), &["--database-url", url]);
    let followers: Vec<Follower> = (0..3).map(|_| Follower::start(&service, "follow", "")).collect();
    let (code, output) = service.stop();
    assert_eq!(code, Some(0), "{output:?}");
    for mut follower in followers {
        assert!(follower.ends());
    }
}

#[test]
fn streams_of_one_address_are_limited() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let service = Service::start(directory.path(), &["--database-url", "sqlite:test.db"]);
    let mut followers: Vec<Follower> = (0..8).map(|_| Follower::start(&service, "follow", "")).collect();
    let (status, body) = service.request("GET /api/v1/audit-events?follow", None);
    assert_eq!(status, 429, "{body}");
    followers.pop();
    // The service notices a closed connection when it writes to it or reads from it.
    let key = on(directory.path(), "sqlite:test.db", &["key", "create", "--name", "x", "--role", "admin"]).good();
    let mut code = 0;
    let begun = loop {
        code += 1;
        write(&service, key.trim_end(), "POST", "sectors", &sector(&format!("s{code}")));
        let mut stream = service.connect();
        stream.write_all(b"GET /api/v1/audit-events?follow HTTP/1.1\r\nHost: x\r\n\r\n").expect("it reads");
        let line = BufReader::new(stream).lines().next().expect("an answer").expect("a line");
        if !line.contains(" 429 ") {
            break line;
        }
        assert!(code < 100, "the place of one who has gone away is never free");
    };
    assert!(begun.contains(" 200 "), "{begun}");
}

#[test]
fn an_invalid_stream_request_is_refused_before_the_stream_begins() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let service = Service::start(directory.path(), &["--database-url", "sqlite:test.db", "--seed"]);
    let request = |query: &str, header: &str| {
        let request =
            format!("GET /api/v1/audit-events?{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}\r\n");
        let response = service.exchange(request.as_bytes());
        let body = response.split_once("\r\n\r\n").expect("a body").1;
        let problem: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{response}"));
        let faults = problem["errors"].as_array().expect("faults").iter();
        let faults: Vec<Value> = faults.map(|fault| json!([fault["pointer"], fault["code"]])).collect();
        json!([problem["status"], faults])
    };
    let cases = [
        (
            "follow&limit=5&sort=at",
            "",
            json!([400, [["/query/limit", "not_for_streams"], ["/query/sort", "not_for_streams"]]]),
        ),
        ("follow=perhaps", "", json!([400, [["/query/follow", "type"]]])),
        ("follow", "Last-Event-ID: none\r\n", json!([400, [["/header/Last-Event-ID", "format"]]])),
        ("follow", "Last-Event-ID: -1\r\n", json!([400, [["/header/Last-Event-ID", "format"]]])),
        ("follow", "Last-Event-ID: 1000000\r\n", json!([422, [["/header/Last-Event-ID", "unknown_event"]]])),
        ("follow&record=xinhui-taishan", "", json!([400, [["/query/entity", "required"]]])),
        ("follow&entity=pairing&record=none", "", json!([422, [["/query/record", "unknown_reference"]]])),
    ];
    for (query, header, expected) in cases {
        assert_eq!(request(query, header), expected, "{query} {header}");
    }
    // Without following, the list is unchanged.
    assert_eq!(service.request("GET /api/v1/audit-events?follow=false&limit=5", None).0, 200);
}
