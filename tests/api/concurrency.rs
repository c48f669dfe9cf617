//! Retries and concurrent writers, each on its own thread: no update is lost, no retry is executed twice, and no acknowledged
//! write is missing.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::common::builders::{block_on, in_threads, on_each_with_own_runtime, walk};
use crate::common::client::Response;
use crate::common::records::{milestone, with};
use crate::common::{Client, on_each};

const MILESTONE: &str = "milestones/heshan-kaiping-first-joint-conference-held";

async fn post_keyed(client: &Client, path: &str, key: &str, body: Value) -> Response {
    client.send(Method::POST, path, &[("Idempotency-Key", key)], Some(body)).await
}

#[test]
fn a_retry_returns_the_first_response_and_a_failed_write_frees_its_key() {
    on_each(|database| async move {
        let client = database.client();
        let first = post_keyed(&client, "milestones", "k", milestone("once")).await.expect(201);
        assert_eq!(first.header("idempotent-replayed"), "");
        client.patch("milestones/once", json!({ "note": "changed since" })).await.expect(200);
        let again = post_keyed(&client, "milestones", "k", milestone("once")).await.expect(201);
        assert_eq!((again.header("idempotent-replayed"), &again.bytes), ("true", &first.bytes));
        for header in ["location", "etag", "content-type"] {
            assert_eq!(again.header(header), first.header(header));
        }
        let other = post_keyed(&client, "milestones", "k", milestone("other")).await.expect(422);
        assert_eq!(other.body["code"], "idempotency_key_reused");
        post_keyed(&client, "sectors", "k", json!({ "code": "kk", "name": { "zh": "键" } })).await.expect(422);

        post_keyed(&client, "milestones", "f", milestone("once")).await.expect(409);
        post_keyed(&client, "milestones", "f", with(milestone("f"), json!({ "status": "met" }))).await.expect(422);
        post_keyed(&client, "milestones", "f", milestone("f")).await.expect(201);
        let events = walk(&client, "audit-events", "entity=milestone&actor=tester&action=create", 100).await;
        assert_eq!(events.len(), 2, "each record was created once");
        assert_eq!(
            post_keyed(&client, "milestones", "two words", milestone("g")).await.expect(400).faults()[0].0,
            "/header/Idempotency-Key"
        );
    });
}

#[test]
fn two_concurrent_writers_of_one_record_lose_no_update() {
    on_each_with_own_runtime(|_, client| {
        let notes = in_threads(&client, 2, async |client, writer| {
            let mut acknowledged = Vec::new();
            for number in 0..500 {
                let note = format!("{writer}/{number}");
                loop {
                    let etag = client.get(MILESTONE).await.expect(200).header("etag").to_owned();
                    let patch = json!({ "note": &note });
                    let response = client.send(Method::PATCH, MILESTONE, &[("If-Match", &etag)], Some(patch)).await;
                    if response.status == 412 {
                        continue;
                    }
                    let response = response.expect(200);
                    let version = response.body["version"].as_i64().expect("a version");
                    acknowledged.push((version, note));
                    break;
                }
            }
            acknowledged
        });
        let acknowledged: BTreeMap<i64, String> = notes.into_iter().flatten().collect();
        assert_eq!(acknowledged.len(), 1000, "each change has a version of its own");

        block_on(async || {
            let last = client.get(MILESTONE).await.expect(200);
            assert_eq!(last.body["version"], 1001);
            assert_eq!(last.body["note"].as_str(), acknowledged.get(&1001).map(String::as_str));
            let events = walk(&client, &format!("{MILESTONE}/history"), "", 1000).await;
            assert_eq!(events.len(), 1001, "one event a version");
            let mut before = events[0]["after"].clone();
            for (event, version) in events[1..].iter().zip(2..) {
                assert_eq!(event["before"], before, "each change builds on the one before it");
                assert_eq!(event["after"]["version"], version);
                assert_eq!(event["after"]["note"].as_str(), acknowledged.get(&version).map(String::as_str));
                before = event["after"].clone();
            }
        });
    });
}

#[test]
fn two_hundred_posts_with_one_idempotency_key_create_one_record() {
    on_each_with_own_runtime(|_, client| {
        let responses = in_threads(&client, 8, async |client, _| {
            let mut responses = Vec::new();
            for _ in 0..25 {
                let body = Some(milestone("only-once"));
                let response = client.send(Method::POST, "milestones", &[("Idempotency-Key", "once")], body).await;
                let replayed = response.header("idempotent-replayed") == "true";
                responses.push((response.status.as_u16(), replayed, response.bytes));
            }
            responses
        });
        let responses: Vec<(u16, bool, Vec<u8>)> = responses.into_iter().flatten().collect();
        assert_eq!(responses.len(), 200);
        let of = |status: u16, replayed: bool| responses.iter().filter(move |a| (a.0, a.1) == (status, replayed));
        assert_eq!(of(201, false).count(), 1, "one request creates");
        assert!(of(201, true).count() > 0, "others get its answer again");
        let bodies: BTreeSet<&Vec<u8>> = of(201, false).chain(of(201, true)).map(|(_, _, body)| body).collect();
        assert_eq!(bodies.len(), 1, "every creation is the same one");
        for (_, _, body) in of(409, false) {
            assert!(String::from_utf8_lossy(body).contains("\"request_in_progress\""));
        }
        assert_eq!(of(201, false).count() + of(201, true).count() + of(409, false).count(), 200);

        block_on(async || {
            let events = walk(&client, "milestones/only-once/history", "", 100).await;
            assert_eq!(events.len(), 1);
            let list = client.get("milestones?agreement=xinhui-taishan-framework-2022&count=true").await.expect(200);
            assert_eq!(list.body["total"], 1);
        });
    });
}

#[test]
fn sixteen_concurrent_writers_lose_no_record_and_no_event() {
    on_each_with_own_runtime(|_, client| {
        let created = in_threads(&client, 16, async |client, writer| {
            let mut created = Vec::new();
            for number in 0..25 {
                let code = format!("writer-{writer}-number-{number}");
                let response = client.post("milestones", milestone(&code)).await.expect(201);
                created.push((response.body["id"].as_i64().expect("an id"), code));
            }
            created
        });
        let created: BTreeMap<i64, String> = created.into_iter().flatten().collect();
        assert_eq!(created.len(), 400, "each record has an id of its own");

        block_on(async || {
            let query = "agreement=xinhui-taishan-framework-2022";
            let items = walk(&client, "milestones", query, 100).await;
            let found = items.iter().map(|item| (item["id"].as_i64().unwrap_or_default(), text(&item["code"])));
            assert_eq!(found.collect::<BTreeMap<i64, String>>(), created);
            let events = walk(&client, "audit-events", "entity=milestone&action=create&actor=tester", 100).await;
            let recorded = events
                .iter()
                .map(|event| (event["record_id"].as_i64().unwrap_or_default(), text(&event["record_code"])));
            assert_eq!(recorded.collect::<BTreeMap<i64, String>>(), created);
            assert_eq!(events.len(), 400, "one event a record");
        });
    });
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[test]
fn concurrent_writers_cannot_create_a_cycle_together() {
    on_each_with_own_runtime(|_, client| {
        block_on(async || {
            for code in ["first", "second"] {
                client.post("milestones", milestone(code)).await.expect(201);
            }
        });
        let pairs = [("first", "second"), ("second", "first")];
        let statuses = in_threads(&client, 2, async move |client, writer| {
            let (code, other) = pairs[writer];
            let mut statuses = Vec::new();
            for _ in 0..20 {
                let path = format!("milestones/{code}");
                let response = client.patch(&path, json!({ "depends_on": [other] })).await;
                if response.status == 200 {
                    // Only this writer removes its dependency, so the other one cannot exist now.
                    let of_other = client.get(&format!("milestones/{other}")).await.expect(200);
                    assert_eq!(of_other.body["depends_on"], json!([]), "each would wait for the other");
                }
                statuses.push(response.status.as_u16());
                client.patch(&path, json!({ "depends_on": null })).await.expect(200);
            }
            statuses
        });
        for status in statuses.into_iter().flatten() {
            assert!(matches!(status, 200 | 422), "{status}");
        }
    });
}
