//! HTTP as its RFCs define it, over plain sockets: details that a client library hides.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use flate2::Compression;
use flate2::read::GzEncoder;
use pairing_tracker::app;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::program::{SQLITE, Service, on};

/// Without limits per address, as all connections here share one.
const UNLIMITED: [&str; 6] = ["--rate-per-address", "0", "--rate-per-key", "0", "--in-flight-per-address", "0"];

struct Program {
    service: Service,
    key: String,
    /// Removed after the program has ended.
    _directory: TempDir,
}

fn start() -> Program {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path: &Path = directory.path();
    on(path, SQLITE, &["migrate"]).good();
    let key = on(path, SQLITE, &["key", "create", "--name", "office", "--role", "admin"]).good().trim_end().to_owned();
    let service = Service::start(path, &[&["--database-url", SQLITE, "--seed"], UNLIMITED.as_slice()].concat());
    Program { service, key, _directory: directory }
}

/// A response as received over the connection.
struct Response {
    /// In lower case.
    head: String,
    body: Vec<u8>,
}

impl Response {
    fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{:?}", self.head))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).filter_map(|line| line.split_once(": ")).find(|(n, _)| *n == name).map(|(_, v)| v)
    }

    /// The status line and the headers that a HEAD must share with a GET, in order.
    fn shared(&self) -> Vec<&str> {
        let differs = ["date", "x-request-id", "connection", "transfer-encoding", "content-length"];
        let mut lines: Vec<&str> = self
            .head
            .lines()
            .filter(|line| !differs.iter().any(|name| line.starts_with(&format!("{name}:"))))
            .collect();
        lines.sort_unstable();
        lines
    }

    fn problem(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.head);
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }
}

impl Program {
    /// Everything that is received until the connection is closed, as one response.
    fn exchange(&self, request: impl AsRef<[u8]>) -> Response {
        let mut stream = self.service.connect();
        // The service may stop reading before the end.
        let _ = stream.write_all(request.as_ref());
        response(&read_all(&mut stream))
    }

    fn bearer(&self) -> String {
        format!("Authorization: Bearer {}\r\n", self.key)
    }

    /// Sends a request with a body on a connection of its own.
    fn send(&self, line: &str, headers: &str, body: &[u8]) -> Response {
        let mut request = format!(
            "{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}{headers}Content-Length: {}\r\n\r\n",
            self.bearer(),
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        self.exchange(request)
    }

    fn get(&self, method: &str, path: &str, headers: &str) -> Response {
        self.exchange(format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}{headers}\r\n",
            self.bearer()
        ))
    }
}

fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = stream.read(&mut part) {
        bytes.extend_from_slice(&part[..count]);
    }
    bytes
}

fn response(bytes: &[u8]) -> Response {
    let at = bytes.windows(4).position(|part| part == b"\r\n\r\n").unwrap_or_else(|| panic!("no head: {bytes:?}"));
    let head = String::from_utf8_lossy(&bytes[..at]).to_lowercase();
    Response { head, body: bytes[at + 4..].to_vec() }
}

/// Reads one response by its length; the server may leave the connection open for a moment after it.
fn read_one(stream: &mut TcpStream) -> Response {
    let mut response = read_head(stream);
    let length = response.header("content-length").and_then(|length| length.parse().ok()).expect("a length");
    response.body.resize(length, 0);
    stream.read_exact(&mut response.body).expect("the body");
    response
}

/// Reads one head, byte by byte, so that the rest stays unread.
fn read_head(stream: &mut TcpStream) -> Response {
    let (mut bytes, mut byte) = (Vec::new(), [0]);
    while !bytes.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("a whole head");
        bytes.push(byte[0]);
    }
    response(&bytes)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    GzEncoder::new(bytes, Compression::best()).read_to_end(&mut packed).expect("it is packed");
    packed
}

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
    assert!(paths.len() > 60, "the document has its reads");
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
    let program = start();
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
    let program = start();
    let mut stream = program.service.connect();
    for _ in 0..40 {
        stream.write_all(b"HEAD /api/v1/audit-events?follow HTTP/1.1\r\nHost: x\r\n\r\n").expect("it reads");
        let head = read_head(&mut stream);
        assert_eq!((head.status(), head.header("content-type")), (200, Some("text/event-stream")), "{}", head.head);
        assert_eq!((head.header("transfer-encoding"), head.header("content-encoding")), (None, None));
    }
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("it reads");
    assert_eq!(response(&read_all(&mut stream)).status(), 200);
    // The control: a GET continues.
    let mut stream = program.service.connect();
    stream.write_all(b"GET /api/v1/audit-events?follow HTTP/1.1\r\nHost: x\r\n\r\n").expect("it reads");
    assert_eq!(read_head(&mut stream).header("transfer-encoding"), Some("chunked"));
    let mut beginning = [0; 4];
    stream.read_exact(&mut beginning).expect("the stream begins");
}

#[test]
fn http_1_0_clients_get_no_chunks_and_keep_a_connection_only_on_request() {
    let program = start();
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
        stream.write_all(keep_alive.as_bytes()).expect("it reads");
        let keep_alive = read_one(&mut stream);
        assert_eq!(keep_alive.header("connection"), Some("keep-alive"), "{}", keep_alive.head);
    }
    // Where the end of the connection marks the end of the body, it is closed.
    let streamed = program.exchange("GET /api/v1/milestones.csv HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!((streamed.status(), streamed.header("connection")), (200, None), "{}", streamed.head);
}

#[test]
fn a_compressed_response_has_its_own_entity_tag_and_both_tags_are_accepted() {
    let program = start();
    let path = "/api/v1/sectors/talent";
    let plain = program.get("GET", path, "");
    let packed = program.get("GET", path, "Accept-Encoding: gzip\r\n");
    assert_eq!((plain.header("content-encoding"), packed.header("content-encoding")), (None, Some("gzip")));
    let (plain_tag, packed_tag) = (plain.header("etag").expect("a tag"), packed.header("etag").expect("a tag"));
    assert_eq!(packed_tag, format!("{}-gzip\"", plain_tag.trim_end_matches('"')));
    for response in [&plain, &packed] {
        let vary = response.header("vary").unwrap_or_default();
        assert_eq!(vary.matches("accept-encoding").count(), 1, "{vary}");
    }
    for coding in ["", "Accept-Encoding: gzip\r\n"] {
        for tag in [plain_tag, packed_tag] {
            let known = program.get("GET", path, &format!("{coding}If-None-Match: {tag}\r\n"));
            assert_eq!((known.status(), known.header("etag")), (304, Some(tag)), "{coding} {tag}");
        }
    }
    let patch = |tag: &str, note: &str| {
        let headers =
            format!("Content-Type: application/merge-patch+json\r\nAccept-Encoding: gzip\r\nIf-Match: {tag}\r\n");
        program.send(&format!("PATCH {path}"), &headers, json!({ "vocabulary": note }).to_string().as_bytes())
    };
    let changed = patch(packed_tag, "one");
    assert_eq!(changed.status(), 200, "the tag of a compressed response is one of the record");
    assert_eq!(patch(packed_tag, "two").status(), 412, "it is stale now");
    assert_eq!(patch(changed.header("etag").expect("a tag"), "two").status(), 200);
}

#[test]
fn a_compressed_request_body_is_decoded_within_the_limits() {
    let program = start();
    let json = "Content-Type: application/json\r\n";
    let sector = |code: &str| json!({ "code": code, "name": { "zh": "领域" } }).to_string().into_bytes();
    let gzipped = format!("{json}Content-Encoding: gzip\r\n");
    assert_eq!(program.send("POST /api/v1/sectors", &gzipped, &gzip(&sector("packed"))).status(), 201);
    let read = program.get("GET", "/api/v1/sectors/packed", "");
    assert!(String::from_utf8_lossy(&read.body).contains("领域"));

    for coding in ["br", "zstd", "gzip, gzip"] {
        let headers = format!("{json}Content-Encoding: {coding}\r\n");
        let refused = program.send("POST /api/v1/sectors", &headers, &sector("refused"));
        assert_eq!((refused.status(), refused.header("accept-encoding")), (415, Some("gzip, deflate, identity")));
        assert_eq!(refused.problem()["code"], "unsupported_content_encoding");
    }
    assert_eq!(program.send("POST /api/v1/sectors", &gzipped, &sector("plain")).status(), 400, "it is not gzip");

    // One megabyte that unpacks to a gigabyte.
    let before = program.service.memory("VmRSS:");
    let bomb = gzip(&vec![b' '; 1 << 30]);
    for (line, headers) in [
        ("POST /api/v1/sectors", json),
        ("PUT /api/v1/documents/gb-t-2260/content", "Content-Type: text/plain\r\n"),
        ("POST /api/v1/imports?resource=sectors", "Content-Type: text/csv\r\n"),
    ] {
        let body = if line.ends_with("/sectors") { &bomb[..200 * 1024] } else { &bomb };
        let refused = program.send(line, &format!("{headers}Content-Encoding: gzip\r\n"), body);
        assert_eq!(refused.status(), 413, "{line}: {}", refused.head);
        assert_eq!(refused.problem()["code"], "too_large");
    }
    if let (Some(before), Some(after)) = (before, program.service.memory("VmRSS:")) {
        assert!(after < before + 64 * 1024, "from {before} to {after} KiB");
    }
    // The control: what fits is accepted, as an import and as the file of a document.
    let table = gzip("code,name_zh\r\nfrom-gzip,领域\r\n".as_bytes());
    let headers = "Content-Type: text/csv\r\nContent-Encoding: gzip\r\n";
    assert_eq!(program.send("POST /api/v1/imports?resource=sectors", headers, &table).status(), 201);
    let file = gzip(&[b'x'; 100_000]);
    let put = program.send(
        "PUT /api/v1/documents/gb-t-2260/content",
        "Content-Type: text/plain\r\nContent-Encoding: gzip\r\n",
        &file,
    );
    assert!(put.status() == 200 && String::from_utf8_lossy(&put.body).contains("\"byte_size\":100000"), "{}", put.head);
}

/// A body of `multipart/form-data` with these parts, each its head and its bytes.
fn multipart(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (head, bytes) in parts {
        body.extend_from_slice(format!("--line\r\n{head}\r\n\r\n").as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--line--\r\n");
    body
}

#[test]
fn a_file_may_be_sent_as_the_only_part_of_a_form() {
    const FORM: &str = "Content-Type: multipart/form-data; boundary=line\r\n";
    let program = start();
    let table = "code,name_zh\r\nfrom-form,领域\r\n".as_bytes();
    let csv = "Content-Disposition: form-data; name=\"file\"; filename=\"dir/领域.csv\"";
    let unknown = format!("{csv}\r\nContent-Type: application/octet-stream");
    let typed = "Content-Disposition: form-data; name=\"x\"; filename=\"x\"\r\nContent-Type: text/csv";
    let imports = "POST /api/v1/imports?resource=sectors";
    for (head, name) in [(csv, "领域.csv"), (unknown.as_str(), "领域.csv"), (typed, "x")] {
        let taken = program.send(imports, FORM, &multipart(&[(head, table)]));
        let import: Value = serde_json::from_slice(&taken.body).expect("JSON");
        assert_eq!((taken.status(), &import["file_name"]), (201, &json!(name)), "{import}");
        assert_eq!(json!([import["format"], import["byte_size"]]), json!(["csv", table.len()]));
    }
    let pdf = "Content-Disposition: form-data; name=\"file\"; filename=\"a.pdf\"";
    let content = "PUT /api/v1/documents/gb-t-2260/content";
    // Bytes that only resemble a boundary stay in the file.
    let bytes = b"%PDF\r\n--lin\r\n--".as_slice();
    let put = program.send(content, FORM, &multipart(&[(pdf, bytes)]));
    let document: Value = serde_json::from_slice(&put.body).expect("JSON");
    assert_eq!(json!([put.status(), document["media_type"]]), json!([200, "application/pdf"]), "{document}");
    assert_eq!(program.get("GET", "/api/v1/documents/gb-t-2260/content", "").body, bytes);

    let field = "Content-Disposition: form-data; name=\"note\"";
    let whole = multipart(&[(csv, table)]);
    for (body, headers, code) in [
        (multipart(&[]), FORM, "no_file"),
        (multipart(&[(csv, table), (csv, table)]), FORM, "several_parts"),
        (multipart(&[(field, b"text".as_slice())]), FORM, "no_file_name"),
        (multipart(&[("Content-Type: text/csv", table)]), FORM, "no_content_disposition"),
        (whole[..whole.len() - 10].to_vec(), FORM, "incomplete"),
        (whole.clone(), "Content-Type: multipart/form-data\r\n", "no_boundary"),
    ] {
        for line in [imports, content] {
            let refused = program.send(line, headers, &body);
            let problem = refused.problem();
            assert_eq!((refused.status(), &problem["errors"][0]["code"]), (400, &json!(code)), "{line}: {problem}");
        }
    }
    let large = vec![b'x'; 20 * 1024 * 1024 + 1];
    assert_eq!(program.send(content, FORM, &multipart(&[(pdf, large.as_slice())])).status(), 413);
    let packed = format!("{FORM}Content-Encoding: gzip\r\n");
    assert_eq!(program.send(imports, &packed, &gzip(&whole)).status(), 415);
}

#[test]
fn json_with_a_byte_order_mark_is_accepted() {
    let program = start();
    let body = format!("\u{feff}{}", json!({ "code": "marked", "name": { "zh": "领域" } }));
    let created = program.send("POST /api/v1/sectors", "Content-Type: application/json\r\n", body.as_bytes());
    assert_eq!(created.status(), 201, "{}", String::from_utf8_lossy(&created.body));
    // The control: anywhere else it makes the JSON invalid.
    let twice = format!("\u{feff}{body}");
    let refused = program.send("POST /api/v1/sectors", "Content-Type: application/json\r\n", twice.as_bytes());
    assert_eq!((refused.status(), &refused.problem()["errors"][0]["code"]), (400, &json!("invalid_json")));
}

#[test]
fn an_instant_with_an_unencoded_plus_sign_is_quoted_as_it_arrived() {
    let program = start();
    let path = "/api/v1/reports/scorecard?recorded_at=2022-01-01T00:00:00";
    let refused = program.get("GET", &format!("{path}+08:00"), "");
    let message = refused.problem()["errors"][0]["message"].as_str().unwrap_or_default().to_owned();
    assert!(refused.status() == 400 && message.contains("\"2022-01-01T00:00:00 08:00\""), "{message}");
    assert!(message.contains("%2B"), "{message}");
    assert_eq!(program.get("GET", &format!("{path}%2B08:00"), "").status(), 200);
}

#[test]
fn an_unparsable_head_gets_a_problem_response() {
    let program = start();
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
                stream.write_all(before.as_bytes()).expect("it reads");
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
