use std::io::Write;

use proptest::prelude::*;
use rust_xlsxwriter::Workbook;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;
use crate::transfer::format::OLE;

/// A workbook with parts replaced or added.
fn with(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(Cursor::new(good())).unwrap();
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..archive.len() {
        let entry = archive.by_index(index).unwrap();
        if !parts.iter().any(|(name, _)| *name == entry.name().unwrap()) {
            zip.raw_copy_file(entry).unwrap();
        }
    }
    for (name, bytes) in parts {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn good() -> Vec<u8> {
    let mut workbook = Workbook::new();
    let worksheet = workbook.add_worksheet().set_name("里程碑").unwrap();
    for (row, cells) in (0..).zip([["代码", "备注"], ["m-1", "一"], ["m-2", "二"]]) {
        worksheet.write_row(row, 0, cells).unwrap();
    }
    workbook.save_to_buffer().unwrap()
}

const SHEET: &str = "xl/worksheets/sheet1.xml";

fn places(bytes: &[u8]) -> Vec<String> {
    collect(bytes, Format::Xlsx, None).places()
}

#[test]
fn a_workbook_that_is_built_to_do_harm_is_not_opened() {
    assert_eq!((places(&good()).len(), collect(&good(), Format::Xlsx, None).rows.len()), (0, 2), "the control");
    let zeros = vec![b' '; 200 << 20];
    let long = format!("<worksheet a=\"{}\"/>", "x".repeat(1 << 20));
    let strings = b"<sst uniqueCount=\"99999999999\"></sst>";
    let cases: [(&str, &[u8], &str); 8] = [
        ("xl/media/bomb.bin", &zeros, "too_large"),
        ("xl/sharedStrings.xml", b"<!DOCTYPE x [<!ENTITY a \"b\">]><sst>&a;</sst>", "doctype"),
        ("xl/sharedStrings.xml", strings, "too_many_parts"),
        (SHEET, long.as_bytes(), "long_tag"),
        (SHEET, b"<\0w\0", "encoding"),
        ("../../etc/passwd", b"x", "unsafe_part"),
        ("xl/vbaProject.bin", b"x", "macros"),
        ("xl/workbook.bin", b"x", "other_format"),
    ];
    for (name, bytes, code) in cases {
        assert_eq!(places(&with(&[(name, bytes)])), [code], "{name}");
    }
    let many: Vec<String> = (0..3_000).map(|number| format!("xl/{number}")).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|name| (name.as_str(), b"".as_slice())).collect();
    assert_eq!(places(&with(&many)), ["too_many_parts"]);
    assert_eq!(places(&[OLE.as_slice(), &[0; 600]].concat()), ["old_workbook"]);
    assert_eq!(places(&good()[..200]), ["unreadable"]);
    assert_eq!(places(b""), ["unreadable"]);
}

#[test]
fn the_readable_part_of_a_damaged_sheet_is_read() {
    let xml = b"<worksheet><sheetData><row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>code</t></is></c></row>\
                <row r=\"2\"><c r=\"A2\" t=\"inlineStr\"><is><t>m</t></is></c></row><row r=\"3\"><c r=\"A3\"></row>";
    let found = collect(&with(&[(SHEET, xml)]), Format::Xlsx, None);
    assert_eq!((found.rows.len(), found.places()), (1, vec!["unreadable 里程碑!".to_owned()]));
}

/// Sheets of random pieces of XML.
fn sheets() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("<row>"),
        Just("</row>"),
        Just("<row r=\"2\">"),
        Just("<row r=\"99999999999\">"),
        Just("<row r=\"0\">"),
        Just("<c>"),
        Just("</c>"),
        Just("<c r=\"A0\">"),
        Just("<c r=\"ZZZZZZZZ9\">"),
        Just("<c r=\"B2\" t=\"s\">"),
        Just("<c r=\"A1\" t=\"inlineStr\">"),
        Just("<c s=\"99\" t=\"d\">"),
        Just("<c t=\"b\">"),
        Just("<c t=\"e\">"),
        Just("<v>"),
        Just("</v>"),
        Just("1e400"),
        Just("-1"),
        Just("9999999"),
        Just("code"),
        Just("&#xFFFFFF;"),
        Just("<is><t>code</t></is>"),
        Just("<f t=\"shared\" si=\"9\"/>"),
        Just("_xD800_"),
        Just("</sheetData>"),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| format!("<worksheet><sheetData>{}", pieces.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        for format in [Format::Xlsx, Format::Csv, Format::Yaml, Format::Ndjson] {
            collect(&bytes, format, Some("milestones"));
        }
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in "[-a-z:{}\\[\\]&*!#|>'\"%@`?,;~<= \n\t\r\u{0}恩平0-9]{0,120}") {
        for format in [Format::Csv, Format::Yaml, Format::Json, Format::Ndjson] {
            collect(text.as_bytes(), format, None);
            collect(format!("regions:\n  - {text}").as_bytes(), format, Some("regions"));
        }
    }

    #[test]
    fn no_damage_makes_a_reader_panic(at in any::<prop::sample::Index>(), flip in 1..=255_u8, cut in any::<bool>()) {
        let mut bytes = good();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] ^= flip }
        collect(&bytes, Format::Xlsx, None);
    }

    #[test]
    fn no_sheet_makes_a_reader_panic(xml in sheets(), style in "<styleSheet>(<cellXfs>)?(<xf numFmtId=\"(14|9|x)\"/>){0,2}") {
        collect(&with(&[(SHEET, xml.as_bytes()), ("xl/styles.xml", style.as_bytes())]), Format::Xlsx, None);
    }
}
