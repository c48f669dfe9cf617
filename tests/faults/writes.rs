//! Clients that write, and the outcome of each write: acknowledged, refused, or unknown.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

/// How long a client waits for a response.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client of the service.
#[derive(Clone)]
pub struct Http {
    pub address: SocketAddr,
    pub key: Option<String>,
    /// The address that it connects from.
    pub from: IpAddr,
}

/// The result of a request.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub body: String,
}

impl Reply {
    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

impl Http {
    pub fn new(address: &str, key: Option<&str>) -> Http {
        let address = address.parse().expect("an address");
        Http { address, key: key.map(str::to_owned), from: IpAddr::from([127, 0, 0, 1]) }
    }

    /// The same client, from another address.
    pub fn from(&self, from: [u8; 4]) -> Http {
        Http { from: IpAddr::from(from), ..self.clone() }
    }

    pub fn get(&self, path: &str) -> std::io::Result<Reply> {
        self.send("GET", path, &[], None)
    }

    /// Sends one request on a connection of its own; an error where no complete response came back.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> std::io::Result<Reply> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::new(self.from, 0).into())?;
        socket.connect_timeout(&self.address.into(), PATIENCE)?;
        let mut stream: TcpStream = socket.into();
        stream.set_read_timeout(Some(PATIENCE))?;
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: faults\r\nConnection: close\r\n");
        if let Some(key) = &self.key {
            head += &format!("Authorization: Bearer {key}\r\n");
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        if !body.is_empty() {
            head += &format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
        }
        stream.write_all(format!("{head}\r\n{body}").as_bytes())?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        let cut_off = || std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "no whole response");
        let (head, body) = text.split_once("\r\n\r\n").ok_or_else(cut_off)?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(cut_off)?;
        Ok(Reply { status, body: body.to_owned() })
    }

    /// Creates a sector with this code.
    pub fn create(&self, code: &str) -> std::io::Result<Reply> {
        self.send("POST", "/api/v1/sectors", &[], Some(&json!({ "code": code, "name": { "zh": code } })))
    }

    /// The number of sectors; `None` without a response.
    pub fn count(&self) -> Option<usize> {
        let reply = self.get("/api/v1/sectors?limit=1&count=true").ok()?;
        reply.json()["total"].as_u64().and_then(|total| usize::try_from(total).ok())
    }

    /// The codes of all sectors.
    pub fn codes(&self) -> HashSet<String> {
        let (mut codes, mut cursor) = (HashSet::new(), String::new());
        loop {
            let reply = self.get(&format!("/api/v1/sectors?limit=1000{cursor}")).expect("a page");
            assert_eq!(reply.status, 200, "{reply:?}");
            let page = reply.json();
            let items = page["items"].as_array().expect("items");
            codes.extend(items.iter().map(|item| item["code"].as_str().expect("a code").to_owned()));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return codes,
            }
        }
    }
}

/// The outcomes of writes.
#[derive(Debug, Default)]
pub struct Outcomes {
    pub acknowledged: Vec<String>,
    /// Answered with a status that means that nothing was written.
    pub refused: Vec<String>,
    /// Without a response, or answered with an unknown outcome.
    pub unknown: Vec<String>,
}

impl Outcomes {
    fn record(&mut self, code: String, reply: std::io::Result<Reply>) {
        match reply {
            Ok(reply) if reply.status == 201 => self.acknowledged.push(code),
            Ok(reply) if reply.json()["code"] == "outcome_unknown" => self.unknown.push(code),
            Ok(reply) => {
                assert_eq!(reply.status, 503, "{reply:?}");
                self.refused.push(code);
            }
            Err(_) => self.unknown.push(code),
        }
    }

    fn join(&mut self, other: Outcomes) {
        self.acknowledged.extend(other.acknowledged);
        self.refused.extend(other.refused);
        self.unknown.extend(other.unknown);
    }

    /// Prints the number of each outcome.
    pub fn print(&self, what: &str) {
        eprintln!(
            "{what}: {} acknowledged, {} refused, {} unknown",
            self.acknowledged.len(),
            self.refused.len(),
            self.unknown.len()
        );
    }

    /// Panics unless everything acknowledged is among the codes and nothing refused is.
    #[track_caller]
    pub fn assert_consistent_with(&self, found: &HashSet<String>) {
        let lost: Vec<_> = self.acknowledged.iter().filter(|code| !found.contains(*code)).collect();
        let written: Vec<_> = self.refused.iter().filter(|code| found.contains(*code)).collect();
        let (acknowledged, refused) = (self.acknowledged.len(), self.refused.len());
        assert!(lost.is_empty(), "{} of {acknowledged} acknowledged writes are lost: {lost:?}", lost.len());
        assert!(written.is_empty(), "{} of {refused} refused writes are found: {written:?}", written.len());
    }
}

/// Sets a flag when it is dropped, also by a panic: threads of a scope that wait for the flag would otherwise never end.
pub struct SetOnDrop<'a>(pub &'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Lets `clients` write while `during` runs; `prefix` makes their codes unique.
pub fn write_during(http: &Http, prefix: &str, clients: usize, during: impl FnOnce()) -> Outcomes {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| write(http, prefix, clients, &stop));
        let set = SetOnDrop(&stop);
        during();
        drop(set);
        writing.join().expect("the clients")
    })
}

fn write(http: &Http, prefix: &str, clients: usize, stop: &AtomicBool) -> Outcomes {
    let made = AtomicUsize::new(0);
    let client = |client: usize| {
        let mut outcomes = Outcomes::default();
        while !stop.load(Ordering::Relaxed) {
            let number = made.fetch_add(1, Ordering::Relaxed);
            let code = format!("{prefix}-{client}-{number}");
            let reply = http.create(&code);
            if reply.is_err() {
                // The service may be down: avoids a busy loop of refused connections.
                std::thread::sleep(Duration::from_millis(5));
            }
            outcomes.record(code, reply);
        }
        outcomes
    };
    std::thread::scope(|scope| {
        let client = &client;
        let all: Vec<_> = (0..clients).map(|number| scope.spawn(move || client(number))).collect();
        let mut outcomes = Outcomes::default();
        all.into_iter().for_each(|one| outcomes.join(one.join().expect("a client")));
        outcomes
    })
}
