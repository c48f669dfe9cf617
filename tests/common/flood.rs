//! A service under a flood of writes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use super::program::Service;

/// Settings of a service without rate limits.
const UNLIMITED: [&str; 6] = ["--rate-per-address", "0", "--rate-per-key", "0", "--in-flight-per-address", "0"];
/// The number of clients that write concurrently.
const CLIENTS: usize = 16;

/// Clients that create records until they are stopped.
pub struct Flood {
    stop: Arc<AtomicBool>,
    created: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<()>>,
}

/// Starts a service for a flood.
pub fn service(directory: &Path, url: &str) -> Service {
    Service::start(directory, &[&["--database-url", url], &UNLIMITED[..]].concat())
}

impl Flood {
    /// Starts writing with an editor's key, and waits until the service accepts the writes.
    pub fn start(service: &Service, key: &str) -> Flood {
        let flood = Flood { stop: Arc::default(), created: Arc::default(), clients: Vec::new() };
        let clients = (0..CLIENTS).map(|client| {
            let (stop, created) = (flood.stop.clone(), flood.created.clone());
            let (stream, address, key) = (service.connect(), service.address.clone(), key.to_owned());
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream);
                let mut number = 0;
                while !stop.load(Ordering::SeqCst) {
                    number += 1;
                    let body =
                        format!("{{\"code\": \"flood-{client}-{number}\", \"name\": {{\"zh\": \"行业{number}\"}}}}");
                    if post(&mut reader, &address, &key, &body) == 201 {
                        created.fetch_add(1, Ordering::SeqCst);
                    }
                }
            })
        });
        let flood = Flood { clients: clients.collect(), ..flood };
        flood.wait_for(100);
        flood
    }

    /// The number of records created so far.
    pub fn created(&self) -> usize {
        self.created.load(Ordering::SeqCst)
    }

    /// Waits until this many more are created.
    pub fn wait_for(&self, more: usize) {
        let target = self.created() + more;
        while self.created() < target {
            assert!(
                self.clients.is_empty() || self.clients.iter().any(|client| !client.is_finished()),
                "no client writes"
            );
            std::thread::yield_now();
        }
    }

    /// Stops the clients, and returns the number of records that they created.
    pub fn stop(self) -> usize {
        self.stop.store(true, Ordering::SeqCst);
        for client in self.clients {
            client.join().expect("the client wrote");
        }
        self.created.load(Ordering::SeqCst)
    }
}

fn post(reader: &mut BufReader<TcpStream>, address: &str, key: &str, body: &str) -> u16 {
    let request = format!(
        "POST /api/v1/sectors HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    reader.get_mut().write_all(request.as_bytes()).expect("it reads");
    let (mut status, mut length, mut line) = (0, 0, String::new());
    loop {
        line.clear();
        assert!(reader.read_line(&mut line).expect("it answers") > 0, "the connection was closed");
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        } else if let Some(rest) = line.strip_prefix("http/1.1 ") {
            status = rest.split(' ').next().and_then(|code| code.parse().ok()).expect("a status");
        } else if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().expect("a length");
        }
    }
    let mut response = vec![0; length];
    reader.read_exact(&mut response).expect("a body");
    status
}
