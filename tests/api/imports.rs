//! Imports: planned, reviewed, applied or abandoned; stale plans, rights, retries, and interrupted runs.

use actix_web::http::Method;
use pairing_tracker::access::Role;
use pairing_tracker::db::backend;
use pairing_tracker::model::types::Instant;
use pairing_tracker::transfer::imports::runs;
use serde_json::{Value, json};

use crate::common::client::Response;
use crate::common::records::{create, milestone, with};
use crate::common::{Client, Database, on_each};

/// Sends a bundle.
async fn send(client: &Client, query: &str, bundle: &Value) -> Response {
    send_as(client, query, &[("Content-Type", "application/json")], bundle.to_string().into_bytes()).await
}

async fn send_as(client: &Client, query: &str, headers: &[(&str, &str)], bytes: Vec<u8>) -> Response {
    let headers = [&[("Prefer", "wait=30")], headers].concat();
    client.send_bytes(Method::POST, &format!("imports{query}"), &headers, Some(bytes)).await
}

/// Starts a step of an import, and waits for its end.
async fn step(client: &Client, id: &Value, step: &str) -> Response {
    client.send(Method::POST, &format!("imports/{id}/{step}"), &[("Prefer", "wait=30")], None).await
}

fn milestones(codes: &[&str]) -> Value {
    json!({ "milestones": codes.iter().map(|code| milestone(code)).collect::<Vec<_>>() })
}

async fn lines(client: &Client, id: &Value) -> Vec<(String, String, String)> {
    let list = client.get(&format!("imports/{id}/lines?limit=1000")).await.expect(200).body;
    let text = |line: &Value, name: &str| line[name].as_str().unwrap_or_default().to_owned();
    let items = list["items"].as_array().expect("a list").iter();
    items.map(|line| (text(line, "resource"), text(line, "code"), text(line, "outcome"))).collect()
}

fn own(resource: &str, code: &str, outcome: &str) -> (String, String, String) {
    (resource.to_owned(), code.to_owned(), outcome.to_owned())
}

#[test]
fn a_file_is_planned_and_applied_and_applying_it_again_changes_nothing() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "milestones", milestone("old")).await;
        create(&client, "milestones", milestone("same")).await;
        let changed = with(milestone("old"), json!({ "kind": "signing", "title": { "zh": "编制新线路图" } }));
        let bundle = json!({ "milestones": [milestone("new"), changed, milestone("same")] });

        let sent = send(&client, "?file_name=a.json", &bundle).await.expect(201);
        assert_eq!(sent.header("location"), format!("/api/v1/imports/{}", sent.body["id"]));
        let planned = &sent.body;
        assert_eq!((&planned["status"], &planned["records"]), (&json!("planned"), &json!(3)));
        let counts = json!({
            "create": 1, "update": 1, "unchanged": 1, "delete": 0, "restore": 0, "refused": 0, "errors": 0, "warnings": 0
        });
        assert_eq!(planned["counts"], counts);
        let wanted = [("new", "create"), ("old", "update"), ("same", "unchanged")];
        let wanted = wanted.map(|(code, outcome)| own("milestones", code, outcome));
        assert_eq!(lines(&client, &planned["id"]).await, wanted);
        let update =
            client.get(&format!("imports/{}/lines?outcome=update&count=true", planned["id"])).await.expect(200);
        assert_eq!((&update.body["total"], &update.body["items"][0]["version"]), (&json!(1), &json!(1)));
        let title = json!({ "zh": "编制线路图", "en": null }).to_string();
        let change =
            |field: &str, before: Value, after: &str| json!({ "field": field, "before": before, "after": after });
        let new_title = json!({ "zh": "编制新线路图", "en": null }).to_string();
        let changes = update.body["items"][0]["changes"].as_array().expect("a list");
        assert!(changes.contains(&change("title", json!(title), &new_title)), "{changes:?}");
        assert!(changes.contains(&change("kind", Value::Null, "signing")), "{changes:?}");
        client.get("milestones/new").await.expect(404);

        let applied = step(&client, &planned["id"], "apply").await.expect(200).body;
        assert_eq!((&applied["status"], &applied["counts"]), (&json!("applied"), &planned["counts"]));
        assert_eq!(client.get("milestones/old").await.expect(200).body["kind"], "signing");
        let history = client.get("milestones/new/history").await.expect(200).body;
        assert_eq!(history["items"][0]["request_id"], format!("import-{}", planned["id"]));
        let again = step(&client, &planned["id"], "apply").await.expect(200).body;
        assert_eq!((&again["status"], &again["applied_at"]), (&json!("applied"), &applied["applied_at"]));

        let events = client.get("audit-events?count=true").await.expect(200).body["total"].clone();
        let second = send(&client, "", &bundle).await.expect(201).body;
        assert_eq!(second["counts"]["unchanged"], 3);
        step(&client, &second["id"], "apply").await.expect(200);
        assert_eq!(client.get("audit-events?count=true").await.expect(200).body["total"], events);
        let newest = client.get("imports?limit=1").await.expect(200).body;
        assert_eq!((&newest["items"][0]["id"], newest["next_cursor"].is_string()), (&second["id"], true));
        let metrics = String::from_utf8(client.get("/metrics").await.expect(200).bytes).expect("UTF-8");
        assert!(metrics.lines().any(|line| line == "pairing_tracker_imported_records_total 6"), "two files of three");
    });
}

#[test]
fn every_fault_is_reported_with_a_suggestion_and_nothing_is_written() {
    on_each(|database| async move {
        let client = database.client();
        let bundle = json!({
            "milestones": [
                milestone("good"),
                with(milestone("word"), json!({ "status": "in-progress" })),
                with(milestone("name"), json!({ "agreement": null, "project": "无此项目" })),
                with(milestone("late"), json!({ "status": "met", "met_on": "2099-01-01" })),
                with(milestone("follows"), json!({ "depends_on": ["word"] })),
                milestone("good"),
            ],
            "organizations": [{ "code": "office", "name": { "zh": "办" }, "kind": "department", "region": "恩平县" }],
        });
        let sent = send(&client, "", &bundle).await.expect(201).body;
        assert_eq!(sent["status"], "refused");
        assert_eq!(sent["counts"]["refused"], 5, "{sent}");
        let faults = client.get(&format!("imports/{}/faults?limit=100", sent["id"])).await.expect(200).body;
        let faults = faults["items"].as_array().expect("a list");
        let mut reported: Vec<_> = faults
            .iter()
            .map(|fault| ["record", "pointer", "code"].map(|name| fault[name].as_str().expect("a text").to_owned()))
            .collect();
        reported.sort();
        let wanted = [
            ["good", "/code", "repeated"],
            ["late", "/met_on", "in_future"],
            ["name", "/project", "unknown_reference"],
            ["office", "/region", "unknown_reference"],
            ["word", "/status", "enum"],
        ];
        assert_eq!(reported, wanted.map(|fault| fault.map(str::to_owned)));
        let of = |record: &str| faults.iter().find(|fault| fault["record"] == record).expect("a fault");
        let office = of("office");
        assert_eq!((&office["value"], &office["suggestion"]), (&json!("恩平县"), &json!("恩平市")));
        assert!(office["message"]["zh"].as_str().expect("a text").contains("是否指“恩平市”？"), "{office}");
        assert_eq!(of("word")["suggestion"], "in_progress");
        let refused = step(&client, &sent["id"], "apply").await.expect(409);
        assert_eq!(refused.body["code"], "wrong_status");
        client.get("milestones/good").await.expect(404);
    });
}

#[test]
fn an_existing_record_may_be_given_in_part_and_references_by_name() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "milestones", milestone("old")).await;
        let bundle = json!({ "milestones": [{ "code": "old", "note": "只改备注", "responsible": ["恩平市人民医院"] }],
            "organizations": [{ "code": "enping-hospital", "name": { "zh": "恩平市人民医院" }, "kind": "hospital", "region": "恩平市" }] });
        let sent = send(&client, "", &bundle).await.expect(201).body;
        step(&client, &sent["id"], "apply").await.expect(200);
        let read = client.get("milestones/old").await.expect(200).body;
        assert_eq!((&read["note"], &read["due_on"]), (&json!("只改备注"), &json!("2022-06-30")));
        assert_eq!(read["responsible"][0]["code"], "enping-hospital");
        let hospital = client.get("organizations/enping-hospital").await.expect(200).body;
        assert_eq!(hospital["region"]["code"], "enping");
        let missing = send(&client, "", &json!({ "milestones": [{ "code": "none", "note": "无" }] })).await.expect(201);
        assert_eq!(missing.body["status"], "refused");
    });
}

#[test]
fn a_stale_plan_is_refused_with_the_changes() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "milestones", milestone("old")).await;
        let changed = with(milestone("old"), json!({ "kind": "signing" }));
        let bundle = json!({ "milestones": [changed, milestone("new")] });
        let planned = send(&client, "", &bundle).await.expect(201).body;
        client.patch("milestones/old", json!({ "note": "别人改过" })).await.expect(200);
        create(&client, "milestones", milestone("unrelated")).await;
        let stale = step(&client, &planned["id"], "apply").await.expect(409);
        assert_eq!(stale.body["code"], "plan_is_stale");
        assert_eq!(stale.faults(), [("/milestones/old".to_owned(), "changed".to_owned())]);
        client.get("milestones/new").await.expect(404);
        let read = client.get(&format!("imports/{}", planned["id"])).await.expect(200).body;
        let wanted = json!([{ "resource": "milestones", "code": "old", "planned": "update", "planned_version": 1,
            "now": "update", "now_version": 2, "changes": [{ "field": "kind", "before": null, "after": "signing" }] }]);
        assert_eq!((&read["status"], &read["stale"]), (&json!("stale"), &wanted));
        step(&client, &planned["id"], "apply").await.expect(409);
        let again = step(&client, &planned["id"], "plan").await.expect(200).body;
        assert_eq!((&again["status"], &again["stale"]), (&json!("planned"), &json!([])));
        assert_ne!(again["state_sha256"], planned["state_sha256"]);
        step(&client, &planned["id"], "apply").await.expect(200);
        let read = client.get("milestones/old").await.expect(200).body;
        assert_eq!((&read["kind"], &read["note"]), (&json!("signing"), &json!("别人改过")));
    });
}

#[test]
fn creating_only_refuses_existing_records() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "milestones", milestone("old")).await;
        let sent = send(&client, "?mode=create", &milestones(&["old", "new"])).await.expect(201).body;
        assert_eq!(sent["status"], "refused");
        let faults = client.get(&format!("imports/{}/faults", sent["id"])).await.expect(200).body;
        assert_eq!(
            (&faults["items"][0]["code"], &faults["items"][0]["record"]),
            (&json!("already_exists"), &json!("old"))
        );
        assert_eq!(faults["items"].as_array().map(Vec::len), Some(1));
    });
}

#[test]
fn pruning_deletes_only_within_the_named_pairings() {
    on_each(|database| async move {
        let client = database.client();
        for code in ["kept", "first", "second", "named"] {
            create(&client, "milestones", milestone(code)).await;
        }
        client.patch("milestones/first", json!({ "depends_on": ["second"] })).await.expect(200);
        let elsewhere = json!({ "agreement": "heshan-kaiping-framework-2022" });
        create(&client, "milestones", with(milestone("elsewhere"), elsewhere)).await;
        let conferences = client.get("conferences?count=true").await.expect(200).body["total"].clone();
        let codes = |items: Vec<(String, String, String)>| {
            let mut codes: Vec<_> = items.into_iter().filter(|line| line.2 == "delete").map(|line| line.1).collect();
            codes.sort();
            codes
        };
        let seeded = client.get("milestones?pairing=xinhui-taishan&limit=1000").await.expect(200);
        let mut wanted: Vec<String> = seeded.codes().into_iter().filter(|code| code != "kept").collect();
        wanted.sort();

        let without = send(&client, "", &milestones(&["kept"])).await.expect(201).body;
        assert_eq!(without["counts"]["delete"], 0, "nobody asked for it");
        let sent = send(&client, "?prune=xinhui-taishan", &milestones(&["kept"])).await.expect(201).body;
        assert_eq!(sent["status"], "planned", "{sent}");
        assert_eq!(sent["prune"][0]["code"], "xinhui-taishan");
        assert_eq!(codes(lines(&client, &sent["id"]).await), wanted);
        step(&client, &sent["id"], "apply").await.expect(200);
        assert_eq!(client.get("milestones?pairing=xinhui-taishan").await.expect(200).codes(), ["kept"]);
        client.get("milestones/elsewhere").await.expect(200);
        assert_eq!(client.get("conferences?count=true").await.expect(200).body["total"], conferences);
        assert_eq!(
            client.get("milestones/first/history?limit=10").await.expect(200).body["items"][2]["action"],
            "delete"
        );

        // A record that others refer to is not deleted, and then nothing is.
        let agreements = client.get("agreements/xinhui-taishan-framework-2022").await.expect(200).body;
        let bundle = json!({ "agreements": [{ "code": "another", "pairing": "xinhui-taishan", "kind": "memorandum", "title": agreements["title"] }] });
        let refused = send(&client, "?prune=xinhui-taishan", &bundle).await.expect(201).body;
        assert_eq!(refused["status"], "refused");
        let faults = client.get(&format!("imports/{}/faults", refused["id"])).await.expect(200).body;
        assert_eq!(faults["items"][0]["code"], "referred_to", "{faults}");
        let unknown = send(&client, "?prune=nowhere", &bundle).await.expect(422);
        assert_eq!(unknown.faults(), [("/query/prune/0".to_owned(), "unknown_reference".to_owned())]);
    });
}

#[test]
fn an_import_belongs_to_its_sender_and_writes_only_what_the_sender_may_write() {
    on_each(|database| async move {
        let admin = database.client();
        let editor = admin.with_key(database.key("新会", Role::Editor, &["xinhui-taishan"]));
        let other = admin.with_key(database.key("鹤山", Role::Editor, &["heshan-kaiping"]));
        let viewer = admin.with_key(database.key("看", Role::Viewer, &[]));
        let sent = send(&editor, "", &milestones(&["own"])).await.expect(201).body;
        let path = format!("imports/{}", sent["id"]);
        other.get(&path).await.expect(404);
        other.get(&format!("{path}/lines")).await.expect(404);
        other.get(&format!("{path}/faults")).await.expect(404);
        for action in ["apply", "plan", "cancel"] {
            step(&other, &sent["id"], action).await.expect(404);
        }
        assert_eq!(other.get("imports").await.expect(200).body["items"], json!([]));
        viewer.get("imports").await.expect(403);
        admin.anonymous().get("imports").await.expect(401);
        assert_eq!(admin.get("imports").await.expect(200).body["items"][0]["id"], sent["id"]);
        step(&editor, &sent["id"], "apply").await.expect(200);
        // A caller who may not write a record must not learn whether it exists or equals the one in the file.
        for bundle in [milestones(&["own"]), milestones(&["foreign"])] {
            let refused = send(&other, "", &bundle).await.expect(201).body;
            assert_eq!((&refused["status"], &refused["counts"]["refused"]), (&json!("refused"), &json!(1)));
            let faults = other.get(&format!("imports/{}/faults", refused["id"])).await.expect(200).body;
            assert_eq!(faults["items"][0]["code"], "forbidden", "{faults}");
        }
    });
}

#[test]
fn a_retry_returns_the_first_import() {
    on_each(|database| async move {
        let client = database.client();
        let headers = [("Content-Type", "application/json"), ("Idempotency-Key", "one-file")];
        let bytes = |codes: &[&str]| milestones(codes).to_string().into_bytes();
        let first = send_as(&client, "", &headers, bytes(&["a"])).await.expect(201);
        let retry = send_as(&client, "", &headers, bytes(&["a"])).await.expect(201);
        assert_eq!(retry.header("idempotent-replayed"), "true");
        assert_eq!((&retry.body["id"], &retry.body["status"]), (&first.body["id"], &json!("planned")));
        let another = send_as(&client, "", &headers, bytes(&["b"])).await.expect(422);
        assert_eq!(another.body["code"], "idempotency_key_reused");
        assert_eq!(client.get("imports?count=true").await.expect(200).body["total"], 1);
    });
}

#[test]
fn a_body_that_is_no_import_file_is_refused_at_once() {
    on_each(|database| async move {
        let client = database.client();
        let json = [("Content-Type", "application/json")];
        send_as(&client, "", &json, Vec::new()).await.expect(400);
        send_as(&client, "", &[("Content-Type", "image/png")], b"\x89PNG".to_vec()).await.expect(415);
        let unknown = send_as(&client, "?resource=treaties", &json, b"{}".to_vec()).await.expect(422);
        assert_eq!(unknown.faults(), [("/query/resource".to_owned(), "unknown_resource".to_owned())]);
        send_as(&client, "?colour=red", &json, b"{}".to_vec()).await.expect(400);
        let large = vec![b' '; 64 * 1024 * 1024 + 1];
        let refused = send_as(&client, "", &json, large).await.expect(413);
        assert_eq!(refused.body["code"], "too_large");
        let broken = send_as(&client, "", &json, b"{\"milestones\": [".to_vec()).await.expect(201).body;
        assert_eq!((&broken["status"], &broken["counts"]["errors"]), (&json!("refused"), &json!(1)));
    });
}

#[test]
fn a_cancelled_import_is_never_applied() {
    on_each(|database| async move {
        let client = database.client();
        let sent = send(&client, "", &milestones(&["a"])).await.expect(201).body;
        let cancelled = step(&client, &sent["id"], "cancel").await.expect(200).body;
        assert_eq!(cancelled["status"], "cancelled");
        for action in ["apply", "plan"] {
            assert_eq!(step(&client, &sent["id"], action).await.expect(409).body["code"], "wrong_status");
        }
        client.get("milestones/a").await.expect(404);
        let applied = send(&client, "", &milestones(&["b"])).await.expect(201).body;
        step(&client, &applied["id"], "apply").await.expect(200);
        step(&client, &applied["id"], "cancel").await.expect(409);
    });
}

/// Assigns an import to a run that never works on it.
fn abandon(database: &Database, id: i64, run: &str) {
    let planned = pairing_tracker::transfer::imports::Status::Planned;
    let applying = pairing_tracker::transfer::imports::Status::Applying;
    let begun = runs::begin(&mut database.connect(), id, &[planned], applying, run, Instant::now());
    assert!(begun.expect("it can be written"));
}

#[test]
fn an_abandoned_import_is_marked_as_interrupted_and_can_be_planned_again() {
    on_each(|database| async move {
        let client = database.client();
        let sent = send(&client, "", &milestones(&["a"])).await.expect(201).body;
        let id = sent["id"].as_i64().expect("an id");
        abandon(&database, id, "gone");
        let running = client.get(&format!("imports/{id}")).await.expect(200).body;
        assert_eq!(running["status"], "applying");
        let mut conn = database.connect();
        let now = Instant::now();
        let interrupted = runs::interrupt_abandoned(&mut conn, now, &["gone".to_owned()]).expect("it works");
        assert_eq!(interrupted, 0, "one's own runs are not abandoned");
        backend::begin_write(&mut conn, backend::BEGIN).expect("a transaction");
        assert_eq!(runs::interrupt_abandoned(&mut conn, now, &[]).expect("it works"), 1);
        backend::commit(&mut conn).expect("a commit");
        let read = client.get(&format!("imports/{id}")).await.expect(200).body;
        assert_eq!(read["status"], "interrupted");
        assert!(read["failure"]["zh"].is_string());
        step(&client, &sent["id"], "apply").await.expect(409);
        assert_eq!(step(&client, &sent["id"], "plan").await.expect(200).body["status"], "planned");
        step(&client, &sent["id"], "apply").await.expect(200);
        client.get("milestones/a").await.expect(200);
    });
}

#[test]
fn a_run_that_lost_its_import_cannot_finish_it() {
    on_each(|database| async move {
        let client = database.client();
        let sent = send(&client, "", &milestones(&["a"])).await.expect(201).body;
        let id = sent["id"].as_i64().expect("an id");
        abandon(&database, id, "first");
        step(&client, &sent["id"], "cancel").await.expect(200);
        let end = runs::End::Stale(Vec::new());
        let ended = runs::end(&mut database.connect(), id, "first", end, Instant::now());
        assert!(ended.is_err());
        assert_eq!(client.get(&format!("imports/{id}")).await.expect(200).body["status"], "cancelled");
    });
}
