//! Runs pg_dump and pg_restore, which dump and restore PostgreSQL databases.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use percent_encoding::percent_decode_str;

/// A program of PostgreSQL, and its major version.
#[derive(Debug)]
pub struct Program {
    path: PathBuf,
    pub major: i64,
}

/// Finds a program of at least a major version, on `PATH` and in the directories of Debian and Red Hat. The oldest one that
/// suffices is chosen: newer ones write settings that older servers reject.
pub fn find(name: &str, at_least: i64) -> Result<Program, String> {
    let found: Vec<Program> = candidates(name)
        .into_iter()
        .filter_map(|path| {
            let output = Command::new(&path).arg("--version").stdin(Stdio::null()).output().ok()?;
            Some(Program { major: major(&String::from_utf8_lossy(&output.stdout))?, path })
        })
        .collect();
    let newest = found.iter().map(|program| program.major).max();
    found.into_iter().filter(|program| program.major >= at_least).min_by_key(|program| program.major).ok_or_else(|| {
        let found = newest.map_or("none was found".to_owned(), |newest| format!("the newest one found is {newest}"));
        format!(
            "{name} of PostgreSQL {at_least} or later is required, but {found}; install it (Debian: postgresql-client-{at_least}) or add it to PATH"
        )
    })
}

fn candidates(name: &str) -> Vec<PathBuf> {
    let mut directories = Vec::new();
    // Before PATH, where Debian has a script that selects a version itself.
    if let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") {
        directories.extend(versions.flatten().map(|version| version.path().join("bin")));
    }
    if let Ok(entries) = std::fs::read_dir("/usr") {
        let versions = entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with("pgsql-"));
        directories.extend(versions.map(|version| version.path().join("bin")));
    }
    if let Some(path) = std::env::var_os("PATH") {
        directories.extend(std::env::split_paths(&path));
    }
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    directories.into_iter().map(|directory| directory.join(&name)).filter(|path| path.is_file()).collect()
}

/// The major version: 15 of `pg_dump (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)`.
fn major(version: &str) -> Option<i64> {
    let (_, rest) = version.split_once("(PostgreSQL) ")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// A database for a program to connect to. The password is passed in the environment, because every process can read the
/// arguments of others.
pub struct Target {
    url: String,
    password: Option<String>,
}

impl Target {
    pub fn of(url: &str) -> Result<Target, String> {
        let decoded = |text: &str| {
            let text = percent_decode_str(text).decode_utf8();
            text.map(String::from).map_err(|_| "the database URL's password is not UTF-8".to_owned())
        };
        let (scheme, rest) = url.split_once("://").ok_or("the database URL has no scheme")?;
        let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
        let mut password = None;
        // As in libpq, the user ends at the first `@` before any `/`.
        let authority = rest.find('/').unwrap_or(rest.len());
        let place = match rest[..authority].find('@') {
            Some(end) => match rest[..end].split_once(':') {
                Some((user, secret)) => {
                    password = Some(decoded(secret)?);
                    format!("{user}{}", &rest[end..])
                }
                None => rest.to_owned(),
            },
            None => rest.to_owned(),
        };
        let mut pairs = Vec::new();
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("password", secret)) => password = Some(decoded(secret)?),
                Some(("sslpassword", _)) => {
                    return Err(
                        "a database URL with sslpassword cannot be passed to pg_dump; use a key without a passphrase"
                            .to_owned(),
                    );
                }
                _ => pairs.push(pair),
            }
        }
        let query = if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) };
        Ok(Target { url: format!("{scheme}://{place}{query}"), password })
    }
}

impl Program {
    /// Runs the program; returns its standard output.
    fn run(&self, target: Option<&Target>, args: &[&str]) -> Result<String, String> {
        let mut command = Command::new(&self.path);
        command.args(args).stdin(Stdio::null());
        if let Some(Target { url, password }) = target {
            command.arg(format!("--dbname={url}")).arg("--no-password");
            if let Some(password) = password {
                command.env("PGPASSWORD", password);
            }
        }
        let failed = |cause: &str| format!("{} failed: {cause}", self.path.display());
        let output = command.output().map_err(|e| failed(&e.to_string()))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let error = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = error.lines().take(5).collect();
        Err(failed(&lines.join("; ")))
    }

    /// Dumps a schema in a shared snapshot.
    pub fn dump(&self, target: &Target, snapshot: &str, schema: &str, file: &Path) -> Result<(), String> {
        let (snapshot, file) = (format!("--snapshot={snapshot}"), format!("--file={}", file.display()));
        // Without quotes it would be a pattern.
        let schema = format!("--schema=\"{}\"", schema.replace('"', "\"\""));
        let args = ["--format=custom", "--no-owner", "--no-privileges", "--lock-wait-timeout=60s"];
        self.run(Some(target), &[&args[..], &[&snapshot, &schema, &file]].concat()).map(drop)
    }

    /// Reads a dump completely, to check that it can be restored.
    pub fn read(&self, file: &Path) -> Result<(), String> {
        let null = if cfg!(windows) { "--file=NUL" } else { "--file=/dev/null" };
        self.run(None, &[null, &file.display().to_string()]).map(drop)
    }

    /// Restores a dump in one transaction. The schema `present` exists already and is not created; `list` is the path for the
    /// list of entries to restore.
    pub fn restore(&self, target: &Target, file: &Path, present: Option<&str>, list: &Path) -> Result<(), String> {
        let file = file.display().to_string();
        let contents = self.run(None, &["--list", &file])?;
        let is_restored = |line: &&str| present.is_none_or(|schema| !is_schema(line, schema));
        let entries: Vec<&str> = contents.lines().filter(is_restored).collect();
        std::fs::write(list, entries.join("\n")).map_err(super::at(list))?;
        let list = format!("--use-list={}", list.display());
        let args = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"];
        self.run(Some(target), &[&args[..], &[&list, &file]].concat()).map(drop)
    }
}

/// Whether an entry of a dump's list creates this schema or its comment: `6; 2615 2200 SCHEMA - public owner`.
fn is_schema(line: &str, schema: &str) -> bool {
    let Some((_, entry)) = line.split_once("; ") else { return false };
    let what = entry.splitn(3, ' ').nth(2).unwrap_or_default();
    what.starts_with(&format!("SCHEMA - {schema} ")) || what.starts_with(&format!("COMMENT - SCHEMA {schema} "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read() {
        assert_eq!(major("pg_dump (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)\n"), Some(15));
        assert_eq!(major("pg_dump (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(major("something else"), None);
        assert!(find("pg_dump", 1_000).is_err_and(|error| error.contains("PostgreSQL 1000 or later")));
    }

    #[test]
    fn the_password_is_removed_from_the_url() {
        for (url, without, password) in [
            ("postgres://u:p%40ss@h:5432/d?a=b", "postgres://u@h:5432/d?a=b", Some("p@ss")),
            ("postgres://u@h1,h2/d?password=x&host=/tmp", "postgres://u@h1,h2/d?host=/tmp", Some("x")),
            ("postgresql://h/d?password=a%26b", "postgresql://h/d", Some("a&b")),
            ("postgres://u@/d?host=/a@b", "postgres://u@/d?host=/a@b", None),
        ] {
            let Target { url: found, password: secret } = Target::of(url).unwrap();
            assert_eq!((found.as_str(), secret.as_deref()), (without, password), "{url}");
        }
        assert!(Target::of("postgres://h/d?sslpassword=x").is_err());
    }

    #[test]
    fn the_entry_of_a_schema_is_recognized() {
        assert!(is_schema("6; 2615 2200 SCHEMA - public tester", "public"));
        assert!(is_schema("3500; 0 0 COMMENT - SCHEMA public tester", "public"));
        assert!(!is_schema("215; 1259 16385 TABLE public regions tester", "public"));
        assert!(!is_schema("6; 2615 2200 SCHEMA - tracker tester", "public"));
    }
}
