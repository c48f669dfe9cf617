//! Twinnings: two organizations of any region, and the name that they give the twinning.

use pairing_tracker::resources::twinnings::KIND;
use serde_json::{Value, json};

use crate::common::privacy::{FOREIGN, OWN};
use crate::common::records::{create, fault, listed_of, message_at, named, pairing, with};
use crate::common::{Client, on_each};

fn school(code: &str, en: Value) -> Value {
    json!({ "code": code, "name": { "zh": format!("{code}校"), "en": en }, "kind": "school", "region": "pengjiang" })
}

/// Three schools of a region on neither side; the last has no English name.
async fn create_schools(client: &Client) {
    for (code, en) in [("first", json!("First")), ("second", json!("Second")), ("third", Value::Null)] {
        create(client, "organizations", school(code, en)).await;
    }
}

fn twinning(code: &str, supporter: &str, recipient: &str, fields: Value) -> Value {
    let both = json!({
        "code": code, "pairing": OWN, "supporter_organization": supporter, "recipient_organization": recipient
    });
    with(both, fields)
}

#[test]
fn the_two_organizations_differ_and_may_belong_to_any_region() {
    on_each(|database| async move {
        let client = database.client();
        create_schools(&client).await;
        let id = client.get("organizations/first").await.expect(200).body["id"].to_string();
        for recipient in ["first", &id] {
            let refused = client.post("twinnings", twinning("same", "first", recipient, json!({}))).await.expect(422);
            assert_eq!(refused.faults(), [fault("/recipient_organization", "same")]);
        }
        create(&client, "twinnings", twinning("two", "first", "second", json!({}))).await;
        let refused = client.patch("twinnings/two", json!({ "supporter_organization": "second" })).await.expect(422);
        assert_eq!(refused.faults(), [fault("/recipient_organization", "same")]);
        let turned = json!({ "supporter_organization": "second", "recipient_organization": "first" });
        client.patch("twinnings/two", turned).await.expect(200);
    });
}

#[test]
fn all_faults_of_a_twinning_are_reported_at_once() {
    on_each(|database| async move {
        let client = database.client();
        let wrong = json!({ "pairing": "nowhere", "sector": "none", "from_on": "2022-03-02", "to_on": "2022-03-01" });
        let refused = client.post("twinnings", twinning("wrong", "nobody", "no-one", wrong)).await.expect(422);
        let wanted = [
            fault("/to_on", "before_start"),
            fault("/pairing", "unknown_reference"),
            fault("/supporter_organization", "unknown_reference"),
            fault("/recipient_organization", "unknown_reference"),
            fault("/sector", "unknown_reference"),
        ];
        assert_eq!(refused.faults(), wanted);
        let missing = client.post("twinnings", json!({})).await.expect(422);
        let wanted = ["/pairing", "/supporter_organization", "/recipient_organization"];
        assert_eq!(missing.faults(), wanted.map(|pointer| fault(pointer, "required")));
    });
}

#[test]
fn filters_select_twinnings() {
    on_each(|database| async move {
        let client = database.client();
        create_schools(&client).await;
        for (code, supporter, recipient, fields) in [
            ("a", "first", "second", json!({ "sector": "education", "from_on": "2022-03-01", "to_on": "2022-12-31" })),
            ("b", "second", "third", json!({ "from_on": "2022-09-01", "note": "镇街中心幼儿园" })),
            ("c", "third", "first", json!({ "pairing": FOREIGN, "sector": "health" })),
        ] {
            create(&client, "twinnings", twinning(code, supporter, recipient, fields)).await;
        }
        for (query, wanted) in [
            ("pairing=xinhui-taishan", vec!["a", "b"]),
            ("programme=jiangmen-east-west&sort=-id", vec!["c", "b", "a"]),
            ("supporter_organization=first", vec!["a"]),
            ("recipient_organization=first", vec!["c"]),
            ("organization=first", vec!["a", "c"]),
            ("organization=jiangmen-polytechnic", vec![]),
            ("organization=second&supporter_organization=second", vec!["b"]),
            ("sector=education", vec!["a"]),
            ("active_on=2022-02-28", vec!["c"]),
            ("active_on=2022-03-01", vec!["a", "c"]),
            ("active_on=2022-12-31", vec!["a", "b", "c"]),
            ("active_on=2023-01-01", vec!["b", "c"]),
            ("q=中心幼儿园", vec!["b"]),
            ("sort=from_on", vec!["a", "b", "c"]),
            ("sort=-from_on", vec!["c", "b", "a"]),
            ("updated_since=2999-01-01T00:00:00Z", vec![]),
        ] {
            assert_eq!(listed_of(&client, "twinnings", query, &["a", "b", "c"]).await, wanted, "{query}");
        }
        for name in
            ["pairing", "programme", "supporter_organization", "recipient_organization", "organization", "sector"]
        {
            let refused = client.get(&format!("twinnings?{name}=nowhere")).await.expect(422);
            assert_eq!(refused.faults(), [fault(&format!("/query/{name}"), "unknown_reference")]);
        }
    });
}

#[test]
fn a_twinning_is_named_by_its_organizations() {
    on_each(|database| async move {
        let client = database.client();
        create_schools(&client).await;
        for (supporter, recipient, zh, en) in [
            ("first", "second", "first校—second校", Some("First – Second")),
            ("first", "third", "first校—third校", None),
            ("third", "second", "third校—second校", None),
        ] {
            let made = create(&client, "twinnings", twinning("", supporter, recipient, json!({ "code": null }))).await;
            assert_eq!(named(&database, &KIND, &made), (zh.to_owned(), en.map(str::to_owned)));
        }
    });
}

#[test]
fn a_record_that_a_twinning_refers_to_cannot_be_deleted() {
    on_each(|database| async move {
        let client = database.client();
        create_schools(&client).await;
        create(&client, "pairings", pairing("fresh")).await;
        create(&client, "sectors", json!({ "code": "arts", "name": { "zh": "艺术" } })).await;
        let fields = json!({ "pairing": "fresh", "sector": "arts" });
        create(&client, "twinnings", twinning("one", "first", "second", fields)).await;
        for path in ["pairings/fresh", "organizations/first", "organizations/second", "sectors/arts"] {
            let refused = client.delete(path).await.expect(409);
            assert!(message_at(&refused, "").contains("twinnings"), "{}", refused.body);
        }
        client.delete("twinnings/one").await.expect(204);
        client.delete("sectors/arts").await.expect(204);
    });
}
