//! Uploaded workbooks: every bad cell is reported and marked, corrected, and the workbook is applied.

use std::io::{Cursor, Read};

use actix_web::http::Method;
use pairing_tracker::model::text::Language;
use pairing_tracker::transfer::columns::{self, Column, Shape};
use pairing_tracker::transfer::format::XLSX;
use pairing_tracker::transfer::workbook::Book;
use serde_json::{Value, json};

use crate::common::client::Response;
use crate::common::{CONTRACT, Client, on_each};

const ROWS: usize = 10_000;
/// One row in this many is bad.
const BAD: usize = 33;

/// A workbook of milestones in Chinese, as a person fills it in, with the values of `record` in every row.
fn workbook(count: usize, record: impl Fn(usize) -> Value) -> Vec<u8> {
    let form = pairing_tracker::resources::forms().into_iter().find(|form| form.kind.path == "milestones");
    let mut tables = columns::tables(&CONTRACT, &form.expect("milestones")).expect("tables");
    // People also write words into date columns: every cell is written as it is.
    for column in &mut tables[0].columns {
        if matches!(column.shape, Shape::Date | Shape::Reference(_)) {
            *column = Column { shape: Shape::Text, ..column.clone() };
        }
    }
    let mut book = Book::new(Language::Zh);
    let sheet = book.table(&tables[0], false).expect("a sheet");
    (0..count).for_each(|index| book.record(sheet, &record(index)).expect("a row"));
    let mut file = tempfile::tempfile().expect("a file");
    book.save(&mut file).expect("a workbook");
    let mut bytes = Vec::new();
    std::io::Seek::rewind(&mut file).and_then(|()| file.read_to_end(&mut bytes)).expect("it can be read");
    bytes
}

fn good(index: usize) -> Value {
    json!({
        "code": format!("row-{index}"), "agreement": "xinhui-taishan-framework-2022", "status": "scheduled",
        "title": { "zh": format!("第{index}项") }, "due_on": format!("2031/{}/{}", index % 12 + 1, index % 28 + 1),
    })
}

fn is_bad(index: usize) -> bool {
    index.is_multiple_of(BAD) && index / BAD < 300
}

/// Three kinds of mistakes, one in each bad row.
fn with_mistakes(index: usize) -> Value {
    let mut record = good(index);
    match (is_bad(index), index / BAD % 3) {
        (true, 0) => record["due_on"] = json!("尽快"),
        (true, 1) => record["agreement"] = json!("xinhui-taishan-framework-2021"),
        (true, _) => record["title"] = json!({ "zh": null }),
        (false, _) => {}
    }
    record
}

async fn send(client: &Client, bytes: Vec<u8>) -> Value {
    let headers = [("Content-Type", XLSX), ("Prefer", "wait=30")];
    let sent = client.send_bytes(Method::POST, "imports", &headers, Some(bytes)).await.expect(201).body;
    finished(client, &sent["id"], sent["status"].clone()).await
}

async fn apply(client: &Client, id: &Value) -> Value {
    let path = format!("imports/{id}/apply");
    let begun = client.send(Method::POST, &path, &[("Prefer", "wait=30")], None).await.expect(200).body;
    finished(client, id, begun["status"].clone()).await
}

/// The import once no run works on it any more.
async fn finished(client: &Client, id: &Value, mut status: Value) -> Value {
    while status == "planning" || status == "applying" {
        actix_web::rt::time::sleep(std::time::Duration::from_millis(20)).await;
        status = client.get(&format!("imports/{id}")).await.expect(200).body["status"].clone();
    }
    client.get(&format!("imports/{id}")).await.expect(200).body
}

/// The first part of a workbook whose name contains a word.
fn part(response: &Response, word: &str) -> String {
    let mut archive = zip::ZipArchive::new(Cursor::new(&response.bytes)).expect("a workbook");
    for index in 0..archive.len() {
        let mut part = archive.by_index(index).expect("a part");
        let is_it = String::from_utf8_lossy(part.name_raw()).contains(word);
        if is_it {
            let mut text = String::new();
            part.read_to_string(&mut text).expect("a text");
            return text;
        }
    }
    panic!("no part is called {word}");
}

#[test]
fn ten_thousand_rows_with_three_hundred_mistakes_are_marked_corrected_and_applied() {
    on_each(|database| async move {
        let client = database.client();
        let before = client.get("milestones?count=true").await.expect(200).body["total"].as_u64().expect("a total");
        let refused = send(&client, workbook(ROWS, with_mistakes)).await;
        assert_eq!((&refused["status"], &refused["records"]), (&json!("refused"), &json!(ROWS)), "{refused}");
        assert_eq!((&refused["counts"]["errors"], &refused["counts"]["create"]), (&json!(300), &json!(ROWS - 300)));
        let faults = client.get(&format!("imports/{}/faults?limit=1000", refused["id"])).await.expect(200).body;
        let faults = faults["items"].as_array().expect("a list");
        let rows: Vec<usize> = faults.iter().map(|fault| fault["row"].as_u64().expect("a row") as usize - 2).collect();
        let wanted: Vec<usize> = (0..ROWS).filter(|index| is_bad(*index)).collect();
        assert_eq!(rows, wanted, "each bad row is told once, and no other");
        let [date, name, title] = [&faults[0], &faults[1], &faults[2]];
        assert_eq!((&date["sheet"], &date["value"]), (&json!("里程碑"), &json!("尽快")));
        assert_eq!(name["code"], "unknown_reference");
        assert_eq!(name["suggestion"], "xinhui-taishan-framework-2022");
        assert_eq!((&title["code"], &title["value"]), (&json!("required"), &Value::Null), "{title}");

        let marked = client.get(&format!("imports/{}/marked.xlsx", refused["id"])).await.expect(200);
        assert_eq!(marked.header("content-type"), XLSX);
        let comments = part(&marked, "comments");
        assert_eq!(comments.matches("<comment ").count(), 300);
        for fault in [date, name, title] {
            let cell = format!("{}{}", fault["column"].as_str().expect("a column"), fault["row"]);
            assert!(comments.contains(&format!("ref=\"{cell}\"")), "{cell}");
        }
        assert_eq!(client.get("milestones?count=true").await.expect(200).body["total"], before);

        let mended = workbook(ROWS, good);
        let planned = send(&client, mended.clone()).await;
        assert_eq!((&planned["status"], &planned["counts"]["create"]), (&json!("planned"), &json!(ROWS)));
        let applied = apply(&client, &planned["id"]).await;
        assert_eq!(applied["status"], "applied", "{applied}");
        let total = client.get("milestones?count=true").await.expect(200).body["total"].as_u64();
        assert_eq!(total, Some(before + ROWS as u64));
        let last = client.get(&format!("milestones/row-{}", ROWS - 1)).await.expect(200).body;
        assert_eq!((&last["title"]["zh"], &last["due_on"]), (&json!("第9999项"), &json!("2031-04-04")));
        assert_eq!(
            client
                .get(&format!(
                    "milestones?q={}",
                    percent_encoding::utf8_percent_encode("第9999项", percent_encoding::NON_ALPHANUMERIC)
                ))
                .await
                .expect(200)
                .codes(),
            ["row-9999"]
        );

        let events = client.get("audit-events?count=true&limit=1").await.expect(200).body["total"].clone();
        let again = send(&client, mended).await;
        assert_eq!(again["counts"]["unchanged"], ROWS, "{again}");
        apply(&client, &again["id"]).await;
        assert_eq!(client.get("audit-events?count=true&limit=1").await.expect(200).body["total"], events);
    });
}

#[test]
fn a_filled_in_template_is_imported() {
    on_each(|database| async move {
        let client = database.client();
        let chinese = [("Accept-Language", "zh")];
        let empty = client.send(Method::GET, "imports/template.xlsx", &chinese, None).await.expect(200);
        assert_eq!(empty.header("content-type"), XLSX);
        assert!(part(&empty, "xl/workbook.xml").contains("name=\"里程碑\""));
        let planned = send(&client, empty.bytes).await;
        assert_eq!((&planned["status"], &planned["records"]), (&json!("planned"), &json!(0)), "{planned}");

        let path = "imports/template.xlsx?pairing=xinhui-taishan";
        for headers in [chinese, [("Accept-Language", "en")]] {
            let filled = client.send(Method::GET, path, &headers, None).await.expect(200);
            let planned = send(&client, filled.bytes).await;
            assert_eq!(planned["status"], "planned", "{planned}");
            let records = planned["records"].as_u64().expect("a number");
            assert!(records > 5, "{planned}");
            assert_eq!(planned["counts"]["unchanged"], records, "what was not changed is as it was: {planned}");
        }
        let unknown = client.get("imports/template.xlsx?pairing=nowhere").await;
        assert!(unknown.status.is_client_error(), "{}", unknown.body);
    });
}

#[test]
fn a_faulty_csv_file_is_returned_as_a_marked_workbook() {
    on_each(|database| async move {
        let client = database.client();
        let csv = "code,agreement,title.zh,due_on\r\nrow-1,xinhui-taishan-framework-2022,某项,尽快\r\n";
        let headers = [("Content-Type", "text/csv"), ("Prefer", "wait=30")];
        let query = "imports?resource=milestones";
        let sent = client.send_bytes(Method::POST, query, &headers, Some(csv.into())).await.expect(201).body;
        assert_eq!(sent["counts"]["errors"], 1, "{sent}");
        let marked = client.get(&format!("imports/{}/marked.xlsx", sent["id"])).await.expect(200);
        assert!(marked.bytes.starts_with(b"PK"));
        let gb18030 =
            encoding_rs::GB18030.encode("代码,协议,名称,到期日\n行-1,新会—台山,某项,2031年4月1日\n").0.into_owned();
        let sent = client.send_bytes(Method::POST, "imports", &headers, Some(gb18030)).await.expect(201).body;
        let faults = client.get(&format!("imports/{}/faults", sent["id"])).await.expect(200).body;
        let pointers: Vec<_> = faults["items"].as_array().expect("a list").iter().map(|f| &f["pointer"]).collect();
        assert_eq!(pointers, ["/code", "/agreement"], "{faults}");
    });
}
