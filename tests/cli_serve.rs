//! `serve`: what it prints, its address, and how it stops.

use std::net::TcpListener;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::common::program::{PROGRAM, SQLITE, Service, on, run};

fn directory() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("the directory exists");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_new_database_is_announced_and_the_service_stops_on_a_signal() {
    let directory = directory();
    let service = Service::start(directory.path(), &["--database-url", SQLITE]);
    assert!(service.output.iter().any(|line| line == "Creating the database test.db"), "{:?}", service.output);
    let (status, body) = service.request("GET /healthz", None);
    assert_eq!((status, serde_json::from_str::<Value>(&body).expect("JSON")["status"].as_str()), (200, Some("ok")));
    assert_eq!(service.request("GET /readyz", None).0, 200);
    assert!(
        service.request("GET /api/v1/pairings", None).1.contains("\"items\":[]"),
        "nothing is seeded without --seed"
    );
    let (code, told) = service.stop();
    assert_eq!((code, told.last().map(String::as_str)), (Some(0), Some("Stopped.")), "{told:?}");

    let again = Service::start(directory.path(), &["--database-url", SQLITE]);
    assert!(!again.output.iter().any(|line| line.contains("Creating")), "{:?}", again.output);
    assert_eq!(again.request("GET /healthz", None).0, 200);
    assert_eq!(again.stop().0, Some(0));
}

#[test]
fn a_service_that_has_just_started_stops_on_a_signal() {
    let directory = directory();
    on(directory.path(), SQLITE, &["migrate"]).good();
    for _ in 0..3 {
        let (code, told) = Service::start(directory.path(), &["--database-url", SQLITE]).stop();
        assert_eq!((code, told.last().map(String::as_str)), (Some(0), Some("Stopped.")), "{told:?}");
    }
}

#[test]
fn an_address_in_use_is_refused_before_a_database_is_created() {
    let directory = directory();
    let used = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = used.local_addr().expect("an address").to_string();
    let port = used.local_addr().expect("an address").port().to_string();
    for (args, flag) in [
        (&["serve", "--listen", &address][..], "--port"),
        (&["serve", "--port", &port], "--port"),
        (&["--listen", &address], "--port"),
        (&["serve", "--port", "0", "--metrics-listen", &address], "--metrics-listen"),
    ] {
        let refused = on(directory.path(), SQLITE, args).refused();
        assert_eq!(
            refused,
            format!(
                "cannot listen on {address}: the port is in use by another program; stop that, or choose another with {flag}"
            )
        );
        assert_eq!(names(directory.path()), Vec::<String>::new(), "no database was created");
    }
    on(directory.path(), SQLITE, &["migrate"]).good();
    let refused = on(directory.path(), SQLITE, &["serve", "--listen", &address]).refused();
    assert!(refused.starts_with(&format!("cannot listen on {address}")), "{refused}");
}

#[test]
fn an_address_that_cannot_be_used_is_explained() {
    let directory = directory();
    for (address, reason) in [
        // Reserved for documentation (RFC 5737).
        (
            "192.0.2.1:9000",
            "this machine has no such address; use 127.0.0.1 for this machine alone, or 0.0.0.0 for all its networks",
        ),
        ("host.invalid:9000", "the host name cannot be resolved; use an IP address, such as 127.0.0.1"),
    ] {
        let refused = run(directory.path(), &["serve", "--listen", address]).refused();
        assert_eq!(refused, format!("cannot listen on {address}: {reason}"));
    }
    assert_eq!(names(directory.path()), Vec::<String>::new(), "no database was created");
}

#[test]
fn the_next_step_is_a_command_that_works_as_the_program_was_started() {
    let directory = directory();
    let hint = |program: &str, variables: &[(&str, &str)]| {
        let mut service = Service::start_program(program, directory.path(), &["--database-url", SQLITE], variables);
        service.wait_for_line("To write");
        let hint = service.output.iter().find_map(|line| line.strip_prefix("To write, make a key: ")).expect("a hint");
        let hint = hint.to_owned();
        assert_eq!(service.stop().0, Some(0));
        hint
    };
    let arguments = "--database-url sqlite:test.db key create --name me --role admin";
    assert_eq!(hint(PROGRAM, &[]), format!("pairing-tracker {arguments}"), "installed in a directory of PATH");
    assert_eq!(hint(PROGRAM, &[("CARGO", "cargo")]), format!("cargo run -- {arguments}"));
    let by_path = hint(PROGRAM, &[("PATH", "/usr/bin:/bin")]);
    assert_eq!(by_path, format!("{PROGRAM} {arguments}"));
    // The suggested command works.
    let words: Vec<&str> = by_path.split(' ').skip(1).collect();
    assert!(run(directory.path(), &words).good().starts_with("ptk_"));
}
