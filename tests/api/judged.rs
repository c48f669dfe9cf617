//! The validator of responses detects each way in which a response can differ from the document.

use actix_web::http::Method;
use actix_web::http::header::{HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::common::client::Answer;
use crate::common::judge::{JUDGE, Seen};
use crate::common::on_each;

const SECTOR: &str = "/api/v1/sectors/talent";
const LIST: &str = "/api/v1/sectors";

/// The faults that the validator finds in a response.
fn faults(method: &Method, path: &str, answer: &Answer) -> Vec<String> {
    let body = Some(&answer.bytes[..]);
    JUDGE.faults(&Seen { method, path, status: answer.status.as_u16(), headers: &answer.headers, body })
}

/// The response, modified.
fn doctored(answer: &Answer, change: impl FnOnce(&mut Answer)) -> Answer {
    let mut doctored = answer.clone();
    change(&mut doctored);
    doctored
}

/// The response with another body.
fn with_body(answer: &Answer, change: impl FnOnce(&mut Value)) -> Answer {
    doctored(answer, |answer| {
        change(&mut answer.body);
        answer.bytes = answer.body.to_string().into_bytes();
    })
}

/// The response with another header, or without it.
fn with_header(answer: &Answer, name: &'static str, value: Option<&'static str>) -> Answer {
    doctored(answer, |answer| {
        let name = HeaderName::from_static(name);
        match value {
            Some(value) => drop(answer.headers.insert(name, HeaderValue::from_static(value))),
            None => drop(answer.headers.remove(name)),
        }
    })
}

#[track_caller]
fn refused(path: &str, answer: &Answer, why: &str) {
    let found = faults(&Method::GET, path, answer);
    assert_eq!(found.len(), 1, "{why}: {found:?}");
    assert!(found[0].contains(why), "{why}: {found:?}");
}

#[test]
fn an_answer_is_refused_for_what_the_document_does_not_say() {
    on_each(|database| async move {
        let client = database.client();
        let one = client.get(SECTOR).await.expect(200);
        let list = client.get(LIST).await.expect(200);
        let none = client.get("sectors/no-such-record").await.expect(404);
        let lines = client.get("sectors.ndjson").await.expect(200);
        for (path, answer) in [(SECTOR, &one), (LIST, &list), (SECTOR, &none), ("/api/v1/sectors.ndjson", &lines)] {
            assert_eq!(faults(&Method::GET, path, answer), [""; 0], "as it is");
        }

        refused(SECTOR, &with_body(&one, |body| body["colour"] = json!("red")), "Sector/colour");
        refused(SECTOR, &with_body(&one, |body| body["name"]["fr"] = json!("Talents")), "Sector/name/fr");
        refused(LIST, &with_body(&list, |body| body["items"][0]["colour"] = json!("red")), "SectorList/items/0/colour");
        refused(SECTOR, &with_body(&none, |body| body["hint"] = json!("?")), "Problem/hint");
        let missing = with_body(&one, |body| drop(body.as_object_mut().expect("a record").remove("code")));
        refused(SECTOR, &missing, "Sector/code");
        refused(SECTOR, &with_body(&one, |body| body["version"] = json!("1")), "Sector/version");
        refused(SECTOR, &doctored(&one, |answer| answer.bytes.truncate(10)), "no JSON");
        refused(SECTOR, &doctored(&one, |answer| answer.bytes.clear()), "no JSON");

        let with_status = |answer: &Answer, status: u16| {
            doctored(answer, |answer| answer.status = status.try_into().expect("a status"))
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
            doctored(&lines, |answer| {
                answer.bytes.extend_from_slice(format!("{change}\n").as_bytes());
            })
        };
        let mut item = list.body["items"][0].clone();
        assert_eq!(faults(&Method::GET, "/api/v1/sectors.ndjson", &line(&item.to_string())), [""; 0]);
        item["colour"] = json!("red");
        refused("/api/v1/sectors.ndjson", &line(&item.to_string()), "Sector/colour");
        refused("/api/v1/sectors.ndjson", &line("{"), "no JSON");
        let bytes = doctored(&client.get("sectors.csv").await.expect(200), |answer| answer.bytes.push(0xff));
        refused("/api/v1/sectors.csv", &bytes, "is no text");
    });
}

#[test]
fn heads_pages_and_what_is_not_there_are_judged_as_what_they_are() {
    on_each(|database| async move {
        let client = database.client();
        let head = doctored(&client.send(Method::HEAD, SECTOR, &[], None).await.expect(200), |answer| {
            answer.bytes.clear();
        });
        assert_eq!(faults(&Method::HEAD, SECTOR, &head), [""; 0]);
        assert_eq!(faults(&Method::HEAD, SECTOR, &with_header(&head, "etag", None)).len(), 1);

        let tag = head.header("etag").to_owned();
        let same = client.send(Method::GET, SECTOR, &[("If-None-Match", &tag)], None).await.expect(304);
        refused(SECTOR, &doctored(&same, |answer| answer.bytes.push(b' ')), "no content is listed");

        let nowhere = client.get("novelties").await.expect(404);
        let path = "/api/v1/novelties";
        refused(path, &with_header(&nowhere, "content-type", Some("text/plain")), "application/problem+json");
        refused(path, &with_body(&nowhere, |body| body["hint"] = json!("?")), "Problem/hint");
        let there = doctored(&nowhere, |answer| answer.status = actix_web::http::StatusCode::OK);
        refused(path, &there, "is no operation of the document");
        let page = client.get("/").await.expect(200);
        refused("/novelties", &page, "is no operation of the document");
        assert_eq!(faults(&Method::POST, "/", &page).len(), 1, "a page is only read");
    });
}
