//! Bundles: an exported bundle imports unchanged.

mod random;

use actix_web::http::Method;
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
pub use random::fill;

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
fn the_seed_and_the_examples_round_trip_byte_for_byte() {
    for (seeded, elsewhere) in databases(true).into_iter().zip(empty()) {
        let client = block_on(async || {
            let client = seeded.client();
            create_examples(&client).await;
            client
        });
        let all = block_on(async || json_of(&bundle(&client, "json", "").await));
        assert_eq!(all.len(), pairing_tracker::resources::kinds().len(), "the bundle has a record of every kind");
        round_trip(&seeded, &client, elsewhere);
    }
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
