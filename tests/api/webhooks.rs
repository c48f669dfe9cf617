//! Webhooks as records: creation, the single display of the secret, changes, deletion, visibility, and forbidden addresses.

use actix_web::http::Method;
use diesel::prelude::*;
use pairing_tracker::access::Role;
use pairing_tracker::db::schema::{audit_events, idempotency_keys, webhooks};
use serde_json::{Value, json};

use crate::common::on_each;
use crate::common::receiver::{Receiver, create_webhook};
use crate::common::records::{create, pairing, with};

fn new_hook() -> Value {
    json!({ "code": "office", "url": "https://oa.example.org/hooks", "description": "办公系统" })
}

#[test]
fn a_secret_is_shown_once_and_appears_in_no_history_or_retry() {
    on_each(|database| async move {
        let admin = database.client();
        let headers = [("Idempotency-Key", "once")];
        let send = || admin.send(Method::POST, "webhooks", &headers, Some(new_hook()));
        let first = send().await.expect(201);
        let secret = first.body["secret"].as_str().expect("a secret").to_owned();
        let body = secret.strip_prefix("whsec_").expect("the form of a secret").to_owned();
        assert_eq!(first.header("location"), format!("/api/v1/webhooks/{}", first.body["webhook"]["id"]));
        let again = send().await.expect(201);
        assert_eq!((&again.body["webhook"], &again.body["secret"]), (&first.body["webhook"], &Value::Null));

        let headers = [("Idempotency-Key", "once-more")];
        let rotate = || admin.send(Method::POST, "webhooks/office/rotate-secret", &headers, None);
        let rotated = rotate().await.expect(200);
        let second = rotated.body["secret"].as_str().expect("a secret").to_owned();
        assert_ne!(second, secret);
        assert_eq!(rotate().await.expect(200).body["secret"], Value::Null);
        assert_eq!(rotated.body["webhook"]["version"], 2);
        assert!(rotated.body["webhook"]["previous_secret_expires_at"].is_string());
        admin.patch("webhooks/office", json!({ "description": "改" })).await.expect(200);

        for path in ["webhooks/office", "webhooks", "webhooks/office/history", "audit-events?entity=webhook"] {
            let response = admin.get(path).await.expect(200);
            let text = String::from_utf8_lossy(&response.bytes);
            assert!(text.contains("oa.example.org"), "{path}: {text}");
            assert!(!text.contains("whsec_") && !text.contains(&body), "{path}: {text}");
        }
        let mut conn = database.connect();
        let stored: Vec<String> = idempotency_keys::table.select(idempotency_keys::body).load(&mut conn).expect("rows");
        let events: Vec<Option<String>> =
            audit_events::table.select(audit_events::after_json).load(&mut conn).expect("rows");
        assert_eq!(stored.len(), 2);
        assert!(stored.into_iter().chain(events.into_iter().flatten()).all(|text| !text.contains("whsec_")));
        // The control: the secret is stored where it belongs.
        let row: (String, Option<String>) =
            webhooks::table.select((webhooks::secret, webhooks::previous_secret)).first(&mut conn).expect("a row");
        assert_eq!(row, (second, Some(secret)));
        let history = admin.get("webhooks/office/history").await.expect(200);
        let items = history.body["items"].as_array().expect("items").clone();
        let actions: Vec<&Value> = items.iter().map(|event| &event["action"]).collect();
        assert_eq!(actions, ["create", "rotate", "update"]);
    });
}

#[test]
fn an_invalid_webhook_is_refused() {
    on_each(|database| async move {
        let admin = database.client();
        for (changes, (pointer, code)) in [
            (json!({ "url": "https://127.0.0.1/hook" }), ("/url", "address_not_public")),
            (json!({ "url": "https://localhost/hook" }), ("/url", "address_not_public")),
            (json!({ "url": "https://inside.test/" }), ("/url", "address_not_public")),
            (json!({ "url": "https://169.254.169.254/latest/meta-data" }), ("/url", "address_not_public")),
            (json!({ "url": "https://[::ffff:10.0.0.1]/" }), ("/url", "address_not_public")),
            (json!({ "url": "https://2130706433/" }), ("/url", "address_not_public")),
            (json!({ "url": "http://oa.example.org/" }), ("/url", "https_required")),
            (json!({ "url": "http://nowhere.test/" }), ("/url", "https_required")),
            (json!({ "url": "https://me:secret@oa.example.org/" }), ("/url", "has_credentials")),
            (json!({ "url": "https://oa.example.org/#part" }), ("/url", "invalid_url")),
            (json!({ "url": "ftp://oa.example.org/" }), ("/url", "pattern")),
            (json!({ "url": "https://a b/" }), ("/url", "pattern")),
            (json!({ "entities": ["api_key"] }), ("/entities/0", "enum")),
            (json!({ "entities": ["webhook"] }), ("/entities/0", "enum")),
            (json!({ "actions": ["revoke"] }), ("/actions/0", "enum")),
            (json!({ "pairings": ["none"] }), ("/pairings/0", "unknown_reference")),
            (json!({ "status": "off" }), ("/status", "enum")),
        ] {
            let response = admin.post("webhooks", with(new_hook(), changes.clone())).await.expect(422);
            assert_eq!(response.faults(), [(pointer.to_owned(), code.to_owned())], "{changes}");
        }
        let response = admin.post("webhooks", with(new_hook(), json!({ "secret": "whsec_mine" }))).await.expect(400);
        assert_eq!(response.faults(), [("/secret".to_owned(), "unknown_field".to_owned())]);
        assert_eq!(admin.get("webhooks").await.expect(200).body["items"], json!([]));

        // A name that does not resolve may do so later, over https.
        admin.post("webhooks", with(new_hook(), json!({ "url": "https://nowhere.test/" }))).await.expect(201);
        let response = admin.patch("webhooks/office", json!({ "url": "https://localhost/" })).await.expect(422);
        assert_eq!(response.faults(), [("/url".to_owned(), "address_not_public".to_owned())]);
        let stored = admin.get("webhooks/office").await.expect(200);
        assert_eq!((&stored.body["url"], &stored.body["version"]), (&json!("https://nowhere.test/"), &json!(1)));

        // Networks that the operator allows are accepted.
        let inside = database.client_with(|settings| settings.webhook_networks = vec!["10.0.0.0/8".parse().unwrap()]);
        for url in ["http://inside.test/", "https://10.200.0.1:8443/hook"] {
            inside.patch("webhooks/office", json!({ "url": url })).await.expect(200);
        }
        inside.patch("webhooks/office", json!({ "url": "http://127.0.0.1/" })).await.expect(422);
    });
}

#[test]
fn a_webhook_is_changed_and_deleted_like_other_records() {
    on_each(|database| async move {
        let admin = database.client();
        let made = admin.post("webhooks", new_hook()).await.expect(201).body["webhook"].clone();
        assert_eq!((&made["status"], &made["entities"], &made["pending"]), (&json!("active"), &json!([]), &json!(0)));
        let read = admin.get("webhooks/office").await.expect(200);
        assert_eq!(read.body, made);
        let etag = read.header("etag").to_owned();
        let patch = |headers: Vec<(&'static str, String)>, body: Value| {
            let admin = admin.clone();
            async move {
                let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
                admin.send(Method::PATCH, "webhooks/office", &headers, Some(body)).await
            }
        };
        patch(vec![], json!({ "status": "paused" })).await.expect(428);
        let change =
            json!({ "status": "paused", "entities": ["milestone"], "actions": ["updated"], "pairings": ["1"] });
        let changed = patch(vec![("If-Match", etag.clone())], change).await.expect(200).body;
        assert_eq!((&changed["status"], &changed["version"]), (&json!("paused"), &json!(2)));
        assert_eq!((&changed["entities"], &changed["actions"]), (&json!(["milestone"]), &json!(["updated"])));
        assert_eq!(changed["pairings"][0]["id"], 1);
        patch(vec![("If-Match", etag)], json!({ "status": "active" })).await.expect(412);
        // Nothing changes, and no event is recorded.
        assert_eq!(admin.patch("webhooks/office", json!({ "status": "paused" })).await.expect(200).body["version"], 2);
        let cleared =
            admin.patch("webhooks/office", json!({ "status": null, "entities": null, "pairings": null })).await;
        let cleared = cleared.expect(200).body;
        assert_eq!(
            (&cleared["status"], &cleared["entities"], &cleared["pairings"]),
            (&json!("active"), &json!([]), &json!([]))
        );
        assert_eq!(admin.get("webhooks?q=%E5%8A%9E%E5%85%AC&status=active").await.expect(200).codes(), ["office"]);
        assert_eq!(admin.get("webhooks?status=paused").await.expect(200).codes(), [""; 0]);

        admin.delete("webhooks/office").await.expect(204);
        admin.get("webhooks/office").await.expect(404);
        assert_eq!(admin.get("webhooks/office/history?count=true").await.expect(200).body["total"], 4);
        admin.post("webhooks", new_hook()).await.expect(409);
    });
}

#[test]
fn webhooks_and_their_events_are_visible_only_to_administrators() {
    on_each(|database| async move {
        let admin = database.webhook_client();
        let receiver = Receiver::start();
        let (hook, _) = create_webhook(&admin, &receiver, json!({})).await;
        for (role, pairings) in [(Role::Editor, &[][..]), (Role::Editor, &["xinhui-taishan"]), (Role::Viewer, &[])] {
            let other = admin.with_key(database.key("another", role, pairings));
            for path in ["webhooks", &hook, &format!("{hook}/deliveries"), &format!("{hook}/history")] {
                other.get(path).await.expect(403);
            }
            other.post("webhooks", new_hook()).await.expect(403);
            other.post(&format!("{hook}/test"), json!({})).await.expect(403);
            other.post(&format!("{hook}/rotate-secret"), json!({})).await.expect(403);
            other.post(&format!("{hook}/replays"), json!({ "failed": true })).await.expect(403);
            other.patch(&hook, json!({ "status": "paused" })).await.expect(403);
            other.delete(&hook).await.expect(403);
            let events = other.get("audit-events?entity=webhook&count=true").await.expect(200);
            assert_eq!((&events.body["items"], &events.body["total"]), (&json!([]), &json!(0)));
            let events = other.get("audit-events?action=create&limit=1").await.expect(200);
            assert_ne!(events.body["items"][0]["entity"], "webhook");
        }
        let events = admin.get("audit-events?entity=webhook&count=true").await.expect(200);
        assert_eq!(events.body["total"], 1);
    });
}

#[test]
fn a_pairing_that_a_webhook_names_cannot_be_deleted() {
    on_each(|database| async move {
        let admin = database.client();
        create(&admin, "pairings", pairing("named")).await;
        let new = with(new_hook(), json!({ "pairings": ["named"] }));
        admin.post("webhooks", new).await.expect(201);
        let refused = admin.delete("pairings/named").await.expect(409);
        assert!(refused.body["errors"][0]["message"].as_str().unwrap().contains("webhooks refer to it 1 times"));
        let editor = admin.with_key(database.key("editor", Role::Editor, &[]));
        let refused = editor.delete("pairings/named").await.expect(409);
        assert_eq!(refused.body["errors"][0]["message"], "webhooks refer to it");
        admin.delete("webhooks/office").await.expect(204);
        admin.delete("pairings/named").await.expect(204);
    });
}

#[test]
fn the_number_of_webhooks_is_limited() {
    on_each(|database| async move {
        let admin = database.client();
        for number in 0..100 {
            let new = json!({ "code": format!("hook-{number}"), "url": "https://1.1.1.1/" });
            admin.post("webhooks", new).await.expect(201);
        }
        assert_eq!(admin.post("webhooks", new_hook()).await.expect(409).body["code"], "too_many_webhooks");
    });
}
