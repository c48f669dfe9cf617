//! Pairings: members and their periods, lead members, successors, and progress.

use pairing_tracker::access::Role;
use serde_json::{Value, json};

use crate::common::on_each;
use crate::common::records::{
    agreement, codes_of, create, fault, listed, member, message_at, milestone, pairing, with,
};

fn dated(region: &str, is_lead: bool, from_on: Option<&str>, to_on: Option<&str>) -> Value {
    json!({ "region": region, "role": "supporter", "is_lead": is_lead, "from_on": from_on, "to_on": to_on })
}

#[test]
fn members_keep_their_order_roles_and_dates() {
    on_each(|database| async move {
        let client = database.client();
        let members =
            json!([member("taishan", "recipient"), dated("xinhui", true, Some("2022-02-18"), Some("2026-12-31"))]);
        create(&client, "pairings", with(pairing("new"), json!({ "members": members }))).await;
        let read = client.get("pairings/new").await.expect(200);
        let [taishan, xinhui] = read.body["members"].as_array().expect("a list").as_slice() else {
            panic!("two members: {}", read.body)
        };
        assert_eq!((&taishan["region"]["code"], &taishan["role"]), (&json!("taishan"), &json!("recipient")));
        assert_eq!((&taishan["is_lead"], &taishan["from_on"]), (&json!(false), &json!(null)));
        assert_eq!((&xinhui["region"]["name"]["zh"], &xinhui["is_lead"]), (&json!("新会区"), &json!(true)));
        assert_eq!((&xinhui["from_on"], &xinhui["to_on"]), (&json!("2022-02-18"), &json!("2026-12-31")));
    });
}

#[test]
fn contradictory_members_are_refused_at_their_pointers() {
    let xinhui = || dated("xinhui", false, None, None);
    let taishan = || member("taishan", "recipient");
    let leading_recipient = json!({ "region": "taishan", "role": "recipient", "is_lead": true });
    let cases = [
        ("no supporter", json!([taishan(), member("kaiping", "recipient")]), "/members", "side_missing"),
        ("no recipient", json!([xinhui(), dated("heshan", false, None, None)]), "/members", "side_missing"),
        ("one member", json!([xinhui()]), "/members", "too_few"),
        ("a recipient leads", json!([xinhui(), leading_recipient]), "/members/1/is_lead", "not_a_supporter"),
        (
            "two lead",
            json!([dated("xinhui", true, None, None), dated("heshan", true, None, None), taishan()]),
            "/members/1/is_lead",
            "second_lead",
        ),
        (
            "two lead on one day",
            json!([
                dated("xinhui", true, None, Some("2022-06-30")),
                dated("heshan", true, Some("2022-06-30"), None),
                taishan()
            ]),
            "/members/1/is_lead",
            "second_lead",
        ),
        ("a member twice", json!([xinhui(), taishan(), xinhui()]), "/members/2/region", "repeated"),
        (
            "both sides at once",
            json!([xinhui(), taishan(), member("xinhui", "recipient")]),
            "/members/2/region",
            "repeated",
        ),
        (
            "gone before it came",
            json!([dated("xinhui", false, Some("2022-06-30"), Some("2022-06-29")), taishan()]),
            "/members/0/to_on",
            "before_start",
        ),
        (
            "an unknown region",
            json!([member("atlantis", "supporter"), taishan()]),
            "/members/0/region",
            "unknown_reference",
        ),
    ];
    on_each(|database| {
        let cases = cases.clone();
        async move {
            let client = database.client();
            for (what, members, pointer, code) in cases {
                let refused =
                    client.post("pairings", with(pairing("new"), json!({ "members": members }))).await.expect(422);
                assert_eq!(refused.faults(), [fault(pointer, code)], "{what}");
            }
            client.get("pairings/new").await.expect(404);
        }
    });
}

#[test]
fn a_member_named_by_id_and_by_code_is_one_member() {
    on_each(|database| async move {
        let client = database.client();
        let id = client.get("regions/xinhui").await.expect(200).body["id"].to_string();
        let members = json!([member("xinhui", "supporter"), member(&id, "supporter"), member("taishan", "recipient")]);
        let refused = client.post("pairings", with(pairing("new"), json!({ "members": members }))).await.expect(422);
        assert_eq!(refused.faults(), [fault("/members/1/region", "repeated")]);
    });
}

#[test]
fn a_supporter_can_be_replaced_and_can_return() {
    on_each(|database| async move {
        let client = database.client();
        let members = json!([
            dated("xinhui", true, None, Some("2022-06-30")),
            dated("heshan", true, Some("2022-07-01"), Some("2022-12-31")),
            dated("xinhui", true, Some("2023-01-01"), None),
            member("taishan", "recipient")
        ]);
        create(&client, "pairings", pairing("changing")).await;
        let changed = client.patch("pairings/changing", json!({ "members": members })).await.expect(200);
        let regions: Vec<&Value> = changed.body["members"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|member| &member["region"]["code"])
            .collect();
        assert_eq!(regions, ["xinhui", "heshan", "xinhui", "taishan"]);
        assert_eq!(listed(&client, "pairings", "supporter=heshan&recipient=taishan").await, ["changing"]);
    });
}

#[test]
fn a_pairing_with_two_supporters_is_found_by_either() {
    on_each(|database| async move {
        let client = database.client();
        for supporter in ["pengjiang", "jianghai"] {
            let found = client.get(&format!("pairings?supporter={supporter}")).await.expect(200);
            assert_eq!(found.codes(), ["pengjiang-jianghai-enping"]);
            assert_eq!(found.body["items"][0]["members"].as_array().map(Vec::len), Some(3));
        }
    });
}

#[test]
fn filters_select_pairings() {
    on_each(|database| async move {
        let client = database.client();
        let (first, second, third) = ("pengjiang-jianghai-enping", "xinhui-taishan", "heshan-kaiping");
        for (query, codes) in [
            ("region=enping", vec![first]),
            ("region=xinhui", vec![second]),
            ("supporter=taishan", vec![]),
            ("recipient=taishan", vec![second]),
            ("recipient=xinhui", vec![]),
            ("sector=transport", vec![second, third]),
            ("sector=livelihood", vec![first, third]),
            ("sector=transport&region=kaiping", vec![third]),
            ("programme=jiangmen-east-west", vec![first, second, third]),
            ("q=台山", vec![second]),
            ("q=taishan", vec![second]),
            ("q=不存在", vec![]),
            ("sort=code", vec![third, first, second]),
        ] {
            assert_eq!(listed(&client, "pairings", query).await, codes, "{query}");
        }
        for name in ["region", "supporter", "recipient", "sector", "programme", "supersedes"] {
            let refused = client.get(&format!("pairings?{name}=nowhere")).await.expect(422);
            assert_eq!(refused.faults(), [fault(&format!("/query/{name}"), "unknown_reference")]);
        }
    });
}

#[test]
fn a_pairing_is_active_from_its_first_through_its_last_day() {
    on_each(|database| async move {
        let client = database.client();
        for (code, from, to) in [
            ("bounded", Some("2022-02-01"), Some("2022-11-30")),
            ("open-end", Some("2022-06-01"), None),
            ("open-start", None, Some("2022-03-31")),
        ] {
            let dates = json!({ "established_on": from, "ended_on": to });
            create(&client, "pairings", with(pairing(code), dates)).await;
        }
        for (day, codes) in [
            ("2022-01-31", vec!["open-start"]),
            ("2022-02-01", vec!["bounded", "open-start"]),
            ("2022-03-31", vec!["bounded", "open-start"]),
            ("2022-04-01", vec!["bounded"]),
            ("2022-06-01", vec!["bounded", "open-end"]),
            ("2022-11-30", vec!["bounded", "open-end"]),
            ("2022-12-01", vec!["open-end"]),
        ] {
            let mut active = listed(&client, "pairings", &format!("active_on={day}")).await;
            active.retain(|code| ["bounded", "open-end", "open-start"].contains(&code.as_str()));
            assert_eq!(active, codes, "{day}");
        }
        let backwards = with(pairing("new"), json!({ "established_on": "2022-02-01", "ended_on": "2022-01-31" }));
        assert_eq!(client.post("pairings", backwards).await.expect(422).faults(), [fault("/ended_on", "before_start")]);
    });
}

#[test]
fn predecessors_of_pairings_form_no_cycle() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "pairings", with(pairing("second"), json!({ "supersedes": "xinhui-taishan" }))).await;
        create(&client, "pairings", with(pairing("third"), json!({ "supersedes": "second" }))).await;
        assert_eq!(listed(&client, "pairings", "supersedes=xinhui-taishan").await, ["second"]);
        for (code, supersedes) in [("xinhui-taishan", "third"), ("second", "third"), ("third", "third")] {
            let refused =
                client.patch(&format!("pairings/{code}"), json!({ "supersedes": supersedes })).await.expect(422);
            assert_eq!(refused.faults(), [fault("/supersedes", "cycle")], "{code} after {supersedes}");
        }
        client.patch("pairings/third", json!({ "supersedes": "xinhui-taishan" })).await.expect(200);
        client.patch("pairings/second", json!({ "supersedes": "third" })).await.expect(200);
    });
}

#[test]
fn progress_and_overdue_count_the_milestones_of_all_agreements() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "pairings", pairing("new")).await;
        let empty = client.get("pairings/new").await.expect(200).body;
        assert_eq!(
            (&empty["progress"], &empty["progress_counted"], &empty["overdue"]),
            (&json!(null), &json!(0), &json!(0))
        );
        for code in ["one", "two"] {
            create(&client, "agreements", with(agreement(code), json!({ "pairing": "new" }))).await;
        }
        for (code, of, fields) in [
            ("a", "one", json!({ "weight": 3, "progress": 40, "due_on": "2022-06-30" })),
            ("b", "two", json!({ "weight": 1, "status": "met", "met_on": "2022-05-01" })),
            ("c", "two", json!({ "weight": 2, "status": "in_progress", "progress": 10, "due_on": "2022-09-30" })),
            ("d", "two", json!({ "weight": 9, "status": "cancelled", "progress": 90 })),
        ] {
            create(&client, "milestones", with(with(milestone(code), json!({ "agreement": of })), fields)).await;
        }
        for (as_of, overdue) in
            [("2022-06-30", 0), ("2022-07-01", 1), ("2022-09-30", 1), ("2022-10-01", 2), ("2999-01-01", 2)]
        {
            let read = client.get(&format!("pairings/new?as_of={as_of}")).await.expect(200).body;
            assert_eq!(read["overdue"], overdue, "{as_of}");
            // (3·40 + 1·100 + 2·10) / 6
            assert_eq!(read["progress"], 40.0, "{as_of}");
            assert_eq!((&read["progress_counted"], &read["progress_left_out"]), (&json!(3), &json!(1)));
            assert_eq!(
                read["milestones"],
                json!({ "scheduled": 1, "in_progress": 1, "met": 1, "partially_met": 0, "not_met": 0, "cancelled": 1 })
            );
        }
    });
}

#[test]
fn a_pairing_with_agreements_cannot_be_deleted() {
    on_each(|database| async move {
        let client = database.client();
        let refused = client.delete("pairings/xinhui-taishan").await.expect(409);
        assert_eq!(refused.body["code"], "referred_to");
        assert!(refused.body["errors"].to_string().contains("agreements refer to it"), "{}", refused.body);
        create(&client, "pairings", pairing("new")).await;
        client.delete("pairings/new").await.expect(204);
        client.get("pairings/new").await.expect(404);
    });
}

#[test]
fn a_pairing_that_a_key_names_cannot_be_deleted() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "pairings", pairing("short-lived")).await;
        let editor = client.with_key(database.key("editor", Role::Editor, &["short-lived"]));
        editor.patch("pairings/xinhui-taishan", json!({ "note": "改动" })).await.expect(403);
        for deleting in [&client, &editor] {
            assert_eq!(deleting.delete("pairings/short-lived").await.expect(409).body["code"], "referred_to");
        }
        editor.patch("pairings/xinhui-taishan", json!({ "note": "改动" })).await.expect(403);
        editor.patch("pairings/short-lived", json!({ "note": "改动" })).await.expect(200);
    });
}

#[test]
fn the_refusal_to_delete_a_pairing_mentions_the_key() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "pairings", pairing("named")).await;
        database.key("editor", Role::Editor, &["named"]);
        let refused = client.delete("pairings/named").await.expect(409);
        assert_eq!(refused.faults(), [fault("", "referred_to")]);
        assert!(message_at(&refused, "").contains("keys"), "{}", refused.body);
    });
}

#[test]
fn sectors_of_a_pairing_keep_their_order_without_repetition() {
    on_each(|database| async move {
        let client = database.client();
        let body = with(pairing("new"), json!({ "sectors": ["transport", "education"] }));
        assert_eq!(codes_of(&create(&client, "pairings", body).await.body["sectors"]), ["transport", "education"]);
        let changed = client.patch("pairings/new", json!({ "sectors": ["education", "health"] })).await.expect(200);
        assert_eq!(codes_of(&changed.body["sectors"]), ["education", "health"]);
        let refused = client.patch("pairings/new", json!({ "sectors": ["health", "nothing", "health"] })).await;
        assert_eq!(
            refused.expect(422).faults(),
            [fault("/sectors/1", "unknown_reference"), fault("/sectors/2", "repeated")]
        );
    });
}
