//! Every operation, asked for by every kind of caller: who may do what is as `tests/authorization.md` has it.

use actix_web::http::Method;
use diesel::prelude::*;
use pairing_tracker::access::Role;
use pairing_tracker::app::kinds;
use pairing_tracker::db::schema::api_keys;
use serde_json::{Value, json};

use crate::common::builders::{Operation, example, ids, operations};
use crate::common::client::Response;
use crate::common::{Client, Database, databases, on_each};
use crate::examples::create_examples;

const TABLE: &str = include_str!("../authorization.md");
const OWN: &str = "xinhui-taishan";
const FOREIGN: &str = "heshan-kaiping";

/// The rows of the table: the operation first, then a cell for each caller; the first row names them.
fn rows() -> Vec<Vec<&'static str>> {
    let lines = TABLE.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---"));
    lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// A key that was good until yesterday.
fn expired(database: &Database) -> String {
    let key = database.key("expired", Role::Admin, &[]);
    let code = key.split('_').nth(1).expect("a code").to_owned();
    let changed = diesel::update(api_keys::table.filter(api_keys::code.eq(code)))
        .set(api_keys::expires_on.eq(chrono::Utc::now().date_naive() - chrono::TimeDelta::days(2)))
        .execute(&mut database.connect());
    assert_eq!(changed, Ok(1));
    key
}

/// Every caller of the table, by name.
async fn callers(database: &Database, admin: &Client) -> Vec<(&'static str, Client)> {
    let good = database.key("mistyped", Role::Admin, &[]);
    let (start, last) = good.split_at(good.len() - 1);
    let malformed = format!("{start}{}", if last == "0" { "1" } else { "0" });
    let unknown = databases(false).swap_remove(0).key("elsewhere", Role::Admin, &[]);
    let revoked = database.key("revoked", Role::Admin, &[]);
    let code = revoked.split('_').nth(1).expect("a code");
    admin.post(&format!("api-keys/{code}/revoke"), json!({})).await.expect(200);
    let key = |role, pairings: &[&str]| admin.with_key(database.key("walker", role, pairings));
    vec![
        ("nobody", admin.anonymous()),
        ("nobody, private service", database.client_with(|settings| settings.private = true).anonymous()),
        ("malformed key", admin.with_key(malformed)),
        ("unknown key", admin.with_key(unknown)),
        ("revoked key", admin.with_key(revoked)),
        ("expired key", admin.with_key(expired(database))),
        ("viewer", key(Role::Viewer, &[])),
        ("viewer of the pairing", key(Role::Viewer, &[OWN])),
        ("viewer of another", key(Role::Viewer, &[FOREIGN])),
        ("editor of the pairing", key(Role::Editor, &[OWN])),
        ("editor of another", key(Role::Editor, &[FOREIGN])),
        ("editor of all", key(Role::Editor, &[])),
        ("administrator", admin.clone()),
    ]
}

/// A record of [`OWN`] that the operation can be asked for, where records of its kind belong to a pairing.
async fn target(operation: &Operation, admin: &Client) -> String {
    let Some((collection, below)) = operation.template.split_once("/{ref}") else { return String::new() };
    if collection == "/api/v1/pairings" {
        return OWN.to_owned();
    }
    let list = operations().into_iter().find(|other| other.template == collection).expect("a list");
    if !list.parameters().iter().any(|name| name == "pairing") {
        return operation.some_record(admin).await;
    }
    let page = admin.get(&format!("{collection}?pairing={OWN}&limit=1000")).await.expect(200);
    let all = ids(page.body["items"].as_array().expect("items"));
    if operation.parameters().iter().any(|name| name == "cursor") && below != "/history" {
        for id in &all {
            let answer = admin.get(&operation.path(&id.to_string())).await.expect(200);
            if answer.body["items"] != json!([]) {
                return id.to_string();
            }
        }
    }
    // One with personal data, where there is one.
    for id in &all {
        let record = admin.get(&format!("{collection}/{id}")).await.expect(200);
        let mut found = Vec::new();
        personal(&record.body, &mut found);
        if !found.is_empty() {
            return id.to_string();
        }
    }
    all.first().unwrap_or_else(|| panic!("{} finds no record of {OWN}", operation.id)).to_string()
}

/// Asks for the operation so that nothing changes for those who ask after: with a stale precondition, or for a record that
/// is there already.
async fn ask(operation: &Operation, client: &Client, reference: &str) -> Response {
    let mut headers = Vec::new();
    if matches!(operation.method, Method::PATCH | Method::DELETE) {
        headers.push(("If-Match", "\"0-stale\""));
    }
    let body = operation.bodies().first().map(|(media_type, media)| {
        headers.push(("Content-Type", *media_type));
        example(media).map_or_else(|| b"{}".to_vec(), |example| example.to_string().into_bytes())
    });
    // The newest events are the refusals of this very test.
    let narrowed = if operation.id == "listAuditEvents" { "?entity=liaison" } else { operation.query() };
    let path = format!("{}{narrowed}", operation.path(reference));
    client.send_bytes(operation.method.clone(), &path, &headers, body).await
}

/// The personal data in an answer, wherever it stands.
fn personal(value: &Value, found: &mut Vec<String>) {
    let is_private = |name: &String| kinds().iter().any(|kind| kind.private.contains(&name.as_str()));
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                if is_private(name) && !field.is_null() && *field != json!([]) {
                    found.push(field.to_string());
                } else {
                    personal(field, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| personal(item, found)),
        _ => {}
    }
}

/// What an answer says of the caller: the word of the table.
fn word(operation: &Operation, answer: &Response, whole: &Response) -> String {
    let (mut seen, mut there) = (Vec::new(), Vec::new());
    personal(&answer.body, &mut seen);
    personal(&whole.body, &mut there);
    match (answer.status.as_u16(), &operation.method) {
        (200, &Method::GET) if seen.is_empty() && !there.is_empty() => "veiled".to_owned(),
        // All personal data here is of one pairing: whoever sees some may see all. Administrators' lists hold more besides.
        (200, &Method::GET) => "reads".to_owned(),
        // Refused for another reason than who asks: the record is there already, or has changed meanwhile.
        (200 | 201 | 409 | 412, method) if method != Method::GET => "writes".to_owned(),
        (refused @ (401 | 403), _) => refused.to_string(),
        // Not even that it is there.
        (404, _) => "hidden".to_owned(),
        _ => format!("{} {}", answer.status, answer.body),
    }
}

#[test]
fn who_may_do_what_is_as_the_table_says() {
    on_each(|database| async move {
        let table = rows();
        let admin = database.client();
        create_examples(&admin).await;
        // A document of the pairing, made by its editor.
        let editor = admin.with_key(database.key("editor", Role::Editor, &[OWN]));
        editor.post("documents", json!({ "code": "own-minutes", "title": { "zh": "纪要" } })).await.expect(201);
        let headers = [("Content-Type", "text/plain")];
        let bytes = Some(b"{}".to_vec());
        editor.send_bytes(Method::PUT, "documents/own-minutes/content", &headers, bytes).await.expect(200);

        let callers = callers(&database, &admin).await;
        let names: Vec<&str> = std::iter::once("operation").chain(callers.iter().map(|(name, _)| *name)).collect();
        assert_eq!(table[0], names, "the table names the callers");
        let mut told = Vec::new();
        for operation in operations() {
            let reference = target(&operation, &admin).await;
            let whole = ask(&operation, &admin, &reference).await;
            let mut cells = vec![operation.id.to_owned()];
            for (_, client) in &callers {
                cells.push(word(&operation, &ask(&operation, client, &reference).await, &whole));
            }
            told.push(cells);
        }
        let differ: Vec<String> = told
            .iter()
            .filter(|cells| !table[1..].iter().any(|row| row == *cells))
            .map(|cells| format!("| {} |", cells.join(" | ")))
            .collect();
        assert!(differ.is_empty(), "rows that are not in tests/authorization.md:\n{}", differ.join("\n"));
        assert_eq!(table.len() - 1, told.len(), "the table has rows of operations that are not there");
    });
}
