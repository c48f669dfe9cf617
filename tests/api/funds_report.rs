//! The funds report: money counted once, by fund, pairing, sector and year, in each currency, up to a date.

use serde_json::{Value, json};

use super::transactions::{create_places, entry};
use crate::common::builders::walk;
use crate::common::client::Response;
use crate::common::records::{create, fault, with};
use crate::common::{Client, on_each};

const DAY: &str = "as_of=2023-12-31";

async fn report(client: &Client, query: &str) -> Response {
    client.get(&format!("reports/funds?{query}")).await.expect(200)
}

/// The subject of a row, its currency, and what was pledged, committed, disbursed, spent and passed through.
fn rows(report: &Response) -> Vec<String> {
    let items = report.body["items"].as_array().expect("rows");
    let row = |item: &Value| {
        let subject = match ["fund", "pairing", "sector"].map(|name| item[name]["code"].as_str()) {
            [Some(code), None, None] | [None, Some(code), None] | [None, None, Some(code)] => code.to_owned(),
            _ => item["year"].to_string(),
        };
        format!("{subject} {}", money(&item["figures"]))
    };
    items.iter().map(row).collect()
}

/// The figures of everything that the report covers.
fn overall(report: &Response) -> Vec<String> {
    report.body["overall"].as_array().expect("figures").iter().map(money).collect()
}

fn money(figures: &Value) -> String {
    let names = ["currency", "pledged", "committed", "disbursed", "spent", "passed_through", "transactions"];
    names.map(|name| figures[name].as_str().map_or_else(|| figures[name].to_string(), str::to_owned)).join(" ")
}

async fn book(client: &Client, code: &str, fields: Value) {
    create(client, "transactions", with(entry(code), fields)).await;
}

#[test]
fn money_that_is_passed_through_counts_once() {
    on_each(|database| async move {
        let client = database.client();
        create_places(&client).await;
        for (code, level) in
            [("city", "jiangmen"), ("district", "xinhui"), ("county", "taishan"), ("builder", "taishan")]
        {
            let bureau = json!({ "code": code, "name": { "zh": code }, "kind": "department", "region": level });
            create(&client, "organizations", bureau).await;
        }
        let step = |kind: &str, from: &str, to: &str, passes: bool| {
            let places = json!({ "fund": "pot", "project": "park", "provider": from, "receiver": to });
            with(json!({ "kind": kind, "pass_through": passes }), places)
        };
        book(&client, "commitment", step("commitment", "city", "county", false)).await;
        book(&client, "first-leg", step("disbursement", "city", "district", true)).await;
        book(&client, "last-leg", step("disbursement", "district", "county", false)).await;
        book(&client, "spent", with(step("expenditure", "county", "builder", false), json!({ "amount": "70" }))).await;
        let figures = "CNY 0.00 100.00 100.00 70.00 100.00 4";
        for (group, subject) in [("fund", "pot"), ("pairing", "xinhui-taishan"), ("year", "2022"), ("sector", "null")] {
            let report = report(&client, &format!("group_by={group}&{DAY}")).await;
            assert_eq!(
                (rows(&report), overall(&report)),
                (vec![format!("{subject} {figures}")], vec![figures.to_owned()])
            );
        }
        // A reversed payment is no longer passed through; the sums that arrived stay.
        book(&client, "back", json!({ "kind": "reversal", "reverses": "first-leg", "amount": "30" })).await;
        assert_eq!(overall(&report(&client, DAY).await), ["CNY 0.00 100.00 100.00 70.00 70.00 5"]);
    });
}

#[test]
fn a_reversal_counts_from_its_own_value_date() {
    on_each(|database| async move {
        let client = database.client();
        for (kind, amount, rest) in [
            ("pledge", "1", "0.75"),
            ("commitment", "2", "1.75"),
            ("disbursement", "3", "2.75"),
            ("expenditure", "4", "3.75"),
        ] {
            book(&client, kind, json!({ "kind": kind, "amount": amount })).await;
            for (value_on, amount) in [("2022-06-01", "0.25"), ("2023-01-01", rest)] {
                let back = json!({ "code": null, "kind": "reversal", "reverses": kind });
                let back = with(back, json!({ "amount": amount, "value_on": value_on }));
                book(&client, kind, back).await;
            }
        }
        for (as_of, figures) in [
            ("2022-04-30", vec![]),
            ("2022-05-01", vec!["CNY 1.00 2.00 3.00 4.00 0.00 4"]),
            ("2022-05-31", vec!["CNY 1.00 2.00 3.00 4.00 0.00 4"]),
            ("2022-06-01", vec!["CNY 0.75 1.75 2.75 3.75 0.00 8"]),
            ("2023-01-01", vec!["CNY 0.00 0.00 0.00 0.00 0.00 12"]),
        ] {
            let report = report(&client, &format!("as_of={as_of}")).await;
            assert_eq!(
                (overall(&report), &report.body["as_of"]),
                (figures.iter().map(|f| (*f).to_owned()).collect(), &json!(as_of))
            );
        }
        let years = report(&client, &format!("group_by=year&{DAY}")).await;
        assert_eq!(rows(&years), ["2022 CNY 0.75 1.75 2.75 3.75 0.00 8", "2023 CNY -0.75 -1.75 -2.75 -3.75 0.00 4"]);
    });
}

#[test]
fn over_disbursement_is_flagged_on_the_days_on_which_it_exists() {
    on_each(|database| async move {
        let client = database.client();
        for (code, fields) in [
            ("a", json!({ "kind": "commitment", "amount": "100", "value_on": "2022-01-02" })),
            ("b", json!({ "amount": "100", "value_on": "2022-01-03" })),
            ("c", json!({ "amount": "0.01", "value_on": "2022-01-04" })),
            ("d", json!({ "kind": "commitment", "amount": "0.01", "value_on": "2022-01-05" })),
            ("e", json!({ "kind": "reversal", "reverses": "a", "amount": "1", "value_on": "2022-01-06" })),
            ("f", json!({ "kind": "reversal", "reverses": "b", "amount": "1", "value_on": "2022-01-07" })),
            ("g", json!({ "amount": "500", "value_on": "2022-01-08", "pass_through": true })),
            ("h", json!({ "kind": "expenditure", "amount": "500", "value_on": "2022-01-09" })),
        ] {
            book(&client, code, fields).await;
        }
        for (day, flagged) in
            [(2, false), (3, false), (4, true), (5, false), (6, true), (7, false), (8, false), (9, false)]
        {
            let report = report(&client, &format!("as_of=2022-01-0{day}")).await;
            assert_eq!(report.body["overall"][0]["over_committed"], flagged, "on day {day}");
            assert_eq!(report.body["items"][0]["figures"]["over_committed"], flagged);
        }
    });
}

#[test]
fn shares_of_a_third_sum_exactly_by_sector_and_by_year() {
    on_each(|database| async move {
        let client = database.client();
        create_places(&client).await;
        let thirds = [("education", 33.33), ("talent", 33.33), ("transport", 33.34)]
            .map(|(sector, percent)| json!({ "sector": sector, "percent": percent }));
        client.patch("projects/park", json!({ "sectors": thirds })).await.expect(200);
        for (code, fields) in [
            ("a", json!({ "project": "park", "amount": "0.01", "value_on": "2021-12-31" })),
            ("b", json!({ "project": "park", "amount": "0.02", "value_on": "2022-01-01" })),
            ("c", json!({ "project": "park", "amount": "1", "value_on": "2022-12-31" })),
            ("d", json!({ "project": "park", "amount": "100", "value_on": "2023-01-01" })),
            ("e", json!({ "kind": "reversal", "reverses": "d", "amount": "100", "value_on": "2023-01-01" })),
            ("f", json!({ "project": "school", "amount": "7", "value_on": "2022-01-01" })),
            ("g", json!({ "pairing": "xinhui-taishan", "amount": "9", "value_on": "2022-01-01" })),
        ] {
            book(&client, code, fields).await;
        }
        // The rounding remainder of 0.01 goes to the last third, that of 0.02 to the last and the first.
        let sectors = report(&client, &format!("group_by=sector&{DAY}")).await;
        let parts = [
            "education CNY 0.00 0.00 0.34 0.00 0.00 5",
            "transport CNY 0.00 0.00 0.36 0.00 0.00 5",
            "talent CNY 0.00 0.00 0.33 0.00 0.00 5",
            "null CNY 0.00 0.00 16.00 0.00 0.00 2",
        ];
        assert_eq!(rows(&sectors), parts);
        assert_eq!(overall(&sectors), ["CNY 0.00 0.00 17.03 0.00 0.00 7"], "each entry once");
        let years = report(&client, &format!("group_by=year&{DAY}")).await;
        assert_eq!(
            rows(&years),
            [
                "2021 CNY 0.00 0.00 0.01 0.00 0.00 1",
                "2022 CNY 0.00 0.00 17.02 0.00 0.00 4",
                "2023 CNY 0.00 0.00 0.00 0.00 0.00 2",
            ]
        );
        for (query, row, figures) in [
            ("group_by=sector&sector=talent", "talent", "CNY 0.00 0.00 0.33 0.00 0.00 5"),
            ("group_by=pairing&sector=transport", "xinhui-taishan", "CNY 0.00 0.00 0.36 0.00 0.00 5"),
            ("group_by=fund&sector=education", "null", "CNY 0.00 0.00 0.34 0.00 0.00 5"),
            ("group_by=year&sector=education&as_of=2021-12-31", "2021", "CNY 0.00 0.00 0.00 0.00 0.00 1"),
        ] {
            let query = if query.contains("as_of") { query.to_owned() } else { format!("{query}&{DAY}") };
            let report = report(&client, &query).await;
            assert_eq!(
                (rows(&report), overall(&report)),
                (vec![format!("{row} {figures}")], vec![figures.to_owned()]),
                "{query}"
            );
        }
        assert_eq!(overall(&report(&client, &format!("sector=culture-tourism&{DAY}")).await), Vec::<String>::new());
    });
}

/// Funds, pairings and currencies; some entries lack one of them.
async fn create_some(client: &Client) {
    create_places(client).await;
    create(client, "programmes", json!({ "code": "other", "name": { "zh": "另一计划" } })).await;
    create(client, "funds", json!({ "code": "far", "programme": "other", "name": { "zh": "外地资金" } })).await;
    for (code, fields) in [
        ("a", json!({ "fund": "far", "currency": "USD", "amount": "1" })),
        ("b", json!({ "fund": "pot", "pairing": "xinhui-taishan", "currency": "USD", "amount": "2" })),
        ("c", json!({ "fund": "pot", "project": "school", "amount": "3" })),
        ("d", json!({ "project": "park", "amount": "4" })),
        ("e", json!({ "currency": "EUR", "amount": "5" })),
        ("f", json!({ "fund": "pot", "pairing": "xinhui-taishan", "currency": "USD", "amount": "6" })),
    ] {
        book(client, code, with(json!({ "kind": "pledge" }), fields)).await;
    }
}

/// Rows without sums of zero.
fn pledged(report: &Response) -> Vec<String> {
    rows(report).iter().map(|row| row.replace(" 0.00 0.00 0.00 0.00", "")).collect()
}

#[test]
fn each_subject_and_currency_has_a_row_and_entries_without_a_subject_come_last() {
    on_each(|database| async move {
        let client = database.client();
        create_some(&client).await;
        for (query, expected) in [
            ("", &["pot CNY 3.00 1", "pot USD 8.00 2", "far USD 1.00 1", "null CNY 4.00 1", "null EUR 5.00 1"][..]),
            (
                "group_by=pairing",
                &[
                    "xinhui-taishan CNY 4.00 1",
                    "xinhui-taishan USD 8.00 2",
                    "heshan-kaiping CNY 3.00 1",
                    "null EUR 5.00 1",
                    "null USD 1.00 1",
                ],
            ),
            ("group_by=year", &["2022 CNY 7.00 2", "2022 EUR 5.00 1", "2022 USD 9.00 3"]),
            ("group_by=sector", &["null CNY 7.00 2", "null EUR 5.00 1", "null USD 9.00 3"]),
            ("programme=other", &["far USD 1.00 1"]),
            ("programme=jiangmen-east-west", &["pot CNY 3.00 1", "pot USD 8.00 2", "null CNY 4.00 1"]),
            ("pairing=heshan-kaiping", &["pot CNY 3.00 1"]),
            ("fund=pot&group_by=pairing", &["xinhui-taishan USD 8.00 2", "heshan-kaiping CNY 3.00 1"]),
            ("project=park&group_by=fund", &["null CNY 4.00 1"]),
            ("project=park&fund=pot", &[]),
        ] {
            let report = report(&client, &format!("{query}&{DAY}")).await;
            assert_eq!(pledged(&report), expected, "{query}");
        }
        let whole = report(&client, DAY).await;
        assert_eq!(
            overall(&whole).iter().map(|all| all.replace(" 0.00 0.00 0.00 0.00", "")).collect::<Vec<_>>(),
            ["CNY 7.00 2", "EUR 5.00 1", "USD 9.00 3"]
        );
        let row = &whole.body["items"][0];
        assert_eq!((&row["pairing"], &row["sector"], &row["year"]), (&json!(null), &json!(null), &json!(null)));
        assert_eq!(
            client.get("reports/funds?group_by=region").await.expect(400).faults(),
            [fault("/query/group_by", "enum")]
        );
        let names = ["programme", "pairing", "fund", "project", "sector"];
        let query = names.map(|name| format!("{name}=none")).join("&");
        let refused = client.get(&format!("reports/funds?{query}")).await.expect(422);
        let mut faults = refused.faults();
        faults.sort();
        let mut wanted = names.map(|name| fault(&format!("/query/{name}"), "unknown_reference"));
        wanted.sort();
        assert_eq!(faults, wanted);
    });
}

#[test]
fn the_pages_of_a_funds_report_contain_every_row_once() {
    on_each(|database| async move {
        let client = database.client();
        create_some(&client).await;
        for group in ["fund", "pairing", "sector", "year"] {
            let query = format!("group_by={group}&{DAY}");
            let whole = report(&client, &format!("{query}&count=true")).await;
            let items = whole.body["items"].as_array().expect("rows");
            assert_eq!((&whole.body["total"], &whole.body["next_cursor"]), (&json!(items.len()), &json!(null)));
            for limit in 1..=items.len() {
                assert_eq!(walk(&client, "reports/funds", &query, limit).await, *items, "{limit} a page");
            }
            let first = report(&client, &format!("{query}&limit=1")).await;
            assert_eq!((&first.body["overall"], &first.body["total"]), (&whole.body["overall"], &json!(null)));
            let cursor = first.body["next_cursor"].as_str().expect("a second page");
            client.get(&format!("reports/funds?limit=1&cursor={cursor}&group_by={group}")).await.expect(400);
        }
    });
}
