//! The timeline: events by day and their order, what is past, and pages.

use serde_json::{Value, json};

use crate::common::builders::walk;
use crate::common::records::{agreement, commitment, conference, create, fault, milestone, pairing, project, with};
use crate::common::{Client, on_each};

/// The kinds of records that a row can refer to.
const KINDS: [&str; 7] = ["agreement", "conference", "resolution", "commitment", "project", "milestone", "exchange"];

/// A pairing apart from the seed, with a record of every kind and two records without dates.
async fn build(client: &Client) {
    create(client, "pairings", pairing("lane")).await;
    create_agreements(client).await;
    create_conferences(client).await;
    create_commitments(client).await;
    create_works(client).await;
    let teachers = json!({
        "code": "teachers-go", "profession": "teacher", "direction": "supporter_to_recipient", "status": "completed",
        "planned_start_on": "2022-03-01", "planned_end_on": "2022-06-30",
        "actual_start_on": "2022-03-01", "actual_end_on": "2022-07-31"
    });
    create(client, "exchanges", of_lane(teachers)).await;
}

fn of_lane(fields: Value) -> Value {
    with(json!({ "pairing": "lane" }), fields)
}

async fn create_agreements(client: &Client) {
    let agreements = [
        (
            "framework",
            json!({
                "signed_on": "2022-02-18", "effective_on": "2022-03-01", "expires_on": "2022-12-31",
                "sectors": ["education"]
            }),
        ),
        (
            "stopped",
            json!({
                "signed_on": "2022-02-18", "status": "terminated", "status_reason": "双方同意",
                "status_on": "2022-06-30"
            }),
        ),
        ("dated-draft", json!({ "status_on": "2022-01-01" })),
    ];
    for (code, fields) in agreements {
        create(client, "agreements", with(agreement(code), of_lane(fields))).await;
    }
}

/// Conferences and the resolutions of one of them.
async fn create_conferences(client: &Client) {
    for (code, fields) in [
        ("held", json!({ "status": "held", "held_on": "2022-02-18" })),
        ("to-come", json!({ "held_on": "2022-09-01" })),
        ("called-off", json!({ "status": "cancelled", "held_on": "2022-05-01" })),
        ("undated", json!({})),
    ] {
        create(client, "conferences", with(conference(code), of_lane(fields))).await;
    }
    for (code, fields) in [
        ("to-do", json!({ "due_on": "2022-06-30" })),
        ("decided", json!({ "due_on": "2022-05-31", "status": "done", "done_on": "2022-06-30" })),
    ] {
        let body = json!({ "code": code, "conference": "held", "text": { "zh": "年内完成" } });
        create(client, "resolutions", with(body, fields)).await;
    }
}

async fn create_commitments(client: &Client) {
    for (code, fields) in [
        ("teachers", json!({ "due_on": "2022-06-30" })),
        ("roads", json!({ "due_on": "2022-11-30", "sector": "transport" })),
        ("with-the-agreement", json!({ "due_on": null })),
    ] {
        let body = with(commitment(code), json!({ "agreement": "framework" }));
        create(client, "commitments", with(body, fields)).await;
    }
}

/// Projects, a milestone of a project, and one of an agreement.
async fn create_works(client: &Client) {
    let days = json!({
        "planned_start_on": "2022-03-01", "planned_end_on": "2022-06-30",
        "actual_start_on": "2022-03-15", "actual_end_on": "2022-07-31",
        "sectors": [{ "sector": "transport", "percent": 100 }]
    });
    create(client, "projects", with(project("road"), of_lane(days))).await;
    create(client, "projects", with(project("undated-road"), of_lane(json!({})))).await;
    for (code, fields) in [
        ("survey", json!({ "agreement": "framework", "status": "met", "met_on": "2022-06-20" })),
        ("paving", json!({ "agreement": null, "project": "road", "due_on": "2022-06-30" })),
    ] {
        create(client, "milestones", with(milestone(code), fields)).await;
    }
    client.patch("milestones/paving", json!({ "due_on": "2022-07-31", "reason": "汛期" })).await.expect(200);
}

/// The rows that [`build`] makes: the day, the event, the record.
const ALL: [(&str, &str, &str); 25] = [
    ("2022-02-18", "signed", "agreement framework"),
    ("2022-02-18", "signed", "agreement stopped"),
    ("2022-02-18", "held", "conference held"),
    ("2022-03-01", "effective", "agreement framework"),
    ("2022-03-01", "planned_start", "project road"),
    ("2022-03-01", "planned_start", "exchange teachers-go"),
    ("2022-03-01", "actual_start", "exchange teachers-go"),
    ("2022-03-15", "actual_start", "project road"),
    ("2022-05-31", "due", "resolution decided"),
    ("2022-06-20", "done", "milestone survey"),
    ("2022-06-30", "status_changed", "agreement stopped"),
    ("2022-06-30", "due", "resolution to-do"),
    ("2022-06-30", "done", "resolution decided"),
    ("2022-06-30", "due", "commitment teachers"),
    ("2022-06-30", "baseline_due", "milestone survey"),
    ("2022-06-30", "baseline_due", "milestone paving"),
    ("2022-06-30", "due", "milestone survey"),
    ("2022-06-30", "planned_end", "exchange teachers-go"),
    ("2022-06-30", "planned_end", "project road"),
    ("2022-07-31", "due", "milestone paving"),
    ("2022-07-31", "actual_end", "exchange teachers-go"),
    ("2022-07-31", "actual_end", "project road"),
    ("2022-09-01", "held", "conference to-come"),
    ("2022-11-30", "due", "commitment roads"),
    ("2022-12-31", "expires", "agreement framework"),
];

/// Day, event and record of each row; a row refers to one record.
fn read(rows: &[Value]) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let of = |row: &Value| {
        let named: Vec<&str> = KINDS.into_iter().filter(|kind| !row[*kind].is_null()).collect();
        let [kind] = named.as_slice() else { panic!("{row}") };
        assert_eq!(row["pairing"]["code"], "lane");
        (text(&row["on"]), text(&row["event"]), format!("{kind} {}", text(&row[*kind]["code"])))
    };
    rows.iter().map(of).collect()
}

fn wanted(fits: impl Fn(&str, &str, &str) -> bool) -> Vec<(String, String, String)> {
    let of = |(on, event, what): &(&str, &str, &str)| ((*on).to_owned(), (*event).to_owned(), (*what).to_owned());
    ALL.iter().filter(|(on, event, what)| fits(on, event, what)).map(of).collect()
}

/// The rows of a query, of all pages.
async fn rows(client: &Client, query: &str) -> Vec<Value> {
    let response = client.get(&format!("reports/timeline?limit=1000&count=true&{query}")).await.expect(200);
    let rows = response.body["items"].as_array().expect("rows").clone();
    assert_eq!((&response.body["total"], &response.body["next_cursor"]), (&json!(rows.len()), &json!(null)), "{query}");
    rows
}

#[test]
fn all_dated_events_are_ordered_by_day() {
    on_each(|database| async move {
        let client = database.client();
        build(&client).await;
        assert_eq!(read(&rows(&client, "pairing=lane").await), wanted(|_, _, _| true));
        // Without a pairing, the rows of all pairings are in one order.
        let all = rows(&client, "").await;
        let days: Vec<&str> = all.iter().filter_map(|row| row["on"].as_str()).collect();
        assert!(all.len() > ALL.len() && days.is_sorted(), "{days:?}");
    });
}

#[test]
fn an_event_is_past_on_its_day_and_after_it() {
    on_each(|database| async move {
        let client = database.client();
        build(&client).await;
        for as_of in ["2022-02-17", "2022-06-29", "2022-06-30", "2999-01-01"] {
            let all = rows(&client, &format!("pairing=lane&as_of={as_of}")).await;
            assert_eq!(all.len(), ALL.len(), "what is to come stays on the axis");
            for row in &all {
                assert_eq!(row["is_past"], row["on"].as_str() <= Some(as_of), "{row} on {as_of}");
            }
        }
    });
}

#[test]
fn filters_select_events() {
    on_each(|database| async move {
        let client = database.client();
        build(&client).await;
        create(&client, "programmes", json!({ "code": "other", "name": { "zh": "另一计划" } })).await;
        create(&client, "pairings", with(pairing("elsewhere"), json!({ "programme": "other" }))).await;
        let theirs = json!({ "pairing": "elsewhere", "signed_on": "2022-06-30" });
        create(&client, "agreements", with(agreement("theirs"), theirs)).await;

        let of_transport = ["project road", "milestone paving", "commitment roads"];
        let of_education = ["agreement framework", "milestone survey", "commitment teachers"];
        type Fits<'a> = &'a dyn Fn(&str, &str, &str) -> bool;
        let cases: [(&str, Fits); 10] = [
            ("event=due", &|_, event, _| event == "due"),
            ("event=done&event=held", &|_, event, _| ["done", "held"].contains(&event)),
            ("event=baseline_due", &|_, event, _| event == "baseline_due"),
            ("from=2022-06-30", &|on, _, _| on >= "2022-06-30"),
            ("to=2022-06-20", &|on, _, _| on <= "2022-06-20"),
            ("from=2022-06-30&to=2022-06-30", &|on, _, _| on == "2022-06-30"),
            ("from=2022-07-01&to=2022-06-30", &|_, _, _| false),
            ("sector=transport", &|_, _, what| of_transport.contains(&what)),
            ("sector=education&from=2022-03-01", &|on, _, what| on >= "2022-03-01" && of_education.contains(&what)),
            ("programme=jiangmen-east-west&event=actual_end", &|_, event, _| event == "actual_end"),
        ];
        for (query, fits) in cases {
            assert_eq!(read(&rows(&client, &format!("pairing=lane&{query}")).await), wanted(fits), "{query}");
        }
        let of_other = rows(&client, "programme=other").await;
        let [row] = of_other.as_slice() else { panic!("{of_other:?}") };
        assert_eq!((&row["agreement"]["code"], &row["event"]), (&json!("theirs"), &json!("signed")));
        assert_eq!(rows(&client, "programme=other&pairing=lane").await.len(), 0);

        for name in ["programme", "pairing", "sector"] {
            let refused = client.get(&format!("reports/timeline?{name}=nowhere")).await.expect(422);
            assert_eq!(refused.faults(), [fault(&format!("/query/{name}"), "unknown_reference")]);
        }
        let refused = client.get("reports/timeline?event=born&from=2022-02-30").await.expect(400);
        assert_eq!(refused.faults().len(), 2, "{}", refused.body);
    });
}

#[test]
fn the_pages_of_the_timeline_contain_every_row_once() {
    on_each(|database| async move {
        let client = database.client();
        build(&client).await;
        // Many rows on one day, from one source and from several.
        for number in 0..9 {
            let body = json!({ "agreement": "framework", "due_on": "2022-06-30" });
            create(&client, "milestones", with(milestone(&format!("many-{number}")), body)).await;
            let project_of_day =
                json!({ "pairing": "lane", "planned_start_on": "2022-06-30", "planned_end_on": "2022-06-30" });
            create(&client, "projects", with(project(&format!("many-{number}")), project_of_day)).await;
        }
        for query in [
            "pairing=lane",
            "pairing=lane&event=due&event=planned_end",
            "",
            "pairing=lane&from=2022-06-30&to=2022-06-30",
        ] {
            let whole = rows(&client, query).await;
            assert!(whole.len() > 20, "{query}");
            for limit in [1, 2, 7] {
                assert_eq!(walk(&client, "reports/timeline", query, limit).await, whole, "{query} by {limit}");
            }
            let first = client.get(&format!("reports/timeline?limit=1&count=true&{query}")).await.expect(200);
            assert_eq!(first.body["total"], whole.len(), "{query}");
            assert!(first.header("link").contains("rel=\"next\""), "{query}");
        }
        let page = client.get("reports/timeline?limit=1&pairing=lane").await.expect(200);
        let cursor = page.body["next_cursor"].as_str().expect("a second page").to_owned();
        for query in [format!("limit=1&cursor={cursor}"), format!("pairing=lane&event=due&cursor={cursor}")] {
            let refused = client.get(&format!("reports/timeline?{query}")).await.expect(400);
            assert_eq!(refused.faults(), [fault("/query/cursor", "invalid_cursor")]);
        }
    });
}
