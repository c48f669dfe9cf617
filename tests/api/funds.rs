//! Funds: their sources, focus and period, and the references that prevent deletion.

use pairing_tracker::access::Role;
use serde_json::{Value, json};

use crate::common::on_each;
use crate::common::records::{codes_of, create, fault, listed, message_at, with};

/// A fund of the seeded programme.
fn fund(code: &str) -> Value {
    json!({ "code": code, "programme": "jiangmen-east-west", "name": { "zh": "帮扶资金" } })
}

#[test]
fn a_fund_reads_back_as_it_was_created_and_changes() {
    on_each(|database| async move {
        let client = database.client();
        let bare = create(&client, "funds", fund("bare")).await.body;
        let empty = json!({
            "starts_on": null, "ends_on": null, "focus": [], "source_kinds": [], "note": null, "citations": []
        });
        assert_eq!(bare, with(bare.clone(), empty));

        let fields = json!({
            "name": { "zh": "平衡发展基金", "en": "Balance fund" }, "starts_on": "2022-01-01", "ends_on": "2026-12-31",
            "focus": ["park-building", "education"], "source_kinds": ["social_capital", "fiscal"], "note": "尚待设立"
        });
        let made = create(&client, "funds", with(fund("whole"), fields.clone())).await.body;
        assert_eq!(made["programme"]["code"], "jiangmen-east-west");
        assert_eq!(codes_of(&made["focus"]), ["park-building", "education"]);
        for field in ["name", "starts_on", "ends_on", "source_kinds", "note"] {
            assert_eq!(made[field], fields[field], "{field}");
        }

        let change =
            json!({ "focus": ["talent"], "source_kinds": ["donation", "state_enterprise", "fiscal"], "ends_on": null });
        let changed = client.patch("funds/whole", change.clone()).await.expect(200).body;
        assert_eq!(codes_of(&changed["focus"]), ["talent"]);
        assert_eq!((&changed["source_kinds"], &changed["ends_on"]), (&change["source_kinds"], &json!(null)));
        client.patch("funds/whole", json!({ "focus": null, "source_kinds": null })).await.expect(200);
        let read = client.get("funds/whole").await.expect(200).body;
        assert_eq!((&read["focus"], &read["source_kinds"]), (&json!([]), &json!([])));
    });
}

#[test]
fn invalid_funds_are_refused_at_the_faulty_field() {
    on_each(|database| async move {
        let client = database.client();
        let backwards = json!({ "starts_on": "2022-02-01", "ends_on": "2022-01-31" });
        for (wrong, faults) in [
            (backwards.clone(), vec![fault("/ends_on", "before_start")]),
            (json!({ "programme": "none" }), vec![fault("/programme", "unknown_reference")]),
            (json!({ "focus": ["education", "none"] }), vec![fault("/focus/1", "unknown_reference")]),
            (json!({ "focus": ["education", "talent", "education"] }), vec![fault("/focus/2", "repeated")]),
            (
                json!({ "source_kinds": ["fiscal", "donation", "fiscal", "donation"] }),
                vec![fault("/source_kinds/2", "repeated"), fault("/source_kinds/3", "repeated")],
            ),
            (json!({ "source_kinds": ["lottery"] }), vec![fault("/source_kinds/0", "enum")]),
            (
                with(backwards, json!({ "source_kinds": ["fiscal", "fiscal"], "programme": "none" })),
                vec![
                    fault("/ends_on", "before_start"),
                    fault("/programme", "unknown_reference"),
                    fault("/source_kinds/1", "repeated"),
                ],
            ),
        ] {
            let refused = client.post("funds", with(fund("wrong"), wrong.clone())).await.expect(422);
            assert_eq!(refused.faults(), faults, "{wrong}");
        }
        for required in ["code", "programme", "name"] {
            let mut body = fund("wrong");
            body.as_object_mut().expect("an object").remove(required);
            assert_eq!(
                client.post("funds", body).await.expect(422).faults(),
                [fault(&format!("/{required}"), "required")]
            );
        }
        create(&client, "funds", with(fund("day"), json!({ "starts_on": "2022-02-01", "ends_on": "2022-02-01" })))
            .await;
        let refused = client.patch("funds/day", json!({ "ends_on": "2022-01-31" })).await.expect(422);
        assert_eq!(refused.faults(), [fault("/ends_on", "before_start")]);
    });
}

#[test]
fn every_filter_selects_funds() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "programmes", json!({ "code": "other", "name": { "zh": "另一计划" } })).await;
        for (code, fields) in [
            (
                "a",
                json!({ "name": { "zh": "平衡基金" }, "source_kinds": ["fiscal", "donation"], "starts_on": "2022-01-01" }),
            ),
            ("b", json!({ "focus": ["talent", "education"], "source_kinds": ["donation"], "starts_on": "2023-01-01" })),
            ("c", json!({ "programme": "other", "focus": ["education"], "note": "慈善募捐" })),
        ] {
            create(&client, "funds", with(fund(code), fields)).await;
        }
        for (query, codes) in [
            ("programme=jiangmen-east-west&sort=-code", &["b", "a"][..]),
            ("programme=other", &["c"]),
            ("focus=education", &["b", "c"]),
            ("focus=transport", &[]),
            ("source_kind=fiscal", &["a"]),
            ("source_kind=fiscal&source_kind=donation", &["a", "b"]),
            ("source_kind=social_capital", &[]),
            ("starts_from=2022-01-02", &["b"]),
            ("starts_to=2022-01-01", &["a"]),
            ("starts_from=2022-01-01&starts_to=2023-01-01", &["a", "b"]),
            ("q=平衡", &["a"]),
            ("q=募捐", &["c"]),
            ("updated_since=2999-01-01T00:00:00Z", &[]),
        ] {
            let ours: Vec<String> = listed(&client, "funds", query).await;
            let ours: Vec<&str> = ours.iter().map(String::as_str).filter(|code| code.len() == 1).collect();
            assert_eq!(ours, codes, "{query}");
        }
        for name in ["programme", "focus"] {
            let refused = client.get(&format!("funds?{name}=none")).await.expect(422);
            assert_eq!(refused.faults(), [fault(&format!("/query/{name}"), "unknown_reference")]);
        }
        assert_eq!(
            client.get("funds?source_kind=lottery").await.expect(400).faults(),
            [fault("/query/source_kind/0", "enum")]
        );
    });
}

#[test]
fn a_fund_with_transactions_and_the_records_that_it_refers_to_cannot_be_deleted() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "programmes", json!({ "code": "other", "name": { "zh": "另一计划" } })).await;
        create(&client, "sectors", json!({ "code": "water", "name": { "zh": "水利" } })).await;
        create(&client, "funds", with(fund("pot"), json!({ "programme": "other", "focus": ["water"] }))).await;
        for path in ["programmes/other", "sectors/water"] {
            let refused = client.delete(path).await.expect(409);
            assert!(message_at(&refused, "").contains("funds"), "{}", refused.body);
        }
        let entry = json!({ "kind": "pledge", "amount": "1", "value_on": "2022-05-01", "fund": "pot" });
        create(&client, "transactions", entry).await;
        let refused = client.delete("funds/pot").await.expect(409);
        assert!(message_at(&refused, "").contains("transactions"), "{}", refused.body);
        create(&client, "funds", with(fund("idle"), json!({ "focus": ["water"], "source_kinds": ["fiscal"] }))).await;
        client.delete("funds/idle").await.expect(204);
    });
}

#[test]
fn a_fund_is_shared_by_all_pairings() {
    on_each(|database| async move {
        let admin = database.client();
        let of_one = admin.with_key(database.key("of one", Role::Editor, &["xinhui-taishan"]));
        let of_all = admin.with_key(database.key("of all", Role::Editor, &[]));
        of_one.post("funds", fund("pot")).await.expect(403);
        of_all.post("funds", fund("pot")).await.expect(201);
        of_one.patch("funds/pot", json!({ "note": "改" })).await.expect(403);
        of_one.delete("funds/pot").await.expect(403);
        of_all.patch("funds/pot", json!({ "note": "改" })).await.expect(200);
        of_all.delete("funds/pot").await.expect(204);
    });
}
