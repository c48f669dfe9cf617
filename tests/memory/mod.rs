//! The memory of one request is bounded: every operation that reads is run over 100,000 milestones with their history, and
//! the process may grow by no more than [`GROWTH_MAX`] meanwhile.
//!
//! Every GET of the document is run: as it is by default and, where it is a list, with its largest page and as a file of
//! each format. Operations whose working set depends on more than that have further requests in [`further`]. So a new
//! operation is measured without a line here. The program runs as a process, whose peak Linux tells.

mod dataset;
mod process;

use actix_web::http::Method;
use chrono::SecondsFormat;
use pairing_tracker::access::Role;

use crate::common::builders::{Operation, operations};
use crate::common::program::Service;
use crate::common::{Client, Database, Session, databases};
use crate::examples::gather;
use process::{Seen, TRIM, measure, peak_of_command};

/// What a process may grow by for one request, in KiB.
const GROWTH_MAX: u64 = 50 * 1024;
/// Operations without an answer to be had here, and why.
const NOT_RUN: [(&str, &str); 2] = [
    ("getDocumentContent", "a file is sent a piece at a time; no document of the examples has one"),
    ("getMarkedImport", "the examples' import keeps no workbook"),
];
/// The formats of lists, as suffixes.
const FILES: [&str; 3] = [".ndjson", ".csv", ".xlsx"];

/// Requests besides the default ones of every operation.
fn further(pairing: &str) -> Vec<String> {
    let day = |instant: pairing_tracker::db::types::Instant| instant.utc().to_rfc3339_opts(SecondsFormat::Secs, true);
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
    all.push("/api/v1/milestones?limit=1000&count=true&sort=-updated_at".to_owned());
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
        all.extend(FILES.map(|suffix| format!("{path}{suffix}")));
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
    // The server's side of a request is a process that is not ours; one backend shows ours.
    let Some(database) = databases(true).into_iter().next() else { return };
    let began = std::time::Instant::now();
    let (paths, key, pairing) = prepare(&database);
    eprintln!("filled in {:?}", began.elapsed());
    let directory = tempfile::tempdir().expect("a temporary directory");
    let url = database.url.to_string();
    let start = || Service::start_with(directory.path(), &["--database-url", &url, "--connections", "2"], &TRIM);
    let mut service = start();
    let mut faults = Vec::new();
    for path in paths.iter().chain(&further(&pairing)) {
        let seen = measure(&service, path, &key);
        check(path, &seen, &mut faults);
        if !seen.is_whole {
            // It is still at work on what nobody reads.
            service = start();
        }
    }
    drop(service);
    for args in [&["audit", "verify"][..], &["export", "--format", "ndjson"]] {
        let peak = peak_of_command(directory.path(), &[&["--database-url", &url], args].concat());
        eprintln!("{peak:>7} KiB {args:?}");
        if peak > 2 * GROWTH_MAX {
            faults.push(format!("{args:?}: {peak} KiB at its peak"));
        }
    }
    eprintln!("all in {:?}", began.elapsed());
    assert_eq!(faults, Vec::<String>::new());
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
        dataset::fill(&mut database.connect());
        (paths, database.key("memory", Role::Admin, &[]), pairing)
    })
}
