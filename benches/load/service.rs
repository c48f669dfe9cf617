//! The program under test, as cargo built it for this bench: its commands, its process, its memory and its size.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use actix_web::rt::time::sleep;
use pairing_tracker::config::DatabaseUrl;

use super::Outcome;
use super::http::{self, Connection};
use super::process::{Process, free_address};

const BINARY: &str = env!("CARGO_BIN_EXE_pairing-tracker");
/// The longest time that a server may take to its first response.
const PATIENCE: Duration = Duration::from_secs(30);

/// The program with a database.
pub struct Program {
    database: DatabaseUrl,
}

/// A running service.
pub struct Service {
    pub address: SocketAddr,
    /// From the start of the process to its first response with data.
    pub first_response: Duration,
    process: Process,
}

/// Resident memory in bytes.
#[derive(Clone, Copy)]
pub struct Memory {
    pub resident: u64,
    /// The part of it that maps files: the program itself, and SQLite's database.
    pub mapped: u64,
}

impl Program {
    pub fn new(database: DatabaseUrl) -> Program {
        Program { database }
    }

    pub fn database(&self) -> &DatabaseUrl {
        &self.database
    }

    fn command(&self) -> Command {
        let mut command = Command::new(BINARY);
        let url = match &self.database {
            DatabaseUrl::Sqlite(path) => format!("sqlite:{}", path.display()),
            DatabaseUrl::Postgres(url) => url.as_given().to_owned(),
        };
        // Settings in the environment are meant for another service.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PAIRING_TRACKER_") {
                command.env_remove(name);
            }
        }
        command.env("DATABASE_URL", url).env("RUST_LOG", "error").stdin(Stdio::null());
        command
    }

    /// Runs a command to its end and returns its output.
    pub fn run(&self, arguments: &[&str]) -> Outcome<String> {
        let output = self.command().args(arguments).output().map_err(|e| format!("cannot run {BINARY}: {e}"))?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(format!("{arguments:?} failed: {}", String::from_utf8_lossy(&output.stderr)))
        }
    }

    /// Serves on a free port, and waits for the first response.
    pub async fn start(&self) -> Outcome<Service> {
        let address = free_address()?;
        let mut command = self.command();
        command.args(["serve", "--listen", &address.to_string()]);
        // The bench is one client that exceeds every limit of a client.
        for limit in ["--rate-per-address", "--rate-per-key", "--in-flight-per-address"] {
            command.args([limit, "0"]);
        }
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let started = Instant::now();
        let mut process = Process::start(&mut command, "TERM")?;
        await_response(&mut process, address, "/api/v1/milestones/1").await?;
        let first_response = started.elapsed();
        await_response(&mut process, address, "/readyz").await?;
        Ok(Service { address, first_response, process })
    }
}

impl Service {
    /// The processor time of the process; only Linux reports it, in hundredths of a second.
    pub fn processor_time(&self) -> Outcome<Duration> {
        let path = format!("/proc/{}/stat", self.process.id());
        let stat = std::fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))?;
        // The name, in brackets, may contain spaces; fields 14 and 15 are the times in user and system mode.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
        Ok(Duration::from_millis(10 * fields.filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>()))
    }

    /// The memory of the process now; only Linux reports it.
    pub fn memory(&self) -> Option<Memory> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
        };
        Some(Memory { resident: bytes("VmRSS")?, mapped: bytes("RssFile")? })
    }
}

impl Service {
    /// The peak memory of the process in bytes; only Linux reports it.
    pub fn peak(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
    }
}

/// The larger of the two.
pub fn greater(a: Option<Memory>, b: Option<Memory>) -> Option<Memory> {
    a.into_iter().chain(b).max_by_key(|memory| memory.resident)
}

/// Polls a server that is starting until it responds with 200.
pub async fn await_response(process: &mut Process, address: SocketAddr, target: &str) -> Outcome<()> {
    let deadline = Instant::now() + PATIENCE;
    let request = http::get(target);
    loop {
        if let Ok(mut connection) = Connection::open(address).await
            && let Ok(200) = connection.exchange(request.as_bytes()).await
        {
            return Ok(());
        }
        process.require_running()?;
        if Instant::now() > deadline {
            return Err(format!("no response to {target} in time"));
        }
        sleep(Duration::from_millis(1)).await;
    }
}

/// The size of the program's file in bytes.
pub fn binary_size() -> Option<u64> {
    std::fs::metadata(BINARY).ok().map(|file| file.len())
}
