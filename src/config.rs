//! Settings: from flags, the environment and a file, in that order of precedence.

use std::fmt;
use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use ipnet::IpNet;
use serde::Deserialize;

use self::oidc::{GivenOidc, OidcSettings};

mod database;
mod log_format;
mod network;
pub mod oidc;

pub use database::{DatabaseUrl, PostgresUrl};
pub use log_format::LogFormat;

/// Where the files of documents are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileStore {
    /// In the database, beside the rows.
    Database,
    /// In a directory, by their SHA-256.
    Directory(PathBuf),
}

/// What the service runs with.
#[derive(Clone, Debug)]
pub struct Settings {
    pub listen: String,
    /// Where the metrics are served instead of on `listen`.
    pub metrics_listen: Option<String>,
    pub database_url: DatabaseUrl,
    pub seed: bool,
    pub private: bool,
    pub time_zone: Tz,
    pub files: FileStore,
    /// Connections for reading.
    pub connections: u32,
    /// Whose tokens are taken beside keys.
    pub oidc: Option<OidcSettings>,
    pub log_format: LogFormat,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Requests a minute of one address, and of one key; zero: any number.
    pub rate_per_address: u32,
    pub rate_per_key: u32,
    /// Keys and tokens a minute of one address that may be wrong; zero: any number.
    pub wrong_keys_per_address: u32,
    /// Days after which refused requests are deleted; 1 to 3,650.
    pub keep_refusals: u32,
    /// Requests at one time of one address, and of all; zero: any number.
    pub in_flight_per_address: u32,
    pub in_flight: u32,
    /// The origins whose pages may call the API.
    pub cors_origins: Vec<String>,
    /// Networks that webhooks may be sent to though they are not public.
    pub webhook_networks: Vec<IpNet>,
}

impl Settings {
    /// Today where the programme is.
    pub fn today(&self) -> NaiveDate {
        self.day_of(Utc::now())
    }

    /// The beginning of a day in the service's time zone.
    pub fn start_of(&self, day: NaiveDate) -> DateTime<Utc> {
        let midnight = day.and_time(NaiveTime::MIN);
        self.time_zone.from_local_datetime(&midnight).earliest().map_or_else(|| midnight.and_utc(), |at| at.to_utc())
    }

    /// The directories whose file systems must not be full, each with what is there.
    pub fn directories(&self) -> Vec<(&'static str, PathBuf)> {
        let mut all = Vec::new();
        if let DatabaseUrl::Sqlite(path) = &self.database_url {
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            all.push(("database", parent.unwrap_or(Path::new(".")).to_owned()));
        }
        if let FileStore::Directory(path) = &self.files {
            all.push(("files", path.clone()));
        }
        all
    }

    /// The files of a SQLite database, each with what it is.
    pub fn database_files(&self) -> Vec<(&'static str, PathBuf)> {
        match &self.database_url {
            DatabaseUrl::Sqlite(path) => {
                let mut wal = path.clone().into_os_string();
                wal.push("-wal");
                vec![("main", path.clone()), ("wal", wal.into())]
            }
            DatabaseUrl::Postgres(_) => Vec::new(),
        }
    }

    /// The day of an instant where the programme is.
    pub fn day_of(&self, instant: DateTime<Utc>) -> NaiveDate {
        // The API's dates end with the year 9999, which ends earlier east of Greenwich.
        let last = NaiveDate::from_ymd_opt(9999, 12, 31).unwrap_or(NaiveDate::MAX);
        instant.with_timezone(&self.time_zone).date_naive().min(last)
    }
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

/// Settings as one source gives them; what is absent is left to the next source.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartialSettings {
    pub listen: Option<String>,
    pub metrics_listen: Option<String>,
    pub database_url: Option<String>,
    pub seed: Option<bool>,
    pub private: Option<bool>,
    pub time_zone: Option<String>,
    pub files_dir: Option<PathBuf>,
    pub connections: Option<u32>,
    pub oidc_issuer: Option<String>,
    pub oidc_audience: Option<String>,
    pub oidc_algorithm: Option<String>,
    pub oidc_role_claim: Option<String>,
    pub oidc_pairings_claim: Option<String>,
    pub oidc_name_claim: Option<String>,
    pub log_format: Option<String>,
    pub trusted_proxies: Option<Vec<String>>,
    pub rate_per_address: Option<u32>,
    pub rate_per_key: Option<u32>,
    pub wrong_keys_per_address: Option<u32>,
    pub keep_refusals: Option<u32>,
    pub in_flight_per_address: Option<u32>,
    pub in_flight: Option<u32>,
    pub cors_origins: Option<Vec<String>>,
    pub webhook_networks: Option<Vec<String>>,
}

impl PartialSettings {
    /// Reads a settings file; a file that is not there is empty unless it was asked for.
    pub fn from_file(path: &Path, asked_for: bool) -> Result<PartialSettings, String> {
        match std::fs::read_to_string(path) {
            Ok(text) => toml::from_str(&text).map_err(|e| format!("{}: {}", path.display(), e.to_string().trim_end())),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && !asked_for => Ok(PartialSettings::default()),
            Err(e) => Err(format!("{}: {e}", path.display())),
        }
    }

    /// Fills what is absent from the next source.
    pub fn or(self, next: PartialSettings) -> PartialSettings {
        PartialSettings {
            listen: self.listen.or(next.listen),
            metrics_listen: self.metrics_listen.or(next.metrics_listen),
            database_url: self.database_url.or(next.database_url),
            seed: self.seed.or(next.seed),
            private: self.private.or(next.private),
            time_zone: self.time_zone.or(next.time_zone),
            files_dir: self.files_dir.or(next.files_dir),
            connections: self.connections.or(next.connections),
            oidc_issuer: self.oidc_issuer.or(next.oidc_issuer),
            oidc_audience: self.oidc_audience.or(next.oidc_audience),
            oidc_algorithm: self.oidc_algorithm.or(next.oidc_algorithm),
            oidc_role_claim: self.oidc_role_claim.or(next.oidc_role_claim),
            oidc_pairings_claim: self.oidc_pairings_claim.or(next.oidc_pairings_claim),
            oidc_name_claim: self.oidc_name_claim.or(next.oidc_name_claim),
            log_format: self.log_format.or(next.log_format),
            trusted_proxies: self.trusted_proxies.or(next.trusted_proxies),
            rate_per_address: self.rate_per_address.or(next.rate_per_address),
            rate_per_key: self.rate_per_key.or(next.rate_per_key),
            wrong_keys_per_address: self.wrong_keys_per_address.or(next.wrong_keys_per_address),
            keep_refusals: self.keep_refusals.or(next.keep_refusals),
            in_flight_per_address: self.in_flight_per_address.or(next.in_flight_per_address),
            in_flight: self.in_flight.or(next.in_flight),
            cors_origins: self.cors_origins.or(next.cors_origins),
            webhook_networks: self.webhook_networks.or(next.webhook_networks),
        }
    }

    /// The effective settings; every fault at once, a line each.
    pub fn finish(self) -> Result<Settings, String> {
        let PartialSettings {
            listen,
            metrics_listen,
            database_url,
            seed,
            private,
            time_zone,
            files_dir,
            connections,
            oidc_issuer,
            oidc_audience,
            oidc_algorithm,
            oidc_role_claim,
            oidc_pairings_claim,
            oidc_name_claim,
            log_format,
            trusted_proxies,
            rate_per_address,
            rate_per_key,
            wrong_keys_per_address,
            keep_refusals,
            in_flight_per_address,
            in_flight,
            cors_origins,
            webhook_networks,
        } = self;
        let default = Settings::default();
        let mut faults = Vec::new();
        let mut settings = Settings {
            listen: listen.unwrap_or(default.listen),
            metrics_listen,
            seed: seed.unwrap_or(false),
            private: private.unwrap_or(false),
            files: files_dir.map_or(FileStore::Database, FileStore::Directory),
            connections: connections.unwrap_or(default.connections),
            trusted_proxies: network::networks("trusted_proxies", &trusted_proxies.unwrap_or_default(), &mut faults),
            rate_per_address: rate_per_address.unwrap_or(default.rate_per_address),
            rate_per_key: rate_per_key.unwrap_or(default.rate_per_key),
            wrong_keys_per_address: wrong_keys_per_address.unwrap_or(default.wrong_keys_per_address),
            keep_refusals: keep_refusals.unwrap_or(default.keep_refusals),
            in_flight_per_address: in_flight_per_address.unwrap_or(default.in_flight_per_address),
            in_flight: in_flight.unwrap_or(default.in_flight),
            cors_origins: network::origins(&cors_origins.unwrap_or_default(), &mut faults),
            webhook_networks: network::networks("webhook_networks", &webhook_networks.unwrap_or_default(), &mut faults),
            ..default
        };
        if let Some(url) = database_url {
            match url.parse() {
                Ok(url) => settings.database_url = url,
                Err(fault) => faults.push(format!("database_url: {fault}")),
            }
        }
        if let Some(zone) = time_zone {
            match zone.parse() {
                Ok(zone) => settings.time_zone = zone,
                Err(_) => faults
                    .push(format!("time_zone: no time zone \"{zone}\"; an IANA name is meant, like Asia/Shanghai")),
            }
        }
        if let Some(name) = log_format {
            match name.parse() {
                Ok(format) => settings.log_format = format,
                Err(fault) => faults.push(format!("log_format: {fault}")),
            }
        }
        if let FileStore::Directory(path) = &settings.files
            && !path.is_dir()
        {
            faults.push(format!("files_dir: no directory {}", path.display()));
        }
        if !(1..=100).contains(&settings.connections) {
            faults.push("connections: must be between 1 and 100".to_owned());
        }
        if !(1..=3650).contains(&settings.keep_refusals) {
            faults.push("keep_refusals: must be between 1 and 3650 days".to_owned());
        }
        let oidc = GivenOidc {
            issuer: oidc_issuer,
            audience: oidc_audience,
            algorithm: oidc_algorithm,
            role_claim: oidc_role_claim,
            pairings_claim: oidc_pairings_claim,
            name_claim: oidc_name_claim,
        };
        settings.oidc = oidc.finish(&mut faults);
        if faults.is_empty() { Ok(settings) } else { Err(faults.join("\n")) }
    }
}

impl fmt::Display for Settings {
    /// As a settings file, without secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "listen = {:?}", self.listen)?;
        match &self.metrics_listen {
            None => writeln!(f, "# metrics_listen: none, /metrics is on the address above")?,
            Some(listen) => writeln!(f, "metrics_listen = {listen:?}")?,
        }
        writeln!(f, "database_url = {:?}", self.database_url.to_string())?;
        writeln!(f, "seed = {}", self.seed)?;
        writeln!(f, "private = {}", self.private)?;
        writeln!(f, "time_zone = {:?}", self.time_zone.name())?;
        match &self.files {
            FileStore::Database => writeln!(f, "# files_dir: none, files are kept in the database")?,
            FileStore::Directory(path) => writeln!(f, "files_dir = {:?}", path.display().to_string())?,
        }
        writeln!(f, "connections = {}", self.connections)?;
        let log_format = match self.log_format {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        };
        writeln!(f, "log_format = {log_format:?}")?;
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
            None => writeln!(f, "# oidc_issuer: none, there are keys alone"),
            Some(oidc) => write!(f, "{oidc}"),
        }
    }
}
