//! Conventions of all operations: all faults at once, entity tags and preconditions, merge patches, deletion, codes and
//! history.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::common::builders::walk;
use crate::common::client::Response;
use crate::common::records::{create, fault, listed, milestone, with};
use crate::common::{Client, on_each};

const JSON: (&str, &str) = ("Content-Type", "application/json");
const SECTOR: &str = "sectors/talent";

fn sorted(response: &Response) -> Vec<(String, String)> {
    let mut faults = response.faults();
    faults.sort();
    faults
}

async fn patch(client: &Client, path: &str, if_match: &str, body: Value) -> Response {
    client.send(Method::PATCH, path, &[("If-Match", if_match)], Some(body)).await
}

#[test]
fn every_fault_of_a_body_is_reported_at_once_in_the_requested_language() {
    on_each(|database| async move {
        let client = database.client();
        let mut body = json!({
            "agreement": 7, "due_on": "2022-02-30", "status": "done", "kind": "x".repeat(101), "note": "a\u{0}b", "progress": 101,
            "title": { "en": "No Chinese" }
        });
        let mut wanted = vec![
            fault("/agreement", "type"),
            fault("/due_on", "format"),
            fault("/kind", "too_long"),
            fault("/note", "nul"),
            fault("/progress", "too_large"),
            fault("/status", "enum"),
            fault("/title/zh", "required"),
        ];
        let refused = client.post("milestones", body.clone()).await.expect(422);
        assert_eq!((sorted(&refused), &refused.body["code"]), (wanted.clone(), &json!("validation_failed")));

        body["colour"] = json!("red");
        wanted.insert(1, fault("/colour", "unknown_field"));
        let mut titles = Vec::new();
        for (language, tag) in [("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"), ("en-GB", "en")] {
            let headers = [("Accept-Language", language)];
            let refused = client.send(Method::POST, "milestones", &headers, Some(body.clone())).await.expect(400);
            assert_eq!(sorted(&refused), wanted);
            assert_eq!(refused.header("content-language"), tag);
            let title = refused.body["title"].as_str().unwrap_or_default().to_owned();
            let words = refused.body["errors"].as_array().into_iter().flatten().map(|fault| fault["message"].as_str());
            let all: Vec<String> = words.map(|words| words.unwrap_or_default().to_owned()).chain([title]).collect();
            assert!(all.iter().all(|text| text.is_ascii() == (tag == "en") && !text.is_empty()), "{all:?}");
            titles.push(all);
        }
        assert_ne!(titles[0], titles[1]);
    });
}

#[test]
fn no_response_repeats_a_nul_of_a_field_name() {
    on_each(|database| async move {
        let body = json!({ "title": { "a\u{0}/b": 1 }, "a\u{0}b": 1 });
        let reported = sorted(&database.client().post("milestones", with(milestone("wrong"), body)).await.expect(400));
        for pointer in ["/a\u{fffd}b", "/title/a\u{fffd}~1b"] {
            assert!(reported.contains(&fault(pointer, "unknown_field")), "{reported:?}");
        }
    });
}

#[test]
fn rules_that_need_the_database_are_reported_together_with_the_others() {
    on_each(|database| async move {
        let wrong =
            json!({ "status": "met", "agreement": "no-such", "responsible": ["jiangmen-polytechnic", "nobody"] });
        let refused = database.client().post("milestones", with(milestone("wrong"), wrong)).await.expect(422);
        let wanted = [
            fault("/agreement", "unknown_reference"),
            fault("/met_on", "required"),
            fault("/responsible/1", "unknown_reference"),
        ];
        assert_eq!(sorted(&refused), wanted);
    });
}

#[test]
fn an_unknown_parameter_is_refused_by_name() {
    on_each(|database| async move {
        let client = database.client();
        for path in ["milestones?stauts=met", "sectors/talent?stauts=met", "reports/scorecard?stauts=met"] {
            let refused = client.get(path).await.expect(400);
            assert_eq!(refused.faults(), [fault("/query/stauts", "unknown_parameter")], "{path}");
        }
        let refused = client.post("milestones?stauts=met", milestone("asked")).await.expect(400);
        assert_eq!(refused.faults(), [fault("/query/stauts", "unknown_parameter")]);
        let refused = client.get("milestones?limit=0&overdue=maybe&status=done&pairing=A").await.expect(400);
        let pointers: Vec<String> = sorted(&refused).into_iter().map(|(pointer, _)| pointer).collect();
        assert_eq!(pointers, ["/query/limit", "/query/overdue", "/query/pairing", "/query/status/0"]);
        let refused = client.get("milestones?pairing=no-such&agreement=no-such").await.expect(422);
        let wanted = [fault("/query/agreement", "unknown_reference"), fault("/query/pairing", "unknown_reference")];
        assert_eq!(sorted(&refused), wanted);
    });
}

#[test]
fn a_body_is_one_json_object_of_the_right_type_and_size() {
    on_each(|database| async move {
        let client = database.client();
        let good = json!({ "code": "sized", "name": { "zh": "大小" } }).to_string();
        let send = async |content_type: &[(&str, &str)], body: String| {
            client.send_bytes(Method::POST, "sectors", content_type, Some(body.into_bytes())).await
        };
        for broken in ["{\"code\":", "", "[]", "null", "\"text\"", "{} {}"] {
            let refused = send(&[JSON], broken.to_owned()).await.expect(400);
            assert_eq!(refused.faults(), [fault("", "invalid_json")], "{broken}");
        }
        send(&[JSON], format!("[{good}]")).await.expect(400);
        for other in [&[][..], &[("Content-Type", "text/plain")], &[("Content-Type", "application/merge-patch+json")]] {
            let refused = send(other, good.clone()).await.expect(415);
            assert_eq!(refused.body["code"], "unsupported_media_type");
        }
        let padded = |size: usize| format!("{good}{}", " ".repeat(size - good.len()));
        assert_eq!(send(&[JSON], padded(256 * 1024 + 1)).await.expect(413).body["code"], "too_large");
        send(&[("Content-Type", "application/json; charset=utf-8")], padded(256 * 1024)).await.expect(201);
    });
}

#[test]
fn a_response_that_the_client_has_is_not_sent_again() {
    on_each(|database| async move {
        let client = database.client();
        for path in [SECTOR, "sectors?limit=2", "sectors/talent/history", "reports/scorecard?as_of=2022-12-31"] {
            let etag = client.get(path).await.expect(200).header("etag").to_owned();
            for tags in [etag.clone(), format!("\"other\", W/{etag}"), "*".to_owned()] {
                let cached = client.send(Method::GET, path, &[("If-None-Match", &tags)], None).await.expect(304);
                assert_eq!((cached.header("etag"), cached.bytes.len()), (etag.as_str(), 0), "{path}");
            }
            client.send(Method::GET, path, &[("If-None-Match", "\"other\"")], None).await.expect(200);
        }
        let etag = client.get(SECTOR).await.header("etag").to_owned();
        let changed = client.patch(SECTOR, json!({ "vocabulary": "v" })).await.expect(200);
        let read = client.send(Method::GET, SECTOR, &[("If-None-Match", &etag)], None).await.expect(200);
        assert_eq!(read.header("etag"), changed.header("etag"), "a change answers with the tag that a read has");
    });
}

#[test]
fn a_change_requires_the_current_entity_tag() {
    on_each(|database| async move {
        let client = database.client();
        let old = client.get(SECTOR).await.header("etag").to_owned();
        for method in [Method::PATCH, Method::DELETE] {
            let body = (method == Method::PATCH).then(|| json!({ "vocabulary": "a" }));
            let refused = client.send(method.clone(), SECTOR, &[], body.clone()).await.expect(428);
            assert_eq!(refused.body["code"], "precondition_required");
            client.send(method.clone(), SECTOR, &[("If-Match", "\"99-0\"")], body.clone()).await.expect(412);
            client.send(method, SECTOR, &[("If-Match", "1")], body).await.expect(400);
        }
        let new =
            patch(&client, SECTOR, &old, json!({ "vocabulary": "a" })).await.expect(200).header("etag").to_owned();
        let stale = patch(&client, SECTOR, &old, json!({ "vocabulary": "b" })).await.expect(412);
        assert_eq!(stale.body["code"], "precondition_failed");
        patch(&client, SECTOR, &format!("{old}, {new}"), json!({ "vocabulary": "c" })).await.expect(200);
        patch(&client, SECTOR, "*", json!({ "vocabulary": "d" })).await.expect(200);
        let read = client.get(SECTOR).await;
        assert_eq!((&read.body["vocabulary"], &read.body["version"]), (&json!("d"), &json!(4)));
    });
}

#[test]
fn lists_of_entity_tags_are_parsed_by_the_grammar() {
    on_each(|database| async move {
        let client = database.client();
        let current = client.get(SECTOR).await.header("etag").to_owned();
        let change = json!({ "vocabulary": "a" });
        for (lines, status) in [
            (vec![format!("W/{current}")], 412),
            (vec![format!("W/{current}, \"0-0\"")], 412),
            (vec![" , ,".to_owned()], 412),
            (vec!["\"a,b\"".to_owned()], 412),
            (vec![format!("\"a b\", {current}")], 400),
            (vec![format!("*, {current}")], 400),
            (vec!["*".to_owned(), current.clone()], 400),
            (vec![current.trim_end_matches('"').to_owned()], 400),
            (vec![format!(", \"0-0\",,\tW/\"x\" ,{current},")], 200),
        ] {
            let headers: Vec<(&str, &str)> = lines.iter().map(|line| ("If-Match", line.as_str())).collect();
            client.send(Method::PATCH, SECTOR, &headers, Some(change.clone())).await.expect(status);
        }
        let current = client.get(SECTOR).await.header("etag").to_owned();
        for lines in [vec!["\"0-0\"", current.as_str()], vec![format!(",\"a,b\",, W/{current}").as_str()]] {
            let headers: Vec<(&str, &str)> = lines.iter().map(|line| ("If-None-Match", *line)).collect();
            let known = client.send(Method::GET, SECTOR, &headers, None).await.expect(304);
            assert_eq!(known.header("etag"), current, "{lines:?}");
        }
        let headers = [("If-Match", "\"0-0\""), ("If-Match", current.as_str())];
        client.send(Method::PATCH, SECTOR, &headers, Some(json!({ "vocabulary": "b" }))).await.expect(200);
    });
}

#[test]
fn a_patch_clears_null_fields_and_keeps_absent_ones() {
    on_each(|database| async move {
        let client = database.client();
        let new = with(
            milestone("patched"),
            json!({ "kind": "road", "progress": 40, "responsible": ["jiangmen-polytechnic"],
            "title": { "zh": "甲", "en": "A" }, "note": "备注" }),
        );
        let before = create(&client, "milestones", new).await;
        let path = "milestones/patched";
        let nothing = json!({ "kind": "road", "title": { "zh": "甲" }, "responsible": ["jiangmen-polytechnic"] });
        for empty in [json!({}), nothing] {
            let same = client.patch(path, empty).await.expect(200);
            assert_eq!((same.body, same.headers.get("etag")), (before.body.clone(), before.headers.get("etag")));
        }
        let history = client.get("milestones/patched/history?count=true").await.expect(200);
        assert_eq!(history.body["total"], 1, "what changes nothing leaves no trace");

        let cleared = json!({ "kind": null, "progress": null, "responsible": null, "title": { "en": null } });
        let headers = [("If-Match", "*"), JSON];
        let after = client.send(Method::PATCH, path, &headers, Some(cleared)).await.expect(200).body;
        let expected = json!({ "kind": null, "progress": 0, "responsible": [], "title": { "zh": "甲", "en": null }, "version": 2,
            "updated_at": after["updated_at"] });
        assert_eq!(after, with(before.body, expected));
        let refused = client.patch(path, json!({ "title": null, "due_on": null })).await.expect(422);
        assert_eq!(sorted(&refused), ["/due_on", "/title"].map(|pointer| fault(pointer, "type")));
    });
}

#[test]
fn a_deletion_is_refused_with_the_records_that_refer_to_it() {
    on_each(|database| async move {
        let client = database.client();
        let words = |refused: &Response| -> Vec<String> {
            let errors = refused.body["errors"].as_array().cloned().unwrap_or_default();
            errors.iter().map(|error| error["message"].as_str().unwrap_or_default().to_owned()).collect()
        };
        create(&client, "milestones", milestone("one")).await;
        create(&client, "milestones", with(milestone("two"), json!({ "depends_on": ["one"] }))).await;
        for (path, whats) in [
            ("milestones/one", &["milestones refer to it 1 times"][..]),
            ("agreements/xinhui-taishan-framework-2022", &["milestones refer to it 2 times"]),
            (
                "sectors/culture-tourism",
                &["pairings refer to it 2 times", "agreements refer to it 1 times", "projects refer to it 2 times"],
            ),
            ("programmes/jiangmen-east-west", &["pairings refer to it 3 times", "funds refer to it 1 times"]),
        ] {
            let refused = client.delete(path).await.expect(409);
            assert_eq!(
                (refused.body["code"].as_str(), words(&refused)),
                (Some("referred_to"), whats.iter().map(|what| (*what).to_owned()).collect())
            );
        }
        let cited = client.delete("documents/gb-t-2260").await.expect(409);
        assert!(words(&cited).iter().any(|what| what.starts_with("citations refer to it")), "{:?}", cited.body);
        for path in ["milestones/two", "milestones/one"] {
            assert!(client.delete(path).await.expect(204).bytes.is_empty());
            assert_eq!(client.get(path).await.expect(404).body["code"], "not_found");
            client.delete(path).await.expect(404);
        }
    });
}

#[test]
fn a_code_is_never_reused_and_the_history_of_a_deleted_record_stays() {
    on_each(|database| async move {
        let client = database.client();
        let new = |code: &str| json!({ "code": code, "name": { "zh": "领域" } });
        let id = create(&client, "sectors", new("first-code")).await.body["id"].clone();
        client.patch("sectors/first-code", json!({ "code": "second-code" })).await.expect(200);
        client.patch("sectors/second-code", json!({ "code": "first-code" })).await.expect(200);
        client.patch("sectors/first-code", json!({ "code": "second-code" })).await.expect(200);
        for (round, word) in ["taken", "deleted"].into_iter().enumerate() {
            for code in ["first-code", "second-code"] {
                let refused = client.post("sectors", new(code)).await.expect(409);
                assert_eq!(
                    (&refused.body["code"], refused.faults()),
                    (&json!("already_exists"), vec![fault("/code", word)])
                );
                client.patch(SECTOR, json!({ "code": code })).await.expect(409);
            }
            if round == 0 {
                client.delete("sectors/second-code").await.expect(204);
            }
        }
        for reference in ["first-code", "second-code", &id.to_string()] {
            let events = walk(&client, &format!("sectors/{reference}/history"), "", 2).await;
            let reported: Vec<&str> = events.iter().filter_map(|event| event["action"].as_str()).collect();
            assert_eq!(reported, ["create", "update", "update", "update", "delete"], "{reference}");
            assert_eq!((&events[0]["before"], &events[4]["after"]), (&Value::Null, &Value::Null));
            assert!(
                events.windows(2).all(|pair| pair[0]["after"] == pair[1]["before"] && pair[1]["actor"] == "tester")
            );
        }
        client.get("sectors/never-there/history").await.expect(404);
    });
}

#[test]
fn a_record_is_the_same_by_code_and_by_id() {
    on_each(|database| async move {
        let client = database.client();
        let by_code = client.get("pairings/xinhui-taishan").await.expect(200);
        let id = by_code.body["id"].as_i64().expect("an id");
        let by_id = client.get(&format!("pairings/{id}")).await.expect(200);
        assert_eq!((by_id.bytes, by_id.headers.get("etag")), (by_code.bytes, by_code.headers.get("etag")));
        let by_code = listed(&client, "agreements", "pairing=xinhui-taishan").await;
        assert_eq!((listed(&client, "agreements", &format!("pairing={id}")).await, by_code.len()), (by_code, 2));
        for unknown in ["pairings/no-such", "pairings/999999", "pairings/99999999999999999999", "pairings/No_Such"] {
            client.get(unknown).await.expect(404);
        }
    });
}

#[test]
fn a_response_has_a_request_id_and_security_headers() {
    on_each(|database| async move {
        let client = database.client();
        for (path, status) in
            [("sectors", 200), ("sectors/no-such", 404), ("nowhere", 404), ("/healthz", 200), ("sectors?x=1", 400)]
        {
            let response =
                client.send(Method::GET, path, &[("X-Request-Id", "my-request.1")], None).await.expect(status);
            assert_eq!(response.header("x-request-id"), "my-request.1");
            if status >= 400 {
                assert_eq!(response.body["request_id"], "my-request.1");
            }
            for header in ["content-security-policy", "referrer-policy", "cache-control", "x-frame-options"] {
                assert!(!response.header(header).is_empty(), "{path} has no {header}");
            }
        }
        let odd = client.send(Method::GET, "sectors", &[("X-Request-Id", "<script>")], None).await;
        assert_ne!(odd.header("x-request-id"), "<script>");
        client
            .send(
                Method::PATCH,
                SECTOR,
                &[("If-Match", "*"), ("X-Request-Id", "told")],
                Some(json!({ "vocabulary": "v" })),
            )
            .await
            .expect(200);
        let events = walk(&client, "sectors/talent/history", "", 100).await;
        assert_eq!(events.last().map(|event| &event["request_id"]), Some(&json!("told")));
        for (method, path, allow) in [
            (Method::PUT, "sectors", "GET, HEAD, POST"),
            (Method::POST, SECTOR, "DELETE, GET, HEAD, PATCH"),
            (Method::DELETE, "audit-events", "GET, HEAD"),
        ] {
            let refused = client.send(method, path, &[], None).await.expect(405);
            assert_eq!((refused.header("allow"), &refused.body["code"]), (allow, &json!("method_not_allowed")));
        }
    });
}
