//! Exchanges: dates, stages, statuses, and names as personal data.

use pairing_tracker::resources::exchanges::KIND;
use serde_json::{Value, json};

use crate::common::on_each;
use crate::common::privacy::{FOREIGN, OWN, Private};
use crate::common::records::{create, fault, listed_of, message_at, named, pairing, with};

fn exchange(code: &str, fields: Value) -> Value {
    let teachers = json!({
        "code": code, "pairing": OWN, "profession": "teacher", "direction": "supporter_to_recipient"
    });
    with(teachers, fields)
}

#[test]
fn names_are_shown_only_to_keys_of_the_pairing() {
    on_each(|database| async move {
        let private = Private {
            path: "exchanges",
            entity: "exchange",
            field: "names",
            record: exchange("private", json!({})),
            values: [json!(["密名甲"]), json!(["密名甲一", "密名甲二"])],
            word: "密名甲",
        };
        private.is_protected(&database).await;
    });
}

#[test]
fn names_keep_their_order_and_are_replaced_as_a_whole() {
    on_each(|database| async move {
        let client = database.client();
        assert_eq!(create(&client, "exchanges", exchange("group", json!({}))).await.body["names"], json!([]));
        for names in [json!(["乙", "甲", "乙"]), json!(["丙"]), json!(vec!["员"; 1000]), json!([])] {
            let changed = client.patch("exchanges/group", json!({ "names": names })).await.expect(200);
            assert_eq!(changed.body["names"], names);
            assert_eq!(client.get("exchanges/group").await.expect(200).body["names"], names);
        }
        client.patch("exchanges/group", json!({ "names": ["甲"] })).await.expect(200);
        let noted = client.patch("exchanges/group", json!({ "note": "名单已定" })).await.expect(200);
        assert_eq!(noted.body["names"], json!(["甲"]));
        let cleared = client.patch("exchanges/group", json!({ "names": null })).await.expect(200);
        assert_eq!(cleared.body["names"], json!([]));
    });
}

#[test]
fn invalid_exchanges_are_refused_at_the_faulty_field() {
    let cases = [
        (
            json!({ "planned_start_on": "2022-09-01", "planned_end_on": "2022-08-31" }),
            "/planned_end_on",
            "before_start",
        ),
        (json!({ "actual_start_on": "2022-09-01", "actual_end_on": "2022-08-31" }), "/actual_end_on", "before_start"),
        (json!({ "actual_start_on": "2999-01-01" }), "/actual_start_on", "in_future"),
        (json!({ "actual_end_on": "2999-01-01" }), "/actual_end_on", "in_future"),
        (json!({ "sending": "jiangmen-polytechnic", "hosting": "jiangmen-polytechnic" }), "/hosting", "same"),
        (json!({ "headcount": 1, "names": ["甲", "乙"] }), "/names", "too_many"),
        (json!({ "names": vec!["员"; 1001] }), "/names", "too_many"),
        (json!({ "names": ["甲", ""] }), "/names/1", "too_short"),
        (json!({ "names": ["员".repeat(201)] }), "/names/0", "too_long"),
        (json!({ "headcount": 0 }), "/headcount", "too_small"),
        (json!({ "headcount": 1_000_001 }), "/headcount", "too_large"),
        (json!({ "sending": "nobody" }), "/sending", "unknown_reference"),
        (json!({ "hosting": "nobody" }), "/hosting", "unknown_reference"),
        (json!({ "pairing": "nowhere" }), "/pairing", "unknown_reference"),
        (json!({ "profession": "poet" }), "/profession", "enum"),
    ];
    on_each(|database| {
        let cases = cases.clone();
        async move {
            let client = database.client();
            create(&client, "exchanges", exchange("there", json!({}))).await;
            for (fields, pointer, code) in cases {
                let refused = client.post("exchanges", exchange("new", fields.clone())).await.expect(422);
                assert_eq!(refused.faults(), [fault(pointer, code)], "creating with {fields}");
                let refused = client.patch("exchanges/there", fields.clone()).await.expect(422);
                assert_eq!(refused.faults(), [fault(pointer, code)], "changing by {fields}");
            }
            let to_the_limit = json!({ "headcount": 2, "names": ["甲", "乙"], "planned_start_on": "2022-09-01",
                "planned_end_on": "2022-09-01", "actual_start_on": "2022-09-01", "actual_end_on": "2022-09-01" });
            create(&client, "exchanges", exchange("limit", to_the_limit)).await;
            let refused = client.patch("exchanges/limit", json!({ "headcount": 1 })).await.expect(422);
            assert_eq!(refused.faults(), [fault("/names", "too_many")]);
            client.patch("exchanges/limit", json!({ "headcount": null })).await.expect(200);

            // A code and an id that name the same organization are equal.
            let id = client.get("organizations/jiangmen-polytechnic").await.expect(200).body["id"].to_string();
            let same = exchange("same", json!({ "sending": "jiangmen-polytechnic", "hosting": id }));
            assert_eq!(client.post("exchanges", same).await.expect(422).faults(), [fault("/hosting", "same")]);
        }
    });
}

#[test]
fn every_transition_is_allowed_or_refused_with_the_allowed_ones() {
    let allowed: [(&str, &[&str]); 4] = [
        ("planned", &["in_progress", "completed", "cancelled"]),
        ("in_progress", &["planned", "completed", "cancelled"]),
        ("completed", &["in_progress"]),
        ("cancelled", &["planned"]),
    ];
    on_each(|database| async move {
        let client = database.client();
        assert_eq!(create(&client, "exchanges", exchange("plain", json!({}))).await.body["status"], "planned");
        for (from, next) in allowed {
            for (to, _) in allowed {
                let code = format!("{from}-{to}").replace('_', "-");
                create(&client, "exchanges", exchange(&code, json!({ "status": from }))).await;
                let response = client.patch(&format!("exchanges/{code}"), json!({ "status": to })).await;
                if from == to || next.contains(&to) {
                    assert_eq!(response.expect(200).body["status"], to, "{code}");
                    continue;
                }
                let refused = response.expect(422);
                assert_eq!(refused.faults(), [fault("/status", "transition_not_allowed")], "{code}");
                let words = message_at(&refused, "/status");
                assert_eq!(words.split("allowed: ").nth(1), Some(next.join(", ").as_str()), "{words}");
            }
        }
    });
}

#[test]
fn a_stage_is_computed_for_the_requested_date() {
    on_each(|database| async move {
        let client = database.client();
        let term = json!({ "actual_start_on": "2022-03-01", "actual_end_on": "2022-06-30", "status": "completed" });
        create(&client, "exchanges", exchange("term", term)).await;
        create(&client, "exchanges", exchange("given-up", json!({ "status": "cancelled" }))).await;
        for (code, as_of, stage) in [
            ("term", "2022-02-28", "planned"),
            ("term", "2022-03-01", "present"),
            ("term", "2022-06-30", "present"),
            ("term", "2022-07-01", "ended"),
            ("given-up", "2022-03-01", "cancelled"),
        ] {
            let read = client.get(&format!("exchanges/{code}?as_of={as_of}")).await.expect(200);
            assert_eq!(read.body["stage"], stage, "{code} {as_of}");
            let list = client.get(&format!("exchanges?as_of={as_of}&limit=1000")).await.expect(200);
            let items = list.body["items"].as_array().expect("items").clone();
            let item = items.into_iter().find(|item| item["code"] == code).expect("it is listed");
            assert_eq!(item["stage"], stage, "{code} {as_of}");
        }
        let history = client.get("exchanges/term/history").await.expect(200);
        assert_eq!(history.body["items"][0]["after"].get("stage"), None, "what is computed is no state");
    });
}

#[test]
fn filters_select_exchanges() {
    on_each(|database| async move {
        let client = database.client();
        for (code, fields) in [
            (
                "teachers",
                json!({ "planned_start_on": "2022-09-01", "actual_start_on": "2022-09-05", "status": "in_progress",
                    "sending": "jiangmen-polytechnic", "note": "骨干教师支教一年" }),
            ),
            ("doctors", json!({ "profession": "doctor", "planned_start_on": "2022-07-01", "status": "cancelled" })),
            (
                "cadres",
                json!({ "profession": "cadre", "direction": "recipient_to_supporter", "hosting": "cpc-jiangmen",
                    "actual_start_on": "2022-05-01" }),
            ),
            ("elsewhere", json!({ "pairing": FOREIGN })),
        ] {
            create(&client, "exchanges", exchange(code, fields)).await;
        }
        let codes = ["teachers", "doctors", "cadres", "elsewhere"];
        for (query, wanted) in [
            ("pairing=xinhui-taishan", vec!["teachers", "doctors", "cadres"]),
            ("programme=jiangmen-east-west&sort=-id", vec!["elsewhere", "cadres", "doctors", "teachers"]),
            ("pairing=xinhui-taishan&profession=teacher", vec!["teachers"]),
            ("profession=doctor&profession=cadre", vec!["doctors", "cadres"]),
            ("direction=recipient_to_supporter", vec!["cadres"]),
            ("status=in_progress", vec!["teachers"]),
            ("status=in_progress&status=cancelled", vec!["teachers", "doctors"]),
            ("sending=jiangmen-polytechnic", vec!["teachers"]),
            ("hosting=jiangmen-polytechnic", vec![]),
            ("hosting=cpc-jiangmen", vec!["cadres"]),
            ("planned_start_from=2022-09-01", vec!["teachers"]),
            ("planned_start_to=2022-08-31", vec!["doctors"]),
            ("planned_start_from=2022-07-01&planned_start_to=2022-09-01", vec!["teachers", "doctors"]),
            ("actual_start_from=2022-05-02", vec!["teachers"]),
            ("actual_start_to=2022-05-01", vec!["cadres"]),
            ("q=骨干教师", vec!["teachers"]),
            ("sort=planned_start_on&pairing=xinhui-taishan", vec!["doctors", "teachers", "cadres"]),
            ("sort=-actual_start_on&pairing=xinhui-taishan", vec!["doctors", "teachers", "cadres"]),
            ("updated_since=2999-01-01T00:00:00Z", vec![]),
        ] {
            assert_eq!(listed_of(&client, "exchanges", query, &codes).await, wanted, "{query}");
        }
        for name in ["pairing", "programme", "sending", "hosting"] {
            let refused = client.get(&format!("exchanges?{name}=nowhere")).await.expect(422);
            assert_eq!(refused.faults(), [fault(&format!("/query/{name}"), "unknown_reference")]);
        }
    });
}

#[test]
fn an_exchange_is_named_by_its_profession_headcount_and_direction() {
    on_each(|database| async move {
        let client = database.client();
        for (fields, zh, en) in [
            (json!({}), "教师交流（支援方→受援方）", "teacher exchange (supporter to recipient)"),
            (
                json!({ "headcount": 5 }),
                "教师5人交流（支援方→受援方）",
                "teacher exchange of 5 (supporter to recipient)",
            ),
            (
                json!({ "profession": "cadre", "direction": "recipient_to_supporter" }),
                "干部交流（受援方→支援方）",
                "cadre exchange (recipient to supporter)",
            ),
        ] {
            let made = create(&client, "exchanges", with(exchange("", json!({ "code": null })), fields)).await;
            assert_eq!(named(&database, &KIND, &made), (zh.to_owned(), Some(en.to_owned())));
        }
    });
}

#[test]
fn a_record_that_an_exchange_refers_to_cannot_be_deleted() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "pairings", pairing("fresh")).await;
        for code in ["from-school", "to-school"] {
            let school = json!({ "code": code, "name": { "zh": "某校" }, "kind": "school", "region": "xinhui" });
            create(&client, "organizations", school).await;
        }
        let fields = json!({ "pairing": "fresh", "sending": "from-school", "hosting": "to-school", "names": ["甲"] });
        create(&client, "exchanges", exchange("one", fields)).await;
        for path in ["pairings/fresh", "organizations/from-school", "organizations/to-school"] {
            let refused = client.delete(path).await.expect(409);
            assert!(message_at(&refused, "").contains("exchanges"), "{}", refused.body);
        }
        client.delete("exchanges/one").await.expect(204);
        client.delete("organizations/to-school").await.expect(204);
    });
}
