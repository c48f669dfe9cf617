//! Workbooks made by people and by programs are read as they are displayed. The files and their sources: `tests/sheets`.

use serde_json::{Value, json};

use crate::common::files::{Told, import_files, source_of};
use crate::common::records::{create, milestone, with};
use crate::common::{Database, on_each};

const PROGRAMS: [&str; 5] = ["openpyxl", "xlsxwriter", "exceljs", "hand", "libreoffice"];

fn bytes(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/sheets/{name}.xlsx", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Imports a workbook, and returns its faults as `code cell`.
fn import_workbook(
    database: &Database,
    name: &str,
    resource: Option<&str>,
    ignore: bool,
    apply: bool,
) -> (Told, Vec<String>) {
    let report = import_files(database, &mut [source_of("book.xlsx", &bytes(name))], resource, ignore, apply);
    let place = |fault: &pairing_tracker::transfer::fault::ImportFault| {
        let (column, row) = (fault.column.clone().unwrap_or_default(), fault.row.unwrap_or_default());
        format!("{} {column}{row}", fault.code)
    };
    let faults = report.faults.iter().map(place).collect();
    (report, faults)
}

async fn record(client: &crate::common::Client, path: &str) -> Value {
    client.get(path).await.expect(200).body
}

#[test]
fn a_range_merged_over_rows_gives_each_row_its_value() {
    for program in PROGRAMS {
        on_each(|database| async move {
            let (_, faults) = import_workbook(&database, &format!("merged-{program}"), None, false, true);
            assert_eq!(faults, Vec::<String>::new(), "{program}");
            let client = database.client();
            for number in 1..=3 {
                let read = record(&client, &format!("milestones/merged-{number}")).await;
                assert_eq!(read["note"], "三行合一", "{program} {number}");
                assert_eq!(read["agreement"]["code"], "xinhui-taishan-framework-2022", "{program} {number}");
            }
        });
    }
}

#[test]
fn a_range_merged_over_columns_is_a_fault() {
    for program in PROGRAMS {
        on_each(|database| async move {
            let (_, faults) = import_workbook(&database, &format!("across-{program}"), None, false, true);
            assert_eq!(faults, ["merged_columns D2"], "{program}");
        });
    }
}

#[test]
fn a_formula_without_a_result_is_a_fault_and_clears_nothing() {
    // LibreOffice is left out: it computes formulas when it saves.
    for program in ["openpyxl", "xlsxwriter", "exceljs", "hand", "sheetjs"] {
        on_each(|database| async move {
            let client = database.client();
            create(
                &client,
                "milestones",
                with(milestone("formula-1"), json!({ "note": "原有备注", "due_on": "2027-03-31" })),
            )
            .await;
            let (_, faults) = import_workbook(&database, &format!("formula-{program}"), None, false, true);
            assert_eq!(faults, ["no_result E2"], "{program}");
            assert_eq!(record(&client, "milestones/formula-1").await["note"], "原有备注", "{program}");
        });
    }
}

#[test]
fn numbers_and_dates_are_read_as_displayed() {
    for program in PROGRAMS {
        on_each(|database| async move {
            let (report, faults) = import_workbook(&database, &format!("formats-{program}"), None, false, true);
            assert_eq!(faults, Vec::<String>::new(), "{program}: {:?}", report.faults);
            let client = database.client();
            let notes = ["008", "8:30", "440705199001", "36:30", "1,234,567.00 元"];
            for (number, note) in (1..).zip(notes) {
                let read = record(&client, &format!("milestones/formats-{number}")).await;
                let seen = (&read["due_on"], &read["progress"], &read["note"]);
                assert_eq!(seen, (&json!("2023-08-03"), &json!(35), &json!(note)), "{program} {number}");
            }
        });
    }
}

#[test]
fn values_converted_by_a_spreadsheet_are_faults_where_they_are_implausible() {
    for program in PROGRAMS {
        on_each(|database| async move {
            let (_, faults) = import_workbook(&database, &format!("misread-{program}"), None, false, false);
            let wanted = [
                "date_for_text A2",
                "date_for_text C3",
                "imprecise_date D4",
                "date_for_number E5",
                "not_as_shown F6",
                "not_as_shown F7",
            ];
            assert_eq!(faults, wanted, "{program}");
        });
    }
}

#[test]
fn milestones_of_a_clerks_workbook_are_read() {
    for program in PROGRAMS {
        on_each(|database| async move {
            let name = format!("clerk-milestones-{program}");
            let (_, faults) = import_workbook(&database, &name, None, false, false);
            let remarks = ["unknown_column D3", "remark_row 7", "remark_row 8", "remark_row 9"];
            assert_eq!(faults, remarks, "{program}");
            let (report, _) = import_workbook(&database, &name, None, true, true);
            assert_eq!(report.lines.len(), 3, "{program}");
            let client = database.client();
            for (code, title, due_on, progress, note) in [
                ("clerk-road", "修建对接公路", "2026-03-31", 35, json!("按月调度")),
                ("clerk-park", "选定园区用地", "2026-06-30", 20, json!("按月调度")),
                ("clerk-school", "选派 教师", "2026-09-01", 0, json!("已报\u{3000}教育局")),
            ] {
                let read = record(&client, &format!("milestones/{code}")).await;
                let seen = (&read["title"]["zh"], &read["due_on"], &read["progress"], &read["note"]);
                assert_eq!(seen, (&json!(title), &json!(due_on), &json!(progress), &note), "{program} {code}");
                assert_eq!(read["responsible"][0]["code"], "jiangmen-government", "{program} {code}");
            }
            let (report, _) = import_workbook(&database, &name, None, true, true);
            assert!(
                report.lines.iter().all(|line| line.outcome.as_str() == "unchanged"),
                "{program}: {:?}",
                report.lines
            );
        });
    }
}

#[test]
fn amounts_of_a_clerks_workbook_are_in_the_unit_of_the_header() {
    for program in PROGRAMS {
        on_each(|database| async move {
            let name = format!("clerk-projects-{program}");
            let (report, faults) = import_workbook(&database, &name, Some("projects"), false, true);
            assert_eq!(faults, ["remark_row 7"], "{program}: {:?}", report.faults);
            let client = database.client();
            for (code, investment, start) in [
                ("clerk-plant", "12345000.00", "2026-03-01"),
                ("clerk-bridge", "12000000.00", "2026-05-01"),
                ("clerk-clinic", "1234.56", "2026-07-01"),
            ] {
                let read = record(&client, &format!("projects/{code}")).await;
                let seen = (&read["investment"], &read["planned_start_on"], &read["pairing"]["code"]);
                assert_eq!(seen, (&json!(investment), &json!(start), &json!("xinhui-taishan")), "{program} {code}");
            }
        });
    }
}

#[test]
fn transactions_of_a_clerks_workbook_are_read_after_correction() {
    for program in PROGRAMS {
        on_each(|database| async move {
            let name = format!("clerk-transactions-{program}");
            let (_, faults) = import_workbook(&database, &name, Some("transactions"), false, true);
            assert_eq!(faults, ["unit C3", "remark_row 5", "format D4"], "{program}");
            let name = format!("clerk-transactions-mended-{program}");
            let (report, faults) = import_workbook(&database, &name, Some("transactions"), false, true);
            assert_eq!(faults, ["remark_row 5"], "{program}: {:?}", report.faults);
            let client = database.client();
            for (code, amount, day) in [
                ("clerk-paid-1", "35000.00", "2022-04-11"),
                ("clerk-paid-2", "12005000.00", "2022-05-06"),
                ("clerk-paid-3", "20000.00", "2022-06-01"),
            ] {
                let read = record(&client, &format!("transactions/{code}")).await;
                let seen = (&read["amount"], &read["value_on"], &read["provider"]["code"]);
                assert_eq!(seen, (&json!(amount), &json!(day), &json!("jiangmen-government")), "{program} {code}");
            }
        });
    }
}
