//! A power cut: the disk holds only the data that were synced.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::writes::{Http, Outcomes, write_during};
use super::{UNLIMITED, prepare, program, serve, wait_until, writes};
use crate::common::program::{SQLITE, Service};

/// Builds the library that copies synced data.
fn library(directory: &Path) -> PathBuf {
    let library = directory.join("power_cut.so");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O2", "-o"])
        .arg(&library)
        .args([concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/power_cut.c"), "-ldl", "-lpthread"])
        .status();
    assert!(built.expect("a C compiler").success());
    library
}

/// Runs clients that write until the power is cut; returns the outcomes of the writes, and the directory with the contents of
/// the disk.
fn run_until_power_cut(root: &Path, ignores_syncs: bool) -> (Outcomes, PathBuf, String) {
    let (live, disk) = (root.join("live"), root.join("disk"));
    std::fs::create_dir_all(&live).expect("a directory");
    std::fs::create_dir_all(&disk).expect("a directory");
    let (library, ignored) = (library(root), root.join("ignored"));
    let key = prepare(&live, SQLITE);
    // Existing files are on the disk.
    for file in std::fs::read_dir(&live).expect("the directory").flatten() {
        std::fs::copy(file.path(), disk.join(file.file_name())).expect("a copy");
    }
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let (preload, from, to, not) = (path(&library), path(&live), path(&disk), path(&ignored));
    let variables = [("LD_PRELOAD", &preload), ("SYNC_ROOT", &from), ("SYNC_MIRROR", &to), ("SYNC_IGNORED", &not)];
    let variables = variables.map(|(name, value)| (name, value.as_str()));
    let arguments = [&["--database-url", SQLITE], &UNLIMITED[..]].concat();
    let service = Service::start_program(&program(), &live, &arguments, &variables);
    let http = Http::new(&service.address, Some(&key));
    let most = writes();
    let outcomes = write_during(&http, "p", 16, || {
        let made =
            |wanted: usize| wait_until(Duration::from_secs(120), "writes are made", || http.count() >= Some(wanted));
        made(most / 2);
        if ignores_syncs {
            std::fs::write(&ignored, []).expect("the switch");
        }
        made(most);
        service.kill();
    });
    (outcomes, disk, key)
}

#[test]
fn acknowledged_writes_survive_a_power_cut() {
    let directory = tempfile::tempdir().expect("a directory");
    let (outcomes, disk, key) = run_until_power_cut(directory.path(), false);
    let service = serve(&disk, SQLITE, &[]);
    let found = Http::new(&service.address, Some(&key)).codes();
    eprintln!("{} acknowledged, {} found", outcomes.acknowledged.len(), found.len());
    assert!(outcomes.acknowledged.len() >= writes() - 16);
    outcomes.assert_consistent_with(&found);
}

#[test]
fn the_simulated_power_cut_loses_unsynced_writes() {
    let directory = tempfile::tempdir().expect("a directory");
    let (outcomes, disk, key) = run_until_power_cut(directory.path(), true);
    let service = serve(&disk, SQLITE, &[]);
    let found = Http::new(&service.address, Some(&key)).codes();
    let lost = outcomes.acknowledged.iter().filter(|code| !found.contains(*code)).count();
    assert!(lost > 0, "the control of the test above: a disk that ignores syncs loses writes");
}
