//! Registers shared by all pairings: programmes, regions, organizations and sectors.

use serde_json::{Value, json};

use crate::common::on_each;
use crate::common::records::{create, fault, listed, message_at, with};

fn region(code: &str, parent: Option<&str>) -> Value {
    json!({ "code": code, "name": { "zh": "某地" }, "level": "township", "parent": parent })
}

fn organization(code: &str, parent: Option<&str>) -> Value {
    json!({ "code": code, "name": { "zh": "某单位" }, "kind": "department", "region": "taishan", "parent": parent })
}

fn sector(code: &str, parent: Option<&str>) -> Value {
    json!({ "code": code, "name": { "zh": "某领域" }, "parent": parent })
}

fn programme(code: &str) -> Value {
    json!({ "code": code, "name": { "zh": "某计划", "en": "A programme" } })
}

type Tree = fn(&str, Option<&str>) -> Value;

const TREES: [(&str, Tree); 3] = [("regions", region), ("organizations", organization), ("sectors", sector)];

#[test]
fn a_tree_has_parents_and_no_cycle() {
    on_each(|database| async move {
        let client = database.client();
        for (path, record) in TREES {
            create(&client, path, record("top", None)).await;
            create(&client, path, record("middle", Some("top"))).await;
            let bottom = create(&client, path, record("bottom", Some("middle"))).await;
            assert_eq!(bottom.body["parent"]["code"], "middle");
            assert_eq!(listed(&client, path, "parent=top").await, ["middle"]);
            for (code, parent, wrong) in [
                ("top", "bottom", "cycle"),
                ("top", "top", "cycle"),
                ("middle", "bottom", "cycle"),
                ("top", "nothing", "unknown_reference"),
            ] {
                let refused = client.patch(&format!("{path}/{code}"), json!({ "parent": parent })).await.expect(422);
                assert_eq!(refused.faults(), [fault("/parent", wrong)], "{path}: {code} under {parent}");
            }
            assert_eq!(
                client.get(&format!("{path}?parent=nothing")).await.expect(422).faults(),
                [fault("/query/parent", "unknown_reference")]
            );
            let freed = client.patch(&format!("{path}/bottom"), json!({ "parent": null })).await.expect(200);
            assert_eq!(freed.body["parent"], json!(null));
            client.patch(&format!("{path}/top"), json!({ "parent": "bottom" })).await.expect(200);
        }
    });
}

#[test]
fn a_record_that_others_refer_to_cannot_be_deleted() {
    on_each(|database| async move {
        let client = database.client();
        for (path, by) in [
            ("regions/jiangmen", &["regions", "organizations", "assets"][..]),
            ("regions/xinhui", &["pairings", "conferences", "agreements"]),
            ("sectors/education", &["sectors", "pairings", "agreements"]),
            ("programmes/jiangmen-east-west", &["pairings", "funds"]),
        ] {
            let refused = client.delete(path).await.expect(409);
            let words: Vec<&str> =
                refused.body["errors"].as_array().into_iter().flatten().filter_map(|e| e["message"].as_str()).collect();
            let named: Vec<&str> = words.iter().filter_map(|words| words.split(' ').next()).collect();
            assert_eq!(named, by, "{path}: {words:?}");
            client.get(path).await.expect(200);
        }
        for (path, record) in TREES {
            create(&client, path, record("top", None)).await;
            create(&client, path, record("leaf", Some("top"))).await;
            let refused = client.delete(&format!("{path}/top")).await.expect(409);
            assert!(message_at(&refused, "").starts_with(path), "{}", refused.body);
            client.delete(&format!("{path}/leaf")).await.expect(204);
            client.delete(&format!("{path}/top")).await.expect(204);
        }
    });
}

#[test]
fn a_code_is_unique_and_never_reused() {
    on_each(|database| async move {
        let client = database.client();
        for (path, record) in [
            ("programmes", programme("once")),
            ("regions", region("once", None)),
            ("organizations", organization("once", None)),
            ("sectors", sector("once", None)),
        ] {
            create(&client, path, record.clone()).await;
            assert_eq!(
                client.post(path, record.clone()).await.expect(409).faults(),
                [fault("/code", "taken")],
                "{path}"
            );
            client.delete(&format!("{path}/once")).await.expect(204);
            assert_eq!(
                client.post(path, record.clone()).await.expect(409).faults(),
                [fault("/code", "deleted")],
                "{path}"
            );
            create(&client, path, with(record, json!({ "code": "twice" }))).await;
            let renamed = client.patch(&format!("{path}/twice"), json!({ "code": "once" })).await.expect(409);
            assert_eq!(renamed.faults(), [fault("/code", "deleted")], "{path}");
        }
    });
}

#[test]
fn a_name_requires_chinese_and_may_have_english() {
    on_each(|database| async move {
        let client = database.client();
        for (path, record) in [
            ("programmes", programme("new")),
            ("regions", region("new", None)),
            ("organizations", organization("new", None)),
            ("sectors", sector("new", None)),
        ] {
            for (name, pointer, code, status) in [
                (json!({ "en": "Name" }), "/name/zh", "required", 422),
                (json!({ "zh": "" }), "/name/zh", "too_short", 422),
                (json!({ "zh": null }), "/name/zh", "type", 422),
                (json!({ "zh": "名", "fr": "Nom" }), "/name/fr", "unknown_field", 400),
            ] {
                let refused = client.post(path, with(record.clone(), json!({ "name": name }))).await.expect(status);
                assert_eq!(refused.faults(), [fault(pointer, code)], "{path}");
            }
            create(&client, path, with(record, json!({ "name": { "zh": "名", "en": "Name" } }))).await;
            let path = format!("{path}/new");
            let renamed = client.patch(&path, json!({ "name": { "zh": "新名" } })).await.expect(200);
            assert_eq!(renamed.body["name"], json!({ "zh": "新名", "en": "Name" }));
            let cleared = client.patch(&path, json!({ "name": { "en": null } })).await.expect(200);
            assert_eq!(cleared.body["name"], json!({ "zh": "新名", "en": null }));
            client.patch(&path, json!({ "name": null })).await.expect(422);
        }
    });
}

#[test]
fn a_programme_has_a_period_and_is_found_by_its_dates() {
    on_each(|database| async move {
        let client = database.client();
        let period = |from: &str, to: Option<&str>| json!({ "starts_on": from, "ends_on": to });
        create(&client, "programmes", with(programme("bounded"), period("2022-01-01", Some("2022-12-31")))).await;
        create(&client, "programmes", with(programme("open"), period("2022-07-01", None))).await;
        for (day, codes) in [
            ("2021-12-31", vec![]),
            ("2022-01-01", vec!["bounded"]),
            ("2022-07-01", vec!["bounded", "open"]),
            ("2022-12-31", vec!["bounded", "open"]),
            ("2023-01-01", vec!["open"]),
        ] {
            let mut active = listed(&client, "programmes", &format!("active_on={day}")).await;
            active.retain(|code| code != "jiangmen-east-west");
            assert_eq!(active, codes, "{day}");
        }
        let backwards = with(programme("new"), period("2022-02-01", Some("2022-01-31")));
        assert_eq!(
            client.post("programmes", backwards).await.expect(422).faults(),
            [fault("/ends_on", "before_start")]
        );
        let refused = client.patch("programmes/bounded", json!({ "starts_on": "2023-01-01" })).await.expect(422);
        assert_eq!(refused.faults(), [fault("/ends_on", "before_start")]);
        for words in ["对口协作", "差异化竞争", "江门市人民政府", "Paired Cooperation"] {
            let found = listed(&client, "programmes", &format!("q={}", words.replace(' ', "%20"))).await;
            assert_eq!(found, ["jiangmen-east-west"], "{words}");
        }
    });
}

#[test]
fn a_division_code_belongs_to_one_region() {
    on_each(|database| async move {
        let client = database.client();
        assert_eq!(listed(&client, "regions", "division_code=440785").await, ["enping"]);
        let taken = with(region("new", None), json!({ "division_code": "440785" }));
        assert_eq!(client.post("regions", taken).await.expect(409).faults(), [fault("/division_code", "taken")]);
        let wrong = with(region("new", None), json!({ "division_code": "44078x" }));
        assert_eq!(client.post("regions", wrong).await.expect(422).faults(), [fault("/division_code", "pattern")]);
        create(&client, "regions", region("zone", None)).await;
        create(&client, "regions", region("another-zone", None)).await;
    });
}

#[test]
fn latitude_and_longitude_go_together() {
    on_each(|database| async move {
        let client = database.client();
        for (place, pointer, code) in [
            (json!({ "latitude": 22.5 }), "/longitude", "required"),
            (json!({ "longitude": 112.5 }), "/latitude", "required"),
            (json!({ "latitude": 90.1, "longitude": 0 }), "/latitude", "too_large"),
            (json!({ "latitude": 0, "longitude": -180.1 }), "/longitude", "too_small"),
        ] {
            let refused = client.post("regions", with(region("new", None), place)).await.expect(422);
            assert_eq!(refused.faults(), [fault(pointer, code)]);
        }
        let placed = with(region("new", None), json!({ "latitude": 22.183, "longitude": 112.305 }));
        let made = create(&client, "regions", placed).await;
        assert_eq!((&made.body["latitude"], &made.body["longitude"]), (&json!(22.183), &json!(112.305)));
        client.patch("regions/new", json!({ "latitude": null })).await.expect(422);
        client.patch("regions/new", json!({ "latitude": null, "longitude": null })).await.expect(200);
    });
}

#[test]
fn filters_select_records() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "sectors", with(sector("iati-112", None), json!({ "vocabulary": "iati" }))).await;
        create(&client, "organizations", organization("bureau", Some("taishan-industrial-new-town"))).await;
        for (path, query, codes) in [
            ("regions", "level=prefecture", vec!["jiangmen"]),
            ("regions", "level=county&level=prefecture&q=enping", vec!["enping"]),
            ("regions", "level=village", vec![]),
            ("regions", "q=台山市", vec!["taishan"]),
            ("organizations", "region=taishan", vec!["bureau", "taishan-industrial-new-town"]),
            ("organizations", "kind=school&kind=government", vec!["jiangmen-government", "jiangmen-polytechnic"]),
            ("organizations", "parent=taishan-industrial-new-town", vec!["bureau"]),
            ("organizations", "q=职业技术", vec!["jiangmen-polytechnic"]),
            ("sectors", "vocabulary=iati", vec!["iati-112"]),
            ("sectors", "parent=industry", vec!["industrial-coordination", "investment-promotion"]),
            ("sectors", "q=幼儿园", vec!["preschool-education"]),
        ] {
            assert_eq!(listed(&client, path, &format!("sort=code&{query}")).await, codes, "{path} {query}");
        }
        assert_eq!(
            client.get("organizations?region=nowhere").await.expect(422).faults(),
            [fault("/query/region", "unknown_reference")]
        );
        assert_eq!(client.get("regions?level=planet").await.expect(400).faults(), [fault("/query/level/0", "enum")]);
    });
}

#[test]
fn an_organization_belongs_to_a_region() {
    on_each(|database| async move {
        let client = database.client();
        let nowhere = with(organization("new", None), json!({ "region": "nowhere" }));
        assert_eq!(
            client.post("organizations", nowhere).await.expect(422).faults(),
            [fault("/region", "unknown_reference")]
        );
        let by_id = client.get("regions/taishan").await.expect(200).body["id"].to_string();
        let made = create(&client, "organizations", with(organization("new", None), json!({ "region": by_id }))).await;
        assert_eq!(made.body["region"]["code"], "taishan");
        let refused = client.patch("organizations/new", json!({ "region": null })).await.expect(422);
        assert_eq!(refused.faults().first().map(|(pointer, _)| pointer.as_str()), Some("/region"));
    });
}
