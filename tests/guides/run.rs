//! Runs the examples of a page in one shell, beside a service of their own.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::page::{Action, Example};
use super::workbook;
use crate::common::program::{Service, command};

/// The service's address in the pages.
const ADDRESS: &str = "127.0.0.1:8080";
/// The address of the receiver of webhooks in the pages.
const RECEIVER: &str = "127.0.0.1:9000";
/// How long all commands of a page may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// The output of a command and its exit status.
pub struct Output {
    pub text: String,
    pub status: String,
}

/// What running a page did.
pub struct Ran {
    pub outputs: Vec<Output>,
    /// The files that are in the directory afterwards, besides the database.
    pub left: Vec<String>,
    /// The keys that can still be used afterwards, as `key list` prints them.
    pub keys: Vec<String>,
}

/// Ends the shell and what it started.
struct Shell(Child);

impl Drop for Shell {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.0.wait();
    }
}

/// The options that the page starts the service with: `pairing-tracker` and `cargo run` are `serve --seed`.
fn options(examples: &[Example]) -> Vec<String> {
    let given = examples.iter().filter_map(Example::command).find_map(started_with);
    given.unwrap_or("--seed").split_whitespace().map(str::to_owned).collect()
}

/// The options of a command that starts the service.
fn started_with(command: &str) -> Option<&str> {
    match command.split(" #").next()?.trim() {
        "pairing-tracker" | "cargo run" => Some("--seed"),
        other => other.strip_prefix("pairing-tracker serve ").filter(|options| options.starts_with("--seed")),
    }
}

/// An address that nothing listens on.
fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").to_string()
}

/// Runs a page's examples, one after the other.
pub fn run(examples: &[Example]) -> Ran {
    let [directory, notes] = [(); 2].map(|()| tempfile::tempdir().expect("a directory"));
    let options = options(examples);
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    // What the program suggests depends on how it was started.
    let is_by_cargo = examples.iter().filter_map(Example::command).any(|one| one == "cargo run");
    let variables = if is_by_cargo { &[("CARGO", "cargo")][..] } else { &[] };
    let mut service = Service::start_with(directory.path(), &options, variables);
    service.wait_for_line("To write");
    fs::write(notes.path().join("start"), service.output.join("\n")).expect("a file");
    let names = [(ADDRESS, service.address.clone()), (RECEIVER, free_address())];
    fs::write(notes.path().join("script"), script(examples, &names)).expect("a file");
    let (mut shell, requests) = start(directory.path(), notes.path());
    let mut done = shell.0.stdin.take().expect("a pipe");
    let deadline = Instant::now() + PATIENCE;
    // A command that has not ended by the deadline has no status.
    while let Ok(line) = requests.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        let Some(example) = line.parse().ok().and_then(|index: usize| examples.get(index)) else { break };
        if let Action::Fill(table) = &example.action {
            workbook::fill(directory.path(), table);
        }
        let _ = writeln!(done);
    }
    drop(shell);

    let read = |name: String| fs::read_to_string(notes.path().join(name));
    let outputs = (0..examples.len()).map(|index| {
        let text = read(index.to_string()).unwrap_or_default();
        let text = names.iter().fold(text, |text, (name, address)| text.replace(address, name));
        let status = read(format!("{index}.status")).unwrap_or_else(|_| "none: it did not end".to_owned());
        Output { text, status: status.trim().to_owned() }
    });
    let entries = fs::read_dir(directory.path()).expect("a directory");
    let left = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let keys = read("keys".to_owned()).unwrap_or_default();
    Ran {
        outputs: outputs.collect(),
        left: left.filter(|name| !name.starts_with("pairing-tracker.db")).collect(),
        keys: keys.lines().filter(|line| line.contains("\tactive\t")).map(str::to_owned).collect(),
    }
}

/// The shell's program. It asks for what the shell cannot do by the example's number on descriptor 3, and reads a line from
/// descriptor 4 when that is done.
fn script(examples: &[Example], names: &[(&str, String)]) -> String {
    let mut script = "exec 3>&1 4<&0 </dev/null\n".to_owned();
    for (index, Example { action, .. }) in examples.iter().enumerate() {
        let command = match action {
            Action::Fill(_) => format!("echo {index} >&3; read -r _ <&4"),
            Action::Shell(command) if started_with(command).is_some() => "cat \"$NOTES/start\"".to_owned(),
            Action::Shell(command) => {
                names.iter().fold(command.clone(), |command, (name, address)| command.replace(name, address))
            }
        };
        script += &format!("exec >\"$NOTES/{index}\" 2>&1\n{command}\necho $? >\"$NOTES/{index}.status\"\n");
    }
    script + "pairing-tracker key list >\"$NOTES/keys\"\necho end >&3\n"
}

/// Starts the shell; what it asks for comes through the channel.
fn start(directory: &Path, notes: &Path) -> (Shell, Receiver<String>) {
    let mut shell = command("bash", directory, &["--norc"]);
    shell.arg(notes.join("script"));
    // Without the user's settings for curl, and not through a proxy.
    shell.env("NOTES", notes).env("HOME", notes).env("NO_PROXY", "127.0.0.1");
    shell.env("PYTHONDONTWRITEBYTECODE", "1");
    let errors = File::create(notes.join("shell")).expect("a file");
    shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors).process_group(0);
    let mut shell = Shell(shell.spawn().expect("bash starts"));
    let (sender, requests) = channel();
    let lines = BufReader::new(shell.0.stdout.take().expect("a pipe")).lines();
    std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
    (shell, requests)
}
