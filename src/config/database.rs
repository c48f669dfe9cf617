//! The URL of the database.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The URL parameter that enables PgBouncer's transaction mode.
const PGBOUNCER: &str = "pgbouncer";

/// Connection parameters for PostgreSQL where the URL sets none. A server that stops responding is detected by keepalive
/// probes (after 2 s of silence, three probes one second apart) or, with data in flight, after 5 s without an
/// acknowledgement.
const DEFAULTS: &[(&str, &str)] = &[
    ("connect_timeout", "2"),
    ("keepalives", "1"),
    ("keepalives_idle", "2"),
    ("keepalives_interval", "1"),
    ("keepalives_count", "3"),
    ("tcp_user_timeout", "5000"),
    ("fallback_application_name", "pairing-tracker"),
];

/// The URL of the database. Its scheme selects the backend. An unknown scheme is an error, never part of a file name.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    Sqlite(PathBuf),
    Postgres(PostgresUrl),
}

/// A URL in libpq's syntax, without the parameter `pgbouncer`.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    url: String,
    is_pooled: bool,
}

impl PostgresUrl {
    /// Whether connections go through PgBouncer (`?pgbouncer=true`), whose transaction mode keeps no session state.
    pub fn is_pooled(&self) -> bool {
        self.is_pooled
    }

    /// The URL as it was given, without the parameter `pgbouncer`.
    pub fn as_given(&self) -> &str {
        &self.url
    }

    /// The URL for libpq, with the service's defaults where the URL sets none.
    pub fn connection_string(&self) -> String {
        let query = self.url.split_once('?').map_or("", |(_, query)| query);
        let has = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
        let mut url = self.url.clone();
        let mut add = |name: &str, value: &str| {
            let separator = if url.contains('?') { '&' } else { '?' };
            url.push_str(&format!("{separator}{name}={value}"));
        };
        DEFAULTS.iter().filter(|(name, _)| !has(name)).for_each(|(name, value)| add(name, value));
        if self.has_several_hosts() && !has("target_session_attrs") {
            add("target_session_attrs", "read-write");
        }
        url
    }

    /// Whether the URL lists several hosts, of which the primary receives the writes.
    fn has_several_hosts(&self) -> bool {
        let rest = self.url.split_once("//").map_or("", |(_, rest)| rest);
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let hosts = place.split('/').next().unwrap_or_default();
        let is_list =
            |pair: &str| pair.split_once('=').is_some_and(|(name, value)| name == "host" && value.contains(','));
        hosts.rsplit('@').next().is_some_and(|hosts| hosts.contains(',')) || query.split('&').any(is_list)
    }
}

impl FromStr for PostgresUrl {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, String> {
        let Some((place, query)) = url.split_once('?') else {
            return Ok(PostgresUrl { url: url.to_owned(), is_pooled: false });
        };
        let (ours, others): (Vec<&str>, Vec<&str>) =
            query.split('&').partition(|pair| pair.split('=').next() == Some(PGBOUNCER));
        let is_pooled = match ours.as_slice() {
            [] => false,
            ["pgbouncer=true"] => true,
            ["pgbouncer=false"] => false,
            _ => {
                return Err(
                    "the parameter pgbouncer must be given once, as pgbouncer=true or pgbouncer=false".to_owned()
                );
            }
        };
        let url = if others.is_empty() { place.to_owned() } else { format!("{place}?{}", others.join("&")) };
        Ok(PostgresUrl { url, is_pooled })
    }
}

impl FromStr for DatabaseUrl {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, String> {
        match url.split_once(':') {
            Some(("sqlite", path)) => {
                let path = path.strip_prefix("//").unwrap_or(path);
                if path.is_empty() || path == ":memory:" || path.contains('?') {
                    return Err(
                        "a SQLite URL names a file, such as sqlite:pairing-tracker.db or sqlite:///srv/pairing.db"
                            .to_owned(),
                    );
                }
                Ok(DatabaseUrl::Sqlite(PathBuf::from(path)))
            }
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => {
                let wants_tls = ["sslmode=require", "sslmode=verify-ca", "sslmode=verify-full"]
                    .iter()
                    .any(|mode| rest.contains(mode));
                if wants_tls && !cfg!(any(feature = "tls", feature = "tls-vendored")) {
                    return Err(
                        "this build of pairing-tracker has no TLS; build it with: cargo build --release --features tls"
                            .to_owned(),
                    );
                }
                url.parse().map(DatabaseUrl::Postgres)
            }
            Some(("postgres" | "postgresql", _)) => {
                Err("a PostgreSQL URL begins with postgres://, such as postgres://USER@HOST/NAME".to_owned())
            }
            Some((scheme, _)) => {
                Err(format!("unknown database scheme \"{scheme}\"; use sqlite:PATH or postgres://USER@HOST/NAME"))
            }
            None if url.is_empty() => {
                Err("the database URL is empty; use sqlite:PATH or postgres://USER@HOST/NAME".to_owned())
            }
            None => Err(format!("\"{url}\" is not a database URL; for a file write sqlite:{url}")),
        }
    }
}

impl fmt::Display for DatabaseUrl {
    /// Formats the URL with its password masked.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DatabaseUrl::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            DatabaseUrl::Postgres(PostgresUrl { url, is_pooled }) => {
                f.write_str(&without_password(url))?;
                match (is_pooled, url.contains('?')) {
                    (false, _) => Ok(()),
                    (true, true) => f.write_str("&pgbouncer=true"),
                    (true, false) => f.write_str("?pgbouncer=true"),
                }
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Masks the password: everything between the user's name and the last `@`, and every parameter with a password.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("//") else { return url.to_owned() };
    let (user, rest) = match rest.rsplit_once('@') {
        Some((user, rest)) => {
            (user.split_once(':').map_or_else(|| format!("{user}@"), |(name, _)| format!("{name}:***@")), rest)
        }
        None => (String::new(), rest),
    };
    let Some((place, query)) = rest.split_once('?') else { return format!("{scheme}//{user}{rest}") };
    let hide = |pair: &str| match pair.split_once('=') {
        Some((name, _)) if name.contains("password") => format!("{name}=***"),
        _ => pair.to_owned(),
    };
    let pairs: Vec<String> = query.split('&').map(hide).collect();
    format!("{scheme}//{user}{place}?{}", pairs.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_scheme_is_refused() {
        for (url, good) in [
            ("sqlite:a.db", true),
            ("sqlite:///srv/a.db", true),
            ("postgres://tracker@db/tracker", true),
            ("postgres://tracker@db/tracker?pgbouncer=yes", false),
            ("a.db", false),
            ("sqlite:", false),
            ("mysql://x", false),
            ("postgres:tracker", false),
        ] {
            assert_eq!(url.parse::<DatabaseUrl>().is_ok(), good, "{url}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let url: DatabaseUrl =
            "postgres://u:secret@h/d?password=secret&pgbouncer=true&connect_timeout=2".parse().unwrap();
        assert_eq!(url.to_string(), "postgres://u:***@h/d?password=***&connect_timeout=2&pgbouncer=true");
    }

    #[test]
    fn defaults_are_added_where_the_url_sets_none() {
        let string = |url: &str| url.parse::<PostgresUrl>().unwrap().connection_string();
        let plain = string("postgres://u@h/d");
        assert!(plain.starts_with("postgres://u@h/d?connect_timeout=2&keepalives=1&"), "{plain}");
        assert!(plain.contains("tcp_user_timeout=5000") && !plain.contains("target_session_attrs"), "{plain}");
        let given = string("postgres://u@h/d?tcp_user_timeout=9&pgbouncer=true&sslmode=disable");
        assert!(given.starts_with("postgres://u@h/d?tcp_user_timeout=9&sslmode=disable&"), "{given}");
        assert_eq!(given.matches("tcp_user_timeout").count(), 1, "{given}");
        for several in ["postgres://u:a,b@h1:5432,h2/d", "postgres://u@/d?host=h1,h2"] {
            assert!(string(several).ends_with("target_session_attrs=read-write"), "{several}");
        }
        assert!(!string("postgres://u:a,b@h1/d").contains("target_session_attrs"));
    }
}
