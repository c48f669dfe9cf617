//! Messages to webhooks: content, order, retries, and forbidden addresses.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use actix_web::http::Method;
use chrono::{DateTime, TimeDelta, Utc};
use pairing_tracker::access::Role;
use pairing_tracker::model::types::Instant;
use pairing_tracker::webhooks::claims::{CLAIMED_FOR, KEPT_FOR, Written};
use pairing_tracker::webhooks::send::Sender;
use pairing_tracker::webhooks::{look, send_once, tidy};
use serde_json::{Value, json};

use crate::common::builders::{block_on, in_threads, on_each_with_own_runtime};
use crate::common::receiver::{Receiver, Reply, after, create_webhook, deliver_due, deliveries, reply};
use crate::common::records::{create, milestone};
use crate::common::{CONTRACT, Client, on_each};

const OWN: &str = "xinhui-taishan";

fn owned(names: &[(&str, &str)]) -> Vec<(String, String)> {
    names.iter().map(|(kind, code)| ((*kind).to_owned(), (*code).to_owned())).collect()
}

fn sector(code: &str) -> Value {
    json!({ "code": code, "name": { "zh": "领域" } })
}

/// Sets the progress of a milestone, which makes each change distinguishable.
async fn advance(client: &Client, code: &str, progress: i64) {
    let change = json!({ "status": "in_progress", "progress": progress });
    client.patch(&format!("milestones/{code}"), change).await.expect(200);
}

fn instant(value: &Value) -> DateTime<Utc> {
    value.as_str().expect("an instant").parse().expect("an instant")
}

#[test]
fn changes_after_creation_are_sent_signed_and_without_private_data() {
    on_each(|database| async move {
        let admin = database.webhook_client();
        let receiver = Receiver::start();
        create(&admin, "milestones", milestone("before")).await;
        let (hook, secret) = create_webhook(&admin, &receiver, json!({})).await;
        create(&admin, "milestones", milestone("step")).await;
        advance(&admin, "step", 40).await;
        // Events of keys, webhooks and refusals are never sent.
        admin.post("api-keys", json!({ "name": "甲", "role": "viewer" })).await.expect(201);
        admin.patch(&hook, json!({ "description": "改" })).await.expect(200);
        admin.anonymous().post("sectors", sector("none")).await.expect(401);
        admin.state.refusals.flush(&admin.state.store).await.expect("they are written");
        admin.delete("milestones/step").await.expect(204);

        let now = Instant::now();
        assert_eq!(deliver_due(&admin, now).await, [Written::Delivered; 3]);
        let received = receiver.received();
        let sent: Vec<(String, String)> = received.iter().map(|message| message.type_and_code()).collect();
        assert_eq!(
            sent,
            owned(&[("milestone.created", "step"), ("milestone.updated", "step"), ("milestone.deleted", "step")])
        );
        let history = admin.anonymous().get("milestones/step/history").await.expect(200).body;
        for (message, event) in received.iter().zip(history["items"].as_array().expect("items")) {
            assert_eq!(message.signed_with(&[&secret]), [0]);
            assert_eq!(message.line, "POST /hook?token=of-the-url HTTP/1.1");
            assert_eq!(message.headers["content-type"], "application/json");
            assert_eq!(message.headers["webhook-timestamp"], now.utc().timestamp().to_string());
            let body = message.body();
            let faults = CONTRACT.faults("WebhookEvent", &body).expect("the schema is good");
            assert!(faults.is_empty(), "{faults:?} {body}");
            for field in ["before", "after", "reason", "record_id", "record_code", "entity", "actor", "request_id"] {
                assert_eq!(body["data"][field], event[field], "{field}");
            }
            assert_eq!((&body["timestamp"], &body["data"]["event_id"]), (&event["at"], &event["id"]));
            assert_eq!(body["data"]["record_path"], format!("/api/v1/milestones/{}", event["record_id"]));
        }
        assert_eq!(received[1].body()["data"]["changed"], json!(["status", "progress"]));
        let ids: HashSet<&str> = received.iter().map(|message| message.id()).collect();
        assert_eq!(ids.len(), 3);
        for (delivery, message) in deliveries(&admin, &hook).await.iter().zip(&received) {
            assert_eq!((&delivery["status"], &delivery["attempts"]), (&json!("delivered"), &json!(1)));
            assert_eq!(
                (delivery["message_id"].as_str(), &delivery["last_status_code"]),
                (Some(message.id()), &json!(204))
            );
            assert!(delivery["ended_at"].is_string() && delivery["next_attempt_at"].is_null());
        }
        // Nothing is left to send.
        assert_eq!(deliver_due(&admin, after(now, 1_000_000)).await, []);
    });
}

#[test]
fn personal_data_is_never_sent() {
    on_each(|database| async move {
        let admin = database.webhook_client();
        let receiver = Receiver::start();
        create_webhook(&admin, &receiver, json!({})).await;
        let liaison = json!({ "code": "secretary", "pairing": OWN, "name": "乙", "contact": "13800138000" });
        create(&admin, "liaisons", liaison).await;
        admin.patch("liaisons/secretary", json!({ "contact": "13900139000" })).await.expect(200);
        deliver_due(&admin, Instant::now()).await;
        let received = receiver.received();
        assert_eq!(received.len(), 2);
        for message in &received {
            let body = message.body();
            assert!(!body.to_string().contains("13800138000") && !body.to_string().contains("13900139000"), "{body}");
            assert_eq!(
                (&body["data"]["after"]["name"], &body["data"]["after"]["contact"]),
                (&json!("乙"), &Value::Null)
            );
        }
        // The control: administrators see the contact.
        assert_eq!(admin.get("liaisons/secretary").await.expect(200).body["contact"], "13900139000");
    });
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
        let claimed = look(&admin.state, now, &HashMap::new()).await.expect("it looks");
        assert_eq!(claimed.len(), 1);
        let sender = Arc::new(Sender::new(admin.state.parts.get().expect("the targets")));
        let outcome = send_once(&admin.state, &sender, &claimed[0], now).await.expect("it is sent");
        assert_eq!((outcome.status, outcome.failure), (Some(204), None));
        // The outcome is not written, as if the process had crashed. Another process does not send it while the claim holds.
        let other = database.webhook_client();
        let claim = i64::try_from(CLAIMED_FOR.as_secs()).expect("few");
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
                let claimed = look(&client.state, now, &HashMap::new()).await.expect("it looks");
                ids.extend(claimed.iter().map(|claimed| claimed.id));
            }
            ids
        });
        let all: Vec<i64> = claims.concat();
        let apart: HashSet<&i64> = all.iter().collect();
        assert_eq!((all.len(), apart.len()), (40, 40), "each is claimed once");
    });
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
        assert_eq!(deliveries(&admin, &hook).await.len(), 2, "one row an event");

        // On request, also events from before the creation of the webhook.
        let beginning = replay(json!({ "since": "2000-01-01T00:00:00Z" })).await.expect(200);
        assert_eq!(beginning.body["events"].as_i64(), Some(cursor));
        receiver.respond_with([reply(500)]);
        let written = deliver_due(&admin, later).await;
        assert!(written.len() > 2, "{written:?}");
        receiver.take();

        // Only the messages that were given up.
        let failing = after(later, 1_000_000);
        receiver.respond_with(vec![reply(500); 9]);
        for number in 1..=9 {
            deliver_due(&admin, after(failing, number * 100_000)).await;
        }
        receiver.take();
        assert_eq!(admin.get(&hook).await.expect(200).body["failed"], 1);
        assert_eq!(
            replay(json!({ "failed": true, "since": "2999-01-01T00:00:00Z" })).await.expect(200).body["events"],
            0
        );
        assert_eq!(replay(json!({ "failed": true })).await.expect(200).body["events"], 1);
        assert_eq!(deliver_due(&admin, after(Instant::now(), 1)).await, [Written::Delivered]);
        assert_eq!(receiver.take().len(), 1);

        for (body, faults) in [
            (json!({}), vec![("", "required")]),
            (json!({ "failed": false }), vec![("", "required")]),
            (json!({ "failed": true, "events": [event] }), vec![("/events", "not_together")]),
            (json!({ "events": [event, event] }), vec![("/events/1", "repeated")]),
            // An event that does not exist, and one that the webhook does not subscribe to.
            (
                json!({ "events": [987_654_321, event + 1] }),
                vec![("/events/0", "unknown_reference"), ("/events/1", "unknown_reference")],
            ),
        ] {
            let response = replay(body.clone()).await.expect(422);
            let faults: Vec<(String, String)> = owned(&faults);
            assert_eq!(response.faults(), faults, "{body}");
        }
    });
}

#[test]
fn an_address_that_has_become_private_receives_nothing() {
    on_each(|database| async move {
        let receiver = Receiver::start();
        // A host name that resolved to a public address when the webhook was created.
        let strict = database.client();
        let url = format!("https://moves.test:{}/", receiver.address.port());
        let made = strict.post("webhooks", json!({ "url": url })).await.expect(201).body;
        let moved = format!("webhooks/{}", made["webhook"]["id"]);
        // A network that the operator no longer allows, by address and by name.
        let admin = database.webhook_client();
        let (by_address, _) = create_webhook(&admin, &receiver, json!({})).await;
        let by_name = format!("http://localhost:{}/", receiver.address.port());
        let (by_name, _) = create_webhook(&admin, &receiver, json!({ "url": by_name })).await;
        create(&admin, "milestones", milestone("step")).await;
        let now = Instant::now();
        assert_eq!(deliver_due(&strict, now).await, [Written::Retried; 3]);
        assert_eq!(receiver.received().len(), 0);
        for hook in [&moved, &by_address, &by_name] {
            let delivery = deliveries(&admin, hook).await.remove(0);
            assert_eq!(
                (&delivery["last_failure"], &delivery["last_status_code"]),
                (&json!("target_refused"), &Value::Null)
            );
        }
        // The control: where the address is allowed, the message arrives. The https one fails, as this receiver does not
        // support TLS.
        let written = deliver_due(&admin, after(now, 6)).await;
        assert_eq!(written.iter().filter(|written| **written == Written::Delivered).count(), 2);
        assert_eq!(receiver.received().len(), 2);
        let delivery = deliveries(&admin, &moved).await.remove(0);
        assert!(
            ["tls", "not_connected", "protocol"].contains(&delivery["last_failure"].as_str().expect("a word")),
            "{delivery}"
        );
    });
}

#[test]
fn a_redirect_is_not_followed() {
    on_each(|database| async move {
        let admin = database.webhook_client();
        let (receiver, other) = (Receiver::start(), Receiver::start());
        let (hook, _) = create_webhook(&admin, &receiver, json!({})).await;
        for status in [301, 302, 303, 307, 308] {
            receiver.respond_with([Reply { status, headers: format!("Location: {}\r\n", other.url()) }]);
            admin.post(&format!("{hook}/test"), json!({})).await.expect(200);
            assert_eq!(deliver_due(&admin, Instant::now()).await, [Written::Retried], "{status}");
            let delivery = deliveries(&admin, &hook).await.pop().expect("a delivery");
            assert_eq!((&delivery["last_failure"], &delivery["last_status_code"]), (&json!("status"), &json!(status)));
        }
        assert_eq!((receiver.received().len(), other.received().len()), (5, 0));
    });
}

#[test]
fn both_secrets_sign_for_a_day_after_rotation() {
    on_each(|database| async move {
        let admin = database.webhook_client();
        let receiver = Receiver::start();
        let (hook, first) = create_webhook(&admin, &receiver, json!({})).await;
        let rotate = async || {
            let made = admin.post(&format!("{hook}/rotate-secret"), json!({})).await.expect(200).body;
            made["secret"].as_str().expect("a secret").to_owned()
        };
        let second = rotate().await;
        let test = async || admin.post(&format!("{hook}/test"), json!({})).await.expect(200);
        test().await;
        let now = Instant::now();
        deliver_due(&admin, now).await;
        assert_eq!(receiver.take()[0].signed_with(&[&first, &second]), [1, 0]);
        test().await;
        deliver_due(&admin, after(now, 24 * 3600 + 60)).await;
        assert_eq!(receiver.take()[0].signed_with(&[&first, &second]), [1]);
        let third = rotate().await;
        test().await;
        deliver_due(&admin, Instant::now()).await;
        assert_eq!(receiver.take()[0].signed_with(&[&first, &second, &third]), [2, 1]);
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
fn a_webhook_receives_only_the_events_that_it_subscribes_to() {
    on_each(|database| async move {
        let admin = database.webhook_client();
        let receivers: Vec<Receiver> = (0..4).map(|_| Receiver::start()).collect();
        for (receiver, asked) in receivers.iter().zip([
            json!({ "entities": ["sector", "region"] }),
            json!({ "actions": ["deleted"] }),
            json!({ "pairings": [OWN] }),
            json!({ "pairings": ["heshan-kaiping"], "entities": ["agreement", "pairing"] }),
        ]) {
            create_webhook(&admin, receiver, asked).await;
        }
        create(&admin, "sectors", sector("one")).await;
        create(&admin, "milestones", milestone("step")).await;
        let draft = json!({ "code": "draft", "pairing": OWN, "kind": "other", "title": { "zh": "草案" } });
        create(&admin, "agreements", draft).await;
        // It leaves one pairing for the other: both are notified.
        admin.patch("agreements/draft", json!({ "pairing": "heshan-kaiping" })).await.expect(200);
        admin.patch("pairings/heshan-kaiping", json!({ "note": "改" })).await.expect(200);
        admin.delete("milestones/step").await.expect(204);
        deliver_due(&admin, Instant::now()).await;
        let sent: Vec<Vec<(String, String)>> = receivers
            .iter()
            .map(|receiver| {
                let mut sent = receiver.take_types_and_codes();
                sent.sort();
                sent
            })
            .collect();
        assert_eq!(sent[0], owned(&[("sector.created", "one")]));
        assert_eq!(sent[1], owned(&[("milestone.deleted", "step")]));
        assert_eq!(
            sent[2],
            owned(&[
                ("agreement.created", "draft"),
                ("agreement.updated", "draft"),
                ("milestone.created", "step"),
                ("milestone.deleted", "step"),
            ])
        );
        assert_eq!(sent[3], owned(&[("agreement.updated", "draft"), ("pairing.updated", "heshan-kaiping")]));
    });
}

#[test]
fn an_amendment_belongs_to_the_pairing_of_its_agreement() {
    on_each(|database| async move {
        let admin = database.webhook_client();
        let (own, other) = (Receiver::start(), Receiver::start());
        create_webhook(&admin, &own, json!({ "pairings": [OWN] })).await;
        create_webhook(&admin, &other, json!({ "pairings": ["heshan-kaiping"] })).await;
        let amendment = json!({ "title": { "zh": "补充协议" } });
        admin.post("agreements/xinhui-taishan-framework-2022/amendments", amendment).await.expect(201);
        deliver_due(&admin, Instant::now()).await;
        assert_eq!(own.take_types_and_codes(), owned(&[("agreement.amended", "xinhui-taishan-framework-2022")]));
        assert_eq!(other.received().len(), 0);
    });
}

#[test]
fn a_message_that_would_be_too_large_omits_the_record() {
    on_each(|database| async move {
        let admin = database.webhook_client();
        let receiver = Receiver::start();
        create_webhook(&admin, &receiver, json!({})).await;
        create(&admin, "documents", json!({ "code": "source", "title": { "zh": "文件" } })).await;
        create(&admin, "sectors", sector("large")).await;
        let citations = |letter: &str| -> Vec<Value> {
            (0..7).map(|_| json!({ "document": "source", "note": letter.repeat(10_000) })).collect()
        };
        // Either state alone fits; both together are too large.
        admin.patch("sectors/large", json!({ "citations": citations("长") })).await.expect(200);
        admin.patch("sectors/large", json!({ "citations": citations("大") })).await.expect(200);
        deliver_due(&admin, Instant::now()).await;
        let received = receiver.received();
        assert_eq!(received.len(), 4);
        let whole = received[2].body();
        assert_eq!((&whole["data"]["is_cut"], whole["data"]["after"].is_object()), (&json!(false), true));
        let message = &received[3];
        let body = message.body();
        assert_eq!((&body["type"], &body["data"]["is_cut"]), (&json!("sector.updated"), &json!(true)));
        assert_eq!((&body["data"]["before"], &body["data"]["after"]), (&Value::Null, &Value::Null));
        assert_eq!(body["data"]["changed"], json!(["citations"]));
        assert!(message.bytes.len() < 2_000);
    });
}

#[test]
fn a_test_message_is_delivered_like_an_event_and_deliveries_are_kept_for_a_month() {
    on_each(|database| async move {
        let admin = database.webhook_client();
        let receiver = Receiver::start();
        let (hook, secret) = create_webhook(&admin, &receiver, json!({ "code": "office" })).await;
        let asked = admin.post(&format!("{hook}/test"), json!({})).await.expect(200).body;
        assert_eq!((&asked["status"], &asked["event_type"]), (&json!("pending"), &json!("webhook.test")));
        let now = Instant::now();
        assert_eq!(deliver_due(&admin, now).await, [Written::Delivered]);
        let message = receiver.take().remove(0);
        assert_eq!((message.signed_with(&[&secret]), asked["message_id"].as_str()), (vec![0], Some(message.id())));
        let body = message.body();
        assert_eq!(CONTRACT.faults("WebhookEvent", &body).expect("the schema is good"), []);
        assert_eq!((&body["type"], &body["data"]["record_code"]), (&json!("webhook.test"), &json!("office")));

        receiver.respond_with([reply(500)]);
        create(&admin, "milestones", milestone("pending")).await;
        assert_eq!(deliver_due(&admin, now).await, [Written::Retried]);
        let retention = i64::try_from(KEPT_FOR.as_secs()).expect("few");
        assert_eq!(tidy(&admin.state, after(now, retention)).await.expect("it tidies"), 0);
        assert_eq!(tidy(&admin.state, after(now, retention + 1)).await.expect("it tidies"), 1);
        let left = deliveries(&admin, &hook).await;
        assert_eq!((left.len(), &left[0]["status"]), (1, &json!("pending")));
    });
}

#[test]
fn an_editor_cannot_find_out_which_webhooks_exist() {
    on_each(|database| async move {
        let admin = database.webhook_client();
        let editor = admin.with_key(database.key("editor", Role::Editor, &[OWN]));
        for path in ["webhooks/1/deliveries", "webhooks/987654321/deliveries"] {
            assert_eq!(editor.send(Method::GET, path, &[], None).await.status, 403);
        }
    });
}
