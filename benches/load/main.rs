//! The load bench: throughput of the service compared with a bare server, on a data set skewed as real data are.
//!
//! ```text
//! cargo bench --bench load -- [--milestones N] [--seconds S] [--connections C] [--only sqlite|postgres] [--keep DIR]
//! cargo bench --bench load -- --bulk N [--only sqlite|postgres]
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | [`dataset`] | the records, written straight into the database |
//! | [`service`] | the program under test: migrated, started, measured, stopped |
//! | [`postgres`] | a PostgreSQL server for the bench |
//! | [`ceiling`] | the bare server that everything is compared with |
//! | [`http`], [`generator`] | a closed-loop load generator over persistent connections |
//! | [`workloads`] | the measured requests |
//! | [`wrong_keys`] | the cost of refusing wrong keys |
//! | [`bulk`] | an import of many milestones (`--bulk N`, and then nothing else) |
//! | [`report`] | the table and the goals |
//!
//! Rates depend on the machine, and the generator runs on the same one; compare the shares of the ceiling. The ceiling is
//! measured before each workload and once more at the end, and its median counts.

mod bulk;
mod ceiling;
mod dataset;
mod generator;
mod http;
mod postgres;
mod process;
mod report;
mod service;
mod workloads;
mod wrong_keys;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use dataset::Facts;
use generator::drive;
use pairing_tracker::config::DatabaseUrl;
use report::Report;
use service::Program;

/// An error message for the user of the bench.
type Outcome<T> = Result<T, String>;

/// Measures the throughput of the service as shares of that of a bare server.
#[derive(Parser)]
#[command(name = "load")]
struct Args {
    /// Number of milestones in the data set
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(i64).range(1_000..=1_000_000))]
    milestones: i64,
    /// Seconds to measure each workload
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Number of concurrent connections
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(2..=1_000))]
    connections: u16,
    /// Measure an import of this many milestones instead, compared with a bulk insert into the bare database
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(i64).range(1_000..=1_000_000))]
    bulk: Option<i64>,
    /// Measure one backend only
    #[arg(long, value_enum)]
    only: Option<Backend>,
    /// Keep the databases in this directory
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
    let temporary = tempfile::tempdir().map_err(|e| format!("no temporary directory: {e}"))?;
    let directory = args.keep.as_deref().unwrap_or(temporary.path());
    std::fs::create_dir_all(directory).map_err(|e| format!("cannot create {}: {e}", directory.display()))?;
    if args.only != Some(Backend::Postgres) {
        let path = directory.join("load.db");
        if path.exists() {
            return Err(format!("{} already exists", path.display()));
        }
        let beside = |name: &str| DatabaseUrl::Sqlite(directory.join(name));
        match args.bulk {
            Some(rows) => {
                bulk("SQLite", &DatabaseUrl::Sqlite(path), [&beside("a.db"), &beside("b.db")], rows, directory)?
            }
            None => measure("SQLite", DatabaseUrl::Sqlite(path), args)?,
        }
    }
    if args.only != Some(Backend::Sqlite) {
        match postgres::binaries() {
            Some(binaries) => {
                let server = postgres::Server::start(&binaries, args.keep.as_deref())?;
                match args.bulk {
                    Some(rows) => {
                        let (a, b) = (server.create("a")?, server.create("b")?);
                        bulk("PostgreSQL", &server.url()?, [&a, &b], rows, server.directory())?;
                    }
                    None => measure("PostgreSQL", server.url()?, args)?,
                }
            }
            None => println!("PostgreSQL is skipped: its server is not installed."),
        }
    }
    Ok(())
}

fn bulk(name: &'static str, url: &DatabaseUrl, bare: [&DatabaseUrl; 2], rows: i64, directory: &Path) -> Outcome<()> {
    let measured = actix_web::rt::System::new().block_on(bulk::measure(name, url, bare, rows, directory))?;
    println!("{measured}");
    Ok(())
}

fn measure(name: &'static str, url: DatabaseUrl, args: &Args) -> Outcome<()> {
    let program = Program::new(url.clone());
    program.run(&["migrate"])?;
    eprintln!("{name}: filling the database with {} milestones", args.milestones);
    let facts = dataset::fill(&url, args.milestones)?;
    let key = program.run(&["key", "create", "--name", "load", "--role", "admin"])?;
    let report = actix_web::rt::System::new().block_on(run_all(name, &program, &facts, key.trim(), args))?;
    println!("{report}");
    Ok(())
}

async fn run_all(name: &'static str, program: &Program, facts: &Facts, key: &str, args: &Args) -> Outcome<Report> {
    let mut starts = Vec::new();
    for _ in 0..5 {
        starts.push(program.start().await?.first_response);
    }
    let bare = ceiling::start().await?;
    let service = program.start().await?;
    actix_web::rt::time::sleep(Duration::from_millis(500)).await;
    let idle = service.memory();
    let mut busy = idle;

    let duration = Duration::from_secs(args.seconds);
    let connections = usize::from(args.connections);
    let mut ceilings = Vec::new();
    let mut rows = Vec::new();
    for workload in workloads::all(service.address, facts, key, connections).await? {
        eprintln!("{name}: {}", workload.loads[0].name);
        ceilings.extend(drive(bare.address, vec![ceiling::load(connections)], duration / 2).await?);
        rows.extend(drive(service.address, workload.loads, duration).await?);
        busy = service::greater(busy, service.memory());
    }
    ceilings.extend(drive(bare.address, vec![ceiling::load(connections)], duration / 2).await?);
    eprintln!("{name}: wrong keys");
    let wrong_keys = wrong_keys::measure(&service, key).await?;
    Ok(Report {
        wrong_keys,
        backend: name,
        facts: *facts,
        connections,
        starts,
        idle,
        busy,
        binary: service::binary_size(),
        ceilings,
        rows,
    })
}
