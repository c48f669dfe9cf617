//! Settings: from flags, the environment and a file, in that order of precedence.

use std::fmt;
use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use ipnet::IpNet;

use self::oidc::OidcSettings;

mod database;
pub mod invocation;
mod log_format;
mod network;
pub mod oidc;
mod partial;
pub mod paths;

pub use database::{DatabaseUrl, PostgresUrl};
pub use log_format::LogFormat;
pub use partial::{PartialSettings, nearest};

/// Where the files of documents are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileStore {
    /// In the database, beside the rows.
    Database,
    /// In a directory, named by their SHA-256.
    Directory(PathBuf),
}

/// The effective settings of the service.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The address to listen on, as `HOST:PORT`.
    pub listen: String,
    /// A separate address for the metrics; `None` serves them on `listen`.
    pub metrics_listen: Option<String>,
    pub database_url: DatabaseUrl,
    pub seed: bool,
    pub private: bool,
    pub time_zone: Tz,
    pub files: FileStore,
    /// Connections for short reads.
    pub connections: u32,
    /// The issuer whose tokens are accepted in addition to keys.
    pub oidc: Option<OidcSettings>,
    pub log_format: LogFormat,
    /// Proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// Requests per minute for each address and for each key; 0 means no limit.
    pub rate_per_address: u32,
    pub rate_per_key: u32,
    /// Rejected keys and tokens per minute for each address; 0 means no limit.
    pub wrong_keys_per_address: u32,
    /// Days after which the records of refused requests are deleted; 1 to 3,650.
    pub keep_refusals: u32,
    /// Concurrent requests for each address and in total; 0 means no limit.
    pub in_flight_per_address: u32,
    pub in_flight: u32,
    /// Origins whose pages may call the API.
    pub cors_origins: Vec<String>,
    /// Networks to which webhooks may be sent although they are not public.
    pub webhook_networks: Vec<IpNet>,
}

impl Settings {
    /// Today's date in the service's time zone.
    pub fn today(&self) -> NaiveDate {
        self.day_of(Utc::now())
    }

    /// The first instant of a day in the service's time zone.
    pub fn start_of(&self, day: NaiveDate) -> DateTime<Utc> {
        let midnight = day.and_time(NaiveTime::MIN);
        self.time_zone.from_local_datetime(&midnight).earliest().map_or_else(|| midnight.and_utc(), |at| at.to_utc())
    }

    /// The directories whose file systems need free space, each with what it contains.
    pub fn directories(&self) -> Vec<(&'static str, PathBuf)> {
        let mut all = Vec::new();
        if let DatabaseUrl::Sqlite(path) = &self.database_url {
            all.push(("database", paths::directory_of(path).to_owned()));
        }
        if let FileStore::Directory(path) = &self.files {
            all.push(("files", path.clone()));
        }
        all
    }

    /// The files of a SQLite database, each with its role.
    pub fn database_files(&self) -> Vec<(&'static str, PathBuf)> {
        match &self.database_url {
            DatabaseUrl::Sqlite(path) => vec![("main", path.clone()), ("wal", write_ahead_log(path))],
            DatabaseUrl::Postgres(_) => Vec::new(),
        }
    }

    /// The date of an instant in the service's time zone.
    pub fn day_of(&self, instant: DateTime<Utc>) -> NaiveDate {
        // The API's dates end with the year 9999, which ends earlier east of Greenwich.
        let last = NaiveDate::from_ymd_opt(9999, 12, 31).unwrap_or(NaiveDate::MAX);
        instant.with_timezone(&self.time_zone).date_naive().min(last)
    }
}

/// The write-ahead log of a SQLite database.
pub fn write_ahead_log(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            listen: "127.0.0.1:8080".to_owned(),
            metrics_listen: None,
            database_url: DatabaseUrl::Sqlite(PathBuf::from("pairing-tracker.db")),
            seed: false,
            private: false,
            time_zone: Tz::Asia__Shanghai,
            files: FileStore::Database,
            connections: 8,
            oidc: None,
            log_format: LogFormat::Text,
            trusted_proxies: Vec::new(),
            rate_per_address: 6000,
            rate_per_key: 6000,
            wrong_keys_per_address: 60,
            keep_refusals: 90,
            in_flight_per_address: 100,
            in_flight: 2000,
            cors_origins: Vec::new(),
            webhook_networks: Vec::new(),
        }
    }
}

impl fmt::Display for Settings {
    /// Formats the settings as a settings file, without secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "listen = {:?}", self.listen)?;
        match &self.metrics_listen {
            None => writeln!(f, "# metrics_listen: none, /metrics is served on the address above")?,
            Some(listen) => writeln!(f, "metrics_listen = {listen:?}")?,
        }
        writeln!(f, "database_url = {:?}", self.database_url.to_string())?;
        writeln!(f, "seed = {}", self.seed)?;
        writeln!(f, "private = {}", self.private)?;
        writeln!(f, "time_zone = {:?}", self.time_zone.name())?;
        match &self.files {
            FileStore::Database => writeln!(f, "# files_dir: none, files are stored in the database")?,
            FileStore::Directory(path) => writeln!(f, "files_dir = {:?}", path.display().to_string())?,
        }
        writeln!(f, "connections = {}", self.connections)?;
        writeln!(f, "log_format = {:?}", self.log_format.name())?;
        writeln!(f, "trusted_proxies = {:?}", network::written(&self.trusted_proxies))?;
        writeln!(f, "rate_per_address = {}", self.rate_per_address)?;
        writeln!(f, "rate_per_key = {}", self.rate_per_key)?;
        writeln!(f, "wrong_keys_per_address = {}", self.wrong_keys_per_address)?;
        writeln!(f, "keep_refusals = {}", self.keep_refusals)?;
        writeln!(f, "in_flight_per_address = {}", self.in_flight_per_address)?;
        writeln!(f, "in_flight = {}", self.in_flight)?;
        writeln!(f, "cors_origins = {:?}", self.cors_origins)?;
        writeln!(f, "webhook_networks = {:?}", network::written(&self.webhook_networks))?;
        match &self.oidc {
            None => writeln!(f, "# oidc_issuer: none, only keys are accepted"),
            Some(oidc) => write!(f, "{oidc}"),
        }
    }
}
