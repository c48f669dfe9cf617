//! Milestones: fixed baseline, changes of the due date with reasons, transitions, and confirmation by both sides.

use serde_json::{Value, json};

use crate::common::on_each;
use crate::common::records::{codes_of, create, fault, listed, message_at, milestone, with};

/// The fields that a status requires, of a milestone whose due date has passed.
fn required_fields(status: &str) -> Value {
    match status {
        "met" | "partially_met" => json!({ "status": status, "met_on": "2022-06-01" }),
        "not_met" => json!({ "status": status, "reason": "资金未到位", "met_on": null }),
        _ => json!({ "status": status, "met_on": null }),
    }
}

#[test]
fn a_change_of_the_due_date_requires_a_reason_and_adds_a_revision() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "milestones", milestone("route-map")).await;
        for reason in [json!({}), json!({ "reason": "" }), json!({ "reason": " " })] {
            let refused =
                client.patch("milestones/route-map", with(json!({ "due_on": "2022-07-31" }), reason)).await.expect(422);
            assert_eq!(refused.faults(), [fault("/reason", "required")]);
        }

        let moved =
            client.patch("milestones/route-map", json!({ "due_on": "2022-07-31", "reason": "汛期" })).await.expect(200);
        assert_eq!(moved.body["baseline_due_on"], "2022-06-30");
        assert_eq!(moved.body["slippage_days"], 31);
        let revisions = client.get("milestones/route-map/revisions").await.expect(200);
        assert_eq!(revisions.body["items"][0]["reason"], "汛期");
        assert_eq!(revisions.body["items"].as_array().map(Vec::len), Some(1));
    });
}

#[test]
fn revisions_are_listed_in_order_and_the_baseline_stays() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "milestones", milestone("step")).await;
        let moves = [("2022-07-31", 31), ("2022-06-15", -15), ("2022-06-30", 0)];
        for (due_on, slippage) in moves {
            let reason = format!("改到 {due_on}");
            let moved =
                client.patch("milestones/step", json!({ "due_on": due_on, "reason": reason })).await.expect(200);
            assert_eq!(
                (&moved.body["baseline_due_on"], &moved.body["slippage_days"]),
                (&json!("2022-06-30"), &json!(slippage))
            );
        }
        // An unchanged due date needs no reason and adds no revision.
        client.patch("milestones/step", json!({ "due_on": "2022-06-30", "note": "如期" })).await.expect(200);
        let stored = client.get("milestones/step/revisions?count=true").await.expect(200);
        assert_eq!(stored.body["total"], 3);
        let mut old = "2022-06-30";
        for ((due_on, _), revision) in moves.into_iter().zip(stored.body["items"].as_array().expect("a list")) {
            assert_eq!((&revision["old_due_on"], &revision["new_due_on"]), (&json!(old), &json!(due_on)));
            assert_eq!(
                (&revision["reason"], &revision["revised_by"]),
                (&json!(format!("改到 {due_on}")), &json!("tester"))
            );
            old = due_on;
        }
        let history = client.get("milestones/step/history").await.expect(200);
        assert_eq!(history.body["items"][1]["reason"], "改到 2022-07-31");
    });
}

#[test]
fn clients_cannot_set_the_baseline() {
    on_each(|database| async move {
        let client = database.client();
        let own = json!({ "baseline_due_on": "2022-01-01" });
        let refused = client.post("milestones", with(milestone("step"), own.clone())).await.expect(400);
        assert_eq!(refused.faults(), [fault("/baseline_due_on", "unknown_field")]);
        create(&client, "milestones", milestone("step")).await;
        client.patch("milestones/step", own).await.expect(400);
    });
}

#[test]
fn every_transition_is_allowed_or_refused_with_the_allowed_ones() {
    let allowed: [(&str, &[&str]); 6] = [
        ("scheduled", &["in_progress", "met", "partially_met", "not_met", "cancelled"]),
        ("in_progress", &["scheduled", "met", "partially_met", "not_met", "cancelled"]),
        ("partially_met", &["in_progress", "met", "not_met", "cancelled"]),
        ("not_met", &["in_progress", "met", "partially_met", "cancelled"]),
        ("met", &["in_progress"]),
        ("cancelled", &["scheduled"]),
    ];
    on_each(|database| async move {
        let client = database.client();
        for (from, next) in allowed {
            for (to, _) in allowed {
                let code = format!("{from}-{to}").replace('_', "-");
                create(&client, "milestones", with(milestone(&code), required_fields(from))).await;
                let path = format!("milestones/{code}");
                let response = client.patch(&path, required_fields(to)).await;
                if from == to || next.contains(&to) {
                    assert_eq!(response.expect(200).body["status"], to, "{code}");
                    continue;
                }
                let refused = response.expect(422);
                assert_eq!(refused.faults(), [fault("/status", "transition_not_allowed")], "{code}");
                let words = message_at(&refused, "/status");
                let named: Vec<&str> = words.split("allowed: ").nth(1).unwrap_or_default().split(", ").collect();
                assert_eq!(named, next, "{words}");
            }
        }
    });
}

#[test]
fn fields_that_a_status_requires_are_checked() {
    let cases = [
        (json!({ "status": "met" }), "/met_on", "required"),
        (json!({ "status": "partially_met" }), "/met_on", "required"),
        (json!({ "status": "met", "met_on": "2999-01-01" }), "/met_on", "in_future"),
        (json!({ "status": "partially_met", "met_on": "2999-01-01" }), "/met_on", "in_future"),
        (json!({ "status": "in_progress", "met_on": "2022-06-01" }), "/met_on", "not_for_status"),
        (json!({ "status": "not_met" }), "/reason", "required"),
        (json!({ "status": "not_met", "reason": " " }), "/reason", "required"),
        (json!({ "progress": 101 }), "/progress", "too_large"),
        (json!({ "progress": -1 }), "/progress", "too_small"),
        (json!({ "weight": -0.001 }), "/weight", "too_small"),
    ];
    on_each(|database| {
        let cases = cases.clone();
        async move {
            let client = database.client();
            create(&client, "milestones", milestone("there")).await;
            for (fields, pointer, code) in cases {
                let refused = client.post("milestones", with(milestone("new"), fields.clone())).await.expect(422);
                assert_eq!(refused.faults(), [fault(pointer, code)], "creating with {fields}");
                let refused = client.patch("milestones/there", fields.clone()).await.expect(422);
                assert_eq!(refused.faults(), [fault(pointer, code)], "changing by {fields}");
            }
            let early = json!({ "status": "not_met", "reason": "资金未到位", "due_on": "2999-12-31" });
            let refused = client.post("milestones", with(milestone("new"), early)).await.expect(422);
            assert_eq!(refused.faults(), [fault("/status", "too_early")]);
            let failed = client.patch("milestones/there", required_fields("not_met")).await.expect(200);
            assert_eq!(failed.body["status_reason"], "资金未到位");
        }
    });
}

#[test]
fn all_faults_of_a_change_are_reported_at_once() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "milestones", with(milestone("step"), required_fields("met"))).await;
        let change = json!({
            "due_on": "2022-07-31", "status": "not_met", "responsible": ["nobody"], "depends_on": ["nothing"], "agreement": "none",
            "citations": [{ "document": "unwritten" }]
        });
        let refused = client.patch("milestones/step", change).await.expect(422);
        let mut pointers: Vec<String> = refused.faults().into_iter().map(|(pointer, _)| pointer).collect();
        pointers.sort();
        pointers.dedup();
        let wanted =
            ["/agreement", "/citations/0/document", "/depends_on/0", "/met_on", "/reason", "/responsible/0", "/status"];
        assert_eq!(pointers, wanted);
    });
}

#[test]
fn a_met_milestone_has_full_progress() {
    on_each(|database| async move {
        let client = database.client();
        let body = with(milestone("step"), with(required_fields("met"), json!({ "progress": 40 })));
        assert_eq!(create(&client, "milestones", body).await.body["progress"], 100);
        let partly = with(milestone("part"), with(required_fields("partially_met"), json!({ "progress": 40 })));
        assert_eq!(create(&client, "milestones", partly).await.body["progress"], 40);
        let met = client.patch("milestones/part", json!({ "status": "met" })).await.expect(200);
        assert_eq!(met.body["progress"], 100);
    });
}

#[test]
fn a_weight_is_rounded_to_three_decimals_and_may_be_zero() {
    on_each(|database| async move {
        let client = database.client();
        assert_eq!(create(&client, "milestones", milestone("plain")).await.body["weight"], 1.0);
        for (given, stored) in
            [(0.125, 0.125), (1.23456, 1.235), (0.0004, 0.0), (0.0, 0.0), (1e6, 1e6), (33.333, 33.333)]
        {
            let changed = client.patch("milestones/plain", json!({ "weight": given })).await.expect(200);
            assert_eq!(changed.body["weight"], stored, "{given}");
        }
        let refused = client.patch("milestones/plain", json!({ "weight": 1_000_000.001 })).await.expect(422);
        assert_eq!(refused.faults(), [fault("/weight", "too_large")]);
    });
}

#[test]
fn a_milestone_depends_on_others_and_never_on_itself() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "milestones", milestone("first")).await;
        create(&client, "milestones", with(milestone("second"), json!({ "depends_on": ["first"] }))).await;
        let third =
            create(&client, "milestones", with(milestone("third"), json!({ "depends_on": ["second", "first"] }))).await;
        assert_eq!(codes_of(&third.body["depends_on"]), ["second", "first"]);
        for (code, before, pointer, wrong) in [
            ("first", json!(["third"]), "/depends_on", "cycle"),
            ("first", json!(["first"]), "/depends_on", "cycle"),
            ("second", json!(["first", "third"]), "/depends_on", "cycle"),
            ("third", json!(["first", "first"]), "/depends_on/1", "repeated"),
            ("third", json!(["fourth"]), "/depends_on/0", "unknown_reference"),
        ] {
            let refused =
                client.patch(&format!("milestones/{code}"), json!({ "depends_on": before })).await.expect(422);
            assert_eq!(refused.faults(), [fault(pointer, wrong)], "{code} after {before}");
        }
        let refused = client.delete("milestones/first").await.expect(409);
        assert!(message_at(&refused, "").contains("milestones"), "{}", refused.body);
        client.delete("milestones/third").await.expect(204);
        client.patch("milestones/second", json!({ "depends_on": [] })).await.expect(200);
        client.patch("milestones/first", json!({ "depends_on": ["second"] })).await.expect(200);
    });
}

#[test]
fn responsible_organizations_must_exist() {
    on_each(|database| async move {
        let client = database.client();
        let both = ["jiangmen-polytechnic", "taishan-industrial-new-town"];
        let made = create(&client, "milestones", with(milestone("step"), json!({ "responsible": both }))).await;
        assert_eq!(codes_of(&made.body["responsible"]), both);
        let refused =
            client.patch("milestones/step", json!({ "responsible": ["xinhui", both[0], both[0]] })).await.expect(422);
        assert_eq!(
            refused.faults(),
            [fault("/responsible/0", "unknown_reference"), fault("/responsible/2", "repeated")]
        );
        let refused = client.delete(&format!("organizations/{}", both[0])).await.expect(409);
        assert!(message_at(&refused, "").contains("milestones"), "{}", refused.body);
    });
}

#[test]
fn both_sides_confirm_a_met_milestone() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "milestones", milestone("step")).await;
        let confirm = |side: &str| client.post("milestones/step/confirmations", json!({ "side": side }));
        assert_eq!(confirm("supporter").await.expect(409).body["code"], "not_met_yet");
        client.patch("milestones/step", required_fields("partially_met")).await.expect(200);
        confirm("supporter").await.expect(409);
        client.patch("milestones/step", required_fields("met")).await.expect(200);

        let first = confirm("recipient").await.expect(200);
        assert_eq!(
            (first.body["recipient_confirmed_at"].is_string(), &first.body["supporter_confirmed_at"]),
            (true, &json!(null))
        );
        let again = confirm("recipient").await.expect(200);
        assert_eq!(again.body, first.body, "a second confirmation changes nothing");
        confirm("supporter").await.expect(200);
        confirm("witness").await.expect(422);
        let both = client.get("milestones/step/confirmations").await.expect(200);
        let sides: Vec<&Value> =
            both.body["items"].as_array().expect("a list").iter().map(|item| &item["side"]).collect();
        assert_eq!(sides, ["supporter", "recipient"]);

        let noted = client.patch("milestones/step", json!({ "note": "双方已签字" })).await.expect(200);
        assert!(noted.body["supporter_confirmed_at"].is_string() && noted.body["recipient_confirmed_at"].is_string());
    });
}

#[test]
fn a_milestone_that_is_no_longer_met_loses_its_confirmations() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "milestones", with(milestone("step"), required_fields("met"))).await;
        for side in ["supporter", "recipient"] {
            client.post("milestones/step/confirmations", json!({ "side": side })).await.expect(200);
        }
        for status in ["in_progress", "met"] {
            let read = client.patch("milestones/step", required_fields(status)).await.expect(200).body;
            assert_eq!(
                (&read["supporter_confirmed_at"], &read["recipient_confirmed_at"]),
                (&json!(null), &json!(null))
            );
        }
        assert_eq!(client.get("milestones/step/confirmations").await.expect(200).body["items"], json!([]));
    });
}

#[test]
fn a_milestone_without_a_code_is_addressed_by_its_id() {
    on_each(|database| async move {
        let client = database.client();
        let mut body = milestone("none");
        body.as_object_mut().expect("an object").remove("code");
        let made = create(&client, "milestones", body).await;
        let path = format!("milestones/{}", made.body["id"]);
        assert_eq!(client.get(&path).await.expect(200).body["code"], json!(null));
        let id = made.body["id"].to_string();
        create(&client, "milestones", with(milestone("after"), json!({ "depends_on": [id] }))).await;
        assert_eq!(listed(&client, "milestones", &format!("depends_on={id}")).await, ["after"]);
        client.patch("milestones/after", json!({ "note": "依赖仍在" })).await.expect(200);
        assert_eq!(listed(&client, "milestones", &format!("depends_on={id}")).await, ["after"]);
    });
}
