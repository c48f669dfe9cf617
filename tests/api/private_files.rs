//! Personal data in files: each format shows a reader the same data as JSON, and importing a file again clears nothing.

use std::io::{Cursor, Read};

use actix_web::http::Method;
use pairing_tracker::access::Role;
use pairing_tracker::app::kinds;
use serde_json::{Value, json};

use crate::common::issuer::{Clock, Issuer};
use crate::common::privacy::{FOREIGN, OWN};
use crate::common::records::{create, with};
use crate::common::{Client, on_each};

/// A kind of record with personal data: its path, its field, a record without it, and values for two pairings.
struct Private {
    path: &'static str,
    field: &'static str,
    record: Value,
    values: [Value; 2],
}

/// The words in the values of the two pairings.
const WORDS: [&str; 2] = ["密甲", "密乙"];

fn all() -> Vec<Private> {
    let exchange = json!({ "profession": "teacher", "direction": "supporter_to_recipient", "headcount": 2 });
    let all = vec![
        Private {
            path: "liaisons",
            field: "contact",
            record: json!({ "title": "副市长" }),
            values: [json!("密甲 0750-1"), json!("密乙 0750-2")],
        },
        Private {
            path: "exchanges",
            field: "names",
            record: exchange,
            values: [json!(["密甲"]), json!(["密乙", "丙"])],
        },
    ];
    let tested: Vec<_> = all.iter().map(|one| (one.path, one.field)).collect();
    let mut private: Vec<_> =
        kinds().iter().flat_map(|kind| kind.private.iter().map(|field| (kind.path, *field))).collect();
    private.sort_by_key(|(path, _)| tested.iter().position(|(tested, _)| tested == path));
    assert_eq!(private, tested, "every personal field is tested");
    all
}

/// Every file that could contain records of a kind.
fn files(path: &str) -> Vec<String> {
    let mut files: Vec<String> = ["csv", "xlsx", "ndjson"].iter().map(|format| format!("{path}.{format}")).collect();
    for pairing in [OWN, FOREIGN] {
        files.push(format!("imports/template.xlsx?resource={path}&pairing={pairing}"));
        files.push(format!("{path}.csv?pairing={pairing}"));
    }
    files.extend(["json", "yaml", "xlsx"].iter().map(|format| format!("exports/bundle.{format}")));
    files
}

/// The text of a file; of a workbook, that of all its parts.
fn text(bytes: &[u8]) -> String {
    if !bytes.starts_with(b"PK") {
        return String::from_utf8(bytes.to_vec()).expect("UTF-8");
    }
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).expect("a workbook");
    let mut text = String::new();
    for index in 0..archive.len() {
        let mut part = Vec::new();
        archive.by_index(index).expect("a part").read_to_end(&mut part).expect("its bytes");
        text += &String::from_utf8_lossy(&part);
    }
    text
}

/// Creates a record of each kind in each of the two pairings.
async fn fill(client: &Client) {
    for Private { path, field, record, values } in all() {
        for (pairing, value) in [OWN, FOREIGN].into_iter().zip(values) {
            let fields = json!({ "code": format!("of-{pairing}"), "pairing": pairing, field: value });
            create(client, path, with(record.clone(), fields)).await;
        }
    }
}

/// The readers, and whether each may see the personal data of [`OWN`] and of [`FOREIGN`].
fn readers(database: &crate::common::Database, issuer: &Issuer) -> Vec<(&'static str, Client, [bool; 2])> {
    let client = database.client_at(Clock::new().times(), |settings| settings.oidc = Some(issuer.settings()));
    let key = |role, pairings: &[&str]| client.with_key(database.key("reader", role, pairings));
    let token = |role: &str, pairings: Value| {
        client.with_key(issuer.token(json!({ "pairing_tracker_role": role, "pairing_tracker_pairings": pairings })))
    };
    vec![
        ("a client without a key", client.anonymous(), [false, false]),
        ("a viewer", key(Role::Viewer, &[]), [false, false]),
        ("a viewer of the pairing", key(Role::Viewer, &[OWN]), [true, false]),
        ("a viewer of the other", key(Role::Viewer, &[FOREIGN]), [false, true]),
        ("an editor of the pairing", key(Role::Editor, &[OWN]), [true, false]),
        ("an editor of the other", key(Role::Editor, &[FOREIGN]), [false, true]),
        ("an editor of both", key(Role::Editor, &[OWN, FOREIGN]), [true, true]),
        ("an editor of all", key(Role::Editor, &[]), [true, true]),
        ("an administrator", key(Role::Admin, &[]), [true, true]),
        ("a token of a viewer of the pairing", token("viewer", json!([OWN])), [true, false]),
        ("a token of an editor of the other", token("editor", json!([FOREIGN])), [false, true]),
        ("a token without pairings", token("viewer", json!([])), [false, false]),
        ("a token of an administrator", token("admin", Value::Null), [true, true]),
    ]
}

#[test]
fn a_file_contains_the_same_personal_data_as_json() {
    on_each(|database| async move {
        let issuer = Issuer::start();
        fill(&database.client()).await;
        for (who, reader, sees) in readers(&database, &issuer) {
            for Private { path, .. } in all() {
                let shown = text(&reader.get(&format!("{path}?limit=1000")).await.expect(200).bytes);
                for (word, sees) in WORDS.into_iter().zip(sees) {
                    assert_eq!(shown.contains(word), sees, "{word} in the JSON of {path} for {who}");
                }
                for file in files(path) {
                    let content = text(&reader.get(&file).await.expect(200).bytes);
                    let of = [OWN, FOREIGN].map(|pairing| !file.contains("pairing=") || file.ends_with(pairing));
                    for ((word, sees), of) in WORDS.into_iter().zip(sees).zip(of) {
                        assert_eq!(content.contains(word), sees && of, "{word} in {file} for {who}");
                    }
                }
            }
        }
    });
}

/// Plans a file; returns the counts by outcome.
async fn plan(client: &Client, name: &str, path: &str, bytes: Vec<u8>) -> Value {
    let query = format!("imports?file_name={name}&resource={path}");
    let headers = [("Content-Type", "application/octet-stream"), ("Prefer", "wait=30")];
    let query = if name.starts_with("bundle") { format!("imports?file_name={name}") } else { query };
    client.send_bytes(Method::POST, &query, &headers, Some(bytes)).await.expect(201).body
}

#[test]
fn importing_a_redacted_file_clears_no_personal_data() {
    on_each(|database| async move {
        let admin = database.client();
        fill(&admin).await;
        let of_own = admin.with_key(database.key("editor", Role::Editor, &[OWN]));
        for reader in [&of_own, &admin.anonymous(), &admin] {
            for Private { path, .. } in all() {
                for language in ["zh", "en"] {
                    let headers = [("Accept-Language", language)];
                    for file in files(path) {
                        let name = file.rsplit('/').next().and_then(|name| name.split('?').next()).expect("a name");
                        let bytes = reader.send(Method::GET, &file, &headers, None).await.expect(200).bytes;
                        let planned = plan(&admin, name, path, bytes).await;
                        let counts = &planned["counts"];
                        let changes: Vec<i64> = ["create", "update", "delete", "refused", "errors"]
                            .iter()
                            .filter_map(|name| counts[*name].as_i64())
                            .collect();
                        assert_eq!(changes, [0; 5], "{file} in {language}: {planned}");
                        assert!(counts["unchanged"].as_i64() > Some(0), "{file}: {planned}");
                    }
                }
            }
        }
    });
}
