//! Clients that are slow or request too much, over TCP: others are served meanwhile, and their connections are closed.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::common::program::{SQLITE, Service, on, read_response};

/// The number of clients of each slow kind.
const MANY: usize = 200;
/// Without limits per address, as all clients here share one.
const UNLIMITED: [&str; 6] = ["--rate-per-address", "0", "--rate-per-key", "0", "--in-flight-per-address", "0"];

struct Program {
    service: Service,
    key: String,
    /// Removed after the program has ended.
    directory: TempDir,
}

fn start(args: &[&str]) -> Program {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path: &Path = directory.path();
    on(path, SQLITE, &["migrate"]).good();
    let key = on(path, SQLITE, &["key", "create", "--name", "office", "--role", "admin"]).good().trim_end().to_owned();
    let service = Service::start(path, &[&["--database-url", SQLITE, "--seed"], args].concat());
    Program { service, key, directory }
}

fn status(response: &str) -> u16 {
    response
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or_else(|| panic!("no answer: {response:?}"))
}

/// Connections that send only this much.
fn slow(service: &Service, sent: &str) -> Vec<TcpStream> {
    let open = |_| {
        let mut stream = service.connect();
        stream.write_all(sent.as_bytes()).expect("it reads");
        stream
    };
    (0..MANY).map(open).collect()
}

#[test]
fn slow_clients_do_not_block_others_and_are_disconnected() {
    let Program { service, key, directory: _directory } = start(&UNLIMITED);
    let post = "POST /api/v1/regions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    let heads = slow(&service, "GET /api/v1/pairings HTTP/1.1\r\nHost: x\r\nX-Slow: ");
    let bodies = slow(&service, &format!("{post}Authorization: Bearer {key}\r\nContent-Length: 1000\r\n\r\n{{"));
    let chunks =
        slow(&service, &format!("{post}Authorization: Bearer {key}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{{\r\n"));
    // These request more than the sockets hold, and read none of it.
    let readers = slow(&service, &"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(15));
    for _ in 0..20 {
        assert_eq!(service.request("GET /api/v1/pairings", Some(&key)).0, 200);
    }
    for (what, streams) in [("head", heads), ("body", bodies), ("chunk", chunks)] {
        for mut stream in streams {
            let response = read_response(&mut stream);
            assert_eq!(status(&response), 408, "{what}: {response}");
        }
    }
    assert_eq!(service.request("GET /api/v1/pairings", Some(&key)).0, 200);
    drop(readers);
    assert_eq!(service.stop().0, Some(0));
}

#[test]
fn an_upgrade_is_declined_and_the_response_announces_the_close() {
    let Program { service, key: _, directory: _directory } = start(&UNLIMITED);
    let offer =
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAA\r\n";
    let response = service.exchange(format!("GET /api/v1/pairings HTTP/1.1\r\nHost: x\r\n{offer}\r\n").as_bytes());
    assert_eq!(status(&response), 200);
    assert!(response.contains("\r\nconnection: close\r\n"), "{response}");
}

#[test]
fn the_time_limit_of_a_head_also_applies_to_later_requests_of_a_connection() {
    let Program { service, key: _, directory: _directory } = start(&UNLIMITED);
    let mut stream = service.connect();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").expect("it reads");
    let mut response = [0; 4096];
    assert!(stream.read(&mut response).expect("it answers") > 0);
    // Only an occasional byte keeps the connection busy.
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ").expect("it reads");
    stream.set_read_timeout(Some(Duration::from_secs(1))).expect("a timeout");
    let closed = (0..120).any(|_| match stream.read(&mut response) {
        Ok(_) => true,
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            stream.write_all(b"x").is_err()
        }
        Err(_) => true,
    });
    assert!(closed, "it is kept for ever");
    assert_eq!(service.request("GET /healthz", None).0, 200);
}

#[test]
fn slow_bodies_of_one_address_are_limited() {
    let Program { service, key, directory: _directory } = start(&["--in-flight-per-address", "5"]);
    let head = format!(
        "POST /api/v1/regions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer {key}\r\n\
         Content-Length: 1000\r\n\r\n{{"
    );
    // Some are refused; five remain, whichever they are.
    let mut streams: Vec<TcpStream> = (0..20).map(|_| service.connect()).collect();
    streams.iter_mut().for_each(|stream| stream.write_all(head.as_bytes()).expect("it reads"));
    let request = || service.request("GET /api/v1/pairings", None).0;
    assert!((0..1000).any(|_| request() == 429), "five are in flight");
    assert_eq!(service.request("GET /healthz", None).0, 200);
    // Clients that disconnect free their places.
    drop(streams);
    assert!((0..1000).any(|_| request() == 200), "none is in flight");
}

#[test]
fn a_large_body_is_refused_unread() {
    let Program { service, key, directory: _directory } = start(&UNLIMITED);
    let before = service.memory("VmRSS:");
    let bearer = format!("Authorization: Bearer {key}\r\n");
    let json = "Content-Type: application/json\r\n";
    for (request, headers, wanted) in [
        ("POST /api/v1/regions", format!("{json}{bearer}"), 413),
        ("PATCH /api/v1/regions/xinhui", format!("{json}{bearer}If-Match: *\r\n"), 413),
        ("PUT /api/v1/documents/none/content", format!("{json}{bearer}"), 413),
        ("POST /api/v1/regions", json.to_owned(), 401),
        ("POST /api/v1/regions", format!("Content-Type: text/plain\r\n{bearer}"), 415),
        ("POST /api/v1/nothing", json.to_owned(), 404),
        ("POST /healthz", json.to_owned(), 405),
    ] {
        // Declared, but not sent: the response does not wait for it.
        let declared = format!("{request} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: 1073741824\r\n\r\n");
        let response = service.exchange(declared.as_bytes());
        assert_eq!(status(&response), wanted, "{request}: {response}");
        assert!(response.contains("application/problem+json"), "{response}");

        // Endless chunks: the service stops reading.
        let mut stream = service.connect();
        stream
            .write_all(
                format!("{request} HTTP/1.1\r\nHost: x\r\n{headers}Transfer-Encoding: chunked\r\n\r\n").as_bytes(),
            )
            .expect("it reads");
        let chunk = format!("10000\r\n{}\r\n", "a".repeat(0x10000));
        let began = Instant::now();
        let mut sent = 0_u64;
        let ended = loop {
            match stream.write_all(chunk.as_bytes()) {
                Ok(()) => sent += 0x10000,
                Err(error) => break error,
            }
            assert!(began.elapsed() < Duration::from_secs(30), "{request}: {sent} bytes were taken");
        };
        assert!(
            matches!(ended.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted),
            "{request}: {ended}"
        );
        let mut response = [0; 12];
        stream.read_exact(&mut response).expect("what it said can be read");
        assert_eq!(status(&String::from_utf8_lossy(&response)), wanted, "{request}");
    }
    if let (Some(before), Some(after)) = (before, service.memory("VmRSS:")) {
        assert!(after < before + 64 * 1024, "from {before} to {after} KiB");
    }
}

#[test]
fn a_connection_whose_body_was_not_read_is_closed() {
    let Program { service, key, directory: _directory } = start(&UNLIMITED);
    let head = "POST /api/v1/regions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    for framing in ["Content-Length: 1000000", "Transfer-Encoding: chunked"] {
        let response = service.exchange(format!("{head}{framing}\r\n\r\n").as_bytes());
        assert_eq!(status(&response), 401, "{framing}: {response}");
        assert!(response.to_ascii_lowercase().contains("\r\nconnection: close\r\n"), "{framing}: {response}");
    }
    // A connection whose body was read stays open.
    let mut stream = service.connect();
    let whole =
        format!("{head}Authorization: Bearer {key}\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n");
    stream.write_all(whole.as_bytes()).expect("it reads");
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("it reads");
    let response = read_response(&mut stream);
    assert!(response.contains("HTTP/1.1 422 ") && response.contains("HTTP/1.1 200 "), "{response}");
}

#[test]
fn an_endless_head_is_refused_at_once() {
    let Program { service, directory: _directory, .. } = start(&UNLIMITED);
    let long = "a".repeat(1024 * 1024);
    let many: String = (0..200).map(|n| format!("X-{n}: a\r\n")).collect();
    for (request, wanted) in [
        (format!("GET /api/v1/pairings?q={} HTTP/1.1\r\nHost: x\r\n\r\n", &long[..10_000]), 414),
        (format!("GET /api/v1/pairings?q={} HTTP/1.1\r\nHost: x\r\n\r\n", &long[..100_000]), 414),
        (format!("GET /api/v1/pairings?q={long} HTTP/1.1\r\nHost: x\r\n\r\n"), 414),
        (format!("GET /api/v1/pairings HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", &long[..20_000]), 431),
        (format!("GET /api/v1/pairings HTTP/1.1\r\nHost: x\r\nX-Long: {long}\r\n\r\n"), 431),
        (format!("GET /api/v1/pairings HTTP/1.1\r\nHost: x\r\n{many}\r\n"), 431),
        ("\u{0}\u{1}\u{2}\r\n\r\n".to_owned(), 400),
    ] {
        let mut stream = service.connect();
        // The service stops reading in the middle.
        let _ = stream.write_all(request.as_bytes());
        let mut response = [0; 12];
        stream.read_exact(&mut response).unwrap_or_else(|e| panic!("{}: {e}", &request[..60.min(request.len())]));
        assert_eq!(status(&String::from_utf8_lossy(&response)), wanted, "{}", &request[..40.min(request.len())]);
        assert_eq!(service.request("GET /healthz", None).0, 200);
    }
}

#[test]
fn responses_do_not_disclose_the_software() {
    let Program { service, directory: _directory, .. } = start(&[]);
    for path in ["/healthz", "/", "/docs/", "/api/v1/pairings", "/api/v1/none", "/openapi.json"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let response = service.exchange(request.as_bytes()).to_ascii_lowercase();
        let head = response.split("\r\n\r\n").next().unwrap_or_default();
        assert!(head.starts_with("http/1.1 ") && head.contains("\r\nx-content-type-options: nosniff"), "{head}");
        assert!(!head.contains("\r\nserver:") && !head.contains("\r\nx-powered-by:"), "{head}");
    }
}
