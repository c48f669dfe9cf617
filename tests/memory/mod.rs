//! The memory of one request is bounded: every operation that reads is run over 100,000 milestones with their history, and
//! the process may grow by no more than [`GROWTH_MAX`] meanwhile.
//!
//! Every GET of the document is run: as it is by default and, where it is a list, with its largest page and as a file of
//! each format. Operations whose working set depends on more than that have further requests in [`further`]. So a new
//! operation is measured without a line here. The program runs as a process, whose peak Linux tells.

pub mod dataset;
mod process;

use std::path::Path;
use std::time::Duration;

use actix_web::http::Method;
use chrono::SecondsFormat;
use pairing_tracker::access::Role;

use crate::common::builders::{Operation, operations};
use crate::common::tamper::execute;
use crate::common::{Client, Database, Session, databases};
use crate::examples::gather;
use process::{Measured, Seen, peak_of_command};

const MILESTONES: i64 = 100_000;
/// What a process may grow by for one request, in KiB.
const GROWTH_MAX: u64 = 50 * 1024;
/// Operations without an answer to be had here, and why.
const NOT_RUN: [(&str, &str); 2] = [
    ("getDocumentContent", "a file is sent a piece at a time; no document of the examples has one"),
    ("getMarkedImport", "the examples' import keeps no workbook"),
];
/// What a service builds once, and fills SQLite's caches with.
const WARM_UP: [&str; 4] = [
    "/",
    "/api/v1/milestones?limit=1000&sort=-updated_at",
    "/api/v1/audit-events?limit=1000",
    "/api/v1/reports/scorecard",
];
/// Events that a webhook's backlog is gathered from, at least, before its memory is judged.
const BACKLOG: i64 = 9_500;

/// Requests besides the default ones of every operation.
fn further(pairing: &str) -> Vec<String> {
    let day =
        |instant: pairing_tracker::model::types::Instant| instant.utc().to_rfc3339_opts(SecondsFormat::Secs, true);
    let mut all = Vec::new();
    // Before everything, before the changes, and after them.
    let instants = ["2022-01-01T00:00:00Z".to_owned(), day(dataset::created_at()), day(dataset::changed_at())];
    for group in ["programme", "pairing", "sector", "agreement", "project", "member"] {
        all.push(format!("/api/v1/reports/scorecard?group_by={group}&limit=1000"));
        let instant = &instants[1];
        all.push(format!("/api/v1/reports/scorecard?group_by={group}&limit=1000&recorded_at={instant}"));
    }
    for instant in [&instants[0], &instants[2]] {
        all.push(format!("/api/v1/reports/scorecard?recorded_at={instant}"));
    }
    all.push(format!("/api/v1/reports/scorecard?pairing={pairing}&recorded_at={}", instants[1]));
    all.push("/api/v1/reports/timeline?limit=1000&count=true&from=2022-01-01".to_owned());
    all.push("/api/v1/audit-events?limit=1000&count=true&entity=milestone&sort=at".to_owned());
    // The formats of files are written alike for every list.
    for list in ["milestones", "audit-events", "reports/timeline"] {
        all.extend(["csv", "xlsx"].map(|format| format!("/api/v1/{list}.{format}")));
    }
    all.push("/api/v1/milestones?limit=1000&count=true&overdue=true".to_owned());
    for format in ["json", "yaml", "xlsx"] {
        all.push(format!("/api/v1/exports/bundle.{format}"));
        all.push(format!("/api/v1/exports/bundle.{format}?programme=jiangmen-east-west"));
    }
    all.push(format!("/api/v1/imports/template.xlsx?pairing={pairing}"));
    all.extend(["/".to_owned(), "/metrics".to_owned()]);
    all
}

/// The requests by which an operation is run.
async fn requests(operation: &Operation, client: &Client, pairing: &str) -> Vec<String> {
    let reference = if operation.template.starts_with("/api/v1/pairings/{ref}") {
        pairing.to_owned()
    } else {
        operation.some_record(client).await
    };
    let path = operation.path(&reference);
    let mut all = vec![path.clone()];
    if operation.parameters().iter().any(|name| name == "cursor") {
        all.push(format!("{path}?limit=1000&count=true"));
        all.push(format!("{path}.ndjson"));
    }
    all
}

fn check(path: &str, seen: &Seen, faults: &mut Vec<String>) {
    eprintln!("{:>7} KiB {} {} {path}", seen.growth, seen.status, if seen.is_whole { "whole" } else { "begun" });
    if seen.growth > GROWTH_MAX {
        faults.push(format!("{path}: {} KiB", seen.growth));
    }
    // One that was given up before its head came had nothing else against it.
    if seen.status != 200 && seen.is_whole {
        faults.push(format!("{path}: answered {}", seen.status));
    }
}

#[test]
fn no_request_holds_a_table_in_memory() {
    // What is measured is the program's process; on PostgreSQL a part of the work is in the server's.
    let Some(database) = databases(true).into_iter().next() else { return };
    let (paths, key, pairing) = prepare(&database);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let url = database.url.to_string();
    let mut service = Measured::start(directory.path(), &url, &key, &WARM_UP);
    let mut faults = Vec::new();
    for path in paths.iter().chain(&further(&pairing)) {
        let seen = service.measure(path, &key);
        check(path, &seen, &mut faults);
        if !seen.is_whole {
            // It may still be at work on what nobody reads.
            service = Measured::start(directory.path(), &url, &key, &WARM_UP);
        }
    }
    drop(service);
    faults.extend(backlog(&database, directory.path(), &key));
    for args in [&["audit", "verify"][..], &["export"]] {
        let peak = peak_of_command(directory.path(), &[&["--database-url", &url], args].concat());
        eprintln!("{peak:>7} KiB {args:?}");
        if peak > 2 * GROWTH_MAX {
            faults.push(format!("{args:?}: {peak} KiB at its peak"));
        }
    }
    assert_eq!(faults, Vec::<String>::new());
}

/// Measures a service that gathers the backlog of a webhook which has looked at no event yet.
fn backlog(database: &Database, directory: &Path, key: &str) -> Option<String> {
    let url = database.url.to_string();
    let service = Measured::start(directory, &url, key, &WARM_UP);
    execute(&mut database.connect(), "UPDATE webhooks SET status = 'active', event_cursor = 0")
        .expect("it is set back");
    let cursor = || service.ask("/api/v1/webhooks", key)["items"][0]["event_cursor"].as_i64().expect("a cursor");
    while cursor() < BACKLOG {
        std::thread::sleep(Duration::from_millis(50));
    }
    let growth = service.growth();
    eprintln!("{growth:>7} KiB the backlog of a webhook");
    (growth > GROWTH_MAX).then(|| format!("the backlog of a webhook: {growth} KiB"))
}

/// Fills a database; gives the requests of every operation, a key, and the pairing that holds most.
fn prepare(database: &Database) -> (Vec<String>, String, String) {
    actix_web::rt::System::new().block_on(async {
        let _session = Session;
        let client = database.client();
        gather(&client).await;
        let mut paths = vec!["/healthz".to_owned(), "/readyz".to_owned()];
        let pairing = client.get("pairings?sort=id&limit=1").await.expect(200).body["items"][0]["id"].to_string();
        for operation in operations().into_iter().filter(|operation| operation.method == Method::GET) {
            if NOT_RUN.iter().all(|(id, _)| *id != operation.id) {
                paths.extend(requests(&operation, &client, &pairing).await);
            }
        }
        let mut conn = database.connect();
        dataset::fill(&mut conn, MILESTONES);
        // Their work is measured by itself.
        execute(&mut conn, "UPDATE webhooks SET status = 'paused'").expect("they are paused");
        (paths, database.key("memory", Role::Admin, &[]), pairing)
    })
}
