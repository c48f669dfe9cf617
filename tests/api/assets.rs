//! Assets: what a region contributes, shared by all pairings.

use pairing_tracker::access::Role;
use pairing_tracker::resources::assets::KIND;
use serde_json::{Value, json};

use crate::common::on_each;
use crate::common::privacy::OWN;
use crate::common::records::{create, fault, listed_of, message_at, named, with};

fn asset(code: &str, fields: Value) -> Value {
    with(json!({ "code": code, "region": "xinhui", "name": { "zh": "新会陈皮" } }), fields)
}

#[test]
fn an_asset_requires_only_a_region_and_a_name() {
    on_each(|database| async move {
        let client = database.client();
        let made = create(&client, "assets", json!({ "region": "xinhui", "name": { "zh": "新会陈皮" } })).await;
        for field in ["code", "kind", "designation", "note"] {
            assert_eq!(made.body[field], Value::Null, "{field}");
        }
        let path = format!("assets/{}", made.body["id"]);
        let title =
            json!({ "designation": "国家地理标志保护产品", "kind": "farm_product", "name": { "en": "Chenpi" } });
        let changed = client.patch(&path, title).await.expect(200);
        assert_eq!((&changed.body["name"]["en"], &changed.body["kind"]), (&json!("Chenpi"), &json!("farm_product")));
        assert_eq!(named(&database, &KIND, &changed), ("新会陈皮".to_owned(), Some("Chenpi".to_owned())));
        let cleared = client.patch(&path, json!({ "kind": null, "designation": null })).await.expect(200);
        assert_eq!((&cleared.body["kind"], &cleared.body["designation"]), (&Value::Null, &Value::Null));

        let missing = client.post("assets", json!({})).await.expect(422);
        assert_eq!(missing.faults(), [fault("/region", "required"), fault("/name", "required")]);
        for (fields, pointer, code) in [
            (json!({ "region": "nowhere" }), "/region", "unknown_reference"),
            (json!({ "kind": "castle" }), "/kind", "enum"),
            (json!({ "designation": "名".repeat(501) }), "/designation", "too_long"),
        ] {
            let refused = client.post("assets", asset("wrong", fields)).await.expect(422);
            assert_eq!(refused.faults(), [fault(pointer, code)]);
        }
    });
}

#[test]
fn filters_select_assets() {
    on_each(|database| async move {
        let client = database.client();
        for (code, fields) in [
            ("peel", json!({ "kind": "farm_product", "designation": "地理标志甲" })),
            ("spring", json!({ "kind": "tourism", "region": "enping", "name": { "zh": "温泉乙", "en": "Springs" } })),
            ("unknown", json!({ "region": "enping", "note": "待核实丙" })),
        ] {
            create(&client, "assets", asset(code, fields)).await;
        }
        client.patch("assets/peel", json!({ "note": "改" })).await.expect(200);
        for (query, wanted) in [
            ("", vec!["peel", "spring", "unknown"]),
            ("sort=-id", vec!["unknown", "spring", "peel"]),
            ("sort=updated_at", vec!["spring", "unknown", "peel"]),
            ("region=enping", vec!["spring", "unknown"]),
            ("kind=tourism", vec!["spring"]),
            ("kind=tourism&kind=farm_product", vec!["peel", "spring"]),
            ("q=地理标志甲", vec!["peel"]),
            ("q=温泉乙", vec!["spring"]),
            ("q=Springs", vec!["spring"]),
            ("q=待核实丙", vec!["unknown"]),
            ("updated_since=2999-01-01T00:00:00Z", vec![]),
        ] {
            let found = listed_of(&client, "assets", query, &["peel", "spring", "unknown"]).await;
            assert_eq!(found, wanted, "{query}");
        }
        let refused = client.get("assets?region=nowhere").await.expect(422);
        assert_eq!(refused.faults(), [fault("/query/region", "unknown_reference")]);
    });
}

#[test]
fn assets_are_shared_by_all_pairings() {
    on_each(|database| async move {
        let client = database.client();
        let of_one = client.with_key(database.key("editor of one", Role::Editor, &[OWN]));
        of_one.post("assets", asset("peel", json!({}))).await.expect(403);
        let of_all = client.with_key(database.key("editor of all", Role::Editor, &[]));
        create(&of_all, "assets", asset("peel", json!({}))).await;
        of_one.patch("assets/peel", json!({ "note": "改" })).await.expect(403);
        of_one.delete("assets/peel").await.expect(403);
        of_all.delete("assets/peel").await.expect(204);
    });
}

#[test]
fn the_region_of_an_asset_cannot_be_deleted() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "regions", json!({ "code": "islet", "name": { "zh": "小岛" }, "level": "village" })).await;
        create(&client, "assets", asset("beach", json!({ "region": "islet" }))).await;
        let refused = client.delete("regions/islet").await.expect(409);
        assert!(message_at(&refused, "").contains("assets"), "{}", refused.body);
        client.delete("assets/beach").await.expect(204);
        client.delete("regions/islet").await.expect(204);
    });
}
