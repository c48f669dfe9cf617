//! Lists as files: CSV, XLSX and NDJSON of the same items, with the same filters and rights.

use actix_web::http::Method;
use pairing_tracker::access::Role;
use serde_json::{Value, json};

use crate::common::builders::{in_threads, lists, walk, with_query};
use crate::common::bundles::import_many_milestones;
use crate::common::client::Response;
use crate::common::records::{create, fault, milestone, with};
use crate::common::tamper::execute;
use crate::common::{Client, on_each};
use crate::examples::create_examples;

const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

async fn accepting(client: &Client, path: &str, headers: &[(&str, &str)]) -> Response {
    client.send(Method::GET, path, headers, None).await
}

/// The items of a file of NDJSON.
fn items(response: &Response) -> Vec<Value> {
    let text = std::str::from_utf8(&response.bytes).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// The rows of a CSV file, its header first; an independent parser, so that errors of the service's own do not cancel out.
pub fn cells(response: &Response) -> Vec<Vec<String>> {
    let text =
        std::str::from_utf8(&response.bytes).expect("UTF-8").strip_prefix('\u{feff}').expect("a byte order mark");
    let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {
                assert_eq!(letters.next(), Some('\n'));
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            other => cell.push(other),
        }
    }
    assert!(cell.is_empty() && row.is_empty() && !quoted, "the last line ends");
    rows
}

fn column(rows: &[Vec<String>], header: &str) -> Vec<String> {
    let at = rows[0].iter().position(|name| name == header).unwrap_or_else(|| panic!("{header} of {:?}", rows[0]));
    rows[1..].iter().map(|row| row[at].clone()).collect()
}

#[test]
fn every_list_is_available_in_every_format() {
    on_each(|database| async move {
        let client = database.client();
        create_examples(&client).await;
        let lists = lists();
        assert!(lists.len() > 50, "the document has its lists");
        for operation in lists {
            let path = operation.path(&operation.some_record(&client).await);
            let wanted = walk(&client, &path, "", 1000).await;
            let lines = accepting(&client, &path, &[("Accept", "application/x-ndjson")]).await.expect(200);
            assert_eq!(lines.header("content-type"), "application/x-ndjson", "{path}");
            assert_eq!(items(&lines), wanted, "{path}");
            let csv = client.get(&format!("{path}.csv")).await.expect(200);
            assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8", "{path}");
            assert_eq!(cells(&csv).len(), wanted.len() + 1, "{path}");
            let book = client.get(&format!("{path}.xlsx")).await.expect(200);
            assert_eq!((book.header("content-type"), &book.bytes[..4]), (XLSX, &b"PK\x03\x04"[..]), "{path}");
            for response in [lines, csv, book] {
                let disposition = response.header("content-disposition");
                let name = path.rsplit('/').next().expect("a name");
                assert!(disposition.starts_with(&format!("attachment; filename=\"{name}-")), "{disposition}");
                let vary: Vec<_> = response.headers.get_all("vary").collect();
                assert!(vary.iter().any(|value| value.to_str().is_ok_and(|v| v.contains("Accept,"))), "{vary:?}");
            }
        }
    });
}

#[test]
fn files_follow_filters_and_order_and_refuse_paging() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "milestones", milestone("late")).await;
        for query in
            ["pairing=xinhui-taishan&sort=-due_on", "status=met&status=scheduled", "overdue=true&as_of=2022-12-31"]
        {
            let wanted = walk(&client, "milestones", query, 1000).await;
            assert!(!wanted.is_empty(), "{query}");
            let lines = client.get(&with_query("milestones.ndjson", &[query])).await.expect(200);
            assert_eq!(items(&lines), wanted, "{query}");
        }
        for (query, faults) in [
            ("limit=5", vec![fault("/query/limit", "not_for_files")]),
            (
                "cursor=abc&count=true",
                vec![fault("/query/cursor", "not_for_files"), fault("/query/count", "not_for_files")],
            ),
            ("colour=red", vec![fault("/query/colour", "unknown_parameter")]),
        ] {
            let refused = client.get(&with_query("milestones.csv", &[query])).await.expect(400);
            assert_eq!(refused.faults(), faults, "{query}");
        }
        client.get("milestones.csv?pairing=none").await.expect(422);
        client.get("pairings/none/agreements.csv").await.expect(404);
    });
}

#[test]
fn the_accept_header_selects_the_format() {
    on_each(|database| async move {
        let client = database.client();
        for (accept, media_type) in [
            ("*/*", "application/json"),
            ("text/html, */*;q=0.1", "application/json"),
            ("text/csv;q=0.9, application/json;q=0.8", "text/csv; charset=utf-8"),
            ("text/*", "text/csv; charset=utf-8"),
            (XLSX, XLSX),
        ] {
            let response = accepting(&client, "regions", &[("Accept", accept)]).await.expect(200);
            assert_eq!(response.header("content-type"), media_type, "{accept}");
        }
        let refused = accepting(&client, "regions", &[("Accept", "image/png, text/csv;q=0")]).await.expect(406);
        assert_eq!(refused.body["code"], "not_acceptable");
        // Paths that are no lists do not offer files.
        accepting(&client, "regions/enping", &[("Accept", "text/csv")]).await.expect(200);
        for path in [
            "regions/enping.csv",
            "regions/enping.json",
            "regions.yaml",
            "regions.pdf",
            "healthz.csv",
            "regions/enping/history/x.csv",
        ] {
            assert_eq!(client.get(path).await.expect(404).body["code"], "not_found", "{path}");
        }
        client.post("regions.csv", json!({})).await.expect(404);
        let head = accepting(&client, "regions.csv", &[("Accept", "application/json")]).await.expect(200);
        assert_eq!(head.header("content-type"), "text/csv; charset=utf-8", "a suffix says it for certain");
    });
}

#[test]
fn a_file_is_in_the_requested_language_and_escapes_formulas() {
    on_each(|database| async move {
        let client = database.client();
        let texts = ["=1+1", "'=1+1", "-5", "@x", "\tx", "a,\"b\"\r\nc", "'quoted'", "中文"];
        for (index, text) in texts.iter().enumerate() {
            let new =
                json!({ "note": text, "kind": "formula", "due_on": format!("2022-06-{:02}", index + 1), "code": null });
            create(&client, "milestones", with(milestone("x"), new)).await;
        }
        let english = cells(&client.get("milestones.csv?kind=formula").await.expect(200));
        let notes = column(&english, "note");
        assert_eq!(notes[..2], ["'=1+1", "''=1+1"]);
        let came_back: Vec<&str> = notes.iter().map(|note| pairing_tracker::transfer::cells::restore(note)).collect();
        // Every line break becomes a single line feed.
        assert_eq!(came_back, texts.map(|text| if text.contains('\r') { "a,\"b\"\nc" } else { text }));
        assert!(column(&english, "code").iter().all(|code| code.starts_with("milestone-")), "surrogate codes");
        assert_eq!(column(&english, "status")[0], "scheduled");
        assert_eq!(column(&english, "agreement")[0], "xinhui-taishan-framework-2022");
        let chinese =
            accepting(&client, "milestones.csv?kind=formula", &[("Accept-Language", "zh-CN")]).await.expect(200);
        assert_eq!(chinese.header("content-language"), "zh-CN");
        let chinese = cells(&chinese);
        assert_eq!(column(&chinese, "状态")[0], "未开始");
        assert!(column(&chinese, "协议")[0].ends_with(" | xinhui-taishan-framework-2022"), "{chinese:?}");
        // The surrogate code of a row resolves to its record.
        let code = &column(&english, "code")[0];
        assert_eq!(client.get(&format!("milestones/{code}")).await.expect(200).body["note"], "=1+1");
    });
}

#[test]
fn files_have_the_rights_and_the_redaction_of_the_list() {
    on_each(|database| async move {
        let client = database.client();
        create_examples(&client).await;
        create(&client, "liaisons", json!({ "pairing": "xinhui-taishan", "name": "甲", "contact": "13800138000" }))
            .await;
        let anonymous = client.anonymous();
        for suffix in ["csv", "ndjson"] {
            let seen = |response: &Response| String::from_utf8_lossy(&response.bytes).contains("13800138000");
            assert!(seen(&client.get(&format!("liaisons.{suffix}")).await.expect(200)), "{suffix}");
            assert!(!seen(&anonymous.get(&format!("liaisons.{suffix}")).await.expect(200)), "{suffix}");
            let history = anonymous.get(&format!("audit-events.{suffix}?entity=liaison")).await.expect(200);
            assert!(!seen(&history), "{suffix}");
            anonymous.get(&format!("api-keys.{suffix}")).await.expect(401);
            let viewer = client.with_key(database.key("viewer", Role::Viewer, &[]));
            viewer.get(&format!("api-keys.{suffix}")).await.expect(403);
            client.get(&format!("api-keys.{suffix}")).await.expect(200);
        }
        let private = database.client_with(|settings| settings.private = true);
        private.anonymous().get("regions.csv").await.expect(401);
    });
}

#[test]
fn concurrent_writes_neither_repeat_nor_drop_a_row() {
    on_each(|database| async move {
        let client = database.client();
        import_many_milestones(&database, 1_200);
        let before = crate::common::builders::ids(&walk(&client, "milestones", "kind=many&sort=id", 1000).await);
        let found = in_threads(&client, 3, async |client, index| {
            if index == 0 {
                return items(&client.get("milestones.ndjson?kind=many").await.expect(200));
            }
            for day in 1..28 {
                let new = json!({ "due_on": format!("2022-06-{day:02}"), "code": null, "kind": "many" });
                create(&client, "milestones", with(milestone("x"), new)).await;
            }
            Vec::new()
        });
        let mut seen = crate::common::builders::ids(&found[0]);
        seen.sort_unstable();
        let all = seen.len();
        seen.dedup();
        assert_eq!(seen.len(), all, "no row twice");
        assert!(before.iter().all(|id| seen.binary_search(id).is_ok()), "no row is lost");
    });
}

#[test]
fn an_error_during_the_transfer_aborts_it() {
    use actix_web::body::MessageBody;
    use std::future::poll_fn;
    use std::pin::Pin;

    on_each(|database| async move {
        let client = database.client();
        import_many_milestones(&database, 2_600);
        for is_broken in [false, true] {
            let response = client.open("milestones.ndjson?kind=many&sort=id").await;
            assert_eq!(response.status().as_u16(), 200);
            let mut body = response.into_body();
            let (mut lines, mut error) = (0, None);
            let mut first = true;
            while let Some(part) = poll_fn(|cx| Pin::new(&mut body).poll_next(cx)).await {
                match part {
                    Ok(bytes) => lines += bytes.iter().filter(|byte| **byte == b'\n').count(),
                    Err(fault) => {
                        error = Some(fault.to_string());
                        break;
                    }
                }
                if is_broken && std::mem::take(&mut first) {
                    execute(&mut database.connect(), "ALTER TABLE milestone_dependencies RENAME TO gone")
                        .expect("renamed");
                }
            }
            // One page may have been read before the table was dropped.
            assert_eq!((error.is_some(), lines < 2_600), (is_broken, is_broken), "{error:?} after {lines} lines");
        }
    });
}

#[test]
fn concurrent_files_of_one_address_are_limited() {
    on_each(|database| async move {
        let client = database.client().at("192.0.2.1");
        let mut sent = Vec::new();
        for path in ["milestones.csv", "regions.ndjson", "regions.xlsx", "exports/bundle.yaml"] {
            let response = client.open(path).await;
            assert_eq!(response.status().as_u16(), 200, "{path}");
            sent.push(response);
        }
        for path in ["regions.csv", "exports/bundle.json"] {
            assert_eq!(client.get(path).await.expect(429).body["code"], "rate_limited", "{path}");
        }
        client.get("regions").await.expect(200);
        client.at("192.0.2.2").get("regions.csv").await.expect(200);
        drop(sent);
        client.get("regions.csv").await.expect(200);
    });
}
