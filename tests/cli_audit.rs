//! `audit verify`.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::common::program::{Service, connect, databases, on};
use crate::common::tamper;

fn directory() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

#[test]
fn the_audit_log_is_verified_and_refused_requests_are_written_when_the_service_stops() {
    for url in databases() {
        let directory = directory();
        let verify = |more: &[&str]| on(directory.path(), &url, &[&["audit", "verify"], more].concat());
        on(directory.path(), &url, &["migrate"]).good();
        let empty = format!("0:{}", "0".repeat(64));
        assert_eq!(verify(&[]).good(), format!("Whole: 0 events.\nHead: {empty}\n"));
        let seed = Path::new(env!("CARGO_MANIFEST_DIR")).join("seed");
        on(directory.path(), &url, &["seed", "apply", seed.to_str().expect("UTF-8")]).good();
        let seeded = verify(&["--head", &empty]).good();
        let head = seeded.lines().last().and_then(|line| line.strip_prefix("Head: ")).expect("a head").to_owned();
        let count: i64 = head.split(':').next().and_then(|id| id.parse().ok()).expect("a number");
        assert_eq!(seeded, format!("Whole: {count} events.\nHead: {head}\n"));

        let service = Service::start(directory.path(), &["--database-url", &url]);
        for _ in 0..2 {
            assert_eq!(service.request("GET /api/v1/pairings?q=hush", Some("ptk_wrong")).0, 401);
        }
        assert_eq!(service.stop().0, Some(0));
        assert_eq!(verify(&["--head", &head]).good(), seeded, "refused requests are not events");
        let key = on(directory.path(), &url, &["key", "create", "--name", "office", "--role", "admin"]).good();
        let service = Service::start(directory.path(), &["--database-url", &url]);
        let (status, body) = service.request("GET /api/v1/refusals", Some(key.trim_end()));
        let body: Value = serde_json::from_str(&body).expect("JSON");
        let refusals = body["items"].as_array().expect("a list");
        let counted: i64 = refusals.iter().filter_map(|refusal| refusal["count"].as_i64()).sum();
        assert_eq!((status, counted), (200, 2), "{body}");
        assert_eq!(refusals[0]["network"], "127.0.0.0/24");
        assert!(!body.to_string().contains("hush"), "{body}");
        assert_eq!(service.stop().0, Some(0));

        let mut conn = connect(directory.path(), &url);
        tamper::drop_triggers(&mut conn);
        let last = format!("DELETE FROM audit_events WHERE id >= {count}");
        tamper::execute(&mut conn, &last).expect("a deletion");
        assert!(verify(&[]).good().starts_with(&format!("Whole: {} events.", count - 1)), "the rest is intact");
        let cut = verify(&["--head", &head]).refused();
        assert!(cut.contains(&format!("event {count} of the noted head is missing")), "{cut}");
        tamper::execute(&mut conn, "DELETE FROM audit_events WHERE id = 3").expect("a deletion");
        let missing = verify(&[]).refused();
        assert_eq!(missing, "the audit log is not intact: event 3 is missing");
        let mistyped = verify(&["--head", "12"]);
        assert!(mistyped.code == Some(2) && mistyped.err.contains("ID:HASH"), "{mistyped:?}");
    }
}
