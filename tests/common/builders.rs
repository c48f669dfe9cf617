//! Shared by the tests of conventions: the operations of the document, lists read page by page, and clients in threads.

use std::thread;

use actix_web::http::Method;
use serde_json::{Value, json};

use super::client::Response;
use super::{Client, DOCUMENT, Database, Session, databases};

/// One operation of the document below `/api/v1`.
pub struct Operation {
    pub id: &'static str,
    pub method: Method,
    /// The template, with `{ref}`.
    pub template: &'static str,
    pub document: &'static Value,
}

/// Every operation below `/api/v1`, in the document's order.
pub fn operations() -> Vec<Operation> {
    let mut all = Vec::new();
    for (template, item) in DOCUMENT["paths"].as_object().expect("paths") {
        for (method, document) in item.as_object().expect("a path item") {
            let id = document["operationId"].as_str().expect("an id");
            let method = method.to_ascii_uppercase().parse().expect("a method");
            all.push(Operation { id, method, template, document });
        }
    }
    all.retain(|operation| operation.template.starts_with("/api/v1/"));
    all
}

/// Every operation that writes.
pub fn writes() -> Vec<Operation> {
    operations().into_iter().filter(|operation| operation.method != Method::GET).collect()
}

/// Every operation that returns a page.
pub fn lists() -> Vec<Operation> {
    let is_list = |operation: &Operation| operation.parameters().iter().any(|name| name == "cursor");
    operations().into_iter().filter(is_list).collect()
}

/// An example of the document, given directly or as the first of several.
pub fn example(media: &Value) -> Option<&Value> {
    media.get("example").or_else(|| media["examples"].as_object()?.values().next()?.get("value"))
}

impl Operation {
    pub fn takes_reference(&self) -> bool {
        self.template.contains("{ref}")
    }

    pub fn path(&self, reference: &str) -> String {
        self.template.replace("{ref}", reference)
    }

    /// Query parameters that the operation requires: for a file, its format.
    pub fn query(&self) -> &'static str {
        if self.id == "createImport" { "?file_name=nothing.json" } else { "" }
    }

    /// The media types of the body and what the document says of each; empty without a body.
    pub fn bodies(&self) -> Vec<(&'static str, &'static Value)> {
        let content = self.document["requestBody"]["content"].as_object();
        content.into_iter().flatten().map(|(media_type, media)| (media_type.as_str(), media)).collect()
    }

    /// The names of the query parameters.
    pub fn parameters(&self) -> Vec<String> {
        let parameters = self.document["parameters"].as_array().cloned().unwrap_or_default();
        let in_query = parameters.iter().filter(|parameter| parameter["in"] == "query");
        in_query.map(|parameter| parameter["name"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// The values of `sort`; one empty value where the list has one order.
    pub fn sorts(&self) -> Vec<String> {
        let parameters = self.document["parameters"].as_array().into_iter().flatten();
        let sort = parameters.filter(|parameter| parameter["name"] == "sort").flat_map(|parameter| {
            parameter["schema"]["enum"].as_array().into_iter().flatten().filter_map(|value| value.as_str())
        });
        let sorts: Vec<String> = sort.map(str::to_owned).collect();
        if sorts.is_empty() { vec![String::new()] } else { sorts }
    }

    /// A record for the operation: the first of its list, or for a list under a record the first whose list has items. `None`
    /// where the operation takes no reference.
    pub async fn some_record(&self, client: &Client) -> String {
        let Some((collection, _)) = self.template.split_once("/{ref}") else { return String::new() };
        let page = client.get(&format!("{collection}?limit=1000")).await.expect(200);
        let all = ids(page.body["items"].as_array().expect("items"));
        let first = all.first().unwrap_or_else(|| panic!("{collection} is empty: make the examples first"));
        if self.parameters().iter().any(|name| name == "cursor") {
            for id in &all {
                let list = client.get(&self.path(&id.to_string())).await.expect(200);
                if list.body["items"] != json!([]) {
                    return id.to_string();
                }
            }
        }
        first.to_string()
    }

    /// Sends the operation's own example, with `If-Match: *` where it needs a precondition.
    pub async fn send(&self, client: &Client, reference: &str) -> Response {
        let path = format!("{}{}", self.path(reference), self.query());
        let mut headers = Vec::new();
        if matches!(self.method, Method::PATCH | Method::DELETE) {
            headers.push(("If-Match", "*"));
        }
        let body = self.bodies().first().map(|(media_type, media)| {
            headers.push(("Content-Type", *media_type));
            match example(media) {
                Some(example) => example.to_string().into_bytes(),
                None => b"{}".to_vec(),
            }
        });
        client.send_bytes(self.method.clone(), &path, &headers, body).await
    }
}

/// Joins a path and the parts of a query that are not empty.
pub fn with_query(path: &str, parts: &[&str]) -> String {
    let parts: Vec<&str> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { path.to_owned() } else { format!("{path}?{}", parts.join("&")) }
}

/// Every item of a list, in pages of `limit`. Panics if a page is too long, or empty before the end.
pub async fn walk(client: &Client, path: &str, query: &str, limit: usize) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    let limit_part = format!("limit={limit}");
    loop {
        let cursor_part = if cursor.is_empty() { String::new() } else { format!("cursor={cursor}") };
        let page = client.get(&with_query(path, &[query, &limit_part, &cursor_part])).await.expect(200);
        let found = page.body["items"].as_array().expect("items").clone();
        assert!(found.len() <= limit, "{path}: {} items on a page of {limit}", found.len());
        items.extend_from_slice(&found);
        match page.body["next_cursor"].as_str() {
            Some(next) => {
                // A page of events ends early where its events are large.
                let may_be_short = path.ends_with("/history") || path.contains("audit-events");
                assert!(found.len() == limit || may_be_short, "{path}: a page that is not the last is full");
                assert_ne!(next, cursor, "{path}: the cursor moves");
                cursor = next.to_owned();
            }
            None => return items,
        }
    }
}

/// The ids of items.
pub fn ids(items: &[Value]) -> Vec<i64> {
    items.iter().map(|item| item["id"].as_i64().expect("an id")).collect()
}

/// A draft of Xinhui and Taishan without parties, which can move to another pairing.
pub fn bare_agreement(code: &str, pairing: &str) -> Value {
    json!({ "code": code, "pairing": pairing, "kind": "other", "title": { "zh": "草案" } })
}

/// Runs work in several threads, each with its own runtime and application over one state.
pub fn in_threads<T: Send + 'static>(
    client: &Client,
    threads: usize,
    work: impl AsyncFn(Client, usize) -> T + Clone + Send + 'static,
) -> Vec<T> {
    let handles: Vec<thread::JoinHandle<T>> = (0..threads)
        .map(|index| {
            let (client, work) = (client.clone(), work.clone());
            thread::spawn(move || block_on(async || work(client, index).await))
        })
        .collect();
    handles.into_iter().map(|handle| handle.join().expect("no thread panics")).collect()
}

/// Runs a test that creates its own runtimes on each backend, over the seeded database.
pub fn on_each_with_own_runtime(test: impl Fn(&Database, Client)) {
    for database in databases(true) {
        eprintln!("on {}", database.name);
        let client = block_on(async || database.client());
        test(&database, client);
    }
}

/// Runs a future in its own runtime.
pub fn block_on<T>(work: impl AsyncFnOnce() -> T) -> T {
    actix_web::rt::System::new().block_on(async {
        let _session = Session;
        work().await
    })
}
