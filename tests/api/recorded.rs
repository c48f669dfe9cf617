//! Reports on recorded data: `recorded_at` reproduces exactly the report of that instant.

use chrono::{DateTime, SecondsFormat, Utc};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::common::records::{agreement, create, listed, milestone, project, with};
use crate::common::{Client, on_each};

const GROUPS: [&str; 6] = ["programme", "pairing", "sector", "agreement", "project", "member"];
const AS_OF: &str = "2022-08-31";

/// An instant between two writes.
fn now() -> DateTime<Utc> {
    let instant = Utc::now();
    // Instants have microsecond precision: this makes the next write fall into a later one.
    while Utc::now().timestamp_micros() <= instant.timestamp_micros() + 1 {}
    instant
}

fn text(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// The figures of the scorecard in each grouping: overall, and those of each subject.
async fn printed(client: &Client, filter: &str) -> Vec<(Value, Vec<(Value, Value)>)> {
    let mut cards = Vec::new();
    for group in GROUPS {
        let path = format!("reports/scorecard?as_of={AS_OF}&limit=1000&group_by={group}{filter}");
        let body = client.get(&path).await.expect(200).body;
        cards.push((body["overall"].clone(), rows(&body, group, "figures")));
    }
    cards
}

fn rows(body: &Value, group: &str, figures: &str) -> Vec<(Value, Value)> {
    let rows = body["items"].as_array().expect("rows").iter();
    rows.map(|row| (row[group]["id"].clone(), row[figures].clone())).collect()
}

const FRAMEWORK: &str = "xinhui-taishan-framework-2022";

/// A project of two sectors, whose shares are rounded.
fn new_project() -> Value {
    json!({
        "code": "routes", "pairing": "xinhui-taishan", "agreement": FRAMEWORK, "title": { "zh": "线路" },
        "sectors": [{ "sector": "transport", "percent": 33.33 }, { "sector": "health", "percent": 66.67 }]
    })
}

fn new_project_milestone() -> Value {
    with(milestone("of-project"), json!({ "agreement": null, "project": "routes", "weight": 3, "progress": 20 }))
}

fn new_commitment() -> Value {
    json!({
        "code": "teachers", "agreement": FRAMEWORK, "text": { "zh": "跟岗" }, "starts_on": "2022-01-01",
        "due_on": "2022-12-31", "indicator": { "unit": "人", "target": "12" }
    })
}

fn new_resolution() -> Value {
    json!({ "code": "decided", "conference": "xinhui-taishan-first-joint-conference", "text": { "zh": "议定" },
        "due_on": "2022-07-31" })
}

fn new_exchange() -> Value {
    json!({ "code": "five", "pairing": "xinhui-taishan", "profession": "teacher", "headcount": 5,
        "direction": "supporter_to_recipient", "status": "in_progress", "actual_start_on": "2022-03-01",
        "sending": "jiangmen-polytechnic", "hosting": "taishan-industrial-new-town" })
}

fn new_reversal() -> Value {
    json!({ "kind": "reversal", "reverses": "paid", "amount": "0.34", "value_on": "2022-06-01" })
}

/// Members of whom one replaces another in the middle of the year.
fn other_members() -> Value {
    json!({ "members": [
        { "region": "xinhui", "role": "supporter", "to_on": "2022-06-30" },
        { "region": "heshan", "role": "supporter", "from_on": "2022-07-01" },
        { "region": "taishan", "role": "recipient" }
    ] })
}

/// An approved report on a month; `last` is its last day.
fn monthly_report(code: &str, month: &str, last: &str, value: &str) -> Value {
    json!({
        "code": code, "commitment": "teachers", "period_start_on": format!("2022-{month}-01"),
        "period_end_on": format!("2022-{month}-{last}"), "value": value, "status": "approved"
    })
}

fn transaction(kind: &str, code: &str, amount: &str) -> Value {
    json!({
        "code": code, "kind": kind, "amount": amount, "value_on": "2022-05-01", "fund": "jiangmen-balance-fund",
        "project": "routes"
    })
}

/// The writes of some months, in order: method, path, body.
fn writes() -> Vec<(&'static str, &'static str, Value)> {
    let corrected = with(monthly_report("june-corrected", "06", "30", "3"), json!({ "supersedes": "june" }));
    vec![
        ("POST", "milestones", milestone("first")),
        ("PATCH", "milestones/first", json!({ "due_on": "2022-09-30", "reason": "汛期" })),
        ("PATCH", "agreements/xinhui-taishan-framework-2022", json!({ "sectors": ["transport", "education"] })),
        ("POST", "projects", new_project()),
        ("POST", "milestones", new_project_milestone()),
        ("PATCH", "milestones/first", json!({ "status": "met", "met_on": "2022-06-29" })),
        ("POST", "commitments", new_commitment()),
        ("POST", "progress-reports", monthly_report("june", "06", "30", "9")),
        ("POST", "progress-reports", monthly_report("july", "07", "31", "1")),
        ("POST", "progress-reports", corrected),
        ("PATCH", "commitments/teachers", json!({ "indicator": { "target": "4" }, "sector": "education" })),
        ("POST", "resolutions", new_resolution()),
        ("PATCH", "resolutions/decided", json!({ "milestone": "of-project" })),
        ("PATCH", "resolutions/decided", json!({ "milestone": null, "commitment": "teachers" })),
        ("POST", "exchanges", new_exchange()),
        ("PATCH", "exchanges/five", json!({ "status": "completed", "actual_end_on": "2022-07-31", "headcount": 6 })),
        ("POST", "transactions", transaction("commitment", "promised", "100.00")),
        ("POST", "transactions", transaction("disbursement", "paid", "100.01")),
        ("POST", "transactions", new_reversal()),
        ("POST", "agreements", with(agreement("other"), json!({ "pairing": "heshan-kaiping", "parties": [] }))),
        ("PATCH", "projects/routes", json!({ "agreement": null })),
        ("PATCH", "milestones/of-project", json!({ "status": "cancelled", "reason": "停建" })),
        ("POST", "milestones", with(milestone("lone"), json!({ "agreement": "other" }))),
        ("PATCH", "agreements/other", json!({ "pairing": "xinhui-taishan" })),
        ("DELETE", "milestones/lone", Value::Null),
        ("DELETE", "agreements/other", Value::Null),
        ("PATCH", "pairings/xinhui-taishan", other_members()),
    ]
}

#[test]
fn a_report_on_recorded_data_equals_the_report_of_that_instant() {
    on_each(|database| async move {
        let client = database.client();
        let mut before = vec![(now(), printed(&client, "").await)];
        for (method, path, body) in writes() {
            let response = match method {
                "POST" => client.post(path, body).await,
                "PATCH" => client.patch(path, body).await,
                _ => client.delete(path).await,
            };
            assert!(response.status.is_success(), "{method} {path}: {}", response.body);
            before.push((now(), printed(&client, "").await));
        }
        let distinct = before.windows(2).filter(|pair| pair[0].1 != pair[1].1).count();
        assert!(distinct >= 22, "only {distinct} of the writes change the report");
        for (index, (instant, wanted)) in before.iter().enumerate() {
            for (group, (overall, wanted)) in GROUPS.iter().zip(wanted) {
                let instant = text(*instant);
                let path = format!("reports/scorecard?as_of={AS_OF}&limit=1000&group_by={group}&recorded_at={instant}");
                let body = client.get(&path).await.expect(200).body;
                assert_eq!(body["recorded_overall"], *overall, "overall by {group} after {index} writes");
                for (subject, figures) in rows(&body, group, "recorded") {
                    let then = wanted.iter().find(|(of, _)| *of == subject);
                    match then {
                        Some((_, then)) => assert_eq!(figures, *then, "{group} {subject} after {index} writes"),
                        // A subject without a row then had nothing to count.
                        None => assert_eq!(figures["commitments"]["total"], 0, "{group} {subject}: {figures}"),
                    }
                }
            }
        }
    });
}

#[test]
fn recorded_figures_are_computed_for_the_day_of_the_instant() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "milestones", milestone("late")).await;
        let plain = client.get("reports/scorecard").await.expect(200).body;
        assert_eq!((&plain["recorded_at"], &plain["recorded_overall"]), (&Value::Null, &Value::Null));
        assert_eq!(plain["items"][0]["recorded"], Value::Null);
        // 16:00 UTC is midnight in Shanghai.
        for (instant, day) in [("2022-07-01T15:59:59Z", "2022-07-01"), ("2022-07-01T16:00:00Z", "2022-07-02")] {
            let card = client.get(&format!("reports/scorecard?recorded_at={instant}")).await.expect(200).body;
            assert_eq!((&card["recorded_at"], &card["recorded_as_of"]), (&json!(instant), &json!(day)));
            assert_eq!(card["recorded_overall"]["overdue"], 0, "nothing was known then");
            assert_eq!(card["overall"], plain["overall"], "today's figures are today's");
        }
        let card = client.get("reports/scorecard?recorded_at=2022-07-01T15:59:59Z&as_of=2022-06-30").await.expect(200);
        assert_eq!(card.body["recorded_as_of"], "2022-06-30");
        client.get("reports/scorecard?recorded_at=yesterday").await.expect(400);
    });
}

/// A random change of milestones or of their parents; some are refused.
fn random_change(random: &mut StdRng, number: usize) -> (&'static str, String, Value) {
    let some = |random: &mut StdRng| format!("m-{}", random.random_range(0..8));
    let day = |random: &mut StdRng| format!("2022-{:02}-15", random.random_range(1..=12));
    match random.random_range(0..10) {
        0..=2 => {
            let mut new = milestone(&some(random));
            new["due_on"] = json!(day(random));
            match random.random_range(0..3) {
                0 => new["agreement"] = json!("moving"),
                1 => (new["agreement"], new["project"]) = (Value::Null, json!("work")),
                _ => {}
            }
            ("POST", "milestones".to_owned(), new)
        }
        3..=5 => {
            let progress = random.random_range(0..100);
            let change = json!({ "status": "in_progress", "progress": progress, "note": number.to_string() });
            ("PATCH", format!("milestones/{}", some(random)), change)
        }
        6 => {
            let change = json!({ "due_on": day(random), "reason": "调整" });
            ("PATCH", format!("milestones/{}", some(random)), change)
        }
        7 => ("DELETE", format!("milestones/{}", some(random)), Value::Null),
        8 => {
            let pairing = if random.random() { "xinhui-taishan" } else { "heshan-kaiping" };
            ("PATCH", "agreements/moving".to_owned(), json!({ "pairing": pairing }))
        }
        _ => {
            let agreement = random.random::<bool>().then_some("xinhui-taishan-framework-2022");
            ("PATCH", "projects/work".to_owned(), json!({ "agreement": agreement }))
        }
    }
}

#[test]
fn later_changes_of_milestones_do_not_alter_reports_on_recorded_data() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "agreements", with(agreement("moving"), json!({ "parties": [] }))).await;
        create(&client, "projects", project("work")).await;
        let mut random = StdRng::seed_from_u64(14);
        let mut printed_at = Vec::new();
        for number in 0..60 {
            let (method, path, body) = random_change(&mut random, number);
            match method {
                "POST" => client.post(&path, body).await,
                "PATCH" => client.patch(&path, body).await,
                _ => client.delete(&path).await,
            };
            if number % 3 == 0 {
                let card = client
                    .get(&format!("reports/scorecard?as_of={AS_OF}&limit=1000&group_by=agreement"))
                    .await
                    .expect(200);
                printed_at.push((now(), card.body["overall"].clone(), rows(&card.body, "agreement", "figures")));
            }
        }
        for (instant, overall, wanted) in printed_at {
            for filter in ["", "&pairing=xinhui-taishan"] {
                let path = format!(
                    "reports/scorecard?as_of={AS_OF}&limit=1000&group_by=agreement&recorded_at={}{filter}",
                    text(instant)
                );
                let card = client.get(&path).await.expect(200).body;
                if filter.is_empty() {
                    assert_eq!(card["recorded_overall"], overall, "at {instant}");
                }
                for (subject, figures) in rows(&card, "agreement", "recorded") {
                    let then = wanted.iter().find(|(of, _)| *of == subject);
                    if let Some((_, then)) = then.filter(|_| filter.is_empty()) {
                        assert_eq!(figures, *then, "{subject} at {instant}");
                    }
                }
            }
            let mut parts = Vec::new();
            for pairing in listed(&client, "pairings", "").await {
                let path = format!("reports/scorecard?as_of={AS_OF}&pairing={pairing}&recorded_at={}", text(instant));
                parts.push(client.get(&path).await.expect(200).body["recorded_overall"]["milestones"].clone());
            }
            for (status, count) in overall["milestones"].as_object().expect("counts") {
                let sum: i64 = parts.iter().filter_map(|part| part[status].as_i64()).sum();
                assert_eq!(json!(sum), *count, "{status} at {instant}");
            }
        }
    });
}
