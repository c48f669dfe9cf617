//! HTTP as its RFCs define it: HEAD, HTTP/1.0, and requests that cannot be parsed.

use std::io::{Read, Write};

use pairing_tracker::app;
use serde_json::json;

use crate::common::raw_http::{Program, Response, UNLIMITED, read_all, read_head, read_one, response, start};

/// A document with a file.
fn with_file(program: &Program, code: &str, bytes: &[u8]) {
    let new = json!({ "code": code, "title": { "zh": "文件" } }).to_string();
    let json = "Content-Type: application/json\r\n";
    assert_eq!(program.send("POST /api/v1/documents", json, new.as_bytes()).status(), 201);
    let put = program.send(&format!("PUT /api/v1/documents/{code}/content"), "Content-Type: text/plain\r\n", bytes);
    assert_eq!(put.status(), 200, "{}", put.head);
}

/// Every path of the document that can be read, with references to existing records, and the other paths.
fn readable(program: &Program) -> Vec<String> {
    let document = app::document().expect("the document");
    let known = [
        ("agreements", "xinhui-taishan-framework-2022"),
        ("documents", "with-file"),
        ("imports", "1"),
        ("pairings", "xinhui-taishan"),
        ("programmes", "jiangmen-east-west"),
        ("sectors", "talent"),
    ];
    let mut paths: Vec<String> = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        if item.get("get").is_none() {
            continue;
        }
        let of = path.trim_start_matches("/api/v1/").split('/').next().unwrap_or_default();
        let reference = known.iter().find(|(name, _)| *name == of).map_or("1", |(_, reference)| reference);
        paths.push(path.replace("{ref}", reference));
    }
    assert!(paths.len() > 60, "the document has operations that read");
    paths.extend(
        [
            "/",
            "/metrics",
            "/docs",
            "/docs/",
            "/docs/page.js",
            "/docs/swagger-ui.css",
            "/openapi.json",
            "/openapi.yaml",
            "/openapi-3.0.json",
            "/api/v1/milestones.csv",
            "/api/v1/milestones.xlsx",
            "/api/v1/milestones.ndjson",
            "/api/v1/milestones.csv?limit=1",
            "/api/v1/milestones.csv?pairing=no-such",
            "/api/v1/exports/bundle.yaml",
            "/api/v1/exports/bundle.xlsx?programme=jiangmen-east-west",
            "/api/v1/exports/bundle?programme=no-such",
            "/api/v1/imports/template.xlsx?resource=no-such",
            "/api/v1/sectors/no-such",
            "/api/v1/sectors?x=1",
            "/nowhere",
        ]
        .map(str::to_owned),
    );
    with_file(program, "with-file", b"0123456789");
    let table = "code,name_zh\r\nfrom-file,领域\r\n";
    let imported =
        program.send("POST /api/v1/imports?resource=sectors", "Content-Type: text/csv\r\n", table.as_bytes());
    assert_eq!(imported.status(), 201, "{}", String::from_utf8_lossy(&imported.body));
    paths
}

#[test]
fn a_head_response_has_the_headers_of_a_get_and_no_body() {
    let program = start(&UNLIMITED);
    for path in readable(&program) {
        for coding in ["", "Accept-Encoding: gzip\r\n"] {
            let get = program.get("GET", &path, coding);
            // Both arrive in one packet, so that the server has read the second before it responds to the first.
            let (head, rest) = {
                let first = format!("HEAD {path} HTTP/1.1\r\nHost: x\r\n{}{coding}\r\n", program.bearer());
                let both = format!("{first}GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
                let all = program.exchange(both);
                (Response { head: all.head, body: Vec::new() }, all.body)
            };
            let next = String::from_utf8_lossy(&rest);
            assert!(next.starts_with("HTTP/1.1 200 OK\r\n") && next.ends_with('}'), "{path}: {next:.200}");
            // The length of these depends on the time, or on earlier requests.
            let changes =
                ["/metrics", "/api/v1/audit-events", "/api/v1/api-keys"].iter().any(|of| path.starts_with(of));
            if !changes {
                assert_eq!(head.shared(), get.shared(), "{path} {coding}");
                // A problem contains its request id, whose length is fixed.
                if let Some(length) = head.header("content-length") {
                    assert_eq!(Some(length), get.header("content-length"), "{path} {coding}");
                    assert_eq!(length, get.body.len().to_string(), "{path} {coding}");
                }
            }
            assert_eq!(head.status(), get.status(), "{path} {coding}");
            assert!(head.header("transfer-encoding").is_none(), "{path}: {}", head.head);
        }
    }
    let file = program.get("HEAD", "/api/v1/documents/with-file/content", "");
    assert_eq!((file.header("content-length"), file.body.len()), (Some("10"), 0));
}

#[test]
fn a_head_request_for_a_stream_ends_at_once_and_frees_its_place() {
    let program = start(&UNLIMITED);
    let mut stream = program.service.connect();
    for _ in 0..40 {
        stream.write_all(b"HEAD /api/v1/audit-events?follow HTTP/1.1\r\nHost: x\r\n\r\n").expect("the request is sent");
        let head = read_head(&mut stream);
        assert_eq!((head.status(), head.header("content-type")), (200, Some("text/event-stream")), "{}", head.head);
        assert_eq!((head.header("transfer-encoding"), head.header("content-encoding")), (None, None));
    }
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("the request is sent");
    assert_eq!(response(&read_all(&mut stream)).status(), 200);
    // The control: a GET continues.
    let mut stream = program.service.connect();
    stream.write_all(b"GET /api/v1/audit-events?follow HTTP/1.1\r\nHost: x\r\n\r\n").expect("the request is sent");
    assert_eq!(read_head(&mut stream).header("transfer-encoding"), Some("chunked"));
    let mut beginning = [0; 4];
    stream.read_exact(&mut beginning).expect("the stream begins");
}

#[test]
fn http_1_0_clients_get_no_chunks_and_keep_a_connection_only_on_request() {
    let program = start(&UNLIMITED);
    for (path, is_whole) in [("/api/v1/milestones.csv", false), ("/api/v1/sectors/talent", true), ("/docs/", true)] {
        let modern = program.get("GET", path, "");
        assert_eq!(modern.header("transfer-encoding").is_some(), !is_whole, "{path}: the control");
        let old = program.exchange(format!("GET {path} HTTP/1.0\r\n\r\n"));
        assert_eq!((old.status(), old.header("transfer-encoding")), (200, None), "{path}");
        assert_eq!(old.header("content-length").is_some(), is_whole, "{path}: {}", old.head);
        assert!(!old.body.is_empty() && !old.body.starts_with(b"0\r\n"), "{path}");
        if let Some(length) = old.header("content-length") {
            assert_eq!(length, old.body.len().to_string(), "{path}");
        }
    }
    let keep_alive = "GET /api/v1/sectors/talent HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    let mut stream = program.service.connect();
    for _ in 0..2 {
        stream.write_all(keep_alive.as_bytes()).expect("the request is sent");
        let keep_alive = read_one(&mut stream);
        assert_eq!(keep_alive.header("connection"), Some("keep-alive"), "{}", keep_alive.head);
    }
    // Where the end of the connection marks the end of the body, it is closed.
    let streamed = program.exchange("GET /api/v1/milestones.csv HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!((streamed.status(), streamed.header("connection")), (200, None), "{}", streamed.head);
}

#[test]
fn an_instant_with_an_unencoded_plus_sign_is_quoted_as_it_arrived() {
    let program = start(&UNLIMITED);
    let path = "/api/v1/reports/scorecard?recorded_at=2022-01-01T00:00:00";
    let refused = program.get("GET", &format!("{path}+08:00"), "");
    let message = refused.problem()["errors"][0]["message"].as_str().unwrap_or_default().to_owned();
    assert!(refused.status() == 400 && message.contains("\"2022-01-01T00:00:00 08:00\""), "{message}");
    assert!(message.contains("%2B"), "{message}");
    assert_eq!(program.get("GET", &format!("{path}%2B08:00"), "").status(), 200);
}

#[test]
fn an_unparsable_head_gets_a_problem_response() {
    let program = start(&UNLIMITED);
    let long = "a".repeat(100_000);
    let many: String = (0..200).map(|n| format!("X-{n}: a\r\n")).collect();
    let request = |target: &str, headers: &str| format!("GET {target} HTTP/1.1\r\n{headers}\r\n");
    for (request, status, code) in [
        (request("/api/v1/pairings?q=里", "Host: x\r\n"), 400, "malformed_request"),
        (request("/api/v1/里", "Host: x\r\n"), 400, "malformed_request"),
        (request("/api/v1/pairings", ""), 400, "malformed_request"),
        (request("/api/v1/pairings", "Host: x\r\nContent-Length: x\r\n"), 400, "malformed_request"),
        ("\u{16}\u{3}\u{1}\r\n".to_owned(), 400, "malformed_request"),
        (request(&format!("/api/v1/pairings?q={}", &long[..10_000]), "Host: x\r\n"), 414, "uri_too_long"),
        (request(&format!("/api/v1/pairings?q={long}"), "Host: x\r\n"), 414, "uri_too_long"),
        (request("/api/v1/pairings", &format!("Host: x\r\nX: {}\r\n", &long[..20_000])), 431, "head_too_large"),
        (request("/api/v1/pairings", &format!("Host: x\r\nX: {long}\r\n")), 431, "head_too_large"),
        (request("/api/v1/pairings", &format!("Host: x\r\n{many}")), 431, "head_too_large"),
    ] {
        // An earlier response on the same connection is not affected.
        let first = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
        for before in ["", first] {
            let mut stream = program.service.connect();
            if !before.is_empty() {
                stream.write_all(before.as_bytes()).expect("the request is sent");
                assert_eq!(read_one(&mut stream).status(), 200);
            }
            let _ = stream.write_all(request.as_bytes());
            let refused = read_one(&mut stream);
            let problem = refused.problem();
            assert_eq!((refused.status(), problem["code"].as_str()), (status, Some(code)), "{request:.60}");
            assert!(refused.header("x-request-id").is_some() && refused.header("vary").is_some(), "{}", refused.head);
        }
    }
    let raw = request("/api/v1/pairings?q=里", "Host: x\r\nAccept-Language: zh-CN\r\nX-Request-Id: mine\r\n");
    let chinese = program.exchange(raw);
    assert_eq!((chinese.header("content-language"), chinese.header("x-request-id")), (Some("zh-cn"), Some("mine")));
    assert!(chinese.problem()["detail"].as_str().is_some_and(|detail| detail.contains("%E9%87%8C")));
    let head = program.exchange("HEAD /里 HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!((head.status(), head.body.len()), (400, 0));
    // The control: with an encoded sign it succeeds.
    assert_eq!(program.get("GET", "/api/v1/pairings?q=%E9%87%8C", "").status(), 200);
}
