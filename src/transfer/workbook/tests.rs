use std::io::{Cursor, Read, Write};

use calamine::{DataType, Reader, Xlsx};
use quick_xml::NsReader;
use quick_xml::events::Event;
use quick_xml::name::ResolveResult;
use rust_xlsxwriter::Workbook;
use serde_json::{Value, json};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::*;
use crate::error::Result;
use crate::model::text::Language;
use crate::transfer::columns::{Shape, Table, all_tables};
use crate::transfer::fault::{ImportFault, Severity};
use crate::transfer::format::Format;
use crate::transfer::guide;
use crate::transfer::read::tests::{CONTRACT, collect};

fn tables() -> Vec<Table> {
    all_tables(&CONTRACT).unwrap()
}

fn filled(path: &str, put: &mut dyn FnMut(&Value) -> Result<()>) -> Result<()> {
    let record = json!({ "code": "m-1", "title": { "zh": "节点", "en": null }, "due_on": "2022-06-30" });
    if path == "milestones" { put(&record) } else { Ok(()) }
}

fn a_template(language: Language) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let named = |code: &str| Named { code: code.to_owned(), name: "恩平市".to_owned() };
    template(&tables(), language, |_| Ok(vec![named("enping"), named("xinhui")]), filled, &mut bytes).unwrap();
    bytes.into_inner()
}

fn fault(sheet: &str, row: i64, column: Option<&str>, severity: Severity) -> ImportFault {
    ImportFault {
        severity,
        sheet: Some(sheet.to_owned()),
        row: Some(row),
        column: column.map(str::to_owned),
        suggestion: Some("enping".to_owned()),
        ..ImportFault::of_file("x", &crate::msg!("没有<恩平县>", "no <Enping>"))
    }
}

fn mark(original: &[u8], faults: Vec<ImportFault>) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    marked(&mut Cursor::new(original), faults.into_iter(), Language::Zh, &mut out).unwrap();
    out.into_inner()
}

fn part(bytes: &[u8], name: &str) -> String {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut text = String::new();
    archive.by_name(name).unwrap_or_else(|_| panic!("no {name}")).read_to_string(&mut text).unwrap();
    text
}

/// The names of the parts that contain a text.
fn parts(bytes: &[u8], letters: &str) -> Vec<String> {
    let archive = ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut names: Vec<String> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
    names.retain(|name| name.contains(letters));
    names.sort();
    names
}

#[test]
fn a_filled_template_is_read_back() {
    for (language, sheet) in [(Language::Zh, "里程碑"), (Language::En, "milestones")] {
        let bytes = a_template(language);
        let read = collect(&bytes, Format::Xlsx, None);
        assert_eq!(read.places(), Vec::<String>::new());
        assert_eq!(read.rows.len(), 1);
        assert_eq!(read.documents()[0]["due_on"], "2022-06-30");
        let mut book = Xlsx::new(Cursor::new(&bytes)).unwrap();
        let names = book.sheet_names();
        assert_eq!(names.len(), tables().len() + 2);
        assert_eq!(names.first().map(String::as_str), Some(guide::name(guide::READ_ME, language)));
        let range = book.worksheet_range(sheet).unwrap();
        let code = range.get((0, 0)).and_then(|cell| cell.as_string()).unwrap();
        assert!(code.ends_with(" *"), "{code}");
        for sheet in parts(&bytes, "xl/worksheets/sheet") {
            let xml = part(&bytes, &sheet);
            let rows: Vec<u32> =
                xml.split("<row r=\"").skip(1).map(|row| row[..row.find('"').unwrap()].parse().unwrap()).collect();
            assert!(rows.is_sorted_by(|a, b| a < b), "{sheet}: {rows:?}");
        }
        let number = names.iter().position(|name| name == sheet).unwrap() + 1;
        let xml = part(&bytes, &format!("xl/worksheets/sheet{number}.xml"));
        for piece in
            ["state=\"frozen\"", "<autoFilter", "type=\"list\"", "type=\"date\"", "type=\"whole\"", "legacyDrawing"]
        {
            assert!(xml.contains(piece), "{piece}");
        }
    }
}

#[test]
fn marks_leave_the_rest_of_the_workbook_unchanged() {
    let original = a_template(Language::Zh);
    let faults = vec![
        fault("里程碑", 2, Some("G"), Severity::Error),
        fault("里程碑", 2, Some("G"), Severity::Warning),
        fault("里程碑", 2, None, Severity::Warning),
        fault("里程碑", 1, Some("A"), Severity::Error),
        fault("里程碑", 40, Some("F"), Severity::Error),
        fault("结对", 9, Some("B"), Severity::Error),
        fault("没有这张表", 1, Some("A"), Severity::Error),
        ImportFault::of_file("x", &crate::msg!("整个文件", "all of it")),
    ];
    let once = mark(&original, faults.clone());
    let twice = mark(&once, faults.clone());
    for bytes in [&once, &twice] {
        let read = collect(bytes, Format::Xlsx, None);
        assert_eq!(read.documents(), collect(&original, Format::Xlsx, None).documents());
        let mut book = Xlsx::new(Cursor::new(bytes)).unwrap();
        let names = book.sheet_names();
        assert_eq!(names[0], "问题");
        let place = |name: &str| names.iter().position(|one| one == name).unwrap();
        let number = place("里程碑");
        let list = book.worksheet_range("问题").unwrap();
        assert_eq!(list.height(), faults.len() + 1);
        let places: Vec<String> =
            (1..9).map(|row| list.get((row, 2)).and_then(|cell| cell.as_string()).unwrap_or_default()).collect();
        let wanted: &[&str] = if place("结对") < number {
            &["", "B9", "A1", "2", "G2", "G2", "F40", "A1"]
        } else {
            &["", "A1", "2", "G2", "G2", "F40", "B9", "A1"]
        };
        assert_eq!(places, wanted);
        well_formed(bytes);
        let workbook = part(bytes, "xl/workbook.xml");
        assert!(workbook.contains("activeTab=\"0\"") && workbook.contains("<sheets><sheet "), "{workbook}");
        // The defined names of the filters refer to the moved sheets.
        let filter = format!("localSheetId=\"{number}\"");
        let name = workbook.split("<definedName ").find(|name| name.contains(&filter)).unwrap();
        assert!(name.contains("里程碑"), "{name}");
        let open =
            parts(bytes, "xl/worksheets/sheet").into_iter().filter(|one| part(bytes, one).contains("tabSelected"));
        assert_eq!(open.collect::<Vec<_>>(), ["xl/worksheets/sheetFaults.xml"]);
        let faults = part(bytes, "xl/worksheets/sheetFaults.xml");
        assert!(faults.contains("location=\"&apos;里程碑&apos;!F40\""), "{faults}");
        assert_eq!(faults.matches("<hyperlink ").count(), 6, "no link to a missing sheet");
        let sheet = part(bytes, &format!("xl/worksheets/sheet{number}.xml"));
        let before = part(&original, &format!("xl/worksheets/sheet{number}.xml"));
        let rules = |xml: &str| xml[xml.find("<dataValidations").unwrap()..].to_owned();
        assert_eq!(rules(&sheet), rules(&before));
        assert!(sheet.contains("<row r=\"40\"><c r=\"F40\" s=\""));
        let comments: String = parts(bytes, "omments").iter().map(|name| part(bytes, name)).collect();
        assert_eq!(comments.matches("没有&lt;恩平县&gt;").count(), 6, "each once, in the order in which they came");
        assert!(comments.contains("必填") && comments.contains("是否应为：enping"));
    }
    let styles = part(&once, "xl/styles.xml");
    assert!(styles.contains("FFFFC7CE") && styles.contains("FFFFEB9C"));
    let sheets = |bytes: &[u8]| Xlsx::new(Cursor::new(bytes.to_vec())).unwrap().sheet_names().len();
    assert_eq!((sheets(&original) + 1, sheets(&once)), (sheets(&once), sheets(&twice)));
}

#[test]
fn a_workbook_without_comments_or_cells_gets_them() {
    let mut workbook = Workbook::new();
    workbook.add_worksheet().set_name("里程碑").unwrap();
    let bytes = mark(&workbook.save_to_buffer().unwrap(), vec![fault("里程碑", 3, Some("C"), Severity::Error)]);
    let sheet = part(&bytes, "xl/worksheets/sheet1.xml");
    assert!(sheet.contains("<row r=\"3\"><c r=\"C3\" s=\"1\"/></row>"), "{sheet}");
    assert!(sheet.contains("<legacyDrawing"), "{sheet}");
    assert!(part(&bytes, "[Content_Types].xml").contains("Extension=\"vml\""));
    assert!(part(&bytes, "xl/worksheets/_rels/sheet1.xml.rels").contains("commentsFaults0.xml"));
}

/// Asserts that every part is well-formed and declares its namespace prefixes.
fn well_formed(bytes: &[u8]) {
    for name in parts(bytes, "") {
        let xml = part(bytes, &name);
        let mut reader = NsReader::from_str(&xml);
        loop {
            let event = reader.read_event().unwrap_or_else(|error| panic!("{name}: {error}"));
            let (Event::Start(element) | Event::Empty(element)) = &event else {
                if matches!(event, Event::Eof) {
                    break;
                }
                continue;
            };
            let resolver = reader.resolver();
            let (found, _) = resolver.resolve_element(element.name());
            assert!(!matches!(found, ResolveResult::Unknown(_)), "{name}: {:?}", element.name());
            for attribute in element.attributes() {
                let key = attribute.unwrap_or_else(|error| panic!("{name}: {error}")).key;
                let (found, _) = resolver.resolve_attribute(key);
                assert!(!matches!(found, ResolveResult::Unknown(_)), "{name}: {key:?}");
            }
        }
    }
}

/// The workbook with other namespace prefixes in its drawings, as some programs write them.
fn with_other_prefixes(bytes: &[u8]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for name in parts(bytes, "") {
        let mut xml = part(bytes, &name);
        if name.ends_with(".vml") {
            for (old, new) in [("v:", "ns0:"), ("o:", "ns1:"), ("x:", "ns2:")] {
                for before in ["<", "</", " ", "\n"] {
                    xml = xml.replace(&format!("{before}{old}"), &format!("{before}{new}"));
                }
                xml = xml.replace(&format!("xmlns:{}=", &old[..1]), &format!("xmlns:{}=", &new[..3]));
            }
        }
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(xml.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn drawings_with_other_prefixes_stay_well_formed() {
    let original = with_other_prefixes(&a_template(Language::Zh));
    well_formed(&original);
    let bytes = mark(&original, vec![fault("里程碑", 2, Some("C"), Severity::Error)]);
    well_formed(&bytes);
    let mixed = parts(&bytes, ".vml").into_iter().map(|name| part(&bytes, &name));
    assert_eq!(mixed.filter(|xml| xml.contains("<ns0:shape ") && xml.contains("<v:shape ")).count(), 1);
}

#[test]
fn a_comment_has_its_suggestion_once() {
    let collected = ImportFault {
        message: crate::transfer::fault::bilingual(&crate::msg!("没有。是否指“enping”？", "none")),
        ..fault("里程碑", 2, Some("C"), Severity::Error)
    };
    let bytes = mark(&a_template(Language::Zh), vec![collected]);
    let comments: String = parts(&bytes, "omments").iter().map(|name| part(&bytes, name)).collect();
    assert!(comments.contains("是否指“enping”？") && !comments.contains("是否应为"));
}

#[test]
fn comments_do_not_have_the_description_of_every_text() {
    let tables = tables();
    let table = tables.iter().find(|table| table.en == "milestones").unwrap();
    let of = |name: &str| table.columns.iter().find(|column| column.en == name).unwrap();
    let note = |name: &str, language| rules::note(table, of(name), language).unwrap();
    assert_eq!(note("title.zh", Language::Zh), "新建时必填；修改时留空，保持原值。");
    assert_eq!(note("title.en", Language::Zh), "留空：清空原值。");
}

#[test]
fn comments_explain_what_a_column_takes_and_what_an_empty_cell_does() {
    let tables = tables();
    let note = |table: &str, column: &str, language| {
        let table = tables.iter().find(|one| one.en == table).unwrap();
        let column = table.columns.iter().find(|one| one.en == column).unwrap();
        rules::note(table, column, language).unwrap()
    };
    for (table, column, zh, en) in [
        ("milestones", "code", "小写字母、数字和连字符", "Lower-case letters, digits and hyphens"),
        ("milestones", "code", "必填。", "Required."),
        ("milestones", "due_on", "YYYY-MM-DD", "YYYY-MM-DD"),
        ("milestones", "due_on", "日期格式的单元格", "a cell with a date format"),
        ("milestones", "due_on", "新建时必填；修改时留空，保持原值。", "empty leaves an existing one unchanged"),
        (
            "milestones",
            "agreement",
            "引用协议：从下拉列表选，或填代码或名称，不能填编号。",
            "the code or the name of a record (agreement)",
        ),
        ("milestones", "agreement", "与“项目”二选一", "project"),
        ("milestones", "met_on", "状态为“已完成”或“部分完成”时必填", "`met`"),
        ("milestones", "met_on", "留空：清空原值。", "Empty clears the field."),
        ("milestones", "progress", "0 至 100。", "From 0 to 100."),
        ("milestones", "progress", "修改时保持原值", "leaves an existing one unchanged"),
        ("milestones", "depends_on", "用分号隔开", "separated by semicolons"),
        ("milestones", "depends_on", "留空：清空原值。", "Empty clears the field."),
        ("pairings.members", "code", "须在本文件的主表中", "must be in the main sheet"),
        ("pairings.members", "region", "必填。", "Required."),
    ] {
        let (in_zh, in_en) = (note(table, column, Language::Zh), note(table, column, Language::En));
        assert!(in_zh.contains(zh), "{table}.{column}: {in_zh}");
        assert!(in_en.contains(en), "{table}.{column}: {in_en}");
    }
}

/// The rules between columns that Chinese comments have belong to columns that exist.
#[test]
fn every_hint_belongs_to_a_column() {
    let tables = tables();
    for (path, name, text) in hints::ZH {
        let table = tables.iter().find(|table| table.en == *path).unwrap_or_else(|| panic!("no table {path}"));
        assert!(table.columns.iter().any(|column| column.en == *name), "no column {name} in {path}");
        assert!(text.ends_with('。'), "{text}");
        assert_eq!(hints::ZH.iter().filter(|(other, one, _)| (other, one) == (path, name)).count(), 1, "{path} {name}");
        // Quoted words are headers of the sheet or labels of drop-down lists.
        let labels: Vec<&str> = table
            .columns
            .iter()
            .flat_map(|column| {
                let choices = match &column.shape {
                    Shape::Choice(choices) | Shape::Choices(choices) => &choices[..],
                    _ => &[],
                };
                std::iter::once(column.zh.as_str()).chain(choices.iter().map(|choice| choice.zh.as_str()))
            })
            .collect();
        for quoted in text.split('“').skip(1) {
            let word = quoted.split('”').next().unwrap();
            assert!(labels.contains(&word), "{path} {name}: no header or label “{word}”");
        }
    }
}

#[test]
fn a_file_that_is_not_a_workbook_gets_a_list_of_faults() {
    let bytes = mark(b"code,note\n", vec![fault("x", 1, None, Severity::Error)]);
    let mut book = Xlsx::new(Cursor::new(bytes)).unwrap();
    assert_eq!(book.sheet_names(), ["问题"]);
    assert_eq!(book.worksheet_range("问题").unwrap().height(), 2);
}

#[test]
fn content_is_never_truncated() {
    let tables = tables();
    let table = tables.iter().find(|table| table.en == "milestones").unwrap();
    let mut book = Book::new(Language::En);
    let sheet = book.table(table, true).unwrap();
    let long = json!({ "code": "m", "note": "x".repeat(32_768) });
    let refused = book.record(sheet, &long).unwrap_err().problem();
    assert_eq!((refused.status, refused.code), (422, "too_long_for_workbook"));
}
