//! `export`, and the memory that the program uses for large files.

use std::io::{Read, Write};
use std::path::Path;

use pairing_tracker::config::DatabaseUrl;
use pairing_tracker::db::Manager;
use serde_json::Value;

use crate::common::program::{SQLITE, Service, databases, on};
use crate::common::tamper;

const SEED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/seed");

fn seeded(directory: &Path, url: &str) {
    on(directory, url, &["migrate"]).good();
    on(directory, url, &["seed", "apply", SEED]).good();
}

#[test]
fn an_export_changes_nothing_here_and_fills_an_empty_database() {
    for (url, other) in databases().into_iter().zip(databases()) {
        let (directory, elsewhere) =
            (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
        seeded(directory.path(), &url);
        let yaml = on(directory.path(), &url, &["export"]).good();
        for name in ["all.yaml", "all.json", "all.xlsx"] {
            assert_eq!(on(directory.path(), &url, &["export", "--output", name]).good(), "", "{name}");
        }
        assert_eq!(std::fs::read_to_string(directory.path().join("all.yaml")).expect("a file"), yaml);
        let json = std::fs::read_to_string(directory.path().join("all.json")).expect("a file");
        let json: Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(yaml_serde::from_str::<Value>(&yaml).expect("YAML"), json);
        assert!(std::fs::read(directory.path().join("all.xlsx")).expect("a file").starts_with(b"PK"));
        let planned = on(directory.path(), &url, &["seed", "plan", "all.yaml"]).good();
        assert!(planned.contains("Would create 0, change 0, delete 0 and leave "), "{planned}");
        on(elsewhere.path(), &other, &["migrate"]).good();
        std::fs::copy(directory.path().join("all.yaml"), elsewhere.path().join("all.yaml")).expect("copied");
        on(elsewhere.path(), &other, &["seed", "apply", "all.yaml"]).good();
        assert_eq!(on(elsewhere.path(), &other, &["export"]).good(), yaml);
    }
}

#[test]
fn personal_data_is_exported_only_where_it_is_asked_for() {
    let directory = tempfile::tempdir().expect("a directory");
    seeded(directory.path(), SQLITE);
    let liaison = "liaisons:\n- code: leader\n  pairing: xinhui-taishan\n  name: 甲\n  contact: '13800138000'\n";
    std::fs::write(directory.path().join("liaison.yaml"), liaison).expect("written");
    on(directory.path(), SQLITE, &["seed", "apply", "liaison.yaml"]).good();
    let exported = |args: &[&str]| on(directory.path(), SQLITE, args).good();
    assert!(!exported(&["export"]).contains("contact"));
    let personal = exported(&["export", "--personal", "--format", "json", "--programme", "jiangmen-east-west"]);
    assert!(personal.contains("13800138000"));
}

#[test]
fn a_failed_export_leaves_the_file_unchanged() {
    let directory = tempfile::tempdir().expect("a directory");
    let missing = on(directory.path(), SQLITE, &["export"]).refused();
    assert!(missing.contains("there is no database"), "{missing}");
    seeded(directory.path(), SQLITE);
    std::fs::write(directory.path().join("mine.yaml"), "mine").expect("written");
    let before = std::fs::read_dir(directory.path()).expect("a directory").count();
    let unknown = ["export", "--programme", "none", "--output", "mine.yaml"];
    let refused = on(directory.path(), SQLITE, &unknown).refused();
    assert_eq!(refused, "--programme: there is no programme \"none\"; the database has jiangmen-east-west");
    let near = on(directory.path(), SQLITE, &["export", "--programme", "jiangmen"]).refused();
    assert_eq!(near, "--programme: there is no programme \"jiangmen\"; did you mean jiangmen-east-west?");
    for (name, reason) in [
        (
            "x.csv",
            "an export cannot be .csv; use .yaml, .json or .xlsx, for one resource see GET /api/v1/milestones.csv",
        ),
        ("x.txt", "an export cannot be .txt; use .yaml, .json or .xlsx, or give --format"),
    ] {
        assert_eq!(on(directory.path(), SQLITE, &["export", "--output", name]).refused(), format!("{name}: {reason}"));
    }
    assert_eq!(std::fs::read_to_string(directory.path().join("mine.yaml")).expect("a file"), "mine");
    let nowhere = on(directory.path(), SQLITE, &["export", "--output", "nowhere/all.yaml"]).refused();
    assert!(nowhere.starts_with("nowhere/all.yaml: "), "{nowhere}");
    assert_eq!(std::fs::read_dir(directory.path()).expect("a directory").count(), before, "nothing is left behind");
}

/// Reads an answer to its end; gives its lines, and the most memory that the service had meanwhile.
fn drain(service: &Service, path: &str) -> (usize, u64) {
    let mut stream = service.connect();
    let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("it reads");
    let (mut part, mut lines, mut most, mut reads) = (vec![0; 256 * 1024], 0, 0, 0);
    loop {
        let count = stream.read(&mut part).expect("it answers");
        if count == 0 {
            return (lines, most);
        }
        lines += part[..count].iter().filter(|byte| **byte == b'\n').count();
        reads += 1;
        if reads % 20 == 1 {
            most = most.max(service.memory("VmRSS:").unwrap_or_default());
        }
    }
}

#[test]
fn a_large_file_takes_no_more_memory_than_a_small_one() {
    const MANY: usize = 50_000;
    let directory = tempfile::tempdir().expect("a directory");
    seeded(directory.path(), SQLITE);
    let url = DatabaseUrl::Sqlite(directory.path().join("test.db"));
    let mut conn = Manager::new(url).open().expect("a connection");
    let insert = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY}) \
         INSERT INTO milestones (version, created_at, updated_at, pairing_id, agreement_id, title_zh, progress, \
         weight_thousandths, due_on, baseline_due_on, status, kind) \
         SELECT 1, m.created_at, m.updated_at, m.pairing_id, m.agreement_id, m.title_zh, 0, 1000, m.due_on, \
         m.baseline_due_on, 'scheduled', CASE WHEN i <= 1000 THEN 'few' ELSE 'many' END \
         FROM n, (SELECT * FROM milestones WHERE agreement_id IS NOT NULL AND project_id IS NULL LIMIT 1) m"
    );
    tamper::execute(&mut conn, &insert).expect("inserted");
    drop(conn);
    // One connection: each keeps pages of its own, up to a bound.
    let one = ["--database-url", SQLITE, "--rate-per-address", "0", "--connections", "1"];
    let service = Service::start(directory.path(), &one);
    // Whichever thread makes a page keeps memory of its own from then on, and how many threads there are depends on what else
    // the machine does: as many pages as the large file has are made before anything is compared.
    for _ in 0..MANY / 1_000 {
        drain(&service, "/api/v1/milestones.csv?kind=few");
    }
    for suffix in ["csv", "ndjson"] {
        let (few, small) = drain(&service, &format!("/api/v1/milestones.{suffix}?kind=few"));
        let (all, large) = drain(&service, &format!("/api/v1/milestones.{suffix}"));
        assert!(few >= 1_000 && all >= MANY, "{suffix}: {few} and {all} lines");
        // Held whole, the answer alone would be larger than this.
        assert!(large < small + 24 * 1024, "{suffix}: from {small} to {large} KiB");
    }
    let (_, small) = drain(&service, "/api/v1/milestones.csv?kind=few");
    let (lines, large) = drain(&service, "/api/v1/exports/bundle.json");
    assert!(lines > MANY && large < small + 32 * 1024, "bundle: {lines} lines, from {small} to {large} KiB");
}
