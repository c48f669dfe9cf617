//! Runs every example of the READMEs and the guides (`docs/`), and compares the output with what the page shows.
//!
//! How to write a page:
//!
//! - A ```` ```console ```` block holds commands and their output. `$ ` begins a command. It continues over lines that end
//!   in `\`, and to the end of an open `'…'` or of a here-document (`<<'END'`). The lines up to the next `$ ` are its
//!   output, standard error included.
//! - A ```` ```sh ```` block is commands alone. A `text` or `json` block right below it is their output.
//! - A block below a line that ends in the name of a file, as in "Save this as `parks.yaml`:", becomes that file.
//! - A table below `<!-- by hand: records.xlsx, sheet milestones -->` is typed into that sheet. The first column identifies
//!   a row; a row that is not there is added.
//! - Any other block fails the test, unless [`not_run::BLOCKS`] lists it with a reason.
//! - A page is run from top to bottom by one bash, in an empty directory, beside a new service with the Jiangmen data.
//!   Write its address as `http://127.0.0.1:8080`, the address of a receiver of webhooks as `127.0.0.1:9000`, and the
//!   program as `pairing-tracker` (`cargo run -q --` in the READMEs). `pairing-tracker` or `cargo run` alone, or
//!   `pairing-tracker serve --seed …`, shows what that service printed at its start.
//! - A page leaves no file in the directory. The READMEs leave no key that can be used, either.
//! - A command that shows no output has none, and succeeds. One that fails shows its error.
//! - `…` stands for what is left out: alone on a line for lines, in a line or a JSON string for characters, and in JSON for
//!   members, items or a value. JSON may be laid out in any way, its members in any order.
//! - Output that starts with `HTTP/` (`curl -i`) shows some of the headers, in any order; then an empty line and the body.
//! - Values that differ at each run are compared by kind only: instants (`2026-07-15T08:00:00Z`), keys and secrets (`ptk_…`,
//!   `ptf_…`, `whsec_…`), ids of messages (`msg_…`), and hexadecimal digests of 12 digits or more. Of a tag
//!   `"3-0123456789ab"` the version counts. Commands whose result depends on the date set `as_of`.
//! - A page in Chinese (`x.zh-CN.md`) has the examples of the English page, except those of [`TRANSLATED`].

mod not_run;
mod page;
mod run;
mod shown;
mod workbook;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use page::{Action, Example};
use run::{Ran, run};

/// Makes a missing tool a failure instead of a skip.
const REQUIRE: &str = "PAIRING_TRACKER_REQUIRE_GUIDES";
/// Guides whose examples differ between the languages: they fill in workbooks with headers in the language of the page.
const TRANSLATED: [&str; 1] = ["excel"];
/// How many pages run at the same time.
const AT_ONCE: usize = 4;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The Markdown files below a directory, in order.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let inner = paths.iter().filter(|path| path.is_dir()).flat_map(|path| files(path));
    inner.chain(paths.iter().filter(|path| path.extension().is_some_and(|kind| kind == "md")).cloned()).collect()
}

/// A page and its examples.
struct Page {
    /// Its path in the repository, without the language and the ending.
    name: String,
    path: PathBuf,
    is_chinese: bool,
    examples: Vec<Example>,
}

impl Page {
    fn read(path: PathBuf) -> Page {
        let name = path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
        let name = name.trim_end_matches(".md");
        let is_chinese = name.ends_with(".zh-CN");
        let name = name.trim_end_matches(".zh-CN").to_owned();
        let examples = page::examples(&read(&path), |first| not_run::is_listed(&name, first))
            .unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
        Page { name, path, is_chinese, examples }
    }

    fn title(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }

    /// Whether the tools that the examples use are installed.
    fn can_run(&self) -> bool {
        let commands: Vec<&str> = self.examples.iter().filter_map(Example::command).collect();
        let used = ["jq", "python3"].into_iter().filter(|tool| {
            let word = format!("{tool} ");
            commands.iter().any(|command| command.contains(&word))
        });
        have(&["bash", "curl"].into_iter().chain(used).collect::<Vec<_>>())
    }

    /// Runs the page, and lists where it differs from what it shows.
    fn check(&self) -> Vec<String> {
        if !self.can_run() {
            return Vec::new();
        }
        let ran = run(&self.examples);
        let mut faults = differences(&self.title(), &self.examples, &ran);
        if !ran.left.is_empty() {
            faults.push(format!("{} leaves files: {:?}", self.title(), ran.left));
        }
        if self.name == "README" && !ran.keys.is_empty() {
            faults.push(format!("{} leaves keys: {:?}", self.title(), ran.keys));
        }
        faults
    }
}

fn guides() -> Vec<Page> {
    files(&root().join("docs")).into_iter().map(Page::read).collect()
}

fn readmes() -> Vec<Page> {
    ["README.md", "README.zh-CN.md"].map(|name| Page::read(root().join(name))).into()
}

/// Whether these programs are installed; prints which one is missing.
fn have(tools: &[&str]) -> bool {
    let missing = tools.iter().find(|tool| {
        let version = Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        !version.is_ok_and(|status| status.success())
    });
    let Some(missing) = missing else { return true };
    let required = std::env::var(REQUIRE).is_ok_and(|value| !value.is_empty() && value != "0");
    assert!(!required, "{REQUIRE} is set, and {missing} is not installed");
    // Past the test harness, which shows output of failed tests only.
    let _ = writeln!(std::io::stderr().lock(), "{missing} is not installed: the examples that need it are not run.");
    false
}

/// The examples whose output is not what the page shows.
fn differences(title: &str, examples: &[Example], ran: &Ran) -> Vec<String> {
    assert_eq!(examples.len(), ran.outputs.len());
    let pairs = examples.iter().zip(&ran.outputs);
    pairs
        .filter(|(Example { shown, .. }, output)| {
            let ended = output.status == "0" || (!shown.trim().is_empty() && output.status.parse::<u8>().is_ok());
            !ended || !shown::is_shown(shown, &output.text)
        })
        .map(|(Example { line, action, shown }, output)| {
            let (status, text) = (&output.status, &output.text);
            format!("{title}:{line}\n{action}\n--- shown\n{shown}\n--- real, with status {status}\n{text}\n")
        })
        .collect()
}

/// Runs pages, some at a time, and fails with everything that differs.
fn assert_real(pages: &[&Page]) {
    let faults: Vec<String> = std::thread::scope(|scope| {
        let mut faults = Vec::new();
        for some in pages.chunks(AT_ONCE) {
            let running: Vec<_> = some.iter().map(|page| scope.spawn(|| page.check())).collect();
            faults.extend(running.into_iter().flat_map(|page| page.join().expect("a page is run")));
        }
        faults
    });
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_guides_show_real_output() {
    let pages = guides();
    assert!(pages.len() >= 22, "{} pages", pages.len());
    let (chinese, english): (Vec<_>, Vec<_>) = pages.iter().partition(|page| page.is_chinese);
    for page in &chinese {
        let sibling = english.iter().find(|other| other.name == page.name).expect("the page in English");
        if TRANSLATED.contains(&page.name.trim_start_matches("docs/")) {
            continue;
        }
        for (ours, theirs) in page.examples.iter().zip(&sibling.examples) {
            let theirs = Example { line: ours.line, ..theirs.clone() };
            assert_eq!(*ours, theirs, "{} has other examples in English", page.title());
        }
        assert_eq!(page.examples.len(), sibling.examples.len(), "{} has other examples in English", page.title());
    }
    let translated = chinese.into_iter().filter(|page| TRANSLATED.contains(&page.name.trim_start_matches("docs/")));
    assert_real(&english.into_iter().chain(translated).collect::<Vec<_>>());
}

#[test]
fn the_readmes_show_real_output() {
    let pages = readmes();
    for page in &pages {
        assert!(page.examples.len() > 10, "{}: {}", page.title(), page.examples.len());
        let lines = read(&page.path).lines().count();
        assert!(lines <= 250, "{} has {lines} lines; what is long belongs in docs/", page.title());
    }
    assert_real(&pages.iter().collect::<Vec<_>>());
}

/// Every entry of the list names a block that is there.
#[test]
fn the_list_of_blocks_that_do_not_run_is_current() {
    let pages: Vec<Page> = guides().into_iter().chain(readmes()).collect();
    for (name, first, why) in not_run::BLOCKS {
        assert!(!why.is_empty(), "{name}: {first}");
        for page in pages.iter().filter(|page| page.name == *name && !first.is_empty()) {
            let text = read(&page.path);
            assert!(text.lines().any(|line| line.trim() == *first), "{} has no block {first}", page.title());
        }
    }
}

/// A page that differs from the service in any part is detected.
#[test]
fn a_doctored_page_is_found_out() {
    let path = root().join("docs/concurrency.md");
    let page = read(&path);
    let examples_of = |page: &str| page::examples(page, |_| false).expect("examples");
    let examples = examples_of(&page);
    if !have(&["bash", "curl"]) {
        return;
    }
    let mut ran = run(&examples);
    assert_eq!(differences("as it is", &examples, &ran), Vec::<String>::new());
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
        assert_eq!(differences(from, &examples_of(&doctored), &ran).len(), 1, "{from} -> {to}");
    }
    for index in 0..examples.len() {
        let mut doctored = examples.clone();
        let shown = &mut doctored[index].shown;
        *shown = if shown.is_empty() { "Hello\n".to_owned() } else { String::new() };
        assert_eq!(differences("", &doctored, &ran).len(), 1, "{:?}", examples[index]);
    }
    // A command that differs is detected when it is run.
    let doctored = examples_of(&page.replacen("-X PATCH", "-X PUT", 1));
    assert_ne!(doctored, examples);
    ran = run(&doctored);
    assert_ne!(differences("put", &doctored, &ran), Vec::<String>::new());
}

#[test]
fn a_block_that_nothing_runs_is_refused() {
    let parse = |page: &str| page::examples(page, |first| first == "Hi");
    for (page, fault) in [
        ("# Words alone\n", "a page has an example"),
        ("```console\n$ true\n```\n```json\n{}\n```\n", "line 5: nothing runs this block"),
        ("```sh\ntrue\n```\n\n```text\n\n```\n", "line 6: nothing runs this block"),
        ("```console\ntrue\n```\n", "line 2: nothing runs this block"),
        ("```console\n$ cat <<'END'\nit's\n```\n", "line 2: the command does not end"),
        ("Hello `there`:\n```yaml\na: 1\n```\n", "line 3: nothing runs this block"),
        ("<!-- by hand: a.xlsx, sheet b -->\nNo table\n", "line 1: a file, a sheet and a table belong together"),
    ] {
        let found = parse(page);
        assert!(found.as_ref().is_err_and(|text| text.contains(fault)), "{page}: {found:?}");
    }
    let found = parse("```text\nHi\n```\n```sh\ntrue\n```\n```text\nyes\n```\nIn `a/b.csv`:\n\n```csv\nc\n```\n")
        .expect("examples");
    let shown: Vec<(&str, usize)> = found.iter().map(|example| (&*example.shown, example.line)).collect();
    assert_eq!(shown, [("yes\n", 5), ("", 13)]);
    let file = "mkdir -p 'a'\ncat > 'a/b.csv' <<'END_OF_FILE'\nc\nEND_OF_FILE";
    assert_eq!(found[1].action, Action::Shell(file.to_owned()));
}
