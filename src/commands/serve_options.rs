//! The options of `serve`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::oidc::OidcArgs;
use crate::config::PartialSettings;

#[derive(Args)]
pub struct ServeArgs {
    /// The address to listen on, as HOST:PORT; a port alone is one of 127.0.0.1 [default: 127.0.0.1:8080]
    #[arg(long, env = "PAIRING_TRACKER_LISTEN", value_name = "ADDR", aliases = ["bind", "address"])]
    listen: Option<String>,
    /// The port to listen on, instead of that of --listen
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Serve /metrics on this address only [default: on the address of --listen]
    #[arg(long, env = "PAIRING_TRACKER_METRICS_LISTEN", value_name = "ADDR")]
    metrics_listen: Option<String>,
    /// Fill an empty database with the Jiangmen programme of 2022
    #[arg(long)]
    pub seed: bool,
    /// Require a key for reading too
    #[arg(long)]
    private: bool,
    /// The time zone that determines today's date [default: Asia/Shanghai]
    #[arg(long, env = "PAIRING_TRACKER_TIME_ZONE", value_name = "ZONE")]
    time_zone: Option<String>,
    /// Store the files of documents in this directory instead of the database
    #[arg(long, env = "PAIRING_TRACKER_FILES_DIR", value_name = "DIR", value_hint = ValueHint::DirPath)]
    files_dir: Option<PathBuf>,
    /// Connections for short reads, 1 to 100; other classes of work have their own in addition [default: 8]
    #[arg(long, env = "PAIRING_TRACKER_CONNECTIONS", value_name = "N")]
    connections: Option<u32>,
    /// Days after which the records of refused requests are deleted, 1 to 3650 [default: 90]
    #[arg(long, env = "PAIRING_TRACKER_KEEP_REFUSALS", value_name = "DAYS")]
    keep_refusals: Option<u32>,
    #[command(flatten)]
    oidc: OidcArgs,
    #[command(flatten)]
    limits: LimitArgs,
    /// A network to which webhooks may be sent although it is not public, also by http; repeatable [default: none]
    #[arg(long = "webhook-network", env = "PAIRING_TRACKER_WEBHOOK_NETWORKS", value_name = "IP[/BITS]")]
    #[arg(value_delimiter = ',')]
    webhook_networks: Option<Vec<String>>,
    /// Print the effective settings, without secrets, and exit
    #[arg(long)]
    pub print_config: bool,
}

/// Limits on what clients may do.
#[derive(Args)]
struct LimitArgs {
    /// A proxy whose X-Forwarded-For is trusted, as an address or a network; repeatable [default: none]
    #[arg(long = "trusted-proxy", env = "PAIRING_TRACKER_TRUSTED_PROXIES", value_name = "IP[/BITS]")]
    #[arg(value_delimiter = ',')]
    trusted_proxies: Option<Vec<String>>,
    /// Requests per minute for each address, 0 for no limit [default: 6000]
    #[arg(long, env = "PAIRING_TRACKER_RATE_PER_ADDRESS", value_name = "N")]
    rate_per_address: Option<u32>,
    /// Requests per minute for each key, 0 for no limit [default: 6000]
    #[arg(long, env = "PAIRING_TRACKER_RATE_PER_KEY", value_name = "N")]
    rate_per_key: Option<u32>,
    /// Rejected keys and tokens per minute for each address, 0 for no limit [default: 60]
    #[arg(long, env = "PAIRING_TRACKER_WRONG_KEYS_PER_ADDRESS", value_name = "N")]
    wrong_keys_per_address: Option<u32>,
    /// Concurrent requests for each address, 0 for no limit [default: 100]
    #[arg(long, env = "PAIRING_TRACKER_IN_FLIGHT_PER_ADDRESS", value_name = "N")]
    in_flight_per_address: Option<u32>,
    /// Concurrent requests in total, 0 for no limit [default: 2000]
    #[arg(long, env = "PAIRING_TRACKER_IN_FLIGHT", value_name = "N")]
    in_flight: Option<u32>,
    /// An origin whose pages may call the API, as scheme://host[:port]; repeatable [default: none]
    #[arg(long = "cors-origin", env = "PAIRING_TRACKER_CORS_ORIGINS", value_name = "ORIGIN", value_delimiter = ',')]
    cors_origins: Option<Vec<String>>,
}

impl From<ServeArgs> for PartialSettings {
    fn from(args: ServeArgs) -> PartialSettings {
        let limits = args.limits;
        // A switch that is not given leaves the decision to the settings file.
        let switch = |given: bool| given.then_some(true);
        let settings = PartialSettings {
            listen: args.listen,
            port: args.port,
            metrics_listen: args.metrics_listen,
            seed: switch(args.seed),
            private: switch(args.private),
            time_zone: args.time_zone,
            files_dir: args.files_dir,
            connections: args.connections,
            keep_refusals: args.keep_refusals,
            webhook_networks: args.webhook_networks,
            trusted_proxies: limits.trusted_proxies,
            rate_per_address: limits.rate_per_address,
            rate_per_key: limits.rate_per_key,
            wrong_keys_per_address: limits.wrong_keys_per_address,
            in_flight_per_address: limits.in_flight_per_address,
            in_flight: limits.in_flight,
            cors_origins: limits.cors_origins,
            ..PartialSettings::default()
        };
        args.oidc.into_settings(settings)
    }
}
