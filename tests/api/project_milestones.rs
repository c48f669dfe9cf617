//! Milestones of projects: they belong to an agreement or a project, count for both, and move with the project.

use pairing_tracker::access::Role;
use serde_json::{Value, json};

use crate::common::records::{agreement, column, create, fault, listed, message_at, milestone, project, with};
use crate::common::{Client, on_each};

/// A milestone of a project, due on 30 June 2022.
fn of_project(code: &str, project: &str) -> Value {
    with(milestone(code), json!({ "agreement": null, "project": project }))
}

/// Progress, milestones counted and left out, and overdue on 1 July 2022.
async fn figures(client: &Client, path: &str) -> Value {
    let read = client.get(&format!("{path}?as_of=2022-07-01")).await.expect(200).body;
    json!([read["progress"], read["progress_counted"], read["progress_left_out"], read["overdue"]])
}

/// An agreement with its own milestone, a project under it with three, and a project without an agreement with one.
async fn build(client: &Client) {
    create(client, "agreements", with(agreement("own"), json!({ "sectors": ["education"] }))).await;
    let transport = json!({ "agreement": "own", "sectors": [{ "sector": "transport", "percent": 100 }] });
    create(client, "projects", with(project("under"), transport)).await;
    create(client, "projects", project("alone")).await;
    create(client, "milestones", with(milestone("of-agreement"), json!({ "agreement": "own", "progress": 20 }))).await;
    for (code, project, fields) in [
        ("met", "under", json!({ "status": "met", "met_on": "2022-06-30", "weight": 2 })),
        ("late", "under", json!({ "progress": 40 })),
        ("given-up", "under", json!({ "status": "cancelled", "weight": 9 })),
        ("of-alone", "alone", json!({ "progress": 10 })),
    ] {
        create(client, "milestones", with(of_project(code, project), fields)).await;
    }
}

#[test]
fn a_milestone_belongs_to_an_agreement_or_to_a_project() {
    on_each(|database| async move {
        let client = database.client();
        build(&client).await;
        let of = |agreement: Value, project: Value| json!({ "agreement": agreement, "project": project });
        for (fields, pointer, code) in [
            (of(json!(null), json!(null)), "/agreement", "required"),
            (of(json!("own"), json!("under")), "/project", "one_of"),
            (of(json!(null), json!("none")), "/project", "unknown_reference"),
        ] {
            let refused = client.post("milestones", with(milestone("new"), fields.clone())).await.expect(422);
            assert_eq!(refused.faults(), [fault(pointer, code)], "{fields}");
            let refused = client.patch("milestones/late", fields.clone()).await.expect(422);
            assert_eq!(refused.faults(), [fault(pointer, code)], "{fields}");
        }
        let mut bare = milestone("new");
        bare.as_object_mut().expect("an object").remove("agreement");
        assert_eq!(client.post("milestones", bare).await.expect(422).faults(), [fault("/agreement", "required")]);
        // Setting one parent without clearing the other gives the milestone two.
        for (code, change, pointer) in [
            ("late", json!({ "agreement": "own" }), "/project"),
            ("of-agreement", json!({ "project": "under" }), "/project"),
        ] {
            let refused = client.patch(&format!("milestones/{code}"), change).await.expect(422);
            assert_eq!(refused.faults(), [fault(pointer, "one_of")], "{code}");
        }
        let read = client.get("milestones/late").await.expect(200).body;
        assert_eq!((&read["agreement"], &read["project"]["code"]), (&json!(null), &json!("under")));
        assert_eq!(read["pairing"]["code"], "xinhui-taishan");
        // From one parent to the other, and to a project of another pairing.
        create(&client, "projects", with(project("far"), json!({ "pairing": "heshan-kaiping" }))).await;
        for (fields, agreement, project, pairing) in [
            (of(json!("own"), json!(null)), json!("own"), json!(null), "xinhui-taishan"),
            (of(json!(null), json!("far")), json!(null), json!("far"), "heshan-kaiping"),
            (of(json!(null), json!("alone")), json!(null), json!("alone"), "xinhui-taishan"),
        ] {
            let read = client.patch("milestones/late", fields).await.expect(200).body;
            assert_eq!((&read["agreement"]["code"], &read["project"]["code"]), (&agreement, &project));
            assert_eq!(read["pairing"]["code"], pairing);
        }
        assert_eq!(listed(&client, "milestones", "agreement=own&sort=id").await, ["of-agreement", "met", "given-up"]);
    });
}

#[test]
fn milestones_count_for_the_project_its_agreement_and_the_pairing() {
    on_each(|database| async move {
        let client = database.client();
        build(&client).await;
        // (2·100 + 40) / 3; with the agreement's own (240 + 20) / 4; with that of the other project (260 + 10) / 5.
        for (path, wanted) in [
            ("projects/under", json!([80.0, 2, 1, 1])),
            ("projects/alone", json!([10.0, 1, 0, 1])),
            ("agreements/own", json!([65.0, 3, 1, 2])),
            ("pairings/xinhui-taishan", json!([54.0, 4, 1, 3])),
        ] {
            assert_eq!(figures(&client, path).await, wanted, "{path}");
        }
        let under = client.get("projects/under?as_of=2022-06-30").await.expect(200).body;
        assert_eq!(under["overdue"], 0);
        for (group, subjects, progress) in [
            ("project", "/project/code", vec![("alone", json!(10.0)), ("under", json!(80.0))]),
            ("agreement", "/agreement/code", vec![("own", json!(65.0))]),
            ("pairing", "/pairing/code", vec![("xinhui-taishan", json!(54.0))]),
            // A project has its own shares of sectors; without them the sectors of its agreement count.
            ("sector", "/sector/code", vec![("transport", json!(80.0)), ("education", json!(20.0))]),
        ] {
            let query = format!("reports/scorecard?as_of=2022-07-01&group_by={group}&limit=1000");
            let card = client.get(&query).await.expect(200);
            let (codes, figures) = (column(&card, subjects), column(&card, "/figures/progress"));
            for (code, wanted) in progress {
                let at = codes.iter().position(|found| found == code).expect("a row");
                assert_eq!(figures[at], wanted, "{code}");
            }
        }
        let overdue = client.get("reports/overdue?as_of=2022-07-01").await.expect(200);
        let mut codes = column(&overdue, "/milestone/code");
        codes.sort_by_key(Value::to_string);
        assert_eq!(codes, ["late", "of-agreement", "of-alone"]);
    });
}

#[test]
fn all_reports_and_lists_assign_a_milestone_to_the_same_sectors() {
    on_each(|database| async move {
        let client = database.client();
        build(&client).await;
        create(&client, "projects", with(project("undivided"), json!({ "agreement": "own" }))).await;
        create(&client, "milestones", of_project("of-undivided", "undivided")).await;
        let day = "as_of=2022-07-01";
        let card = client.get(&format!("reports/scorecard?{day}&group_by=sector&limit=1000")).await.expect(200);
        let sectors = column(&card, "/sector/code");
        for (sector, codes) in
            [("transport", vec!["late"]), ("education", vec!["of-agreement", "of-undivided"]), ("health", vec![])]
        {
            let at = sectors.iter().position(|found| found == sector).expect("a row");
            assert_eq!(card.body["items"][at]["figures"]["overdue"], codes.len(), "{sector}");
            let filtered = client.get(&format!("reports/scorecard?{day}&sector={sector}")).await.expect(200);
            assert_eq!(filtered.body["overall"]["overdue"], codes.len(), "{sector}");
            let overdue = client.get(&format!("reports/overdue?{day}&sector={sector}")).await.expect(200);
            assert_eq!(column(&overdue, "/milestone/code"), codes, "{sector}");
            let query = format!("{day}&sort=id&overdue=true&sector={sector}");
            assert_eq!(listed(&client, "milestones", &query).await, codes, "{sector}");
            let query = format!("pairing=xinhui-taishan&event=due&from=2022-06-30&to=2022-06-30&sector={sector}");
            let axis = client.get(&format!("reports/timeline?{query}")).await.expect(200);
            let mut on_axis = column(&axis, "/milestone/code");
            // Milestones that are met or cancelled were due as well.
            on_axis.retain(|code| code != "met" && code != "given-up");
            assert_eq!(on_axis, codes, "{sector}");
        }
    });
}

#[test]
fn lists_filter_milestones_by_project_and_by_agreement() {
    on_each(|database| async move {
        let client = database.client();
        build(&client).await;
        for (query, codes) in [
            ("project=under", vec!["met", "late", "given-up"]),
            ("project=alone", vec!["of-alone"]),
            ("agreement=own", vec!["of-agreement", "met", "late", "given-up"]),
            ("agreement=own&project=under&status=met", vec!["met"]),
            ("agreement=own&overdue=true&as_of=2022-07-01", vec!["of-agreement", "late"]),
            ("project=under&overdue=true&as_of=2022-06-30", vec![]),
            ("sector=transport", vec!["met", "late", "given-up"]),
            ("sector=education", vec!["of-agreement"]),
            ("pairing=xinhui-taishan", vec!["of-agreement", "met", "late", "given-up", "of-alone"]),
        ] {
            assert_eq!(listed(&client, "milestones", &format!("sort=id&{query}")).await, codes, "{query}");
        }
        let refused = client.get("milestones?project=none").await.expect(422);
        assert_eq!(refused.faults(), [fault("/query/project", "unknown_reference")]);
    });
}

#[test]
fn a_project_moves_its_milestones_to_another_agreement_or_pairing() {
    on_each(|database| async move {
        let client = database.client();
        build(&client).await;
        create(&client, "agreements", agreement("other")).await;
        let far = json!({ "pairing": "heshan-kaiping" });
        let theirs = with(far.clone(), json!({ "agreement": "heshan-kaiping-framework-2022" }));
        let of_project = ["met", "late", "given-up"];
        for (change, agreement, pairing) in [
            (json!({ "agreement": "other" }), Some("other"), "xinhui-taishan"),
            (json!({ "agreement": null }), None, "xinhui-taishan"),
            (json!({ "agreement": "own" }), Some("own"), "xinhui-taishan"),
            (theirs, Some("heshan-kaiping-framework-2022"), "heshan-kaiping"),
            (json!({ "agreement": null }), None, "heshan-kaiping"),
            (json!({ "pairing": "xinhui-taishan", "agreement": "own" }), Some("own"), "xinhui-taishan"),
            (json!({ "note": "改" }), Some("own"), "xinhui-taishan"),
        ] {
            let read = client.patch("projects/under", change.clone()).await.expect(200).body;
            assert_eq!((&read["agreement"]["code"], &read["pairing"]["code"]), (&json!(agreement), &json!(pairing)));
            assert_eq!((&read["progress"], &read["progress_counted"]), (&json!(80.0), &json!(2)), "after {change}");
            for code in of_project {
                let read = client.get(&format!("milestones/{code}")).await.expect(200).body;
                assert_eq!((&read["pairing"]["code"], &read["agreement"]), (&json!(pairing), &json!(null)), "{code}");
            }
            for candidate in ["own", "other", "heshan-kaiping-framework-2022"] {
                let mut found = listed(&client, "milestones", &format!("agreement={candidate}&sort=id")).await;
                found.retain(|code| of_project.contains(&code.as_str()));
                let wanted = if agreement == Some(candidate) { of_project.to_vec() } else { Vec::new() };
                assert_eq!(found, wanted, "{candidate} after {change}");
            }
        }
        // A project cannot be under an agreement of another pairing.
        for change in [json!({ "agreement": "heshan-kaiping-framework-2022" }), far] {
            let refused = client.patch("projects/under", change).await.expect(422);
            assert_eq!(refused.faults(), [fault("/agreement", "other_pairing")]);
        }
        let foreign = json!({ "agreement": "heshan-kaiping-framework-2022" });
        let refused = client.post("projects", with(project("new"), foreign)).await.expect(422);
        assert_eq!(refused.faults(), [fault("/agreement", "other_pairing")]);
        assert_eq!(figures(&client, "agreements/own").await, json!([65.0, 3, 1, 2]));
    });
}

#[test]
fn a_project_that_others_refer_to_cannot_be_deleted() {
    on_each(|database| async move {
        let client = database.client();
        build(&client).await;
        let refused = client.delete("projects/alone").await.expect(409);
        assert!(message_at(&refused, "").contains("milestones"), "{}", refused.body);
        client.delete("milestones/of-alone").await.expect(204);
        client.delete("projects/alone").await.expect(204);
        client.post("projects", project("alone")).await.expect(409);
        let refused = client.delete("agreements/own").await.expect(409);
        let errors = refused.body["errors"].to_string();
        assert!(errors.contains("milestones") && errors.contains("projects"), "{errors}");
    });
}

#[test]
fn an_editor_of_another_pairing_cannot_change_milestones_of_a_project() {
    on_each(|database| async move {
        let admin = database.client();
        build(&admin).await;
        let editor = admin.with_key(database.key("editor of one", Role::Editor, &["heshan-kaiping"]));
        let far = json!({ "pairing": "heshan-kaiping" });
        create(&editor, "projects", with(project("far"), far.clone())).await;
        create(&editor, "milestones", of_project("of-far", "far")).await;
        for refused in [
            editor.post("milestones", of_project("new", "under")).await,
            editor.patch("milestones/of-far", json!({ "project": "under" })).await,
            editor.patch("milestones/late", json!({ "project": "far" })).await,
            editor.patch("projects/alone", far).await,
            editor.patch("projects/far", json!({ "pairing": "xinhui-taishan" })).await,
            editor.post("projects", project("new")).await,
            editor.delete("projects/alone").await,
        ] {
            assert_eq!(refused.expect(403).body["code"], "forbidden");
        }
    });
}
