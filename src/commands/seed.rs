//! `seed plan` and `seed apply`, and the data that comes with the program.

use std::io::{Seek, Write};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use diesel::prelude::*;
use include_dir::{Dir, include_dir};
use indicatif::{ProgressBar, ProgressStyle};

use super::keys::explain;
use super::{Outcome, open_existing, write_out};
use crate::access::Actor;
use crate::app;
use crate::audit::{self, pending};
use crate::config::Settings;
use crate::db::schema::audit_events;
use crate::db::{self, Conn, Verdict, backend, locked};
use crate::error::Result;
use crate::model::hex;
use crate::model::text::Language;
use crate::model::types::Ref;
use crate::record::Catalog;
use crate::record::bulk::Mode;
use crate::spool::Spool;
use crate::transfer::engine::Options;
use crate::transfer::fault::{ImportFault, Severity};
use crate::transfer::files::{self, Source};
use crate::transfer::format::Format;
use crate::transfer::gather::Gathered;
use crate::transfer::plan::{self, ImportCounts, ImportLine, Plan, Report};
use crate::transfer::read::ReadOptions;
use crate::transfer::{Import, Refusal};

/// The Jiangmen programme of 2022.
static BUILT_IN: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/seed");

/// What is to be brought in, and how.
#[derive(Args, Clone)]
pub struct SeedArgs {
    /// Workbooks (.xlsx), tables (.csv) or bundles (.yaml, .json, .ndjson), or directories of them
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// What may be done to records that are there already: upsert or create
    #[arg(long, default_value = "upsert", value_name = "MODE")]
    mode: Mode,
    /// Restore deleted records whose codes the files have, with what the files say of them
    #[arg(long)]
    restore: bool,
    /// Delete what the files do not have, within this pairing and of the resources that they have; may be repeated
    #[arg(long, value_name = "PAIRING")]
    prune: Vec<String>,
    /// The resource whose records a .csv or .ndjson file has
    #[arg(long)]
    resource: Option<String>,
    /// Leave columns that are not understood out, with a warning, instead of refusing the file
    #[arg(long)]
    ignore_unknown_columns: bool,
}

/// Whether to say or to do.
#[derive(Clone)]
pub enum Work {
    Plan,
    Apply {
        /// Only on the state that a plan saw, by its digest.
        planned_on: Option<String>,
    },
}

pub fn run(settings: &Settings, args: SeedArgs, work: Work) -> Outcome {
    let SeedArgs { paths, mode, restore, prune, resource, ignore_unknown_columns } = args;
    let mut sources = files::open(&paths)?;
    let mut conn = open_existing(settings)?;
    let catalog = Arc::new(app::catalog().map_err(|e| e.to_string())?);
    let reading = ReadOptions { resource: resource.as_deref(), ignore_unknown_columns };
    let gathered = files::gather(&mut sources, reading, &catalog.contract).map_err(|e| explain(&e))?;
    let options = Options { mode, restore, prune: prune.into_iter().map(Ref).collect() };
    let is_plan = matches!(work, Work::Plan);
    let mut told = Told::new(gathered.count)?;
    let done = locked::transaction(&mut conn, locked::PATIENCE, |conn| {
        let plan = bring_in(conn, settings, &catalog, gathered, &options, &work, &mut told)?;
        Ok(if is_plan { Verdict::Undo(plan) } else { Verdict::Keep(plan) })
    });
    let Plan { counts, state_sha256 } = told.judge(done)?;
    while !is_plan
        && db::in_transaction(&mut conn, |conn| pending::seal(conn).map(Verdict::Keep)).map_err(|e| e.cause())?
    {}
    told.bar.finish_and_clear();
    told.print(is_plan)?;
    let ImportCounts { create, update, unchanged, delete, restore, .. } = counts;
    // Nothing is restored unless that was asked for.
    let restored = |verb: &str| if options.restore { format!(", {verb} {restore}") } else { String::new() };
    write_out(&if is_plan {
        let restored = restored("restore");
        let totals =
            format!("Would create {create}, change {update}{restored}, delete {delete} and leave {unchanged}.\n");
        let on_this = format!("On this state alone: seed apply --planned-on {state_sha256}\n");
        totals + if create + update + delete + restore > 0 { &on_this } else { "" }
    } else {
        let restored = restored("restored");
        format!("Created {create}, changed {update}{restored}, deleted {delete}, left {unchanged}.\n")
    })
}

/// Fills a database that nothing was ever written to; gives the number of records. Of processes that start together on
/// one database, one does it.
pub fn fill_empty(conn: &mut Conn, settings: &Settings, catalog: &Arc<Catalog>) -> Result<Option<usize>, String> {
    locked::begin(conn, locked::PATIENCE).map_err(|e| e.to_string())?;
    let filled = fill_if_empty(conn, settings, catalog);
    let ended = if filled.is_ok() { backend::commit(conn) } else { backend::roll_back(conn) };
    filled.and_then(|count| ended.map(|()| count).map_err(|e| e.to_string()))
}

fn fill_if_empty(conn: &mut Conn, settings: &Settings, catalog: &Arc<Catalog>) -> Result<Option<usize>, String> {
    backend::lock_kind(conn, "seed").map_err(|e| e.to_string())?;
    // Keys that were made before, and requests that were refused, are no data.
    let of_records = audit_events::table.filter(audit_events::entity.ne_all([audit::API_KEY, audit::REQUEST]));
    let events: i64 = of_records.count().get_result(conn).map_err(|e| e.to_string())?;
    if events > 0 || pending::are_any(conn).map_err(|e| e.to_string())? {
        return Ok(None);
    }
    let mut sources = built_in().map_err(|e| format!("cannot write a temporary file: {e}"))?;
    let gathered = files::gather(&mut sources, ReadOptions::default(), &catalog.contract).map_err(|e| explain(&e))?;
    let count = gathered.count;
    let options = Options { mode: Mode::Create, restore: false, prune: Vec::new() };
    let mut told = Told::new(0)?;
    let work = Work::Apply { planned_on: None };
    let done = bring_in(conn, settings, catalog, gathered, &options, &work, &mut told);
    told.judge(done).map(|_| Some(count))
}

fn built_in() -> std::io::Result<Vec<Source>> {
    let is_bundle = |path: &std::path::Path| path.extension().is_some_and(|extension| extension == "yaml");
    let mut sources = Vec::new();
    for built_in in BUILT_IN.files().filter(|file| is_bundle(file.path())) {
        let mut file = tempfile::tempfile()?;
        file.write_all(built_in.contents())?;
        file.rewind()?;
        sources.push(Source { name: format!("seed/{}", built_in.path().display()), file, format: Format::Yaml });
    }
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(sources)
}

fn bring_in(
    conn: &mut Conn,
    settings: &Settings,
    catalog: &Arc<Catalog>,
    mut gathered: Gathered,
    options: &Options,
    work: &Work,
    told: &mut Told,
) -> Result<Plan, Refusal> {
    let request_id = format!("seed-{}", hex(&rand::random::<[u8; 6]>()));
    let actor = Actor::operator();
    let import = Import { actor: &actor, request_id: &request_id, catalog, today: settings.today(), options };
    match work {
        Work::Plan => Ok(import.plan(conn, &mut gathered, told)?),
        Work::Apply { planned_on } => import.apply(conn, &mut gathered, planned_on.as_deref(), told),
    }
}

fn tell(faults: &mut [ImportFault]) -> String {
    faults.sort_by(|a, b| (&a.sheet, a.row, &a.pointer).cmp(&(&b.sheet, b.row, &b.pointer)));
    let lines: Vec<String> = faults.iter().map(|fault| fault.line("", Language::En)).collect();
    let errors = faults.iter().filter(|fault| fault.severity == Severity::Error).count();
    let count = if errors == 1 { "1 fault".to_owned() } else { format!("{errors} faults") };
    format!("{}\n{count}; nothing was written", lines.join("\n"))
}

/// What the command says of each record, and the faults; how far it is while it works.
struct Told {
    lines: Spool<ImportLine>,
    faults: Vec<ImportFault>,
    bar: ProgressBar,
}

impl Told {
    fn new(records: usize) -> Result<Told, String> {
        let style =
            ProgressStyle::with_template("{bar:40} {pos}/{len} records, {eta} left").map_err(|e| e.to_string())?;
        // Draws on a terminal alone.
        let bar = ProgressBar::new(records as u64).with_style(style);
        Ok(Told { lines: Spool::new().map_err(|e| explain(&e))?, faults: Vec::new(), bar })
    }

    /// The plan, where nothing is wrong with the files; what is wrong otherwise. Warnings are printed.
    fn judge(&mut self, done: Result<Plan, Refusal>) -> Result<Plan, String> {
        let is_faulty = self.faults.iter().any(|fault| fault.severity == Severity::Error);
        match done {
            Ok(plan) if !is_faulty => {
                for fault in &self.faults {
                    eprintln!("{}", fault.line("", Language::En));
                }
                Ok(plan)
            }
            Ok(_) | Err(Refusal::Faulty(_)) => Err(tell(&mut self.faults)),
            Err(Refusal::Stale(_)) => {
                Err("the data were changed since the plan; nothing was written; plan again".to_owned())
            }
            Err(Refusal::Failed(error)) => Err(explain(&error)),
        }
    }

    fn print(&mut self, is_plan: bool) -> Outcome {
        for line in self.lines.read().map_err(|e| explain(&e))? {
            let ImportLine { resource, code, outcome, version: _, changes } = line.map_err(|e| explain(&e))?;
            let verb = match (outcome, is_plan) {
                (plan::Outcome::Create, true) => "create",
                (plan::Outcome::Create, false) => "created",
                (plan::Outcome::Update, true) => "change",
                (plan::Outcome::Update, false) => "changed",
                (plan::Outcome::Delete, true) => "delete",
                (plan::Outcome::Delete, false) => "deleted",
                (plan::Outcome::Restore, true) => "restore",
                (plan::Outcome::Restore, false) => "restored",
                (plan::Outcome::Unchanged, true) => "leave",
                (plan::Outcome::Unchanged, false) | (plan::Outcome::Refused, _) => continue,
            };
            let fields: Vec<String> = changes.into_iter().map(|change| change.field).collect();
            let fields = if fields.is_empty() { String::new() } else { format!(" ({})", fields.join(", ")) };
            write_out(&format!("{verb:8}{resource}/{}{fields}\n", code.unwrap_or_default()))?;
        }
        Ok(())
    }
}

impl Report for Told {
    fn line(&mut self, line: ImportLine) -> Result<()> {
        self.lines.push(&line).map(drop)
    }

    fn fault(&mut self, fault: ImportFault) -> Result<()> {
        self.faults.push(fault);
        Ok(())
    }

    fn progress(&mut self, done: usize) -> Result<()> {
        self.bar.set_position(done as u64);
        Ok(())
    }
}
