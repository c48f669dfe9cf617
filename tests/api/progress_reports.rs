//! Progress reports: from draft to decision by actions and by patches, who did it and when, and which fields stay editable.

use actix_web::http::Method;
use pairing_tracker::access::Role;
use serde_json::{Value, json};

use crate::common::client::Response;
use crate::common::records::{column, commitment, create, fault, listed, message_at, report, with};
use crate::common::{Client, on_each};

const STATUSES: [&str; 4] = ["draft", "submitted", "approved", "returned"];

/// A report of one month; the month gives each report another period.
fn month(code: &str, month: usize) -> Value {
    let day = |day: u32| format!("{}-{:02}-{day:02}", 2022 + month / 12, month % 12 + 1);
    with(report("teachers", &day(1), &day(28), "5"), json!({ "code": code }))
}

async fn act(client: &Client, code: &str, action: &str) -> Response {
    let body = (action == "return").then(|| json!({ "note": "请补充人员名册" }));
    client.send(Method::POST, &format!("progress-reports/{code}/{action}"), &[], body).await
}

/// Brings a draft to a status.
async fn set_status(client: &Client, code: &str, status: &str) {
    let actions: &[&str] = match status {
        "submitted" => &["submit"],
        "approved" => &["submit", "approve"],
        "returned" => &["submit", "return"],
        _ => &[],
    };
    for action in actions {
        act(client, code, action).await.expect(200);
    }
}

#[test]
fn every_action_and_every_patch_of_the_status_is_allowed_or_refused() {
    let allowed: [(&str, &[&str]); 4] = [
        ("draft", &["submitted"]),
        ("submitted", &["approved", "returned"]),
        ("approved", &[]),
        ("returned", &["submitted"]),
    ];
    on_each(|database| async move {
        let client = database.client();
        create(&client, "commitments", commitment("teachers")).await;
        let mut number = 0;
        for (from, next) in allowed {
            let words = if next.is_empty() { "–".to_owned() } else { next.join(", ") };
            for (action, to) in [("submit", "submitted"), ("approve", "approved"), ("return", "returned")] {
                let code = format!("{from}-{action}");
                create(&client, "progress-reports", month(&code, number)).await;
                number += 1;
                set_status(&client, &code, from).await;
                let response = act(&client, &code, action).await;
                // Setting the current status again is allowed.
                if next.contains(&to) || from == to {
                    assert_eq!(response.expect(200).body["status"], to, "{code}");
                    continue;
                }
                let refused = response.expect(409);
                assert_eq!(refused.body["code"], "transition_not_allowed", "{code}");
                let detail = refused.body["detail"].as_str().unwrap_or_default();
                assert!(detail.ends_with(&format!("allowed: {words}")), "{code}: {detail}");
            }
            for to in STATUSES {
                let code = format!("{from}-to-{to}");
                create(&client, "progress-reports", month(&code, number)).await;
                number += 1;
                set_status(&client, &code, from).await;
                let note = if to == "returned" { json!("请补充人员名册") } else { json!(null) };
                let change = json!({ "status": to, "return_note": note });
                let response = client.patch(&format!("progress-reports/{code}"), change).await;
                if next.contains(&to) || from == to {
                    assert_eq!(response.expect(200).body["status"], to, "{code}");
                } else if from == "approved" {
                    assert_eq!(response.expect(409).body["code"], "period_locked", "{code}");
                } else {
                    let refused = response.expect(422);
                    assert_eq!(refused.faults(), [fault("/status", "transition_not_allowed")], "{code}");
                    assert!(message_at(&refused, "/status").ends_with(&format!("allowed: {words}")), "{code}");
                }
            }
        }
    });
}

#[test]
fn submitter_and_reviewer_are_recorded_with_the_time() {
    on_each(|database| async move {
        let admin = database.client();
        create(&admin, "commitments", commitment("teachers")).await;
        let key = |name: &str| admin.with_key(database.key(name, Role::Editor, &["xinhui-taishan"]));
        let (clerk, head) = (key("clerk"), key("head"));
        create(&clerk, "progress-reports", month("january", 0)).await;
        let who = |read: &Value| json!([read["submitted_by"], read["reviewed_by"], read["return_note"]]);
        let read = admin.get("progress-reports/january").await.expect(200).body;
        assert_eq!((who(&read), &read["submitted_at"]), (json!([null, null, null]), &json!(null)));

        let submitted = act(&clerk, "january", "submit").await.expect(200).body;
        assert_eq!(who(&submitted), json!(["clerk", null, null]));
        let returned = act(&head, "january", "return").await.expect(200).body;
        assert_eq!(who(&returned), json!(["clerk", "head", "请补充人员名册"]));
        assert_eq!(returned["submitted_at"], submitted["submitted_at"]);
        // Editing does not clear who returned it and why.
        let mended = clerk.patch("progress-reports/january", json!({ "value": "6" })).await.expect(200).body;
        assert_eq!((who(&mended), &mended["reviewed_at"]), (who(&returned), &returned["reviewed_at"]));
        let patched = clerk.patch("progress-reports/january", json!({ "status": "submitted" })).await.expect(200).body;
        assert_eq!((who(&patched), &patched["reviewed_at"]), (json!(["clerk", null, null]), &json!(null)));
        assert_ne!(patched["submitted_at"], submitted["submitted_at"], "it was submitted anew");
        let approved = head.patch("progress-reports/january", json!({ "status": "approved" })).await.expect(200).body;
        assert_eq!(who(&approved), json!(["clerk", "head", null]));
        assert_eq!(approved["submitted_at"], patched["submitted_at"]);
        assert_eq!(approved["reviewed_at"], approved["updated_at"]);

        let history = admin.get("progress-reports/january/history").await.expect(200);
        assert_eq!(column(&history, "/actor"), ["clerk", "clerk", "head", "clerk", "clerk", "head"]);
        assert_eq!(
            column(&history, "/after/status"),
            ["draft", "submitted", "returned", "returned", "submitted", "approved"]
        );
        // A report created as approved names its creator as submitter and reviewer.
        let created = with(month("february", 1), json!({ "status": "approved" }));
        assert_eq!(who(&create(&head, "progress-reports", created).await.body), json!(["head", "head", null]));
    });
}

#[test]
fn a_repeated_action_has_no_effect_and_records_no_event() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "commitments", commitment("teachers")).await;
        create(&client, "progress-reports", month("january", 0)).await;
        for (action, version) in [("submit", 2), ("return", 3), ("submit", 4), ("approve", 5)] {
            let first = act(&client, "january", action).await.expect(200);
            let again = act(&client, "january", action).await.expect(200);
            assert_eq!((&first.body, first.header("etag")), (&again.body, again.header("etag")), "{action}");
            assert_eq!(first.body["version"], version, "{action}");
            let events = client.get("progress-reports/january/history?count=true").await.expect(200);
            assert_eq!(events.body["total"], version, "{action}");
        }
    });
}

#[test]
fn a_retry_of_an_action_returns_the_first_response() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "commitments", commitment("teachers")).await;
        create(&client, "progress-reports", month("january", 0)).await;
        let keyed = async |action: &str, key: &str, body: Option<Value>| {
            let path = format!("progress-reports/january/{action}");
            client.send(Method::POST, &path, &[("Idempotency-Key", key)], body).await
        };
        let first = keyed("submit", "one", None).await.expect(200);
        assert_eq!(first.header("idempotent-replayed"), "");
        let note = |words: &str| Some(json!({ "note": words }));
        let returned = keyed("return", "two", note("请补充名册")).await.expect(200);
        // The report has changed since; the retry returns the first response.
        let again = keyed("submit", "one", None).await.expect(200);
        assert_eq!((again.header("idempotent-replayed"), &again.bytes), ("true", &first.bytes));
        assert_eq!(again.header("etag"), first.header("etag"));
        let again = keyed("return", "two", note("请补充名册")).await.expect(200);
        assert_eq!((again.header("idempotent-replayed"), &again.bytes), ("true", &returned.bytes));
        assert_eq!(client.get("progress-reports/january").await.expect(200).body["status"], "returned");
        // A key is bound to its action and its body.
        for (action, key, body) in [("return", "two", note("另一说明")), ("approve", "one", None)] {
            let refused = keyed(action, key, body).await.expect(422);
            assert_eq!(refused.body["code"], "idempotency_key_reused", "{action}");
        }
        // A refused request does not use up its key.
        keyed("approve", "three", None).await.expect(409);
        keyed("submit", "three", None).await.expect(200);
    });
}

#[test]
fn only_a_return_takes_a_note_and_requires_it() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "commitments", commitment("teachers")).await;
        create(&client, "progress-reports", month("january", 0)).await;
        act(&client, "january", "submit").await.expect(200);
        let path = "progress-reports/january/return";
        for (body, status, faults) in [
            (json!({}), 422, vec![fault("/note", "required")]),
            (json!({ "note": "" }), 422, vec![fault("/note", "too_short")]),
            (json!({ "note": " " }), 422, vec![fault("/note", "required")]),
            (json!({ "note": null }), 422, vec![fault("/note", "type")]),
            (json!({ "note": "补充", "value": "6" }), 400, vec![fault("/value", "unknown_field")]),
        ] {
            assert_eq!(client.post(path, body.clone()).await.expect(status).faults(), faults, "{body}");
        }
        for (change, faults) in [
            (json!({ "status": "returned" }), vec![fault("/return_note", "required")]),
            (json!({ "status": "returned", "return_note": " " }), vec![fault("/return_note", "required")]),
            (json!({ "return_note": "补充" }), vec![fault("/return_note", "not_for_status")]),
            (json!({ "status": "approved", "return_note": "补充" }), vec![fault("/return_note", "not_for_status")]),
        ] {
            let refused = client.patch("progress-reports/january", change.clone()).await.expect(422);
            assert_eq!(refused.faults(), faults, "{change}");
        }
        let read = client.get("progress-reports/january").await.expect(200).body;
        assert_eq!((&read["status"], &read["version"]), (&json!("submitted"), &json!(2)));
        for action in ["submit", "approve"] {
            let path = format!("progress-reports/january/{action}");
            client.post(&path, json!({ "note": "补充" })).await.expect(400);
        }
        for (path, status) in [("progress-reports/none/submit", 404), ("progress-reports/999/approve", 404)] {
            client.send(Method::POST, path, &[], None).await.expect(status);
        }
    });
}

#[test]
fn a_submitted_report_cannot_be_edited_until_it_is_returned() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "commitments", commitment("teachers")).await;
        create(&client, "progress-reports", month("january", 0)).await;
        let path = "progress-reports/january";
        client.patch(path, json!({ "value": "6" })).await.expect(200);
        act(&client, "january", "submit").await.expect(200);
        for change in [
            json!({ "value": "7" }),
            json!({ "value": null, "narrative": "无" }),
            json!({ "period_end_on": "2022-01-29" }),
            json!({ "status": "approved", "value": "7" }),
            json!({ "status": "returned", "return_note": "补充", "code": "other" }),
            json!({ "citations": [{ "document": "gb-t-2260" }] }),
        ] {
            let refused = client.patch(path, change.clone()).await.expect(409);
            assert_eq!(refused.body["code"], "report_submitted", "{change}");
        }
        assert_eq!(client.delete(path).await.expect(409).body["code"], "report_submitted");
        let same = client.patch(path, json!({ "value": "6.0" })).await.expect(200);
        assert_eq!((&same.body["value"], &same.body["version"]), (&json!("6"), &json!(3)));
        act(&client, "january", "return").await.expect(200);
        client.patch(path, json!({ "value": "7", "period_end_on": "2022-01-31" })).await.expect(200);
        client.delete(path).await.expect(204);
    });
}

#[test]
fn an_empty_or_invalid_report_is_refused() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "commitments", commitment("teachers")).await;
        for (fields, pointer, code) in [
            (json!({ "value": null }), "/value", "required"),
            (json!({ "value": null, "narrative": " " }), "/value", "required"),
            (json!({ "value": "1.00001" }), "/value", "pattern"),
            (json!({ "value": 5 }), "/value", "type"),
            (json!({ "period_end_on": "2021-12-31" }), "/period_end_on", "before_start"),
            (json!({ "period_start_on": null }), "/period_start_on", "type"),
            (json!({ "commitment": "none" }), "/commitment", "unknown_reference"),
            (json!({ "supersedes": "none" }), "/supersedes", "unknown_reference"),
            (json!({ "status": "returned" }), "/return_note", "required"),
        ] {
            let refused = client.post("progress-reports", with(month("new", 0), fields.clone())).await.expect(422);
            assert_eq!(refused.faults(), [fault(pointer, code)], "{fields}");
        }
        let words = with(month("words", 0), json!({ "value": null, "narrative": "已完成选派" }));
        assert_eq!(create(&client, "progress-reports", words).await.body["value"], json!(null));
        let period = || json!({ "period_start_on": "2022-02-01", "period_end_on": "2022-02-28" });
        let below = |code: &str| with(period(), json!({ "code": code, "value": "-3.50" }));
        let made = create(&client, "commitments/teachers/progress-reports", below("below")).await;
        assert_eq!((&made.body["commitment"]["code"], &made.body["value"]), (&json!("teachers"), &json!("-3.5")));
        client.post("commitments/none/progress-reports", below("new")).await.expect(404);
        let named = with(below("new"), json!({ "commitment": "teachers" }));
        let refused = client.post("commitments/teachers/progress-reports", named).await.expect(400);
        assert_eq!(refused.faults(), [fault("/commitment", "unknown_field")]);
        assert_eq!(listed(&client, "commitments/teachers/progress-reports", "").await, ["words", "below"]);
        for (query, codes) in [
            ("status=draft&sort=-period_end_on", vec!["below", "words"]),
            ("period_from=2022-02-28&period_to=2022-02-28", vec!["below"]),
            ("agreement=xinhui-taishan-framework-2022&period_to=2022-01-31", vec!["words"]),
            ("agreement=heshan-kaiping-framework-2022", vec![]),
            ("q=已完成选派", vec!["words"]),
        ] {
            assert_eq!(listed(&client, "progress-reports", query).await, codes, "{query}");
        }
    });
}

#[test]
fn an_editor_of_another_pairing_can_neither_report_nor_review() {
    on_each(|database| async move {
        let admin = database.client();
        create(&admin, "commitments", commitment("teachers")).await;
        let theirs = json!({ "agreement": "heshan-kaiping-framework-2022" });
        create(&admin, "commitments", with(commitment("of-kaiping"), theirs)).await;
        create(&admin, "progress-reports", month("january", 0)).await;
        let editor = admin.with_key(database.key("editor of one", Role::Editor, &["heshan-kaiping"]));
        create(&editor, "progress-reports", with(month("own", 0), json!({ "commitment": "of-kaiping" }))).await;
        let mut below = month("new", 1);
        below.as_object_mut().expect("an object").remove("commitment");
        for refused in [
            editor.post("progress-reports", month("new", 1)).await,
            editor.post("commitments/teachers/progress-reports", below).await,
            editor.patch("progress-reports/january", json!({ "value": "6" })).await,
            editor.patch("progress-reports/own", json!({ "commitment": "teachers" })).await,
            editor.delete("progress-reports/january").await,
            act(&editor, "january", "submit").await,
        ] {
            assert_eq!(refused.expect(403).body["code"], "forbidden");
        }
        act(&admin, "january", "submit").await.expect(200);
        for action in ["submit", "approve", "return"] {
            act(&editor, "january", action).await.expect(403);
            act(&admin.anonymous(), "january", action).await.expect(401);
        }
        set_status(&editor, "own", "approved").await;
    });
}
