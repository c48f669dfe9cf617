//! Processes that append to the audit log are killed while others write.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use serde_json::{Value, json};

use super::writes::{Http, Outcomes, write_during};
use super::{PATIENT, UNLIMITED, prepare, program, skip, wait_until, writes};
use crate::common::program::{Service, databases, on};
use crate::common::receiver::Receiver;
use crate::following::Follower;

/// The code of the last record.
const LAST: &str = "the-last";
const CLIENTS: usize = 8;

fn serve(directory: &std::path::Path, url: &str) -> Service {
    let networks = [("PAIRING_TRACKER_WEBHOOK_NETWORKS", "127.0.0.0/8")];
    Service::start_program(&program(), directory, &[&["--database-url", url], &UNLIMITED[..]].concat(), &networks)
}

/// The creations of sectors in the audit log, by their position.
fn created(http: &Http) -> Vec<(i64, String)> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/api/v1/audit-events?entity=sector&sort=at&limit=1000{cursor}");
        let page = http.get(&path).expect("a page").json();
        for event in page["items"].as_array().expect("events") {
            all.push((event["id"].as_i64().expect("an id"), event["record_code"].as_str().unwrap_or("").to_owned()));
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

#[test]
fn followers_miss_no_event_when_sealers_are_killed() {
    // SQLite's single writer appends in the transaction of the write.
    let Some(url) = databases().into_iter().find(|url| url.starts_with("postgres")) else {
        return skip("PostgreSQL is not installed");
    };
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let key = prepare(path, &url);
    let survivor = serve(path, &url);
    let http = Http::new(&survivor.address, Some(&key));
    let receiver = Receiver::start();
    let hook = json!({ "code": "office", "url": receiver.url(), "entities": ["sector"] });
    assert_eq!(http.send("POST", "/api/v1/webhooks", &[], Some(&hook)).expect("a reply").status, 201);
    let mut follower = Follower::start(&survivor, "follow&entity=sector", "");
    let following = std::thread::spawn(move || {
        let mut seen: Vec<(i64, String)> = Vec::new();
        while seen.last().is_none_or(|(_, code)| code != LAST) {
            let event: Value = follower.next();
            seen.push((event["id"].as_i64().expect("an id"), event["record_code"].as_str().unwrap_or("").to_owned()));
        }
        seen
    });

    let rounds = 3;
    let mut all = Vec::<Outcomes>::new();
    for round in 0..rounds {
        let victim = serve(path, &url);
        let of_victim = Http::new(&victim.address, Some(&key));
        let before = http.count().expect("a count");
        let mut cut_off = Outcomes::default();
        let others = write_during(&http, &format!("s{round}"), CLIENTS, || {
            cut_off = write_during(&of_victim, &format!("v{round}"), CLIENTS, || {
                wait_until(PATIENT, "writes are made", || http.count() >= Some(before + writes() / rounds));
                victim.kill();
            });
        });
        assert!(!cut_off.unknown.is_empty(), "the control: some write was cut off");
        all.extend([others, cut_off]);
    }
    assert_eq!(http.create(LAST).expect("a reply").status, 201);

    let seen = following.join().expect("the stream goes on");
    let logged = created(&http);
    let codes: HashSet<String> = logged.iter().map(|(_, code)| code.clone()).collect();
    all.iter().for_each(|outcomes| outcomes.assert_consistent_with(&codes));
    assert_eq!(codes, http.codes(), "each record has its event");
    assert_eq!(logged.len(), codes.len(), "and only one");
    assert!(seen.is_sorted(), "the stream is in order");
    assert_eq!(seen.iter().collect::<BTreeSet<_>>(), logged.iter().collect::<BTreeSet<_>>(), "the stream");
    let delivered =
        || -> HashSet<String> { receiver.received().iter().map(|message| message.type_and_code().1).collect() };
    wait_until(Duration::from_secs(120), "all messages are delivered", || delivered().len() >= codes.len());
    assert_eq!(delivered(), codes, "the webhook");
    let verified = on(path, &url, &["audit", "verify"]).good();
    assert!(verified.starts_with("Whole:") && !verified.contains("Pending:"), "{verified}");
}
