//! Conferences: transitions, numbers, participants, names, and references that prevent deletion.

use serde_json::{Value, json};

use crate::common::on_each;
use crate::common::records::{agreement, conference, create, fault, listed, message_at, with};

#[test]
fn every_transition_is_allowed_or_refused_with_the_allowed_ones() {
    let allowed: [(&str, &[&str]); 4] = [
        ("planned", &["held", "postponed", "cancelled"]),
        ("postponed", &["planned", "held", "cancelled"]),
        ("cancelled", &["planned"]),
        ("held", &[]),
    ];
    on_each(|database| async move {
        let client = database.client();
        for (from, next) in allowed {
            for (to, _) in allowed {
                let code = format!("{from}-{to}");
                let dated = json!({ "status": from, "held_on": "2022-06-01" });
                create(&client, "conferences", with(conference(&code), dated)).await;
                let path = format!("conferences/{code}");
                let response = client.patch(&path, json!({ "status": to })).await;
                if from == to || next.contains(&to) {
                    assert_eq!(response.expect(200).body["status"], to, "{code}");
                    continue;
                }
                let refused = response.expect(422);
                assert_eq!(refused.faults(), [fault("/status", "transition_not_allowed")], "{code}");
                let words = message_at(&refused, "/status");
                let named = words.split("allowed: ").nth(1).unwrap_or_default();
                let named: Vec<&str> = named.split(", ").filter(|word| *word != "–").collect();
                assert_eq!(named, next, "{words}");
                assert_eq!(client.get(&path).await.expect(200).body["status"], from);
            }
        }
    });
}

#[test]
fn a_held_conference_has_a_date_that_is_not_in_the_future() {
    let required = || vec![fault("/held_on", "required")];
    let early = || vec![fault("/held_on", "in_future")];
    let cases = [
        (json!({ "status": "held" }), required()),
        (json!({ "status": "held", "held_on": null }), required()),
        (json!({ "status": "held", "held_on": "2999-01-01" }), early()),
        (json!({ "status": "held", "held_on": "2022-02-30" }), vec![fault("/held_on", "format")]),
        (json!({ "status": "held", "held_on": "2022-06-01" }), vec![]),
        // A conference that was not held may have any date, or none.
        (json!({ "status": "planned", "held_on": "2999-01-01" }), vec![]),
        (json!({ "status": "postponed", "held_on": null }), vec![]),
        (json!({ "status": "cancelled", "held_on": "2999-01-01" }), vec![]),
    ];
    on_each(|database| {
        let cases = cases.clone();
        async move {
            let client = database.client();
            for (number, (fields, faults)) in cases.into_iter().enumerate() {
                let status = |created: u16| if faults.is_empty() { created } else { 422 };
                let (made, changed) = (format!("made-{number}"), format!("changed-{number}"));
                let response = client.post("conferences", with(conference(&made), fields.clone())).await;
                assert_eq!(response.expect(status(201)).faults(), faults, "creating with {fields}");
                create(&client, "conferences", conference(&changed)).await;
                let response = client.patch(&format!("conferences/{changed}"), fields.clone()).await;
                assert_eq!(response.expect(status(200)).faults(), faults, "changing by {fields}");
            }
            let today = json!({ "status": "held", "held_on": client.state.settings.today() });
            create(&client, "conferences", with(conference("today"), today)).await;
            for (day, faults) in [(json!(null), required()), (json!("2999-01-01"), early())] {
                let refused = client.patch("conferences/today", json!({ "held_on": day })).await.expect(422);
                assert_eq!(refused.faults(), faults);
            }
        }
    });
}

#[test]
fn a_number_is_unique_per_kind_and_pairing() {
    on_each(|database| async move {
        let client = database.client();
        let second = json!({ "sequence_number": 2 });
        create(&client, "conferences", with(conference("second"), second.clone())).await;
        let taken = [fault("/sequence_number", "taken")];
        for code in ["xinhui-taishan-first-joint-conference", "second"] {
            let number = client.get(&format!("conferences/{code}")).await.expect(200).body["sequence_number"].clone();
            let again = with(conference("again"), json!({ "sequence_number": number }));
            let refused = client.post("conferences", again).await.expect(409);
            assert_eq!(
                (&refused.body["code"], refused.faults()),
                (&json!("already_exists"), taken.to_vec()),
                "after {code}"
            );
        }
        for (code, fields) in [
            ("other-kind", json!({ "kind": "matchmaking" })),
            ("other-pairing", json!({ "pairing": "heshan-kaiping" })),
            ("both", json!({ "kind": "matchmaking", "pairing": "heshan-kaiping" })),
        ] {
            create(&client, "conferences", with(with(conference(code), second.clone()), fields)).await;
        }
        for code in ["plain", "plainer"] {
            create(&client, "conferences", conference(code)).await;
        }
        // The same rule holds when the number, the kind or the pairing changes.
        for (code, change) in [
            ("plain", second.clone()),
            ("other-kind", json!({ "kind": "joint_conference" })),
            ("other-pairing", json!({ "pairing": "xinhui-taishan" })),
        ] {
            let refused = client.patch(&format!("conferences/{code}"), change).await.expect(409);
            assert_eq!(refused.faults(), taken, "{code}");
        }
        client.patch("conferences/second", json!({ "sequence_number": null })).await.expect(200);
        client.patch("conferences/plain", second).await.expect(200);
        for (number, code) in [
            (json!(0), "too_small"),
            (json!(-1), "too_small"),
            (json!(100_001), "too_large"),
            (json!(1.5), "type"),
            (json!("3"), "type"),
        ] {
            let body = with(conference("new"), json!({ "sequence_number": number }));
            let refused = client.post("conferences", body).await.expect(422);
            assert_eq!(refused.faults(), [fault("/sequence_number", code)], "{number}");
        }
    });
}

#[test]
fn a_participant_is_a_person_an_organization_or_a_region() {
    on_each(|database| async move {
        let client = database.client();
        let present = json!([
            { "name": "某局长" },
            { "organization": "jiangmen-polytechnic", "title": "副校长" },
            { "region": "taishan" },
            { "name": "某书记", "title": "书记", "organization": "cpc-jiangmen", "region": "jiangmen" }
        ]);
        let body = with(conference("with-all"), json!({ "participants": present, "host_region": "taishan" }));
        let made = create(&client, "conferences", body).await.body;
        let of = |field: &str| -> Vec<Value> {
            made["participants"].as_array().expect("a list").iter().map(|one| one[field].clone()).collect()
        };
        let code = |value: &Value| value["code"].clone();
        assert_eq!(of("name"), [json!("某局长"), json!(null), json!(null), json!("某书记")]);
        assert_eq!(of("title"), [json!(null), json!("副校长"), json!(null), json!("书记")]);
        let organizations: Vec<Value> = of("organization").iter().map(code).collect();
        assert_eq!(organizations, [json!(null), json!("jiangmen-polytechnic"), json!(null), json!("cpc-jiangmen")]);
        let regions: Vec<Value> = of("region").iter().map(code).collect();
        assert_eq!(regions, [json!(null), json!(null), json!("taishan"), json!("jiangmen")]);
        assert_eq!(made["host_region"]["code"], "taishan");

        // Equal participants are no change, and a list is replaced as a whole.
        let same = client.patch("conferences/with-all", json!({ "participants": present })).await.expect(200);
        assert_eq!((&same.body["version"], &same.body["participants"]), (&json!(1), &made["participants"]));
        let fewer = json!({ "participants": [{ "region": "xinhui" }] });
        let changed = client.patch("conferences/with-all", fewer).await.expect(200);
        assert_eq!(changed.body["participants"].as_array().map(Vec::len), Some(1));
        let none = client.patch("conferences/with-all", json!({ "participants": null })).await.expect(200);
        assert_eq!(none.body["participants"], json!([]));
    });
}

#[test]
fn all_empty_or_unknown_participants_are_reported() {
    let unknown = |pointer: &str| fault(pointer, "unknown_reference");
    let empty = |index: usize| fault(&format!("/participants/{index}"), "one_of");
    let cases = [
        (json!([{}]), vec![empty(0)]),
        (json!([{ "title": "书记" }]), vec![empty(0)]),
        (json!([{ "region": "xinhui" }, { "title": "书记" }, { "name": null }]), vec![empty(1), empty(2)]),
        (json!([{ "region": "nowhere" }]), vec![unknown("/participants/0/region")]),
        (
            json!([{ "name": "某局长" }, { "organization": "nobody", "region": "nowhere" }]),
            vec![unknown("/participants/1/organization"), unknown("/participants/1/region")],
        ),
        (
            json!([{ "title": "书记" }, { "organization": "nobody" }]),
            vec![empty(0), unknown("/participants/1/organization")],
        ),
    ];
    on_each(|database| {
        let cases = cases.clone();
        async move {
            let client = database.client();
            create(&client, "conferences", conference("there")).await;
            for (participants, faults) in cases {
                let fields = json!({ "participants": participants });
                let refused = client.post("conferences", with(conference("new"), fields.clone())).await.expect(422);
                assert_eq!(refused.faults(), faults, "creating with {fields}");
                let refused = client.patch("conferences/there", fields.clone()).await.expect(422);
                assert_eq!(refused.faults(), faults, "changing by {fields}");
            }
        }
    });
}

#[test]
fn a_conference_is_named_by_its_title_or_by_its_number_and_kind() {
    let title = json!({ "zh": "园区共建推介会", "en": null });
    let cases = [
        ("joint_conference", json!(2), json!(null), "第2次联席会议", Some("joint conference no. 2")),
        ("joint_conference", json!(null), json!(null), "联席会议", Some("joint conference")),
        ("matchmaking", json!(12), json!(null), "第12次对接会", Some("matchmaking meeting no. 12")),
        ("promotion", json!(1), json!(null), "第1次推介会", Some("promotion meeting no. 1")),
        ("inspection", json!(1), json!(null), "第1次考察", Some("inspection no. 1")),
        ("other", json!(null), json!(null), "会议", Some("meeting")),
        ("promotion", json!(2), title, "园区共建推介会", None),
    ];
    on_each(|database| {
        let cases = cases.clone();
        async move {
            let client = database.client();
            for (number, (kind, sequence_number, title, zh, en)) in cases.into_iter().enumerate() {
                let code = format!("conference-{number}");
                let fields = json!({ "kind": kind, "sequence_number": sequence_number, "title": title });
                create(&client, "conferences", with(conference(&code), fields)).await;
                let named = with(agreement(&format!("agreement-{number}")), json!({ "conference": code }));
                let made = create(&client, "agreements", named).await.body["conference"].clone();
                assert_eq!((&made["code"], &made["name"]), (&json!(code), &json!({ "zh": zh, "en": en })));
            }
        }
    });
}

#[test]
fn an_agreement_refers_only_to_a_conference_of_its_own_pairing() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "conferences", conference("own")).await;
        create(&client, "agreements", with(agreement("new"), json!({ "conference": "own" }))).await;
        for (named, code) in [("heshan-kaiping-first-joint-conference", "other_pairing"), ("none", "unknown_reference")]
        {
            let fields = json!({ "conference": named });
            let refused = client.patch("agreements/new", fields.clone()).await.expect(422);
            assert_eq!(refused.faults(), [fault("/conference", code)]);
            let refused = client.post("agreements", with(agreement("other"), fields)).await.expect(422);
            assert_eq!(refused.faults(), [fault("/conference", code)]);
        }
        assert_eq!(listed(&client, "agreements", "conference=own").await, ["new"]);
        // Neither can change its pairing without the other.
        let elsewhere = json!({ "pairing": "heshan-kaiping" });
        let refused = client.patch("agreements/new", elsewhere.clone()).await.expect(422);
        assert_eq!(refused.faults(), [fault("/conference", "other_pairing")]);
        let refused = client.patch("conferences/own", elsewhere.clone()).await.expect(409);
        assert_eq!(refused.body["code"], "referred_to");
        client.patch("agreements/new", json!({ "conference": null })).await.expect(200);
        client.patch("conferences/own", elsewhere).await.expect(200);
    });
}

#[test]
fn a_conference_that_others_refer_to_cannot_be_deleted() {
    on_each(|database| async move {
        let client = database.client();
        for code in ["with-agreement", "with-resolution", "with-nothing"] {
            create(&client, "conferences", with(conference(code), json!({ "participants": [{ "region": "heshan" }] })))
                .await;
        }
        create(&client, "agreements", with(agreement("new"), json!({ "conference": "with-agreement" }))).await;
        let resolution = json!({ "conference": "with-resolution", "text": { "zh": "年内建成" } });
        create(&client, "resolutions", resolution).await;
        for (code, by) in [("with-agreement", "agreements"), ("with-resolution", "resolutions")] {
            let refused = client.delete(&format!("conferences/{code}")).await.expect(409);
            assert!(message_at(&refused, "").contains(by), "{}", refused.body);
        }
        client.delete("conferences/with-nothing").await.expect(204);
        let refused = client.post("conferences", conference("with-nothing")).await.expect(409);
        assert_eq!(refused.faults(), [fault("/code", "deleted")]);
        let refused = client.delete("regions/heshan").await.expect(409);
        assert!(refused.body["errors"].to_string().contains("conferences"), "{}", refused.body);
    });
}
