//! Cells that people fill in are read as they are meant, or refused with the reason, in every format.

use actix_web::http::Method;
use encoding_rs::GB18030;
use serde_json::{Value, json};

use crate::common::client::Response;
use crate::common::records::{create, milestone, project, with};
use crate::common::{Client, on_each};

const HEADERS: &str = "代码,协议,名称,到期日,责任单位,备注";

async fn send(client: &Client, query: &str, media_type: &str, bytes: Vec<u8>) -> Response {
    let headers = [("Prefer", "wait=30"), ("Content-Type", media_type)];
    client.send_bytes(Method::POST, &format!("imports{query}"), &headers, Some(bytes)).await.expect(201)
}

async fn csv(client: &Client, query: &str, text: &str) -> Response {
    send(client, query, "text/csv", text.as_bytes().to_vec()).await
}

/// The faults of an import as `code cell`, with the English message.
async fn faults(client: &Client, sent: &Response) -> Vec<(String, String)> {
    let list = client.get(&format!("imports/{}/faults?limit=1000", sent.body["id"])).await.expect(200).body;
    let of = |fault: &Value| {
        let place = format!("{}{}", fault["column"].as_str().unwrap_or_default(), fault["row"]);
        (format!("{} {place}", fault["code"].as_str().unwrap_or_default()), fault["message"]["en"].to_string())
    };
    list["items"].as_array().expect("a list").iter().map(of).collect()
}

async fn places(client: &Client, sent: &Response) -> Vec<String> {
    faults(client, sent).await.into_iter().map(|(place, _)| place).collect()
}

async fn applied(client: &Client, sent: &Response) -> Value {
    let path = format!("imports/{}/apply", sent.body["id"]);
    client.send(Method::POST, &path, &[("Prefer", "wait=30")], None).await.expect(200).body
}

fn row(code: &str, agreement: &str, responsible: &str, note: &str) -> String {
    format!("{HEADERS}\n{code},{agreement},甲,2027-03-31,{responsible},{note}\n")
}

#[test]
fn a_file_cannot_refer_to_a_record_by_its_id() {
    on_each(|database| async move {
        let client = database.client();
        let agreement = client.get("agreements/xinhui-taishan-framework-2022").await.expect(200).body;
        let id = agreement["id"].to_string();
        for number in [id.clone(), format!("000{id}"), format!("０{id}")] {
            let sent = csv(&client, "", &row("by-number", &number, "", "")).await;
            assert_eq!(places(&client, &sent).await, ["reference_by_number B2"], "{number}");
        }
        let bundle =
            json!({ "milestones": [with(milestone("by-number"), json!({ "agreement": id, "responsible": ["1"] }))] });
        let sent = send(&client, "?file_name=a.json", "application/json", bundle.to_string().into_bytes()).await;
        let codes: Vec<String> = places(&client, &sent).await;
        assert!(codes.len() == 2 && codes.iter().all(|code| code.starts_with("reference_by_number")), "{codes:?}");
        // In a request the same number is an id.
        create(&client, "milestones", with(milestone("by-id"), json!({ "agreement": id }))).await;
    });
}

#[test]
fn exported_lists_name_records_without_a_code_so_that_they_can_be_imported() {
    on_each(|database| async move {
        let client = database.client();
        let first = create(&client, "milestones", with(milestone("x"), json!({ "code": null }))).await.body;
        let second = with(milestone("second"), json!({ "depends_on": [first["id"].to_string()] }));
        create(&client, "milestones", second).await;
        for suffix in ["csv", "xlsx", "ndjson"] {
            let file = client.get(&format!("milestones.{suffix}")).await.expect(200).bytes;
            let query = format!("?file_name=list.{suffix}&resource=milestones");
            let sent = send(&client, &query, "application/octet-stream", file).await;
            let counts = &sent.body["counts"];
            assert_eq!((&counts["update"], &counts["errors"]), (&json!(0), &json!(0)), "{suffix}: {}", sent.body);
            assert_ne!(counts["unchanged"], 0, "{suffix}");
        }
    });
}

#[test]
fn names_match_regardless_of_white_space() {
    on_each(|database| async move {
        let client = database.client();
        for (number, name) in
            ["江门市人民政府 ", "\u{3000}江门市人民政府", "江门市\u{200b}人民政府", "\u{feff}江门市人民政府\u{200e}"]
                .into_iter()
                .enumerate()
        {
            let sent =
                csv(&client, "", &row(&format!("ｂlank－{number}"), "xinhui-taishan-framework-2022", name, "")).await;
            assert_eq!(places(&client, &sent).await, Vec::<String>::new(), "{name:?}");
            assert_eq!(applied(&client, &sent).await["status"], "applied", "{name:?}");
            let read = client.get(&format!("milestones/blank-{number}")).await.expect(200).body;
            assert_eq!(read["responsible"][0]["code"], "jiangmen-government", "{name:?}");
        }
        // Names that differ only in the form of their characters are equal.
        let made = json!({ "code": "wide", "name": { "zh": "新会区（教育局）Ａ组" }, "kind": "government", "region": "xinhui" });
        create(&client, "organizations", made).await;
        let sent = csv(&client, "", &row("wide-1", "xinhui-taishan-framework-2022", "新会区(教育局)a组", "")).await;
        assert_eq!(places(&client, &sent).await, Vec::<String>::new());
        let sent =
            csv(&client, "", &row("wide-2", "xinhui-taishan-framework-2022", "不\u{200b}存在\u{a0}局\u{202e}", ""))
                .await;
        let found = faults(&client, &sent).await;
        assert_eq!(found[0].0, "unknown_reference E2");
    });
}

#[test]
fn requests_are_normalized_like_files() {
    on_each(|database| async move {
        let client = database.client();
        let changes = json!({
            "code": " ｗide－1 ", "agreement": "xinhui-taishan-framework-2022\u{3000}",
            "title": { "zh": " 编制\u{3000}\u{3000}线路图\n", "en": "Cafe\u{301}\u{200b}" }, "note": "一\r\n二\u{200b} ",
        });
        let made = create(&client, "milestones", with(milestone("x"), changes)).await.body;
        assert_eq!((&made["code"], &made["title"]), (&json!("wide-1"), &json!({ "zh": "编制 线路图", "en": "Café" })));
        assert_eq!(made["note"], "一\n二 ");
        let patched = client
            .patch("milestones/wide-1", json!({ "title": { "zh": "\u{feff}新 线路图\u{a0}" } }))
            .await
            .expect(200);
        assert_eq!(patched.body["title"]["zh"], "新 线路图");
        let blank = with(milestone("blank"), json!({ "title": { "zh": "\u{200b}\u{3000}" } }));
        assert_eq!(client.post("milestones", blank).await.expect(422).faults()[0].0, "/title/zh");
        for (query, code) in [("ＣＡＦÉ", "wide-1"), ("cafe\u{301}", "wide-1")] {
            let found = client
                .get(&format!(
                    "milestones?q={}",
                    percent_encoding::utf8_percent_encode(query, percent_encoding::NON_ALPHANUMERIC)
                ))
                .await;
            assert_eq!(found.expect(200).body["items"][0]["code"], code, "{query}");
        }
    });
}

#[test]
fn a_table_is_read_in_every_encoding_that_spreadsheets_save() {
    on_each(|database| async move {
        let client = database.client();
        let text = row("encoded", "xinhui-taishan-framework-2022", "江门市人民政府", "编制路线");
        let tabs = text.replace(',', "\t");
        let utf_16 = |bytes: fn(u16) -> [u8; 2]| tabs.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
        let with_mark = [vec![0xff, 0xfe], utf_16(u16::to_le_bytes)].concat();
        let files = [
            ("a.csv", "text/csv", text.clone().into_bytes()),
            ("a.csv", "text/csv", GB18030.encode(&text).0.into_owned()),
            ("a.txt", "text/plain", with_mark.clone()),
            ("a.txt", "application/octet-stream", with_mark),
            ("a.txt", "text/plain; charset=utf-16", utf_16(u16::to_le_bytes)),
            ("a.csv", "text/csv", utf_16(u16::to_be_bytes)),
            ("a.csv", "text/csv", format!("sep=;\r\n{}", text.replace(',', ";")).into_bytes()),
            ("a.csv", "text/csv", format!("sep=\t\n{tabs}").into_bytes()),
            ("a.csv", "text/csv", format!("里程碑台账,,,,,\n,,,,,\n{text}").into_bytes()),
        ];
        for (name, media_type, bytes) in files {
            let sent = send(&client, &format!("?file_name={name}"), media_type, bytes).await;
            assert_eq!(places(&client, &sent).await, Vec::<String>::new(), "{name} {media_type}");
            assert_eq!(sent.body["counts"]["create"], 1, "{name} {media_type}");
        }
    });
}

#[test]
fn damaged_characters_and_failed_formulas_are_faults_at_their_cells() {
    on_each(|database| async move {
        let client = database.client();
        let stored = with(milestone("kept"), json!({ "note": "原有备注", "due_on": "2027-03-31" }));
        create(&client, "milestones", stored).await;
        let mut bytes = row("kept", "xinhui-taishan-framework-2022", "", "备注文字").into_bytes();
        let cut = bytes.len() - 2;
        bytes.remove(cut);
        let sent = send(&client, "?file_name=a.csv", "text/csv", bytes).await;
        assert_eq!(places(&client, &sent).await, ["encoding F2"]);
        for error in ["#N/A", "#REF!", "#DIV/0!", "#VALUE!", "#NAME?", "Err:502", "######"] {
            let sent = csv(&client, "", &row("kept", "xinhui-taishan-framework-2022", "", error)).await;
            assert_eq!(places(&client, &sent).await, ["cell_error F2"], "{error}");
        }
        let sent = csv(&client, "", &row("#N/A", "xinhui-taishan-framework-2022", "", "")).await;
        assert_eq!(places(&client, &sent).await, ["cell_error A2"]);
        assert_eq!(client.get("milestones/kept").await.expect(200).body["note"], "原有备注");
    });
}

#[test]
fn unknown_columns_are_ignored_on_request() {
    on_each(|database| async move {
        let client = database.client();
        let text = format!("{HEADERS},督办人\nignored,xinhui-taishan-framework-2022,甲,2027-03-31,,,张三\n");
        let query = "?file_name=a.csv&resource=milestones";
        let sent = csv(&client, query, &text).await;
        assert_eq!((&sent.body["status"], &sent.body["ignore_unknown_columns"]), (&json!("refused"), &json!(false)));
        assert_eq!(places(&client, &sent).await, ["unknown_column G1"]);
        let sent = csv(&client, &format!("{query}&ignore_unknown_columns=true&prune=xinhui-taishan"), &text).await;
        assert_eq!((&sent.body["status"], &sent.body["ignore_unknown_columns"]), (&json!("planned"), &json!(true)));
        assert_eq!(sent.body["prune"][0]["code"], "xinhui-taishan");
        let again = client
            .send(Method::POST, &format!("imports/{}/plan", sent.body["id"]), &[("Prefer", "wait=30")], None)
            .await;
        assert_eq!((&again.expect(200).body["counts"]["warnings"], places(&client, &sent).await.len()), (&json!(1), 1));
    });
}

#[test]
fn messages_give_the_specific_reason_and_no_list_of_all_tables() {
    on_each(|database| async move {
        let client = database.client();
        let headers = "代码,类别,金额,日期,结对";
        for (amount, wanted) in [
            ("1200.005", "\"amount\" must have at most 2 decimals, not 1200.005"),
            ("-5", "\"amount\" must be positive, not -5"),
            ("3万美元", "\"amount\" must be a number; \\\"3万美元\\\" is not one"),
        ] {
            let text = format!("{headers}\npaid,拨付,{amount},2022-04-11,xinhui-taishan\n");
            let sent = csv(&client, "?file_name=a.csv&resource=transactions", &text).await;
            let found = faults(&client, &sent).await;
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].1.replace("\\\"", "\"").contains(&wanted.replace("\\\"", "\"")), "{}", found[0].1);
        }
        for (day, wanted) in [("2022.3", "an exact date"), ("3月底", "an exact date"), ("22/3/31", "four digits")] {
            let text = format!("{headers}\npaid,拨付,5,{day},xinhui-taishan\n");
            let sent = csv(&client, "?file_name=a.csv&resource=transactions", &text).await;
            let found = faults(&client, &sent).await;
            assert!(found.len() == 1 && found[0].1.contains(wanted), "{found:?}");
        }
        for text in ["甲,乙\n1,2\n", "代码\nm\n", "代码,名称\nm,x\n"] {
            let sent = csv(&client, "?file_name=a.csv", text).await;
            let found = faults(&client, &sent).await;
            assert!(found.iter().all(|(_, message)| message.len() < 300), "{found:?}");
        }
        let sent = csv(&client, "?file_name=a.csv&resource=milestones", "编码,任务,到期时间\nm,x,y\n").await;
        let found = faults(&client, &sent).await;
        let missing = found.iter().find(|(place, _)| place.starts_with("required")).expect("the missing columns");
        for wanted in ["code", "title.zh", "编码", "到期时间", "did you mean"] {
            assert!(missing.1.contains(wanted), "{wanted}: {}", missing.1);
        }
    });
}

#[test]
fn shares_of_a_third_sum_to_one_hundred_percent() {
    on_each(|database| async move {
        let client = database.client();
        let shares = |percents: [f64; 3]| {
            let sectors = ["education", "transport", "culture-tourism"];
            let share = |(sector, percent): (&str, f64)| json!({ "sector": sector, "percent": percent });
            json!({ "sectors": sectors.into_iter().zip(percents).map(share).collect::<Vec<_>>() })
        };
        let thirds = with(project("thirds"), shares([33.333, 33.333, 33.334]));
        let made = create(&client, "projects", thirds.clone()).await.body;
        let stored: Vec<f64> = (0..3).filter_map(|at| made["sectors"][at]["percent"].as_f64()).collect();
        assert_eq!(stored, [33.33, 33.33, 33.34]);
        let bundle = json!({ "projects": [thirds] }).to_string().into_bytes();
        let sent = send(&client, "?file_name=a.json", "application/json", bundle).await;
        assert_eq!(sent.body["counts"]["unchanged"], 1, "{}", sent.body);
        let short = with(project("short"), shares([33.333, 33.333, 33.333]));
        client.post("projects", short).await.expect(422);
    });
}
