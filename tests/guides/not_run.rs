//! The blocks of the pages that no test runs, and why.

/// The page, in both languages; the first line of the block; the reason. A page without any example has an entry whose first
/// line is empty.
pub const BLOCKS: &[(&str, &str, &str)] = &[
    ("README", "cargo test", "it is this test"),
    (
        "docs/operating",
        "apt install ./pairing-tracker_0.2.0-1_amd64.deb",
        "installs a package and starts it with systemd",
    ),
    (
        "docs/operating",
        "tracker() { setpriv --reuid pairing-tracker --regid pairing-tracker --clear-groups \\",
        "needs the installed package's user",
    ),
    (
        "docs/operating",
        "30 2 * * * pairing-tracker pairing-tracker backup --config /etc/pairing-tracker/pairing-tracker.toml --force /var/backups/pairing-tracker/$(date +\\%F).tar",
        "is a line of cron's table",
    ),
    ("docs/operating", "systemctl stop pairing-tracker", "stops the service with systemd"),
    ("docs/operating", "/var/log/pairing-tracker.log {", "is logrotate's configuration"),
    ("docs/compatibility", "Deprecation: @1767225600", "nothing is deprecated now"),
    ("docs/compatibility", "", "describes promises"),
    ("docs/architecture", "", "describes the source"),
    ("docs/adding-a-resource", "", "describes changes of the source"),
];

/// Whether the list has a page's block, by its first line; an empty line stands for a page without examples.
pub fn is_listed(page: &str, first: &str) -> bool {
    BLOCKS.iter().any(|(name, line, _)| *name == page && *line == first.trim())
}
