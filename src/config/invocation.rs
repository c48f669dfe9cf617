//! The command that started this program, for messages that suggest another one.

use std::path::{Path, PathBuf};

use super::DatabaseUrl;

/// The options that select the database, which a suggested command needs too.
const SELECTING: [&str; 4] = ["--database-url", "--database", "--db", "--config"];

/// A command of this program as the operator can enter it now: `cargo run -- migrate` where Cargo started the program,
/// otherwise with the path that was entered. The options that select the database are included.
pub fn suggest(command: &str) -> String {
    let arguments: Vec<String> = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let (entered, options) = match arguments.split_first() {
        Some((entered, options)) => (entered.as_str(), options),
        None => ("", arguments.as_slice()),
    };
    let directories: Vec<_> = std::env::var_os("PATH").iter().flat_map(std::env::split_paths).collect();
    let program =
        program(Path::new(entered), std::env::var_os("CARGO").is_some_and(|value| !value.is_empty()), &directories);
    [&[program], &selecting(options)[..], &[command.to_owned()]].concat().join(" ")
}

/// How to start the program again.
fn program(entered: &Path, by_cargo: bool, directories: &[PathBuf]) -> String {
    const INSTALLED: &str = env!("CARGO_PKG_NAME");
    let directory = entered.parent().filter(|directory| !directory.as_os_str().is_empty());
    match directory {
        _ if by_cargo && directory.is_some_and(|directory| directory.ends_with("release")) => {
            "cargo run --release --".to_owned()
        }
        _ if by_cargo => "cargo run --".to_owned(),
        // A service manager starts programs by their whole path; the name alone works as well.
        Some(directory) if !directories.iter().any(|one| one == directory) => quoted(&entered.to_string_lossy()),
        _ => entered.file_name().map_or(INSTALLED.to_owned(), |name| name.to_string_lossy().into_owned()),
    }
}

/// The options of the command line that select the database. Passwords are masked.
fn selecting(options: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = options.iter();
    while let Some(option) = rest.next() {
        let (name, value) = option.split_once('=').map_or((option.as_str(), None), |(name, value)| (name, Some(value)));
        if !SELECTING.contains(&name) {
            continue;
        }
        let Some(value) = value.or_else(|| rest.next().map(String::as_str)) else { break };
        let value = value.parse::<DatabaseUrl>().map_or_else(|_| value.to_owned(), |url| masked(value, &url));
        found.extend([name.to_owned(), quoted(&value)]);
    }
    found
}

/// The value as it was given; where it has a password, without that.
fn masked(given: &str, url: &DatabaseUrl) -> String {
    match url {
        DatabaseUrl::Sqlite(_) => given.to_owned(),
        DatabaseUrl::Postgres(_) => url.to_string(),
    }
}

/// Quotes a text for a POSIX shell where it has characters that are special to one.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:@%+,=".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_named_as_it_was_started() {
        let directories: [PathBuf; 2] = ["/usr/local/bin".into(), "/usr/bin".into()];
        for (entered, by_cargo, expected) in [
            ("target/debug/pairing-tracker", true, "cargo run --"),
            ("target/release/pairing-tracker", true, "cargo run --release --"),
            ("./target/debug/pairing-tracker", false, "./target/debug/pairing-tracker"),
            ("/opt/my programs/pairing-tracker", false, "'/opt/my programs/pairing-tracker'"),
            ("/usr/bin/pairing-tracker", false, "pairing-tracker"),
            ("pairing-tracker", false, "pairing-tracker"),
            ("tracker", false, "tracker"),
            ("", false, "pairing-tracker"),
        ] {
            assert_eq!(program(Path::new(entered), by_cargo, &directories), expected, "{entered}");
        }
    }

    #[test]
    fn options_that_select_the_database_are_repeated_without_passwords() {
        for (options, expected) in [
            ("serve --private", ""),
            ("--database-url sqlite:a.db serve", "--database-url sqlite:a.db"),
            ("serve --database-url=sqlite:a.db --config b.toml", "--database-url sqlite:a.db --config b.toml"),
            ("migrate --database-url postgres://u:hush@h/d", "--database-url 'postgres://u:***@h/d'"),
            ("migrate --database-url postgres://h/d?user=u", "--database-url 'postgres://h/d?user=u'"),
            ("migrate --database-url", ""),
        ] {
            let options: Vec<String> = options.split(' ').map(str::to_owned).collect();
            assert_eq!(selecting(&options).join(" "), expected, "{options:?}");
        }
    }
}
