//! A PostgreSQL server for the bench, with its safe defaults: `fsync` and `synchronous_commit` are on.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, RunQueryDsl};
use pairing_tracker::config::DatabaseUrl;
use tempfile::TempDir;

use super::Outcome;
use super::process::Process;

/// The longest time that the server may take to start.
const PATIENCE: Duration = Duration::from_secs(30);

/// The user that owns its databases.
pub const OWNER: &str = "load";

/// A running server, which is stopped when this is dropped.
pub struct Server {
    // Fields drop in this order: the server stops before its directory is removed.
    process: Process,
    directory: TempDir,
}

/// The directories of the server's programs, the newest version first.
pub fn binaries() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut candidates: Vec<PathBuf> = std::env::split_paths(&path).collect();
    if let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") {
        let mut versions: Vec<PathBuf> = versions.flatten().map(|entry| entry.path().join("bin")).collect();
        versions.sort();
        candidates.extend(versions.into_iter().rev());
    }
    candidates.into_iter().find(|directory| directory.join("initdb").exists() && directory.join("postgres").exists())
}

/// The name and version of the server.
pub fn version(binaries: &Path) -> String {
    let output = Command::new(binaries.join("postgres")).arg("--version").output();
    output.map_or_else(|_| "PostgreSQL".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

impl Server {
    /// Starts a cluster: that in `keep`, if it is given and has one, or a new one.
    pub fn start(binaries: &Path, keep: Option<&Path>) -> Outcome<Server> {
        let failed = |e: std::io::Error| format!("cannot prepare PostgreSQL: {e}");
        // A socket's path must be short, so it is never in the directory that is kept.
        let directory = tempfile::Builder::new().prefix("pairing-tracker-load").tempdir().map_err(failed)?;
        let data = keep.map_or_else(|| directory.path().join("data"), |keep| keep.join("postgres"));
        let user = other_user();
        // The user that the server runs as must be able to write here.
        std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o777)).map_err(failed)?;
        if !data.join("PG_VERSION").exists() {
            initialize(binaries, &data, user.as_ref())?;
        }
        let socket = format!("unix_socket_directories={}", directory.path().display());
        let mut server = command(&binaries.join("postgres"), user.as_ref());
        server.arg("-D").arg(&data).args(["-c", "listen_addresses=", "-c", "max_connections=300", "-c", &socket]);
        // SIGINT is a fast shutdown; SIGTERM would wait for clients.
        let process = Process::start(server.stdout(Stdio::null()).stderr(Stdio::null()), "INT")?;
        let mut server = Server { process, directory };
        server.await_ready()?;
        Ok(server)
    }

    fn await_ready(&mut self) -> Outcome<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.connect() {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() > deadline => return Err(format!("PostgreSQL does not respond: {error}")),
                Err(_) => self.process.require_running()?,
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn address(&self, database: &str) -> String {
        format!("postgres://{OWNER}@/{database}?host={}", self.directory.path().display())
    }

    /// The URL of a database.
    pub fn url(&self, database: &str) -> Outcome<DatabaseUrl> {
        self.address(database).parse()
    }

    fn connect(&self) -> Outcome<PgConnection> {
        PgConnection::establish(&self.address("postgres")).map_err(|e| e.to_string())
    }

    /// Executes a statement outside all databases that are measured.
    pub fn execute(&self, statement: &str) -> Outcome<()> {
        self.connect()?.batch_execute(statement).map_err(|e| format!("{statement}: {e}"))
    }

    pub fn exists(&self, database: &str) -> Outcome<bool> {
        let query = format!("SELECT 1 FROM pg_database WHERE datname = '{database}'");
        let found = diesel::sql_query(query).execute(&mut self.connect()?).map_err(|e| e.to_string())?;
        Ok(found > 0)
    }

    /// A directory into which the server may write.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }
}

/// Creates a cluster.
fn initialize(binaries: &Path, data: &Path, user: Option<&User>) -> Outcome<()> {
    let failed = |e: std::io::Error| format!("cannot prepare {}: {e}", data.display());
    std::fs::create_dir_all(data).map_err(failed)?;
    if let Some(User { id, .. }) = user {
        let owned = Command::new("chown").arg(id).arg(data).status().map_err(failed)?;
        if !owned.success() {
            return Err(format!("cannot give {} to user {id}", data.display()));
        }
    }
    let output = command(&binaries.join("initdb"), user)
        .arg("-D")
        .arg(data)
        .args(["-U", OWNER, "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"])
        .output()
        .map_err(failed)?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("initdb failed: {}", String::from_utf8_lossy(&output.stderr)))
    }
}

/// User and group id of a user of this machine.
struct User {
    id: String,
    group: String,
}

/// The user that the server runs as if this process is root, which PostgreSQL refuses.
fn other_user() -> Option<User> {
    let number = |arguments: &[&str]| {
        let output = Command::new("id").args(arguments).stderr(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    if number(&["-u"])? != "0" {
        return None;
    }
    ["postgres", "nobody"]
        .into_iter()
        .find_map(|name| Some(User { id: number(&["-u", name])?, group: number(&["-g", name])? }))
}

fn command(program: &Path, user: Option<&User>) -> Command {
    let mut command = match user {
        Some(User { id, group }) => {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", id, "--regid", group, "--clear-groups"]).arg(program);
            command
        }
        None => Command::new(program),
    };
    command.current_dir("/").stdin(Stdio::null());
    command
}
