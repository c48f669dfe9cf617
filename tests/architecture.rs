//! The house rules that a reader of one file cannot see.

use std::path::{Path, PathBuf};

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("a directory").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn all() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    sources(&root.join("src"), &mut found);
    let name = |path: &Path| path.strip_prefix(root).expect("below the root").display().to_string();
    found.iter().map(|path| (name(path), std::fs::read_to_string(path).expect("a file"))).collect()
}

#[test]
fn rooms_are_kept_apart() {
    for (name, text) in all() {
        if name.starts_with("src/resources/") && name.ends_with("/api.rs") {
            assert!(!text.contains("diesel"), "{name} is what clients see; it must not know diesel");
        }
        if name.starts_with("src/resources/") && name.ends_with("/store.rs") {
            assert!(!text.contains("actix"), "{name} is what the database sees; it must not know actix");
        }
        let knows_backend = text.contains("Conn::Sqlite") || text.contains("Conn::Postgres");
        assert!(!knows_backend || name == "src/db/backend.rs", "{name} matches on the backend");
    }
}

#[test]
fn files_stay_short() {
    for (name, text) in all() {
        let lines = text.lines().count();
        assert!(lines <= 400 || name == "src/db/schema.rs", "{name} has {lines} lines; split it");
    }
}
