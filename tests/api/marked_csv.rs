//! A CSV file with faults is returned as a workbook with marked cells, which is corrected and sent again.

use std::io::{Cursor, Read, Write};

use actix_web::http::Method;
use encoding_rs::GB18030;
use pairing_tracker::transfer::format::XLSX;
use serde_json::{Value, json};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use crate::common::{Client, on_each};

const AGREEMENT: &str = "xinhui-taishan-framework-2022";

async fn send(client: &Client, media_type: &str, query: &str, bytes: Vec<u8>) -> Value {
    let headers = [("Content-Type", media_type), ("Prefer", "wait=30")];
    client.send_bytes(Method::POST, &format!("imports{query}"), &headers, Some(bytes)).await.expect(201).body
}

async fn faults(client: &Client, import: &Value) -> Vec<(Value, Value, Value)> {
    let list = client.get(&format!("imports/{}/faults?limit=1000", import["id"])).await.expect(200).body;
    let items = list["items"].as_array().expect("faults");
    items.iter().map(|fault| (fault["row"].clone(), fault["column"].clone(), fault["code"].clone())).collect()
}

async fn marked(client: &Client, import: &Value, language: &str) -> Vec<u8> {
    let path = format!("imports/{}/marked.xlsx", import["id"]);
    client.send(Method::GET, &path, &[("Accept-Language", language)], None).await.expect(200).bytes
}

/// The parts of a workbook, by name.
fn parts(workbook: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = ZipArchive::new(Cursor::new(workbook)).expect("a workbook");
    (0..archive.len())
        .map(|index| {
            let mut entry = archive.by_index(index).expect("a part");
            let name = String::from_utf8(entry.name_raw().to_vec()).expect("a name");
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).expect("its bytes");
            (name, bytes)
        })
        .collect()
}

/// The workbook with some texts of its sheets replaced.
fn corrected(workbook: &[u8], corrections: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in parts(workbook) {
        zip.start_file(&name, SimpleFileOptions::default()).expect("a part");
        let bytes = match String::from_utf8(bytes) {
            Ok(text) if name.starts_with("xl/worksheets/") => {
                corrections.iter().fold(text, |text, (from, to)| text.replace(from, to)).into_bytes()
            }
            Ok(text) => text.into_bytes(),
            Err(error) => error.into_bytes(),
        };
        zip.write_all(&bytes).expect("its bytes");
    }
    zip.finish().expect("a workbook").into_inner()
}

/// The names of the sheets, in their order.
fn sheets(workbook: &[u8]) -> Vec<String> {
    let all = parts(workbook);
    let (_, bytes) = all.iter().find(|(name, _)| name == "xl/workbook.xml").expect("a workbook");
    let text = String::from_utf8_lossy(bytes);
    let names = text.split("<sheet ").skip(1).filter_map(|rest| rest.split("name=\"").nth(1)?.split('"').next());
    names.map(str::to_owned).collect()
}

/// A CSV file with two faults: a date in words, and an unknown agreement.
fn rows(separator: &str) -> String {
    let rows = [
        ["代码", "协议", "名称", "到期日", "备注"],
        ["csv-good", AGREEMENT, "第一项", "2031-01-05", "=1+1"],
        ["", "", "", "", ""],
        ["csv-date", AGREEMENT, "第二项", "尽快", "一行\n又一行"],
        ["csv-name", "xinhui-taishan-framework-2021", "第三项", "2031-03-05", "007"],
    ];
    let quoted = |cell: &&str| match *cell {
        formula if formula.starts_with('=') => format!("'{formula}"),
        lines if lines.contains('\n') => format!("\"{lines}\""),
        plain => plain.to_owned(),
    };
    let lines = rows.iter().map(|row| row.iter().map(quoted).collect::<Vec<_>>().join(separator));
    lines.collect::<Vec<_>>().join("\r\n")
}

#[test]
fn a_csv_file_is_marked_corrected_and_sent_again() {
    on_each(|database| async move {
        let client = database.client();
        let files = [
            ("utf-8, commas, named by the request", rows(",").into_bytes(), "?file_name=a.csv&resource=milestones"),
            ("GB18030, semicolons", GB18030.encode(&rows(";")).0.into_owned(), "?file_name=a.csv"),
            ("tabs, a byte order mark", format!("\u{feff}{}", rows("\t")).into_bytes(), "?file_name=a.tsv"),
        ];
        let mut last = Value::Null;
        for (what, bytes, query) in files {
            let refused = send(&client, "text/csv", query, bytes).await;
            assert_eq!(refused["status"], "refused", "{what}: {refused}");
            let found = faults(&client, &refused).await;
            // Rows count as in a spreadsheet: the blank row counts, and a note of two lines is one row.
            let wanted = [(json!(4), json!("D")), (json!(5), json!("B"))];
            let places: Vec<_> = found.iter().map(|(row, column, _)| (row.clone(), column.clone())).collect();
            assert_eq!(places, wanted, "{what}: {found:?}");
            for (language, own, list) in [("zh", "里程碑", "问题"), ("en", "milestones", "Faults")] {
                let workbook = marked(&client, &refused, language).await;
                assert_eq!(sheets(&workbook), [list, own], "{what}: the faults come first");
                let comments: Vec<_> =
                    parts(&workbook).into_iter().filter(|(name, _)| name.contains("comments")).collect();
                let [(_, comments)] = comments.as_slice() else { panic!("{what}: one sheet has comments") };
                assert_eq!(String::from_utf8_lossy(comments).matches("<comment ").count(), 2, "{what}");

                // Sent unchanged, it has the same faults at the same cells.
                let again = send(&client, XLSX, "", workbook.clone()).await;
                assert_eq!(faults(&client, &again).await, found, "{what} in {language}");
                // Corrected, it gives the same plan as the file would have.
                let workbook = corrected(&workbook, &[("尽快", "2031-02-05"), ("framework-2021", "framework-2022")]);
                let planned = send(&client, XLSX, "", workbook).await;
                assert_eq!(
                    (&planned["status"], &planned["counts"]["create"]),
                    (&json!("planned"), &json!(3)),
                    "{what}: {planned}"
                );
                last = planned["id"].clone();
            }
        }
        let path = format!("imports/{last}/apply");
        client.send(Method::POST, &path, &[("Prefer", "wait=30")], None).await.expect(200);
        for (code, note) in [("csv-good", "=1+1"), ("csv-date", "一行\n又一行"), ("csv-name", "007")] {
            assert_eq!(client.get(&format!("milestones/{code}")).await.expect(200).body["note"], note);
        }
    });
}

#[test]
fn csv_files_without_faults_or_without_known_columns_are_returned_as_workbooks() {
    on_each(|database| async move {
        let client = database.client();
        let good = format!("code,agreement,title.zh,due_on\r\nfine,{AGREEMENT},好,2031-01-05\r\n");
        let planned = send(&client, "text/csv", "?file_name=good.csv", good.into_bytes()).await;
        assert_eq!(planned["status"], "planned", "{planned}");
        assert_eq!(sheets(&marked(&client, &planned, "en").await), ["Faults", "milestones"]);

        let strange =
            send(&client, "text/csv", "?file_name=what%5Bis%5D.csv", b"colour,taste\r\nred,sweet\r\n".to_vec()).await;
        let workbook = marked(&client, &strange, "en").await;
        assert_eq!(sheets(&workbook), ["Faults", "whatis"]);
        let has_rows = parts(&workbook).into_iter().any(|(_, bytes)| String::from_utf8_lossy(&bytes).contains("sweet"));
        assert!(has_rows, "the rows are there");
    });
}
