//! The load bench: throughput of the service compared with a bare server, on a data set skewed as real data are.
//!
//! ```text
//! cargo bench --bench load -- --help
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | [`works`], [`goals`] | the tables of the measured works and of the goals |
//! | [`dataset`] | the records, written straight into the database |
//! | [`scene`], [`deep`], [`distinct`] | the requests |
//! | [`rounds`] | which work is measured when, and beside what |
//! | [`http`], [`generator`] | the load generator |
//! | [`service`], [`process`] | the program under test: migrated, started, measured, stopped |
//! | [`postgres`] | a PostgreSQL server for the bench |
//! | [`ceiling`] | the bare server that everything is compared with |
//! | [`peer`] | PostgREST on the same database |
//! | [`wrong_keys`] | the cost of refusing wrong keys |
//! | [`bulk`] | an import of many milestones |
//! | [`processes`] | several processes on one database |
//! | [`databases`] | which database is filled, kept and copied |
//! | [`report`], [`names`], [`machine`] | what is printed |
//!
//! Rates depend on the machine, and the generator runs on the same one, so each work is measured in several rounds beside the
//! ceiling, and the median of its shares counts.

mod bulk;
mod ceiling;
mod databases;
mod dataset;
mod deep;
mod distinct;
mod generator;
mod goals;
mod http;
mod machine;
mod names;
mod peer;
mod postgres;
mod process;
mod processes;
mod report;
mod rounds;
mod scene;
mod service;
mod works;
mod wrong_keys;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use databases::{Databases, Filled};
use report::Report;
use rounds::Plan;

/// An error message for the user of the bench.
type Outcome<T> = Result<T, String>;

/// Measures the throughput of the service as shares of that of a bare server, and compares them with the goals
#[derive(Parser)]
#[command(name = "load")]
struct Args {
    /// Number of milestones in the data set; several, separated by commas, are compared with the smallest
    #[arg(long, value_delimiter = ',', default_value = "100000", value_name = "N",
        value_parser = clap::value_parser!(i64).range(1_000..=1_000_000))]
    milestones: Vec<i64>,
    /// Seconds to measure each work in a round
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Number of rounds, of which the median counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=9))]
    rounds: u32,
    /// Number of concurrent connections
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(2..=1_000))]
    connections: u16,
    /// Compare with PostgREST on the same PostgreSQL database; it is installed by npm if it is not found
    #[arg(long)]
    peers: bool,
    /// The program of PostgREST [default: in PATH, or where an earlier run installed it]
    #[arg(long, value_name = "FILE", requires = "peers")]
    postgrest: Option<PathBuf>,
    /// Measure so many processes of the service on one PostgreSQL database instead, as in `1,2,4`
    #[arg(long, value_delimiter = ',', value_name = "N", conflicts_with = "bulk",
        value_parser = clap::value_parser!(u8).range(1..=8))]
    processes: Vec<u8>,
    /// Measure an import of this many milestones instead, compared with a bulk insert into the bare database
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(i64).range(1_000..=1_000_000))]
    bulk: Option<i64>,
    /// Measure one backend only
    #[arg(long, value_enum)]
    only: Option<Backend>,
    /// Keep the filled databases in this directory, and use those of an earlier run
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Passed by `cargo bench`; without it (`cargo test --all-targets`) nothing is measured
    #[arg(long, hide = true)]
    bench: bool,
    /// Run the bare server on this address
    #[arg(long, hide = true)]
    ceiling: Option<SocketAddr>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Backend {
    Sqlite,
    Postgres,
}

/// The most rows of the import in a run of all works.
const IMPORTED: i64 = 100_000;

fn main() -> ExitCode {
    let args = Args::parse();
    let outcome = match args.ceiling {
        Some(address) => ceiling::serve(address),
        None if args.bench => bench(&args),
        None => {
            println!("Run the load bench with `cargo bench --bench load`.");
            Ok(())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("load: {message}");
            ExitCode::FAILURE
        }
    }
}

fn bench(args: &Args) -> Outcome<()> {
    if cfg!(debug_assertions) {
        println!("This build is not optimized: the results do not show its speed.");
    }
    println!("{}", machine::describe());
    let temporary = tempfile::tempdir().map_err(|e| format!("no temporary directory: {e}"))?;
    let directory = args.keep.as_deref().unwrap_or(temporary.path());
    let directory = std::fs::create_dir_all(directory)
        .and_then(|()| directory.canonicalize())
        .map_err(|e| format!("cannot create {}: {e}", directory.display()))?;
    if args.only != Some(Backend::Postgres) && args.processes.is_empty() {
        measure(&Databases::Sqlite(directory.clone()), None, args)?;
    }
    if args.only != Some(Backend::Sqlite) {
        match postgres::binaries() {
            Some(binaries) => {
                println!("{}", postgres::version(&binaries));
                let server = postgres::Server::start(&binaries, args.keep.as_ref().map(|_| directory.as_path()))?;
                measure(&Databases::Postgres(server), postgrest(args).as_deref(), args)?;
            }
            None => println!("PostgreSQL is skipped: its server is not installed."),
        }
    }
    Ok(())
}

/// The program of PostgREST, if it is to be compared and can be had.
fn postgrest(args: &Args) -> Option<PathBuf> {
    if !args.peers || args.bulk.is_some() || !args.processes.is_empty() {
        return None;
    }
    match peer::program(args.postgrest.as_deref()) {
        Ok((program, version)) => {
            println!("Compared with {version} ({}).", program.display());
            Some(program)
        }
        Err(error) => {
            println!("PostgREST is not compared: {error}");
            None
        }
    }
}

fn measure(databases: &Databases, postgrest: Option<&Path>, args: &Args) -> Outcome<()> {
    let system = actix_web::rt::System::new();
    let connections = usize::from(args.connections);
    let plan = Plan { rounds: args.rounds, duration: Duration::from_secs(args.seconds), connections, postgrest };
    let is_kept = args.keep.is_some();
    let mut sizes = args.milestones.clone();
    sizes.sort_unstable();
    let smallest = sizes.first().copied().unwrap_or(IMPORTED);
    if let Some(rows) = args.bulk {
        println!("{}", import(databases, rows)?);
    } else if !args.processes.is_empty() {
        let mut numbers: Vec<usize> = args.processes.iter().copied().map(usize::from).collect();
        numbers.sort_unstable();
        let filled = databases.filled(smallest, is_kept)?;
        println!("{}", system.block_on(processes::measure(&filled, &numbers, plan))?);
    } else {
        let filled: Vec<Filled> = sizes.iter().map(|size| databases.filled(*size, is_kept)).collect::<Outcome<_>>()?;
        let (subjects, ceilings) = system.block_on(rounds::measure(databases.name(), &filled, plan))?;
        let imported = import(databases, IMPORTED.min(smallest))?;
        let report = Report {
            backend: databases.name(),
            connections,
            binary: service::binary_size(),
            ceilings,
            subjects,
            bulk: Some(imported.share()),
        };
        println!("{report}\n{imported}");
    }
    Ok(())
}

fn import(databases: &Databases, rows: i64) -> Outcome<bulk::Bulk> {
    let [url, all, only] = [databases.create("bulk")?, databases.create("bare_all")?, databases.create("bare_only")?];
    let measured = bulk::measure(databases.name(), &url, [&all, &only], rows, databases.directory());
    actix_web::rt::System::new().block_on(measured)
}
