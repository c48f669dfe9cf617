use rust_xlsxwriter::{ExcelDateTime, Format as CellFormat, Formula, Workbook};
use serde_json::json;

use super::*;
use crate::model::text::Language;
use crate::transfer::columns::all_tables;
use crate::transfer::workbook::Book;

fn saved(mut workbook: Workbook) -> Vec<u8> {
    workbook.save_to_buffer().unwrap()
}

/// A workbook of one sheet of texts.
fn sheet(name: &str, rows: &[&[&str]]) -> Vec<u8> {
    let mut workbook = Workbook::new();
    let worksheet = workbook.add_worksheet().set_name(name).unwrap();
    for (row, cells) in (0..).zip(rows) {
        for (at, text) in (0..).zip(*cells) {
            worksheet.write_string(row, at, *text).unwrap();
        }
    }
    saved(workbook)
}

#[test]
fn a_written_workbook_reads_back_in_both_languages() {
    let pairing = json!({
        "code": "a-b", "programme": "p", "name": { "zh": "=1+1", "en": "'quoted" },
        "members": [
            { "region": "enping", "role": "recipient", "is_lead": true, "from_on": "2022-04-11", "to_on": null },
            { "region": "xinhui", "role": "supporter", "is_lead": false, "from_on": null, "to_on": null },
        ],
        "sectors": ["x", "y"], "established_on": "1899-12-31", "ended_on": null, "supersedes": null,
        "note": "多行\n文字 _x000D_ \u{1F600} <&> \t", "citations": [],
    });
    let milestone = json!({
        "code": "m", "agreement": "a", "project": null, "title": { "zh": "节点", "en": null }, "kind": null,
        "due_on": "2022-06-30", "forecast_on": null, "met_on": null, "status": "scheduled", "progress": 35,
        "weight": 0.5, "responsible": [], "depends_on": ["n"], "note": null, "reason": null, "citations": [],
    });
    let tables = all_tables(&CONTRACT).unwrap();
    for language in [Language::Zh, Language::En] {
        let mut book = Book::new(language);
        for table in &tables {
            let id = book.table(table, true).unwrap();
            let record = match table.path {
                "pairings" => &pairing,
                "milestones" => &milestone,
                _ => continue,
            };
            book.record(id, record).unwrap();
        }
        let mut bytes = Cursor::new(Vec::new());
        book.save(&mut bytes).unwrap();
        let collected = collect(bytes.get_ref(), Format::Xlsx, None);
        assert_eq!(collected.places(), Vec::<String>::new());
        let find = |path: &str| collected.rows.iter().find(|row| row.path == path).unwrap();
        for (path, meant) in [("pairings", &pairing), ("milestones", &milestone)] {
            for (name, value) in meant.as_object().unwrap() {
                let read = &find(path).document[name];
                assert!(read == value || (value.is_null() && read.is_null()), "{name}: {read} for {value}");
            }
        }
        let row = find("pairings");
        let spot = row.spot(&collected.layouts, "/members/1/region");
        let name = if language == Language::Zh { "结对·成员" } else { "pairings.members" };
        assert_eq!((spot.sheet.as_deref(), spot.row, spot.column.as_deref()), (Some(name), 3, Some("B")));
        assert_eq!(row.spot(&collected.layouts, "/name").column.as_deref(), Some("C"));
    }
}

#[test]
fn cells_are_read_as_they_are_shown() {
    let mut workbook = Workbook::new();
    let worksheet = workbook.add_worksheet().set_name("里程碑").unwrap();
    let headers = ["代码 *", "名称", "到期日", "进度（%）", "权重", "备注", "状态"];
    for (at, header) in (0..).zip(headers) {
        worksheet.write_string(0, at, header).unwrap();
    }
    let day = CellFormat::new().set_num_format("yyyy\"年\"m\"月\"d\"日\"");
    let percent = CellFormat::new().set_num_format("0%");
    worksheet.write_string(2, 0, "m-1").unwrap();
    worksheet.write_number(2, 1, 440_705.0).unwrap();
    let date = ExcelDateTime::from_ymd(2022, 4, 11).unwrap();
    worksheet.write_datetime_with_format(2, 2, &date, &day).unwrap();
    worksheet.write_number_with_format(2, 3, 1.0, &percent).unwrap();
    worksheet.write_formula(2, 4, Formula::new("=1/2").set_result("0.5")).unwrap();
    worksheet.write_boolean(2, 5, true).unwrap();
    worksheet.write_string(2, 6, "进行中").unwrap();
    worksheet.write_string(3, 9, "旁注").unwrap();
    worksheet.write_string(4, 1, "没有代码").unwrap();
    worksheet.write_string(5, 0, "m-2").unwrap();
    worksheet.write_formula(5, 2, Formula::new("=NA()").set_result("#N/A")).unwrap();
    let collected = collect(&saved(workbook), Format::Xlsx, None);
    assert_eq!(collected.places(), ["no_header 里程碑!J4", "required 里程碑!A5", "cell_error 里程碑!C6"]);
    let first = &collected.rows[0];
    assert_eq!((first.place.row, first.code.as_str()), (3, "m-1"));
    let words = &first.document;
    assert_eq!((&words["title"], &words["due_on"]), (&json!({ "zh": "440705" }), &json!("2022-04-11")));
    assert_eq!((&words["progress"], &words["weight"], &words["note"]), (&json!(100), &json!(0.5), &json!("TRUE")));
    assert_eq!(collected.rows[1].document["due_on"], json!(null), "a cell that failed is left out");
    assert!(words.get("agreement").is_none(), "a column that is not there leaves the field");
}

#[test]
fn unknown_headers_and_sheets_are_reported_with_a_suggestion() {
    let collect_of = |name, rows: &[&[&str]], resource| collect(&sheet(name, rows), Format::Xlsx, resource);
    let found = collect_of("里程碑", &[&["代码", "到期时", "CODE", "due_on"], &["m", "x", "y", "2022-06-30"]], None);
    assert_eq!(found.places(), ["unknown_column 里程碑!B1", "repeated 里程碑!C1"]);
    assert_eq!(found.faults[0].suggestion.as_deref(), Some("到期日"));
    assert_eq!(found.documents(), [&json!({ "code": "m", "due_on": "2022-06-30" })]);

    let found = collect_of("里程", &[&["代码"]], None);
    assert_eq!(found.places(), ["which_table 里程!1"]);

    let found = collect_of("Sheet1", &[&["代码"], &["m"]], Some("milestones"));
    assert_eq!((found.places().len(), found.rows.len()), (0, 1));
    let found = collect_of("里程碑", &[&["代码"], &["m"]], Some("projects"));
    assert_eq!(
        (found.places().len(), found.rows[0].path.as_str()),
        (0, "projects"),
        "the named resource has precedence"
    );
    assert_eq!(collect_of("里程碑", &[&["名称"], &["m"]], None).places(), ["required 里程碑!1"]);
}

#[test]
fn items_need_their_record_in_the_main_sheet() {
    let bytes = sheet("pairings.members", &[&["code", "region"], &["a-b", "enping"], &["a-b", "xinhui"], &["c", "x"]]);
    assert_eq!(
        collect(&bytes, Format::Xlsx, None).places(),
        ["unknown_record pairings.members!A2", "unknown_record pairings.members!A4"]
    );
    let csv = collect(b"code,region\na-b,enping\nc,x\na-b,xinhui\n", Format::Csv, Some("pairings.members"));
    assert_eq!(
        csv.documents(),
        [
            &json!({ "code": "a-b", "members": [{ "region": "enping" }, { "region": "xinhui" }] }),
            &json!({ "code": "c", "members": [{ "region": "x" }] }),
        ]
    );
}
