//! The number of SQL statements that a request needs.

use pairing_tracker::db::Class;
use serde_json::json;

use crate::common::records::{create, milestone, with};
use crate::common::{Client, on_each};
use crate::examples::create_examples;

/// One record: its row, its lists and its citations.
const ONE_MAX: u64 = 4;
/// A page: the ids in order, and the records.
const PAGE_MAX: u64 = 5;
/// Between `BEGIN` and `COMMIT` of a new milestone with an agreement.
const CREATED_MAX: u64 = 8;

/// The statements that reads have run so far.
fn of_reads(client: &Client) -> u64 {
    client.state.store.loads().filter(|load| load.class == Class::ShortRead).map(|load| load.statements).sum()
}

/// The statements that writes have run so far.
fn of_writes(client: &Client) -> u64 {
    match client.state.store.writer_load() {
        Some(writer) => writer.statements,
        None => client.state.store.loads().filter(|load| load.class == Class::Write).map(|load| load.statements).sum(),
    }
}

/// Runs a GET whose names of references are cached already, and gives the number of its statements.
async fn read(client: &Client, path: &str) -> u64 {
    let before = of_reads(client);
    client.get(path).await.expect(200);
    of_reads(client) - before
}

#[test]
fn records_and_pages_need_few_statements() {
    on_each(|database| async move {
        let client = database.client();
        create_examples(&client).await;
        let mut excessive = Vec::new();
        for kind in client.state.catalog.kinds {
            let path = kind.path;
            let list = client.get(&format!("{path}?limit=1000")).await;
            if list.status != 200 {
                continue;
            }
            let id = list.body["items"][0]["id"].as_i64().unwrap_or_else(|| panic!("{path} has no example"));
            let (one, page) =
                (read(&client, &format!("{path}/{id}")).await, read(&client, &format!("{path}?limit=999")).await);
            if one > ONE_MAX || page > PAGE_MAX {
                excessive.push(format!("{path}: {one} for one record, {page} for a page"));
            }
        }
        assert!(excessive.is_empty(), "too many statements:\n{}", excessive.join("\n"));
    });
}

#[test]
fn a_milestone_is_created_with_few_statements() {
    on_each(|database| async move {
        let client = database.client();
        let new = with(milestone("first"), json!({ "code": null, "responsible": ["cpc-jiangmen"] }));
        // The agreement and the organization are cached from then on.
        create(&client, "milestones", new.clone()).await;
        let mut fewest = u64::MAX;
        for _ in 0..5 {
            let before = of_writes(&client);
            client.post("milestones", new.clone()).await.expect(201);
            // SQLite's writer also looks for changes of other processes from time to time.
            fewest = fewest.min(of_writes(&client) - before);
        }
        assert!(fewest <= CREATED_MAX, "{fewest} statements");
    });
}
