//! The program, run as a process in its own directory.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use actix_web::http::header::HeaderMap;
use pairing_tracker::config::DatabaseUrl;
use pairing_tracker::db::{Conn, Manager};

use super::postgres;
use super::validator::{Exchange, VALIDATOR};

/// The longest wait for a line or a response.
const PATIENCE: Duration = Duration::from_secs(60);
/// A file in the directory that the program runs in.
pub const SQLITE: &str = "sqlite:test.db";

/// The result of a run.
#[derive(Debug)]
pub struct Done {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Done {
    /// The standard output of a successful run.
    #[track_caller]
    pub fn good(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out
    }

    /// The error message of a failed run, without the program's name.
    #[track_caller]
    pub fn refused(self) -> String {
        assert_eq!((self.code, self.out.as_str()), (Some(1), ""), "{self:?}");
        let [line] = self.err.lines().collect::<Vec<_>>()[..] else { panic!("one line: {self:?}") };
        line.strip_prefix("pairing-tracker: ").unwrap_or_else(|| panic!("{self:?}")).to_owned()
    }
}

/// The path of the program.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_pairing-tracker");

/// The program with these arguments and without settings from the environment.
pub fn program(directory: &Path, args: &[&str]) -> Command {
    command(PROGRAM, directory, args)
}

/// Another program, which may call this one, also without settings from the environment.
pub fn command(program: &str, directory: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let words = name.to_string_lossy().into_owned();
        if words.starts_with("PAIRING_TRACKER_") || words == "DATABASE_URL" || words == "RUST_LOG" {
            command.env_remove(name);
        }
    }
    // Suggested commands name the program as an installed one is entered.
    let own = Path::new(PROGRAM).parent().expect("a directory").to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(own).chain(std::env::split_paths(&path))).expect("a path");
    command.env("PATH", path).env_remove("CARGO");
    command.args(args).current_dir(directory).stdin(Stdio::null());
    command
}

/// Runs a command to its end.
pub fn finish(mut command: Command) -> Done {
    let output = command.output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Done { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// Runs the program to its end.
pub fn run(directory: &Path, args: &[&str]) -> Done {
    finish(program(directory, args))
}

/// Runs a command on a database.
pub fn on(directory: &Path, url: &str, args: &[&str]) -> Done {
    run(directory, &[&["--database-url", url], args].concat())
}

/// A database that is not migrated yet, on each available backend.
pub fn databases() -> Vec<String> {
    let server = postgres::server().map(postgres::Server::empty_database);
    std::iter::once(SQLITE.to_owned()).chain(server).collect()
}

/// A connection to the database of a URL in the program's settings.
pub fn connect(directory: &Path, url: &str) -> Conn {
    let url = match url {
        SQLITE => DatabaseUrl::Sqlite(directory.join("test.db")),
        other => other.parse().expect("a URL"),
    };
    Manager::new(url).open().expect("a connection")
}

/// Reads a connection until its end, or until it is reset.
pub fn read_response(stream: &mut TcpStream) -> String {
    let (mut response, mut part) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = stream.read(&mut part) {
        response.extend_from_slice(&part[..count]);
    }
    String::from_utf8(response).expect("UTF-8")
}

/// The status and body of a response, validated by the document; `request` is its method and path.
pub fn status_and_body<'a>(request: &str, response: &'a str) -> (u16, &'a str) {
    let (head, body) = response.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {response}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let mut headers = HeaderMap::new();
    for (name, value) in head.lines().skip(1).filter_map(|line| line.split_once(": ")) {
        headers.append(name.parse().expect("a name"), value.parse().expect("a value"));
    }
    // A chunked body is not validated here: the chunks are not joined.
    let whole = (!headers.contains_key("transfer-encoding")).then_some(body.as_bytes());
    let (method, path) = request.split_once(' ').expect("a method and a path");
    let method = method.parse().expect("a method");
    let faults = VALIDATOR.faults(&Exchange { method: &method, path, status, headers: &headers, body: whole });
    assert!(faults.is_empty(), "{request}: {status} {faults:?} {body}");
    (status, body)
}

/// A line of `/proc/PID/status`, in KiB; `None` where there is no such file.
pub fn memory(process: u32, name: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// A running service; stopped at the end of the test.
pub struct Service {
    child: Child,
    lines: Receiver<String>,
    /// Its output so far.
    pub output: Vec<String>,
    /// The address that it listens on.
    pub address: String,
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Service {
    /// Starts it on a free port, and waits until it listens.
    pub fn start(directory: &Path, args: &[&str]) -> Service {
        Service::start_with(directory, args, &[])
    }

    /// Starts it with variables of the environment.
    pub fn start_with(directory: &Path, args: &[&str], variables: &[(&str, &str)]) -> Service {
        Service::start_program(PROGRAM, directory, args, variables)
    }

    /// Starts this build of it.
    pub fn start_program(program: &str, directory: &Path, args: &[&str], variables: &[(&str, &str)]) -> Service {
        let mut command = command(program, directory, &[&["serve", "--listen", "127.0.0.1:0"], args].concat());
        command.envs(variables.iter().copied());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let (sender, lines) = channel();
        let errors = BufReader::new(child.stderr.take().expect("a pipe"));
        std::thread::spawn(move || errors.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut service = Service { child, lines, output: Vec::new(), address: String::new() };
        while service.address.is_empty() {
            let line = service.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("it does not serve: {:?}", service.output));
            if let Some((_, rest)) = line.split_once("page  http://") {
                service.address = rest.trim_end_matches('/').to_owned();
            }
            service.output.push(line);
        }
        service
    }

    /// Ends it at once, as `kill -9` does.
    pub fn kill(mut self) {
        self.child.kill().expect("it is killed");
        self.child.wait().expect("it ends");
    }

    /// Waits until it prints a line with this text.
    pub fn wait_for_line(&mut self, words: &str) {
        while !self.output.iter().any(|line| line.contains(words)) {
            let line = self.lines.recv_timeout(PATIENCE);
            self.output.push(line.unwrap_or_else(|_| panic!("not said: {words}: {:?}", self.output)));
        }
    }

    /// A connection with a read time-out.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        stream
    }

    /// The complete response to these bytes, read until the service closes the connection. It may close it before everything is
    /// written.
    pub fn exchange(&self, request: &[u8]) -> String {
        let mut stream = self.connect();
        // The response to the part that it read is still readable.
        let _ = stream.write_all(request);
        read_response(&mut stream)
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The process's memory in KiB by a line of its status, such as `VmRSS:`; only Linux has it.
    pub fn memory(&self, line: &str) -> Option<u64> {
        memory(self.child.id(), line)
    }

    /// Resets the peak that `VmHWM:` reports.
    pub fn reset_peak(&self) {
        // Without the file, the peak cannot be read either.
        let _ = std::fs::write(format!("/proc/{}/clear_refs", self.id()), "5");
    }

    /// The status and body of a response, validated by the document.
    pub fn request(&self, request: &str, key: Option<&str>) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let key = key.map(|key| format!("Authorization: Bearer {key}\r\n")).unwrap_or_default();
        let head = format!("{request} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{key}\r\n", self.address);
        stream.write_all(head.as_bytes()).expect("it reads");
        let mut response = String::new();
        stream.read_to_string(&mut response).expect("it answers");
        let (status, body) = status_and_body(request, &response);
        (status, body.to_owned())
    }

    /// Asks it to end, and waits until it has.
    pub fn stop(mut self) -> (Option<i32>, Vec<String>) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill starts").success());
        // Its standard error is closed when it ends.
        let error = loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => self.output.push(line),
                Err(error) => break error,
            }
        };
        assert_eq!(error, RecvTimeoutError::Disconnected, "it does not end: {:?}", self.output);
        let ended = self.child.wait().expect("it can be waited for");
        (ended.code(), std::mem::take(&mut self.output))
    }
}
