//! Deliveries to webhooks: order, retries, crashes, several processes, repetition on request, and pauses.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use pairing_tracker::model::types::Instant;
use pairing_tracker::webhooks::claims::{CLAIMED_FOR, KEPT_FOR, Written};
use pairing_tracker::webhooks::send::Sender;
use pairing_tracker::webhooks::{look, send_once, tidy};
use serde_json::{Value, json};

use crate::common::builders::{block_on, in_threads, on_each_with_own_runtime};
use crate::common::receiver::{Receiver, Reply, advance, after, create_webhook, deliver_due, deliveries, owned, reply};
use crate::common::records::{create, milestone, sector};
use crate::common::{CONTRACT, Client, on_each};

fn instant(value: &Value) -> DateTime<Utc> {
    value.as_str().expect("an instant").parse().expect("an instant")
}

#[test]
fn messages_of_one_record_are_sent_in_order_and_do_not_block_other_records() {
    on_each(|database| async move {
        let admin = database.webhook_client();
        let receiver = Receiver::start();
        let (hook, _) = create_webhook(&admin, &receiver, json!({})).await;
        create(&admin, "milestones", milestone("first")).await;
        advance(&admin, "first", 40).await;
        create(&admin, "milestones", milestone("second")).await;
        advance(&admin, "second", 50).await;
        receiver.respond_with([reply(500)]);
        let now = Instant::now();
        let written = deliver_due(&admin, now).await;
        assert_eq!(written.iter().filter(|written| **written == Written::Retried).count(), 1);
        let sent = receiver.take_types_and_codes();
        let (failed, other) = (sent[0].1.clone(), if sent[0].1 == "first" { "second" } else { "first" });
        assert_eq!(sent.len(), 3);
        let mut rest = sent[1..].to_vec();
        rest.sort();
        assert_eq!(rest, owned(&[("milestone.created", other), ("milestone.updated", other)]));
        assert_eq!(deliver_due(&admin, after(now, 4)).await, []);

        // Two more failures; later messages of the record wait.
        receiver.respond_with([reply(503), reply(302)]);
        assert_eq!(deliver_due(&admin, after(now, 6)).await, [Written::Retried]);
        assert_eq!(deliver_due(&admin, after(now, 600)).await, [Written::Retried]);
        assert_eq!(
            receiver.take_types_and_codes(),
            owned(&[("milestone.created", &failed), ("milestone.created", &failed)])
        );
        assert_eq!(admin.get(&hook).await.expect(200).body["pending"], 2);
        assert_eq!(deliver_due(&admin, after(now, 10_000)).await, [Written::Delivered; 2]);
        assert_eq!(
            receiver.take_types_and_codes(),
            owned(&[("milestone.created", &failed), ("milestone.updated", &failed)])
        );
        let counted =
            deliveries(&admin, &hook).await.iter().map(|delivery| delivery["attempts"].clone()).collect::<Vec<_>>();
        assert!(counted.contains(&json!(4)), "{counted:?}");
    });
}

#[test]
fn a_failing_message_is_retried_on_schedule_and_given_up_after_ten_attempts() {
    on_each(|database| async move {
        let admin = database.webhook_client();
        let receiver = Receiver::start();
        let (hook, _) = create_webhook(&admin, &receiver, json!({})).await;
        create(&admin, "milestones", milestone("step")).await;
        receiver.respond_with(vec![reply(500); 10]);
        let mut now = Instant::now();
        for (number, pause) in [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400].into_iter().enumerate() {
            assert_eq!(deliver_due(&admin, now).await, [Written::Retried]);
            let delivery = deliveries(&admin, &hook).await.remove(0);
            assert_eq!((&delivery["status"], &delivery["attempts"]), (&json!("pending"), &json!(number + 1)));
            assert_eq!((&delivery["last_status_code"], &delivery["last_failure"]), (&json!(500), &json!("status")));
            let waits = instant(&delivery["next_attempt_at"]) - now.utc();
            assert!(waits >= TimeDelta::seconds(pause) && waits <= TimeDelta::milliseconds(pause * 1_100), "{waits}");
            assert_eq!(deliver_due(&admin, after(now, pause - 1)).await, []);
            now = after(now, pause * 11 / 10 + 1);
        }
        advance(&admin, "step", 40).await;
        assert_eq!(deliver_due(&admin, now).await, [Written::Failed, Written::Delivered]);
        let all = deliveries(&admin, &hook).await;
        assert_eq!((&all[0]["status"], &all[0]["attempts"]), (&json!("failed"), &json!(10)));
        let received = receiver.take();
        assert_eq!(received.len(), 11);
        assert!(received[..10].iter().all(|message| message.id() == received[0].id()));
        assert_eq!(received[10].type_and_code(), ("milestone.updated".to_owned(), "step".to_owned()));
        let page = admin.get(&format!("{hook}/deliveries?status=failed&count=true")).await.expect(200);
        assert_eq!((&page.body["total"], &admin.get(&hook).await.expect(200).body["failed"]), (&json!(1), &json!(1)));
        let metrics = admin.get("/metrics").await.expect(200);
        let text = String::from_utf8(metrics.bytes).expect("UTF-8");
        for line in [
            "pairing_tracker_webhook_attempts_total{result=\"retried\"} 9",
            "pairing_tracker_webhook_attempts_total{result=\"failed\"} 1",
            "pairing_tracker_webhook_attempts_total{result=\"delivered\"} 1",
            "pairing_tracker_webhook_deliveries_pending 0",
        ] {
            assert!(text.contains(line), "{line}");
        }
    });
}

#[test]
fn retry_after_is_honoured_up_to_a_day() {
    on_each(|database| async move {
        let admin = database.webhook_client();
        let receiver = Receiver::start();
        let (hook, _) = create_webhook(&admin, &receiver, json!({})).await;
        create(&admin, "milestones", milestone("step")).await;
        let asking = |seconds: &str| Reply { status: 429, headers: format!("Retry-After: {seconds}\r\n") };
        receiver.respond_with([asking("3600"), asking("99999999")]);
        let now = Instant::now();
        assert_eq!(deliver_due(&admin, now).await, [Written::Retried]);
        assert_eq!(deliver_due(&admin, after(now, 3_599)).await, []);
        assert_eq!(deliver_due(&admin, after(now, 3_600)).await, [Written::Retried]);
        assert_eq!(deliver_due(&admin, after(now, 3_600 + 86_399)).await, []);
        assert_eq!(deliver_due(&admin, after(now, 3_600 + 86_400)).await, [Written::Delivered]);
        assert_eq!(deliveries(&admin, &hook).await[0]["attempts"], 3);
    });
}

#[test]
fn a_crash_between_sending_and_recording_resends_with_the_same_id() {
    on_each(|database| async move {
        let admin = database.webhook_client();
        let receiver = Receiver::start();
        create_webhook(&admin, &receiver, json!({})).await;
        create(&admin, "milestones", milestone("step")).await;
        advance(&admin, "step", 40).await;
        let now = Instant::now();
        let claimed = look(&admin.state, now, &HashMap::new()).await.expect("the deliveries are claimed");
        assert_eq!(claimed.len(), 1);
        let sender = Arc::new(Sender::new(admin.state.parts.get().expect("the targets")));
        let outcome = send_once(&admin.state, &sender, &claimed[0], now).await.expect("the message is sent");
        assert_eq!((outcome.status, outcome.failure), (Some(204), None));
        // The outcome is not written, as if the process had crashed. Another process does not send it while the claim holds.
        let other = database.webhook_client();
        let claim = i64::try_from(CLAIMED_FOR.as_secs()).expect("a small number");
        assert_eq!(deliver_due(&other, after(now, claim - 1)).await, []);
        assert_eq!(deliver_due(&other, after(now, claim)).await, [Written::Delivered; 2]);
        let received = receiver.received();
        assert_eq!(received.len(), 3);
        assert_eq!((received[0].id(), &received[0].bytes), (received[1].id(), &received[1].bytes));
        assert_ne!(received[1].id(), received[2].id());

        // The first process continues after all, and overwrites nothing.
        let late = pairing_tracker::webhooks::attempt(&admin.state, &sender, &claimed[0], || after(now, claim)).await;
        assert_eq!(late, Some(Written::Nothing));
    });
}

#[test]
fn only_one_of_several_processes_sends_a_message() {
    on_each_with_own_runtime(|database, _| {
        let receiver = Receiver::start();
        let admin = block_on(async || {
            let admin = database.webhook_client();
            create_webhook(&admin, &receiver, json!({})).await;
            for number in 0..40 {
                create(&admin, "milestones", milestone(&format!("step-{number}"))).await;
            }
            admin
        });
        let now = Instant::now();
        let claims = in_threads(&admin, 4, async move |client, _| {
            let mut ids = Vec::new();
            for _ in 0..40 {
                let claimed = look(&client.state, now, &HashMap::new()).await.expect("the deliveries are claimed");
                ids.extend(claimed.iter().map(|claimed| claimed.id));
            }
            ids
        });
        let all: Vec<i64> = claims.concat();
        let apart: HashSet<&i64> = all.iter().collect();
        assert_eq!((all.len(), apart.len()), (40, 40), "each is claimed once");
    });
}

/// Fails the nine attempts that are left after a first failure.
async fn fail_until_given_up(admin: &Client, receiver: &Receiver, from: Instant) {
    receiver.respond_with(vec![reply(500); 9]);
    for number in 1..=9 {
        deliver_due(admin, after(from, number * 100_000)).await;
    }
    receiver.take();
}

/// Requests to send events again, with the faults that they have. The webhook subscribes to the event, but not to the next.
fn faulty_replays(event: i64) -> Vec<(Value, Vec<(&'static str, &'static str)>)> {
    vec![
        (json!({}), vec![("", "required")]),
        (json!({ "failed": false }), vec![("", "required")]),
        (json!({ "failed": true, "events": [event] }), vec![("/events", "not_together")]),
        (json!({ "events": [event, event] }), vec![("/events/1", "repeated")]),
        // An event that does not exist, and one that the webhook does not subscribe to.
        (
            json!({ "events": [987_654_321, event + 1] }),
            vec![("/events/0", "unknown_reference"), ("/events/1", "unknown_reference")],
        ),
    ]
}

#[test]
fn events_are_sent_again_on_request() {
    on_each(|database| async move {
        let admin = database.webhook_client();
        let receiver = Receiver::start();
        let (hook, _) = create_webhook(&admin, &receiver, json!({ "entities": ["milestone"] })).await;
        create(&admin, "milestones", milestone("first")).await;
        create(&admin, "sectors", sector("other")).await;
        create(&admin, "milestones", milestone("second")).await;
        let now = Instant::now();
        deliver_due(&admin, now).await;
        let first = receiver.take();
        assert_eq!(first.len(), 2);
        let replay = async |body: Value| admin.post(&format!("{hook}/replays"), body).await;
        let event = first[0].body()["data"]["event_id"].as_i64().expect("a number");

        // One event, with its original message id.
        assert_eq!(replay(json!({ "events": [event] })).await.expect(200).body, json!({ "events": 1 }));
        let later = after(Instant::now(), 1);
        assert_eq!(deliver_due(&admin, later).await, [Written::Delivered]);
        let again = receiver.take();
        assert_eq!((again[0].id(), &again[0].bytes), (first[0].id(), &first[0].bytes));

        // All events since an instant.
        let since = first[0].body()["timestamp"].clone();
        let cursor = admin.get(&hook).await.expect(200).body["event_cursor"].as_i64().expect("a number");
        assert_eq!(replay(json!({ "since": since })).await.expect(200).body["events"], cursor - event + 1);
        assert_eq!(deliver_due(&admin, later).await, [Written::Delivered; 2]);
        let ids: Vec<String> = receiver.take().iter().map(|message| message.id().to_owned()).collect();
        assert_eq!(ids, [first[0].id(), first[1].id()]);
        assert_eq!(replay(json!({ "since": "2999-01-01T00:00:00Z" })).await.expect(200).body["events"], 0);
        assert_eq!(deliver_due(&admin, later).await, []);
        assert_eq!(deliveries(&admin, &hook).await.len(), 2, "one delivery per event");

        // On request, also events from before the creation of the webhook.
        let beginning = replay(json!({ "since": "2000-01-01T00:00:00Z" })).await.expect(200);
        assert_eq!(beginning.body["events"].as_i64(), Some(cursor));
        receiver.respond_with([reply(500)]);
        let written = deliver_due(&admin, later).await;
        assert!(written.len() > 2, "{written:?}");
        receiver.take();

        // Only the messages that were given up.
        fail_until_given_up(&admin, &receiver, after(later, 1_000_000)).await;
        assert_eq!(admin.get(&hook).await.expect(200).body["failed"], 1);
        assert_eq!(
            replay(json!({ "failed": true, "since": "2999-01-01T00:00:00Z" })).await.expect(200).body["events"],
            0
        );
        assert_eq!(replay(json!({ "failed": true })).await.expect(200).body["events"], 1);
        assert_eq!(deliver_due(&admin, after(Instant::now(), 1)).await, [Written::Delivered]);
        assert_eq!(receiver.take().len(), 1);

        for (body, faults) in faulty_replays(event) {
            let response = replay(body.clone()).await.expect(422);
            let faults: Vec<(String, String)> = owned(&faults);
            assert_eq!(response.faults(), faults, "{body}");
        }
    });
}

#[test]
fn a_deleted_webhook_receives_nothing_and_a_resumed_one_continues_where_it_stopped() {
    on_each(|database| async move {
        let admin = database.webhook_client();
        let receiver = Receiver::start();
        let (gone, _) = create_webhook(&admin, &receiver, json!({})).await;
        let (paused, _) = create_webhook(&admin, &receiver, json!({})).await;
        create(&admin, "milestones", milestone("step")).await;
        receiver.respond_with([reply(500), reply(500)]);
        let now = Instant::now();
        assert_eq!(deliver_due(&admin, now).await, [Written::Retried; 2]);
        receiver.take();
        admin.delete(&gone).await.expect(204);
        admin.patch(&paused, json!({ "status": "paused" })).await.expect(200);
        let response = admin.post(&format!("{paused}/test"), json!({})).await.expect(409);
        assert_eq!(response.body["code"], "webhook_paused");
        advance(&admin, "step", 40).await;
        assert_eq!(deliver_due(&admin, after(now, 1_000)).await, []);
        admin.patch(&paused, json!({ "status": "active" })).await.expect(200);
        assert_eq!(deliver_due(&admin, after(now, 1_000)).await, [Written::Delivered; 2]);
        assert_eq!(
            receiver.take_types_and_codes(),
            owned(&[("milestone.created", "step"), ("milestone.updated", "step")])
        );
    });
}

#[test]
fn a_response_of_410_pauses_the_webhook() {
    on_each(|database| async move {
        let admin = database.webhook_client();
        let receiver = Receiver::start();
        let (hook, _) = create_webhook(&admin, &receiver, json!({})).await;
        create(&admin, "milestones", milestone("step")).await;
        receiver.respond_with([reply(410)]);
        let now = Instant::now();
        assert_eq!(deliver_due(&admin, now).await, [Written::Retried]);
        let read = admin.get(&hook).await.expect(200).body;
        assert_eq!((&read["status"], &read["version"], &read["pending"]), (&json!("paused"), &json!(2), &json!(1)));
        let history = admin.get(&format!("{hook}/history")).await.expect(200).body;
        let event = &history["items"][1];
        assert_eq!((&event["actor_id"], &event["reason"]), (&json!("service"), &json!("410 Gone")));
        assert_eq!(deliver_due(&admin, after(now, 1_000)).await, []);
        admin.patch(&hook, json!({ "status": "active" })).await.expect(200);
        assert_eq!(deliver_due(&admin, after(now, 1_000)).await, [Written::Delivered]);
    });
}

#[test]
fn a_test_message_is_delivered_like_an_event_and_deliveries_are_kept_for_a_month() {
    on_each(|database| async move {
        let admin = database.webhook_client();
        let receiver = Receiver::start();
        let (hook, secret) = create_webhook(&admin, &receiver, json!({ "code": "office" })).await;
        let test = admin.post(&format!("{hook}/test"), json!({})).await.expect(200).body;
        assert_eq!((&test["status"], &test["event_type"]), (&json!("pending"), &json!("webhook.test")));
        let now = Instant::now();
        assert_eq!(deliver_due(&admin, now).await, [Written::Delivered]);
        let message = receiver.take().remove(0);
        assert_eq!((message.signed_with(&[&secret]), test["message_id"].as_str()), (vec![0], Some(message.id())));
        let body = message.body();
        assert_eq!(CONTRACT.faults("WebhookEvent", &body).expect("the schema is good"), []);
        assert_eq!((&body["type"], &body["data"]["record_code"]), (&json!("webhook.test"), &json!("office")));

        receiver.respond_with([reply(500)]);
        create(&admin, "milestones", milestone("pending")).await;
        assert_eq!(deliver_due(&admin, now).await, [Written::Retried]);
        let retention = i64::try_from(KEPT_FOR.as_secs()).expect("a small number");
        assert_eq!(tidy(&admin.state, after(now, retention)).await.expect("old deliveries are deleted"), 0);
        assert_eq!(tidy(&admin.state, after(now, retention + 1)).await.expect("old deliveries are deleted"), 1);
        let left = deliveries(&admin, &hook).await;
        assert_eq!((left.len(), &left[0]["status"]), (1, &json!("pending")));
    });
}
