//! Imports in a service that is killed or stopped meanwhile.

use std::io::Write;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::program::{Service, databases, on, read_response, status_and_body};
use crate::common::records::{milestone, with};

/// The number of milestones in the file: enough for an import to be observed while it runs.
const MILESTONES: usize = 6_000;
/// The longest wait for a state.
const PATIENCE: Duration = Duration::from_secs(120);

struct Client<'a> {
    service: &'a Service,
    key: &'a str,
}

impl Client<'_> {
    /// Sends a request; returns the JSON of the response.
    fn ask(&self, request: &str, body: &str) -> Value {
        let mut stream = self.service.connect();
        let head = format!(
            "{request} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAuthorization: Bearer {}\r\nPrefer: respond-async\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.service.address,
            self.key,
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).expect("it reads");
        let answer = read_response(&mut stream);
        let (_, body) = status_and_body(request, &answer);
        serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"))
    }

    /// Reads an import until it is as expected.
    fn until(&self, id: &Value, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let import = self.ask(&format!("GET /api/v1/imports/{id}"), "");
            if wanted(&import) {
                return import;
            }
            assert!(Instant::now() < deadline, "{import}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the audit log has `count` events.
    fn until_events(&self, count: i64) {
        let deadline = Instant::now() + PATIENCE;
        while self.count("audit-events") != count {
            assert!(Instant::now() < deadline, "{} events of {count}", self.count("audit-events"));
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn count(&self, list: &str) -> i64 {
        self.ask(&format!("GET /api/v1/{list}?count=true&limit=1"), "")["total"].as_i64().expect("a total")
    }

    /// Sends the file, waits for its plan, and starts to apply it; returns the import while it is being written.
    fn begin(&self) -> Value {
        let record = |index: usize| with(milestone(&format!("many-{index}")), json!({ "kind": "many" }));
        let records: Vec<Value> = (0..MILESTONES).map(record).collect();
        let sent = self.ask("POST /api/v1/imports", &json!({ "milestones": records }).to_string());
        self.until(&sent["id"], |import| import["status"] == "planned");
        self.ask(&format!("POST /api/v1/imports/{}/apply", sent["id"]), "");
        self.until(&sent["id"], |import| {
            assert_eq!(import["status"], "applying", "the file is too small to be caught at work: {import}");
            import["done"].as_u64().is_some_and(|done| done > 0)
        })
    }
}

/// Ends a service during an import, and checks what remains.
fn end_during_import(url: &str, end: impl FnOnce(Service)) {
    let directory = tempfile::tempdir().expect("a directory");
    let arguments = ["--database-url", url, "--seed"];
    let service = Service::start(directory.path(), &arguments);
    let key = on(directory.path(), url, &["key", "create", "--name", "office", "--role", "admin"]).good();
    let key = key.trim();
    let client = Client { service: &service, key };
    let (milestones, events) = (client.count("milestones"), client.count("audit-events"));
    let import = client.begin();
    assert!(import["done"].as_u64() < import["records"].as_u64(), "{import}");
    end(service);

    let service = Service::start(directory.path(), &arguments);
    let client = Client { service: &service, key };
    client.until(&import["id"], |import| import["status"] == "interrupted");
    assert_eq!((client.count("milestones"), client.count("audit-events")), (milestones, events));
    client.ask(&format!("POST /api/v1/imports/{}/plan", import["id"]), "");
    client.until(&import["id"], |import| import["status"] == "planned");
    client.ask(&format!("POST /api/v1/imports/{}/apply", import["id"]), "");
    client.until(&import["id"], |import| import["status"] == "applied");
    let many = i64::try_from(MILESTONES).expect("a number");
    // On PostgreSQL the events of a large write are in the log a moment after it.
    client.until_events(events + many);
    assert_eq!((client.count("milestones"), client.count("audit-events")), (milestones + many, events + many));
    on(directory.path(), url, &["audit", "verify"]).good();
}

#[test]
fn a_kill_in_the_midst_leaves_nothing_and_the_import_can_go_on() {
    for url in databases() {
        // Dropping it kills it.
        end_during_import(&url, drop);
    }
}

#[test]
fn a_stop_interrupts_a_running_import() {
    for url in databases() {
        end_during_import(&url, |service| {
            let (code, told) = service.stop();
            assert_eq!(code, Some(0), "{told:?}");
        });
    }
}

#[test]
fn what_is_cancelled_in_the_midst_leaves_nothing() {
    for url in databases() {
        let directory = tempfile::tempdir().expect("a directory");
        let service = Service::start(directory.path(), &["--database-url", &url, "--seed"]);
        let key = on(directory.path(), &url, &["key", "create", "--name", "office", "--role", "admin"]).good();
        let client = Client { service: &service, key: key.trim() };
        let milestones = client.count("milestones");
        let import = client.begin();
        let cancelled = client.ask(&format!("POST /api/v1/imports/{}/cancel", import["id"]), "");
        assert_eq!(cancelled["status"], "cancelled", "{cancelled}");
        assert_eq!(client.count("milestones"), milestones);
    }
}
