//! References between records of one kind, as deep and as wide as they can get: each traversal is one statement, ends at a
//! cycle, and is bounded.

use diesel::connection::SimpleConnection;
use serde_json::{Value, json};

use crate::common::records::{create, fault, milestone, with};
use crate::common::{Client, Database, on_each};

/// More records than a change may reach.
const TOO_MANY: i64 = 10_001;

/// The numbers from 1 on, as a table `n(i)` on either backend.
fn numbers(database: &Database, count: i64) -> String {
    match database.name {
        "sqlite" => format!(
            "(WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < {count}) SELECT i FROM c) n"
        ),
        _ => format!("(SELECT i FROM generate_series(1, {count}) i) n"),
    }
}

/// Copies one milestone `count` times, with the ids after `base`, by SQL: requests would take hours.
fn copies(database: &Database, id: &Value, base: i64, count: i64) {
    let columns = "version, created_at, updated_at, pairing_id, agreement_id, project_id, title_zh, due_on, \
         baseline_due_on, status, progress, weight_thousandths";
    let numbers = numbers(database, count);
    let sql = format!(
        "INSERT INTO milestones (id, code, {columns}) SELECT {base} + n.i, 'copy-{base}-' || n.i, {columns} \
         FROM milestones JOIN {numbers} ON milestones.id = {id}"
    );
    database.connect().batch_execute(&sql).expect("the rows are inserted");
}

/// Adds dependencies: `SELECT from, to` over the numbers up to `count`.
fn depend(database: &Database, count: i64, from: &str, to: &str) {
    let numbers = numbers(database, count);
    let sql = format!(
        "INSERT INTO milestone_dependencies (milestone_id, depends_on_id, position) SELECT {from}, {to}, n.i FROM {numbers}"
    );
    database.connect().batch_execute(&sql).expect("the rows are inserted");
}

async fn depends_on(client: &Client, code: &str, on: Value) -> Vec<(String, String)> {
    let response = client.patch(&format!("milestones/{code}"), json!({ "depends_on": on })).await;
    if response.status == 200 { Vec::new() } else { response.expect(422).faults() }
}

#[test]
fn long_chains_and_wide_fans_of_dependencies_are_traversed() {
    on_each(|database| async move {
        let client = database.client();
        let first = create(&client, "milestones", milestone("first")).await.body["id"].clone();
        create(&client, "milestones", milestone("last")).await;
        // 1,000,001 depends on 1,000,002, and so on; the end of the chain depends on the first.
        let (base, length) = (1_000_000, 3_000);
        copies(&database, &first, base, length);
        depend(&database, length - 1, &format!("{base} + n.i"), &format!("{base} + n.i + 1"));
        assert_eq!(depends_on(&client, "last", json!([(base + 1).to_string()])).await, []);
        depend(&database, 1, &(base + length).to_string(), &first.to_string());
        assert_eq!(
            depends_on(&client, "first", json!([(base + 1).to_string()])).await,
            [fault("/depends_on", "cycle")]
        );
        // Each of 100 depends on each of the 100 in the layer below: few records, but a million paths through them.
        let layered = 2_000_000;
        copies(&database, &first, layered, 400);
        for layer in 0..3 {
            let from = format!("{layered} + {layer} * 100 + (n.i - 1) / 100 + 1");
            let to = format!("{layered} + {layer} * 100 + 100 + (n.i - 1) % 100 + 1");
            depend(&database, 10_000, &from, &to);
        }
        assert_eq!(depends_on(&client, "last", json!([(layered + 1).to_string()])).await, []);
        // One milestone that depends on thousands.
        let fan = 3_000_000;
        copies(&database, &first, fan, 5_000);
        depend(&database, 4_999, &(fan + 1).to_string(), &format!("{fan} + n.i + 1"));
        assert_eq!(depends_on(&client, "last", json!([(fan + 1).to_string()])).await, []);
    });
}

#[test]
fn traversal_ends_at_an_existing_cycle_and_refuses_graphs_that_are_too_large() {
    on_each(|database| async move {
        let client = database.client();
        let first = create(&client, "milestones", milestone("first")).await.body["id"].clone();
        let base = 1_000_000;
        copies(&database, &first, base, TOO_MANY + 2);
        depend(&database, 2, &format!("{base} + n.i"), &format!("{base} + 3 - n.i"));
        let in_cycle = json!([(base + 1).to_string()]);
        assert_eq!(depends_on(&client, "first", in_cycle.clone()).await, []);
        depend(&database, TOO_MANY - 1, &format!("{base} + n.i + 2"), &format!("{base} + n.i + 3"));
        let too_many = json!([(base + 1).to_string(), (base + 3).to_string()]);
        assert_eq!(depends_on(&client, "first", too_many.clone()).await, [fault("/depends_on", "too_many_reached")]);
        // References that the record already has are not traversed again, so its other fields can be changed.
        depend(&database, 1, &first.to_string(), &(base + 3).to_string());
        client.patch("milestones/first", json!({ "note": "改", "depends_on": too_many })).await.expect(200);
        assert_eq!(depends_on(&client, "first", in_cycle).await, []);
    });
}

#[test]
fn trees_are_bounded_and_traversal_ends_at_a_cycle() {
    on_each(|database| async move {
        let client = database.client();
        let top = create(&client, "sectors", json!({ "code": "top", "name": { "zh": "顶" } })).await.body["id"].clone();
        let numbers = numbers(&database, TOO_MANY);
        let insert = |table: &str, more: &str, values: &str, base: i64| {
            format!(
                "INSERT INTO {table} (id, code, version, created_at, updated_at, name_zh, parent_id{more}) \
                 SELECT {base} + n.i, 'row-{base}-' || n.i, 1, '2022-01-01 00:00:00', '2022-01-01 00:00:00', '甲', \
                 CASE WHEN n.i > 1 THEN {base} + n.i - 1 END{values} FROM {numbers} ORDER BY n.i"
            )
        };
        let sectors = insert("sectors", "", "", 1_000_000);
        database.connect().batch_execute(&sectors).expect("the rows are inserted");
        let under = async |parent: i64| {
            let response = client.patch("sectors/top", json!({ "parent": parent.to_string() })).await;
            if response.status == 200 { Vec::new() } else { response.expect(422).faults() }
        };
        assert_eq!(under(1_000_000 + TOO_MANY).await, [fault("/parent", "too_many_reached")]);
        assert_eq!(under(1_000_000 + TOO_MANY - 1).await, []);
        let close = format!("UPDATE sectors SET parent_id = {top} WHERE id = 1000001");
        database.connect().batch_execute(&close).expect("the row is changed");
        assert_eq!(under(1_009_000).await, [fault("/parent", "cycle")]);
        let close = "UPDATE sectors SET parent_id = 1000002 WHERE id = 1000001";
        database.connect().batch_execute(close).expect("the row is changed");
        assert_eq!(under(1_000_001).await, []);
        // Reads of the whole tree end, too.
        client.get("sectors?limit=1000").await.expect(200);
        client.get("reports/scorecard?group_by=member").await.expect(200);
    });
}

#[test]
fn a_timeline_covers_more_records_than_a_statement_has_parameters() {
    on_each(|database| async move {
        let client = database.client();
        let sector = "education";
        let project = with(
            crate::common::records::project("park"),
            json!({
                "sectors": [{ "sector": sector, "percent": 100 }], "planned_start_on": "2022-05-01"
            }),
        );
        let id = create(&client, "projects", project).await.body["id"].clone();
        let numbers = numbers(&database, 40_000);
        let columns = "version, created_at, updated_at, pairing_id, title_zh, currency, status, planned_start_on";
        let sql = format!(
            "INSERT INTO projects (id, code, {columns}) SELECT 1000000 + n.i, 'park-' || n.i, {columns} \
             FROM projects JOIN {numbers} ON projects.id = {id}; \
             INSERT INTO project_sectors (project_id, sector_id, position, share) \
             SELECT 1000000 + n.i, sector_id, position, share FROM project_sectors JOIN {numbers} \
             ON project_sectors.project_id = {id};"
        );
        database.connect().batch_execute(&sql).expect("the rows are inserted");
        let query = format!("reports/timeline?sector={sector}&event=planned_start&count=true&limit=1");
        let timeline = client.get(&query).await.expect(200).body;
        assert_eq!(timeline["total"], 40_001);
    });
}
