//! Lists of milestones: overdue on a date, and filters.

use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::common::records::{create, fault, listed, milestone, with};
use crate::common::{Client, on_each};

/// Milestones of every status around the middle of 2022, one of them with a changed due date.
async fn create_some(client: &Client) {
    let xinhui = "xinhui-taishan-memoranda-2022";
    for (code, fields) in [
        ("open", json!({ "due_on": "2022-06-30", "responsible": ["jiangmen-polytechnic"] })),
        ("begun", json!({ "due_on": "2022-07-15", "status": "in_progress", "kind": "road", "agreement": xinhui })),
        (
            "failed",
            json!({ "due_on": "2022-05-31", "status": "not_met", "reason": "资金未到位", "depends_on": ["open"] }),
        ),
        ("done", json!({ "due_on": "2022-05-31", "status": "met", "met_on": "2022-06-10", "agreement": xinhui })),
        ("half", json!({ "due_on": "2022-06-30", "status": "partially_met", "met_on": "2022-06-30" })),
        ("given-up", json!({ "due_on": "2022-05-31", "status": "cancelled" })),
        ("far", json!({ "due_on": "2999-12-31", "agreement": "heshan-kaiping-framework-2022" })),
    ] {
        create(client, "milestones", with(milestone(code), fields)).await;
    }
    client.patch("milestones/begun", json!({ "due_on": "2022-07-31", "reason": "汛期" })).await.expect(200);
}

const DAYS: [&str; 9] = [
    "1900-01-01",
    "2022-05-31",
    "2022-06-01",
    "2022-06-30",
    "2022-07-01",
    "2022-07-31",
    "2022-08-01",
    "2999-12-31",
    "3000-01-01",
];

fn codes(items: &[&Value]) -> Vec<String> {
    items.iter().map(|item| item["code"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_milestone_is_overdue_from_the_day_after_its_due_date() {
    on_each(|database| async move {
        let client = database.client();
        create_some(&client).await;
        for (code, as_of, days_late) in [
            ("open", "2022-06-30", 0),
            ("open", "2022-07-01", 1),
            ("open", "2023-06-30", 365),
            ("open", "1900-01-01", 0),
            ("begun", "2022-07-16", 0),
            ("begun", "2022-07-31", 0),
            ("begun", "2022-08-10", 10),
            ("failed", "2022-05-31", 0),
            ("failed", "2022-06-02", 2),
            ("done", "2022-06-05", 0),
            ("half", "2023-01-01", 0),
            ("given-up", "2023-01-01", 0),
            ("far", "3000-01-31", 31),
        ] {
            let read = client.get(&format!("milestones/{code}?as_of={as_of}")).await.expect(200).body;
            assert_eq!(
                (&read["days_late"], &read["overdue"]),
                (&json!(days_late), &json!(days_late > 0)),
                "{code} {as_of}"
            );
            assert_eq!(read["slippage_days"], if code == "begun" { 16 } else { 0 });
        }
    });
}

#[test]
fn the_overdue_filter_matches_every_milestone_on_every_day() {
    on_each(|database| async move {
        let client = database.client();
        create_some(&client).await;
        for day in DAYS {
            let all = client.get(&format!("milestones?limit=1000&as_of={day}")).await.expect(200);
            let items: Vec<&Value> = all.body["items"].as_array().into_iter().flatten().collect();
            for overdue in [true, false] {
                let fit: Vec<&Value> = items.iter().copied().filter(|item| item["overdue"] == overdue).collect();
                let query = format!("as_of={day}&overdue={overdue}");
                assert_eq!(listed(&client, "milestones", &query).await, codes(&fit), "{query}");
                let counted = client.get(&format!("milestones?limit=1&count=true&{query}")).await.expect(200);
                assert_eq!(counted.body["total"], fit.len(), "{query}");
            }
            let late = items.iter().filter(|item| item["overdue"] == true);
            for item in late {
                let (day, due) = (day.parse::<NaiveDate>(), item["due_on"].as_str().map(str::parse::<NaiveDate>));
                let (Ok(day), Some(Ok(due))) = (day, due) else { panic!("dates: {item}") };
                assert_eq!(item["days_late"], (day - due).num_days());
            }
        }
    });
}

#[test]
fn filters_select_milestones() {
    on_each(|database| async move {
        let client = database.client();
        create_some(&client).await;
        for (query, wanted) in [
            ("due_from=2022-06-30&due_to=2022-07-31", vec!["open", "half", "begun"]),
            ("due_from=2022-08-01", vec!["far"]),
            ("due_to=2022-05-31&agreement=xinhui-taishan-framework-2022", vec!["failed", "given-up"]),
            ("status=partially_met", vec!["half"]),
            ("status=in_progress&status=not_met&status=cancelled", vec!["failed", "given-up", "begun"]),
            ("responsible=jiangmen-polytechnic", vec!["open"]),
            ("responsible=cpc-jiangmen", vec![]),
            ("depends_on=open", vec!["failed"]),
            ("depends_on=failed", vec![]),
            ("sector=transport", vec!["done", "begun"]),
            ("sector=health", vec![]),
            ("kind=road", vec!["begun"]),
            ("pairing=heshan-kaiping", vec!["heshan-kaiping-first-joint-conference-held", "far"]),
            ("agreement=xinhui-taishan-memoranda-2022", vec!["done", "begun"]),
            ("met_from=2022-06-01&met_to=2022-06-29", vec!["done"]),
            ("programme=jiangmen-east-west&due_from=2022-07-31", vec!["begun", "far"]),
            ("pairing=xinhui-taishan&sort=-due_on", vec!["begun", "half", "open", "given-up", "done", "failed"]),
            ("pairing=xinhui-taishan&sort=id&status=scheduled&overdue=true&as_of=2022-07-01", vec!["open"]),
            ("q=联席会议", vec!["heshan-kaiping-first-joint-conference-held"]),
        ] {
            assert_eq!(listed(&client, "milestones", query).await, wanted, "{query}");
        }
        for name in ["pairing", "programme", "agreement", "sector", "responsible", "depends_on"] {
            let refused = client.get(&format!("milestones?{name}=nowhere")).await.expect(422);
            assert_eq!(refused.faults(), [fault(&format!("/query/{name}"), "unknown_reference")]);
        }
    });
}
