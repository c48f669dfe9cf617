//! Resolutions: decisions of a conference, the records that they became, and those of the last conference.

use pairing_tracker::access::Role;
use serde_json::{Value, json};

use crate::common::records::{
    approved, codes_of, commitment, conference, create, fault, listed, message_at, milestone, with,
};
use crate::common::{Client, on_each};

const FIRST: &str = "xinhui-taishan-first-joint-conference";
const FOREIGN: &str = "heshan-kaiping-first-joint-conference";

fn resolution(code: &str) -> Value {
    json!({ "code": code, "conference": FIRST, "text": { "zh": "年内完成文旅线路图" } })
}

async fn state_of(client: &Client, code: &str, as_of: &str) -> Value {
    client.get(&format!("resolutions/{code}?as_of={as_of}")).await.expect(200).body
}

#[test]
fn a_resolution_without_an_outcome_has_its_own_state() {
    let cases = [
        (json!({}), "2022-06-30", "open"),
        (json!({ "due_on": "2022-06-30" }), "2022-06-30", "open"),
        (json!({ "due_on": "2022-06-30" }), "2022-07-01", "overdue"),
        (json!({ "due_on": "2022-06-30", "status": "done", "done_on": "2022-08-01" }), "2022-09-01", "done"),
        (json!({ "due_on": "2022-06-30", "status": "done" }), "2022-09-01", "done"),
        (json!({ "due_on": "2022-06-30", "status": "dropped" }), "2022-09-01", "dropped"),
    ];
    on_each(|database| {
        let cases = cases.clone();
        async move {
            let client = database.client();
            for (number, (fields, as_of, state)) in cases.into_iter().enumerate() {
                let code = format!("resolution-{number}");
                create(&client, "resolutions", with(resolution(&code), fields.clone())).await;
                let read = state_of(&client, &code, as_of).await;
                assert_eq!(read["state"], state, "{fields} on {as_of}");
                let nothing = (&json!(null), &json!(null));
                assert_eq!((&read["commitment_standing"], &read["milestone_standing"]), nothing);
            }
        }
    });
}

#[test]
fn a_resolution_that_became_a_milestone_has_the_state_of_the_milestone() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "milestones", milestone("point")).await;
        let long_over = json!({ "milestone": "point", "due_on": "2022-01-01" });
        create(&client, "resolutions", with(resolution("became"), long_over)).await;
        let before = state_of(&client, "became", "2022-06-30").await;
        assert_eq!((&before["state"], &before["milestone"]["code"]), (&json!("open"), &json!("point")));
        assert_eq!(before["milestone_standing"], json!({ "status": "scheduled", "overdue": false, "days_late": 0 }));
        let after = state_of(&client, "became", "2022-07-03").await;
        assert_eq!(after["state"], "overdue");
        assert_eq!(after["milestone_standing"], json!({ "status": "scheduled", "overdue": true, "days_late": 3 }));
        for (status, fields, state) in [
            ("cancelled", json!({}), "dropped"),
            ("scheduled", json!({ "due_on": "2022-07-31", "reason": "汛期" }), "open"),
            ("in_progress", json!({}), "open"),
            ("partially_met", json!({ "met_on": "2022-07-02" }), "done"),
            ("met", json!({ "met_on": "2022-07-02" }), "done"),
        ] {
            let change = with(json!({ "status": status }), fields);
            client.patch("milestones/point", change).await.expect(200);
            let read = state_of(&client, "became", "2022-07-03").await;
            assert_eq!((&read["state"], &read["status"]), (&json!(state), &json!("open")), "{status}");
            assert_eq!(read["milestone_standing"]["status"], status);
        }
        assert_eq!(listed(&client, "resolutions", "milestone=point").await, ["became"]);
        let refused = client.delete("milestones/point").await.expect(409);
        assert!(message_at(&refused, "").contains("resolutions"), "{}", refused.body);
    });
}

#[test]
fn a_resolution_that_became_a_commitment_has_the_state_of_the_commitment() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "commitments", commitment("teachers")).await;
        let became = json!({ "commitment": "teachers", "due_on": "2022-01-01" });
        create(&client, "resolutions", with(resolution("became"), became)).await;
        for (start, end, value) in [("2022-01-01", "2022-06-30", "30"), ("2022-07-01", "2023-01-31", "70")] {
            create(&client, "progress-reports", approved("teachers", start, end, value)).await;
        }
        for (as_of, state, completion, pace) in [
            ("2021-12-31", "open", json!(null), "unknown"),
            ("2022-06-30", "open", json!(30.0), "behind"),
            ("2022-12-30", "open", json!(30.0), "behind"),
            ("2022-12-31", "overdue", json!(30.0), "behind"),
            ("2023-01-30", "overdue", json!(30.0), "behind"),
            ("2023-01-31", "done", json!(100.0), "on_track"),
        ] {
            let read = state_of(&client, "became", as_of).await;
            assert_eq!(read["state"], state, "on {as_of}");
            assert_eq!(read["commitment_standing"], json!({ "completion": completion, "pace": pace }), "on {as_of}");
        }
        assert_eq!(listed(&client, "resolutions", "commitment=teachers").await, ["became"]);
        let refused = client.delete("commitments/teachers").await.expect(409);
        assert!(refused.body["errors"].to_string().contains("resolutions"), "{}", refused.body);
    });
}

#[test]
fn a_resolution_becomes_either_a_milestone_or_a_commitment_of_its_pairing() {
    let foreign = || fault("/milestone", "other_pairing");
    let cases = [
        (json!({ "commitment": "own", "milestone": "own" }), vec![fault("/milestone", "one_of")]),
        (json!({ "commitment": "foreign" }), vec![fault("/commitment", "other_pairing")]),
        (json!({ "milestone": "foreign" }), vec![foreign()]),
        (json!({ "commitment": "none" }), vec![fault("/commitment", "unknown_reference")]),
        (json!({ "milestone": "none" }), vec![fault("/milestone", "unknown_reference")]),
        (json!({ "commitment": "own", "milestone": "foreign" }), vec![fault("/milestone", "one_of"), foreign()]),
        (json!({ "conference": "none" }), vec![fault("/conference", "unknown_reference")]),
        (json!({ "responsible": ["nobody"] }), vec![fault("/responsible/0", "unknown_reference")]),
    ];
    on_each(|database| {
        let cases = cases.clone();
        async move {
            let client = database.client();
            for (code, agreement) in
                [("own", "xinhui-taishan-framework-2022"), ("foreign", "heshan-kaiping-framework-2022")]
            {
                let of = json!({ "agreement": agreement });
                create(&client, "commitments", with(commitment(code), of.clone())).await;
                create(&client, "milestones", with(milestone(code), of)).await;
            }
            create(&client, "conferences", conference("here")).await;
            create(&client, "resolutions", with(resolution("there"), json!({ "conference": "here" }))).await;
            for (fields, faults) in cases {
                let refused = client.post("resolutions", with(resolution("new"), fields.clone())).await.expect(422);
                assert_eq!(refused.faults(), faults, "creating with {fields}");
                let refused = client.patch("resolutions/there", fields.clone()).await.expect(422);
                assert_eq!(refused.faults(), faults, "changing by {fields}");
            }
            client.patch("resolutions/there", json!({ "milestone": "own" })).await.expect(200);
            let other = json!({ "milestone": null, "commitment": "own", "responsible": ["jiangmen-polytechnic"] });
            let changed = client.patch("resolutions/there", other).await.expect(200);
            assert_eq!(
                (&changed.body["milestone"], &changed.body["commitment"]["code"]),
                (&json!(null), &json!("own"))
            );
            assert_eq!(codes_of(&changed.body["responsible"]), ["jiangmen-polytechnic"]);
            // A resolution cannot move to another pairing with the record that it became, nor that record without it.
            let refused = client.patch("resolutions/there", json!({ "conference": FOREIGN })).await.expect(422);
            assert_eq!(refused.faults(), [fault("/commitment", "other_pairing")]);
            for (path, change) in [
                ("conferences/here", json!({ "pairing": "heshan-kaiping" })),
                ("commitments/own", json!({ "agreement": "heshan-kaiping-framework-2022" })),
            ] {
                assert_eq!(client.patch(path, change).await.expect(409).body["code"], "referred_to", "{path}");
            }
            let moved = json!({ "conference": FOREIGN, "commitment": "foreign" });
            let moved = client.patch("resolutions/there", moved).await.expect(200);
            assert_eq!(moved.body["pairing"]["code"], "heshan-kaiping");
        }
    });
}

#[test]
fn only_a_done_resolution_has_the_date_on_which_it_was_done() {
    let cases = [
        (json!({ "done_on": "2022-06-01" }), "/done_on", "not_for_status"),
        (json!({ "status": "dropped", "done_on": "2022-06-01" }), "/done_on", "not_for_status"),
        (json!({ "status": "done", "done_on": "2999-01-01" }), "/done_on", "in_future"),
        (json!({ "status": "done", "done_on": "2022-02-30" }), "/done_on", "format"),
        (json!({ "status": "overdue" }), "/status", "enum"),
    ];
    on_each(|database| {
        let cases = cases.clone();
        async move {
            let client = database.client();
            create(&client, "resolutions", resolution("there")).await;
            for (fields, pointer, code) in cases {
                let refused = client.post("resolutions", with(resolution("new"), fields.clone())).await.expect(422);
                assert_eq!(refused.faults(), [fault(pointer, code)], "creating with {fields}");
                let refused = client.patch("resolutions/there", fields.clone()).await.expect(422);
                assert_eq!(refused.faults(), [fault(pointer, code)], "changing by {fields}");
            }
            let patch = |change: Value| client.patch("resolutions/there", change);
            patch(json!({ "status": "done", "done_on": "2022-06-01" })).await.expect(200);
            let refused = patch(json!({ "status": "open" })).await.expect(422);
            assert_eq!(refused.faults(), [fault("/done_on", "not_for_status")]);
            let refused = patch(json!({ "status": "dropped", "done_on": null })).await.expect(422);
            assert_eq!(refused.faults(), [fault("/status", "transition_not_allowed")]);
            assert!(message_at(&refused, "/status").ends_with("allowed: open"), "{}", refused.body);
            for status in ["open", "dropped"] {
                patch(json!({ "status": status, "done_on": null })).await.expect(200);
            }
            let refused = patch(json!({ "status": "done" })).await.expect(422);
            assert_eq!(refused.faults(), [fault("/status", "transition_not_allowed")]);
        }
    });
}

#[test]
fn a_conference_lists_only_its_own_resolutions() {
    on_each(|database| async move {
        let client = database.client();
        let nested = |code: &str| json!({ "code": code, "text": { "zh": "商定园区清单" }, "due_on": "2022-06-30" });
        let below = format!("conferences/{FIRST}/resolutions");
        let made = create(&client, &below, nested("one")).await;
        assert_eq!((&made.body["conference"]["code"], &made.body["code"]), (&json!(FIRST), &json!("one")));
        assert_eq!(made.header("location"), format!("/api/v1/resolutions/{}", made.body["id"]));
        create(&client, "resolutions", resolution("two")).await;
        create(&client, &format!("conferences/{FOREIGN}/resolutions"), nested("other")).await;
        let all = client.get(&format!("{below}?count=true&as_of=2022-07-01")).await.expect(200);
        assert_eq!((all.codes(), &all.body["total"]), (vec!["one".to_owned(), "two".to_owned()], &json!(2)));
        assert_eq!(all.body["items"][0]["state"], "overdue");
        let page = client.get(&format!("{below}?limit=1")).await.expect(200);
        let cursor = page.body["next_cursor"].as_str().expect("a second page").to_owned();
        let rest = client.get(&format!("{below}?limit=1&cursor={cursor}")).await.expect(200);
        assert_eq!((rest.codes(), &rest.body["next_cursor"]), (vec!["two".to_owned()], &json!(null)));

        client.get("conferences/none/resolutions").await.expect(404);
        client.post("conferences/none/resolutions", nested("new")).await.expect(404);
        let named = with(nested("new"), json!({ "conference": FIRST }));
        let refused = client.post(&below, named).await.expect(400);
        assert_eq!(refused.faults(), [fault("/conference", "unknown_field")]);
        client.get("resolutions/new").await.expect(404);
    });
}

#[test]
fn the_last_conference_filter_selects_the_latest_conference_held_by_the_date() {
    on_each(|database| async move {
        let client = database.client();
        // The first was held on 18 February 2022. Two are on the same day; of these the later record is the last.
        for (code, status, held_on) in [
            ("june", "held", json!("2022-06-01")),
            ("june-too", "held", json!("2022-06-01")),
            ("march", "held", json!("2022-03-01")),
            ("called-off", "cancelled", json!("2022-05-01")),
            ("planned", "planned", json!("2022-05-02")),
            ("undated", "planned", json!(null)),
        ] {
            let fields = json!({ "status": status, "held_on": held_on, "kind": "matchmaking" });
            create(&client, "conferences", with(conference(code), fields)).await;
        }
        for code in [FIRST, "march", "june", "june-too", "called-off", "planned", "undated", FOREIGN] {
            for status in ["open", "done"] {
                let fields = json!({ "conference": code, "status": status });
                create(&client, "resolutions", with(resolution(&format!("{code}-{status}")), fields)).await;
            }
        }
        let all: Vec<String> = listed(&client, "resolutions", "pairing=xinhui-taishan&status=open").await;
        for (as_of, last) in [
            ("2022-02-17", None),
            ("2022-02-18", Some(FIRST)),
            ("2022-02-28", Some(FIRST)),
            ("2022-03-01", Some("march")),
            ("2022-05-31", Some("march")),
            ("2022-06-01", Some("june-too")),
            ("2999-01-01", Some("june-too")),
        ] {
            let query =
                |wanted: bool| format!("pairing=xinhui-taishan&last_conference={wanted}&status=open&as_of={as_of}");
            let of_last: Vec<String> = last.iter().map(|code| format!("{code}-open")).collect();
            assert_eq!(listed(&client, "resolutions", &query(true)).await, of_last, "on {as_of}");
            let others: Vec<String> = all.iter().filter(|code| !of_last.contains(code)).cloned().collect();
            assert_eq!(listed(&client, "resolutions", &query(false)).await, others, "on {as_of}");
        }
        // Each pairing has its own last conference.
        let everywhere = listed(&client, "resolutions", "last_conference=true&status=open&as_of=2022-05-31").await;
        assert_eq!(everywhere, ["march-open".to_owned(), format!("{FOREIGN}-open")]);
    });
}

#[test]
fn an_editor_of_another_pairing_cannot_write_resolutions() {
    on_each(|database| async move {
        let admin = database.client();
        let editor = admin.with_key(database.key("editor of one", Role::Editor, &["xinhui-taishan"]));
        create(&editor, "resolutions", resolution("own")).await;
        create(&admin, "resolutions", with(resolution("foreign"), json!({ "conference": FOREIGN }))).await;
        let nested = json!({ "code": "new", "text": { "zh": "商定园区清单" } });
        let note = || json!({ "note": "改" });
        for refused in [
            editor.post(&format!("conferences/{FOREIGN}/resolutions"), nested.clone()).await,
            editor.post("resolutions", with(nested.clone(), json!({ "conference": FOREIGN }))).await,
            editor.patch("resolutions/foreign", note()).await,
            editor.patch("resolutions/foreign", json!({ "conference": FIRST })).await,
            editor.patch("resolutions/own", json!({ "conference": FOREIGN })).await,
            editor.delete("resolutions/foreign").await,
            editor.patch(&format!("conferences/{FOREIGN}"), note()).await,
        ] {
            assert_eq!(refused.expect(403).body["code"], "forbidden");
        }
        for (code, of) in [("own", FIRST), ("foreign", FOREIGN)] {
            let read = admin.get(&format!("resolutions/{code}")).await.expect(200);
            assert_eq!((&read.body["conference"]["code"], &read.body["version"]), (&json!(of), &json!(1)));
        }
        create(&editor, &format!("conferences/{FIRST}/resolutions"), nested).await;
        editor.patch("resolutions/own", note()).await.expect(200);
        editor.delete("resolutions/own").await.expect(204);
    });
}
