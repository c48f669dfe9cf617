//! The validator of responses detects each way in which a response can differ from the document.

use actix_web::http::Method;
use actix_web::http::header::{HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::common::client::Response;
use crate::common::on_each;
use crate::common::validator::{Exchange, VALIDATOR};

const SECTOR: &str = "/api/v1/sectors/talent";
const LIST: &str = "/api/v1/sectors";

/// The faults that the validator finds in a response.
fn faults(method: &Method, path: &str, response: &Response) -> Vec<String> {
    let body = Some(&response.bytes[..]);
    VALIDATOR.faults(&Exchange { method, path, status: response.status.as_u16(), headers: &response.headers, body })
}

/// The response, modified.
fn modified(response: &Response, change: impl FnOnce(&mut Response)) -> Response {
    let mut modified = response.clone();
    change(&mut modified);
    modified
}

/// The response with another body.
fn with_body(response: &Response, change: impl FnOnce(&mut Value)) -> Response {
    modified(response, |response| {
        change(&mut response.body);
        response.bytes = response.body.to_string().into_bytes();
    })
}

/// The response with another header, or without it.
fn with_header(response: &Response, name: &'static str, value: Option<&'static str>) -> Response {
    modified(response, |response| {
        let name = HeaderName::from_static(name);
        match value {
            Some(value) => drop(response.headers.insert(name, HeaderValue::from_static(value))),
            None => drop(response.headers.remove(name)),
        }
    })
}

#[track_caller]
fn refused(path: &str, response: &Response, why: &str) {
    let found = faults(&Method::GET, path, response);
    assert_eq!(found.len(), 1, "{why}: {found:?}");
    assert!(found[0].contains(why), "{why}: {found:?}");
}

#[test]
fn a_response_that_differs_from_the_document_is_detected() {
    on_each(|database| async move {
        let client = database.client();
        let one = client.get(SECTOR).await.expect(200);
        let list = client.get(LIST).await.expect(200);
        let none = client.get("sectors/no-such-record").await.expect(404);
        let lines = client.get("sectors.ndjson").await.expect(200);
        for (path, response) in [(SECTOR, &one), (LIST, &list), (SECTOR, &none), ("/api/v1/sectors.ndjson", &lines)] {
            assert_eq!(faults(&Method::GET, path, response), [""; 0], "as it is");
        }

        refused(SECTOR, &with_body(&one, |body| body["colour"] = json!("red")), "Sector/colour");
        refused(SECTOR, &with_body(&one, |body| body["name"]["fr"] = json!("Talents")), "Sector/name/fr");
        refused(LIST, &with_body(&list, |body| body["items"][0]["colour"] = json!("red")), "SectorList/items/0/colour");
        refused(SECTOR, &with_body(&none, |body| body["hint"] = json!("?")), "Problem/hint");
        let missing = with_body(&one, |body| drop(body.as_object_mut().expect("a record").remove("code")));
        refused(SECTOR, &missing, "Sector/code");
        refused(SECTOR, &with_body(&one, |body| body["version"] = json!("1")), "Sector/version");
        refused(SECTOR, &modified(&one, |response| response.bytes.truncate(10)), "no JSON");
        refused(SECTOR, &modified(&one, |response| response.bytes.clear()), "no JSON");

        let with_status = |response: &Response, status: u16| {
            modified(response, |response| response.status = status.try_into().expect("a status"))
        };
        refused(SECTOR, &with_status(&one, 202), "does not list the status 202");
        refused(SECTOR, &with_status(&none, 418), "does not list the status 418");
        refused(SECTOR, &with_header(&one, "content-type", Some("text/html")), "\"text/html\" is not listed");
        refused(SECTOR, &with_header(&one, "content-type", None), "\"\" is not listed");
        refused(SECTOR, &with_header(&none, "content-type", Some("application/json")), "is not listed");
        let suffixed = with_header(&list, "content-disposition", Some("attachment"));
        refused("/api/v1/sectors.csv", &suffixed, "the suffix asks for text/csv");

        refused(SECTOR, &with_header(&one, "location", Some("/")), "the header location is not listed");
        refused(SECTOR, &with_header(&one, "x-novelty", Some("1")), "the header x-novelty is not listed");
        refused(SECTOR, &with_header(&one, "etag", None), "the header ETag is required");
        refused(SECTOR, &with_header(&none, "x-request-id", None), "the header X-Request-Id is required");
        let limited = with_status(&with_header(&none, "retry-after", Some("soon")), 429);
        refused(SECTOR, &limited, "Retry-After: ");
        refused(SECTOR, &with_status(&none, 429), "the header Retry-After is required");

        let line = |change: &str| {
            modified(&lines, |response| {
                response.bytes.extend_from_slice(format!("{change}\n").as_bytes());
            })
        };
        let mut item = list.body["items"][0].clone();
        assert_eq!(faults(&Method::GET, "/api/v1/sectors.ndjson", &line(&item.to_string())), [""; 0]);
        item["colour"] = json!("red");
        refused("/api/v1/sectors.ndjson", &line(&item.to_string()), "Sector/colour");
        refused("/api/v1/sectors.ndjson", &line("{"), "no JSON");
        let bytes = modified(&client.get("sectors.csv").await.expect(200), |response| response.bytes.push(0xff));
        refused("/api/v1/sectors.csv", &bytes, "is no text");
    });
}

#[test]
fn head_requests_pages_and_unknown_paths_are_validated_by_their_own_rules() {
    on_each(|database| async move {
        let client = database.client();
        let head = modified(&client.send(Method::HEAD, SECTOR, &[], None).await.expect(200), |response| {
            response.bytes.clear();
        });
        assert_eq!(faults(&Method::HEAD, SECTOR, &head), [""; 0]);
        assert_eq!(faults(&Method::HEAD, SECTOR, &with_header(&head, "etag", None)).len(), 1);

        let tag = head.header("etag").to_owned();
        let same = client.send(Method::GET, SECTOR, &[("If-None-Match", &tag)], None).await.expect(304);
        refused(SECTOR, &modified(&same, |response| response.bytes.push(b' ')), "no content is listed");

        let nowhere = client.get("novelties").await.expect(404);
        let path = "/api/v1/novelties";
        refused(path, &with_header(&nowhere, "content-type", Some("text/plain")), "application/problem+json");
        refused(path, &with_body(&nowhere, |body| body["hint"] = json!("?")), "Problem/hint");
        let there = modified(&nowhere, |response| response.status = actix_web::http::StatusCode::OK);
        refused(path, &there, "is no operation of the document");
        let page = client.get("/").await.expect(200);
        refused("/novelties", &page, "is no operation of the document");
        assert_eq!(faults(&Method::POST, "/", &page).len(), 1, "a page is only read");
    });
}
