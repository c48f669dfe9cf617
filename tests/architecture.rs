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
        assert!(!knows_backend || name.starts_with("src/db/backend"), "{name} matches on the backend");
    }
}

#[test]
fn files_stay_short() {
    for (name, text) in all() {
        let lines = text.lines().count();
        assert!(lines <= 400 || name == "src/db/schema.rs", "{name} has {lines} lines; split it");
    }
}

#[test]
fn every_threat_names_tests_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let security = std::fs::read_to_string(root.join("SECURITY.md")).expect("SECURITY.md");
    let mut found = Vec::new();
    sources(&root.join("src"), &mut found);
    sources(&root.join("tests"), &mut found);
    let code: String = found.iter().map(|path| std::fs::read_to_string(path).expect("a file")).collect();
    let mut threats = Vec::new();
    let (_, table) = security.split_once("\n## Threats\n").expect("the table of threats");
    for row in table.lines().filter(|line| line.starts_with("| ")).skip(1) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [threat, answer, tests] = cells[..] else { panic!("three cells: {row}") };
        assert!(!answer.is_empty(), "{threat}");
        threats.push(threat.split(' ').next().unwrap_or_default().to_owned());
        let named: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "{threat} names no test");
        for test in named {
            let is_there = ["#[test]\nfn", "    #[test]\n    fn", "    #[actix_web::test]\n    async fn"]
                .iter()
                .any(|before| code.contains(&format!("{before} {test}()")));
            assert!(is_there, "no test {test}");
        }
    }
    let owasp: Vec<String> = (1..=10).map(|number| format!("API{number}")).collect();
    assert_eq!(threats[..10], owasp);
}
