//! A large file is planned and applied while others write.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::writes::{Http, Reply, SetOnDrop};
use super::{prepare, serve, wait_until, writes};
use crate::common::program::{databases, on};

/// A file of new sectors.
fn file(count: usize) -> String {
    (0..count).fold("code,name.zh\n".to_owned(), |text, n| text + &format!("i-{n},领域{n}\n"))
}

/// Sends a file and waits until its plan is made.
fn planned(http: &Http, text: &str) -> Value {
    let sent = upload(http, text);
    assert!((200..=202).contains(&sent.status), "{sent:?}");
    finished(http, &sent.json())
}

fn upload(http: &Http, text: &str) -> Reply {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(http.address).expect("it listens");
    let key = http.key.as_deref().expect("a key");
    let head = format!(
        "POST /api/v1/imports?resource=sectors HTTP/1.1\r\nHost: faults\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: text/csv\r\nContent-Length: {}\r\n\r\n",
        text.len()
    );
    stream.write_all(head.as_bytes()).expect("it reads");
    stream.write_all(text.as_bytes()).expect("it reads");
    let mut response = String::new();
    stream.read_to_string(&mut response).expect("it answers");
    let (head, body) = response.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Reply { status, body: body.to_owned() }
}

/// Waits until an import is no longer worked on.
fn finished(http: &Http, import: &Value) -> Value {
    let path = format!("/api/v1/imports/{}", import["id"]);
    let mut now = Value::Null;
    wait_until(Duration::from_secs(300), "the import ends", || {
        now = http.get(&path).expect("a response").json();
        !matches!(now["status"].as_str(), Some("planning" | "applying"))
    });
    now
}

/// Runs a task while another client writes; returns the duration of its slowest write, and how many succeeded.
fn beside_writes(http: &Http, prefix: &str, work: impl FnOnce()) -> (Duration, usize) {
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let stop = &stop;
        let writing = scope.spawn(move || {
            let (mut slowest, mut count) = (Duration::ZERO, 0);
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let began = Instant::now();
                let reply = http.create(&format!("{prefix}-{count}")).expect("a response");
                assert_eq!(reply.status, 201, "{reply:?}");
                slowest = slowest.max(began.elapsed());
                count += 1;
                std::thread::sleep(Duration::from_millis(5));
            }
            (slowest, count)
        });
        let set = SetOnDrop(stop);
        work();
        drop(set);
        writing.join().expect("the client")
    })
}

#[test]
fn writes_succeed_while_a_large_file_is_planned_and_applied() {
    for url in databases() {
        let directory = tempfile::tempdir().expect("a directory");
        let key = prepare(directory.path(), &url);
        let service = serve(directory.path(), &url, &[]);
        let http = Http::new(&service.address, Some(&key));
        let rows = writes() * 2;
        let mut import = Value::Null;
        let (planning, written) = beside_writes(&http, "p", || import = planned(&http, &file(rows)));
        assert_eq!(import["status"], "planned", "{import}");
        assert!(written > 0, "the control: others wrote meanwhile");
        let (applying, _) = beside_writes(&http, "a", || {
            let path = format!("/api/v1/imports/{}/apply", import["id"]);
            let reply = http.send("POST", &path, &[], None).expect("a response");
            assert_eq!(reply.status, 200, "{reply:?}");
            assert_eq!(finished(&http, &import)["status"], "applied");
        });
        eprintln!("{url}: {rows} rows; slowest write beside planning {planning:?}, beside applying {applying:?}");
        // Every write above succeeded, so none waited until its deadline. In the end every event is in the chain.
        wait_until(Duration::from_secs(30), "the audit log is whole", || {
            let reply = http.get("/api/v1/audit-events?entity=sector&count=true&limit=1").expect("a response");
            reply.json()["total"].as_u64().is_some_and(|total| total as usize >= rows + written)
        });
    }
}

#[test]
fn revoking_a_key_stops_its_import_at_once() {
    for url in databases() {
        let directory = tempfile::tempdir().expect("a directory");
        let key = prepare(directory.path(), &url);
        let service = serve(directory.path(), &url, &[]);
        let admin = Http::new(&service.address, Some(&key));
        for by_command in [false, true] {
            let other = super::key(directory.path(), &url);
            let code = other.split('_').nth(1).expect("a code").to_owned();
            let sender = Http::new(&service.address, Some(&other));
            let import = planned(&sender, &file(writes() * 20));
            assert_eq!(import["status"], "planned", "{import}");
            let apply = format!("/api/v1/imports/{}/apply", import["id"]);
            let end = std::thread::scope(|scope| {
                let applying = scope.spawn(|| sender.send("POST", &apply, &[], None));
                wait_until(Duration::from_secs(60), "the file is applied", || {
                    admin.get(&format!("/api/v1/imports/{}", import["id"])).expect("a response").json()["status"]
                        == "applying"
                });
                if by_command {
                    on(directory.path(), &url, &["key", "revoke", &code]).good();
                } else {
                    let path = format!("/api/v1/api-keys/{code}/revoke");
                    let reply = admin.send("POST", &path, &[], None).expect("a response");
                    assert_eq!(reply.status, 200, "{reply:?}");
                }
                assert_eq!(sender.get("/api/v1/imports").expect("a response").status, 401);
                drop(applying.join().expect("the client"));
                finished(&admin, &import)
            });
            assert_eq!(end["status"], "failed", "{end}");
            assert!(admin.codes().iter().all(|code| !code.starts_with("i-")), "nothing of the file is there");
        }
    }
}
