//! The pace report: counts, order, the members that a commitment counts for, and pages.

use serde_json::{Value, json};

use crate::common::builders::{bare_agreement, walk};
use crate::common::records::{
    agreement, approved, codes_of, column, commitment, create, fault, member, pairing, party, with,
};
use crate::common::{Client, on_each};

/// Commitments over the year 2022 with reports on half a year: code, agreement, value. 49.59 % of the year have elapsed then.
const SOME: [(&str, &str, Option<&str>); 9] = [
    ("on-track", "xinhui-taishan-framework-2022", Some("50")),
    ("behind", "xinhui-taishan-framework-2022", Some("40")),
    ("far-behind", "xinhui-taishan-memoranda-2022", Some("-5")),
    ("unknown", "xinhui-taishan-framework-2022", None),
    ("ahead", "xinhui-taishan-memoranda-2022", Some("60")),
    ("just-behind", "xinhui-taishan-framework-2022", Some("48.58")),
    ("far-ahead", "xinhui-taishan-framework-2022", Some("150")),
    ("of-kaiping", "heshan-kaiping-framework-2022", Some("10")),
    ("of-enping", "pengjiang-enping-framework-2022", Some("90")),
];

async fn create_some(client: &Client) {
    for (code, agreement, value) in SOME {
        let fields = match code {
            "behind" => json!({ "sector": "education", "responsible": ["jiangmen-polytechnic", "cpc-jiangmen"] }),
            "ahead" => json!({ "sector": "transport" }),
            _ => json!({}),
        };
        let body = with(with(commitment(code), json!({ "agreement": agreement })), fields);
        create(client, "commitments", body).await;
        if let Some(value) = value {
            create(client, "progress-reports", approved(code, "2022-01-01", "2022-06-30", value)).await;
        }
    }
}

/// Total, ahead, on track, behind, unknown.
fn counts(report: &Value) -> Value {
    let counts = &report["counts"];
    ["total", "ahead", "on_track", "behind", "unknown"].map(|name| counts[name].clone()).into_iter().collect()
}

#[test]
fn commitments_behind_come_first_in_each_pairing_in_order_of_their_lag() {
    on_each(|database| async move {
        let client = database.client();
        create_some(&client).await;
        let report = client.get("reports/pace?as_of=2022-06-30&count=true").await.expect(200);
        let order = [
            "of-enping",
            "far-behind",
            "behind",
            "just-behind",
            "unknown",
            "on-track",
            "ahead",
            "far-ahead",
            "of-kaiping",
        ];
        assert_eq!(column(&report, "/commitment/code"), order);
        let paces = ["ahead", "behind", "behind", "behind", "unknown", "on_track", "ahead", "ahead", "behind"];
        assert_eq!(column(&report, "/pace"), paces);
        assert_eq!(counts(&report.body), json!([9, 3, 1, 4, 1]));
        assert_eq!((&report.body["as_of"], &report.body["total"]), (&json!("2022-06-30"), &json!(9)));
        let behind = &report.body["items"][2];
        assert_eq!(
            json!([
                behind["actual"],
                behind["completion"],
                behind["expected"],
                behind["reported_to"],
                behind["due_on"]
            ]),
            json!(["40", 40.0, 49.59, "2022-06-30", "2022-12-31"])
        );
        assert_eq!(
            json!([
                behind["agreement"]["code"],
                behind["pairing"]["code"],
                behind["sector"]["code"],
                behind["indicator"]["target"]
            ]),
            json!(["xinhui-taishan-framework-2022", "xinhui-taishan", "education", "100"])
        );
        assert_eq!(codes_of(&behind["responsible"]), ["jiangmen-polytechnic", "cpc-jiangmen"]);
        assert_eq!(codes_of(&behind["recipients"]), ["taishan"]);
        assert_eq!(report.body["items"][4]["completion"], json!(null));

        // Before the first report the pace is unknown; after the period an incomplete commitment is behind.
        let early = client.get("reports/pace?as_of=2022-06-29").await.expect(200);
        assert_eq!(counts(&early.body), json!([9, 0, 0, 0, 9]));
        let late = client.get("reports/pace?as_of=2022-12-31").await.expect(200);
        assert_eq!(counts(&late.body), json!([9, 1, 0, 7, 1]));
    });
}

#[test]
fn filters_apply_to_rows_and_counts_but_the_pace_filter_to_rows_only() {
    on_each(|database| async move {
        let client = database.client();
        create_some(&client).await;
        for (query, codes, wanted) in [
            ("pace=behind", vec!["far-behind", "behind", "just-behind", "of-kaiping"], json!([9, 3, 1, 4, 1])),
            ("pace=on_track&pace=unknown", vec!["unknown", "on-track"], json!([9, 3, 1, 4, 1])),
            ("pairing=heshan-kaiping", vec!["of-kaiping"], json!([1, 0, 0, 1, 0])),
            ("pairing=heshan-kaiping&pace=ahead", vec![], json!([1, 0, 0, 1, 0])),
            ("agreement=xinhui-taishan-memoranda-2022", vec!["far-behind", "ahead"], json!([2, 1, 0, 1, 0])),
            ("sector=transport", vec!["ahead"], json!([1, 1, 0, 0, 0])),
            ("responsible=cpc-jiangmen", vec!["behind"], json!([1, 0, 0, 1, 0])),
            ("programme=jiangmen-east-west&member=kaiping", vec!["of-kaiping"], json!([1, 0, 0, 1, 0])),
            ("sector=health", vec![], json!([0, 0, 0, 0, 0])),
        ] {
            let report = client.get(&format!("reports/pace?as_of=2022-06-30&count=true&{query}")).await.expect(200);
            assert_eq!(column(&report, "/commitment/code"), codes, "{query}");
            assert_eq!((counts(&report.body), &report.body["total"]), (wanted, &json!(codes.len())), "{query}");
        }
        for name in ["programme", "pairing", "agreement", "sector", "responsible", "member"] {
            let refused = client.get(&format!("reports/pace?{name}=nowhere")).await.expect(422);
            assert_eq!(refused.faults(), [fault(&format!("/query/{name}"), "unknown_reference")]);
        }
        let refused = client.get("reports/pace?pace=slow").await.expect(400);
        assert_eq!(refused.faults(), [fault("/query/pace/0", "enum")]);
    });
}

/// A pairing with changing members, and agreements that all, two or a school and a region signed.
async fn create_changing_members(client: &Client) {
    let dated = |region: &str, role: &str, from: Option<&str>, to: Option<&str>| {
        with(member(region, role), json!({ "from_on": from, "to_on": to }))
    };
    // Heshan replaces Jianghai in the middle of the year; Kaiping pauses, so it is a member twice.
    let members = json!([
        dated("xinhui", "supporter", None, None),
        dated("jianghai", "supporter", None, Some("2022-06-30")),
        dated("heshan", "supporter", Some("2022-07-01"), None),
        dated("kaiping", "recipient", None, Some("2022-03-31")),
        dated("taishan", "recipient", None, None),
        dated("kaiping", "recipient", Some("2022-09-01"), None),
    ]);
    create(client, "pairings", with(pairing("wide"), json!({ "members": members }))).await;
    let school = json!({ "code": "school", "name": { "zh": "某中学" }, "kind": "school", "region": "heshan" });
    create(client, "organizations", school).await;
    let sign = |parties: Value| json!({ "pairing": "wide", "parties": parties });
    let by = |code: &str, side: &str| party("region", code, side);
    for (code, parties) in [
        ("of-all", json!([])),
        ("of-two", json!([by("xinhui", "supporter"), by("kaiping", "recipient")])),
        ("of-a-school", json!([party("organization", "school", "supporter"), by("taishan", "recipient")])),
    ] {
        create(client, "agreements", with(agreement(code), sign(parties))).await;
    }
}

#[test]
fn a_commitment_counts_for_its_signatories_or_for_all_members_of_its_day() {
    on_each(|database| async move {
        let client = database.client();
        create_changing_members(&client).await;
        let (spring, summer, autumn) = ("2022-03-31", "2022-07-01", "2022-10-31");
        let cases = [
            ("of-all", Some(spring), vec!["kaiping", "taishan"], vec!["jianghai", "kaiping", "taishan", "xinhui"]),
            ("of-all", Some(summer), vec!["taishan"], vec!["heshan", "taishan", "xinhui"]),
            ("of-all", Some(autumn), vec!["kaiping", "taishan"], vec!["heshan", "kaiping", "taishan", "xinhui"]),
            ("of-two", Some(spring), vec!["kaiping"], vec!["kaiping", "xinhui"]),
            // A signatory that is not a member on the day does not count; the members of the day do.
            ("of-two", Some(summer), vec!["taishan"], vec!["taishan", "xinhui"]),
            ("of-a-school", Some(spring), vec!["taishan"], vec!["jianghai", "taishan", "xinhui"]),
            ("of-a-school", Some(autumn), vec!["taishan"], vec!["heshan", "taishan"]),
            // Without a due date, the date of the report counts.
            ("of-two", None, vec!["taishan"], vec!["taishan", "xinhui"]),
        ];
        for (number, (agreement, due_on, _, _)) in cases.iter().enumerate() {
            let body = json!({ "agreement": agreement, "due_on": due_on });
            create(&client, "commitments", with(commitment(&format!("case-{number}")), body)).await;
        }
        let report = client.get("reports/pace?pairing=wide&as_of=2022-07-15").await.expect(200);
        for row in report.body["items"].as_array().expect("rows") {
            let code = row["commitment"]["code"].as_str().expect("a code");
            let number: usize = code.trim_start_matches("case-").parse().expect("a number");
            assert_eq!(codes_of(&row["recipients"]), cases[number].2, "{:?}", cases[number]);
        }
        for region in ["heshan", "jianghai", "kaiping", "taishan", "xinhui", "enping"] {
            let filtered =
                client.get(&format!("reports/pace?pairing=wide&member={region}&as_of=2022-07-15")).await.expect(200);
            let codes = (0..cases.len())
                .filter(|number| cases[*number].3.contains(&region))
                .map(|number| format!("case-{number}"));
            let wanted: Vec<Value> = codes.map(Value::from).collect();
            assert_eq!(filtered.body["counts"]["total"], wanted.len(), "{region}");
            let mut found = column(&filtered, "/commitment/code");
            found.sort_by_key(Value::to_string);
            assert_eq!(found, wanted, "{region}");
        }
    });
}

#[test]
fn the_pages_of_a_pace_report_contain_every_row_once() {
    on_each(|database| async move {
        let client = database.client();
        create_some(&client).await;
        // Many rows that the order distinguishes only by id.
        create(&client, "agreements", bare_agreement("many", "xinhui-taishan")).await;
        for number in 0..12 {
            let code = format!("many-{number}");
            create(&client, "commitments", with(commitment(&code), json!({ "agreement": "many" }))).await;
            let value = if number % 3 == 0 { "40" } else { "-123456789012" };
            create(&client, "progress-reports", approved(&code, "2022-01-01", "2022-06-30", value)).await;
        }
        for query in ["as_of=2022-06-30", "as_of=2022-06-30&pace=behind", "as_of=2022-12-31&pairing=xinhui-taishan"] {
            let whole = client.get(&format!("reports/pace?limit=1000&{query}")).await.expect(200).body;
            let rows = whole["items"].as_array().expect("rows").clone();
            assert!(rows.len() > 12, "{query}");
            for limit in [1, 2, 5] {
                assert_eq!(walk(&client, "reports/pace", query, limit).await, rows, "{query} by {limit}");
            }
            let page = client.get(&format!("reports/pace?limit=1&{query}")).await.expect(200);
            assert_eq!(page.body["counts"], whole["counts"], "the counts are not the page's");
            let cursor = page.body["next_cursor"].as_str().expect("a second page").to_owned();
            let other = client.get(&format!("reports/pace?limit=1&as_of=2022-01-01&cursor={cursor}")).await.expect(400);
            assert_eq!(other.faults(), [fault("/query/cursor", "invalid_cursor")]);
        }
    });
}
