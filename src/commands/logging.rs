//! The log: on standard error, at the level that `RUST_LOG` sets.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// The level where `RUST_LOG` is not set.
const DEFAULT: &str = "warn,pairing_tracker=info";
/// Limits that apply whatever `RUST_LOG` sets: at more detailed levels these crates log the URLs, headers and bodies of
/// outgoing requests, which contain secrets.
const LIMITED: [&str; 2] = ["ureq=warn", "ureq_proto=warn"];

/// Starts the log of this process.
pub fn start(format: LogFormat) -> super::Outcome {
    let mut filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| DEFAULT.into());
    for limit in LIMITED {
        filter = filter.add_directive(limit.parse().map_err(|e| format!("cannot start the log: {e}"))?);
    }
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init(),
    }
    .map_err(|e| format!("cannot start the log: {e}"))
}
