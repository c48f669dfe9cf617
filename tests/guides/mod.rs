//! The guides (`docs/`) and the README's tour do what they show: every example is run, and what comes out is compared
//! with the page.
//!
//! For those who write pages:
//!
//! - An example is in a ```` ```console ```` block. `$ ` begins a command; it goes on over lines that end in `\`, and to
//!   the end of an open `'…'` or of a here-document (`<<'END'`). The lines up to the next `$ ` are its output, standard
//!   error included.
//! - Every page has an example, and no other blocks: nothing would run them. What cannot be run stands right below a line
//!   `<!-- not run: why -->`; a page without any example has such a line as well.
//! - A page is run from top to bottom by one bash, in an empty directory, beside a new service with the Jiangmen data.
//!   Write its address as `http://127.0.0.1:8080` and the program as `pairing-tracker`. Of tools there are curl and what
//!   every system has; jq only in the README. `pairing-tracker` alone shows what that service said when it started.
//! - A command that shows no output has none, and ends well. One that fails shows why.
//! - `…` stands for what is left out: alone on a line for lines, in a line or a JSON string for letters, and in JSON for
//!   members, items or a value. Nothing else may be left out. JSON may be laid out anyhow, its members in any order.
//! - What starts with `HTTP/` (`curl -i`) shows the headers that matter, as they are, in any order; then an empty line
//!   and the body.
//! - What is another at each run is compared by its kind alone: instants (`2026-07-15T08:00:00Z`), keys (`ptk_…`) and
//!   hexadecimal digests of 12 digits or more (of requests, tags, files). Of a tag `"3-0123456789ab"` the version counts.
//!   What depends on today's date is asked with `as_of`.
//! - A page in Chinese (`x.zh-CN.md`) has the examples of the page in English, which is the one that is run.

mod page;
mod shown;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use page::Example;

use crate::common::program::{PROGRAM, Service, command};

/// Makes a missing tool a failure instead of a skip.
const REQUIRE: &str = "PAIRING_TRACKER_REQUIRE_GUIDES";
/// The service's address in the pages.
const ADDRESS: &str = "127.0.0.1:8080";
/// How long all commands of a page may take.
const PATIENCE: Duration = Duration::from_mins(2);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The pages below a directory, in order.
fn pages(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let inner = paths.iter().filter(|path| path.is_dir()).flat_map(|path| pages(path));
    inner.chain(paths.iter().filter(|path| path.extension().is_some_and(|kind| kind == "md")).cloned()).collect()
}

/// Whether these programs are there; says which one is missing.
fn have(tools: &[&str]) -> bool {
    let missing = tools.iter().find(|tool| {
        let asked = Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        !asked.is_ok_and(|status| status.success())
    });
    let Some(missing) = missing else { return true };
    let required = std::env::var(REQUIRE).is_ok_and(|value| !value.is_empty() && value != "0");
    assert!(!required, "{REQUIRE} is set, and {missing} is not installed");
    // Past the test harness, which would show it only for tests that fail.
    let _ = writeln!(std::io::stderr().lock(), "{missing} is not installed: the examples that need it are not run.");
    false
}

/// What came out of a command, and the status that it ended with.
struct Output {
    text: String,
    status: String,
}

/// Runs a page's commands, one after the other in one shell.
fn run(examples: &[Example]) -> Vec<Output> {
    let [directory, notes] = [(); 2].map(|()| tempfile::tempdir().expect("a directory"));
    let mut service = Service::start(directory.path(), &["--seed"]);
    service.wait_for_line("To write");
    fs::write(notes.path().join("told"), service.output.join("\n")).expect("a file");
    let mut script = String::new();
    for (index, example) in examples.iter().enumerate() {
        let command = if example.command == "pairing-tracker" {
            "cat \"$NOTES/told\"".to_owned()
        } else {
            example.command.replace(ADDRESS, &service.address)
        };
        script += &format!("exec >\"$NOTES/{index}\" 2>&1\n{command}\necho $? >\"$NOTES/{index}.status\"\n");
    }
    fs::write(notes.path().join("script"), script).expect("a file");

    let tools = Path::new(PROGRAM).parent().expect("a directory").to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(tools).chain(std::env::split_paths(&path))).expect("a path");
    let mut shell = command("bash", directory.path(), &["--norc"]);
    shell.arg(notes.path().join("script"));
    // Without the settings that somebody has for curl, and not through his proxy.
    shell.env("PATH", path).env("NOTES", notes.path()).env("HOME", notes.path()).env("NO_PROXY", "127.0.0.1");
    let said = File::create(notes.path().join("shell")).expect("a file");
    let mut shell = shell.stdout(Stdio::null()).stderr(said).spawn().expect("bash starts");
    let (sender, ended) = channel();
    std::thread::spawn(move || sender.send(shell.wait()));
    // What is not done by then has no status. It ends when the service does.
    let _ = ended.recv_timeout(PATIENCE);

    let read = |name: String| fs::read_to_string(notes.path().join(name));
    (0..examples.len())
        .map(|index| {
            let text = read(index.to_string()).unwrap_or_default().replace(&service.address, ADDRESS);
            let status = read(format!("{index}.status")).unwrap_or_else(|_| "none: it did not end".to_owned());
            Output { text, status: status.trim().to_owned() }
        })
        .collect()
}

/// What of a page is not as it is shown.
fn lies(name: &str, examples: &[Example], outputs: &[Output]) -> Vec<String> {
    assert_eq!(examples.len(), outputs.len());
    let pairs = examples.iter().zip(outputs);
    pairs
        .filter(|(Example { shown, .. }, Output { text, status })| {
            let ended = status == "0" || (!shown.trim().is_empty() && status.parse::<u8>().is_ok());
            !ended || !shown::is_shown(shown, text)
        })
        .map(|(Example { line, command, shown }, Output { text, status })| {
            format!("{name}:{line}\n$ {command}\n--- shown\n{shown}\n--- real, with status {status}\n{text}\n")
        })
        .collect()
}

fn examples_of(path: &Path) -> Vec<Example> {
    page::examples(&read(path)).unwrap_or_else(|complaint| panic!("{}: {complaint}", path.display()))
}

fn assert_true(name: &str, examples: &[Example]) {
    let lies = lies(name, examples, &run(examples));
    assert!(lies.is_empty(), "{}", lies.join("\n"));
}

#[test]
fn the_guides_show_what_is() {
    let pages = pages(&root().join("docs"));
    assert!(pages.len() >= 14, "{pages:?}");
    let is_chinese = |path: &PathBuf| path.to_string_lossy().ends_with(".zh-CN.md");
    let (chinese, english): (Vec<_>, Vec<_>) = pages.into_iter().partition(is_chinese);
    for path in &chinese {
        let sibling = PathBuf::from(path.to_string_lossy().replace(".zh-CN.md", ".md"));
        let [ours, theirs] = [path, &sibling].map(|path| examples_of(path));
        for (ours, theirs) in ours.iter().zip(&theirs) {
            let theirs = Example { line: ours.line, ..theirs.clone() };
            assert_eq!(*ours, theirs, "{} has other examples in English", path.display());
        }
        assert_eq!(ours.len(), theirs.len(), "{} has other examples in English", path.display());
    }
    let english: Vec<_> = english.into_iter().map(|path| (examples_of(&path), path)).collect();
    if have(&["bash", "curl"]) {
        let lies = english.iter().flat_map(|(examples, path)| lies(&path.to_string_lossy(), examples, &run(examples)));
        let lies: Vec<String> = lies.collect();
        assert!(lies.is_empty(), "{}", lies.join("\n"));
    }
}

#[test]
fn the_tour_shows_what_is() {
    for name in ["README.md", "README.zh-CN.md"] {
        let examples = page::readme(&read(&root().join(name)));
        assert!(examples.len() > 10, "{name}: {}", examples.len());
        if have(&["bash", "curl", "jq"]) {
            assert_true(name, &examples);
        }
    }
}

/// A page that says something else than the service is found out, whatever it is that it says.
#[test]
fn a_doctored_page_is_found_out() {
    let path = root().join("docs/concurrency.md");
    let page = read(&path);
    let examples = examples_of(&path);
    if !have(&["bash", "curl"]) {
        return;
    }
    let outputs = run(&examples);
    assert_eq!(lies("as it is", &examples, &outputs), Vec::<String>::new());
    for (from, to) in [
        ("HTTP/1.1 412 ", "HTTP/1.1 409 "),
        ("\"precondition_failed\"", "\"precondition_refused\""),
        ("etag: \"2-", "etag: \"3-"),
        ("content-type: application/problem+json", "content-type: application/json"),
        ("\"progress\": 20, …}", "\"progress\": 21, …}"),
        ("\"version\": 1, …}", "\"version\": 1}"),
        ("\"errors\": []", "\"errors\": [], \"more\": 1"),
        ("\"errors\": []", "\"error\": []"),
        ("\"request_id\": \"", "\"request_id\": \"x"),
    ] {
        let doctored = page.replacen(from, to, 1);
        assert_ne!(doctored, page, "the page has {from}");
        assert_eq!(lies(from, &page::examples(&doctored).expect("examples"), &outputs).len(), 1, "{from} -> {to}");
    }
    for index in 0..examples.len() {
        let mut doctored = examples.clone();
        let shown = &mut doctored[index].shown;
        *shown = if shown.is_empty() { "Hello\n".to_owned() } else { String::new() };
        assert_eq!(lies("", &doctored, &outputs).len(), 1, "{:?}", examples[index]);
    }
    // A command that is another is found out when it is run.
    let doctored = page::examples(&page.replacen("-X PATCH", "-X PUT", 1)).expect("examples");
    assert_ne!(doctored, examples);
    assert_ne!(lies("put", &doctored, &run(&doctored)), Vec::<String>::new());
}

#[test]
fn what_nothing_would_run_is_refused() {
    for (page, complaint) in [
        ("# Words alone\n", "a page has an example"),
        ("```console\n$ true\n```\n```json\n{}\n```\n", "line 5: only ```console blocks"),
        ("<!-- not run: -->\n```json\n{}\n```\n", "line 3: only ```console blocks"),
        ("```console\ntrue\n```\n", "line 2: only ```console blocks"),
        ("```console\n$ cat <<'END'\nit's\n```\n", "line 2: the command does not end"),
    ] {
        let found = page::examples(page);
        assert!(found.as_ref().is_err_and(|said| said.contains(complaint)), "{page}: {found:?}");
    }
    assert_eq!(page::examples("<!-- not run: another service's -->\n```text\nHi\n```\n"), Ok(Vec::new()));
}
