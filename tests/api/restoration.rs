//! Restoration: a deleted record of every kind is restored with its id, its code and its history, and nothing else changes.

use std::collections::BTreeMap;

use actix_web::http::Method;
use pairing_tracker::access::Role;
use pairing_tracker::resources::kinds;
use serde_json::{Value, json};

use crate::common::builders::{Operation, operations, walk};
use crate::common::client::Response;
use crate::common::privacy::{FOREIGN, OWN};
use crate::common::records::{
    agreement, commitment, conference, create, fault, listed, message_at, milestone, pairing, project, report, with,
};
use crate::common::{Client, on_each};
use crate::examples::create_examples;

/// The kinds that can be restored, ordered so that those that others refer to come last.
fn restorable() -> Vec<&'static str> {
    let all = operations();
    let can = |path: &str| all.iter().any(|one: &Operation| one.template == format!("/api/v1/{path}/{{ref}}/restore"));
    kinds().iter().rev().map(|kind| kind.path).filter(|path| can(path)).collect()
}

async fn restore(client: &Client, item: &str) -> Response {
    client.send(Method::POST, &format!("{item}/restore"), &[], None).await
}

/// A record without the fields that a restoration changes.
fn comparable(record: &Value) -> Value {
    let mut record = record.clone();
    let fields = record.as_object_mut().expect("a record");
    fields.retain(|name, _| !["version", "updated_at"].contains(&name.as_str()));
    record
}

/// Unreferenced records of the kinds whose seeded records are all referred to.
async fn add_free_records(client: &Client) {
    for (path, record) in [
        ("programmes", json!({ "code": "free", "name": { "zh": "计划" }, "lead_body": "江门市" })),
        ("sectors", json!({ "code": "free", "name": { "zh": "领域" }, "parent": "education" })),
        ("regions", json!({ "code": "free", "name": { "zh": "某区" }, "level": "county", "parent": "jiangmen" })),
        (
            "organizations",
            json!({ "code": "free", "name": { "zh": "某局" }, "kind": "department", "region": "xinhui" }),
        ),
        ("documents", json!({ "code": "free", "title": { "zh": "纪要" }, "url": "https://example.org/free" })),
        ("pairings", pairing("free")),
        ("conferences", with(conference("free"), json!({ "sequence_number": 9, "venue": "台城" }))),
        ("agreements", with(agreement("free"), json!({ "status": "signed", "signed_on": "2022-03-01" }))),
        ("commitments", commitment("free")),
        ("projects", project("free")),
        ("milestones", milestone("free")),
    ] {
        create(client, path, record).await;
    }
}

#[test]
fn every_kind_of_record_is_restored_unchanged() {
    on_each(|database| async move {
        let client = database.client();
        create_examples(&client).await;
        add_free_records(&client).await;
        // Read before the first deletion, as figures depend on other records.
        let mut before: BTreeMap<String, Value> = BTreeMap::new();
        for path in restorable() {
            for record in walk(&client, path, "", 1000).await {
                let item = format!("{path}/{}", record["id"]);
                before.insert(item.clone(), client.get(&item).await.expect(200).body);
            }
        }
        let mut deleted: Vec<(String, Value)> = Vec::new();
        for path in restorable() {
            let mut count = 0;
            // In reverse, so that records of the same kind that refer to others go first.
            for record in walk(&client, path, "", 1000).await.into_iter().rev() {
                let item = format!("{path}/{}", record["id"]);
                if client.delete(&item).await.status == 204 {
                    let whole = before.remove(&item).expect("it was read");
                    deleted.push((item, whole));
                    count += 1;
                }
            }
            assert!(count > 0, "no record of {path} could be deleted");
        }
        // In reverse: a record that was deleted later is referred to by those before.
        for (item, before) in deleted.iter().rev() {
            client.get(item).await.expect(404);
            let restored = restore(&client, item).await.expect(200);
            assert_eq!(
                restored.body["version"].as_i64(),
                before["version"].as_i64().map(|version| version + 1),
                "{item}"
            );
            assert!(restored.header("etag").starts_with(&format!("\"{}-", restored.body["version"])), "{item}");
            assert_eq!(restore(&client, item).await.expect(409).body["code"], "not_deleted", "{item}");
        }
        for (item, before) in &deleted {
            let now = client.get(item).await.expect(200).body;
            assert_eq!(comparable(&now), comparable(before), "{item}");
            let history = client.get(&format!("{item}/history?limit=1000")).await.expect(200).body;
            let events = history["items"].as_array().expect("events");
            let [.., delete, restore] = events.as_slice() else { panic!("{item}: {events:?}") };
            assert_eq!((&delete["action"], &restore["action"]), (&json!("delete"), &json!("restore")), "{item}");
            assert_eq!(restore["before"], Value::Null, "{item}");
            assert_eq!(comparable(&restore["after"]), comparable(&delete["before"]), "{item}");
            if let Some(code) = now["code"].as_str() {
                let (path, _) = item.split_once('/').expect("a path");
                assert_eq!(client.get(&format!("{path}/{code}")).await.expect(200).body["id"], now["id"], "{item}");
            }
        }
    });
}

#[test]
fn a_restored_record_can_be_changed_found_and_cited_as_before() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "documents", json!({ "code": "source", "title": { "zh": "来源" } })).await;
        let record =
            json!({ "title": { "zh": "编制凤凰图" }, "citations": [{ "document": "source", "field": "due_on" }] });
        create(&client, "milestones", with(milestone("maps"), record)).await;
        client.patch("milestones/maps", json!({ "due_on": "2022-07-31", "reason": "汛期" })).await.expect(200);
        client.patch("milestones/maps", json!({ "status": "met", "met_on": "2022-07-30" })).await.expect(200);
        client.post("milestones/maps/confirmations", json!({ "side": "recipient" })).await.expect(200);
        let revisions = client.get("milestones/maps/revisions").await.expect(200).body["items"].clone();
        let before = client.get("milestones/maps").await.expect(200).body;
        client.delete("milestones/maps").await.expect(204);
        // A cited document may change its code in the meantime.
        client.patch("documents/source", json!({ "code": "new-source" })).await.expect(200);
        restore(&client, "milestones/maps").await.expect(200);
        let now = client.get("milestones/maps").await.expect(200).body;
        assert_eq!(now["citations"][0]["document"]["code"], "new-source");
        for field in ["baseline_due_on", "due_on", "recipient_confirmed_at", "progress", "created_at"] {
            assert_eq!(now[field], before[field], "{field}");
        }
        let mut again = client.get("milestones/maps/revisions").await.expect(200).body["items"].clone();
        again[0]["id"] = revisions[0]["id"].clone();
        assert_eq!(again, revisions);
        assert_eq!(listed(&client, "milestones", "q=凤凰").await, ["maps"]);
        assert!(client.delete("documents/new-source").await.expect(409).body["detail"].is_string());
        let changed = client.patch("milestones/maps", json!({ "note": "改" })).await.expect(200).body;
        assert_eq!(changed["version"].as_i64(), now["version"].as_i64().map(|version| version + 1));
    });
}

#[test]
fn a_document_is_restored_with_its_pairings_and_without_its_file() {
    on_each(|database| async move {
        let client = database.client();
        let editor = |pairing: &str| client.with_key(database.key("editor", Role::Editor, &[pairing]));
        let own = editor(OWN);
        own.post("documents", json!({ "code": "own", "title": { "zh": "纪要" } })).await.expect(201);
        let headers = [("Content-Type", "text/plain")];
        let put = |client: Client| async move {
            client.send_bytes(Method::PUT, "documents/own/content", &headers, Some(b"text".to_vec())).await
        };
        put(own.clone()).await.expect(200);
        own.delete("documents/own").await.expect(204);
        restore(&editor(FOREIGN), "documents/own").await.expect(403);
        let restored = restore(&own, "documents/own").await.expect(200).body;
        assert_eq!((&restored["pairings"][0]["code"], &restored["sha256"]), (&json!(OWN), &Value::Null));
        put(own).await.expect(200);
    });
}

#[test]
fn reusing_the_code_of_a_deleted_record_is_refused_with_a_hint() {
    on_each(|database| async move {
        let client = database.client();
        let made = create(&client, "milestones", milestone("maps")).await;
        client.delete("milestones/maps").await.expect(204);
        let refused = client.post("milestones", milestone("maps")).await.expect(409);
        assert_eq!(
            (&refused.body["code"], refused.faults()),
            (&json!("already_exists"), vec![fault("/code", "deleted")])
        );
        let words = message_at(&refused, "/code");
        let path = format!("POST /api/v1/milestones/{}/restore", made.body["id"]);
        let today = chrono::Utc::now().format("%Y-").to_string();
        for part in ["tester", today.as_str(), "never reused", "restore=true", path.as_str()] {
            assert!(words.contains(part), "{part}: {words}");
        }
        let zh = [("Accept-Language", "zh")];
        let refused = client.send(Method::POST, "milestones", &zh, Some(milestone("maps"))).await.expect(409);
        assert!(message_at(&refused, "/code").contains("删除"), "{}", refused.body);
        // The code belongs to an existing record, not to a deleted one.
        restore(&client, "milestones/maps").await.expect(200);
        assert_eq!(client.post("milestones", milestone("maps")).await.expect(409).faults(), [fault("/code", "taken")]);
    });
}

async fn office(client: &Client) {
    let office = json!({ "code": "office", "name": { "zh": "文旅局" }, "kind": "department", "region": "xinhui" });
    create(client, "organizations", office).await;
}

#[test]
fn restoring_reports_missing_references_and_refuses_values_in_use() {
    on_each(|database| async move {
        let client = database.client();
        office(&client).await;
        create(&client, "documents", json!({ "code": "source", "title": { "zh": "来源" } })).await;
        let record = json!({ "responsible": ["office"], "citations": [{ "document": "source" }] });
        create(&client, "milestones", with(milestone("maps"), record)).await;
        for item in ["milestones/maps", "organizations/office", "documents/source"] {
            client.delete(item).await.expect(204);
        }
        let refused = restore(&client, "milestones/maps").await.expect(422);
        let wanted =
            [fault("/citations/0/document", "unknown_reference"), fault("/responsible/0", "unknown_reference")];
        let mut faults = refused.faults();
        faults.sort();
        assert_eq!(faults, wanted);
        assert!(message_at(&refused, "/responsible/0").contains("文旅局\" (office)"), "{}", refused.body);
        client.get("milestones/maps").await.expect(404);
        for item in ["organizations/office", "documents/source", "milestones/maps"] {
            restore(&client, item).await.expect(200);
        }

        let seventh = |code: &str| with(conference(code), json!({ "sequence_number": 77 }));
        create(&client, "conferences", seventh("first")).await;
        client.delete("conferences/first").await.expect(204);
        create(&client, "conferences", seventh("second")).await;
        let refused = restore(&client, "conferences/first").await.expect(409);
        assert_eq!(refused.faults(), [fault("/sequence_number", "taken")]);
        client.patch("conferences/second", json!({ "sequence_number": 78 })).await.expect(200);
        restore(&client, "conferences/first").await.expect(200);
    });
}

#[test]
fn a_returned_report_is_restored_as_returned() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "commitments", commitment("teachers")).await;
        let draft = with(report("teachers", "2022-01-01", "2022-01-31", "5"), json!({ "code": "january" }));
        create(&client, "progress-reports", draft).await;
        client.send(Method::POST, "progress-reports/january/submit", &[], None).await.expect(200);
        client.post("progress-reports/january/return", json!({ "note": "请补充" })).await.expect(200);
        let before = client.get("progress-reports/january").await.expect(200).body;
        client.delete("progress-reports/january").await.expect(204);
        let restored = restore(&client, "progress-reports/january").await.expect(200).body;
        assert_eq!(comparable(&restored), comparable(&before));
    });
}

#[test]
fn only_editors_of_a_record_can_restore_it_and_a_retry_restores_once() {
    on_each(|database| async move {
        let client = database.client();
        let key = |role, pairings: &[&str]| client.with_key(database.key("caller", role, pairings));
        create(&client, "milestones", milestone("maps")).await;
        client.delete("milestones/maps").await.expect(204);
        restore(&client.anonymous(), "milestones/maps").await.expect(401);
        for refused in [key(Role::Viewer, &[OWN]), key(Role::Editor, &[FOREIGN])] {
            restore(&refused, "milestones/maps").await.expect(403);
        }
        let own = key(Role::Editor, &[OWN]);
        let headers = [("Idempotency-Key", "once")];
        let send = || own.send(Method::POST, "milestones/maps/restore", &headers, None);
        let first = send().await.expect(200);
        let again = send().await.expect(200);
        assert_eq!((again.header("idempotent-replayed"), &again.body), ("true", &first.body));
        // Restoring a shared record takes an editor of all pairings.
        create(&client, "sectors", json!({ "code": "free", "name": { "zh": "领域" } })).await;
        client.delete("sectors/free").await.expect(204);
        restore(&own, "sectors/free").await.expect(403);
        restore(&key(Role::Editor, &[]), "sectors/free").await.expect(200);
        restore(&client, "sectors/never").await.expect(404);
        assert_eq!(
            client.post("sectors/free/restore", json!({ "code": "x" })).await.expect(400).faults(),
            [fault("", "unexpected_body")]
        );
    });
}

async fn import(client: &Client, query: &str, bundle: &Value) -> Value {
    let headers = [("Content-Type", "application/json"), ("Prefer", "wait=30")];
    let path = format!("imports?file_name=bundle.json{query}");
    client.send_bytes(Method::POST, &path, &headers, Some(bundle.to_string().into_bytes())).await.expect(201).body
}

async fn apply(client: &Client, import: &Value) -> Value {
    let path = format!("imports/{}/apply", import["id"]);
    client.send(Method::POST, &path, &[("Prefer", "wait=30")], None).await.expect(200).body
}

#[test]
fn an_import_refuses_a_deleted_code_and_restores_it_on_request() {
    on_each(|database| async move {
        let client = database.client();
        office(&client).await;
        create(&client, "milestones", with(milestone("maps"), json!({ "responsible": ["office"] }))).await;
        let before = client.get("milestones/maps").await.expect(200).body;
        client.delete("milestones/maps").await.expect(204);
        client.delete("organizations/office").await.expect(204);
        // Fields that the bundle omits keep the values that they had when the record was deleted.
        let bundle = json!({
            "organizations": [{ "code": "office" }],
            "milestones": [{ "code": "maps", "note": "恢复", "due_on": "2022-08-31", "reason": "汛期" }, milestone("new")]
        });
        let refused = import(&client, "", &bundle).await;
        assert_eq!((&refused["status"], &refused["restore"]), (&json!("refused"), &json!(false)), "{refused}");
        let faults = client.get(&format!("imports/{}/faults", refused["id"])).await.expect(200).body;
        let codes: Vec<_> = faults["items"].as_array().expect("faults").iter().map(|fault| &fault["code"]).collect();
        assert_eq!(codes, ["deleted", "deleted"], "{faults}");
        let words = faults["items"][1]["message"]["zh"].as_str().expect("words");
        assert!(words.contains("tester") && words.contains("restore=true"), "{words}");

        let planned = import(&client, "&restore=true", &bundle).await;
        assert_eq!(planned["status"], "planned", "{planned}");
        let counts = &planned["counts"];
        assert_eq!((&counts["restore"], &counts["create"], &counts["update"]), (&json!(2), &json!(1), &json!(0)));
        let lines = client.get(&format!("imports/{}/lines?outcome=restore", planned["id"])).await.expect(200).body;
        let line = &lines["items"][1];
        assert_eq!((&line["code"], &line["version"]), (&json!("maps"), &before["version"]));
        let fields: Vec<&str> =
            line["changes"].as_array().expect("changes").iter().filter_map(|change| change["field"].as_str()).collect();
        assert_eq!(fields, ["due_on", "note"], "{line}");
        client.get("milestones/maps").await.expect(404);
        assert_eq!(apply(&client, &planned).await["status"], "applied");

        let now = client.get("milestones/maps").await.expect(200).body;
        assert_eq!((&now["id"], &now["note"], &now["due_on"]), (&before["id"], &json!("恢复"), &json!("2022-08-31")));
        assert_eq!((&now["baseline_due_on"], &now["responsible"][0]["code"]), (&before["due_on"], &json!("office")));
        let history = client.get("milestones/maps/history").await.expect(200).body;
        let actions: Vec<&str> =
            history["items"].as_array().expect("events").iter().filter_map(|event| event["action"].as_str()).collect();
        assert_eq!(actions, ["create", "delete", "restore", "update"]);
        // Once the records exist, the same file changes nothing.
        let again = import(&client, "&restore=true", &bundle).await;
        assert_eq!(again["counts"]["unchanged"], 3, "{again}");
        // The rules of a change hold: a due date does not move without a reason.
        client.delete("milestones/maps").await.expect(204);
        let silent = json!({ "milestones": [{ "code": "maps", "due_on": "2023-01-31" }] });
        let refused = import(&client, "&restore=true", &silent).await;
        assert_eq!((&refused["status"], &refused["counts"]["refused"]), (&json!("refused"), &json!(1)), "{refused}");
        client.get("milestones/maps").await.expect(404);
    });
}

#[test]
fn two_concurrent_restorations_restore_once() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "milestones", milestone("maps")).await;
        client.delete("milestones/maps").await.expect(204);
        let mut found = crate::common::builders::in_threads(&client, 6, async |client, _| {
            restore(&client, "milestones/maps").await.status.as_u16()
        });
        found.sort_unstable();
        assert_eq!(found, [200, 409, 409, 409, 409, 409]);
        assert_eq!(client.get("milestones/maps").await.expect(200).body["version"], 2);
    });
}
