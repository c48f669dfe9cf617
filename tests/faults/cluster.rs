//! PostgreSQL servers that a test can stop, restart and fail over.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};

use crate::common::postgres::{binaries, command, run};

/// The name of the database.
const NAME: &str = "faults";

/// Settings that a primary and its standby must share.
const SETTINGS: &str = "max_connections = 100\nwal_level = replica\nmax_wal_senders = 4\nhot_standby = on";

/// A server in its own directory; stopped and removed when the test ends.
pub struct Cluster {
    binaries: PathBuf,
    directory: PathBuf,
}

impl Cluster {
    /// A new server with an empty database, as durable as PostgreSQL is by default; `None` where it is not installed.
    pub fn start() -> Option<Cluster> {
        let cluster = Cluster::empty()?;
        let mut init = cluster.tool("initdb");
        init.arg("-D").arg(cluster.data()).args([
            "-U",
            "tester",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-locale",
            "--no-sync",
        ]);
        run(init);
        cluster.configure(SETTINGS);
        cluster.control(&["-w", "start"]);
        cluster.execute_on("postgres", &format!("CREATE DATABASE {NAME}"));
        Some(cluster)
    }

    fn empty() -> Option<Cluster> {
        let binaries = binaries()?;
        let directory = tempfile::Builder::new().prefix("pt-cluster").tempdir().expect("a directory").keep();
        // The user that the server runs as must be able to write here.
        std::fs::set_permissions(&directory, std::os::unix::fs::PermissionsExt::from_mode(0o777)).expect("permissions");
        Some(Cluster { binaries, directory })
    }

    /// A synchronous standby with a copy of this server's data: the server acknowledges no commit without it.
    pub fn synchronous_standby(&self) -> Cluster {
        let standby = Cluster::empty().expect("there was one");
        let mut copy = self.tool("pg_basebackup");
        copy.arg("-D")
            .arg(standby.data())
            .args(["-R", "-X", "stream", "-c", "fast", "-U", "tester", "-h"])
            .arg(self.socket());
        run(copy);
        let host = self.socket().display();
        std::fs::write(
            standby.data().join("postgresql.auto.conf"),
            format!("primary_conninfo = 'host={host} user=tester application_name=standby'\n"),
        )
        .expect("the settings are written");
        standby.configure(SETTINGS);
        standby.control(&["-w", "start"]);
        self.execute_on("postgres", "ALTER SYSTEM SET synchronous_standby_names = 'standby'");
        self.execute_on("postgres", "SELECT pg_reload_conf()");
        standby
    }

    /// Writes its settings; its socket is in its own directory.
    fn configure(&self, more: &str) {
        let text = format!("listen_addresses = ''\nunix_socket_directories = '{}'\n{more}\n", self.socket().display());
        let path = self.data().join("postgresql.conf");
        std::fs::write(path, text).expect("the settings are written");
    }

    /// The URL of its database.
    pub fn url(&self) -> String {
        format!("postgres://tester@/{NAME}?host={}", self.socket().display())
    }

    /// The URL for a failover between this server and another.
    pub fn url_with(&self, other: &Cluster) -> String {
        format!("postgres://tester@/{NAME}?host={},{}", self.socket().display(), other.socket().display())
    }

    /// The directory of its socket.
    pub fn socket(&self) -> &Path {
        &self.directory
    }

    /// Stops it as a crash does.
    pub fn crash(&self) {
        self.control(&["-m", "immediate", "stop"]);
    }

    /// Restarts it within a second.
    pub fn restart(&self) {
        self.control(&["-w", "-m", "fast", "restart"]);
    }

    /// Promotes a standby to the primary.
    pub fn promote(&self) {
        self.control(&["-w", "promote"]);
    }

    /// Executes a statement in its database.
    pub fn execute(&self, sql: &str) {
        self.execute_on(NAME, sql);
    }

    fn execute_on(&self, database: &str, sql: &str) {
        let url = format!("postgres://tester@/{database}?host={}", self.socket().display());
        PgConnection::establish(&url).expect("it answers").batch_execute(sql).expect("the statement is good");
    }

    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    fn tool(&self, name: &str) -> Command {
        command(&self.binaries.join(name))
    }

    fn control(&self, arguments: &[&str]) {
        let mut control = self.tool("pg_ctl");
        control.arg("-D").arg(self.data()).arg("-l").arg(self.directory.join("log")).args(arguments);
        // The server inherits the standard streams, and a pipe would never reach its end.
        control.stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null()).current_dir("/tmp");
        assert!(control.status().expect("it starts").success(), "pg_ctl {arguments:?}");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // It may be stopped already.
        let mut stop = self.tool("pg_ctl");
        stop.arg("-D").arg(self.data()).args(["-m", "immediate", "stop"]).current_dir("/tmp");
        let _ = stop.stdout(Stdio::null()).stderr(Stdio::null()).status();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
