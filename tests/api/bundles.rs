//! Bundles: an exported bundle imports unchanged.

use actix_web::http::Method;
use chrono::NaiveDate;
use pairing_tracker::access::Role;
use pairing_tracker::transfer::plan::Outcome;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Map, Value, json};

use crate::common::builders::block_on;
use crate::common::bundles::import_bundle;
use crate::common::records::{commitment, create, fault, milestone, report, with};
use crate::common::{Client, Database, databases, on_each};
use crate::examples::create_examples;

async fn bundle(client: &Client, suffix: &str, query: &str) -> String {
    let response = client.get(&format!("exports/bundle.{suffix}{query}")).await.expect(200);
    String::from_utf8(response.bytes).expect("UTF-8")
}

fn json_of(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).expect("JSON")
}

fn codes(bundle: &Map<String, Value>, path: &str) -> Vec<String> {
    let records = bundle.get(path).and_then(Value::as_array);
    records.into_iter().flatten().map(|record| record["code"].as_str().expect("a code").to_owned()).collect()
}

/// Exports everything, imports it into the same and into an empty database, and compares.
fn round_trip(from: &Database, client: &Client, elsewhere: [Database; 2]) {
    for (suffix, database) in ["yaml", "json"].into_iter().zip(elsewhere) {
        let text = block_on(async || bundle(client, suffix, "").await);
        let again = import_bundle(from, &text);
        assert!(!again.is_empty() && again.iter().all(|outcome| *outcome == Outcome::Unchanged), "{again:?}\n{text}");
        let made = import_bundle(&database, &text);
        assert!(made.iter().all(|outcome| *outcome == Outcome::Create), "{made:?}");
        let copy = block_on(async || bundle(&database.client(), suffix, "").await);
        assert!(copy == text, "{}: not the same\n{text}\n\n{copy}", database.name);
        let left = import_bundle(&database, &copy);
        assert!(left.iter().all(|outcome| *outcome == Outcome::Unchanged), "{left:?}");
    }
}

/// Databases without records, two for each available backend.
fn empty() -> Vec<[Database; 2]> {
    databases(false).into_iter().zip(databases(false)).map(|(a, b)| [a, b]).collect()
}

#[test]
fn the_seed_round_trips_byte_for_byte() {
    for (seeded, elsewhere) in databases(true).into_iter().zip(empty()) {
        let client = block_on(async || seeded.client());
        round_trip(&seeded, &client, elsewhere);
    }
}

/// Texts that file formats and their parsers are known to corrupt.
const TEXTS: [&str; 30] = [
    "no",
    "1e3",
    "2022-04-11",
    " leading and trailing ",
    "a\nb\n",
    "\n x",
    "'=1+1",
    "=1+1",
    "+1",
    "😀",
    "a\u{85}b",
    "a\u{2028}b",
    "\ttab\t",
    "\\",
    "\"",
    "'",
    "a\r\nb",
    "null",
    "~",
    "true",
    "0x1F",
    "- x",
    "# x",
    "x: y",
    "{x",
    "| y",
    "\u{feff}x",
    "\u{7f}",
    "甲；乙，丙、丁",
    "1.50",
];

/// The random choices of a case, consumed one after the other.
struct Choices<'a>(std::slice::Iter<'a, u8>);

impl Choices<'_> {
    fn next(&mut self) -> usize {
        usize::from(self.0.next().copied().unwrap_or_default())
    }

    fn text(&mut self) -> &'static str {
        TEXTS[self.next() % TEXTS.len()]
    }

    fn text_or_null(&mut self) -> Value {
        if self.next().is_multiple_of(3) { Value::Null } else { json!(self.text()) }
    }

    fn name(&mut self) -> Value {
        json!({ "zh": self.text(), "en": self.text_or_null() })
    }

    fn day(&mut self) -> String {
        let first = NaiveDate::from_ymd_opt(2022, 1, 1).expect("a day");
        (first + chrono::Days::new(self.next() as u64)).to_string()
    }

    fn day_or_null(&mut self) -> Value {
        if self.next().is_multiple_of(2) { Value::Null } else { json!(self.day()) }
    }

    fn some<'a>(&mut self, of: &[&'a str]) -> Vec<&'a str> {
        of.iter().filter(|_| self.next().is_multiple_of(2)).copied().collect()
    }

    fn code(&mut self, code: &str) -> Value {
        if self.next().is_multiple_of(2) { Value::Null } else { json!(code) }
    }

    fn citations(&mut self) -> Value {
        let cite = |one: &&str| json!({ "document": one, "field": "note", "locator": "第1页", "note": null });
        let mut cited: Vec<Value> = self.some(&["doc-a", "doc-b"]).iter().map(cite).collect();
        cited.iter_mut().for_each(|one| one["note"] = self.text_or_null());
        json!(cited)
    }
}

/// A record of every kind, in each state that is hard to import, with random content.
pub async fn fill(client: &Client, bytes: &[u8]) {
    let mut c = Choices(bytes.iter());
    let key = |made: &Value| match made["code"].as_str() {
        Some(code) => code.to_owned(),
        None => made["id"].to_string(),
    };
    macro_rules! make {
        ($path:literal, $record:tt) => {{
            let record = with(json!($record), json!({ "citations": c.citations() }));
            key(&create(client, $path, record).await.body)
        }};
    }
    create(client, "documents", json!({ "code": "doc-a", "title": c.name(), "kind": "news_report", "note": c.text_or_null(), "publisher": c.text_or_null() })).await;
    create(client, "documents", json!({ "code": "doc-b", "title": c.name(), "kind": "minutes", "citations": [{ "document": "doc-a" }], "published_on": c.day_or_null() })).await;
    make!("regions", { "code": "north", "name": (c.name()), "level": "prefecture", "note": (c.text_or_null()) });
    make!("regions", { "code": "east", "name": (c.name()), "level": "county", "parent": "north", "latitude": 22.5, "longitude": 113.25 });
    make!("regions", { "code": "west", "name": (c.name()), "level": "county", "parent": "north" });
    make!("organizations", { "code": "zz-board", "name": (c.name()), "kind": "government", "region": "east" });
    make!("organizations", { "code": "aa-school", "name": (c.name()), "kind": "school", "region": "west", "parent": "zz-board" });
    make!("sectors", { "code": "z-industry", "name": (c.name()), "description": (c.name()) });
    make!("sectors", { "code": "parks", "name": (c.name()), "parent": "z-industry" });
    make!("programmes", { "code": "plan", "name": (c.name()), "lead_body": (c.text_or_null()), "starts_on": (c.day_or_null()) });
    let members =
        json!([{ "region": "east", "role": "supporter", "is_lead": true }, { "region": "west", "role": "recipient" }]);
    make!("pairings", { "code": "z-old", "programme": "plan", "name": (c.name()), "members": (members.clone()), "ended_on": (c.day_or_null()) });
    make!("pairings", { "code": "new-one", "programme": "plan", "name": (c.name()), "members": (members.clone()), "supersedes": "z-old", "sectors": (c.some(&["parks", "z-industry"])), "note": (c.text_or_null()) });
    make!("conferences", { "code": "first", "pairing": "new-one", "status": "held", "held_on": (c.day()), "venue": (c.text_or_null()), "summary": (c.text_or_null()),
        "participants": [{ "name": (c.text()), "organization": "aa-school" }, { "region": "west", "title": (c.text_or_null()) }] });
    let parties = json!([{ "region": "east", "side": "supporter", "signatory": c.text_or_null() }, { "organization": "aa-school", "side": "recipient" }]);
    make!("agreements", { "code": "z-frame", "pairing": "new-one", "kind": "framework_agreement", "title": (c.name()), "status": "signed", "signed_on": "2022-01-01",
        "parties": (parties.clone()), "sectors": (c.some(&["parks", "z-industry"])), "conference": "first", "number": (c.text_or_null()) });
    make!("agreements", { "code": "a-note", "pairing": "new-one", "kind": "memorandum", "title": (c.name()), "status": "suspended", "status_on": (c.day()),
        "status_reason": (c.text()), "signed_on": "2022-01-01", "parties": parties, "parent": "z-frame", "summary": (c.name()) });
    let measured = make!("commitments", { "code": (c.code("measured")), "agreement": "z-frame", "text": (c.name()), "starts_on": "2022-01-01", "due_on": "2022-12-31",
        "clause": (c.text_or_null()), "responsible": (c.some(&["zz-board", "aa-school"])), "indicator": { "name": (c.text_or_null()), "unit": (c.text()), "target": "100", "baseline": "0.5" } });
    make!("commitments", { "code": (c.code("worded")), "agreement": "z-frame", "text": (c.name()), "sector": "parks", "note": (c.text_or_null()) });
    let report = |from: &str, to: &str| json!({ "commitment": measured, "period_start_on": from, "period_end_on": to, "value": "1.5" });
    let approved = create(
        client,
        "progress-reports",
        with(report("2022-01-01", "2022-01-31"), json!({ "status": "approved", "code": c.code("z-january") })),
    )
    .await;
    create(client, "progress-reports", with(report("2022-01-01", "2022-01-31"), json!({ "status": "approved", "supersedes": key(&approved.body), "code": c.code("a-correction"), "narrative": c.text() }))).await;
    create(
        client,
        "progress-reports",
        with(report("2022-02-01", "2022-02-28"), json!({ "narrative": c.text_or_null() })),
    )
    .await;
    let returned =
        create(client, "progress-reports", with(report("2022-03-01", "2022-03-31"), json!({ "status": "submitted" })))
            .await;
    client
        .post(&format!("progress-reports/{}/return", key(&returned.body)), json!({ "note": c.text() }))
        .await
        .expect(200);
    make!("projects", { "code": "works", "pairing": "new-one", "agreement": "z-frame", "title": (c.name()), "description": (c.name()), "investment": "12000000.50",
        "sectors": [{ "sector": "parks", "percent": 33.33 }, { "sector": "z-industry", "percent": 66.67 }], "organizations": [{ "organization": "zz-board", "role": "lead" }],
        "location": "west", "status": "in_progress", "actual_start_on": (c.day_or_null()) });
    let first = make!("milestones", { "code": (c.code("z-begun")), "agreement": "z-frame", "title": (c.name()), "due_on": (c.day()), "weight": 2.5, "note": (c.text_or_null()) });
    let second = make!("milestones", { "code": (c.code("a-met")), "project": "works", "title": (c.name()), "due_on": (c.day()), "status": "met", "met_on": (c.day()),
        "depends_on": [first.clone()], "responsible": (c.some(&["zz-board", "aa-school"])) });
    make!("milestones", { "code": (c.code("missed")), "agreement": "z-frame", "title": (c.name()), "due_on": (c.day()), "status": "not_met", "reason": (c.text()),
        "depends_on": [second.clone(), first.clone()] });
    let dropped = make!("milestones", { "agreement": "z-frame", "title": (c.name()), "due_on": (c.day()), "kind": (c.text_or_null()) });
    client
        .patch(&format!("milestones/{dropped}"), json!({ "status": "cancelled", "reason": c.text() }))
        .await
        .expect(200);
    client
        .patch(&format!("milestones/{first}"), json!({ "due_on": "2023-01-01", "reason": c.text() }))
        .await
        .expect(200);
    make!("resolutions", { "code": (c.code("became")), "conference": "first", "text": (c.name()), "commitment": (measured.clone()), "responsible": ["aa-school"] });
    make!("resolutions", { "conference": "first", "text": (c.name()), "milestone": (second.clone()) });
    make!("resolutions", { "conference": "first", "text": (c.name()), "status": "done", "done_on": (c.day()), "note": (c.text_or_null()) });
    make!("liaisons", { "code": (c.code("leader")), "pairing": "new-one", "name": (c.text()), "title": (c.text_or_null()), "contact": (c.text_or_null()), "body": "government" });
    make!("exchanges", { "code": (c.code("teachers")), "pairing": "new-one", "profession": "teacher", "direction": "supporter_to_recipient", "headcount": 5,
        "names": [(c.text()), "李四"], "sending": "zz-board", "hosting": "aa-school", "planned_start_on": (c.day_or_null()) });
    make!("twinnings", { "code": (c.code("twins")), "pairing": "new-one", "supporter_organization": "zz-board", "recipient_organization": "aa-school", "note": (c.text_or_null()) });
    make!("funds", { "code": "pot", "programme": "plan", "name": (c.name()), "focus": (c.some(&["parks"])), "note": (c.text_or_null()) });
    let paid = make!("transactions", { "code": (c.code("z-paid")), "kind": "disbursement", "amount": "1000.50", "value_on": "2022-03-01", "fund": "pot", "project": "works",
        "provider": "zz-board", "receiver": "aa-school", "pass_through": true, "note": (c.text_or_null()) });
    make!("transactions", { "code": (c.code("a-back")), "kind": "reversal", "amount": "0.50", "value_on": "2022-03-02", "reverses": paid });
    make!("assets", { "code": (c.code("park")), "region": "west", "name": (c.name()), "kind": "park", "note": (c.text_or_null()) });
}

#[test]
fn random_records_round_trip_byte_for_byte() {
    let config = Config { cases: 4, failure_persistence: None, max_shrink_iters: 20, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let outcome = runner.run(&prop::collection::vec(any::<u8>(), 400), |bytes| {
        for (from, elsewhere) in databases(false).into_iter().zip(empty()) {
            let client = block_on(async || {
                let client = from.client();
                fill(&client, &bytes).await;
                client
            });
            round_trip(&from, &client, elsewhere);
        }
        Ok(())
    });
    outcome.expect("every case holds");
}

#[test]
fn a_bundle_of_a_programme_contains_its_records_and_those_that_they_refer_to() {
    on_each(|database| async move {
        let client = database.client();
        fill_in_own_runtime(&client).await;
        let all = json_of(&bundle(&client, "json", "").await);
        let of_plan = json_of(&bundle(&client, "json", "?programme=plan").await);
        assert_eq!(codes(&of_plan, "programmes"), ["plan"]);
        assert_eq!(codes(&of_plan, "pairings"), ["new-one", "z-old"]);
        assert_eq!(codes(&of_plan, "regions"), ["east", "north", "west"]);
        assert_eq!(codes(&of_plan, "documents"), ["doc-a", "doc-b"]);
        for path in
            ["milestones", "commitments", "progress-reports", "transactions", "assets", "resolutions", "liaisons"]
        {
            assert!(
                !codes(&of_plan, path).is_empty() && codes(&all, path).len() > codes(&of_plan, path).len(),
                "{path}"
            );
        }
        assert!(codes(&all, "regions").len() > 3);
        let refused = client.get("exports/bundle?programme=none").await.expect(422);
        assert_eq!(refused.faults(), [fault("/query/programme", "unknown_reference")]);
        let kinds: Vec<&str> = pairing_tracker::resources::kinds().iter().map(|kind| kind.path).collect();
        let order: Vec<usize> =
            all.keys().map(|path| kinds.iter().position(|kind| kind == path).expect("a kind")).collect();
        assert!(order.is_sorted(), "{order:?}");
    });
}

/// A second programme, beside that of the seed, for [`fill`].
async fn fill_in_own_runtime(client: &Client) {
    create_examples(client).await;
    fill(client, &[2; 400]).await;
}

#[test]
fn personal_data_is_omitted_for_callers_without_access() {
    on_each(|database| async move {
        let client = database.client();
        for pairing in ["xinhui-taishan", "heshan-kaiping"] {
            let liaison =
                json!({ "code": format!("of-{pairing}"), "pairing": pairing, "name": "甲", "contact": "13800138000" });
            create(&client, "liaisons", liaison).await;
        }
        let contacts = |text: String| {
            let liaisons = json_of(&text)["liaisons"].as_array().expect("liaisons").clone();
            let of =
                |code: &str| liaisons.iter().find(|one| one["code"] == code).expect("there").get("contact").cloned();
            (of("of-xinhui-taishan"), of("of-heshan-kaiping"))
        };
        let (shown, hidden) = (Some(json!("13800138000")), None);
        assert_eq!(contacts(bundle(&client, "json", "").await), (shown.clone(), shown.clone()));
        let anonymous = bundle(&client.anonymous(), "json", "").await;
        assert_eq!(contacts(anonymous.clone()), (hidden.clone(), hidden.clone()));
        let viewer = client.with_key(database.key("viewer", Role::Viewer, &["xinhui-taishan"]));
        assert_eq!(contacts(bundle(&viewer, "json", "").await), (shown, hidden));
        import_bundle(&database, &anonymous);
        assert_eq!(client.get("liaisons/of-xinhui-taishan").await.expect(200).body["contact"], "13800138000");
        for suffix in ["yaml", "json", "xlsx"] {
            let text = client.anonymous().get(&format!("exports/bundle.{suffix}")).await.expect(200).bytes;
            assert!(!String::from_utf8_lossy(&text).contains("13800138000"), "{suffix}");
        }
    });
}

#[test]
fn a_surrogate_code_resolves_while_the_record_has_no_code() {
    on_each(|database| async move {
        let client = database.client();
        let made = create(&client, "milestones", with(milestone("x"), json!({ "code": null }))).await;
        let text = bundle(&client, "json", "").await;
        let mut all = json_of(&text);
        let surrogate_code = codes(&all, "milestones")
            .into_iter()
            .find(|code| code.starts_with("milestone-"))
            .expect("a surrogate code");
        let path = format!("milestones/{surrogate_code}");
        assert_eq!(client.get(&path).await.expect(200).body["id"], made.body["id"]);
        // A change in the file is applied to the record, which still has no code.
        let milestones = all["milestones"].as_array_mut().expect("milestones");
        let changed = milestones.iter_mut().find(|one| one["code"] == surrogate_code.as_str()).expect("there");
        changed["note"] = json!("已改");
        let outcomes = import_bundle(&database, &Value::Object(all).to_string());
        assert_eq!(
            outcomes.iter().filter(|outcome| **outcome != Outcome::Unchanged).collect::<Vec<_>>(),
            [&Outcome::Update]
        );
        // Another path avoids the cached response: this process may see another process's write a moment later.
        let now = client.get(&format!("milestones/{}?as_of=2022-01-01", made.body["id"])).await.expect(200).body;
        assert_eq!((&now["note"], &now["code"]), (&json!("已改"), &Value::Null));
        // Another digest is not found, and once the record has a code, its surrogate code no longer resolves.
        let (head, _) = surrogate_code.rsplit_once('-').expect("a digest");
        client.get(&format!("milestones/{head}-00000000")).await.expect(404);
        client.patch(&path, json!({ "code": "own" })).await.expect(200);
        client.get(&path).await.expect(404);
    });
}

#[test]
fn a_bundle_is_available_in_three_formats() {
    on_each(|database| async move {
        let client = database.client();
        for (accept, media_type) in [
            ("*/*", "application/json"),
            ("application/yaml", "application/yaml"),
            ("application/json;q=0.1, application/yaml", "application/yaml"),
        ] {
            let response = client.send(Method::GET, "exports/bundle", &[("Accept", accept)], None).await.expect(200);
            assert_eq!(response.header("content-type"), media_type, "{accept}");
        }
        let book = client.get("exports/bundle.xlsx?programme=jiangmen-east-west").await.expect(200);
        assert_eq!(&book.bytes[..4], b"PK\x03\x04");
        assert!(book.header("content-disposition").starts_with("attachment; filename=\"jiangmen-east-west-"));
        client.send(Method::GET, "exports/bundle", &[("Accept", "text/csv")], None).await.expect(406);
        client.get("exports/bundle.csv").await.expect(404);
        client.get("exports/bundle?limit=3").await.expect(400);
        let yaml = bundle(&client, "yaml", "").await;
        let json = json_of(&bundle(&client, "json", "").await);
        assert_eq!(yaml_serde::from_str::<Value>(&yaml).expect("YAML"), Value::Object(json));
    });
}

#[test]
fn reports_with_overlapping_periods_are_imported_in_the_order_of_approval() {
    for (from, elsewhere) in databases(true).into_iter().zip(empty()) {
        let client = block_on(async || {
            let client = from.client();
            create(&client, "commitments", commitment("teachers")).await;
            let of = |code: &str, month: u32| {
                let (start, end) = (format!("2022-{month:02}-01"), format!("2022-{month:02}-28"));
                with(report("teachers", &start, &end, "1"), json!({ "code": code }))
            };
            // An approved report later in the bundle takes its days.
            create(&client, "progress-reports", of("z-draft", 1)).await;
            let is_approved = json!({ "status": "approved" });
            create(&client, "progress-reports", with(of("y-first", 1), is_approved.clone())).await;
            let corrects = with(is_approved.clone(), json!({ "supersedes": "y-first" }));
            create(&client, "progress-reports", with(of("x-moved", 2), corrects)).await;
            // January is free again.
            create(&client, "progress-reports", with(of("a-new", 1), is_approved)).await;
            client
        });
        round_trip(&from, &client, elsewhere);
    }
}
