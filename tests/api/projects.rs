//! Projects: shares of sectors, roles of organizations, dates, money, and transitions.

use serde_json::{Value, json};

use crate::common::on_each;
use crate::common::records::{agreement, create, fault, listed, message_at, project, with};

#[test]
fn every_transition_is_allowed_or_refused_with_the_allowed_ones() {
    let allowed: [(&str, &[&str]); 6] = [
        ("proposed", &["planned", "in_progress", "cancelled"]),
        ("planned", &["proposed", "in_progress", "suspended", "cancelled"]),
        ("in_progress", &["completed", "suspended", "cancelled"]),
        ("suspended", &["planned", "in_progress", "cancelled"]),
        ("completed", &["in_progress"]),
        ("cancelled", &["proposed"]),
    ];
    on_each(|database| async move {
        let client = database.client();
        assert_eq!(create(&client, "projects", project("new")).await.body["status"], "proposed");
        for (from, next) in allowed {
            for (to, _) in allowed {
                let code = format!("{from}-{to}").replace('_', "-");
                create(&client, "projects", with(project(&code), json!({ "status": from }))).await;
                let path = format!("projects/{code}");
                let response = client.patch(&path, json!({ "status": to })).await;
                if from == to || next.contains(&to) {
                    assert_eq!(response.expect(200).body["status"], to, "{code}");
                    continue;
                }
                let refused = response.expect(422);
                assert_eq!(refused.faults(), [fault("/status", "transition_not_allowed")], "{code}");
                let words = message_at(&refused, "/status");
                let named: Vec<&str> = words.split("allowed: ").nth(1).unwrap_or_default().split(", ").collect();
                assert_eq!(named, next, "{words}");
                assert_eq!(client.get(&path).await.expect(200).body["status"], from);
            }
        }
    });
}

/// Sectors with shares, from their percentages.
fn shares(percents: &[Value]) -> Value {
    let sectors = ["transport", "education", "health", "talent", "industry"];
    let share = |(sector, percent): (&str, &Value)| json!({ "sector": sector, "percent": percent });
    sectors.into_iter().zip(percents).map(share).collect()
}

#[test]
fn the_shares_of_sectors_sum_to_one_hundred_percent() {
    let sum = || vec![fault("/sectors", "sum")];
    let cases = [
        (vec![], vec![]),
        (vec![json!(100)], vec![]),
        (vec![json!(33.33), json!(33.33), json!(33.34)], vec![]),
        (vec![json!(0.01), json!(99.99)], vec![]),
        (vec![json!(14.29), json!(14.29), json!(28.57), json!(28.57), json!(14.28)], vec![]),
        (vec![json!(33.33), json!(33.33), json!(33.33)], sum()),
        (vec![json!(33.333), json!(33.333), json!(33.333)], sum()),
        (vec![json!(60), json!(60)], sum()),
        (vec![json!(99.99)], sum()),
        (vec![json!(100), json!(0)], vec![fault("/sectors/1/percent", "too_small")]),
        (
            vec![json!(0.004), json!(100), json!(0)],
            vec![fault("/sectors/0/percent", "too_small"), fault("/sectors/2/percent", "too_small")],
        ),
        (
            vec![json!(-1), json!(101)],
            vec![fault("/sectors/0/percent", "too_small"), fault("/sectors/1/percent", "too_large")],
        ),
        (vec![json!("100")], vec![fault("/sectors/0/percent", "type")]),
    ];
    on_each(|database| {
        let cases = cases.clone();
        async move {
            let client = database.client();
            for (number, (percents, faults)) in cases.into_iter().enumerate() {
                let fields = json!({ "sectors": shares(&percents) });
                let response = client.post("projects", with(project(&format!("made-{number}")), fields.clone())).await;
                assert_eq!(response.faults(), faults, "creating with {percents:?}");
                let code = format!("changed-{number}");
                create(&client, "projects", project(&code)).await;
                let changed = client.patch(&format!("projects/{code}"), fields).await;
                assert_eq!(changed.faults(), faults, "changing to {percents:?}");
                if faults.is_empty() {
                    let (made, changed) = (response.expect(201).body, changed.expect(200).body);
                    let stored =
                        made["sectors"].as_array().expect("a list").iter().map(|share| share["percent"].as_f64());
                    let given = percents.iter().map(Value::as_f64);
                    assert!(stored.eq(given), "{percents:?}: {}", made["sectors"]);
                    assert_eq!(made["sectors"], changed["sectors"]);
                } else {
                    response.expect(422);
                    changed.expect(422);
                }
            }
            let twice = json!({ "sectors": [
                { "sector": "transport", "percent": 50 }, { "sector": "none", "percent": 20 },
                { "sector": "transport", "percent": 30 }
            ] });
            let refused = client.post("projects", with(project("new"), twice)).await.expect(422);
            let faults = [fault("/sectors/1/sector", "unknown_reference"), fault("/sectors/2/sector", "repeated")];
            assert_eq!(refused.faults(), faults);
        }
    });
}

#[test]
fn an_organization_has_each_role_at_most_once_and_may_have_several() {
    on_each(|database| async move {
        let client = database.client();
        let one = |organization: &str, role: &str| json!({ "organization": organization, "role": role });
        let (school, park) = ("jiangmen-polytechnic", "taishan-industrial-new-town");
        let all = json!({ "organizations": [
            one(park, "lead"), one(school, "participant"), one(park, "funder"), one(school, "responsible")
        ] });
        let made = create(&client, "projects", with(project("park"), all)).await.body;
        let stored: Vec<Value> = made["organizations"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|one| json!([one["organization"]["code"], one["role"]]))
            .collect();
        let wanted = [
            json!([park, "lead"]),
            json!([school, "participant"]),
            json!([park, "funder"]),
            json!([school, "responsible"]),
        ];
        assert_eq!(stored, wanted, "in the order given");
        for (organizations, faults) in [
            (json!([one(park, "lead"), one(park, "lead")]), vec![fault("/organizations/1/organization", "repeated")]),
            (
                json!([one("nobody", "lead"), one("nobody", "lead")]),
                vec![
                    fault("/organizations/0/organization", "unknown_reference"),
                    fault("/organizations/1/organization", "unknown_reference"),
                ],
            ),
            (json!([one(park, "guest")]), vec![fault("/organizations/0/role", "enum")]),
            (json!([{ "organization": park }]), vec![fault("/organizations/0/role", "required")]),
        ] {
            let refused = client.patch("projects/park", json!({ "organizations": organizations })).await.expect(422);
            assert_eq!(refused.faults(), faults, "{organizations}");
        }
        let refused = client.delete(&format!("organizations/{park}")).await.expect(409);
        assert!(refused.body["errors"].to_string().contains("projects"), "{}", refused.body);
        let none = client.patch("projects/park", json!({ "organizations": null })).await.expect(200);
        assert_eq!(none.body["organizations"], json!([]));
    });
}

#[test]
fn all_contradictory_dates_are_reported() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "projects", project("there")).await;
        for (fields, faults) in [
            (
                json!({ "planned_start_on": "2022-03-01", "planned_end_on": "2022-02-28" }),
                vec![fault("/planned_end_on", "before_start")],
            ),
            (
                json!({ "actual_start_on": "2022-03-01", "actual_end_on": "2022-02-28" }),
                vec![fault("/actual_end_on", "before_start")],
            ),
            (
                json!({
                    "planned_start_on": "2022-03-01", "planned_end_on": "2022-02-28",
                    "actual_start_on": "2999-03-01", "actual_end_on": "2999-02-28", "location": "nowhere",
                    "agreement": "none"
                }),
                vec![
                    fault("/planned_end_on", "before_start"),
                    fault("/actual_end_on", "before_start"),
                    fault("/agreement", "unknown_reference"),
                    fault("/location", "unknown_reference"),
                    fault("/actual_start_on", "in_future"),
                    fault("/actual_end_on", "in_future"),
                ],
            ),
            (json!({ "actual_end_on": "2999-01-01" }), vec![fault("/actual_end_on", "in_future")]),
            (json!({ "planned_start_on": "2022-02-30" }), vec![fault("/planned_start_on", "format")]),
        ] {
            let refused = client.post("projects", with(project("new"), fields.clone())).await.expect(422);
            assert_eq!(refused.faults(), faults, "creating with {fields}");
            let refused = client.patch("projects/there", fields.clone()).await.expect(422);
            assert_eq!(refused.faults(), faults, "changing by {fields}");
        }
        let good = json!({
            "planned_start_on": "2022-03-01", "planned_end_on": "2999-12-31", "actual_start_on": "2022-03-01",
            "actual_end_on": "2022-03-01"
        });
        client.patch("projects/there", good).await.expect(200);
        let refused = client.patch("projects/there", json!({ "planned_end_on": "2022-02-28" })).await.expect(422);
        assert_eq!(refused.faults(), [fault("/planned_end_on", "before_start")]);
    });
}

#[test]
fn an_investment_is_a_decimal_string_with_two_decimals() {
    let pattern = || vec![fault("/investment", "pattern")];
    let cases = [
        (json!("1200000.5"), Ok("1200000.50")),
        (json!("0"), Ok("0.00")),
        (json!("0.05"), Ok("0.05")),
        (json!("999999999999.99"), Ok("999999999999.99")),
        (json!("007"), Ok("7.00")),
        (json!("1.234"), Err(pattern())),
        (json!("-1"), Err(pattern())),
        (json!("1234567890123"), Err(pattern())),
        (json!("1e6"), Err(pattern())),
        (json!("1,200"), Err(pattern())),
        (json!(""), Err(pattern())),
        (json!("5."), Err(pattern())),
        (json!(1_200_000), Err(vec![fault("/investment", "type")])),
        (json!(0.5), Err(vec![fault("/investment", "type")])),
    ];
    on_each(|database| {
        let cases = cases.clone();
        async move {
            let client = database.client();
            let made = create(&client, "projects", project("there")).await.body;
            assert_eq!((&made["investment"], &made["currency"]), (&json!(null), &json!("CNY")), "unknown is not zero");
            for (number, (given, wanted)) in cases.into_iter().enumerate() {
                let fields = json!({ "investment": given });
                let made = client.post("projects", with(project(&format!("made-{number}")), fields.clone())).await;
                let changed = client.patch("projects/there", fields).await;
                match wanted {
                    Ok(stored) => {
                        assert_eq!(made.expect(201).body["investment"], stored);
                        assert_eq!(changed.expect(200).body["investment"], stored);
                    }
                    Err(faults) => {
                        assert_eq!(made.expect(422).faults(), faults, "{given}");
                        assert_eq!(changed.expect(422).faults(), faults, "{given}");
                    }
                }
            }
            let before = client.patch("projects/there", json!({ "investment": "5.10" })).await.expect(200);
            let same = client.patch("projects/there", json!({ "investment": "5.1" })).await.expect(200);
            assert_eq!(same.body["version"], before.body["version"]);
            let other = json!({ "investment": null, "currency": "HKD" });
            let other = client.patch("projects/there", other).await.expect(200);
            assert_eq!((&other.body["investment"], &other.body["currency"]), (&json!(null), &json!("HKD")));
            for currency in ["cny", "YUAN", ""] {
                client.patch("projects/there", json!({ "currency": currency })).await.expect(422);
            }
        }
    });
}

#[test]
fn filters_select_projects() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "agreements", agreement("own")).await;
        for (code, fields) in [
            (
                "a-road",
                json!({
                    "agreement": "own", "sectors": [{ "sector": "transport", "percent": 100 }],
                    "planned_start_on": "2022-03-01"
                }),
            ),
            ("b-park", json!({ "location": "taishan", "status": "suspended", "planned_end_on": "2023-06-30" })),
            (
                "c-school",
                json!({
                    "pairing": "heshan-kaiping", "description": { "zh": "跨县集团办学" },
                    "planned_start_on": "2022-09-01", "planned_end_on": "2025-07-15"
                }),
            ),
            (
                "d-works",
                json!({
                    "organizations": [{ "organization": "jiangmen-polytechnic", "role": "lead" }],
                    "status": "completed"
                }),
            ),
        ] {
            create(&client, "projects", with(project(code), fields)).await;
        }
        for (query, codes) in [
            ("agreement=own", vec!["a-road"]),
            ("sector=transport", vec!["a-road"]),
            ("organization=jiangmen-polytechnic", vec!["d-works"]),
            ("location=taishan&status=suspended", vec!["b-park"]),
            ("status=suspended&status=completed", vec!["b-park", "d-works"]),
            ("pairing=heshan-kaiping&status=proposed", vec!["c-school"]),
            ("programme=jiangmen-east-west&status=proposed&sort=-code", vec!["c-school", "a-road"]),
            ("planned_start_from=2022-03-01&planned_start_to=2022-08-31", vec!["a-road"]),
            ("planned_end_from=2023-07-01", vec!["c-school"]),
            ("planned_end_to=2023-06-30", vec!["b-park"]),
            ("q=集团办学", vec!["c-school"]),
        ] {
            assert_eq!(listed(&client, "projects", query).await, codes, "{query}");
        }
        for name in ["pairing", "programme", "agreement", "sector", "organization", "location"] {
            let refused = client.get(&format!("projects?{name}=nowhere")).await.expect(422);
            assert_eq!(refused.faults(), [fault(&format!("/query/{name}"), "unknown_reference")]);
        }
    });
}
