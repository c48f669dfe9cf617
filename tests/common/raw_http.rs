//! HTTP over plain sockets, for tests of details that a client library hides.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use super::program::{SQLITE, Service, on};

/// Options without limits per address and key, as all connections of a test share one address.
pub const UNLIMITED: [&str; 6] = ["--rate-per-address", "0", "--rate-per-key", "0", "--in-flight-per-address", "0"];

/// A running program with an administrator's key. Fields drop in this order: the program ends before its directory is removed.
pub struct Program {
    pub service: Service,
    pub key: String,
    _directory: TempDir,
}

/// Starts the program on a new seeded SQLite database.
pub fn start(args: &[&str]) -> Program {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path: &Path = directory.path();
    on(path, SQLITE, &["migrate"]).good();
    let key = on(path, SQLITE, &["key", "create", "--name", "office", "--role", "admin"]).good().trim_end().to_owned();
    let service = Service::start(path, &[&["--database-url", SQLITE, "--seed"], args].concat());
    Program { service, key, _directory: directory }
}

/// A response as received over the connection.
pub struct Response {
    /// In lower case.
    pub head: String,
    pub body: Vec<u8>,
}

impl Response {
    pub fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{:?}", self.head))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).filter_map(|line| line.split_once(": ")).find(|(n, _)| *n == name).map(|(_, v)| v)
    }

    /// The status line and the headers that a HEAD must share with a GET, in order.
    pub fn shared(&self) -> Vec<&str> {
        let differs = ["date", "x-request-id", "connection", "transfer-encoding", "content-length"];
        let mut lines: Vec<&str> = self
            .head
            .lines()
            .filter(|line| !differs.iter().any(|name| line.starts_with(&format!("{name}:"))))
            .collect();
        lines.sort_unstable();
        lines
    }

    pub fn problem(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.head);
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }
}

impl Program {
    /// Everything that is received until the connection is closed, as one response.
    pub fn exchange(&self, request: impl AsRef<[u8]>) -> Response {
        let mut stream = self.service.connect();
        // The service may stop reading before the end.
        let _ = stream.write_all(request.as_ref());
        response(&read_all(&mut stream))
    }

    pub fn bearer(&self) -> String {
        format!("Authorization: Bearer {}\r\n", self.key)
    }

    /// Sends a request with a body on a connection of its own.
    pub fn send(&self, line: &str, headers: &str, body: &[u8]) -> Response {
        let mut request = format!(
            "{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}{headers}Content-Length: {}\r\n\r\n",
            self.bearer(),
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        self.exchange(request)
    }

    pub fn get(&self, method: &str, path: &str, headers: &str) -> Response {
        self.exchange(format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}{headers}\r\n",
            self.bearer()
        ))
    }
}

/// Reads a connection until its end.
pub fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = stream.read(&mut part) {
        bytes.extend_from_slice(&part[..count]);
    }
    bytes
}

/// Parses a response.
pub fn response(bytes: &[u8]) -> Response {
    let at = bytes.windows(4).position(|part| part == b"\r\n\r\n").unwrap_or_else(|| panic!("no head: {bytes:?}"));
    let head = String::from_utf8_lossy(&bytes[..at]).to_lowercase();
    Response { head, body: bytes[at + 4..].to_vec() }
}

/// Reads one response by its length; the server may leave the connection open for a moment after it.
pub fn read_one(stream: &mut TcpStream) -> Response {
    let mut response = read_head(stream);
    let length = response.header("content-length").and_then(|length| length.parse().ok()).expect("a length");
    response.body.resize(length, 0);
    stream.read_exact(&mut response.body).expect("the body");
    response
}

/// Reads one head, byte by byte, so that the rest stays unread.
pub fn read_head(stream: &mut TcpStream) -> Response {
    let (mut bytes, mut byte) = (Vec::new(), [0]);
    while !bytes.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("a whole head");
        bytes.push(byte[0]);
    }
    response(&bytes)
}
