//! A PostgreSQL server for the suite, in a temporary directory, if the binaries are found.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::sql_types::Integer;
use diesel::{Connection, PgConnection, RunQueryDsl};

/// Makes a missing PostgreSQL a failure instead of a skip.
const REQUIRE: &str = "PAIRING_TRACKER_REQUIRE_POSTGRES";

pub struct Server {
    socket: PathBuf,
    databases: AtomicUsize,
}

static SERVER: LazyLock<Option<Server>> = LazyLock::new(|| match binaries() {
    Some(binaries) => Some(start(&binaries)),
    None => {
        let required = std::env::var(REQUIRE).is_ok_and(|value| !value.is_empty() && value != "0");
        assert!(!required, "{REQUIRE} is set, and no PostgreSQL server is installed");
        // Written directly to standard error: the test harness shows captured output only for tests that fail.
        let _ = writeln!(std::io::stderr().lock(), "PostgreSQL is not installed: its half of the suite is skipped.");
        None
    }
});

/// The server, started on first use; `None` where PostgreSQL is not installed.
pub fn server() -> Option<&'static Server> {
    SERVER.as_ref()
}

/// The directory of the server's programs, where they are installed.
pub fn binaries() -> Option<PathBuf> {
    let on_path =
        std::env::var_os("PATH").into_iter().flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let mut candidates: Vec<PathBuf> = on_path.collect();
    if let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") {
        let mut versions: Vec<PathBuf> = versions.flatten().map(|entry| entry.path().join("bin")).collect();
        versions.sort();
        candidates.extend(versions.into_iter().rev());
    }
    let found = candidates
        .into_iter()
        .find(|directory| directory.join("initdb").exists() && directory.join("postgres").exists())?;
    // `initdb` may be a symbolic link; all programs are in the directory of its target.
    Some(found.join("initdb").canonicalize().ok()?.parent()?.to_owned())
}

/// PostgreSQL refuses to run as root, so as root its commands run as another user.
pub fn command(program: &Path) -> Command {
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    if !is_root {
        return Command::new(program);
    }
    let user = if Command::new("id").args(["-u", "postgres"]).output().is_ok_and(|output| output.status.success()) {
        "postgres"
    } else {
        "nobody"
    };
    let mut command = Command::new("setpriv");
    command.args(["--reuid", user, "--regid", user, "--clear-groups"]).arg(program);
    command
}

/// Runs a command that must succeed.
pub fn run(mut command: Command) {
    let output = command.current_dir("/tmp").stdin(Stdio::null()).output().expect("the command starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[expect(clippy::zombie_processes, reason = "the watchdog outlives this process, whose end it waits for")]
fn start(binaries: &Path) -> Server {
    let directory =
        tempfile::Builder::new().prefix("pairing-tracker-pg").tempdir().expect("a temporary directory").keep();
    // The user that the server runs as must be able to write here.
    std::fs::set_permissions(&directory, std::os::unix::fs::PermissionsExt::from_mode(0o777)).expect("permissions");
    let data = directory.join("data");
    let mut init = command(&binaries.join("initdb"));
    init.arg("-D").arg(&data).args(["-U", "tester", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]);
    run(init);
    // A watchdog process stops the server and removes its directory once this process has ended.
    let options = format!(
        "-c listen_addresses='' -c unix_socket_directories='{}' -c fsync=off -c full_page_writes=off -c synchronous_commit=off -c max_connections=400",
        directory.display()
    );
    let mut control = command(&binaries.join("pg_ctl"));
    control.arg("-D").arg(&data).args(["-w", "-l"]).arg(directory.join("log")).arg("-o").arg(options).arg("start");
    run(control);
    let mut stop = command(&binaries.join("pg_ctl"));
    stop.arg("-D").arg(&data).args(["-m", "immediate", "stop"]);
    let stop: Vec<String> = std::iter::once(stop.get_program())
        .chain(stop.get_args())
        .map(|part| format!("'{}'", part.to_string_lossy()))
        .collect();
    let script = format!(
        "while kill -0 {} 2>/dev/null; do sleep 0.5; done; {} >/dev/null 2>&1; rm -rf '{}'",
        std::process::id(),
        stop.join(" "),
        directory.display()
    );
    Command::new("setsid")
        .args(["sh", "-c", &script])
        .current_dir("/tmp")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the watchdog starts");
    Server { socket: directory, databases: AtomicUsize::new(0) }
}

impl Server {
    /// The URL of a database.
    pub fn url(&self, name: &str) -> String {
        format!("postgres://tester@/{name}?host={}", self.socket.display())
    }

    /// Creates a database, empty or as a copy of one that has no connections; returns its name.
    pub fn create_database(&self, template: Option<&str>) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::SeqCst));
        let mut conn = PgConnection::establish(&self.url("postgres")).expect("the server answers");
        let template = template.unwrap_or("template1");
        // Copying files takes half of the time of writing every page into the log. Before version 15 it is the only strategy.
        let strategy = if server_version(&mut conn) >= 150_000 { "STRATEGY FILE_COPY" } else { "" };
        let create = format!("CREATE DATABASE {name} TEMPLATE {template} {strategy}");
        diesel::sql_query(create).execute(&mut conn).expect("the database is created");
        name
    }

    /// The URL of a new, empty database.
    pub fn empty_database(&self) -> String {
        self.url(&self.create_database(None))
    }
}

fn server_version(conn: &mut PgConnection) -> i32 {
    let number = diesel::dsl::sql::<Integer>("SELECT current_setting('server_version_num')::int");
    number.get_result(conn).expect("the server's version")
}
