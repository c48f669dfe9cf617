//! Safety of imports and exports: they delete nothing that the file contains, neither disclose nor clear private data, write
//! exactly what was planned, and produce only readable files.

use actix_web::http::Method;
use pairing_tracker::access::Role;
use pairing_tracker::transfer::format::XLSX;
use serde_json::{Value, json};

use crate::common::records::{create, milestone, with};
use crate::common::{Client, on_each};

async fn send(client: &Client, query: &str, media_type: &str, bytes: Vec<u8>) -> Value {
    let headers = [("Content-Type", media_type), ("Prefer", "wait=30")];
    client.send_bytes(Method::POST, &format!("imports{query}"), &headers, Some(bytes)).await.expect(201).body
}

async fn send_json(client: &Client, query: &str, bundle: &Value) -> Value {
    send(client, query, "application/json", bundle.to_string().into_bytes()).await
}

async fn step(client: &Client, id: &Value, step: &str) -> crate::common::client::Response {
    client.send(Method::POST, &format!("imports/{id}/{step}"), &[("Prefer", "wait=30")], None).await
}

/// A milestone without a code.
async fn milestone_without_code(client: &Client) -> Value {
    let mut record = milestone("none");
    record.as_object_mut().expect("a record").shift_remove("code");
    create(client, "milestones", record).await.body
}

#[test]
fn pruning_keeps_records_that_the_file_names_by_a_surrogate_code() {
    on_each(|database| async move {
        let client = database.client();
        let listed = milestone_without_code(&client).await;
        let bundle = client.get("exports/bundle").await.expect(200).body;
        let dropped = milestone_without_code(&client).await;
        let sent = send_json(&client, "?prune=xinhui-taishan", &bundle).await;
        assert_eq!((&sent["status"], &sent["counts"]["delete"]), (&json!("planned"), &json!(1)), "{sent}");
        step(&client, &sent["id"], "apply").await.expect(200);
        client.get(&format!("milestones/{}", listed["id"])).await.expect(200);
        client.get(&format!("milestones/{}", dropped["id"])).await.expect(404);
    });
}

#[test]
fn records_without_a_code_round_trip_in_every_format() {
    on_each(|database| async move {
        let client = database.client();
        let record = milestone_without_code(&client).await;
        for (path, media_type, query) in [
            ("imports/template.xlsx?pairing=xinhui-taishan&resource=milestones", XLSX, ""),
            ("milestones.ndjson", "application/x-ndjson", "?resource=milestones"),
            ("milestones.csv", "text/csv", "?resource=milestones"),
        ] {
            let file = client.get(path).await.expect(200).bytes;
            let sent = send(&client, query, media_type, file).await;
            assert_eq!(sent["status"], "planned", "{path}: {sent}");
            assert_eq!(sent["counts"]["unchanged"], sent["records"], "{path}: {sent}");
        }
        assert_eq!(client.get(&format!("milestones/{}", record["id"])).await.expect(200).body["code"], Value::Null);
    });
}

#[test]
fn a_large_json_bundle_is_read() {
    on_each(|database| async move {
        let client = database.client();
        let record = |index: usize| {
            json!({ "code": format!("many-{index}"), "name": { "zh": "某地" }, "level": "village",
            "note": "一处地方".repeat(60) })
        };
        let mut regions: Vec<Value> = (0..3_000).map(record).collect();
        regions[2_000]["level"] = json!("planet");
        let bundle = json!({ "regions": regions });
        assert!(bundle.to_string().len() > 2 << 20, "it is larger than what is read as YAML");
        let text = serde_json::to_string_pretty(&bundle).expect("JSON");
        let sent = send(&client, "", "application/json", text.clone().into_bytes()).await;
        assert_eq!((&sent["records"], &sent["counts"]["errors"]), (&json!(3_000), &json!(1)), "{sent}");
        let faults = client.get(&format!("imports/{}/faults", sent["id"])).await.expect(200).body;
        let row = usize::try_from(faults["items"][0]["row"].as_u64().expect("a line")).expect("a number");
        let line = text.lines().position(|line| line.contains("\"many-2000\"")).expect("it is there");
        assert!(row.abs_diff(line) <= 3, "line {row} is told, it begins at {line}");
        let broken = send(&client, "", "application/json", text.as_bytes()[..text.len() - 20].to_vec()).await;
        assert_eq!(broken["status"], "refused", "{broken}");
        let endless = format!("{{\"regions\": [{{\"code\": \"{}\"}}]}}", "x".repeat(1 << 20));
        let endless = send(&client, "", "application/json", endless.into_bytes()).await;
        let faults = client.get(&format!("imports/{}/faults", endless["id"])).await.expect(200).body;
        assert_eq!(faults["items"][0]["code"], "too_long");
    });
}

#[test]
fn reports_on_a_file_contain_no_nul_characters() {
    on_each(|database| async move {
        let client = database.client();
        let region =
            |changes: Value| with(json!({ "code": "new", "name": { "zh": "某地" }, "level": "village" }), changes);
        let bundles = [
            json!({ "regions": [region(json!({ "code": "a\u{0}b" }))] }),
            json!({ "regions": [region(json!({ "note": "a\u{0}b" })), region(json!({ "level": "a\u{0}b" }))] }),
            json!({ "regions": [region(json!({ "a\u{0}b": 1 }))] }),
            json!({ "regions": [region(json!({ "parent": "a\u{0}b" }))] }),
            json!({ "a\u{0}b": [region(json!({}))] }),
        ];
        let files = bundles.iter().map(|bundle| ("", "application/json", bundle.to_string())).chain([
            ("?resource=regions", "text/csv", "code,a\u{0}b\nnew,x\n".to_owned()),
            ("?resource=regions", "text/csv", "code,name.zh,level\na\u{0}b,某地,village\n".to_owned()),
        ]);
        for (query, media_type, text) in files {
            let sent = send(&client, query, media_type, text.into_bytes()).await;
            assert_eq!(sent["status"], "refused", "{sent}");
            for part in ["faults", "lines"] {
                let report = client.get(&format!("imports/{}/{part}", sent["id"])).await.expect(200).body;
                assert!(!report.to_string().contains("\\u0000"), "{report}");
            }
        }
    });
}

#[test]
fn an_import_neither_discloses_nor_clears_personal_data() {
    on_each(|database| async move {
        let admin = database.client();
        let liaison = json!({ "code": "leader", "pairing": "heshan-kaiping", "name": "甲", "contact": "0750-7654321" });
        create(&admin, "liaisons", liaison).await;
        let editor = admin.with_key(database.key("新会", Role::Editor, &["xinhui-taishan"]));
        let bundle = json!({ "liaisons": [{ "code": "leader", "contact": "猜" }] });
        let sent = send_json(&editor, "", &bundle).await;
        assert_eq!(sent["status"], "refused");
        // A caller with more rights may not plan the sender's import.
        step(&admin, &sent["id"], "plan").await.expect(403);
        let lines = editor.get(&format!("imports/{}/lines", sent["id"])).await.expect(200);
        assert!(!lines.body.to_string().contains("7654321"), "{}", lines.body);
        step(&admin, &sent["id"], "cancel").await.expect(200);

        let anonymous = admin.anonymous();
        for (path, media_type, query) in [
            ("imports/template.xlsx?pairing=heshan-kaiping", XLSX, ""),
            ("liaisons.csv", "text/csv", "?resource=liaisons"),
            ("liaisons.xlsx", XLSX, ""),
        ] {
            let file = anonymous.get(path).await.expect(200).bytes;
            let sent = send(&admin, query, media_type, file).await;
            assert_eq!((&sent["status"], &sent["counts"]["update"]), (&json!("planned"), &json!(0)), "{path}: {sent}");
        }
    });
}

#[test]
fn a_plan_is_stale_when_a_name_resolves_to_another_record() {
    on_each(|database| async move {
        let client = database.client();
        let office = |code: &str, name: &str| json!({ "code": code, "name": { "zh": name }, "kind": "department", "region": "xinhui" });
        create(&client, "organizations", office("first", "某办")).await;
        create(&client, "organizations", office("second", "另办")).await;
        let bundle = json!({ "milestones": [with(milestone("named"), json!({ "responsible": ["某办"] }))] });
        let sent = send_json(&client, "", &bundle).await;
        assert_eq!(sent["status"], "planned");
        client.patch("organizations/first", json!({ "name": { "zh": "原办" } })).await.expect(200);
        client.patch("organizations/second", json!({ "name": { "zh": "某办" } })).await.expect(200);
        assert_eq!(step(&client, &sent["id"], "apply").await.expect(409).body["code"], "plan_is_stale");
        client.get("milestones/named").await.expect(404);
    });
}

#[test]
fn reading_stops_after_the_maximum_number_of_faults() {
    on_each(|database| async move {
        let client = database.client();
        let lines = "{}\n".repeat(40_000).into_bytes();
        let sent = send(&client, "?resource=milestones", "application/x-ndjson", lines).await;
        assert_eq!(sent["status"], "refused", "{sent}");
        let list = client.get(&format!("imports/{}/faults?count=true&limit=1", sent["id"])).await.expect(200).body;
        assert_eq!(list["total"], 20_001, "so many, and a word that there are more");
    });
}
