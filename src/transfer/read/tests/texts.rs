use encoding_rs::GB18030;
use serde_json::json;

use super::*;

fn utf_16(text: &str) -> Vec<u8> {
    let mut bytes = vec![0xFF, 0xFE];
    bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    bytes
}

#[test]
fn csv_is_read_in_every_encoding_and_with_every_separator() {
    let text = |separator: &str, end: &str| {
        let rows = [["代码", "名称", "级别", "备注"], ["en-ping", "恩平市", "县级", "a\"\"b"]];
        let lines = rows.map(|row| row.map(|cell| format!("\"{cell}\"")).join(separator));
        lines.join(end) + end
    };
    let with_mark = [b"\xEF\xBB\xBF".as_slice(), text(",", "\n").as_bytes()].concat();
    let files = [
        text(",", "\r\n").into_bytes(),
        with_mark,
        text(";", "\n").into_bytes(),
        utf_16(&text("\t", "\r\n")),
        GB18030.encode(&text(",", "\r\n")).0.into_owned(),
    ];
    for bytes in files {
        let collected = collect(&bytes, Format::Csv, Some("regions"));
        assert_eq!(collected.places(), Vec::<String>::new());
        assert_eq!(
            collected.documents(),
            [&json!({ "code": "en-ping", "name": { "zh": "恩平市" }, "level": "county", "note": "a\"b" })]
        );
    }
}

#[test]
fn rows_have_the_numbers_that_a_spreadsheet_shows() {
    for end in ["\n", "\r\n"] {
        let text = "\ncode,note\n\na,\"x\ny\n\nz\"\nb,1\n\n\nc,2".replace('\n', end);
        let collected = collect(text.as_bytes(), Format::Csv, Some("milestones"));
        let rows: Vec<_> = collected.rows.iter().map(|row| (row.code.as_str(), row.place.row)).collect();
        assert_eq!(rows, [("a", 4), ("b", 5), ("c", 8)], "{end:?}");
        assert_eq!(collected.rows[0].document["note"], "x\ny\n\nz", "line breaks are of one kind");
    }
}

#[test]
fn headers_identify_the_table_where_only_one_fits() {
    let csv = |text: &str, resource| collect(text.as_bytes(), Format::Csv, resource);
    assert_eq!(csv("代码,到期日,里程\n", None).places(), ["which_table 1"]);
    assert_eq!(csv("code,due_on,depends_on\nm,2022-06-30,n\n", None).rows[0].path, "milestones");
    assert_eq!(csv("code\nm\n", None).places(), ["which_table 1"]);
    let unknown = csv("code\n", Some("milestone"));
    assert_eq!(
        (unknown.places(), unknown.faults[0].suggestion.as_deref()),
        (vec!["unknown_resource".to_owned()], Some("milestones"))
    );
}

#[test]
fn an_endless_row_and_an_open_quote_are_faults() {
    let long = format!("code,note\na,{}\n", "x".repeat(2 << 20));
    assert_eq!(collect(long.as_bytes(), Format::Csv, Some("milestones")).places(), ["row_too_long 2"]);
    let open = "code,note\na,1\nb,\"open\nc,3\nd,4\n";
    let found = collect(open.as_bytes(), Format::Csv, Some("milestones"));
    assert_eq!((found.places(), found.rows.len()), (vec!["unclosed_quote 3".to_owned()], 1));
    let wide = format!("code{}\n", ",x".repeat(3_000));
    assert_eq!(collect(wide.as_bytes(), Format::Csv, Some("milestones")).places(), ["too_many_columns 1"]);
    assert_eq!(collect(b"code,note\na,\xFF\xFF\xFF\n", Format::Csv, Some("milestones")).places(), ["encoding B2"]);
}

#[test]
fn every_fault_of_a_bundle_has_its_line() {
    let text = "\
planets: []
regions:
  - name: {zh: 无代码}
    level: county
  - code: good
    name: {zh: 某地}
    name: {zh: 又一地}
  - code: fine
    level: &county county
  - {code: more, level: !!str county}
  - {code: last, latitude: 22.0, note: \"22.0\", parent: ~, <<: x}
  - code: kept
    latitude: 22.0
    note: '1'
    parent:
pairings: none
---
regions: [{code: second}]
--- 1
---
a: [
";
    let found = collect(text.as_bytes(), Format::Yaml, None);
    assert_eq!(
        found.places(),
        [
            "unknown_field 1",
            "required 3",
            "repeated 7",
            "alias 9",
            "tag 10",
            "alias 11",
            "type 16",
            "type 19",
            "unknown_field 21",
            "syntax 22"
        ]
    );
    let kept = json!({ "code": "kept", "latitude": 22, "note": "1", "parent": null });
    assert_eq!(found.documents(), [&kept, &json!({ "code": "second" })]);
    assert_eq!(found.rows[0].spot(&found.layouts, "/note").row, 14);
    let json = collect(br#"{"regions": [{"code": "a", "name": {"zh": "\u6069"}}]}"#, Format::Json, None);
    assert_eq!(json.documents(), [&json!({ "code": "a", "name": { "zh": "恩" } })]);
}

#[test]
fn a_bundle_never_needs_more_memory_than_a_record() {
    let long = |text: &str| collect(text.as_bytes(), Format::Yaml, None).places();
    let big = format!("regions:\n  - code: a\n    note: {}\n", "x".repeat(300 << 10));
    assert_eq!(long(&big), ["too_long 3"]);
    let bigger = format!("regions:\n  - code: a\n    note: \"{}\"\n", "x".repeat(3 << 20));
    assert!(matches!(long(&bigger)[..], [ref one] if one.starts_with("too_long")), "{:?}", long(&bigger));
    assert_eq!(long(&format!("# {}\nregions: []\n", "x".repeat(2 << 20))).len(), 1);
    let deep = format!("regions:\n  - {{code: a, note: {}}}\n", "[".repeat(40));
    assert_eq!(long(&deep), ["too_deep 2"]);
    assert_eq!(long(&deep.replace('[', &"[".repeat(1_000))).len(), 1);
    let laughs = "a: &a [x, x]\nregions: &r\n  - {code: b, note: *a}\n";
    assert_eq!(long(laughs), ["unknown_field 1", "alias 2", "alias 3"]);
}

#[test]
fn ndjson_is_read_as_lists_export_it() {
    let text = r#"
{"id":1,"code":"m","agreement":{"id":2,"code":"a","name":{"zh":"协","en":null}},"overdue":true,"colour":1}
{"code":"n",
[1]
{"id":3}
"#;
    let found = collect(text.as_bytes(), Format::Ndjson, Some("里程碑"));
    assert_eq!(found.places(), ["syntax 3", "type 4", "required 5"]);
    assert_eq!(found.documents(), [&json!({ "code": "m", "agreement": "a", "colour": 1 })]);
    assert_eq!(collect(b"{}", Format::Ndjson, None).places(), ["which_table"]);
    let long = format!("{{\"code\": \"{}\"}}", "x".repeat(2 << 20));
    assert_eq!(collect(long.as_bytes(), Format::Ndjson, Some("milestones")).places(), ["too_long 1"]);
}

#[test]
fn the_seed_is_read_without_a_fault() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("seed");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let found = collect(&std::fs::read(path).unwrap(), Format::Yaml, None);
            assert_eq!(found.places(), Vec::<String>::new());
            for row in &found.rows {
                let component = crate::resources::component(&row.path).unwrap();
                assert_eq!(CONTRACT.faults(component, &row.document).unwrap(), []);
            }
            count += found.rows.len();
        }
    }
    assert!(count > 50, "{count}");
}
