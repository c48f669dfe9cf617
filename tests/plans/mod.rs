//! The query plans of the large lists: milestones, agreements, commitments and their reports, the ledger, the audit log.
//!
//! For every filter an index returns the rows in the requested order, so that a page ends at its last row instead of reading
//! and sorting all rows that match. A range (due dates, overdue, changed since) can share an index only with its own order, and
//! is tested with that order. No plan reads a table without an index or sorts, and a list of one pairing, agreement or record
//! never reads beyond it. SQLite is tested with statistics and without. So is PostgreSQL, whose planner may well read a small
//! table completely: sequential scans, bitmaps and sorts are turned off, which leaves them in a plan only where no index can
//! serve; how far a page reads is left to the planner. The statements are those of the service: its own list functions run on a
//! connection that records them, for a first page and for a later one.

mod cases;
mod data;
mod outbox;
mod recorded;

use std::sync::{Arc, Mutex};

use diesel::connection::{Connection, InstrumentationEvent};
use diesel::prelude::*;
use diesel::sql_types::Text;
use pairing_tracker::db::Conn;
use pairing_tracker::db::page::{Key, PageRequest};
use serde_json::{Value, json};

use crate::common::databases;
use cases::{Case, Filter, all, cases, one};
use data::{day, fill};

/// A sort key in the middle of an order.
fn middle(sort: &str) -> Key {
    let value = match sort.trim_start_matches('-') {
        "due_on" | "signed_on" | "value_on" | "period_end_on" => day(700).to_string(),
        "updated_at" | "at" | "first_at" => format!("{}T08:00:00.000000Z", day(700)),
        "code" => "agreement-2".to_owned(),
        _ => "150".to_owned(),
    };
    Key { value, id: 150 }
}

/// The statement that reads a page of ids, as the list's own function sends it.
fn statement(conn: &mut Conn, case: &Case, filter: &Value, sort: &str, after: Option<Key>) -> String {
    let mut filter = filter.clone();
    filter["sort"] = json!(sort);
    let page = PageRequest { limit: 20, after, count: false, list: String::new() };
    let mut found = statements(conn, |conn| {
        (case.list)(conn, filter, &page).expect("the list is read");
    });
    found.retain(|text| text.contains(" ORDER BY ") && text.contains(" LIMIT "));
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// The statements that a function sends, without their values.
fn statements(conn: &mut Conn, work: impl FnOnce(&mut Conn)) -> Vec<String> {
    let noted = Arc::new(Mutex::new(Vec::new()));
    let notes = noted.clone();
    conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            notes.lock().expect("no panic").push(query.to_string());
        }
    });
    work(conn);
    conn.set_instrumentation(|_: InstrumentationEvent<'_>| {});
    let noted = noted.lock().expect("no panic");
    noted.iter().map(|text| text.split(" -- binds:").next().unwrap_or_default().trim().to_owned()).collect()
}

/// A step of SQLite's plans.
#[derive(QueryableByName)]
struct Detail {
    #[diesel(sql_type = Text)]
    detail: String,
}

/// A line of PostgreSQL's plans.
#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    line: String,
}

/// The plan of a statement for any values: its parameters stay open.
fn plan(conn: &mut Conn, sql: &str) -> Vec<String> {
    match conn {
        Conn::Sqlite(conn) => {
            let steps: Vec<Detail> = diesel::sql_query(format!("EXPLAIN QUERY PLAN {sql}")).load(conn).expect("a plan");
            steps.into_iter().map(|step| step.detail).collect()
        }
        Conn::Postgres(conn) => {
            let count = (1..).take_while(|number| sql.contains(&format!("${number}"))).count();
            let nulls = vec!["NULL"; count].join(", ");
            let arguments = if nulls.is_empty() { nulls } else { format!("({nulls})") };
            diesel::sql_query(format!("PREPARE one AS {sql}")).execute(conn).expect("a statement");
            let steps: Vec<Line> =
                diesel::sql_query(format!("EXPLAIN EXECUTE one{arguments}")).load(conn).expect("a plan");
            diesel::sql_query("DEALLOCATE one").execute(conn).expect("it is there");
            steps.into_iter().map(|step| step.line).collect()
        }
    }
}

/// The faults of a plan; none when an index does all of it.
fn wrong(table: &str, filter: &Filter, sort: &str, plan: &[String]) -> Option<&'static str> {
    let has = |words: &str| plan.iter().any(|step| step.contains(words));
    // An SQLite table is ordered by its primary key: without a filter, scanning it gives the order of ids.
    let is_key = sort.ends_with("id") && filter.query.as_object().is_some_and(|query| query.is_empty());
    let scans = plan.iter().any(|step| step.starts_with(&format!("SCAN {table}")) && !step.contains(" USING "));
    let beyond = |column: &str| {
        let reads: Vec<&String> = plan.iter().filter(|step| step.contains(&format!(" {table} USING "))).collect();
        reads.iter().any(|step| !(step.starts_with("SEARCH") && step.contains(column)))
    };
    if has("USE TEMP B-TREE FOR") || has("Sort Key") {
        Some("sorts")
    } else if has("Seq Scan") || (scans && !is_key) {
        Some("reads the whole table")
    } else if filter.bound.is_some_and(beyond) {
        Some("walks beyond what it is narrowed to")
    } else {
        None
    }
}

/// The faults of every plan of every list.
fn faults(conn: &mut Conn) -> Vec<String> {
    let mut faults = Vec::new();
    for case in cases() {
        for filter in &case.filters {
            for sort in case.sorts.iter().filter(|sort| filter.order.is_none_or(|order| sort.ends_with(order))) {
                for after in [None, Some(middle(sort))] {
                    let place = if after.is_none() { "first" } else { "later" };
                    let sql = statement(conn, &case, &filter.query, sort, after);
                    let plan = plan(conn, &sql);
                    assert!(plan.iter().any(|step| step.contains(case.table)), "{plan:?}");
                    if let Some(wrong) = wrong(case.table, filter, sort, &plan) {
                        faults.push(format!(
                            "{} by {}, sort={sort}, {place} page {wrong}: {plan:?}",
                            case.table, filter.name
                        ));
                    }
                }
            }
        }
    }
    faults
}

/// Leaves PostgreSQL's planner a scan or a sort only where no index serves.
fn turn_off(conn: &mut Conn) {
    if !conn.is_sqlite() {
        for what in ["seqscan", "sort", "incremental_sort", "bitmapscan"] {
            diesel::sql_query(format!("SET enable_{what} = off")).execute(conn).expect("a setting");
        }
    }
}

#[test]
fn every_large_list_is_read_in_the_order_of_an_index() {
    let mut found = Vec::new();
    for database in databases(true) {
        let mut conn = database.connect();
        conn.transaction(fill).expect("the database is filled");
        turn_off(&mut conn);
        for with_statistics in [false, true] {
            if with_statistics {
                diesel::sql_query("ANALYZE").execute(&mut conn).expect("statistics");
                // Statistics decide how a connection plans when it is opened.
                conn = database.connect();
                turn_off(&mut conn);
            }
            let faults = faults(&mut conn).into_iter();
            found.extend(faults.map(|fault| format!("{}, statistics: {with_statistics}: {fault}", database.name)));
        }
    }
    assert!(found.is_empty(), "{} plans:\n{}", found.len(), found.join("\n"));
}

#[test]
fn a_plan_without_a_suitable_index_is_detected() {
    for database in databases(true) {
        let mut conn = database.connect();
        turn_off(&mut conn);
        let of_note = all("note", json!({ "note": "x" }));
        for (sql, reason) in [
            ("SELECT id FROM milestones ORDER BY note, id LIMIT 20", "sorts"),
            ("SELECT count(*) FROM milestones WHERE note = 'x'", "reads the whole table"),
        ] {
            let plan = plan(&mut conn, sql);
            assert_eq!(wrong("milestones", &of_note, "due_on", &plan), Some(reason), "{plan:?}");
        }
        if conn.is_sqlite() {
            let of_pairing = one("pairing_id", "pairing", json!({ "pairing": "1" }));
            let plan =
                plan(&mut conn, "SELECT id FROM milestones WHERE pairing_id + 0 = 1 ORDER BY due_on, id LIMIT 20");
            let wrong = wrong("milestones", &of_pairing, "due_on", &plan);
            assert_eq!(wrong, Some("walks beyond what it is narrowed to"), "{plan:?}");
        }
    }
}
