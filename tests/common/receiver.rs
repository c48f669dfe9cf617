//! A receiver of webhooks on a local port, and deliveries of the service at a time that a test sets.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::TimeDelta;
use pairing_tracker::model::types::Instant;
use pairing_tracker::webhooks::claims::Written;
use pairing_tracker::webhooks::send::Sender;
use pairing_tracker::webhooks::target::Lookup;
use pairing_tracker::webhooks::{attempt, look};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Client, Database};

/// The longest wait for a message.
const PATIENCE: Duration = Duration::from_secs(60);

/// Names that need no network: `moves.test` resolves to a public address at first, and to this machine afterwards.
pub fn lookup() -> Lookup {
    let lookups = AtomicUsize::new(0);
    Arc::new(move |name, port| {
        let address = match name {
            "oa.example.org" => "1.1.1.1",
            "moves.test" if lookups.fetch_add(1, Ordering::Relaxed) == 0 => "1.1.1.1",
            "localhost" | "moves.test" => "127.0.0.1",
            "inside.test" => "10.1.2.3",
            _ => return Err(Error::from(ErrorKind::NotFound)),
        };
        Ok(vec![SocketAddr::new(address.parse().expect("an address"), port)])
    })
}

/// A message as received.
#[derive(Clone, Debug)]
pub struct Received {
    /// Method and target.
    pub line: String,
    pub headers: BTreeMap<String, String>,
    pub bytes: Vec<u8>,
}

impl Received {
    pub fn body(&self) -> Value {
        serde_json::from_slice(&self.bytes).expect("JSON")
    }

    pub fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    /// Its type and the code of its record.
    pub fn type_and_code(&self) -> (String, String) {
        let body = self.body();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&body["type"]), text(&body["data"]["record_code"]))
    }

    /// Which of the secrets its signatures were made with, in their order; computed by an implementation of HMAC (RFC 2104)
    /// that is independent of the service's.
    pub fn signed_with(&self, secrets: &[&str]) -> Vec<usize> {
        let mut signed = format!("{}.{}.", self.id(), self.headers["webhook-timestamp"]).into_bytes();
        signed.extend_from_slice(&self.bytes);
        let expected: Vec<String> = secrets.iter().map(|secret| format!("v1,{}", hmac(secret, &signed))).collect();
        let of = |signature: &str| expected.iter().position(|known| known == signature);
        self.headers["webhook-signature"].split(' ').map(|part| of(part).expect("a signature of a secret")).collect()
    }
}

fn hmac(secret: &str, message: &[u8]) -> String {
    let key = BASE64_STANDARD.decode(secret.strip_prefix("whsec_").expect("a secret")).expect("base64");
    assert!((24..=64).contains(&key.len()));
    let pad = |with: u8| -> Vec<u8> { (0..64).map(|at| key.get(at).copied().unwrap_or(0) ^ with).collect() };
    let inner = Sha256::digest([pad(0x36), message.to_vec()].concat());
    BASE64_STANDARD.encode(Sha256::digest([pad(0x5c), inner.to_vec()].concat()))
}

/// The response of the receiver.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    /// Header lines, each with its line ending.
    pub headers: String,
}

/// A response with a status only.
pub fn reply(status: u16) -> Reply {
    Reply { status, headers: String::new() }
}

#[derive(Default)]
struct Shared {
    received: Mutex<Vec<Received>>,
    came: Condvar,
    replies: Mutex<VecDeque<Reply>>,
}

/// Accepts messages; responds with 204 unless another response is queued.
pub struct Receiver {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

impl Receiver {
    pub fn start() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared::default());
        let of_thread = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // A client that disconnects in the middle has sent no message.
                let _ = serve(stream, &of_thread);
            }
        });
        Receiver { address, shared }
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook?token=of-the-url", self.address)
    }

    /// Queues the responses to the next messages.
    pub fn respond_with(&self, replies: impl IntoIterator<Item = Reply>) {
        self.shared.replies.lock().expect("no panic").extend(replies);
    }

    /// All messages so far.
    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().expect("no panic").clone()
    }

    /// The messages since the last call.
    pub fn take(&self) -> Vec<Received> {
        std::mem::take(&mut self.shared.received.lock().expect("no panic"))
    }

    /// Types and codes of [`Receiver::take`].
    pub fn take_types_and_codes(&self) -> Vec<(String, String)> {
        self.take().iter().map(Received::type_and_code).collect()
    }

    /// Waits until this many messages have arrived.
    pub fn wait_for(&self, count: usize) -> Vec<Received> {
        let received = self.shared.received.lock().expect("no panic");
        let (received, waited) =
            self.shared.came.wait_timeout_while(received, PATIENCE, |all| all.len() < count).expect("no panic");
        assert!(!waited.timed_out(), "{received:?}");
        received.clone()
    }
}

fn serve(stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        lines.push(line.trim_end().to_owned());
    }
    let mut lines = lines.into_iter();
    let Some(line) = lines.next() else { return Ok(()) };
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": ").map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())))
        .collect();
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes)?;
    let Reply { status, headers: more } =
        shared.replies.lock().expect("no panic").pop_front().unwrap_or_else(|| reply(204));
    shared.received.lock().expect("no panic").push(Received { line, headers, bytes });
    shared.came.notify_all();
    let response = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n{more}\r\n");
    reader.into_inner().write_all(response.as_bytes())
}

impl Database {
    /// A client of the application, which may send to receivers on this machine.
    pub fn webhook_client(&self) -> Client {
        self.client_with(|settings| settings.webhook_networks = vec!["127.0.0.1/32".parse().expect("a network")])
    }
}

/// Creates a webhook to a receiver; returns its path below `/api/v1/` and its secret.
pub async fn create_webhook(client: &Client, receiver: &Receiver, changes: Value) -> (String, String) {
    let mut new = json!({ "url": receiver.url() });
    new.as_object_mut().expect("an object").extend(changes.as_object().expect("an object").clone());
    let made = client.post("webhooks", new).await.expect(201).body;
    (format!("webhooks/{}", made["webhook"]["id"]), made["secret"].as_str().expect("a secret").to_owned())
}

/// An instant some seconds after another.
pub fn after(instant: Instant, seconds: i64) -> Instant {
    Instant::from(instant.utc() + TimeDelta::seconds(seconds))
}

/// Sends everything that is due at an instant, and what becomes due as a result; returns the outcomes.
pub async fn deliver_due(client: &Client, now: Instant) -> Vec<Written> {
    let sender = Arc::new(Sender::new(client.state.parts.get().expect("the targets")));
    let mut all = Vec::new();
    loop {
        let claimed = look(&client.state, now, &HashMap::new()).await.expect("the deliveries are claimed");
        if claimed.is_empty() {
            return all;
        }
        for claimed in claimed {
            all.push(attempt(&client.state, &sender, &claimed, || now).await.expect("an outcome is written"));
        }
    }
}

/// The deliveries of a webhook, oldest first.
pub async fn deliveries(client: &Client, create_webhook: &str) -> Vec<Value> {
    let page = client.get(&format!("{create_webhook}/deliveries?sort=id&limit=1000")).await.expect(200);
    page.body["items"].as_array().expect("items").clone()
}

/// Sets the progress of a milestone, which makes each change distinguishable.
pub async fn advance(client: &Client, code: &str, progress: i64) {
    let change = json!({ "status": "in_progress", "progress": progress });
    client.patch(&format!("milestones/{code}"), change).await.expect(200);
}

/// Pairs as [`Message::type_and_code`] and the faults of a response have them.
pub fn owned(names: &[(&str, &str)]) -> Vec<(String, String)> {
    names.iter().map(|(kind, code)| ((*kind).to_owned(), (*code).to_owned())).collect()
}
