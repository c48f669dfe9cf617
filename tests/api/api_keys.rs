//! API keys: creation, the single display of the secret, changes and revocation, on every replica.

use actix_web::http::{Method, header};
use diesel::prelude::*;
use pairing_tracker::access::Role;
use pairing_tracker::access::secrets::keys::{Family, PresentedKey};
use pairing_tracker::db::schema::{api_keys, idempotency_keys};
use serde_json::{Value, json};

use crate::common::records::with;
use crate::common::{Client, on_each};

const OWN: &str = "xinhui-taishan";

fn new_key() -> Value {
    json!({ "name": "新会区对口办", "role": "editor", "pairings": [OWN] })
}

/// Creates a key; returns the response body and the secret.
async fn create_key(admin: &Client, changes: Value) -> (Value, String) {
    let response = admin.post("api-keys", with(new_key(), changes)).await.expect(201);
    let secret = response.body["secret"].as_str().expect("a secret").to_owned();
    (response.body["key"].clone(), secret)
}

/// The status of a change that writes nothing.
async fn change_status(client: &Client) -> u16 {
    client.patch("pairings/xinhui-taishan", json!({})).await.status.as_u16()
}

#[test]
fn a_key_is_shown_once_and_only_its_hash_is_stored() {
    on_each(|database| async move {
        let admin = database.client();
        let (key, secret) = create_key(&admin, json!({})).await;
        assert_eq!(change_status(&admin.with_key(&secret)).await, 200);
        let shown = PresentedKey::parse(Family::Api, &secret).expect("the form of a key");
        assert_eq!(key["code"], shown.code);
        let item = format!("api-keys/{}", shown.code);
        let body = &secret[PUBLIC..];
        for path in [item.as_str(), "api-keys", &format!("{item}/history"), "audit-events?entity=api_key"] {
            let response = admin.get(path).await.expect(200);
            let text = String::from_utf8_lossy(&response.bytes);
            assert!(text.contains("新会区对口办") && !text.contains(body), "{path}: {text}");
        }
        let stored: String = api_keys::table
            .filter(api_keys::code.eq(&shown.code))
            .select(api_keys::secret_sha256)
            .first(&mut database.connect())
            .expect("the row");
        assert_eq!(stored, shown.sha256);
    });
}

/// The offset of the secret part of a key.
const PUBLIC: usize = "ptk_k3m9q2xa_".len();

#[test]
fn a_retry_creates_no_second_key_and_does_not_show_the_first_again() {
    on_each(|database| async move {
        let admin = database.client();
        let headers = [("Idempotency-Key", "once")];
        let send = || admin.send(Method::POST, "api-keys", &headers, Some(new_key()));
        let first = send().await.expect(201);
        let again = send().await.expect(201);
        assert_eq!(again.header("idempotent-replayed"), "true");
        assert_eq!((&again.body["key"], &again.body["secret"]), (&first.body["key"], &Value::Null));
        let secret = first.body["secret"].as_str().expect("a secret");
        let stored: Vec<String> =
            idempotency_keys::table.select(idempotency_keys::body).load(&mut database.connect()).expect("rows");
        assert!(stored.len() == 1 && !stored[0].contains(&secret[PUBLIC..]));
    });
}

#[test]
fn a_revocation_takes_effect_at_once_on_every_replica_and_is_permanent() {
    on_each(|database| async move {
        let admin = database.client();
        let replica = database.client();
        let (key, secret) = create_key(&admin, json!({})).await;
        let holder = replica.with_key(&secret);
        assert_eq!(change_status(&holder).await, 200);
        holder.get("pairings").await.expect(200);
        let revoke = format!("api-keys/{}/revoke", key["id"]);
        let revoked = admin.post(&revoke, json!({})).await.expect(200).body;
        assert_eq!(revoked["status"], "revoked");
        assert_eq!(change_status(&holder).await, 401);
        // The revoked key gets 401 although the response is cached for keys that may read it.
        holder.get("pairings").await.expect(401);

        let again = admin.post(&revoke, json!({})).await.expect(200).body;
        assert_eq!(again, revoked, "what is revoked stays so since then");
        let item = format!("api-keys/{}", key["id"]);
        assert_eq!(admin.patch(&item, json!({ "note": "改" })).await.expect(409).body["code"], "key_revoked");
        admin.delete(&item).await.expect(405);
        let history = admin.get(&format!("{item}/history")).await.expect(200);
        let actions: Vec<&Value> =
            history.body["items"].as_array().expect("items").iter().map(|event| &event["action"]).collect();
        assert_eq!(actions, ["create", "revoke"]);
        let good = admin.get("api-keys?revoked=false&q=%E6%96%B0%E4%BC%9A").await.expect(200);
        assert_eq!(good.body["items"], json!([]));
        assert_eq!(admin.get("api-keys?revoked=true").await.expect(200).codes(), [key["code"].as_str().unwrap()]);
    });
}

#[test]
fn a_key_is_valid_through_its_last_day() {
    on_each(|database| async move {
        let admin = database.client();
        let today = admin.state.settings.today();
        let (key, secret) = create_key(&admin, json!({ "expires_on": today })).await;
        assert_eq!((change_status(&admin.with_key(&secret)).await, &key["status"]), (200, &json!("active")));
        diesel::update(api_keys::table.filter(api_keys::id.eq(key["id"].as_i64().unwrap())))
            .set(api_keys::expires_on.eq(today.pred_opt()))
            .execute(&mut database.connect())
            .expect("a change");
        assert_eq!(change_status(&admin.with_key(&secret)).await, 401);
        let item = format!("api-keys/{}", key["id"]);
        assert_eq!(admin.get(&item).await.expect(200).body["status"], "expired");
        // An expired key can still be changed, and its last day can be removed.
        admin.patch(&item, json!({ "note": "改" })).await.expect(200);
        admin.patch(&item, json!({ "expires_on": null })).await.expect(200);
        assert_eq!(change_status(&admin.with_key(&secret)).await, 200);
    });
}

#[test]
fn changed_rights_of_a_key_apply_to_the_next_request() {
    on_each(|database| async move {
        let admin = database.client();
        let (key, secret) = create_key(&admin, json!({})).await;
        let holder = admin.with_key(&secret);
        let item = format!("api-keys/{}", key["id"]);
        for (change, status) in [
            (json!({ "pairings": ["heshan-kaiping"] }), 403),
            (json!({ "pairings": [] }), 200),
            (json!({ "role": "viewer" }), 403),
            (json!({ "role": "admin" }), 200),
        ] {
            let changed = admin.patch(&item, change.clone()).await.expect(200).body;
            assert_eq!(changed["version"].as_i64(), changed["version"].as_i64().max(Some(2)));
            assert_eq!(change_status(&holder).await, status, "{change}");
        }
        holder.get("api-keys").await.expect(200);
        let event = admin.get(&format!("{item}/history?limit=1000")).await.expect(200);
        assert_eq!(event.body["items"].as_array().map(Vec::len), Some(5));
    });
}

#[test]
fn an_invalid_key_definition_is_refused_with_every_fault() {
    on_each(|database| async move {
        let admin = database.client();
        for (changes, fault) in [
            (json!({ "name": " " }), ("/name", "pattern")),
            (json!({ "name": "a\nb" }), ("/name", "pattern")),
            (json!({ "name": "长".repeat(201) }), ("/name", "too_long")),
            (json!({ "role": "root" }), ("/role", "enum")),
            (json!({ "role": "admin" }), ("/pairings", "not_for_role")),
            (json!({ "pairings": ["none"] }), ("/pairings/0", "unknown_reference")),
            (json!({ "pairings": [OWN, OWN] }), ("/pairings/1", "repeated")),
            (json!({ "expires_on": "2022-01-01" }), ("/expires_on", "past")),
        ] {
            let response = admin.post("api-keys", with(new_key(), changes.clone())).await.expect(422);
            assert_eq!(response.faults(), [(fault.0.to_owned(), fault.1.to_owned())], "{changes}");
        }
        let response =
            admin.post("api-keys", with(new_key(), json!({ "issued": {}, "code": "mine" }))).await.expect(400);
        assert_eq!(response.faults().len(), 2);
        assert_eq!(admin.get("api-keys?q=%E6%96%B0%E4%BC%9A").await.expect(200).body["items"], json!([]));
    });
}

#[test]
fn the_last_use_of_a_key_is_recorded() {
    on_each(|database| async move {
        let admin = database.client();
        let (key, secret) = create_key(&admin, json!({})).await;
        let item = format!("api-keys/{}", key["id"]);
        let version = admin.get(&item).await.expect(200).body["version"].clone();
        admin.with_key(&secret).get("sectors").await.expect(200);
        admin.state.uses.flush(&admin.state.store).await.expect("it is written");
        let used = admin.get(&item).await.expect(200).body;
        assert!(used["last_used_at"].is_string(), "{used}");
        assert_eq!(used["version"], version, "a use is no change of the key");
        // A use within the same minute is not written again.
        admin.with_key(&secret).get("sectors").await.expect(200);
        admin.state.uses.flush(&admin.state.store).await.expect("it is written");
        assert_eq!(admin.get(&item).await.expect(200).body["last_used_at"], used["last_used_at"]);
    });
}

#[test]
fn two_authorization_headers_are_refused() {
    on_each(|database| async move {
        let admin = database.client();
        let key = format!("Bearer {}", database.key("one", Role::Admin, &[]));
        let name = header::AUTHORIZATION.as_str();
        admin.anonymous().send(Method::GET, "sectors", &[(name, &key)], None).await.expect(200);
        admin.anonymous().send(Method::GET, "sectors", &[(name, &key), (name, &key)], None).await.expect(401);
        for scheme in ["Basic", "Token", "Bearer:"] {
            let other = key.replacen("Bearer", scheme, 1);
            admin.anonymous().send(Method::GET, "sectors", &[(name, &other)], None).await.expect(401);
        }
        admin.anonymous().send(Method::GET, "sectors", &[(name, &key.replacen('B', "b", 1))], None).await.expect(200);
    });
}

#[test]
fn a_private_service_shows_its_pages_only_with_a_key() {
    on_each(|database| async move {
        let private = database.client_with(|settings| settings.private = true);
        let viewer = private.with_key(database.key("viewer", Role::Viewer, &[]));
        for page in ["/", "/metrics"] {
            private.anonymous().get(page).await.expect(401);
            viewer.get(page).await.expect(200);
        }
        for open in ["/healthz", "/readyz", "/openapi.json", "/docs/"] {
            private.anonymous().get(open).await.expect(200);
        }
        private.anonymous().get("/no-such-page").await.expect(404);
    });
}

#[test]
fn methods_outside_the_authorization_table_reach_no_handler() {
    on_each(|database| async move {
        let admin = database.client();
        for (method, path) in [
            (Method::DELETE, "pairings"),
            (Method::PUT, "pairings/xinhui-taishan"),
            (Method::POST, "/openapi.json"),
            (Method::POST, "/metrics"),
            (Method::OPTIONS, "pairings"),
            (Method::TRACE, "pairings"),
        ] {
            let response = admin.send(method.clone(), path, &[], None).await;
            assert!([404, 405].contains(&response.status.as_u16()), "{method} {path}: {}", response.status);
        }
    });
}
