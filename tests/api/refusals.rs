//! Refused requests: counted by hour, bounded, visible to administrators only, and deleted after a time.

use chrono::{TimeDelta, Timelike, Utc};
use diesel::prelude::*;
use pairing_tracker::access::Role;
use pairing_tracker::audit::chain;
use pairing_tracker::db::schema::request_refusals::dsl as r;
use pairing_tracker::model::types::Instant;
use serde_json::{Value, json};

use crate::common::builders::walk;
use crate::common::tamper::execute;
use crate::common::{Client, Database, on_each};

/// The refusals, oldest first, as an administrator sees them.
async fn refusals(client: &Client) -> Vec<Value> {
    walk(client, "refusals", "sort=first_at", 100).await
}

async fn refuse(client: &Client) {
    client.anonymous().post("sectors", json!({})).await.expect(401);
}

/// The counts of the rows in the database; a request to the service would write others.
fn written(database: &Database) -> Vec<i64> {
    r::request_refusals.order(r::id).select(r::count).load(&mut database.connect()).expect("rows")
}

fn sum(refusals: &[Value]) -> i64 {
    refusals.iter().filter_map(|refusal| refusal["count"].as_i64()).sum()
}

/// Whether an hour begins soon, which would split the counts of equal refusals.
fn is_late() -> bool {
    Utc::now().minute() == 59
}

#[test]
fn refusals_are_counted_and_listed_for_administrators() {
    on_each(|database| async move {
        let client = database.client();
        let events = chain::head(&mut database.connect()).expect("a head");
        let viewer = client.with_key(database.key("只读", Role::Viewer, &[]));
        let first = client.anonymous().at("198.51.100.7").post("sectors", json!({})).await.expect(401);
        client.anonymous().at("198.51.100.200").post("sectors", json!({})).await.expect(401);
        client.with_key("ptk_wrong").get("sectors?q=13800138000").await.expect(401);
        for _ in 0..3 {
            viewer.at("2001:db8:1:2::3").patch("sectors/transport", json!({ "vocabulary": "改" })).await.expect(403);
        }
        client.get("sectors/nowhere").await.expect(404);
        client.post("sectors", json!({})).await.expect(422);

        let all = refusals(&client).await;
        assert_eq!(sum(&all), 6, "{all:?}");
        if is_late() {
            return;
        }
        let [writing, guessing, viewing] = all.as_slice() else { panic!("{all:?}") };
        let of =
            |refusal: &Value, names: &[&str]| -> Value { names.iter().map(|name| refusal[*name].clone()).collect() };
        let names = ["operation", "method", "path", "status", "code", "network", "count"];
        for (refusal, wanted) in [
            (writing, json!(["createSector", "POST", "/api/v1/sectors", 401, "unauthorized", "198.51.100.0/24", 2])),
            (guessing, json!(["listSectors", "GET", "/api/v1/sectors", 401, "unauthorized", null, 1])),
            (
                viewing,
                json!(["updateSector", "PATCH", "/api/v1/sectors/transport", 403, "forbidden", "2001:db8:1::/48", 3]),
            ),
        ] {
            assert_eq!(of(refusal, &names), wanted);
            assert!(refusal["first_at"].as_str() <= refusal["last_at"].as_str() && refusal["first_at"].is_string());
        }
        assert_eq!(
            of(writing, &["request_id", "actor", "actor_id"]),
            json!([first.header("x-request-id"), "anonymous", "anonymous"])
        );
        assert_eq!(viewing["actor"], "只读");
        assert!(viewing["actor_id"].as_str().is_some_and(|id| id.starts_with("key:")));
        assert!(!all.iter().any(|refusal| refusal.to_string().contains("13800138000")), "no query is stored");
        assert_eq!(refusals(&client).await, all, "each is written once");
        for (query, count) in [
            ("actor=anonymous", 2),
            ("operation=updateSector", 1),
            ("code=unauthorized", 2),
            ("network=198.51.100.0%2F24", 1),
            ("first_from=2001-01-01T00:00:00Z", 3),
            ("first_before=2001-01-01T00:00:00Z", 0),
        ] {
            let list = client.get(&format!("refusals?count=true&{query}")).await.expect(200);
            assert_eq!(list.body["total"], count, "{query}");
        }
        // The creation of the viewer's key is an event.
        let now = chain::head(&mut database.connect()).expect("a head");
        assert_eq!(now.id, events.id + 1, "refusals are not in the audit log");
    });
}

#[test]
fn refusals_cannot_grow_without_bound() {
    on_each(|database| async move {
        let client = database.client();
        let viewer = client.with_key(database.key("viewer", Role::Viewer, &[]));
        let late = is_late();
        for network in 0..160 {
            client.anonymous().at(&format!("10.0.{network}.1")).post("sectors", json!({})).await.expect(401);
        }
        client.state.refusals.flush(&client.state.store).await.expect("they are written");
        for network in 0..60 {
            viewer.at(&format!("10.1.{network}.1")).post("sectors", json!({})).await.expect(403);
        }
        let all = refusals(&client).await;
        assert_eq!(sum(&all), 220, "none is lost");
        if late || is_late() {
            return;
        }
        let others: Vec<&Value> = all.iter().filter(|refusal| refusal["actor"] == "other").collect();
        let [other] = others.as_slice() else { panic!("{others:?}") };
        assert_eq!(json!([other["count"], other["code"], other["network"]]), json!([20, "other", null]));
        assert_eq!(json!([other["status"], other["method"], other["path"]]), json!([null, null, null]));
        let anonymous = all.iter().filter(|refusal| refusal["actor_id"] == "anonymous").count();
        assert_eq!((all.len(), anonymous), (201, 150), "those without a key leave room to those with one");
        // A caller with a row is still counted there; others are counted in the common row.
        for network in [0, 159] {
            client.anonymous().at(&format!("10.0.{network}.9")).post("sectors", json!({})).await.expect(401);
        }
        let later = refusals(&client).await;
        assert_eq!((later.len(), sum(&later)), (201, 222));
    });
}

#[test]
fn refusals_that_cannot_be_written_stay_counted() {
    on_each(|database| async move {
        let client = database.client();
        let rename = |from: &str, to: &str| {
            execute(&mut database.connect(), &format!("ALTER TABLE {from} RENAME TO {to}")).expect("a new name");
        };
        let flush = async || client.state.refusals.flush(&client.state.store).await;
        refuse(&client).await;
        rename("request_refusals", "elsewhere");
        assert!(flush().await.is_err(), "there is nowhere to write to");
        refuse(&client).await;
        rename("elsewhere", "request_refusals");
        flush().await.expect("it is written");
        assert_eq!(sum(&refusals(&client).await), 2);
    });
}

#[test]
fn an_existing_row_is_not_written_for_each_refusal() {
    on_each(|database| async move {
        let client = database.client();
        let late = is_late();
        let in_time =
            async || client.state.refusals.flush_in_time(&client.state.store).await.expect("it can be written");
        refuse(&client).await;
        in_time().await;
        assert_eq!(written(&database), [1], "a new row is written at once");
        for _ in 0..5 {
            refuse(&client).await;
            in_time().await;
        }
        if !late && !is_late() {
            assert_eq!(written(&database), [1], "a write invalidates the response cache: more of the same can wait");
        }
        client.with_key("ptk_wrong").get("sectors").await.expect(401);
        in_time().await;
        assert_eq!(written(&database).iter().sum::<i64>(), 7, "with a new row, what waited is written, too");
    });
}

#[test]
fn refusals_are_deleted_after_the_retention_period() {
    on_each(|database| async move {
        let client = database.client();
        refuse(&client).await;
        client.with_key("ptk_wrong").get("sectors").await.expect(401);
        let all = refusals(&client).await;
        let old = all[0]["id"].as_i64().expect("an id");
        let long_ago = Instant::from(Utc::now() - TimeDelta::days(91));
        let aged = diesel::update(r::request_refusals.find(old)).set(r::first_at.eq(long_ago));
        assert_eq!(aged.execute(&mut database.connect()), Ok(1));
        for (days, left) in [(92, 2), (90, 1)] {
            // Another process, which has not swept yet.
            let other = database.client();
            other.state.refusals.sweep(&other.state.store, days).await.expect("it looks");
            assert_eq!(written(&database).len(), left, "{days}");
        }
        // Another process reads the list: this one may see the deletion only later.
        assert_ne!(refusals(&database.client()).await[0]["id"], old);
    });
}
