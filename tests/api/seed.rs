//! Bundles: the committed seed, faults with file, line and field, and the effect of importing a second time.

use std::path::Path;

use diesel::{ExpressionMethods, QueryDsl, RunQueryDsl};
use pairing_tracker::db::schema::audit_events;
use pairing_tracker::resources::kinds;
use pairing_tracker::transfer::fault::ImportFault;
use pairing_tracker::transfer::files::{self, Source};
use pairing_tracker::transfer::plan::{ImportLine, Outcome};
use serde_json::json;

use crate::common::files::{import_bundles, outcomes, source};
use crate::common::records::listed;
use crate::common::{Database, on_each, on_each_empty};

fn committed() -> Vec<Source> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("seed");
    files::open(&[directory]).expect("the seed is there")
}

/// File, line, field, fault; in order.
fn located(faults: &[ImportFault]) -> Vec<(&str, i64, &str, &str)> {
    let place = |fault: &ImportFault| fault.row.expect("a line");
    let mut located: Vec<_> = faults
        .iter()
        .map(|fault| {
            (fault.sheet.as_deref().expect("a file"), place(fault), fault.pointer.as_str(), fault.code.as_str())
        })
        .collect();
    located.sort_unstable();
    located
}

/// The fields that change, by name.
fn fields(line: &ImportLine) -> Vec<String> {
    let mut fields: Vec<String> = line.changes.iter().map(|change| change.field.clone()).collect();
    fields.sort();
    fields
}

/// How many writes of records the audit log contains.
fn events(database: &Database) -> i64 {
    // The creation of the tests' own key is an event, too.
    let of_records = audit_events::table.filter(audit_events::entity.ne("api_key"));
    of_records.count().get_result(&mut database.connect()).expect("a count")
}

#[test]
fn the_committed_seed_creates_every_record_and_then_changes_none() {
    on_each_empty(|database| async move {
        let mut sources = committed();
        let lines = import_bundles(&database, &mut sources, true).expect("the seed is good");
        assert_eq!(outcomes(&lines, Outcome::Create), lines.len());
        let (client, count) = (database.client(), lines.len());
        for kind in kinds() {
            let total = client.get(&format!("{}?count=true", kind.path)).await.expect(200).body["total"].clone();
            assert_eq!(total, lines.iter().filter(|line| line.resource == kind.path).count(), "{}", kind.path);
        }
        for path in ["agreements", "assets", "conferences", "exchanges", "funds", "milestones", "projects"] {
            assert!(lines.iter().any(|line| line.resource == path), "the seed has no {path}");
        }
        assert_eq!(events(&database), i64::try_from(count).expect("few"));

        for apply in [false, true] {
            let again = import_bundles(&database, &mut sources, apply).expect("the seed is good");
            assert_eq!((outcomes(&again, Outcome::Unchanged), again.len()), (count, count), "{again:?}");
        }
        assert_eq!(events(&database), i64::try_from(count).expect("few"), "nothing new in the history");
    });
}

#[test]
fn the_built_in_seed_equals_the_committed_one() {
    on_each(|database| async move {
        let lines = import_bundles(&database, &mut committed(), false).expect("the seed is good");
        assert_eq!(outcomes(&lines, Outcome::Unchanged), lines.len(), "{lines:?}");
    });
}

#[test]
fn a_plan_writes_nothing() {
    on_each_empty(|database| async move {
        let planned = import_bundles(&database, &mut committed(), false).expect("the seed is good");
        let client = database.client();
        assert_eq!(events(&database), 0);
        for kind in kinds() {
            assert_eq!(listed(&client, kind.path, "").await, Vec::<String>::new());
        }
        let applied = import_bundles(&database, &mut committed(), true).expect("the seed is good");
        assert_eq!(applied, planned, "the plan said what was done");
    });
}

/// Records with faults, beside a good one.
const FAULTY: &str = "\
regions:
  - code: good
    name: {zh: 某地}
    level: county
  - code: here
    name: {zh: 某地}
    level: planet
    colour: red
sectors:
  - code: unnamed
    name:
      en: Nameless
    parent: unheard-of
milestones:
  - code: step
    title: {zh: 节点}
    agreement: unheard-of
    status: met
    due_on: \"2022-06-30\"
";

/// An unknown kind of records, a record without a code, a code that the other file has, and a kind that is no list.
const FAULTY_OTHER: &str = "\
planets: []
regions:
  - name: {zh: 无代码}
    level: county
  - code: good
    name: {zh: 重复}
    level: county
pairings: none
";

/// The faults of both: file, line, field, fault.
const FAULTS: [(&str, i64, &str, &str); 10] = [
    ("a.yaml", 7, "/level", "enum"),
    ("a.yaml", 8, "/colour", "unknown_field"),
    ("a.yaml", 11, "/name/zh", "required"),
    ("a.yaml", 13, "/parent", "unknown_reference"),
    ("a.yaml", 15, "/met_on", "required"),
    ("a.yaml", 17, "/agreement", "unknown_reference"),
    ("b.yaml", 1, "", "unknown_field"),
    ("b.yaml", 3, "/code", "required"),
    ("b.yaml", 5, "/code", "repeated"),
    ("b.yaml", 8, "", "type"),
];

#[test]
fn every_fault_is_reported_with_file_line_and_field_and_nothing_is_written() {
    on_each(|database| async move {
        let client = database.client();
        let before = events(&database);
        let mut sources = [source("a.yaml", FAULTY), source("b.yaml", FAULTY_OTHER), source("c.yaml", "regions: [")];
        for apply in [false, true] {
            let complaints = import_bundles(&database, &mut sources, apply).expect_err("it is bad");
            let mut located = located(&complaints);
            let syntax = located.pop().expect("a complaint");
            assert_eq!((syntax.0, syntax.3), ("c.yaml", "syntax"));
            assert_eq!(located, FAULTS);
            if !apply {
                continue;
            }
            let line = complaints.iter().find(|complaint| complaint.row == Some(7)).expect("told above");
            let words = line.line("", pairing_tracker::model::text::Language::En);
            assert!(words.starts_with("a.yaml:7: regions/here /level: must be one of "), "{words}");
        }
        // Without the unreadable files the result is the same: a good record beside a bad one is not written.
        import_bundles(&database, &mut [source("a.yaml", FAULTY)], true).expect_err("it is bad");
        client.get("regions/good").await.expect(404);
        assert_eq!(events(&database), before);
    });
}

#[test]
fn a_reference_to_a_faulty_record_is_not_a_fault_itself() {
    let text = "\
organizations:
  - {code: bureau, name: {zh: 某局}, kind: department, region: here}
regions:
  - {code: here, name: {zh: 某地}, level: planet}
";
    on_each_empty(|database| async move {
        let complaints = import_bundles(&database, &mut [source("a.yaml", text)], true).expect_err("it is bad");
        assert_eq!(located(&complaints), [("a.yaml", 4, "/level", "enum")]);
    });
}

#[test]
fn a_changed_field_is_named_and_the_others_stay() {
    on_each(|database| async move {
        let client = database.client();
        let before = events(&database);
        let text = "\
programmes:
  - code: jiangmen-east-west
    name: {zh: 江门东西部区域平衡发展对口协作, en: Jiangmen East–West Paired Cooperation for Balanced Regional Development}
    lead_body: 江门市人民政府
milestones:
  - code: pengjiang-enping-framework-signed
    agreement: pengjiang-enping-framework-2022
    title: {zh: 蓬江—恩平框架协议签署, en: Signed}
    due_on: \"2022-03-31\"
    met_on: \"2022-03-31\"
    status: met
    weight: 0.5
";
        let mut sources = [source("a.yaml", text)];
        for apply in [false, true] {
            let lines = import_bundles(&database, &mut sources, apply).expect("it is good");
            let fields: Vec<_> =
                lines.iter().map(|line| (line.resource.as_str(), line.outcome, fields(line))).collect();
            let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
            assert_eq!(
                fields,
                [
                    ("programmes", Outcome::Update, named(&["lead_body"])),
                    ("milestones", Outcome::Update, named(&["title", "weight"]))
                ]
            );
        }
        assert_eq!(events(&database), before + 2);
        let programme = client.get("programmes/jiangmen-east-west").await.expect(200).body;
        assert_eq!(programme["lead_body"], "江门市人民政府");
        assert!(
            programme["principles"]["zh"].is_string() && programme["citations"][0].is_object(),
            "what is not said stays"
        );
        let again = import_bundles(&database, &mut sources, true).expect("it is good");
        assert_eq!(outcomes(&again, Outcome::Unchanged), 2);
        assert_eq!(events(&database), before + 2);
    });
}

#[test]
fn a_bundle_changes_a_due_date_only_with_a_reason() {
    let text = |due_on: &str, reason: &str| {
        format!(
            "milestones:\n  - code: step\n    agreement: xinhui-taishan-framework-2022\n    title: {{zh: 节点}}\n    due_on: \"{due_on}\"\n{reason}"
        )
    };
    on_each(|database| async move {
        import_bundles(&database, &mut [source("a.yaml", &text("2022-06-30", ""))], true).expect("it is good");
        let complaints =
            import_bundles(&database, &mut [source("a.yaml", &text("2022-07-31", ""))], true).expect_err("it is bad");
        assert_eq!(located(&complaints), [("a.yaml", 2, "/reason", "required")]);
        let mut reasoned = [source("a.yaml", &text("2022-07-31", "    reason: 汛期\n"))];
        let moved = import_bundles(&database, &mut reasoned, true).expect("it is good");
        assert_eq!(fields(&moved[0]), ["due_on"]);
        assert_eq!(
            outcomes(&import_bundles(&database, &mut reasoned, true).expect("it is good"), Outcome::Unchanged),
            1
        );
        let revisions = database.client().get("milestones/step/revisions?count=true").await.expect(200);
        assert_eq!((&revisions.body["total"], &revisions.body["items"][0]["reason"]), (&json!(1), &json!("汛期")));
    });
}

#[test]
fn records_may_be_in_any_order() {
    on_each_empty(|database| async move {
        let mut sources = committed();
        let lines = import_bundles(&database, &mut sources, false).expect("it is good");
        sources.reverse();
        let reversed = import_bundles(&database, &mut sources, false).expect("the order is no matter");
        assert_eq!((outcomes(&reversed, Outcome::Create), reversed.len()), (lines.len(), lines.len()));

        let child = "organizations:\n  - {code: bureau, name: {zh: 局}, kind: department, region: town, parent: office}\nregions:\n  - {code: town, name: {zh: 镇}, level: township, parent: county}\n";
        let parent = "regions:\n  - {code: county, name: {zh: 县}, level: county}\norganizations:\n  - {code: office, name: {zh: 办}, kind: department, region: county}\n";
        import_bundles(&database, &mut [source("a.yaml", child), source("b.yaml", parent)], true)
            .expect("the order is no matter");
        let read = database.client().get("organizations/bureau").await.expect(200);
        assert_eq!((&read.body["parent"]["code"], &read.body["region"]["code"]), (&json!("office"), &json!("town")));
    });
}

#[test]
fn a_bundle_may_be_json() {
    on_each_empty(|database| async move {
        let records = json!({ "regions": [{ "code": "here", "name": { "zh": "某地", "en": null }, "level": "county", "latitude": 22.5, "longitude": 112 }] });
        let mut sources = [source("a.json", &serde_json::to_string_pretty(&records).expect("it is JSON"))];
        assert_eq!(outcomes(&import_bundles(&database, &mut sources, true).expect("it is good"), Outcome::Create), 1);
        let read = database.client().get("regions/here").await.expect(200).body;
        assert_eq!(
            (&read["name"]["zh"], &read["latitude"], &read["longitude"]),
            (&json!("某地"), &json!(22.5), &json!(112.0))
        );
        assert_eq!(
            outcomes(&import_bundles(&database, &mut sources, true).expect("it is good"), Outcome::Unchanged),
            1
        );
    });
}

#[test]
fn every_seeded_record_except_documents_cites_a_document() {
    on_each(|database| async move {
        let client = database.client();
        for kind in kinds().iter().filter(|kind| kind.path != "documents") {
            let all = client.get(&format!("{}?limit=1000", kind.path)).await.expect(200).body;
            assert_eq!(all["next_cursor"], json!(null));
            for record in all["items"].as_array().expect("a list") {
                assert!(record["citations"][0]["document"]["code"].is_string(), "{} {}", kind.path, record["code"]);
            }
        }
    });
}

#[test]
fn every_record_named_in_the_readme_of_the_seed_exists() {
    let readme =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("seed/README.md")).expect("it is there");
    let carriers = readme.lines().filter(|line| line.starts_with("| ")).filter_map(|line| line.rsplit(" | ").next());
    let quoted = carriers.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    let mut named: Vec<&str> = quoted.filter(|words| words.contains('/')).collect();
    named.sort_unstable();
    named.dedup();
    assert!(named.len() > 40, "{named:?}");
    on_each(|database| {
        let named = named.clone();
        async move {
            let client = database.client();
            let pairings = client.get("pairings").await.expect(200).codes();
            for record in named {
                // A star stands for each of the pairings.
                for pairing in if record.contains('*') { pairings.as_slice() } else { &pairings[..1] } {
                    client.get(&record.replace('*', pairing)).await.expect(200);
                }
            }
        }
    });
}
