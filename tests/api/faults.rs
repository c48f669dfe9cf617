//! Faults in the items of a list are reported for every item, together with all other faults of the request.

use actix_web::http::Method;
use base64::Engine;
use serde_json::{Value, json};

use crate::common::on_each;
use crate::common::records::{agreement, conference, fault, member, pairing, party, project, with};

/// A resource, a record, and the faults of its creation.
type Case = (&'static str, Value, Vec<(String, String)>);

fn faulty_pairing() -> Case {
    let leads = |region: &str, role: &str| with(member(region, role), json!({ "is_lead": true }));
    let backwards = with(member("xinhui", "supporter"), json!({ "from_on": "2022-06-30", "to_on": "2022-06-29" }));
    let members =
        json!([backwards, leads("heshan", "supporter"), leads("atlantis", "supporter"), leads("taishan", "recipient")]);
    (
        "pairings",
        with(pairing("new"), json!({ "members": members, "established_on": "2022-02-01", "ended_on": "2022-01-01" })),
        vec![
            fault("/ended_on", "before_start"),
            fault("/members/0/to_on", "before_start"),
            fault("/members/2/region", "unknown_reference"),
            fault("/members/2/is_lead", "second_lead"),
            fault("/members/3/is_lead", "not_a_supporter"),
        ],
    )
}

fn faulty_agreement() -> Case {
    let empty = json!({ "side": "supporter" });
    let both = with(party("region", "xinhui", "witness"), json!({ "organization": "jiangmen-polytechnic" }));
    (
        "agreements",
        with(
            agreement("new"),
            json!({
                "parties": [empty, party("region", "nowhere", "supporter"), both], "signed_on": "2999-01-01",
                "effective_on": "2022-02-01", "expires_on": "2022-01-01"
            }),
        ),
        vec![
            fault("/expires_on", "before_start"),
            fault("/parties/0", "one_of"),
            fault("/parties/1/region", "unknown_reference"),
            fault("/parties/2", "one_of"),
            fault("/signed_on", "in_future"),
        ],
    )
}

fn faulty_conference() -> Case {
    (
        "conferences",
        with(
            conference("new"),
            json!({ "participants": [{}, { "title": "书记" }], "status": "held", "host_region": "nowhere" }),
        ),
        vec![
            fault("/held_on", "required"),
            fault("/host_region", "unknown_reference"),
            fault("/participants/0", "one_of"),
            fault("/participants/1", "one_of"),
        ],
    )
}

fn faulty_project() -> Case {
    let shares = json!([
        { "sector": "transport", "percent": 10 }, { "sector": "none", "percent": 50 },
        { "sector": "transport", "percent": 10 }
    ]);
    (
        "projects",
        with(project("new"), json!({ "sectors": shares, "actual_end_on": "2999-01-01" })),
        vec![
            fault("/sectors", "sum"),
            fault("/sectors/1/sector", "unknown_reference"),
            fault("/sectors/2/sector", "repeated"),
            fault("/actual_end_on", "in_future"),
        ],
    )
}

#[test]
fn the_faults_of_every_item_are_reported_with_those_of_the_record() {
    on_each(|database| async move {
        let client = database.client();
        for (path, body, faults) in [faulty_pairing(), faulty_agreement(), faulty_conference(), faulty_project()] {
            assert_eq!(client.post(path, body).await.expect(422).faults(), faults, "{path}");
            client.get(&format!("{path}/new")).await.expect(404);
        }
    });
}

#[test]
fn a_reference_or_cursor_that_no_backend_can_store_is_refused() {
    on_each(|database| async move {
        let admin = database.client();
        for path in ["pairings/%00", "pairings/%00/history", "documents/%00/content", "pairings/A%20b", "pairings/-"] {
            admin.get(path).await.expect(404);
        }
        admin.patch("liaisons/%00", json!({})).await.expect(404);
        admin.delete("liaisons/%00").await.expect(404);
        // A cursor of this list with a forged position.
        let page = admin.get("sectors?sort=code&limit=1").await.expect(200);
        let cursor = page.body["next_cursor"].as_str().expect("a cursor");
        let cursor = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(cursor).expect("base64");
        let mut cursor: Value = serde_json::from_slice(&cursor).expect("JSON");
        cursor["key"]["value"] = json!("\u{0}");
        let forged = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(cursor.to_string());
        let response = admin.get(&format!("sectors?sort=code&limit=1&cursor={forged}")).await.expect(400);
        assert_eq!(response.faults(), [("/query/cursor".to_owned(), "invalid_cursor".to_owned())]);
    });
}

#[test]
fn unknown_methods_share_one_metric() {
    on_each(|database| async move {
        let admin = database.client();
        for method in ["ZZZ1", "ZZZ2"] {
            admin.send(method.parse().expect("a method"), "/none", &[], None).await.expect(404);
        }
        let text = String::from_utf8(admin.get("/metrics").await.expect(200).bytes).expect("UTF-8");
        assert!(text.contains("method=\"other\"") && !text.contains("ZZZ"), "{text}");
    });
}

#[test]
fn the_size_of_the_database_is_a_metric_on_both_backends() {
    on_each(|database| async move {
        let text = String::from_utf8(database.client().get("/metrics").await.expect(200).bytes).expect("UTF-8");
        let size = text.lines().find_map(|line| line.strip_prefix("pairing_tracker_database_bytes{part=\"main\"} "));
        assert!(size.is_some_and(|size| size.parse::<u64>().is_ok_and(|size| size > 100_000)), "{size:?}");
    });
}

#[test]
fn unacceptable_encodings_are_refused_with_a_problem() {
    on_each(|database| async move {
        let headers = [("Accept-Encoding", "identity;q=0")];
        let response = database.client().send(Method::GET, "pairings", &headers, None).await.expect(406);
        assert_eq!(response.body["status"], 406);
    });
}
