//! Agreements: transitions, signatories, parents, and amendments.

use serde_json::{Value, json};

use crate::common::on_each;
use crate::common::records::{agreement, create, fault, listed, message_at, milestone, party, with};

/// An agreement with this status and the fields that the status requires.
fn with_status(code: &str, status: &str) -> Value {
    let reason = if ["suspended", "terminated"].contains(&status) { json!("资金未到位") } else { Value::Null };
    with(agreement(code), json!({ "status": status, "status_reason": reason }))
}

#[test]
fn every_transition_is_allowed_or_refused_with_the_allowed_ones() {
    let allowed: [(&str, &[&str]); 4] = [
        ("draft", &["signed"]),
        ("signed", &["suspended", "terminated"]),
        ("suspended", &["signed", "terminated"]),
        ("terminated", &[]),
    ];
    on_each(|database| async move {
        let client = database.client();
        for (from, next) in allowed {
            for (to, _) in allowed {
                let code = format!("{from}-{to}");
                create(&client, "agreements", with_status(&code, from)).await;
                let path = format!("agreements/{code}");
                let response = client.patch(&path, json!({ "status": to, "status_reason": "资金未到位" })).await;
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
fn a_signed_agreement_has_a_party_on_each_side() {
    let region = |code, side| party("region", code, side);
    let organization = |code, side| party("organization", code, side);
    let missing = || vec![fault("/parties", "side_missing")];
    let cases = [
        ("both regions", json!([region("xinhui", "supporter"), region("taishan", "recipient")]), vec![]),
        (
            "an organization of a region",
            json!([region("xinhui", "supporter"), organization("taishan-industrial-new-town", "recipient")]),
            vec![],
        ),
        (
            "an organization of a town within a region",
            json!([organization("town-school", "recipient"), region("xinhui", "supporter")]),
            vec![],
        ),
        ("a town within a region", json!([region("town", "recipient"), region("xinhui", "supporter")]), vec![]),
        (
            "an organization of the city above",
            json!([organization("jiangmen-polytechnic", "recipient"), region("xinhui", "supporter")]),
            missing(),
        ),
        ("a stranger", json!([region("xinhui", "supporter"), region("kaiping", "recipient")]), missing()),
        (
            "one party",
            json!([region("xinhui", "supporter")]),
            vec![fault("/parties", "too_few"), fault("/parties", "side_missing")],
        ),
        (
            "nobody",
            json!([]),
            vec![fault("/parties", "too_few"), fault("/parties", "side_missing"), fault("/parties", "side_missing")],
        ),
    ];
    on_each(|database| {
        let cases = cases.clone();
        async move {
            let client = database.client();
            let town = json!({ "code": "town", "name": { "zh": "某镇" }, "level": "township", "parent": "taishan" });
            create(&client, "regions", town).await;
            let school =
                json!({ "code": "town-school", "name": { "zh": "某镇小学" }, "kind": "school", "region": "town" });
            create(&client, "organizations", school).await;
            for (number, (what, parties, faults)) in cases.into_iter().enumerate() {
                let code = format!("agreement-{number}");
                create(&client, "agreements", with(agreement(&code), json!({ "parties": parties }))).await;
                let signed = client.patch(&format!("agreements/{code}"), json!({ "status": "signed" })).await;
                assert_eq!(signed.faults(), faults, "{what}");
                assert_eq!(signed.status.as_u16(), if faults.is_empty() { 200 } else { 422 }, "{what}");
            }
        }
    });
}

#[test]
fn the_parties_of_a_signed_agreement_cannot_be_removed() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "agreements", with_status("new", "signed")).await;
        let block_on =
            json!({ "parties": [party("region", "xinhui", "supporter"), party("region", "heshan", "witness")] });
        let refused = client.patch("agreements/new", block_on).await.expect(422);
        assert_eq!(refused.faults(), [fault("/parties", "side_missing")]);
    });
}

#[test]
fn a_party_is_an_existing_region_or_organization() {
    on_each(|database| async move {
        let client = database.client();
        let both = json!({ "region": "xinhui", "organization": "jiangmen-polytechnic", "side": "supporter" });
        for (party, pointer, code) in [
            (both, "/parties/0", "one_of"),
            (json!({ "side": "supporter" }), "/parties/0", "one_of"),
            (party("region", "nowhere", "supporter"), "/parties/0/region", "unknown_reference"),
            (party("organization", "nobody", "supporter"), "/parties/0/organization", "unknown_reference"),
            (party("region", "xinhui", "guest"), "/parties/0/side", "enum"),
        ] {
            let body = with(agreement("new"), json!({ "parties": [party] }));
            assert_eq!(client.post("agreements", body).await.expect(422).faults(), [fault(pointer, code)]);
        }
    });
}

#[test]
fn suspending_requires_a_reason_and_defaults_to_today() {
    on_each(|database| async move {
        let client = database.client();
        let today = || client.state.settings.today().to_string();
        create(&client, "agreements", with_status("new", "signed")).await;
        for reason in [json!(null), json!(" ")] {
            let refused =
                client.patch("agreements/new", json!({ "status": "suspended", "status_reason": reason })).await;
            assert_eq!(refused.expect(422).faults(), [fault("/status_reason", "required")]);
        }
        let suspend = json!({ "status": "suspended", "status_reason": "汛期" });
        let before = today();
        let suspended = client.patch("agreements/new", suspend.clone()).await.expect(200);
        let on = suspended.body["status_on"].as_str().unwrap_or_default().to_owned();
        assert!(before <= on && on <= today(), "{on}");

        let resumed = client.patch("agreements/new", json!({ "status": "signed" })).await.expect(200);
        assert_eq!(resumed.body["status_reason"], json!(null));
        let dated =
            client.patch("agreements/new", with(suspend, json!({ "status_on": "2023-05-01" }))).await.expect(200);
        assert_eq!(dated.body["status_on"], "2023-05-01");
        assert_eq!(dated.body["status_reason"], "汛期");
        let history = client.get("agreements/new/history?limit=1000").await.expect(200);
        let last = history.body["items"].as_array().and_then(|items| items.last()).cloned().unwrap_or_default();
        assert_eq!(
            (&last["after"]["status_reason"], &last["after"]["status_on"]),
            (&json!("汛期"), &json!("2023-05-01"))
        );
    });
}

#[test]
fn a_date_given_with_a_status_is_stored_even_if_it_equals_the_previous_one() {
    on_each(|database| async move {
        let client = database.client();
        let suspended = with(with_status("new", "suspended"), json!({ "status_on": "2023-05-01" }));
        create(&client, "agreements", suspended).await;
        let end = json!({ "status": "terminated", "status_reason": "双方同意", "status_on": "2023-05-01" });
        let ended = client.patch("agreements/new", end).await.expect(200);
        assert_eq!(ended.body["status_on"], "2023-05-01");
    });
}

#[test]
fn a_parent_is_in_the_same_pairing_and_not_a_descendant() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "agreements", agreement("top")).await;
        create(&client, "agreements", with(agreement("middle"), json!({ "parent": "top" }))).await;
        create(&client, "agreements", with(agreement("bottom"), json!({ "parent": "middle" }))).await;
        assert_eq!(listed(&client, "agreements", "parent=top").await, ["middle"]);
        for (code, parent, wrong) in [
            ("top", "bottom", "cycle"),
            ("top", "top", "cycle"),
            ("middle", "bottom", "cycle"),
            ("top", "heshan-kaiping-framework-2022", "other_pairing"),
            ("top", "nothing", "unknown_reference"),
        ] {
            let refused = client.patch(&format!("agreements/{code}"), json!({ "parent": parent })).await.expect(422);
            assert!(refused.faults().contains(&fault("/parent", wrong)), "{code} under {parent}: {}", refused.body);
        }
        let moved = client.patch("agreements/top", json!({ "pairing": "heshan-kaiping" })).await.expect(422);
        assert_eq!(moved.faults(), [fault("/pairing", "has_children")]);
    });
}

#[test]
fn a_draft_moves_its_milestones_to_its_new_pairing() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "agreements", agreement("new")).await;
        create(&client, "milestones", with(milestone("step"), json!({ "agreement": "new" }))).await;
        client.patch("agreements/new", json!({ "pairing": "heshan-kaiping" })).await.expect(200);
        assert_eq!(client.get("milestones/step").await.expect(200).body["pairing"]["code"], "heshan-kaiping");
        assert_eq!(listed(&client, "milestones", "pairing=xinhui-taishan").await, Vec::<String>::new());
        let pairing = client.get("pairings/heshan-kaiping?as_of=2022-07-01").await.expect(200);
        assert_eq!(pairing.body["overdue"], 1);
    });
}

#[test]
fn amendments_are_numbered_consecutively() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "agreements", with_status("new", "signed")).await;
        create(&client, "agreements", with_status("other", "signed")).await;
        for number in 1..=3 {
            let body = json!({
                "title": { "zh": format!("第{number}次变更") }, "signed_on": "2023-01-01", "effective_on": "2023-02-01",
                "summary": { "zh": "延期", "en": "Extended" }
            });
            let made = create(&client, "agreements/new/amendments", body).await;
            assert_eq!(made.body["number"], number);
        }
        assert_eq!(
            create(&client, "agreements/other/amendments", json!({ "title": { "zh": "变更" } })).await.body["number"],
            1
        );

        let all = client.get("agreements/new/amendments?count=true").await.expect(200);
        assert_eq!(all.body["total"], 3);
        let numbers: Vec<Value> =
            all.body["items"].as_array().into_iter().flatten().map(|item| item["number"].clone()).collect();
        assert_eq!(numbers, [1, 2, 3]);
        assert_eq!(
            (&all.body["items"][1]["title"]["zh"], &all.body["items"][1]["created_by"]),
            (&json!("第2次变更"), &json!("tester"))
        );
        assert_eq!(client.get("agreements/new").await.expect(200).body["version"], 4);
        let history = client.get("agreements/new/history").await.expect(200);
        assert_eq!(history.body["items"][3]["action"], "amend");
        assert_eq!(history.body["items"][3]["after"]["number"], 3);

        let page = client.get("agreements/new/amendments?limit=2").await.expect(200);
        let cursor = page.body["next_cursor"].as_str().expect("a second page").to_owned();
        let rest = client.get(&format!("agreements/new/amendments?limit=2&cursor={cursor}")).await.expect(200);
        assert_eq!(rest.body["items"].as_array().map(Vec::len), Some(1));
        assert_eq!(rest.body["items"][0]["number"], 3);
    });
}

#[test]
fn an_amendment_of_a_draft_or_with_a_future_date_is_refused() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "agreements", agreement("draft")).await;
        create(&client, "agreements", with_status("signed", "signed")).await;
        let body = json!({ "title": { "zh": "变更" } });
        let refused = client.post("agreements/draft/amendments", body.clone()).await.expect(409);
        assert_eq!(refused.body["code"], "not_signed");
        let early = with(body, json!({ "signed_on": "2999-01-01" }));
        let refused = client.post("agreements/signed/amendments", early).await.expect(422);
        assert_eq!(refused.faults(), [fault("/signed_on", "in_future")]);
        for code in ["draft", "signed"] {
            let none = client.get(&format!("agreements/{code}/amendments")).await.expect(200);
            assert_eq!(none.body["items"], json!([]));
        }
    });
}

#[test]
fn an_agreement_that_others_refer_to_cannot_be_deleted() {
    on_each(|database| async move {
        let client = database.client();
        for code in ["with-child", "with-milestone", "with-nothing"] {
            create(&client, "agreements", agreement(code)).await;
        }
        create(&client, "agreements", with(agreement("child"), json!({ "parent": "with-child" }))).await;
        create(&client, "milestones", with(milestone("step"), json!({ "agreement": "with-milestone" }))).await;
        for (code, by) in [("with-child", "agreements"), ("with-milestone", "milestones")] {
            let refused = client.delete(&format!("agreements/{code}")).await.expect(409);
            assert!(message_at(&refused, "").contains(by), "{}", refused.body);
        }
        client.delete("agreements/with-nothing").await.expect(204);
    });
}

#[test]
fn an_amended_agreement_cannot_be_deleted() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "agreements", with_status("amended", "signed")).await;
        create(&client, "agreements/amended/amendments", json!({ "title": { "zh": "变更" } })).await;
        client.delete("agreements/amended").await.expect(409);
    });
}

#[test]
fn contradictory_dates_are_refused() {
    on_each(|database| async move {
        let client = database.client();
        for (fields, pointer, code) in [
            (json!({ "signed_on": "2999-01-01" }), "/signed_on", "in_future"),
            (json!({ "effective_on": "2022-04-02", "expires_on": "2022-04-01" }), "/expires_on", "before_start"),
            (json!({ "signed_on": "2022-02-30" }), "/signed_on", "format"),
        ] {
            let refused = client.post("agreements", with(agreement("new"), fields)).await.expect(422);
            assert_eq!(refused.faults(), [fault(pointer, code)]);
        }
    });
}
