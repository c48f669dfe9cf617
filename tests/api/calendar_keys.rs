//! Calendar keys: each gives access to one feed of one pairing through its URL, and to nothing else, until it is revoked or
//! expires.

use actix_web::http::Method;
use diesel::prelude::*;
use pairing_tracker::access::Role;
use pairing_tracker::access::secrets::keys::{Family, PresentedKey};
use pairing_tracker::db::schema::{audit_events, calendar_keys, idempotency_keys};
use serde_json::{Value, json};

use crate::common::client::Response;
use crate::common::records::{column, fault, milestone, with};
use crate::common::{Client, Database, on_each};

const OWN: &str = "xinhui-taishan";
const FOREIGN: &str = "heshan-kaiping";
const MILESTONES: &str = "/api/v1/pairings/xinhui-taishan/milestones.ics";
const CONFERENCES: &str = "/api/v1/pairings/xinhui-taishan/conferences.ics";

fn new_key() -> Value {
    json!({ "name": "手机日历", "feed": "milestones" })
}

/// Creates a key of Xinhui and Taishan; returns the response body and the key.
async fn create_key(client: &Client, changes: Value) -> (Value, String) {
    let path = format!("pairings/{OWN}/calendar-keys");
    let response = client.post(&path, with(new_key(), changes)).await.expect(201);
    let subscribe = response.body["subscribe_path"].as_str().expect("a path");
    let (feed, key) = subscribe.split_once("?key=").expect("a key");
    assert_eq!(feed, if response.body["key"]["feed"] == "milestones" { MILESTONES } else { CONFERENCES });
    (response.body["key"].clone(), key.to_owned())
}

async fn status(client: &Client, path: &str) -> u16 {
    client.get(path).await.status.as_u16()
}

fn private(database: &Database) -> Client {
    database.client_with(|settings| settings.private = true)
}

fn url(path: &str, key: &str) -> String {
    format!("{path}?key={key}")
}

#[test]
fn a_calendar_key_reads_its_feed_of_a_private_service_and_nothing_else() {
    on_each(|database| async move {
        let client = private(&database);
        let anonymous = client.anonymous();
        let (made, key) = create_key(&client, json!({})).await;
        anonymous.get(MILESTONES).await.expect(401);
        anonymous.get(&url(MILESTONES, &key)).await.expect(200);
        anonymous.get(&url(&MILESTONES.replace(OWN, &made["pairing"]["id"].to_string()), &key)).await.expect(200);
        anonymous.get(&format!("{MILESTONES}?as_of=2022-12-31&key={key}")).await.expect(200);
        // A bearer key works as well, but a wrong key in the URL is refused although the bearer key is valid.
        client.get(MILESTONES).await.expect(200);
        client.get(&url(MILESTONES, "ptf_wrong")).await.expect(401);

        let elsewhere = [
            CONFERENCES.to_owned(),
            MILESTONES.replace(OWN, FOREIGN),
            MILESTONES.replace(OWN, "none"),
            format!("/api/v1/pairings/{OWN}"),
            "/api/v1/milestones".to_owned(),
            format!("/api/v1/pairings/{OWN}/calendar-keys"),
            "/metrics".to_owned(),
            "/".to_owned(),
        ];
        let (public, bearer) = (database.client().anonymous(), client.with_key(&key));
        for path in elsewhere {
            for reader in [&anonymous, &public] {
                let response = reader.get(&url(&path, &key)).await.expect(401);
                assert!(response.header("www-authenticate").starts_with("Bearer"), "{path}");
            }
        }
        for reader in [&bearer, &public.with_key(&key)] {
            for path in [MILESTONES, CONFERENCES, "/api/v1/pairings", "/api/v1/liaisons"] {
                reader.get(path).await.expect(401);
            }
        }
        // Writes with the key, as a bearer key and in the URL.
        bearer.post("regions", json!({})).await.expect(401);
        public.send(Method::POST, &url("regions", &key), &[], Some(json!({}))).await.expect(401);
        anonymous.get(&format!("{MILESTONES}?key={key}&key={key}")).await.expect(401);
        anonymous.get(&url(MILESTONES, "")).await.expect(401);
        let mistyped = format!("{}{}", &key[..key.len() - 1], if key.ends_with('0') { '1' } else { '0' });
        anonymous.get(&url(MILESTONES, &mistyped)).await.expect(401);
        // The control: the key still works for its own feed.
        anonymous.get(&url(MILESTONES, &key)).await.expect(200);
    });
}

#[test]
fn an_api_key_is_no_calendar_key() {
    on_each(|database| async move {
        let client = private(&database);
        let key = database.key("editor", Role::Editor, &[]);
        client.with_key(&key).get(MILESTONES).await.expect(200);
        client.anonymous().get(&url(MILESTONES, &key)).await.expect(401);
    });
}

/// The summaries and statuses of a feed, and whether it contains the words of a record.
async fn read(client: &Client, path: &str) -> Vec<(String, String)> {
    let response = client.get(path).await.expect(200);
    let text = String::from_utf8(response.bytes).expect("UTF-8");
    let of = |name: &str| {
        let lines = text.lines().filter_map(|line| line.strip_prefix(name).and_then(|rest| rest.strip_prefix(':')));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(of("SUMMARY").len(), of("UID").len());
    of("SUMMARY").into_iter().zip(of("STATUS")).collect()
}

#[test]
fn a_revoked_or_expired_key_reads_only_cancellations_on_every_replica() {
    on_each(|database| async move {
        let services = [(private(&database), private(&database)), (database.client(), database.client())];
        for (round, (client, replica)) in services.into_iter().enumerate() {
            let anonymous = replica.anonymous();
            client.post("milestones", milestone(&format!("first-{round}"))).await.expect(201);
            let (made, key) = create_key(&client, json!({})).await;
            let feed = url(MILESTONES, &key);
            let before = read(&anonymous, &feed).await;
            assert!(before.iter().any(|(_, status)| status == "CONFIRMED"), "{before:?}");
            let revoke = format!("calendar-keys/{}/revoke", made["id"]);
            let revoked = client.post(&revoke, json!({})).await.expect(200).body;
            assert_eq!((&revoked["status"], &made["status"]), (&json!("revoked"), &json!("active")));
            let dropped = vec![("已取消".to_owned(), "CANCELLED".to_owned()); before.len()];
            assert_eq!(read(&anonymous, &feed).await, dropped);
            assert_eq!(client.post(&revoke, json!({})).await.expect(200).body, revoked);
            // Changes since then are not disclosed, but records that left the feed are cancelled.
            let code = format!("later-{}", made["id"]);
            let later = client.post("milestones", milestone(&code)).await.expect(201);
            assert_eq!(read(&anonymous, &feed).await, dropped);
            let text = |response: Response| String::from_utf8(response.bytes).expect("UTF-8");
            let first = text(anonymous.get(&feed).await.expect(200));
            assert!(!first.contains(&format!("milestone-{}@", later.body["id"])), "{first}");
            client.delete(&format!("milestones/{code}")).await.expect(204);
            assert_eq!(text(anonymous.get(&feed).await.expect(200)), first);
            for elsewhere in [CONFERENCES, "/api/v1/milestones"] {
                assert_eq!(status(&anonymous, &url(elsewhere, &key)).await, 401);
            }

            let change = |id: &Value, days: i64| {
                let at =
                    pairing_tracker::model::types::Instant::from(chrono::Utc::now() - chrono::TimeDelta::days(days));
                diesel::update(calendar_keys::table.filter(calendar_keys::id.eq(id.as_i64().expect("an id"))))
                    .set(calendar_keys::revoked_at.eq(Some(at)))
                    .execute(&mut database.connect())
                    .expect("a change");
            };
            change(&made["id"], 89);
            assert_eq!(status(&anonymous, &feed).await, 200);
            change(&made["id"], 92);
            assert_eq!(status(&anonymous, &feed).await, 401);

            let today = client.state.settings.today();
            let (made, key) = create_key(&client, json!({ "expires_on": today })).await;
            let feed = url(MILESTONES, &key);
            let before = read(&anonymous, &feed).await;
            assert!(before.iter().any(|(_, status)| status == "CONFIRMED"), "{before:?}");
            diesel::update(calendar_keys::table.filter(calendar_keys::id.eq(made["id"].as_i64().expect("an id"))))
                .set(calendar_keys::expires_on.eq(today.pred_opt()))
                .execute(&mut database.connect())
                .expect("a change");
            let after = read(&anonymous, &feed).await;
            assert!(after.iter().all(|one| *one == dropped[0]), "{after:?}");
        }
    });
}

#[test]
fn a_calendar_key_is_shown_once_and_only_its_hash_is_stored() {
    on_each(|database| async move {
        let client = database.client();
        let headers = [("Idempotency-Key", "once")];
        let path = format!("pairings/{OWN}/calendar-keys");
        let send = || client.send(Method::POST, &path, &headers, Some(new_key()));
        let first = send().await.expect(201);
        let again = send().await.expect(201);
        assert_eq!((&again.body["key"], &again.body["subscribe_path"]), (&first.body["key"], &Value::Null));
        let key = first.body["subscribe_path"].as_str().and_then(|path| path.split_once("?key=")).expect("a key").1;
        let shown = PresentedKey::parse(Family::Calendar, key).expect("the form of a key");
        assert!(PresentedKey::parse(Family::Api, key).is_none(), "it is none that anybody calls with");
        let secret = &key[Family::Calendar.prefix().len() + 9..];
        let item = first.header("location").to_owned();
        for path in [item.as_str(), &path, "calendar-keys", "audit-events?entity=calendar_key", "audit-events"] {
            let response = client.get(path).await.expect(200);
            let text = String::from_utf8_lossy(&response.bytes);
            assert!(text.contains("手机日历") && !text.contains(secret), "{path}: {text}");
        }
        let mut conn = database.connect();
        let stored: Vec<(String, String)> = calendar_keys::table
            .select((calendar_keys::code, calendar_keys::secret_sha256))
            .load(&mut conn)
            .expect("rows");
        assert_eq!(stored, [(shown.code, shown.sha256)]);
        let stored: Vec<String> = idempotency_keys::table.select(idempotency_keys::body).load(&mut conn).expect("rows");
        assert!(stored.len() == 1 && !stored[0].contains(secret));
        client.post(&format!("{item}/revoke"), json!({})).await.expect(200);
        let events: Vec<(String, Option<String>, Option<String>)> = audit_events::table
            .filter(audit_events::entity.eq("calendar_key"))
            .order(audit_events::id)
            .select((audit_events::action, audit_events::before_json, audit_events::after_json))
            .load(&mut database.connect())
            .expect("rows");
        let actions: Vec<&str> = events.iter().map(|(action, ..)| action.as_str()).collect();
        assert_eq!(actions, ["create", "revoke"]);
        assert!(!format!("{events:?}").contains(secret) && !format!("{events:?}").contains("sha256"));
    });
}

#[test]
fn calendar_keys_and_their_history_are_visible_only_within_the_pairing() {
    on_each(|database| async move {
        let client = database.client();
        let key = |role, pairings: &[&str]| client.with_key(database.key("reader", role, pairings));
        let (own, foreign) = (key(Role::Editor, &[OWN]), key(Role::Editor, &[FOREIGN]));
        let (made, _) = create_key(&own, json!({})).await;
        assert_eq!(made["created_by"], "reader");
        let (item, nested) = (format!("calendar-keys/{}", made["id"]), format!("pairings/{OWN}/calendar-keys"));
        for (reader, code) in [(&own, 200), (&client, 200), (&foreign, 403), (&key(Role::Viewer, &[OWN]), 403)] {
            reader.get(&item).await.expect(code);
            reader.get(&nested).await.expect(code);
        }
        assert_eq!(column(&own.get("calendar-keys").await, "/id"), [made["id"].clone()]);
        assert_eq!(column(&foreign.get("calendar-keys").await, "/id"), Vec::<Value>::new());
        foreign.post(&nested, new_key()).await.expect(403);
        foreign.post(&format!("{item}/revoke"), json!({})).await.expect(403);
        for reader in [&own, &foreign, &client.anonymous()] {
            for path in ["audit-events?entity=calendar_key", "audit-events?limit=1000"] {
                let events = reader.get(path).await.expect(200);
                assert!(!String::from_utf8_lossy(&events.bytes).contains("手机日历"), "{path}");
            }
        }
    });
}

#[test]
fn an_invalid_calendar_key_is_refused() {
    on_each(|database| async move {
        let client = database.client();
        let path = format!("pairings/{OWN}/calendar-keys");
        let past = client.post(&path, with(new_key(), json!({ "expires_on": "2020-01-01" }))).await.expect(422);
        assert_eq!(past.faults(), [fault("/expires_on", "past")]);
        let other = client.post(&path, with(new_key(), json!({ "feed": "liaisons", "pairing": 3 }))).await;
        assert!(matches!(other.status.as_u16(), 400 | 422), "{}", other.body);
        client.post("pairings/none/calendar-keys", new_key()).await.expect(404);
    });
}

#[test]
fn wrong_keys_in_urls_count_as_wrong_keys() {
    on_each(|database| async move {
        let client = database.client_with(|settings| settings.wrong_keys_per_address = 3);
        let anonymous = client.anonymous().at("192.0.2.7");
        let (_, key) = create_key(&client, json!({})).await;
        anonymous.get(&url(MILESTONES, &key)).await.expect(200);
        for path in [MILESTONES, CONFERENCES, "/api/v1/pairings"] {
            anonymous.get(&url(path, "ptf_guess")).await.expect(401);
        }
        let refused = anonymous.get(&url(MILESTONES, "ptf_guess")).await.expect(429);
        assert_eq!(refused.body["code"], "too_many_attempts");
        // Neither the holder of a valid key nor another address is locked out.
        anonymous.get(&url(MILESTONES, &key)).await.expect(200);
        anonymous.at("192.0.2.8").get(&url(MILESTONES, "ptf_guess")).await.expect(401);
    });
}
