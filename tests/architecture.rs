//! The house rules that a reader of one file cannot see.

use std::collections::{BTreeMap, BTreeSet};
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

/// The modules from the lowest floor to the highest. A module uses those on floors below its own, and none beside it.
///
/// Modules that share a floor use neither each other nor what is above.
const FLOORS: &[&[&str]] = &[
    &["model", "tls"],
    &["error"],
    &["config", "normalize", "rules", "spool"],
    &["validation"],
    &["db"],
    &["access"],
    &["audit"],
    &["record"],
    &["http"],
    &["figures"],
    &["resources"],
    &["reports", "transfer", "webhooks"],
    &["calendar", "iati"],
    &["openapi"],
    &["web"],
    &["app"],
    &["doctor"],
    &["backup"],
    &["commands"],
    &["main"],
];

/// A use of one module by another: where it stands, and the path that it names below `crate`.
struct Use {
    line: usize,
    path: Vec<String>,
}

/// The text with comments and the bodies of strings blanked, up to the unit tests, which may use what is above.
fn code_of(text: &str) -> String {
    let text = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let strip = |line: &str| line.split_once("//").map_or(line, |(code, _)| code).to_owned();
    text.lines().map(strip).collect::<Vec<_>>().join("\n")
}

/// The paths of a use tree: `a::{b, c::{d, e}}` is `a::b`, `a::c::d` and `a::c::e`.
fn expand(tree: &str) -> Vec<String> {
    let Some((before, rest)) = tree.split_once('{') else { return vec![tree.trim().to_owned()] };
    let inner = &rest[..rest.rfind('}').unwrap_or(rest.len())];
    let (mut parts, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, letter) in inner.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[start..]);
    let parts = parts.into_iter().filter(|part| !part.trim().is_empty());
    parts.flat_map(|part| expand(&format!("{}{}", before.trim(), part.trim()))).collect()
}

/// Every path of a file that begins with `crate`, `$crate` or `super`, in use trees and elsewhere, macros included. `module` is
/// the path of the file's module.
fn uses(module: &[String], text: &str) -> Vec<Use> {
    let code = code_of(text);
    let tree = regex::Regex::new(r"\buse\s+((?:crate|super)\b[^;]*);").expect("a pattern");
    let path = regex::Regex::new(r"\b(?:crate|super)(?:::\w+)+").expect("a pattern");
    let mut found = Vec::new();
    let mut add = |offset: usize, path: &str| {
        let line = code[..offset].matches('\n').count() + 1;
        let mut at = module.to_vec();
        for (index, part) in path.split("::").map(str::trim).enumerate() {
            match part.split(' ').next().unwrap_or_default() {
                "crate" if index == 0 => at.clear(),
                "super" => drop(at.pop()),
                "self" => {}
                name => at.push(name.to_owned()),
            }
        }
        found.push(Use { line, path: at });
    };
    for captures in tree.captures_iter(&code) {
        let tree = captures.get(1).expect("the tree");
        expand(tree.as_str()).iter().for_each(|path| add(tree.start(), path));
    }
    let without_trees = tree.replace_all(&code, |captures: &regex::Captures<'_>| {
        captures[0].chars().map(|letter| if letter == '\n' { '\n' } else { ' ' }).collect::<String>()
    });
    path.find_iter(&without_trees).for_each(|path| add(path.start(), path.as_str()));
    found
}

/// The path of a file's module: `src/http/list.rs` is `http::list`.
fn module_of(name: &str) -> Vec<String> {
    let path = name.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    path.split('/').filter(|part| *part != "lib").map(str::to_owned).collect()
}

fn floor_of(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

/// Uses that point up or sideways, as `file:line uses module`.
fn upward(files: &[(String, String)]) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, text) in files {
        let module = module_of(name);
        let Some(own) = module.first() else { continue };
        let Some(floor) = floor_of(own) else {
            faults.push(format!("{name}: {own} is on no floor"));
            continue;
        };
        for Use { line, path } in uses(&module, text) {
            let Some(other) = path.first().filter(|other| *other != own) else { continue };
            // A macro is exported at the root of the crate; what it expands to is checked where it is defined.
            if floor_of(other).is_some_and(|above| above >= floor) {
                faults.push(format!("{name}:{line} uses {}", path.join("::")));
            }
        }
    }
    faults
}

/// Folders, by the uses between them, of which each can be reached from the other. A module and those inside it are one.
fn cycles(files: &[(String, String)]) -> Vec<String> {
    let folder = |name: &str| match name.rsplit_once('/') {
        Some((folder, _)) => folder.to_owned(),
        None => String::new(),
    };
    let files = || files.iter().filter(|(name, _)| !name.contains("/tests"));
    let folders: BTreeSet<String> = files().map(|(name, _)| folder(name)).collect();
    let is_within = |inner: &str, outer: &str| inner == outer || inner.starts_with(&format!("{outer}/"));
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, text) in files() {
        let from = folder(name);
        for Use { path, .. } in uses(&module_of(name), text) {
            let target = (0..=path.len()).rev().map(|length| {
                std::iter::once("src".to_owned()).chain(path[..length].iter().cloned()).collect::<Vec<_>>().join("/")
            });
            let Some(to) = target.into_iter().find(|target| folders.contains(target)) else { continue };
            if !is_within(&from, &to) && !is_within(&to, &from) {
                edges.entry(from.clone()).or_default().insert(to);
            }
        }
    }
    let reach = |start: &str| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![start.to_owned()]);
        while let Some(next) = open.pop() {
            for to in edges.get(&next).into_iter().flatten() {
                if seen.insert(to.clone()) {
                    open.push(to.clone());
                }
            }
        }
        seen
    };
    edges.keys().filter(|from| reach(from).contains(*from)).cloned().collect()
}

#[test]
fn no_module_uses_one_above_or_beside_it() {
    assert_eq!(upward(&all()), Vec::<String>::new());
}

#[test]
fn no_folder_reaches_itself_through_another() {
    assert_eq!(cycles(&all()), Vec::<String>::new());
}

#[test]
fn one_upward_use_in_any_module_is_found() {
    let mut files = all();
    for floor in &FLOORS[..FLOORS.len() - 1] {
        for module in *floor {
            let is_own = |name: &str| name == format!("src/{module}.rs") || name == format!("src/{module}/mod.rs");
            let (name, text) = files.iter_mut().find(|(name, _)| is_own(name)).expect("the module's file");
            text.insert_str(0, "use crate::main::{self as top};\n");
            assert_eq!(upward(&[(name.clone(), text.clone())]), [format!("{name}:1 uses main")], "{module}");
        }
    }
}

#[test]
fn a_cycle_between_folders_is_found() {
    let mut files = all();
    let (_, text) = files.iter_mut().find(|(name, _)| name == "src/resources/regions/mod.rs").expect("regions");
    text.push_str("macro_rules! spoil { () => { $crate::resources::pairings::KIND } }\n");
    assert_eq!(cycles(&files), ["src/resources/pairings", "src/resources/regions"]);
}

#[test]
fn clients_and_databases_are_kept_apart() {
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
fn the_map_of_the_source_names_what_is_there() {
    let code: String = all().into_iter().map(|(_, text)| text).collect();
    let ends = |rest: &str| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_');
    let is_defined = |name: &str| {
        ["fn", "mod", "struct", "enum", "trait"].iter().any(|keyword| {
            let definition = format!("{keyword} {name}");
            code.match_indices(&definition).any(|(at, _)| ends(&code[at + definition.len()..]))
        })
    };
    for page in ["docs/architecture.md", "docs/architecture.zh-CN.md"] {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).expect("the map");
        let is_path = |name: &&str| name.chars().all(|letter| letter.is_ascii_alphabetic() || "_:".contains(letter));
        let names: Vec<&str> = text.split('`').skip(1).step_by(2).filter(is_path).collect();
        assert!(names.len() > 50, "{page} names {} things", names.len());
        for name in names {
            let last = name.rsplit("::").next().unwrap_or(name);
            assert!(is_defined(last), "{page} names {name}, which the source does not define");
        }
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
