//! Bodies of requests and responses over HTTP: compression, multipart forms, and byte order marks.

use std::io::Read;

use flate2::Compression;
use flate2::read::GzEncoder;
use serde_json::{Value, json};

use crate::common::raw_http::{UNLIMITED, start};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    GzEncoder::new(bytes, Compression::best()).read_to_end(&mut packed).expect("the body is compressed");
    packed
}

#[test]
fn a_compressed_response_has_its_own_entity_tag_and_both_tags_are_accepted() {
    let program = start(&UNLIMITED);
    let path = "/api/v1/sectors/talent";
    let plain = program.get("GET", path, "");
    let packed = program.get("GET", path, "Accept-Encoding: gzip\r\n");
    assert_eq!((plain.header("content-encoding"), packed.header("content-encoding")), (None, Some("gzip")));
    let (plain_tag, packed_tag) = (plain.header("etag").expect("a tag"), packed.header("etag").expect("a tag"));
    assert_eq!(packed_tag, format!("{}-gzip\"", plain_tag.trim_end_matches('"')));
    for response in [&plain, &packed] {
        let vary = response.header("vary").unwrap_or_default();
        assert_eq!(vary.matches("accept-encoding").count(), 1, "{vary}");
    }
    for coding in ["", "Accept-Encoding: gzip\r\n"] {
        for tag in [plain_tag, packed_tag] {
            let known = program.get("GET", path, &format!("{coding}If-None-Match: {tag}\r\n"));
            assert_eq!((known.status(), known.header("etag")), (304, Some(tag)), "{coding} {tag}");
        }
    }
    let patch = |tag: &str, note: &str| {
        let headers =
            format!("Content-Type: application/merge-patch+json\r\nAccept-Encoding: gzip\r\nIf-Match: {tag}\r\n");
        program.send(&format!("PATCH {path}"), &headers, json!({ "vocabulary": note }).to_string().as_bytes())
    };
    let changed = patch(packed_tag, "one");
    assert_eq!(changed.status(), 200, "the entity tag of a compressed response identifies the record");
    assert_eq!(patch(packed_tag, "two").status(), 412, "the entity tag is stale now");
    assert_eq!(patch(changed.header("etag").expect("a tag"), "two").status(), 200);
}

#[test]
fn a_compressed_request_body_is_decoded_within_the_limits() {
    let program = start(&UNLIMITED);
    let json = "Content-Type: application/json\r\n";
    let sector = |code: &str| json!({ "code": code, "name": { "zh": "领域" } }).to_string().into_bytes();
    let gzipped = format!("{json}Content-Encoding: gzip\r\n");
    assert_eq!(program.send("POST /api/v1/sectors", &gzipped, &gzip(&sector("packed"))).status(), 201);
    let read = program.get("GET", "/api/v1/sectors/packed", "");
    assert!(String::from_utf8_lossy(&read.body).contains("领域"));

    for coding in ["br", "zstd", "gzip, gzip"] {
        let headers = format!("{json}Content-Encoding: {coding}\r\n");
        let refused = program.send("POST /api/v1/sectors", &headers, &sector("refused"));
        assert_eq!((refused.status(), refused.header("accept-encoding")), (415, Some("gzip, deflate, identity")));
        assert_eq!(refused.problem()["code"], "unsupported_content_encoding");
    }
    assert_eq!(program.send("POST /api/v1/sectors", &gzipped, &sector("plain")).status(), 400, "the body is not gzip");

    // One megabyte that unpacks to a gigabyte.
    let before = program.service.memory("VmRSS:");
    let bomb = gzip(&vec![b' '; 1 << 30]);
    for (line, headers) in [
        ("POST /api/v1/sectors", json),
        ("PUT /api/v1/documents/gb-t-2260/content", "Content-Type: text/plain\r\n"),
        ("POST /api/v1/imports?resource=sectors", "Content-Type: text/csv\r\n"),
    ] {
        let body = if line.ends_with("/sectors") { &bomb[..200 * 1024] } else { &bomb };
        let refused = program.send(line, &format!("{headers}Content-Encoding: gzip\r\n"), body);
        assert_eq!(refused.status(), 413, "{line}: {}", refused.head);
        assert_eq!(refused.problem()["code"], "too_large");
    }
    if let (Some(before), Some(after)) = (before, program.service.memory("VmRSS:")) {
        assert!(after < before + 64 * 1024, "from {before} to {after} KiB");
    }
    // The control: what fits is accepted, as an import and as the file of a document.
    let table = gzip("code,name_zh\r\nfrom-gzip,领域\r\n".as_bytes());
    let headers = "Content-Type: text/csv\r\nContent-Encoding: gzip\r\n";
    assert_eq!(program.send("POST /api/v1/imports?resource=sectors", headers, &table).status(), 201);
    let file = gzip(&[b'x'; 100_000]);
    let put = program.send(
        "PUT /api/v1/documents/gb-t-2260/content",
        "Content-Type: text/plain\r\nContent-Encoding: gzip\r\n",
        &file,
    );
    assert!(put.status() == 200 && String::from_utf8_lossy(&put.body).contains("\"byte_size\":100000"), "{}", put.head);
}

/// A body of `multipart/form-data` with these parts, each its head and its bytes.
fn multipart(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (head, bytes) in parts {
        body.extend_from_slice(format!("--line\r\n{head}\r\n\r\n").as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--line--\r\n");
    body
}

#[test]
fn a_file_may_be_sent_as_the_only_part_of_a_form() {
    const FORM: &str = "Content-Type: multipart/form-data; boundary=line\r\n";
    let program = start(&UNLIMITED);
    let table = "code,name_zh\r\nfrom-form,领域\r\n".as_bytes();
    let csv = "Content-Disposition: form-data; name=\"file\"; filename=\"dir/领域.csv\"";
    let unknown = format!("{csv}\r\nContent-Type: application/octet-stream");
    let typed = "Content-Disposition: form-data; name=\"x\"; filename=\"x\"\r\nContent-Type: text/csv";
    let imports = "POST /api/v1/imports?resource=sectors";
    for (head, name) in [(csv, "领域.csv"), (unknown.as_str(), "领域.csv"), (typed, "x")] {
        let taken = program.send(imports, FORM, &multipart(&[(head, table)]));
        let import: Value = serde_json::from_slice(&taken.body).expect("JSON");
        assert_eq!((taken.status(), &import["file_name"]), (201, &json!(name)), "{import}");
        assert_eq!(json!([import["format"], import["byte_size"]]), json!(["csv", table.len()]));
    }
    let pdf = "Content-Disposition: form-data; name=\"file\"; filename=\"a.pdf\"";
    let content = "PUT /api/v1/documents/gb-t-2260/content";
    // Bytes that only resemble a boundary stay in the file.
    let bytes = b"%PDF\r\n--lin\r\n--".as_slice();
    let put = program.send(content, FORM, &multipart(&[(pdf, bytes)]));
    let document: Value = serde_json::from_slice(&put.body).expect("JSON");
    assert_eq!(json!([put.status(), document["media_type"]]), json!([200, "application/pdf"]), "{document}");
    assert_eq!(program.get("GET", "/api/v1/documents/gb-t-2260/content", "").body, bytes);

    let field = "Content-Disposition: form-data; name=\"note\"";
    let whole = multipart(&[(csv, table)]);
    for (body, headers, code) in [
        (multipart(&[]), FORM, "no_file"),
        (multipart(&[(csv, table), (csv, table)]), FORM, "several_parts"),
        (multipart(&[(field, b"text".as_slice())]), FORM, "no_file_name"),
        (multipart(&[("Content-Type: text/csv", table)]), FORM, "no_content_disposition"),
        (whole[..whole.len() - 10].to_vec(), FORM, "incomplete"),
        (whole.clone(), "Content-Type: multipart/form-data\r\n", "no_boundary"),
    ] {
        for line in [imports, content] {
            let refused = program.send(line, headers, &body);
            let problem = refused.problem();
            assert_eq!((refused.status(), &problem["errors"][0]["code"]), (400, &json!(code)), "{line}: {problem}");
        }
    }
    let large = vec![b'x'; 20 * 1024 * 1024 + 1];
    assert_eq!(program.send(content, FORM, &multipart(&[(pdf, large.as_slice())])).status(), 413);
    let packed = format!("{FORM}Content-Encoding: gzip\r\n");
    assert_eq!(program.send(imports, &packed, &gzip(&whole)).status(), 415);
}

#[test]
fn json_with_a_byte_order_mark_is_accepted() {
    let program = start(&UNLIMITED);
    let body = format!("\u{feff}{}", json!({ "code": "marked", "name": { "zh": "领域" } }));
    let created = program.send("POST /api/v1/sectors", "Content-Type: application/json\r\n", body.as_bytes());
    assert_eq!(created.status(), 201, "{}", String::from_utf8_lossy(&created.body));
    // The control: anywhere else it makes the JSON invalid.
    let twice = format!("\u{feff}{body}");
    let refused = program.send("POST /api/v1/sectors", "Content-Type: application/json\r\n", twice.as_bytes());
    assert_eq!((refused.status(), &refused.problem()["errors"][0]["code"]), (400, &json!("invalid_json")));
}
