//! The IATI file: valid by the official schema, and consistent with the records.

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde_json::{Value, json};

use crate::common::client::Response;
use crate::common::records::{approved, commitment, create, project, with};
use crate::common::{Client, on_each, on_each_empty};
use crate::examples::create_examples;

const FILE: &str = "programmes/jiangmen-east-west/iati.xml";

/// Makes a missing schema or `xmllint` a failure instead of a skip.
const REQUIRE: &str = "PAIRING_TRACKER_REQUIRE_IATI";
/// The directory of the schema's files; `tests/iati/README.md` names their source.
const SCHEMAS: &str = "PAIRING_TRACKER_IATI_SCHEMAS";

/// The schema, if it and `xmllint` are available.
static SCHEMA: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    let schema = std::env::var_os(SCHEMAS).map(|folder| PathBuf::from(folder).join("iati-activities-schema.xsd"));
    let schema = schema.filter(|schema| schema.is_file());
    let has_xmllint = Command::new("xmllint").arg("--version").output().is_ok_and(|output| output.status.success());
    if has_xmllint && schema.is_some() {
        return schema;
    }
    let required = std::env::var(REQUIRE).is_ok_and(|value| !value.is_empty() && value != "0");
    assert!(!required, "{REQUIRE} is set, and xmllint or the schema in {SCHEMAS} is missing");
    // Written directly to standard error: the test harness shows captured output only for tests that fail.
    let _ = writeln!(
        std::io::stderr().lock(),
        "xmllint or {SCHEMAS} is missing: the IATI file is not held against its schema."
    );
    None
});

/// The schema's errors for a file; `None` if it is valid or there is no schema.
fn schema_errors(bytes: &[u8]) -> Option<String> {
    let schema = SCHEMA.as_ref()?;
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(bytes).expect("it is written");
    let output = Command::new("xmllint")
        .args(["--noout", "--nonet", "--schema"])
        .args([schema, file.path()])
        .output()
        .expect("xmllint starts");
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

/// An element: its name, attributes, elements within, and text.
#[derive(Debug, Default)]
struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    inner: Vec<Element>,
    text: String,
}

impl Element {
    fn begun(start: &BytesStart<'_>) -> Element {
        let attributes = start.attributes().map(|attribute| {
            let attribute = attribute.expect("an attribute");
            let name = attribute.key.as_ref().to_owned();
            let value = quick_xml::escape::unescape(&attribute.value).expect("a value");
            (name, value.into_owned())
        });
        let name = start.name().as_ref().to_owned();
        Element { name, attributes: attributes.collect(), ..Element::default() }
    }

    fn get(&self, attribute: &str) -> &str {
        self.attributes.iter().find(|(name, _)| name == attribute).map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &Element> + use<'_> {
        let name = name.to_owned();
        self.inner.iter().filter(move |element| element.name == name)
    }

    fn first(&self, name: &str) -> &Element {
        self.all(name).next().unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }

    /// The text of its narrative in a language.
    fn narrative(&self, language: &str) -> &str {
        let found = self.all("narrative").find(|narrative| narrative.get("xml:lang") == language);
        found.map(|narrative| narrative.text.as_str()).unwrap_or_default()
    }
}

fn parsed(bytes: &[u8]) -> Element {
    let mut reader = Reader::from_reader(bytes);
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().expect("well-formed") {
            Event::Start(start) => open.push(Element::begun(&start)),
            Event::Empty(start) => open.last_mut().expect("an element").inner.push(Element::begun(&start)),
            Event::End(_) => {
                let done = open.pop().expect("an element");
                open.last_mut().expect("an element").inner.push(done);
            }
            Event::Text(text) => open.last_mut().expect("an element").text.push_str(&text),
            Event::GeneralRef(reference) => {
                let text = format!("&{};", &*reference);
                let text = quick_xml::escape::unescape(&text).expect("a reference").into_owned();
                open.last_mut().expect("an element").text.push_str(&text);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    open.pop().and_then(|mut root| root.inner.pop()).expect("a document")
}

/// The order of an activity's elements in the schema, as far as the file has them.
const ORDER: [&str; 15] = [
    "iati-identifier",
    "reporting-org",
    "title",
    "description",
    "participating-org",
    "activity-status",
    "activity-date",
    "recipient-country",
    "location",
    "sector",
    "tag",
    "budget",
    "transaction",
    "document-link",
    "related-activity",
];

/// The activities of a file, which is checked against the schema and the rules below.
fn activities(response: &Response) -> Vec<Element> {
    assert_eq!(response.header("content-type"), "application/xml");
    assert_eq!(schema_errors(&response.bytes), None);
    let root = parsed(&response.bytes);
    assert_eq!((root.name.as_str(), root.get("version")), ("iati-activities", "2.03"));
    let identifiers: Vec<&str> =
        root.inner.iter().map(|activity| activity.first("iati-identifier").text.as_str()).collect();
    for activity in &root.inner {
        let places: Vec<usize> = activity
            .inner
            .iter()
            .map(|element| ORDER.iter().position(|name| *name == element.name).unwrap_or(ORDER.len()))
            .collect();
        assert!(places.is_sorted(), "{activity:?}");
        for name in &ORDER[..7] {
            assert!(activity.all(name).count() > 0, "{name} in {activity:?}");
        }
        let shares: Vec<f64> =
            activity.all("sector").map(|sector| sector.get("percentage").parse().expect("a share")).collect();
        assert!(shares.is_empty() || (shares.iter().sum::<f64>() - 100.0).abs() < 1e-9, "{shares:?}");
        for related in activity.all("related-activity") {
            assert!(identifiers.contains(&related.get("ref")), "{related:?}");
        }
    }
    let distinct: std::collections::BTreeSet<&&str> = identifiers.iter().collect();
    assert_eq!(distinct.len(), identifiers.len(), "{identifiers:?}");
    root.inner
}

fn activity_of<'a>(activities: &'a [Element], identifier: &str) -> &'a Element {
    let found = activities.iter().find(|activity| activity.first("iati-identifier").text == identifier);
    found.unwrap_or_else(|| panic!("no {identifier}"))
}

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
        let reporter = programme.first("reporting-org");
        assert_eq!((reporter.get("ref"), reporter.get("type"), reporter.narrative("zh")), ("CN-1", "11", "江门"));
        let related = |activity: &Element| -> Vec<(String, String)> {
            activity
                .all("related-activity")
                .map(|other| (other.get("type").to_owned(), other.get("ref").to_owned()))
                .collect()
        };
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
            "shares that nobody gave are not told"
        );

        let park = activity_of(&all, "CN-1-project-park");
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
        let ledger = |activity: &Element| -> Vec<(String, String, String)> {
            let transactions = activity.all("transaction").map(|entry| {
                (
                    entry.get("ref").to_owned(),
                    entry.first("transaction-type").get("code").to_owned(),
                    entry.first("value").text.clone(),
                )
            });
            transactions.collect()
        };
        let entry =
            |reference: &str, kind: &str, value: &str| (reference.to_owned(), kind.to_owned(), value.to_owned());
        assert_eq!(
            ledger(park),
            [entry("paid", "3", "100.00"), entry("spent", "4", "100.00"), entry("back", "3", "-40.00")]
        );
        assert_eq!(ledger(pairing), [entry("bound", "2", "100.00")]);
        assert_eq!(ledger(programme), [entry("pledged", "12", "100.00")]);
        let link = park.first("document-link");
        assert_eq!(link.get("url"), "http://news.cncjw.com.cn/tupian/2022/0407/46345.html");
        let long = activity_of(&all, "CN-1-project-long");
        assert!(
            long.all("budget").count() == 0
                && long.all("description").any(|text| text.narrative("zh").contains("5.00 CNY"))
        );
        let undated = activity_of(&all, "CN-1-project-undated").first("activity-date");
        assert_eq!((undated.get("iso-date"), undated.narrative("zh")), ("2022-02-18", "所属结对关系的日期"));

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
                (
                    period.first("period-end").get("iso-date"),
                    period.inner[2].name.as_str(),
                    period.inner[2].get("value"),
                )
            })
            .collect();
        assert_eq!(periods, [("2022-12-31", "target", "100"), ("2022-01-31", "actual", "12.5")]);
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
