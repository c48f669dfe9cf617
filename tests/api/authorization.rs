//! Each operation, requested by each kind of client: the service responds as the declared policy states, and
//! `tests/authorization.md` is that policy as a table.

use std::path::Path;

use actix_web::http::Method;
use diesel::prelude::*;
use pairing_tracker::access::Role;
use pairing_tracker::access::policy::{Access, Reach, Tag};
use pairing_tracker::app::{self, kinds};
use pairing_tracker::db::schema::api_keys;
use serde_json::{Value, json};

use crate::common::builders::{Operation, example, ids, operations};
use crate::common::client::Response;
use crate::common::{Client, Database, databases, on_each};
use crate::examples::create_examples;

const OWN: &str = "xinhui-taishan";
const FOREIGN: &str = "heshan-kaiping";

const INTRODUCTION: &str = "\
# Authorization

Each operation, requested by each kind of client. The record belongs to the pairing 新会—台山, where records of its kind belong to a
pairing; \"the other pairing\" is 鹤山—开平. This file is generated from the policy that the resources declare:
`UPDATE=1 cargo test --test suite authorization` writes it. A test sends each request on both databases, and fails where the service
does not respond as the cell states.

- `reads`: the response has everything, personal data included. `redacted`: personal data in the response is null.
- `writes`: the request is authorized; the rules of the record apply.
- `401`: a valid key is required. `403`: the key does not permit it. `not found`: 404, as if the record did not exist.

";

/// A kind of client.
#[derive(Clone, Copy)]
enum Credentials {
    /// No key.
    None,
    /// No key, to a private service.
    NoneOfPrivate,
    /// A key that is not valid, for this reason.
    Invalid(&'static str),
    Viewer(Pairings),
    Editor(Pairings),
    Administrator,
}

/// The pairings that a key names.
#[derive(Clone, Copy, PartialEq)]
enum Pairings {
    Unlimited,
    Own,
    Foreign,
}

impl Pairings {
    fn names(self) -> &'static [&'static str] {
        match self {
            Pairings::Unlimited => &[],
            Pairings::Own => &[OWN],
            Pairings::Foreign => &[FOREIGN],
        }
    }
}

/// The columns of the table.
const CLIENTS: &[(&str, Credentials)] = &[
    ("no key", Credentials::None),
    ("no key, private service", Credentials::NoneOfPrivate),
    ("malformed key", Credentials::Invalid("malformed")),
    ("unknown key", Credentials::Invalid("unknown")),
    ("revoked key", Credentials::Invalid("revoked")),
    ("expired key", Credentials::Invalid("expired")),
    ("viewer", Credentials::Viewer(Pairings::Unlimited)),
    ("viewer of the pairing", Credentials::Viewer(Pairings::Own)),
    ("viewer of the other pairing", Credentials::Viewer(Pairings::Foreign)),
    ("editor of the pairing", Credentials::Editor(Pairings::Own)),
    ("editor of the other pairing", Credentials::Editor(Pairings::Foreign)),
    ("editor of all pairings", Credentials::Editor(Pairings::Unlimited)),
    ("administrator", Credentials::Administrator),
];

/// What the policy permits a client: the cell of the table.
fn cell(tag: &Tag, operation: &Operation, client: Credentials) -> &'static str {
    let is_read = operation.method == Method::GET;
    let access = tag.access(operation.id, is_read);
    let done = if is_read { "reads" } else { "writes" };
    let sees_personal_data = match client {
        Credentials::None | Credentials::NoneOfPrivate | Credentials::Invalid(_) => false,
        // A viewer's key is limited to the pairings that it names, an editor's only where it names any.
        Credentials::Viewer(pairings) => pairings == Pairings::Own,
        Credentials::Editor(pairings) => pairings != Pairings::Foreign,
        Credentials::Administrator => true,
    };
    let read = if tag.returns_personal_data(operation.id) && !sees_personal_data { "redacted" } else { "reads" };
    match (access, client) {
        (Access::Public, _) => done,
        (_, Credentials::Invalid(_) | Credentials::NoneOfPrivate) => "401",
        (Access::Readers | Access::FeedReaders, _) => read,
        (_, Credentials::None) => "401",
        (Access::Denied, _) | (_, Credentials::Viewer(_)) => "403",
        (_, Credentials::Administrator) => done,
        (Access::Administrators, _) => "403",
        (Access::Editors(reach), Credentials::Editor(pairings)) => match reach {
            Reach::AllRecords => done,
            Reach::RecordPairing if pairings != Pairings::Foreign => done,
            Reach::AllPairings if pairings == Pairings::Unlimited => done,
            Reach::RecordPairing | Reach::AllPairings => "403",
            Reach::OwnRecords => "not found",
        },
    }
}

/// The rows of the table: the operation, then a cell for each client.
fn rows() -> Vec<Vec<&'static str>> {
    let tags = app::tags();
    let row = |operation: Operation| {
        let name = &operation.document["tags"][0];
        let tag = tags.iter().find(|tag| name == tag.name).expect("a tag");
        let cells = CLIENTS.iter().map(|(_, client)| cell(tag, &operation, *client));
        std::iter::once(operation.id).chain(cells).collect()
    };
    operations().into_iter().map(row).collect()
}

fn line(cells: &[impl AsRef<str>]) -> String {
    let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
    format!("| {} |\n", cells.join(" | "))
}

#[test]
fn the_committed_table_is_current() {
    let names: Vec<&str> = std::iter::once("operation").chain(CLIENTS.iter().map(|(name, _)| *name)).collect();
    let rules = vec!["---"; names.len()];
    let table: String = [names, rules].into_iter().chain(rows()).map(|cells| line(&cells)).collect();
    let text = format!("{INTRODUCTION}{table}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/authorization.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).expect("the table is written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == text, "tests/authorization.md is not current: UPDATE=1 cargo test --test suite authorization");
}

/// A key that expired yesterday.
fn expired(database: &Database) -> String {
    let key = database.key("expired", Role::Admin, &[]);
    let code = key.split('_').nth(1).expect("a code").to_owned();
    let changed = diesel::update(api_keys::table.filter(api_keys::code.eq(code)))
        .set(api_keys::expires_on.eq(chrono::Utc::now().date_naive() - chrono::TimeDelta::days(2)))
        .execute(&mut database.connect());
    assert_eq!(changed, Ok(1));
    key
}

/// A client for each column of the table.
async fn clients(database: &Database, admin: &Client) -> Vec<Client> {
    let mut clients = Vec::new();
    for (_, credentials) in CLIENTS {
        let key = |role, pairings: Pairings| admin.with_key(database.key("walker", role, pairings.names()));
        clients.push(match *credentials {
            Credentials::None => admin.anonymous(),
            Credentials::NoneOfPrivate => database.client_with(|settings| settings.private = true).anonymous(),
            Credentials::Invalid(reason) => admin.with_key(invalid_key(database, admin, reason).await),
            Credentials::Viewer(pairings) => key(Role::Viewer, pairings),
            Credentials::Editor(pairings) => key(Role::Editor, pairings),
            Credentials::Administrator => admin.clone(),
        });
    }
    clients
}

async fn invalid_key(database: &Database, admin: &Client, reason: &str) -> String {
    match reason {
        "malformed" => {
            let good = database.key("mistyped", Role::Admin, &[]);
            let (start, last) = good.split_at(good.len() - 1);
            format!("{start}{}", if last == "0" { "1" } else { "0" })
        }
        "unknown" => databases(false).swap_remove(0).key("elsewhere", Role::Admin, &[]),
        "revoked" => {
            let revoked = database.key("revoked", Role::Admin, &[]);
            let code = revoked.split('_').nth(1).expect("a code");
            admin.post(&format!("api-keys/{code}/revoke"), json!({})).await.expect(200);
            revoked
        }
        "expired" => expired(database),
        other => panic!("no key is invalid because it is {other}"),
    }
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

/// Requests the operation so that later requests find the same state: with a stale precondition, or for a record that exists.
async fn ask(operation: &Operation, client: &Client, reference: &str) -> Response {
    let mut headers = Vec::new();
    if matches!(operation.method, Method::PATCH | Method::DELETE) {
        headers.push(("If-Match", "\"0-stale\""));
    }
    let body = operation.bodies().first().map(|(media_type, media)| {
        headers.push(("Content-Type", *media_type));
        example(media).map_or_else(|| b"{}".to_vec(), |example| example.to_string().into_bytes())
    });
    // Without the filter, the newest events are those of this test.
    let narrowed = if operation.id == "listAuditEvents" { "?entity=liaison" } else { operation.query() };
    let path = format!("{}{narrowed}", operation.path(reference));
    client.send_bytes(operation.method.clone(), &path, &headers, body).await
}

/// The personal data of a response, at any depth.
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

/// What a response shows of the client's rights, as the table states it.
fn word(operation: &Operation, answer: &Response, whole: &Response) -> String {
    let (mut seen, mut there) = (Vec::new(), Vec::new());
    personal(&answer.body, &mut seen);
    personal(&whole.body, &mut there);
    match (answer.status.as_u16(), &operation.method) {
        (200, &Method::GET) if seen.is_empty() && !there.is_empty() => "redacted".to_owned(),
        // All personal data here is of one pairing: whoever sees some may see all. Administrators' lists hold more besides.
        (200, &Method::GET) => "reads".to_owned(),
        // 409 and 412 follow authorization: the record exists already, or the precondition is stale.
        (200 | 201 | 409 | 412, method) if method != Method::GET => "writes".to_owned(),
        (refused @ (401 | 403), _) => refused.to_string(),
        (404, _) => "not found".to_owned(),
        _ => format!("{} {}", answer.status, answer.body),
    }
}

#[test]
fn who_may_do_what_is_as_the_table_says() {
    on_each(|database| async move {
        let admin = database.client();
        create_examples(&admin).await;
        // A document of the pairing, made by its editor.
        let editor = admin.with_key(database.key("editor", Role::Editor, &[OWN]));
        editor.post("documents", json!({ "code": "own-minutes", "title": { "zh": "纪要" } })).await.expect(201);
        let headers = [("Content-Type", "text/plain")];
        let bytes = Some(b"{}".to_vec());
        editor.send_bytes(Method::PUT, "documents/own-minutes/content", &headers, bytes).await.expect(200);

        let (expected, clients) = (rows(), clients(&database, &admin).await);
        let mut actual = Vec::new();
        for operation in operations() {
            let reference = target(&operation, &admin).await;
            let whole = ask(&operation, &admin, &reference).await;
            let mut cells = vec![operation.id.to_owned()];
            for client in &clients {
                cells.push(word(&operation, &ask(&operation, client, &reference).await, &whole));
            }
            actual.push(cells);
        }
        let differ: String =
            actual.iter().filter(|cells| !expected.iter().any(|row| row == *cells)).map(|cells| line(cells)).collect();
        assert!(differ.is_empty(), "the service responds otherwise than the policy states:\n{differ}");
        assert_eq!(expected.len(), actual.len(), "the policy has other operations than the document");
    });
}
