//! Messages to webhooks: content, signatures, and the events that a webhook receives.

use std::collections::HashSet;

use actix_web::http::Method;
use pairing_tracker::access::Role;
use pairing_tracker::model::types::Instant;
use pairing_tracker::webhooks::claims::Written;
use serde_json::{Value, json};

use crate::common::privacy::OWN;
use crate::common::receiver::{Receiver, advance, after, create_webhook, deliver_due, deliveries, owned};
use crate::common::records::{create, milestone, sector};
use crate::common::{CONTRACT, on_each};

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
fn a_webhook_receives_only_the_events_that_it_subscribes_to() {
    on_each(|database| async move {
        let admin = database.webhook_client();
        let receivers: Vec<Receiver> = (0..4).map(|_| Receiver::start()).collect();
        for (receiver, subscription) in receivers.iter().zip([
            json!({ "entities": ["sector", "region"] }),
            json!({ "actions": ["deleted"] }),
            json!({ "pairings": [OWN] }),
            json!({ "pairings": ["heshan-kaiping"], "entities": ["agreement", "pairing"] }),
        ]) {
            create_webhook(&admin, receiver, subscription).await;
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
fn an_editor_cannot_find_out_which_webhooks_exist() {
    on_each(|database| async move {
        let admin = database.webhook_client();
        let editor = admin.with_key(database.key("editor", Role::Editor, &[OWN]));
        for path in ["webhooks/1/deliveries", "webhooks/987654321/deliveries"] {
            assert_eq!(editor.send(Method::GET, path, &[], None).await.status, 403);
        }
    });
}
