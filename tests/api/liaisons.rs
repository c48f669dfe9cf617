//! Liaisons: whom they name, when they are active, and the contact as personal data.

use pairing_tracker::resources::liaisons::KIND;
use serde_json::{Value, json};

use crate::common::on_each;
use crate::common::privacy::{FOREIGN, OWN, Private};
use crate::common::records::{create, fault, listed_of, message_at, named, pairing, with};

fn liaison(code: &str, fields: Value) -> Value {
    with(json!({ "code": code, "pairing": OWN }), fields)
}

#[test]
fn a_contact_is_shown_only_to_keys_of_the_pairing() {
    on_each(|database| async move {
        let private = Private {
            path: "liaisons",
            entity: "liaison",
            field: "contact",
            record: json!({ "title": "副市长" }),
            values: [json!("密线甲 0750-0000001"), json!("密线甲 0750-0000002")],
            word: "密线甲",
        };
        private.is_protected(&database).await;
    });
}

#[test]
fn a_liaison_requires_a_name_title_body_or_organization() {
    on_each(|database| async move {
        let client = database.client();
        for fields in [json!({}), json!({ "contact": "0750-0000001", "note": "待定", "from_on": "2022-02-18" })] {
            let refused = client.post("liaisons", liaison("nobody", fields)).await.expect(422);
            assert_eq!(refused.faults(), [fault("", "one_of")]);
        }
        for (field, value) in
            [("name", "陈某"), ("title", "副市长"), ("body", "department"), ("organization", "jiangmen-government")]
        {
            create(&client, "liaisons", liaison(field, json!({ field: value }))).await;
            let refused = client.patch(&format!("liaisons/{field}"), json!({ field: null })).await.expect(422);
            assert_eq!(refused.faults(), [fault("", "one_of")], "{field}");
        }
        for field in ["name", "title"] {
            let refused = client.post("liaisons", liaison("empty", json!({ field: "" }))).await.expect(422);
            assert_eq!(refused.faults(), [fault(&format!("/{field}"), "too_short")]);
        }
        let mayor = client.patch("liaisons/title", json!({ "name": "陈某", "title": null })).await.expect(200);
        assert_eq!((&mayor.body["name"], &mayor.body["title"]), (&json!("陈某"), &Value::Null));
    });
}

#[test]
fn all_faults_of_a_liaison_are_reported_at_once() {
    on_each(|database| async move {
        let client = database.client();
        let wrong = json!({
            "pairing": "nowhere", "organization": "nobody", "from_on": "2022-03-02", "to_on": "2022-03-01"
        });
        let refused = client.post("liaisons", liaison("wrong", wrong)).await.expect(422);
        let wanted = [
            fault("/to_on", "before_start"),
            fault("/pairing", "unknown_reference"),
            fault("/organization", "unknown_reference"),
        ];
        assert_eq!(refused.faults(), wanted);
        let one_day = json!({ "name": "陈某", "from_on": "2022-03-01", "to_on": "2022-03-01" });
        create(&client, "liaisons", liaison("one-day", one_day)).await;
    });
}

#[test]
fn filters_select_liaisons() {
    on_each(|database| async move {
        let client = database.client();
        for (code, fields) in [
            (
                "mayor",
                json!({ "title": "副市长", "body": "government", "organization": "jiangmen-government",
                    "from_on": "2022-02-18", "to_on": "2022-12-31" }),
            ),
            ("secretary", json!({ "name": "陈某", "body": "party_committee", "from_on": "2022-06-01" })),
            ("bureau", json!({ "body": "department", "note": "牵头部门" })),
            ("elsewhere", json!({ "pairing": FOREIGN, "body": "cppcc", "to_on": "2022-01-31" })),
        ] {
            create(&client, "liaisons", liaison(code, fields)).await;
        }
        let codes = ["mayor", "secretary", "bureau", "elsewhere"];
        for (query, wanted) in [
            ("pairing=xinhui-taishan", vec!["mayor", "secretary", "bureau"]),
            ("programme=jiangmen-east-west&sort=-id", vec!["elsewhere", "bureau", "secretary", "mayor"]),
            ("body=government", vec!["mayor"]),
            ("body=government&body=cppcc", vec!["mayor", "elsewhere"]),
            ("organization=jiangmen-government", vec!["mayor"]),
            ("organization=cpc-jiangmen", vec![]),
            ("active_on=2022-01-31", vec!["bureau", "elsewhere"]),
            ("active_on=2022-02-18", vec!["mayor", "bureau"]),
            ("active_on=2022-12-31", vec!["mayor", "secretary", "bureau"]),
            ("active_on=2023-01-01", vec!["secretary", "bureau"]),
            ("q=副市长", vec!["mayor"]),
            ("q=陈某", vec!["secretary"]),
            ("q=牵头", vec!["bureau"]),
            ("sort=from_on", vec!["mayor", "secretary", "bureau", "elsewhere"]),
            ("sort=-from_on&pairing=xinhui-taishan", vec!["bureau", "secretary", "mayor"]),
            ("updated_since=2999-01-01T00:00:00Z", vec![]),
        ] {
            assert_eq!(listed_of(&client, "liaisons", query, &codes).await, wanted, "{query}");
        }
        for name in ["pairing", "programme", "organization"] {
            let refused = client.get(&format!("liaisons?{name}=nowhere")).await.expect(422);
            assert_eq!(refused.faults(), [fault(&format!("/query/{name}"), "unknown_reference")]);
        }
    });
}

#[test]
fn a_liaison_is_named_by_its_name_office_or_body() {
    on_each(|database| async move {
        let client = database.client();
        for (fields, zh, en) in [
            (json!({ "name": "陈某", "title": "副市长", "body": "government" }), "陈某", None),
            (json!({ "title": "副市长", "body": "government" }), "副市长", None),
            (json!({ "body": "peoples_congress" }), "人大", Some("people's congress")),
            (json!({ "organization": "jiangmen-government" }), "挂钩联系", Some("liaison")),
        ] {
            let made = create(&client, "liaisons", with(json!({ "pairing": OWN }), fields)).await;
            assert_eq!(named(&database, &KIND, &made), (zh.to_owned(), en.map(str::to_owned)));
        }
    });
}

#[test]
fn a_record_that_a_liaison_refers_to_cannot_be_deleted() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "pairings", pairing("fresh")).await;
        let bureau = json!({ "code": "bureau", "name": { "zh": "某局" }, "kind": "department", "region": "xinhui" });
        create(&client, "organizations", bureau).await;
        create(&client, "liaisons", liaison("one", json!({ "pairing": "fresh", "organization": "bureau" }))).await;
        for path in ["pairings/fresh", "organizations/bureau"] {
            let refused = client.delete(path).await.expect(409);
            assert!(message_at(&refused, "").contains("liaisons"), "{}", refused.body);
        }
        client.delete("liaisons/one").await.expect(204);
        client.delete("organizations/bureau").await.expect(204);
    });
}
