//! No reference gives access to another pairing: whichever field names a record there, an editor is refused and the record
//! stays unchanged.

use actix_web::http::Method;
use pairing_tracker::access::Role;
use pairing_tracker::app::kinds;
use pairing_tracker::db::reference::Belongs;
use pairing_tracker::resources::forms;
use serde_json::{Value, json};

use crate::common::builders::{bare_agreement, example, operations};
use crate::common::records::{approved, commitment, conference, create, milestone, project, with};
use crate::common::{Client, DOCUMENT, on_each};
use crate::examples::create_examples;

const OWN: &str = "xinhui-taishan";
const FOREIGN: &str = "heshan-kaiping";

/// A reference to a record of a pairing: the field that holds it, and the record that it names.
struct Case {
    /// The collection that a body with it is sent to.
    path: &'static str,
    component: &'static str,
    field: &'static str,
    /// A record of another pairing.
    foreign: &'static str,
}

const fn case(path: &'static str, component: &'static str, field: &'static str, foreign: &'static str) -> Case {
    Case { path, component, field, foreign }
}

const CASES: &[Case] = &[
    case("agreements", "NewAgreement", "parent", "agreements/foreign"),
    case("agreements", "NewAgreement", "conference", "conferences/foreign"),
    case("commitments", "NewCommitment", "agreement", "agreements/foreign"),
    case("milestones", "NewMilestone", "agreement", "agreements/foreign"),
    case("milestones", "NewMilestone", "project", "projects/foreign"),
    case("milestones", "NewMilestone", "depends_on", "milestones/foreign"),
    case("pairings", "NewPairing", "supersedes", "pairings/heshan-kaiping"),
    case("progress-reports", "NewProgressReport", "commitment", "commitments/foreign"),
    case("progress-reports", "NewProgressReport", "supersedes", "progress-reports/foreign"),
    case("commitments/own/progress-reports", "NewCommitmentProgressReport", "supersedes", "progress-reports/foreign"),
    case("projects", "NewProject", "agreement", "agreements/foreign"),
    case("resolutions", "NewResolution", "conference", "conferences/foreign"),
    case("resolutions", "NewResolution", "commitment", "commitments/foreign"),
    case("resolutions", "NewResolution", "milestone", "milestones/foreign"),
    case("conferences/own/resolutions", "NewConferenceResolution", "commitment", "commitments/foreign"),
    case("conferences/own/resolutions", "NewConferenceResolution", "milestone", "milestones/foreign"),
    case("transactions", "NewTransaction", "project", "projects/foreign"),
    case("transactions", "NewTransaction", "reverses", "transactions/foreign"),
];

/// Fields whose parts name shared records, which belong to no pairing.
const SHARED: &[&str] = &["citations", "document", "members", "organizations", "participants", "parties", "sectors"];

/// Whether a field names shared records only.
fn is_shared(field: &str) -> bool {
    let mut named = kinds().iter().flat_map(|kind| kind.references_out()).filter(|out| out.field == field).peekable();
    SHARED.contains(&field) || (named.peek().is_some() && named.all(|out| out.to.belongs == Belongs::Shared))
}

/// A record of a pairing, named `own` or `foreign`.
fn record(path: &str, code: &str, pairing: &str) -> Value {
    let of_pairing = json!({ "code": code, "pairing": pairing });
    match path {
        "agreements" => bare_agreement(code, pairing),
        "conferences" => with(conference(code), of_pairing),
        "projects" => with(project(code), of_pairing),
        "commitments" => with(commitment(code), json!({ "agreement": code })),
        "milestones" => with(milestone(code), json!({ "agreement": code })),
        "progress-reports" => with(approved(code, "2022-01-01", "2022-01-31", "1"), json!({ "code": code })),
        "resolutions" => json!({ "code": code, "conference": code, "text": { "zh": "议定" } }),
        "transactions" => with(
            of_pairing,
            json!({ "kind": "pledge", "amount": "10.00", "value_on": "2022-03-01", "provider": "jiangmen-government" }),
        ),
        other => panic!("no record of {other}"),
    }
}

/// Creates a record of each of these kinds in both pairings.
async fn create_all(admin: &Client) {
    for path in [
        "agreements",
        "conferences",
        "projects",
        "commitments",
        "milestones",
        "progress-reports",
        "resolutions",
        "transactions",
    ] {
        create(admin, path, record(path, "own", OWN)).await;
        create(admin, path, record(path, "foreign", FOREIGN)).await;
    }
}

#[test]
fn no_reference_gives_access_to_another_pairing() {
    on_each(|database| async move {
        let admin = database.client();
        create_all(&admin).await;
        let editor = admin.with_key(database.key("editor", Role::Editor, &[OWN]));
        // Without a key, as administrators would also see the events of refusals.
        let anonymous = admin.anonymous();
        let events = async || anonymous.get("audit-events?count=true&limit=1").await.expect(200).body["total"].clone();
        let before = events().await;
        for Case { path, component, field, foreign } in CASES {
            let was = admin.get(foreign).await.expect(200).body;
            let (_, code) = foreign.split_once('/').expect("a record");
            let named = if *field == "depends_on" { json!([code]) } else { json!(code) };
            let change = json!({ *field: named });
            let mut asked = Vec::new();
            if *path != "pairings" {
                let kind = path.rsplit('/').next().expect("a collection");
                let mut body = with(record(kind, "new", OWN), change.clone());
                for parent in ["agreement", "commitment", "conference"] {
                    if body[parent] == "new" {
                        body[parent] = json!("own");
                    }
                }
                if path.contains('/') {
                    let parent = path.split('/').next().expect("a parent").trim_end_matches('s').to_owned();
                    body.as_object_mut().expect("an object").remove(&parent);
                }
                asked.push(editor.post(path, body).await);
            }
            if !path.contains('/') && *path != "transactions" {
                let own = if *path == "pairings" { OWN } else { "own" };
                asked.push(editor.patch(&format!("{path}/{own}"), change).await);
            }
            for response in asked {
                let status = response.status.as_u16();
                assert!([403, 409, 422].contains(&status), "{component}.{field}: {status} {}", response.body);
                let at_field = response.faults().iter().any(|(pointer, _)| pointer.contains(field));
                assert!(
                    status != 422 || at_field,
                    "{component}.{field} is refused for something else: {}",
                    response.body
                );
            }
            assert_eq!(admin.get(foreign).await.expect(200).body, was, "{component}.{field}");
        }
        assert_eq!(events().await, before, "nothing was written");
    });
}

/// The component that clients write names a pairing in the field `pairing`.
fn names_its_pairing(component: &str) -> bool {
    let field = &DOCUMENT["components"]["schemas"][component]["properties"]["pairing"];
    field.to_string().contains("#/components/schemas/Ref\"")
}

#[test]
fn no_record_enters_another_pairing() {
    on_each(|database| async move {
        let admin = database.client();
        create_examples(&admin).await;
        let editor = admin.with_key(database.key("editor", Role::Editor, &[OWN]));
        let forms: Vec<_> = forms().into_iter().filter(|form| names_its_pairing(form.new)).collect();
        assert!(forms.len() > 5, "{} kinds", forms.len());
        for path in forms.iter().map(|form| form.kind.path) {
            let of = |method: Method, template: String| {
                operations().into_iter().find(|one| one.method == method && one.template == template)
            };
            let creation = of(Method::POST, format!("/api/v1/{path}")).expect("an operation");
            let body = creation.bodies().first().and_then(|(_, media)| example(media)).expect("an example").clone();
            let body = with(body, json!({ "code": "elsewhere", "pairing": FOREIGN }));
            let created = editor.post(path, body).await;
            assert_eq!(created.status, 403, "{path}: {}", created.body);
            if of(Method::PATCH, format!("/api/v1/{path}/{{ref}}")).is_some() {
                let own =
                    admin.get(&format!("{path}?pairing={OWN}&limit=1")).await.expect(200).body["items"][0].clone();
                let item = format!("{path}/{}", own["id"]);
                let moved = editor.patch(&item, json!({ "pairing": FOREIGN })).await;
                assert!([403, 409, 422].contains(&moved.status.as_u16()), "{item}: {}", moved.body);
                assert_eq!(admin.get(&item).await.expect(200).body["pairing"], own["pairing"], "{item}");
            }
        }
    });
}

#[test]
fn every_reference_of_the_document_is_tested() {
    let schemas = DOCUMENT["components"]["schemas"].as_object().expect("schemas");
    for (component, schema) in schemas.iter().filter(|(name, _)| name.starts_with("New")) {
        for (field, property) in schema["properties"].as_object().into_iter().flatten() {
            let is_reference = property.to_string().contains("#/components/schemas/Ref\"");
            let is_of_tree =
                field == "parent" && ["NewRegion", "NewSector", "NewOrganization"].contains(&component.as_str());
            // Creating pairings, keys and webhooks takes the right to write in all pairings.
            let is_for_others = ["NewApiKey", "NewWebhook"].contains(&component.as_str());
            // The field `pairing` is tested for every kind.
            if is_reference && !is_of_tree && !is_for_others && field != "pairing" && !is_shared(field) {
                let known = CASES.iter().any(|case| case.component == component && case.field == field);
                assert!(known, "{component}.{field} names other records: is it a way into another pairing?");
            }
        }
    }
}
