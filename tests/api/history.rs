//! The history as of an instant: the state of the record then, and the events until then.

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::common::records::{agreement, create, milestone, with};
use crate::common::{Client, on_each};

/// The instants of a record's events, in order.
async fn instants(client: &Client, path: &str) -> Vec<DateTime<Utc>> {
    let history = client.get(&format!("{path}/history")).await.expect(200);
    let items = history.body["items"].as_array().cloned().unwrap_or_default();
    items.iter().map(|event| event["at"].as_str().expect("an instant").parse().expect("RFC 3339")).collect()
}

/// The record as of an instant, and how many events the response has.
async fn state_at(client: &Client, path: &str, at: DateTime<Utc>) -> (Value, usize) {
    let at = at.to_rfc3339_opts(SecondsFormat::Micros, true);
    let response = client.get(&format!("{path}/history?at={at}")).await.expect(200);
    (response.body["record"].clone(), response.body["items"].as_array().map_or(0, Vec::len))
}

/// The smallest difference of instants that both backends store.
fn just_before(at: DateTime<Utc>) -> DateTime<Utc> {
    at - Duration::microseconds(1)
}

#[test]
fn a_record_is_shown_as_of_an_instant() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "milestones", with(milestone("step"), json!({ "note": "一" }))).await;
        client.patch("milestones/step", json!({ "note": "二" })).await.expect(200);
        client.patch("milestones/step", json!({ "note": "三" })).await.expect(200);
        client.delete("milestones/step").await.expect(204);
        let path = "milestones/step";
        let [created, second, third, deleted] = instants(&client, path).await[..] else { panic!("four events") };
        for (at, note, version, events) in [
            (just_before(created), Value::Null, Value::Null, 0),
            (created, json!("一"), json!(1), 1),
            (just_before(second), json!("一"), json!(1), 1),
            (second, json!("二"), json!(2), 2),
            (just_before(third), json!("二"), json!(2), 2),
            (third, json!("三"), json!(3), 3),
            (just_before(deleted), json!("三"), json!(3), 3),
            (deleted, Value::Null, Value::Null, 4),
            (deleted + Duration::days(365_000), Value::Null, Value::Null, 4),
        ] {
            let (record, count) = state_at(&client, path, at).await;
            assert_eq!((&record["note"], &record["version"], count), (&note, &version, events), "{at}");
            assert_eq!(record.is_null(), note.is_null(), "{at}");
        }
        let unasked = client.get("milestones/step/history").await.expect(200);
        assert_eq!((&unasked.body["record"], unasked.body["items"].as_array().map(Vec::len)), (&Value::Null, Some(4)));
    });
}

#[test]
fn an_amendment_does_not_replace_the_state_of_its_agreement() {
    on_each(|database| async move {
        let client = database.client();
        let signed = json!({ "status": "signed", "signed_on": "2022-02-18" });
        let made = create(&client, "agreements", with(agreement("new"), signed)).await;
        let amendment = json!({ "title": { "zh": "延期一年" } });
        client.post("agreements/new/amendments", amendment).await.expect(201);
        client.patch("agreements/new", json!({ "note": "已变更" })).await.expect(200);
        let path = "agreements/new";
        let [created, amended, changed] = instants(&client, path).await[..] else { panic!("three events") };
        for (at, note, events) in [
            (created, Value::Null, 1),
            (amended, Value::Null, 2),
            (just_before(changed), Value::Null, 2),
            (changed, json!("已变更"), 3),
        ] {
            let (record, count) = state_at(&client, path, at).await;
            assert_eq!((&record["title"], &record["note"], count), (&made.body["title"], &note, events), "{at}");
            assert_eq!((&record["id"], &record["parties"]), (&made.body["id"], &made.body["parties"]), "{at}");
        }
    });
}
