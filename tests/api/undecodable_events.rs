//! An audit event whose stored row cannot be decoded: lists, histories, reports, feeds and webhooks omit it, or show the part
//! that can be decoded, and continue.

use chrono::{SecondsFormat, Utc};
use pairing_tracker::model::types::Instant;
use pairing_tracker::webhooks::claims::Written;
use serde_json::{Value, json};

use crate::common::receiver::{Receiver, create_webhook, deliver_due};
use crate::common::records::{create, milestone};
use crate::common::tamper::{drop_triggers, execute};
use crate::common::{Client, Database, on_each};

/// Three milestones, the first of which is changed; the last is deleted. Returns an instant after all of it.
async fn prepare(client: &Client) -> String {
    for code in ["first", "second", "third"] {
        create(client, "milestones", milestone(code)).await;
    }
    client.patch("milestones/first", json!({ "progress": 40, "status": "in_progress" })).await.expect(200);
    client.delete("milestones/third").await.expect(204);
    Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Corrupts the JSON of the first one's creation and change, and of the last one's deletion; sets an unknown action for the
/// second one's creation.
fn corrupt(database: &Database) {
    let mut conn = database.connect();
    drop_triggers(&mut conn);
    for sql in [
        "UPDATE audit_events SET after_json = '{\"status\":' WHERE record_code = 'first'",
        "UPDATE audit_events SET before_json = '[1' WHERE record_code = 'third' AND action = 'delete'",
        "UPDATE audit_events SET action = 'conjure' WHERE record_code = 'second'",
    ] {
        execute(&mut conn, sql).expect("it is spoiled");
    }
}

/// Every event, oldest first, from page to page; a page may be short.
async fn events(client: &Client) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = client.get(&format!("audit-events?sort=at&limit=100{cursor}")).await.expect(200).body;
        all.extend(page["items"].as_array().expect("events").iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

#[test]
fn lists_histories_reports_and_feeds_survive_undecodable_events() {
    on_each(|database| async move {
        let client = database.client();
        let before = client.get("reports/scorecard").await.expect(200).body["overall"]["milestones"].clone();
        let instant = prepare(&client).await;
        // A process whose caches do not contain the events from before.
        let other = database.client();
        let whole = events(&client).await.len();
        corrupt(&database);
        let client = other;

        // The event with the unknown action is omitted; the others are shown without the part that cannot be decoded.
        let events = events(&client).await;
        assert_eq!(events.len(), whole - 1);
        let of = |code: &str| -> Vec<Value> {
            events.iter().filter(|event| event["record_code"] == code).cloned().collect()
        };
        let [created, changed] = &of("first")[..] else { panic!("{events:?}") };
        assert_eq!((&created["action"], &created["after"]), (&json!("create"), &Value::Null));
        assert_eq!((&changed["action"], &changed["before"]["progress"]), (&json!("update"), &json!(0)));
        assert!(of("second").is_empty());
        let lines = client.get("audit-events.ndjson").await.expect(200).bytes;
        assert_eq!(lines.iter().filter(|byte| **byte == b'\n').count(), whole - 1);

        let history = client.get(&format!("milestones/first/history?at={instant}")).await.expect(200).body;
        assert_eq!((history["items"].as_array().map(Vec::len), &history["record"]), (Some(2), &Value::Null));
        assert_eq!(client.get("milestones/second/history").await.expect(200).body["items"], json!([]));
        client.get("pairings/xinhui-taishan/milestones.ics").await.expect(200);

        // The report on an earlier instant contains what can be decoded. Both are changed later, so that their rows cannot
        // replace the events.
        for code in ["first", "second"] {
            client
                .patch(&format!("milestones/{code}"), json!({ "progress": 50, "status": "in_progress" }))
                .await
                .expect(200);
        }
        for group in ["pairing", "agreement", "member"] {
            let path = format!("reports/scorecard?group_by={group}&recorded_at={instant}");
            let card = client.get(&path).await.expect(200).body;
            let recorded = &card["recorded_overall"]["milestones"];
            let count = |counts: &Value| counts["scheduled"].as_i64().expect("a count");
            assert_eq!(count(recorded), count(&before) + 1, "the second alone: {card}");
        }

        let metrics = String::from_utf8(client.get("/metrics").await.expect(200).bytes).expect("UTF-8");
        let counted = metrics.lines().find_map(|line| line.strip_prefix("pairing_tracker_audit_events_undecodable "));
        assert!(counted.is_some_and(|count| count.parse::<i64>().is_ok_and(|count| count >= 3)), "{counted:?}");
    });
}

#[test]
fn webhooks_survive_undecodable_events() {
    on_each(|database| async move {
        let client = database.webhook_client();
        let (all, one_pairing) = (Receiver::start(), Receiver::start());
        create_webhook(&client, &all, json!({})).await;
        create_webhook(&client, &one_pairing, json!({ "pairings": ["xinhui-taishan"] })).await;
        prepare(&client).await;
        corrupt(&database);
        create(&client, "milestones", milestone("last")).await;
        let written = deliver_due(&client, Instant::now()).await;
        assert!(written.iter().all(|written| *written == Written::Delivered), "{written:?}");

        let received = |receiver: &Receiver| -> Vec<(String, Value)> {
            let received = receiver.received();
            received
                .iter()
                .map(|message| (message.type_and_code().1, message.body()["data"]["is_cut"].clone()))
                .collect()
        };
        let named = |code: &str, is_cut: bool| (code.to_owned(), json!(is_cut));
        let mut of_all = received(&all);
        of_all.sort_by_key(|(code, _)| code.clone());
        assert_eq!(
            of_all,
            [
                named("first", true),
                named("first", true),
                named("last", false),
                named("third", false),
                named("third", true)
            ]
        );
        // The decodable part of the change names the pairing; those of the creation and the deletion do not.
        let mut of_one = received(&one_pairing);
        of_one.sort_by_key(|(code, _)| code.clone());
        assert_eq!(of_one, [named("first", true), named("last", false), named("third", false)]);
    });
}
