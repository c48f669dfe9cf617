//! Settings of one source, and their combination.

use std::path::{Path, PathBuf};

use chrono_tz::{TZ_VARIANTS, Tz};
use serde::Deserialize;
use validator::{Validate, ValidationError};

use super::oidc::GivenOidc;
use super::{FileStore, Settings, network, paths};
use crate::model::similar;

/// How similar two names must be, from 0 to 1, for one to be suggested instead of the other.
const SIMILAR: f64 = 0.6;

/// Settings as one source gives them; those that are absent come from the next source.
#[derive(Clone, Debug, Default, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct PartialSettings {
    pub listen: Option<String>,
    /// Replaces the port of `listen`; a flag only.
    #[serde(skip)]
    pub port: Option<u16>,
    pub metrics_listen: Option<String>,
    pub database_url: Option<String>,
    pub seed: Option<bool>,
    pub private: Option<bool>,
    pub time_zone: Option<String>,
    pub files_dir: Option<PathBuf>,
    #[validate(range(min = 1, max = 100))]
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
    #[validate(range(min = 1, max = 3650))]
    pub keep_refusals: Option<u32>,
    pub in_flight_per_address: Option<u32>,
    pub in_flight: Option<u32>,
    pub cors_origins: Option<Vec<String>>,
    pub webhook_networks: Option<Vec<String>>,
}

impl PartialSettings {
    /// Reads a settings file. A file that does not exist is empty unless it is `required`.
    pub fn from_file(path: &Path, required: bool) -> Result<PartialSettings, String> {
        match std::fs::read_to_string(path) {
            Ok(text) => toml::from_str(&text).map_err(|error| explain(path, &text, &error)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && !required => Ok(PartialSettings::default()),
            Err(e) => Err(paths::read_failure(path, &e)),
        }
    }

    /// Takes what is absent from the next source.
    pub fn or(self, next: PartialSettings) -> PartialSettings {
        PartialSettings {
            listen: self.listen.or(next.listen),
            port: self.port.or(next.port),
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

    /// A line for each number that its `range` does not contain, in the order of the names.
    fn out_of_range(&self) -> Vec<String> {
        let Err(errors) = self.validate() else { return Vec::new() };
        let fault = |(name, errors): (_, &Vec<ValidationError>)| {
            let parameter =
                |name: &str| errors.first().and_then(|error| error.params.get(name)).cloned().unwrap_or_default();
            format!("{name}: {} is not between {} and {}", parameter("value"), parameter("min"), parameter("max"))
        };
        let mut faults: Vec<String> = errors.field_errors().into_iter().map(fault).collect();
        faults.sort();
        faults
    }

    /// Validates the settings. The error has a line for each fault.
    pub fn finish(self) -> Result<Settings, String> {
        let default = Settings::default();
        let mut faults = self.out_of_range();
        let mut settings = Settings {
            listen: default.listen,
            metrics_listen: None,
            database_url: default.database_url,
            seed: self.seed.unwrap_or(default.seed),
            private: self.private.unwrap_or(default.private),
            time_zone: default.time_zone,
            files: self.files_dir.map_or(default.files, FileStore::Directory),
            connections: self.connections.unwrap_or(default.connections),
            oidc: None,
            log_format: default.log_format,
            trusted_proxies: network::networks("trusted_proxies", self.trusted_proxies.as_deref(), &mut faults),
            rate_per_address: self.rate_per_address.unwrap_or(default.rate_per_address),
            rate_per_key: self.rate_per_key.unwrap_or(default.rate_per_key),
            wrong_keys_per_address: self.wrong_keys_per_address.unwrap_or(default.wrong_keys_per_address),
            keep_refusals: self.keep_refusals.unwrap_or(default.keep_refusals),
            in_flight_per_address: self.in_flight_per_address.unwrap_or(default.in_flight_per_address),
            in_flight: self.in_flight.unwrap_or(default.in_flight),
            cors_origins: network::origins(self.cors_origins.as_deref(), &mut faults),
            webhook_networks: network::networks("webhook_networks", self.webhook_networks.as_deref(), &mut faults),
        };
        parse("listen", self.listen.as_deref(), &mut faults, |text| {
            network::listen_address(text).map(|address| settings.listen = address)
        });
        if let Some(port) = self.port {
            settings.listen = network::with_port(&settings.listen, port);
        }
        parse("metrics_listen", self.metrics_listen.as_deref(), &mut faults, |text| {
            network::listen_address(text).map(|address| settings.metrics_listen = Some(address))
        });
        parse("database_url", self.database_url.as_deref(), &mut faults, |text| {
            text.parse().map(|url| settings.database_url = url)
        });
        parse("time_zone", self.time_zone.as_deref(), &mut faults, |text| {
            time_zone(text).map(|zone| settings.time_zone = zone)
        });
        parse("log_format", self.log_format.as_deref(), &mut faults, |text| {
            text.parse().map(|format| settings.log_format = format)
        });
        if let FileStore::Directory(path) = &settings.files
            && !path.is_dir()
        {
            faults.push(format!("files_dir: {}", paths::no_directory(path)));
        }
        let oidc = GivenOidc {
            issuer: self.oidc_issuer,
            audience: self.oidc_audience,
            algorithm: self.oidc_algorithm,
            role_claim: self.oidc_role_claim,
            pairings_claim: self.oidc_pairings_claim,
            name_claim: self.oidc_name_claim,
        };
        settings.oidc = oidc.finish(&mut faults);
        if faults.is_empty() { Ok(settings) } else { Err(faults.join("\n")) }
    }
}

/// Parses a setting that is given; a failure is a fault of that setting.
fn parse(name: &str, given: Option<&str>, faults: &mut Vec<String>, parse: impl FnOnce(&str) -> Result<(), String>) {
    if let Some(Err(fault)) = given.map(parse) {
        faults.push(format!("{name}: {fault}"));
    }
}

fn time_zone(name: &str) -> Result<Tz, String> {
    name.parse().map_err(|_| {
        let similar = nearest(name, TZ_VARIANTS.iter().map(|zone| zone.name()));
        let remedy = similar.map_or("use an IANA name, such as Asia/Shanghai".to_owned(), did_you_mean);
        format!("there is no time zone \"{name}\"; {remedy}")
    })
}

/// Explains in one line why a text is not a settings file.
fn explain(path: &Path, text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let names: Vec<&str> = error.message().split('`').skip(1).step_by(2).collect();
    let reason = match names.split_first() {
        Some((unknown, known)) if error.message().starts_with("unknown field ") => {
            let similar = nearest(unknown, known.iter().copied());
            let remedy = similar.map_or_else(
                || "the settings are listed by: pairing-tracker serve --print-config".to_owned(),
                did_you_mean,
            );
            format!("there is no setting \"{unknown}\"; {remedy}")
        }
        _ => error.message().lines().collect::<Vec<_>>().join(", "),
    };
    format!("{}:{line}: {reason}", path.display())
}

fn did_you_mean(name: &str) -> String {
    format!("did you mean \"{name}\"?")
}

/// The name that is most similar to another, if any is similar enough.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    similar::nearest(&name.to_lowercase(), known, SIMILAR, |one| one.to_lowercase().into())
}
