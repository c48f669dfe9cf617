//! Documents: a file is attached once and returned unchanged, and a cited document cannot be deleted.

use actix_web::http::Method;
use actix_web::test as harness;
use pairing_tracker::app::app;
use pairing_tracker::config::FileStore;
use serde_json::{Value, json};

use crate::common::client::Response;
use crate::common::records::{codes_of, create, fault, listed, message_at, milestone, with};
use crate::common::{Client, on_each};

/// SHA-256 of `abc` (FIPS 180-2, appendix B.1).
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const FILE_MAX: usize = 20 * 1024 * 1024;

async fn document(client: &Client, code: &str) {
    create(client, "documents", json!({ "code": code, "title": { "zh": "协议文本" }, "kind": "agreement_text" })).await;
}

async fn put(client: &Client, code: &str, media_type: &str, bytes: impl Into<Vec<u8>>) -> Response {
    let path = format!("documents/{code}/content");
    client.send_bytes(Method::PUT, &path, &[("Content-Type", media_type)], Some(bytes.into())).await
}

#[test]
fn a_file_is_returned_unchanged_and_as_a_download() {
    let bytes: Vec<u8> = (0..=255_u8).cycle().take(100_000).collect();
    on_each(|database| {
        let bytes = bytes.clone();
        async move {
            let client = database.client();
            document(&client, "text").await;
            document(&client, "abc").await;
            let attached = put(&client, "text", "application/pdf", bytes.clone()).await.expect(200);
            assert_eq!(
                (&attached.body["media_type"], &attached.body["byte_size"]),
                (&json!("application/pdf"), &json!(100_000))
            );
            assert_eq!(attached.body["version"], 2);
            let read = client.get("documents/text/content").await.expect(200);
            assert!(read.bytes == bytes, "other bytes came back");
            assert_eq!(read.header("content-type"), "application/pdf");
            assert_eq!(read.header("content-disposition"), "attachment; filename=\"text\"");

            put(&client, "abc", "text/plain; charset=utf-8", "abc").await.expect(200);
            assert_eq!(client.get("documents/abc").await.expect(200).body["sha256"], ABC);
            assert_eq!(
                client.get("documents/abc/content").await.expect(200).header("content-type"),
                "text/plain; charset=utf-8"
            );
            let history = client.get("documents/abc/history").await.expect(200);
            assert_eq!(
                (&history.body["items"][1]["action"], &history.body["items"][1]["after"]["sha256"]),
                (&json!("attach"), &json!(ABC))
            );
        }
    });
}

#[test]
fn a_file_is_attached_only_once() {
    on_each(|database| async move {
        let client = database.client();
        document(&client, "text").await;
        assert_eq!(client.get("documents/text/content").await.expect(404).body["code"], "not_found");
        let first = put(&client, "text", "text/plain", "abc").await.expect(200);
        let other = put(&client, "text", "text/plain", "abd").await.expect(409);
        assert_eq!(other.body["code"], "content_is_set");
        let again = put(&client, "text", "text/plain", "abc").await.expect(200);
        assert_eq!(again.body, first.body, "the same file again changes nothing");
        assert_eq!(client.get("documents/text/content").await.expect(200).bytes, b"abc");
        for field in ["media_type", "byte_size", "sha256"] {
            let refused = client.patch("documents/text", json!({ field: "x" })).await.expect(400);
            assert_eq!(refused.faults(), [fault(&format!("/{field}"), "unknown_field")]);
        }
    });
}

#[test]
fn a_change_of_a_document_keeps_its_file() {
    on_each(|database| async move {
        let client = database.client();
        document(&client, "text").await;
        put(&client, "text", "text/plain", "abc").await.expect(200);
        let renamed = client.patch("documents/text", json!({ "publisher": "台山市" })).await.expect(200);
        assert_eq!((&renamed.body["sha256"], &renamed.body["byte_size"]), (&json!(ABC), &json!(3)));
        assert_eq!(client.get("documents/text/content").await.expect(200).bytes, b"abc");
        client.delete("documents/text").await.expect(204);
        client.get("documents/text/content").await.expect(404);
    });
}

#[test]
fn a_file_larger_than_twenty_mebibytes_is_refused() {
    on_each(|database| async move {
        let client = database.client();
        document(&client, "text").await;
        let refused = put(&client, "text", "text/plain", vec![7; FILE_MAX + 1]).await.expect(413);
        assert_eq!(refused.body["code"], "too_large");
        assert_eq!(client.get("documents/text").await.expect(200).body["sha256"], json!(null));
        put(&client, "text", "text/plain", vec![7; FILE_MAX]).await.expect(200);
        assert_eq!(client.get("documents/text/content").await.expect(200).bytes.len(), FILE_MAX);
    });
}

#[test]
fn a_file_requires_a_document_and_a_media_type() {
    on_each(|database| async move {
        let client = database.client();
        document(&client, "text").await;
        put(&client, "unwritten", "text/plain", "abc").await.expect(404);
        for media_type in ["", "text", "text/", "/plain", "text plain/x"] {
            put(&client, "text", media_type, "abc").await.expect(415);
        }
        put(&client.anonymous(), "text", "text/plain", "abc").await.expect(401);
    });
}

#[test]
fn a_file_that_the_client_has_is_not_sent_again() {
    on_each(|database| async move {
        let client = database.client();
        document(&client, "text").await;
        put(&client, "text", "text/plain", "abc").await.expect(200);
        let etag = client.get("documents/text/content").await.expect(200).header("etag").to_owned();
        for (tag, status) in
            [(etag.clone(), 304), (format!("W/{etag}"), 304), ("*".to_owned(), 304), ("\"other\"".to_owned(), 200)]
        {
            let headers = [("If-None-Match", tag.as_str())];
            let response =
                client.send_bytes(Method::GET, "documents/text/content", &headers, None).await.expect(status);
            assert_eq!(response.bytes.is_empty(), status == 304, "{tag}");
            assert_eq!(response.header("etag"), etag);
        }
    });
}

#[test]
fn files_in_a_directory_are_named_by_their_digest_and_shared() {
    on_each(|database| async move {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().to_owned();
        let client = database.client_with(|settings| settings.files = FileStore::Directory(path.clone()));
        for code in ["one", "two"] {
            document(&client, code).await;
            put(&client, code, "text/plain", "abc").await.expect(200);
            assert_eq!(client.get(&format!("documents/{code}/content")).await.expect(200).bytes, b"abc");
        }
        let names: Vec<String> = std::fs::read_dir(&path)
            .expect("the directory is there")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        assert_eq!(names, [ABC]);
        client.delete("documents/one").await.expect(204);
        assert_eq!(client.get("documents/two/content").await.expect(200).bytes, b"abc");
    });
}

#[test]
fn a_damaged_file_is_not_served() {
    on_each(|database| async move {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().to_owned();
        let client = database.client_with(|settings| settings.files = FileStore::Directory(path.clone()));
        document(&client, "text").await;
        put(&client, "text", "text/plain", "abc").await.expect(200);
        client.get("documents/text/content").await.expect(200);
        let file = path.join(ABC);
        // Bypasses the test client, which fails the test on an internal error.
        let read = async || {
            let service = harness::init_service(app(client.state.clone())).await;
            let request = harness::TestRequest::get().uri("/api/v1/documents/text/content").to_request();
            let response = harness::call_service(&service, request).await;
            (response.status().as_u16(), harness::read_body(response).await)
        };
        for damaged in ["", "abd", "abcd"] {
            std::fs::write(&file, damaged).expect("the file is written");
            let (status, body) = read().await;
            assert!(status >= 500, "{damaged:?}: {status}");
            let problem: Value = serde_json::from_slice(&body).expect("a problem");
            assert_eq!(problem["status"], status);
        }
        std::fs::remove_file(&file).expect("the file is removed");
        assert!(read().await.0 >= 500);
        std::fs::write(&file, "abc").expect("the file is written");
        assert_eq!(read().await.0, 200);
    });
}

#[test]
fn a_record_lists_its_citations() {
    on_each(|database| async move {
        let client = database.client();
        document(&client, "minutes").await;
        let citations = json!([
            { "document": "minutes", "field": "due_on", "locator": "第3段", "note": "口头确认" },
            { "document": "gb-t-2260" }
        ]);
        let made = create(&client, "milestones", with(milestone("step"), json!({ "citations": citations }))).await;
        assert_eq!(
            codes_of(&json!([made.body["citations"][0]["document"], made.body["citations"][1]["document"]])),
            ["minutes", "gb-t-2260"]
        );
        let first = &made.body["citations"][0];
        assert_eq!(
            (&first["field"], &first["locator"], &first["note"]),
            (&json!("due_on"), &json!("第3段"), &json!("口头确认"))
        );
        assert_eq!(made.body["citations"][1]["field"], json!(null));
        let unchanged = client.patch("milestones/step", json!({ "note": "不变" })).await.expect(200);
        assert_eq!(unchanged.body["citations"], made.body["citations"]);
        let cleared = client.patch("milestones/step", json!({ "citations": null })).await.expect(200);
        assert_eq!(cleared.body["citations"], json!([]));
    });
}

#[test]
fn citing_an_unknown_document_is_refused_at_its_pointer() {
    on_each(|database| async move {
        let client = database.client();
        let citations = json!([{ "document": "unwritten" }, { "document": "gb-t-2260" }, { "document": "999999" }]);
        let refused =
            client.post("milestones", with(milestone("step"), json!({ "citations": citations }))).await.expect(422);
        let unknown = |index| fault(&format!("/citations/{index}/document"), "unknown_reference");
        assert_eq!(refused.faults(), [unknown(0), unknown(2)]);
    });
}

#[test]
fn a_cited_document_cannot_be_deleted() {
    on_each(|database| async move {
        let client = database.client();
        document(&client, "minutes").await;
        let citations = json!({ "citations": [{ "document": "minutes" }] });
        create(&client, "milestones", with(milestone("step"), citations.clone())).await;
        let refused = client.delete("documents/minutes").await.expect(409);
        assert_eq!(refused.body["code"], "referred_to");
        assert!(message_at(&refused, "").contains("citations"), "{}", refused.body);
        client.delete("milestones/step").await.expect(204);
        client.delete("documents/minutes").await.expect(204);
    });
}

#[test]
fn filters_select_documents() {
    on_each(|database| async move {
        let client = database.client();
        document(&client, "text").await;
        for (query, codes) in [
            (
                "kind=news_report",
                vec!["nanfang-daily-2022-04-07", "ycwb-2022-jiangmen-east-west", "zhongshan-drc-2023-02-15"],
            ),
            ("kind=agreement_text&kind=other", vec!["gb-t-2260", "text"]),
            ("published_from=2022-04-07&published_to=2023-02-14", vec!["nanfang-daily-2022-04-07"]),
            ("published_from=2023-02-16", vec![]),
            ("q=行政区划", vec!["gb-t-2260"]),
        ] {
            assert_eq!(listed(&client, "documents", &format!("sort=code&{query}")).await, codes, "{query}");
        }
    });
}
