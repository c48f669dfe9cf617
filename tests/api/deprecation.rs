//! Deprecation notices, with a table of this test: the published table is empty.

use actix_web::http::Method;
use pairing_tracker::access::oidc::Times;
use pairing_tracker::app;
use pairing_tracker::http::deprecation::{Deprecation, Deprecations, TABLE, What};
use serde_json::{Value, json};

use crate::common::client::Response;
use crate::common::{DOCUMENT, on_each};

const SINCE: &str = "2026-01-01";
const NOTE: &str = "https://docs.example.org/sectors";

fn row(what: What) -> Deprecation {
    Deprecation { what, since: SINCE, sunset: "2026-12-31", note: NOTE }
}

fn rows() -> Vec<Deprecation> {
    let operation = "listRegions";
    vec![
        row(What::Operation("getSector")),
        row(What::Operation("createSector")),
        row(What::Field { schema: "Sector", name: "vocabulary" }),
        row(What::Parameter { operation, name: "level" }),
        Deprecation { sunset: "2026-07-01", note: "/docs/", ..row(What::Parameter { operation, name: "parent" }) },
    ]
}

fn notices(response: &Response) -> (Vec<&str>, Vec<&str>, Vec<&str>) {
    let all = |name: &str| response.headers.get_all(name).filter_map(|value| value.to_str().ok()).collect();
    (all("deprecation"), all("sunset"), all("link"))
}

#[test]
fn nothing_is_deprecated_and_no_response_claims_it() {
    assert!(TABLE.is_empty(), "then the document and CHANGELOG.md say so: see docs/compatibility.md");
    assert!(!DOCUMENT.to_string().contains("\"deprecated\""));
    on_each(|database| async move {
        let response = database.client().get("sectors/talent").await.expect(200);
        assert_eq!(notices(&response), (vec![], vec![], vec![]));
    });
}

#[test]
fn only_responses_of_deprecated_operations_carry_the_notice() {
    on_each(|database| async move {
        let mut state = database.state_at(Times::default(), |_| {});
        state.deprecations = Deprecations::new(&rows()).expect("a good table");
        let client = database.client_over(state);
        let link = format!("<{NOTE}>; rel=\"deprecation\"");
        // 2026-01-01T00:00:00Z.
        let since = vec!["@1767225600"];
        let whole = (since.clone(), vec!["Thu, 31 Dec 2026 00:00:00 GMT"], vec![link.as_str()]);
        let none = (vec![], vec![], vec![]);

        assert_eq!(notices(&client.get("sectors/talent").await.expect(200)), whole);
        assert_eq!(notices(&client.send(Method::HEAD, "sectors/talent", &[], None).await.expect(200)), whole);
        // Error responses carry the notice, too.
        assert_eq!(notices(&client.get("sectors/none").await.expect(404)), whole);
        assert_eq!(notices(&client.post("sectors", json!({})).await.expect(422)), whole);
        // The deprecation of a single field appears in the document only.
        assert_eq!(notices(&client.get("sectors").await.expect(200)), none);
        assert_eq!(notices(&client.patch("sectors/talent", json!({ "vocabulary": "v" })).await.expect(200)), none);

        assert_eq!(notices(&client.get("regions").await.expect(200)), none);
        assert_eq!(notices(&client.get("regions?q=level").await.expect(200)), none);
        assert_eq!(notices(&client.get("regions?level=county").await.expect(200)), whole);
        assert_eq!(notices(&client.get("regions?lev%65l=county").await.expect(200)), whole);
        assert_eq!(notices(&client.get("regions.ndjson?level=county").await.expect(200)), whole);
        let earlier = vec!["Wed, 01 Jul 2026 00:00:00 GMT"];
        let both = client.get("regions?level=county&parent=jiangmen").await.expect(200);
        let links = vec![link.as_str(), "</docs/>; rel=\"deprecation\""];
        assert_eq!(notices(&both), (since.clone(), earlier.clone(), links));
        let page = client.get("regions?parent=jiangmen&limit=1").await.expect(200);
        let (_, sunset, links) = notices(&page);
        assert_eq!((sunset, links.len()), (earlier, 2));
        assert!(links[0].ends_with("rel=\"next\"") && links[1].ends_with("rel=\"deprecation\""), "{links:?}");
    });
}

#[test]
fn the_document_marks_exactly_what_is_deprecated() {
    let mut document = app::document_with(&rows()).expect("the document is built");
    let parameter = |document: &Value, name: &str| {
        let parameters = document["paths"]["/api/v1/regions"]["get"]["parameters"].as_array().expect("parameters");
        let found = parameters.iter().position(|parameter| parameter["name"] == name).expect("a parameter");
        format!("/paths/~1api~1v1~1regions/get/parameters/{found}")
    };
    let marked = [
        "/paths/~1api~1v1~1sectors~1{ref}/get".to_owned(),
        "/paths/~1api~1v1~1sectors/post".to_owned(),
        "/components/schemas/Sector/properties/vocabulary".to_owned(),
        parameter(&document, "level"),
        parameter(&document, "parent"),
    ];
    for pointer in &marked {
        let found = document.pointer_mut(pointer).expect("it is there");
        assert_eq!(found["deprecated"], true, "{pointer}");
        let about = found["description"].as_str().expect("a description").to_owned();
        assert!(about.contains(SINCE) && about.contains("2026-") && about.contains("起弃用"), "{about}");
        found.as_object_mut().expect("an object").remove("deprecated");
        found["description"] = DOCUMENT.pointer(pointer).expect("it is there")["description"].clone();
    }
    assert!(document == *DOCUMENT, "nothing else is another");
}

#[test]
fn an_invalid_deprecation_is_refused() {
    let good = row(What::Operation("getSector"));
    let soon = Deprecation { sunset: "2026-06-30", ..good };
    let just = Deprecation { sunset: "2026-07-01", ..good };
    let no_date = Deprecation { since: "2026-02-30", ..good };
    assert!(Deprecations::new(&[good, just]).is_ok());
    for bad in [soon, no_date] {
        assert!(Deprecations::new(&[bad]).is_err() && app::document_with(&[bad]).is_err(), "{bad:?}");
    }
    for nothing in [
        What::Operation("getNovelty"),
        What::Parameter { operation: "listRegions", name: "colour" },
        What::Field { schema: "Sector", name: "colour" },
    ] {
        assert!(app::document_with(&[row(nothing)]).is_err(), "{nothing:?}");
    }
}
