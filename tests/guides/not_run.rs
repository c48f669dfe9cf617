//! The blocks of the pages that no test runs, and why.

const ADDING: &str = "docs/adding-a-resource";
const BUILT: &str = "is built and tested by `.ci/run guide`";

/// The page, in both languages; the first line of the block; the reason. A page without any example has an entry whose first
/// line is empty.
pub const BLOCKS: &[(&str, &str, &str)] = &[
    ("README", "cargo test", "is this test"),
    (ADDING, "", "has no commands but those of cargo"),
    (ADDING, "CREATE TABLE visits (", BUILT),
    (ADDING, "DROP TABLE visits;", BUILT),
    (ADDING, "+diesel::table! {", BUILT),
    (ADDING, "//! Site visits (实地考察): a delegation of a pairing visits an organization.", BUILT),
    (ADDING, "//! What clients see of visits.", BUILT),
    (ADDING, "//! Queries and writes of visits.", BUILT),
    (ADDING, "- operation: createVisit", BUILT),
    (ADDING, "pub mod twinnings;", BUILT),
    (ADDING, "//! Visits: filters, the day of a visit, what may follow a status, restoration.", BUILT),
    (ADDING, "UPDATE=1 cargo test --test suite -- schema::", "is this test"),
    (ADDING, "cargo test --test suite -- visits", "is this test"),
    (ADDING, "ALTER TABLE visits ADD COLUMN headcount BIGINT CHECK (headcount >= 0);", BUILT),
    (ADDING, "ALTER TABLE visits DROP COLUMN headcount;", BUILT),
    (ADDING, "note: Option<String> \"备注\" searched,", BUILT),
    (ADDING, "note -> Nullable<Text>,", BUILT),
    ("docs/clients", "pip install openapi-python-client", "installs packages from PyPI; tests/sdk/run does the same"),
    ("docs/clients", "from pairing_tracker_client import Client", "needs the client that is generated above it"),
    ("docs/clients", "tests/sdk/run", "installs five languages; a step of .ci/run"),
    ("docs/compatibility", "", "has no commands"),
    ("docs/compatibility", "Deprecation: @1767225600", "nothing is deprecated now"),
    ("docs/configuration", "createdb tracker", "needs a PostgreSQL server with a user of the reader's"),
    ("docs/development", "", "has no commands but those of cargo"),
    ("docs/development", "cargo test --test suite -- milestones", "is this test"),
    ("docs/development", "UPDATE=1 cargo test --test suite", "is this test"),
    (
        "docs/development",
        "RUSTC_BOOTSTRAP=1 cargo test --test suite -- -Z unstable-options --report-time",
        "is this test",
    ),
    ("docs/development", "touch src/resources/sectors/store.rs; time cargo check", "measures the compiler"),
    ("docs/development", ".ci/run", "runs this test"),
    (
        "docs/operating",
        "apt install ./pairing-tracker_0.2.0-1_amd64.deb",
        "installs a package and starts it by systemd",
    ),
    ("docs/operating", "tracker() { setpriv --reuid pairing-tracker \\", "needs the user of the package"),
    (
        "docs/operating",
        "30 2 * * * pairing-tracker pairing-tracker backup --config /etc/pairing-tracker/pairing-tracker.toml --force /var/backups/pairing-tracker/$(date +\\%F).tar",
        "is a line for cron",
    ),
    ("docs/operating", "systemctl stop pairing-tracker", "stops the service by systemd"),
    ("docs/operating", "/var/log/pairing-tracker.log {", "is a file for logrotate"),
    ("docs/performance", "", "has no commands but those of cargo"),
    ("docs/performance", "cargo bench --bench load", "runs for minutes"),
    (
        "docs/performance",
        "cargo bench --bench load -- --milestones 10000 --seconds 2 --only sqlite",
        "builds the release",
    ),
    ("docs/performance", "cargo bench --bench load -- --bulk 100000", "runs for minutes"),
    ("docs/architecture", "", "describes the source"),
];

/// Whether the list has a page's block, by its first line; an empty line stands for a page without examples.
pub fn is_listed(page: &str, first: &str) -> bool {
    BLOCKS.iter().any(|(name, line, _)| *name == page && *line == first.trim())
}
