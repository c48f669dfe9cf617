//! Lists of agreements: the state on a date, filters, and the order by signing date.

use serde_json::json;

use crate::common::records::{agreement, create, fault, listed, party, with};
use crate::common::{Client, on_each};

const STATES: [&str; 6] = ["draft", "signed", "in_force", "expired", "suspended", "terminated"];

/// Status, date of the status, signed, effective, expires; then the state on each of [`DAYS`].
type Case = (&'static str, Option<&'static str>, [Option<&'static str>; 3], [&'static str; 6]);

const DAYS: [&str; 6] = ["2022-03-30", "2022-03-31", "2022-04-10", "2022-12-31", "2023-01-01", "2024-02-29"];

const CASES: [Case; 11] = [
    ("draft", None, [None, None, None], ["draft"; 6]),
    ("draft", None, [Some("2022-03-31"), Some("2022-04-10"), Some("2022-12-31")], ["draft"; 6]),
    ("signed", None, [None, None, None], ["in_force"; 6]),
    (
        "signed",
        None,
        [Some("2022-03-31"), None, None],
        ["signed", "in_force", "in_force", "in_force", "in_force", "in_force"],
    ),
    (
        "signed",
        None,
        [Some("2022-03-31"), Some("2022-04-10"), Some("2022-12-31")],
        ["signed", "signed", "in_force", "in_force", "expired", "expired"],
    ),
    (
        "signed",
        None,
        [None, None, Some("2022-12-31")],
        ["in_force", "in_force", "in_force", "in_force", "expired", "expired"],
    ),
    (
        "suspended",
        Some("2022-12-31"),
        [Some("2022-03-31"), None, None],
        ["signed", "in_force", "in_force", "suspended", "suspended", "suspended"],
    ),
    (
        "suspended",
        Some("2023-01-01"),
        [None, Some("2022-04-10"), Some("2022-12-30")],
        ["signed", "signed", "in_force", "expired", "suspended", "suspended"],
    ),
    (
        "terminated",
        Some("2022-04-10"),
        [Some("2022-03-31"), None, None],
        ["signed", "in_force", "terminated", "terminated", "terminated", "terminated"],
    ),
    ("terminated", Some("2022-03-30"), [None, Some("2022-12-31"), None], ["terminated"; 6]),
    (
        "suspended",
        Some("2024-03-01"),
        [None, Some("2024-02-29"), None],
        ["signed", "signed", "signed", "signed", "signed", "in_force"],
    ),
];

async fn create_cases(client: &Client) {
    for (number, (status, status_on, [signed_on, effective_on, expires_on], _)) in CASES.into_iter().enumerate() {
        let dates = json!({
            "status_on": status_on, "signed_on": signed_on, "effective_on": effective_on, "expires_on": expires_on
        });
        let reason = ["suspended", "terminated"].contains(&status).then_some("资金未到位");
        let record = with(agreement(&format!("case-{number}")), json!({ "status": status, "status_reason": reason }));
        create(client, "agreements", with(record, dates)).await;
    }
}

#[test]
fn the_state_is_computed_from_status_and_dates() {
    on_each(|database| async move {
        let client = database.client();
        create_cases(&client).await;
        for (index, day) in DAYS.into_iter().enumerate() {
            for (number, case) in CASES.into_iter().enumerate() {
                let read = client.get(&format!("agreements/case-{number}?as_of={day}")).await.expect(200);
                assert_eq!(read.body["state"], case.3[index], "{case:?} on {day}");
            }
        }
    });
}

#[test]
fn the_state_filter_matches_the_state_of_every_agreement_on_every_day() {
    on_each(|database| async move {
        let client = database.client();
        create_cases(&client).await;
        for day in DAYS {
            let all = client.get(&format!("agreements?limit=1000&as_of={day}")).await.expect(200);
            let of = |wanted: &[&str]| -> Vec<String> {
                let items = all.body["items"].as_array().cloned().unwrap_or_default();
                let fit = items.iter().filter(|item| wanted.iter().any(|state| item["state"] == *state));
                fit.map(|item| item["code"].as_str().unwrap_or_default().to_owned()).collect()
            };
            for state in STATES {
                let query = format!("as_of={day}&state={state}");
                assert_eq!(listed(&client, "agreements", &query).await, of(&[state]), "{query}");
            }
            let query = format!("as_of={day}&state=in_force&state=suspended");
            assert_eq!(listed(&client, "agreements", &query).await, of(&["in_force", "suspended"]), "{query}");
            assert_eq!(of(&STATES), all.codes());
        }
    });
}

#[test]
fn filters_select_agreements() {
    on_each(|database| async move {
        let client = database.client();
        let parties =
            [party("organization", "cuishanhu-hi-tech-zone", "recipient"), party("region", "heshan", "supporter")];
        let park = with(
            agreement("park"),
            json!({
                "pairing": "heshan-kaiping", "kind": "project_agreement", "number": "鹤开〔2022〕7号", "status": "signed",
                "signed_on": "2022-06-01", "expires_on": "2024-05-31", "parties": parties, "sectors": ["park-building"]
            }),
        );
        create(&client, "agreements", park).await;
        create(&client, "agreements", with(agreement("idea"), json!({ "parent": "xinhui-taishan-framework-2022" })))
            .await;
        let (pengjiang, jianghai) = ("pengjiang-enping-framework-2022", "jianghai-enping-framework-2022");
        let (xinhui, memoranda, heshan) =
            ("xinhui-taishan-framework-2022", "xinhui-taishan-memoranda-2022", "heshan-kaiping-framework-2022");
        for (query, codes) in [
            ("pairing=xinhui-taishan", vec!["idea", xinhui, memoranda]),
            ("programme=jiangmen-east-west", vec![heshan, "idea", jianghai, "park", pengjiang, xinhui, memoranda]),
            ("signed_from=2022-03-31&signed_to=2022-04-10", vec![jianghai, pengjiang]),
            ("signed_from=2022-04-11", vec![heshan, "park"]),
            ("signed_to=2022-02-18", vec![xinhui]),
            ("expires_from=2024-05-31&expires_to=2024-05-31", vec!["park"]),
            ("expires_to=2024-05-30", vec![]),
            ("sector=park-building", vec!["park", memoranda]),
            ("region=enping", vec![jianghai, pengjiang]),
            ("region=kaiping", vec![heshan]),
            ("organization=cuishanhu-hi-tech-zone", vec!["park"]),
            ("kind=memorandum&kind=project_agreement", vec!["idea", "park", memoranda]),
            ("status=draft", vec!["idea"]),
            ("parent=xinhui-taishan-framework-2022", vec!["idea"]),
            ("q=文旅", vec![memoranda]),
            ("q=鹤开", vec!["park"]),
        ] {
            assert_eq!(listed(&client, "agreements", &format!("sort=code&{query}")).await, codes, "{query}");
        }
        for name in ["pairing", "programme", "parent", "sector", "region", "organization"] {
            let refused = client.get(&format!("agreements?{name}=nowhere")).await.expect(422);
            assert_eq!(refused.faults(), [fault(&format!("/query/{name}"), "unknown_reference")]);
        }
    });
}

#[test]
fn agreements_without_a_signing_date_sort_last_across_pages() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "agreements", agreement("undated")).await;
        let order = [
            "xinhui-taishan-framework-2022",
            "pengjiang-enping-framework-2022",
            "jianghai-enping-framework-2022",
            "heshan-kaiping-framework-2022",
            "xinhui-taishan-memoranda-2022",
            "undated",
        ];
        assert_eq!(listed(&client, "agreements", "sort=signed_on").await, order);
        let mut backwards = listed(&client, "agreements", "sort=-signed_on").await;
        backwards.reverse();
        assert_eq!(backwards, order);
        for sort in ["signed_on", "-signed_on"] {
            let whole = listed(&client, "agreements", &format!("sort={sort}")).await;
            let (mut paged, mut cursor) = (Vec::new(), String::new());
            for _ in 0..whole.len() {
                let page = client.get(&format!("agreements?sort={sort}&limit=1{cursor}")).await.expect(200);
                paged.extend(page.codes());
                cursor = page.body["next_cursor"].as_str().map(|c| format!("&cursor={c}")).unwrap_or_default();
            }
            assert_eq!(paged, whole, "{sort}");
            assert_eq!(cursor, "", "the last page has no next");
        }
    });
}
