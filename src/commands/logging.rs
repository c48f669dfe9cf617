//! The log: on the standard error, what `RUST_LOG` asks for.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// What is logged where `RUST_LOG` says nothing.
const DEFAULT: &str = "warn,pairing_tracker=info";
/// What is not logged in more detail, whatever `RUST_LOG` says: it would tell the URLs, headers and bodies of what the
/// service asks and sends, which hold secrets.
const KEPT_QUIET: [&str; 2] = ["ureq=warn", "ureq_proto=warn"];

/// Starts the log of this process.
pub fn start(format: LogFormat) -> super::Outcome {
    let mut filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| DEFAULT.into());
    for quiet in KEPT_QUIET {
        filter = filter.add_directive(quiet.parse().map_err(|e| format!("cannot start the log: {e}"))?);
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
