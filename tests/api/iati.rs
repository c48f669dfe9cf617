//! The IATI file: valid by the official schema, and consistent with the records.

mod file;

use serde_json::{Value, json};

use crate::common::records::{approved, commitment, create, project, with};
use crate::common::{Client, on_each, on_each_empty};
use crate::examples::create_examples;
use file::{Element, SCHEMA, activities, activity_of, schema_errors};

const FILE: &str = "programmes/jiangmen-east-west/iati.xml";

/// A project with money, and a commitment with numbers.
async fn fill(client: &Client) {
    create(
        client,
        "organizations",
        json!({ "code": "farm", "name": { "zh": "农业<公司>&\"合作社\"" }, "kind": "company", "region": "taishan" }),
    )
    .await;
    let record = json!({
        "title": { "zh": "共建 <园区> & 码头\u{1}", "en": "A park" }, "status": "in_progress", "actual_start_on": "2022-03-01",
        "planned_start_on": "2022-01-01", "planned_end_on": "2022-12-31", "investment": "1200000.50", "location": "taishan",
        "sectors": [{ "sector": "transport", "percent": 33.33 }, { "sector": "health", "percent": 66.67 }],
        "organizations": [{ "organization": "farm", "role": "funder" }, { "organization": "farm", "role": "responsible" }],
        "citations": [{ "document": "nanfang-daily-2022-04-07" }]
    });
    create(client, "projects", with(project("park"), record)).await;
    let long = json!({ "planned_start_on": "2022-01-01", "planned_end_on": "2025-12-31", "investment": "5.00" });
    create(client, "projects", with(project("long"), long)).await;
    create(client, "projects", project("undated")).await;
    let paid = |code: &str, kind: &str, more: Value| {
        with(
            json!({ "code": code, "kind": kind, "amount": "100.00", "value_on": "2022-05-01", "fund": "jiangmen-balance-fund" }),
            more,
        )
    };
    for record in [
        paid("pledged", "pledge", json!({})),
        paid("bound", "commitment", json!({ "pairing": "xinhui-taishan" })),
        paid("paid", "disbursement", json!({ "project": "park", "provider": "farm" })),
        paid("spent", "expenditure", json!({ "project": "park" })),
        paid("passed", "disbursement", json!({ "project": "park", "pass_through": true })),
    ] {
        create(client, "transactions", record).await;
    }
    let back =
        json!({ "code": "back", "kind": "reversal", "amount": "40.00", "value_on": "2022-06-01", "reverses": "paid" });
    create(client, "transactions", back).await;
    let indicator = json!({ "indicator": { "name": "教师数", "unit": "人", "baseline": "10", "target": "100" } });
    create(client, "commitments", with(commitment("teachers"), indicator)).await;
    create(client, "progress-reports", approved("teachers", "2022-01-01", "2022-01-31", "12.5")).await;
    create(client, "commitments", with(commitment("words"), json!({ "indicator": null }))).await;
}

#[test]
fn the_seed_and_richer_data_conform_to_the_official_schema() {
    on_each(|database| async move {
        let client = database.client();
        let seed = activities(&client.anonymous().get(FILE).await.expect(200));
        assert_eq!(seed.iter().filter(|activity| activity.get("hierarchy") == "2").count(), 3);
        create_examples(&client).await;
        fill(&client).await;
        for query in [
            "",
            "?as_of=2020-01-01",
            "?as_of=2035-01-01&reporting_org=CN-1&sector_vocabulary_uri=https://example.org/s?a=1%26b",
        ] {
            let rich = activities(&client.get(&format!("{FILE}{query}")).await.expect(200));
            assert!(rich.len() > seed.len());
        }
        // The control: the schema, where there is one, rejects a broken file.
        let broken = client.get(FILE).await.expect(200).bytes;
        let broken = String::from_utf8(broken).expect("UTF-8").replacen("activity-status", "activity-state", 1);
        assert_eq!(schema_errors(broken.as_bytes()).is_some(), SCHEMA.is_some());
    });
}

/// The types and identifiers of the related activities.
fn related(activity: &Element) -> Vec<(String, String)> {
    activity.all("related-activity").map(|other| (other.get("type").to_owned(), other.get("ref").to_owned())).collect()
}

/// A transaction: its identifier, the code of its type, and its value.
type Entry = (String, String, String);

fn entry(reference: &str, kind: &str, value: &str) -> Entry {
    (reference.to_owned(), kind.to_owned(), value.to_owned())
}

fn ledger(activity: &Element) -> Vec<Entry> {
    let transactions = activity.all("transaction").map(|transaction| {
        entry(
            transaction.get("ref"),
            transaction.first("transaction-type").get("code"),
            &transaction.first("value").text,
        )
    });
    transactions.collect()
}

fn assert_programme_and_pairing(programme: &Element, pairing: &Element) {
    let reporter = programme.first("reporting-org");
    assert_eq!((reporter.get("ref"), reporter.get("type"), reporter.narrative("zh")), ("CN-1", "11", "江门"));
    assert!(related(programme).contains(&("2".to_owned(), "CN-1-pairing-xinhui-taishan".to_owned())));
    assert_eq!(related(pairing)[0], ("1".to_owned(), "CN-1-programme-jiangmen-east-west".to_owned()));
    assert!(related(pairing).contains(&("2".to_owned(), "CN-1-project-park".to_owned())));
    // A date derived from another record says so; the record's own date does not.
    let date = pairing.first("activity-date");
    assert_eq!((date.get("iso-date"), date.narrative("zh")), ("2022-02-18", "首份协议的签署日期"));
    let country = pairing.first("recipient-country");
    assert_eq!((country.get("code"), country.get("percentage")), ("CN", "100"));
    assert_eq!(pairing.first("location").get("ref"), "440781");
    assert!(
        pairing.all("tag").count() > 1 && pairing.all("sector").count() == 0,
        "shares that are not recorded are omitted"
    );
}

/// Asserts the activity of the project `park`.
fn assert_project(park: &Element) {
    assert_eq!(
        (park.first("title").narrative("zh"), park.first("title").narrative("en")),
        ("共建 <园区> & 码头\u{FFFD}", "A park")
    );
    assert_eq!(park.first("activity-status").get("code"), "2");
    let dates: Vec<(&str, &str)> =
        park.all("activity-date").map(|date| (date.get("type"), date.get("iso-date"))).collect();
    assert_eq!(dates, [("1", "2022-01-01"), ("2", "2022-03-01"), ("3", "2022-12-31")]);
    let roles: Vec<(&str, &str)> =
        park.all("participating-org").map(|other| (other.get("role"), other.get("type"))).collect();
    assert_eq!(roles, [("1", "70"), ("4", "70")]);
    assert_eq!(park.first("participating-org").narrative("zh"), "农业<公司>&\"合作社\"");
    let sectors: Vec<(&str, &str, &str)> = park
        .all("sector")
        .map(|sector| (sector.get("code"), sector.get("percentage"), sector.get("vocabulary-uri")))
        .collect();
    assert_eq!(
        sectors,
        [("transport", "33.33", "https://example.org/s"), ("health", "66.67", "https://example.org/s")]
    );
    assert_eq!(park.first("budget").first("value").text, "1200000.50");
    let link = park.first("document-link");
    assert_eq!(link.get("url"), "http://news.cncjw.com.cn/tupian/2022/0407/46345.html");
}

/// Asserts that the one commitment with numbers is a result of its pairing.
fn assert_result(pairing: &Element) {
    let results: Vec<&Element> =
        pairing.all("result").filter(|result| result.first("title").narrative("zh") == "选派教师跟岗").collect();
    let [result] = results.as_slice() else { panic!("one with a number: {results:?}") };
    let indicator = result.first("indicator");
    assert_eq!((indicator.first("title").narrative("zh"), indicator.get("measure")), ("教师数", "1"));
    let baseline = indicator.first("baseline");
    assert_eq!((baseline.get("value"), baseline.get("year")), ("10", "2022"));
    let periods: Vec<(&str, &str, &str)> = indicator
        .all("period")
        .map(|period| {
            (period.first("period-end").get("iso-date"), period.inner[2].name.as_str(), period.inner[2].get("value"))
        })
        .collect();
    assert_eq!(periods, [("2022-12-31", "target", "100"), ("2022-01-31", "actual", "12.5")]);
}

#[test]
fn the_file_matches_the_records() {
    on_each(|database| async move {
        let client = database.client();
        fill(&client).await;
        let query = "reporting_org=CN-1&reporting_org_type=11&reporting_org_name=%E6%B1%9F%E9%97%A8&sector_vocabulary_uri=https://example.org/s";
        let response = client.get(&format!("{FILE}?as_of=2022-08-01&{query}")).await.expect(200);
        let all = activities(&response);
        let (programme, pairing) =
            (activity_of(&all, "CN-1-programme-jiangmen-east-west"), activity_of(&all, "CN-1-pairing-xinhui-taishan"));
        assert_programme_and_pairing(programme, pairing);
        let park = activity_of(&all, "CN-1-project-park");
        assert_project(park);
        assert_eq!(
            ledger(park),
            [entry("paid", "3", "100.00"), entry("spent", "4", "100.00"), entry("back", "3", "-40.00")]
        );
        assert_eq!(ledger(pairing), [entry("bound", "2", "100.00")]);
        assert_eq!(ledger(programme), [entry("pledged", "12", "100.00")]);
        let long = activity_of(&all, "CN-1-project-long");
        assert!(
            long.all("budget").count() == 0
                && long.all("description").any(|text| text.narrative("zh").contains("5.00 CNY"))
        );
        let undated = activity_of(&all, "CN-1-project-undated").first("activity-date");
        assert_eq!((undated.get("iso-date"), undated.narrative("zh")), ("2022-02-18", "所属结对关系的日期"));
        assert_result(pairing);
    });
}

#[test]
fn missing_identifiers_are_marked_as_unregistered() {
    on_each(|database| async move {
        let client = database.client();
        let all = activities(&client.get(FILE).await.expect(200));
        let programme = activity_of(&all, "UNREGISTERED-programme-jiangmen-east-west");
        let reporter = programme.first("reporting-org");
        assert_eq!((reporter.get("type"), reporter.narrative("zh")), ("90", "中共江门市委、江门市人民政府"));
        let faulty = client.get(&format!("{FILE}?reporting_org=a/b&reporting_org_type=xy")).await.expect(400);
        assert_eq!(faulty.faults().len(), 2);
    });
}

#[test]
fn a_programme_without_a_date_is_refused_and_no_file_contains_persons() {
    on_each_empty(|database| async move {
        let client = database.client();
        create(&client, "programmes", json!({ "code": "bare", "name": { "zh": "无日期" } })).await;
        let refused = client.get("programmes/bare/iati.xml").await.expect(409);
        assert_eq!(
            (refused.body["code"].as_str(), refused.faults()[0].0.as_str()),
            (Some("iati_no_date"), "/starts_on")
        );
        client.patch("programmes/bare", json!({ "starts_on": "2022-01-01" })).await.expect(200);
        assert_eq!(activities(&client.get("programmes/bare/iati.xml").await.expect(200)).len(), 1);
        client.get("programmes/none/iati.xml").await.expect(404);

        for (code, level) in [("east", "county"), ("west", "county")] {
            create(&client, "regions", json!({ "code": code, "name": { "zh": code }, "level": level })).await;
        }
        let members = json!([{ "region": "east", "role": "supporter" }, { "region": "west", "role": "recipient" }]);
        create(
            &client,
            "pairings",
            json!({ "code": "tie", "programme": "bare", "name": { "zh": "结对" }, "members": members }),
        )
        .await;
        create(
            &client,
            "liaisons",
            json!({ "pairing": "tie", "body": "government", "name": "乙某人", "contact": "13800138000" }),
        )
        .await;
        let exchange = json!({ "pairing": "tie", "profession": "doctor", "direction": "supporter_to_recipient", "headcount": 1, "names": ["丙某人"] });
        create(&client, "exchanges", exchange).await;
        for path in ["programmes/bare/iati.xml", "pairings/tie/milestones.ics", "pairings/tie/conferences.ics"] {
            // With the key of an administrator, who may see all personal data.
            let text = String::from_utf8(client.get(path).await.expect(200).bytes).expect("UTF-8");
            assert!(["乙某人", "13800138000", "丙某人"].iter().all(|person| !text.contains(person)), "{path}");
        }
    });
}
