//! The test harness: each test has its own database on each backend, and the application over it, in process.

pub mod builders;
pub mod bundles;
pub mod client;
pub mod files;
pub mod flood;
pub mod issuer;
pub mod postgres;
pub mod privacy;
pub mod program;
pub mod raw_http;
pub mod receiver;
pub mod records;
pub mod tamper;
pub mod validator;

use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use actix_web::web;
use diesel::Connection;
use pairing_tracker::access::oidc::{Issuer, Times};
use pairing_tracker::access::{Actor, Role};
use pairing_tracker::audit::pending;
use pairing_tracker::config::{DatabaseUrl, FileStore, Settings};
use pairing_tracker::db::{Conn, Manager, Store, backend};
use pairing_tracker::http::AppState;
use pairing_tracker::model::types::Ref;
use pairing_tracker::record::{Catalog, Tx};
use pairing_tracker::resources::api_keys::{self, api::NewApiKey};
use pairing_tracker::validation::Contract;
use pairing_tracker::webhooks::target::Targets;
use pairing_tracker::{app, commands};
use serde_json::Value;
use tempfile::TempDir;

pub use client::{Client, Session};

/// The document, built once from the code. The one that the program embeds is the same, which a test compares; with the built
/// one, the tests of a new resource run before the files in `openapi/` are written.
pub static DOCUMENT: LazyLock<Value> = LazyLock::new(|| app::document().expect("the document is built"));

/// The document's schemas, and the kinds of all resources.
pub static CATALOG: LazyLock<Arc<Catalog>> = LazyLock::new(|| {
    let contract = Contract::new(DOCUMENT.to_string()).expect("the document is good");
    Arc::new(Catalog { contract, kinds: app::kinds() })
});

/// The schemas of the document.
pub static CONTRACT: LazyLock<&Contract> = LazyLock::new(|| &CATALOG.contract);

/// The seeded databases that tests copy.
static SEEDED: LazyLock<Templates> = LazyLock::new(|| Templates::new(true));

/// The databases without records that tests copy.
static EMPTY: LazyLock<Templates> = LazyLock::new(|| Templates::new(false));

/// A migrated database on each available backend. Copying one takes a fraction of the time of the migrations and the seed.
struct Templates {
    _directory: TempDir,
    sqlite: PathBuf,
    /// Its name on the server.
    postgres: Option<String>,
}

impl Templates {
    fn new(seeded: bool) -> Templates {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let sqlite = directory.path().join("template.db");
        prepare(&DatabaseUrl::Sqlite(sqlite.clone()), seeded);
        let postgres = postgres::server().map(|server| {
            let name = server.create_database(None);
            prepare(&server.url(&name).parse().expect("a URL"), seeded);
            name
        });
        Templates { _directory: directory, sqlite, postgres }
    }
}

/// A database of one test.
pub struct Database {
    pub name: &'static str,
    pub url: DatabaseUrl,
    _directory: TempDir,
}

impl Database {
    /// A connection, opened as the service does it. All events that were committed before are in the audit log.
    pub fn connect(&self) -> Conn {
        let mut conn = Manager::new(self.url.clone()).open().expect("a connection");
        pending::seal_all(&mut conn).expect("events are sealed");
        conn
    }

    /// A new key; returns its secret.
    pub fn key(&self, name: &str, role: Role, pairings: &[&str]) -> String {
        let pairings: Vec<Ref> = pairings.iter().map(|code| Ref((*code).to_owned())).collect();
        self.issue(NewApiKey { name: name.to_owned(), role, pairings, expires_on: None, note: None, issued: None })
    }

    /// Creates a key as the command line does.
    pub fn issue(&self, new: NewApiKey) -> String {
        let mut conn = self.connect();
        let made = conn.transaction(|conn| {
            let today = Settings::default().today();
            Tx::run(conn, &Actor::operator(), "tests", &CATALOG, today, |tx| api_keys::store::issue(tx, new))
        });
        let secret = made.expect("a key is made").0.1.expose().to_owned();
        pending::seal_all(&mut conn).expect("events are sealed");
        secret
    }

    /// A client of the application over this database, with an administrator's key.
    pub fn client(&self) -> Client {
        self.client_with(|_| {})
    }

    /// A client of the application with other settings.
    pub fn client_with(&self, change: impl FnOnce(&mut Settings)) -> Client {
        self.client_at(Times::default(), change)
    }

    /// A client of the application with other settings and this clock for the requests to the issuer of tokens.
    pub fn client_at(&self, times: Times, change: impl FnOnce(&mut Settings)) -> Client {
        self.client_over(self.state_at(times, change))
    }

    /// A client of the application over a state, with an administrator's key.
    pub fn client_over(&self, state: AppState) -> Client {
        Client::new(web::Data::new(state), Some(self.key("tester", Role::Admin, &[])))
    }

    /// The state of the application with other settings and this clock for the requests to the issuer of tokens.
    pub fn state_at(&self, times: Times, change: impl FnOnce(&mut Settings)) -> AppState {
        let mut settings = Settings {
            database_url: self.url.clone(),
            connections: 4,
            files: FileStore::Database,
            ..Settings::default()
        };
        change(&mut settings);
        let store = Store::open(&settings.database_url, settings.connections, CATALOG.kinds).expect("the store opens");
        let issuer = settings.oidc.clone().map(|oidc| Issuer::with_times(oidc, times).expect("a good issuer"));
        let mut targets = Targets::new(settings.webhook_networks.clone());
        targets.lookup = receiver::lookup();
        let mut state = app::state(store, CATALOG.clone(), settings, issuer).expect("the state is good");
        state.parts.insert(targets);
        state
    }
}

fn prepare(url: &DatabaseUrl, seeded: bool) {
    let mut conn = Manager::new(url.clone()).open().expect("a connection");
    backend::migrate(&mut conn).expect("the migrations run");
    if seeded {
        let settings = Settings { database_url: url.clone(), ..Settings::default() };
        commands::fill_empty(&mut conn, &settings, &CATALOG).expect("the seed is good");
    }
}

/// A fresh database on each available backend: SQLite always, PostgreSQL where a server can be started.
pub fn databases(seeded: bool) -> Vec<Database> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("test.db");
    let templates = if seeded { &*SEEDED } else { &*EMPTY };
    std::fs::copy(&templates.sqlite, &path).expect("the template is copied");
    let url = DatabaseUrl::Sqlite(path);
    let mut all = vec![Database { name: "sqlite", url, _directory: directory }];
    if let Some(server) = postgres::server() {
        let name = server.create_database(templates.postgres.as_deref());
        let url = server.url(&name).parse().expect("a URL");
        let directory = tempfile::tempdir().expect("a temporary directory");
        all.push(Database { name: "postgres", url, _directory: directory });
    }
    all
}

/// Runs a test on each backend, over the seeded database.
pub fn on_each<F: Future<Output = ()>>(test: impl Fn(Database) -> F) {
    on(databases(true), test);
}

/// Runs a test on each backend, over a database without records.
pub fn on_each_empty<F: Future<Output = ()>>(test: impl Fn(Database) -> F) {
    on(databases(false), test);
}

fn on<F: Future<Output = ()>>(databases: Vec<Database>, test: impl Fn(Database) -> F) {
    for database in databases {
        eprintln!("on {}", database.name);
        actix_web::rt::System::new().block_on(async {
            let _session = Session;
            test(database).await;
        });
    }
}
