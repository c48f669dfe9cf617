//! The memory of one request is bounded: every operation that reads is run over 100,000 milestones with their audit events, and
//! the process may grow by at most [`GROWTH_MAX`] meanwhile.
//!
//! Every GET of the document is run with its defaults and, where it is a list, with its largest page and as a file of each
//! format. Operations whose working set depends on more than that have further requests in [`further`]. So a new operation is
//! measured without a change here. The program runs as a process, whose peak Linux reports.

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
use crate::examples::create_examples;
use process::{Measured, Measurement, peak_of_command};

const MILESTONES: i64 = 100_000;
/// The limit of a process's growth for one request, in KiB.
const GROWTH_MAX: u64 = 50 * 1024;
/// Operations that have no response here, and why.
const NOT_RUN: [(&str, &str); 2] = [
    ("getDocumentContent", "a file is sent a piece at a time; no document of the examples has one"),
    ("getMarkedImport", "the examples' import keeps no workbook"),
];
/// Requests after which a service has built everything that it builds once, and SQLite's caches are full.
const WARM_UP: [&str; 4] = [
    "/",
    "/api/v1/milestones?limit=1000&sort=-updated_at",
    "/api/v1/audit-events?limit=1000",
    "/api/v1/reports/scorecard",
];
/// The least number of events in a webhook's backlog before its memory is measured.
const BACKLOG: i64 = 9_500;

/// Requests in addition to the default ones of every operation.
fn additional_requests(pairing: &str) -> Vec<String> {
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
    // Every list uses the same writers of files, so these few are enough.
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

fn check(path: &str, measured: &Measurement, faults: &mut Vec<String>) {
    eprintln!(
        "{:>7} KiB {} {} {path}",
        measured.growth,
        measured.status,
        if measured.is_whole { "whole" } else { "begun" }
    );
    if measured.growth > GROWTH_MAX {
        faults.push(format!("{path}: {} KiB", measured.growth));
    }
    // A request that timed out before its head has no status to check.
    if measured.status != 200 && measured.is_whole {
        faults.push(format!("{path}: answered {}", measured.status));
    }
}

#[test]
fn no_request_keeps_a_whole_table_in_memory() {
    // The memory of the program's process is measured; on PostgreSQL a part of the work is in the server's.
    let Some(database) = databases(true).into_iter().next() else { return };
    let (paths, key, pairing) = prepare(&database);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let url = database.url.to_string();
    let mut service = Measured::start(directory.path(), &url, &key, &WARM_UP);
    let mut faults = Vec::new();
    for path in paths.iter().chain(&additional_requests(&pairing)) {
        let measured = service.measure(path, &key);
        check(path, &measured, &mut faults);
        if !measured.is_whole {
            // It may still be working on the response that was dropped.
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

/// Measures a service that gathers the backlog of a webhook which has not read any event yet.
fn backlog(database: &Database, directory: &Path, key: &str) -> Option<String> {
    let url = database.url.to_string();
    let service = Measured::start(directory, &url, key, &WARM_UP);
    execute(&mut database.connect(), "UPDATE webhooks SET status = 'active', event_cursor = 0")
        .expect("it is set back");
    let cursor = || service.get_json("/api/v1/webhooks", key)["items"][0]["event_cursor"].as_i64().expect("a cursor");
    while cursor() < BACKLOG {
        std::thread::sleep(Duration::from_millis(50));
    }
    let growth = service.growth();
    eprintln!("{growth:>7} KiB the backlog of a webhook");
    (growth > GROWTH_MAX).then(|| format!("the backlog of a webhook: {growth} KiB"))
}

/// Fills a database; returns the requests of every operation, a key, and the pairing with most milestones.
fn prepare(database: &Database) -> (Vec<String>, String, String) {
    actix_web::rt::System::new().block_on(async {
        let _session = Session;
        let client = database.client();
        create_examples(&client).await;
        let mut paths = vec!["/healthz".to_owned(), "/readyz".to_owned()];
        let pairing = client.get("pairings?sort=id&limit=1").await.expect(200).body["items"][0]["id"].to_string();
        for operation in operations().into_iter().filter(|operation| operation.method == Method::GET) {
            if NOT_RUN.iter().all(|(id, _)| *id != operation.id) {
                paths.extend(requests(&operation, &client, &pairing).await);
            }
        }
        let mut conn = database.connect();
        dataset::fill(&mut conn, MILESTONES);
        // Deliveries are measured separately.
        execute(&mut conn, "UPDATE webhooks SET status = 'paused'").expect("they are paused");
        (paths, database.key("memory", Role::Admin, &[]), pairing)
    })
}
