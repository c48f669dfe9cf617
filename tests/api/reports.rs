//! Reports: rows and pages of the scorecard, and the list of overdue milestones.

use serde_json::json;

use crate::common::records::{codes_of, column, create, fault, milestone, pairing, with};
use crate::common::{Client, on_each};

const PAIRINGS: [&str; 3] = ["pengjiang-jianghai-enping", "xinhui-taishan", "heshan-kaiping"];

async fn create_some(client: &Client) {
    let memoranda = "xinhui-taishan-memoranda-2022";
    for (code, fields) in [
        ("late", json!({ "due_on": "2022-06-30", "responsible": ["jiangmen-polytechnic"], "progress": 40 })),
        ("later", json!({ "due_on": "2022-05-31", "agreement": memoranda, "status": "in_progress" })),
        (
            "latest",
            json!({ "due_on": "2022-04-30", "agreement": "heshan-kaiping-framework-2022", "responsible": ["cuishanhu-hi-tech-zone", "jiangmen-polytechnic"] }),
        ),
        ("done", json!({ "due_on": "2022-04-30", "status": "met", "met_on": "2022-04-30", "agreement": memoranda })),
    ] {
        create(client, "milestones", with(milestone(code), fields)).await;
    }
}

#[test]
fn the_scorecard_has_a_row_for_every_pairing_and_one_overall() {
    on_each(|database| async move {
        let client = database.client();
        create_some(&client).await;
        create(&client, "pairings", pairing("idle")).await;
        let card = client.get("reports/scorecard?as_of=2022-07-10").await.expect(200);
        assert_eq!(card.body["as_of"], "2022-07-10");
        assert_eq!(column(&card, "/pairing/code"), [PAIRINGS[0], PAIRINGS[1], PAIRINGS[2], "idle"]);
        assert_eq!(column(&card, "/figures/overdue"), [0, 2, 1, 0]);
        assert_eq!(column(&card, "/figures/days_late"), [0, 40, 71, 0]);
        // (40 + 0 + 100) / 3; milestones of weight 0 have no progress.
        assert_eq!(column(&card, "/figures/progress"), [json!(null), json!(46.67), json!(0.0), json!(null)]);
        let overall = &card.body["overall"];
        assert_eq!((&overall["overdue"], &overall["days_late"]), (&json!(3), &json!(71)));
        // Three seeded milestones and one of this test were met on time; three were not.
        assert_eq!((&overall["baseline_due"], &overall["on_time"]), (&json!(7), &json!(4)));
        assert_eq!((&overall["on_time_rate"], &overall["progress"]), (&json!(57.14), &json!(35.0)));
        let early = client.get("reports/scorecard?as_of=2022-01-01").await.expect(200);
        assert_eq!(
            (&early.body["overall"]["baseline_due"], &early.body["overall"]["on_time_rate"]),
            (&json!(0), &json!(null))
        );
    });
}

#[test]
fn rows_can_be_pairings_sectors_or_agreements() {
    on_each(|database| async move {
        let client = database.client();
        create_some(&client).await;
        let by = async |group: &str| {
            client.get(&format!("reports/scorecard?as_of=2022-07-10&group_by={group}")).await.expect(200)
        };
        let pairings = by("pairing").await;
        assert_eq!(column(&pairings, "/pairing/code"), PAIRINGS);
        assert_eq!(column(&pairings, "/agreement"), [json!(null), json!(null), json!(null)]);

        let agreements = by("agreement").await;
        let codes = column(&agreements, "/agreement/code");
        assert_eq!(codes.len(), 5);
        let at = codes.iter().position(|code| code == "xinhui-taishan-memoranda-2022").expect("a row");
        let row = &agreements.body["items"][at];
        assert_eq!((&row["pairing"]["code"], &row["figures"]["progress"]), (&json!("xinhui-taishan"), &json!(50.0)));

        let sectors = by("sector").await;
        let mut codes = column(&sectors, "/sector/code")
            .iter()
            .map(|code| code.as_str().unwrap_or_default().to_owned())
            .collect::<Vec<_>>();
        codes.sort();
        let six = [
            "culture-tourism",
            "education",
            "industrial-coordination",
            "park-building",
            "poverty-twinning",
            "transport",
        ];
        assert!(six.iter().all(|sector| codes.iter().any(|code| code == sector)), "{codes:?}");
        assert!(codes.iter().any(|code| code == "health"), "a sector that only projects are in has a row: {codes:?}");
        for row in sectors.body["items"].as_array().expect("rows") {
            let is_late = six.iter().any(|sector| row["sector"]["code"] == *sector);
            assert_eq!(row["figures"]["overdue"], i64::from(is_late), "{}", row["sector"]["code"]);
        }
        // An agreement in six sectors counts once in the overall figures.
        assert_eq!(sectors.body["overall"], pairings.body["overall"]);
        assert_eq!(agreements.body["overall"], pairings.body["overall"]);
        let refused = client.get("reports/scorecard?group_by=region").await.expect(400);
        assert_eq!(refused.faults(), [fault("/query/group_by", "enum")]);
    });
}

#[test]
fn filters_apply_to_rows_and_overall_figures() {
    on_each(|database| async move {
        let client = database.client();
        create_some(&client).await;
        create(&client, "programmes", json!({ "code": "other", "name": { "zh": "另一计划" } })).await;
        create(&client, "pairings", with(pairing("idle"), json!({ "programme": "other" }))).await;
        for (query, pairings, overdue) in [
            ("programme=jiangmen-east-west", PAIRINGS.to_vec(), 3),
            ("programme=other", vec!["idle"], 0),
            ("pairing=xinhui-taishan", vec!["xinhui-taishan"], 2),
            ("sector=transport", vec!["xinhui-taishan"], 1),
            ("sector=health", PAIRINGS.to_vec(), 0),
            ("sector=public-services", vec![], 0),
            ("pairing=heshan-kaiping&sector=transport", vec![], 0),
        ] {
            let card = client.get(&format!("reports/scorecard?as_of=2022-07-10&{query}")).await.expect(200);
            assert_eq!(column(&card, "/pairing/code"), pairings, "{query}");
            assert_eq!(card.body["overall"]["overdue"], overdue, "{query}");
        }
        for name in ["programme", "pairing", "sector"] {
            for report in ["scorecard", "overdue"] {
                let refused = client.get(&format!("reports/{report}?{name}=nowhere")).await.expect(422);
                assert_eq!(refused.faults(), [fault(&format!("/query/{name}"), "unknown_reference")]);
            }
        }
    });
}

#[test]
fn the_pages_of_a_report_contain_every_row_once() {
    on_each(|database| async move {
        let client = database.client();
        create_some(&client).await;
        for (list, pointer) in
            [("scorecard?group_by=agreement", "/agreement/code"), ("overdue?as_of=2022-07-10", "/milestone/code")]
        {
            let whole = client.get(&format!("reports/{list}&count=true")).await.expect(200);
            let rows = column(&whole, pointer);
            assert_eq!((&whole.body["total"], &whole.body["next_cursor"]), (&json!(rows.len()), &json!(null)));
            let (mut paged, mut cursor) = (Vec::new(), String::new());
            for _ in 0..rows.len().div_ceil(2) {
                let page = client.get(&format!("reports/{list}&limit=2{cursor}")).await.expect(200);
                assert_eq!(page.body["overall"], whole.body["overall"], "overall is not the page's");
                assert_eq!(page.body["total"], json!(null));
                paged.extend(column(&page, pointer));
                cursor = page.body["next_cursor"].as_str().map(|c| format!("&cursor={c}")).unwrap_or_default();
                assert_eq!(page.header("link").contains("rel=\"next\""), !cursor.is_empty());
            }
            assert_eq!(paged, rows, "{list}");
            assert_eq!(cursor, "", "the last page has no next");
        }
        let page = client.get("reports/scorecard?limit=1").await.expect(200);
        let cursor = page.body["next_cursor"].as_str().expect("a second page").to_owned();
        client.get(&format!("reports/scorecard?limit=1&group_by=sector&cursor={cursor}")).await.expect(400);
    });
}

#[test]
fn the_longest_overdue_comes_first_with_the_responsible_organizations() {
    on_each(|database| async move {
        let client = database.client();
        create_some(&client).await;
        client.patch("milestones/late", json!({ "due_on": "2022-07-05", "reason": "汛期" })).await.expect(200);
        let report = client.get("reports/overdue?as_of=2022-07-10&count=true").await.expect(200);
        assert_eq!((&report.body["as_of"], &report.body["total"]), (&json!("2022-07-10"), &json!(3)));
        assert_eq!(column(&report, "/milestone/code"), ["latest", "later", "late"]);
        assert_eq!(column(&report, "/days_late"), [71, 40, 5]);
        let [latest, later, late] = report.body["items"].as_array().expect("rows").as_slice() else {
            panic!("three rows")
        };
        assert_eq!(codes_of(&latest["responsible"]), ["cuishanhu-hi-tech-zone", "jiangmen-polytechnic"]);
        assert_eq!(
            (&latest["pairing"]["code"], &latest["agreement"]["code"]),
            (&json!("heshan-kaiping"), &json!("heshan-kaiping-framework-2022"))
        );
        assert_eq!((&later["status"], &later["responsible"]), (&json!("in_progress"), &json!([])));
        assert_eq!(
            (&late["baseline_due_on"], &late["slippage_days"], &late["progress"]),
            (&json!("2022-06-30"), &json!(5), &json!(40))
        );
    });
}

#[test]
fn overdue_milestones_depend_on_the_date_and_the_filter() {
    on_each(|database| async move {
        let client = database.client();
        create_some(&client).await;
        for (query, codes) in [
            ("as_of=2022-04-30", vec![]),
            ("as_of=2022-05-01", vec!["latest"]),
            ("as_of=2022-06-30", vec!["latest", "later"]),
            ("as_of=2999-01-01", vec!["latest", "later", "late"]),
            ("as_of=2022-07-10&pairing=xinhui-taishan", vec!["later", "late"]),
            ("as_of=2022-07-10&sector=transport", vec!["later"]),
            ("as_of=2022-07-10&programme=jiangmen-east-west", vec!["latest", "later", "late"]),
            ("as_of=2022-07-10&responsible=jiangmen-polytechnic", vec!["latest", "late"]),
            ("as_of=2022-07-10&responsible=cpc-jiangmen", vec![]),
        ] {
            let report = client.get(&format!("reports/overdue?{query}")).await.expect(200);
            assert_eq!(column(&report, "/milestone/code"), codes, "{query}");
        }
        let refused = client.get("reports/overdue?as_of=2022-02-30").await.expect(400);
        assert_eq!(refused.faults(), [fault("/query/as_of", "format")]);
    });
}
