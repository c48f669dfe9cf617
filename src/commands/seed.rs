//! `seed plan` and `seed apply`, and the built-in data.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Arg, Args, Subcommand, ValueEnum};
use diesel::prelude::*;
use include_dir::{Dir, include_dir};
use indicatif::{ProgressBar, ProgressStyle};

use super::database::open_existing;
use super::keys::explain;
use super::{Outcome, references, write_out};
use crate::access::{Actor, secrets};
use crate::app;
use crate::audit::{self, pending};
use crate::config::{Settings, paths};
use crate::db::schema::audit_events;
use crate::db::{Conn, Verdict, backend, locked};
use crate::error::Result;
use crate::model::text::Language;
use crate::model::types::Ref;
use crate::record::Catalog;
use crate::record::bulk::Mode;
use crate::resources::{self, pairings};
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

#[derive(Subcommand)]
pub enum SeedCommand {
    /// List what an import would change; change nothing
    #[command(after_help = "\
Examples:
  pairing-tracker seed plan seed/
  pairing-tracker seed plan milestones.csv --resource milestones")]
    Plan(SeedArgs),
    /// Import records in one transaction: create new ones, change those that differ
    #[command(after_help = "\
Examples:
  pairing-tracker seed apply seed/
  pairing-tracker seed apply report.xlsx --mode create
  pairing-tracker seed apply xinhui.yaml --prune xinhui-taishan")]
    Apply {
        #[command(flatten)]
        args: SeedArgs,
        /// Fail if the data changed since the plan that printed this digest
        #[arg(long, value_name = "DIGEST")]
        planned_on: Option<String>,
    },
}

/// The files to import, and the options.
#[derive(Args, Clone)]
pub struct SeedArgs {
    /// Workbooks (.xlsx), tables (.csv) or bundles (.yaml, .json, .ndjson), or directories with such files
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Whether records that exist may be changed
    #[arg(long, value_enum, default_value_t = Mode::Upsert)]
    mode: Mode,
    /// Restore deleted records whose codes are in the files, with the content of the files
    #[arg(long)]
    restore: bool,
    /// Delete the records of this pairing that are not in the files, of the resources that the files contain; repeatable
    #[arg(long, value_name = "PAIRING")]
    prune: Vec<String>,
    /// The resource of a .csv or .ndjson file
    #[arg(long, value_parser = ResourceParser)]
    resource: Option<String>,
    /// Ignore unknown columns with a warning, instead of rejecting the file
    #[arg(long)]
    ignore_unknown_columns: bool,
}

impl ValueEnum for Mode {
    fn value_variants<'a>() -> &'a [Mode] {
        Mode::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Mode::Upsert => "create new records, change those that differ",
            Mode::Create => "create new records; one that exists is an error",
        };
        Some(PossibleValue::new(self.as_str()).help(help))
    }
}

/// Accepts the names of resources in the paths of the API, and those of a workbook's sheets. Completes the former.
#[derive(Clone)]
struct ResourceParser;

impl ResourceParser {
    fn paths() -> impl Iterator<Item = &'static str> {
        resources::forms().into_iter().map(|form| form.kind.path)
    }
}

impl TypedValueParser for ResourceParser {
    type Value = String;

    fn parse_ref(&self, command: &clap::Command, argument: Option<&Arg>, value: &OsStr) -> Result<String, clap::Error> {
        let name = value.to_string_lossy();
        // The lists within records have sheets too: `pairings.members`.
        let record = name.split(['.', '·']).next().unwrap_or_default();
        let is_known = resources::forms()
            .iter()
            .any(|form| form.kind.path.eq_ignore_ascii_case(record) || form.sheet.zh == record);
        if is_known {
            return Ok(name.into_owned());
        }
        PossibleValuesParser::new(ResourceParser::paths()).parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(ResourceParser::paths().map(PossibleValue::new)))
    }
}

/// Whether an import is only planned.
#[derive(Clone)]
enum Work {
    Plan,
    Apply {
        /// The digest of the plan, which must still apply.
        planned_on: Option<String>,
    },
}

impl SeedCommand {
    fn args(&self) -> &SeedArgs {
        match self {
            SeedCommand::Plan(args) | SeedCommand::Apply { args, .. } => args,
        }
    }

    /// Fails if a path does not exist or cannot be read.
    pub fn check_paths(&self) -> Outcome {
        for path in self.args().paths.iter().filter(|path| !path.is_dir()) {
            File::open(path).map_err(|error| paths::read_failure(path, &error))?;
        }
        Ok(())
    }
}

pub fn run(settings: &Settings, command: SeedCommand) -> Outcome {
    let (args, work) = match command {
        SeedCommand::Plan(args) => (args, Work::Plan),
        SeedCommand::Apply { args, planned_on } => (args, Work::Apply { planned_on }),
    };
    let SeedArgs { paths, mode, restore, prune, resource, ignore_unknown_columns } = args;
    let mut sources = files::open(&paths)?;
    let mut conn = open_existing(settings)?;
    for pairing in &prune {
        references::require(&mut conn, &pairings::KIND, "--prune", pairing)?;
    }
    let catalog = Arc::new(app::catalog().map_err(|e| e.to_string())?);
    let reading = ReadOptions { resource: resource.as_deref(), ignore_unknown_columns };
    let gathered = files::gather(&mut sources, reading, &catalog.contract).map_err(|e| explain(&e))?;
    let options = Options { mode, restore, prune: prune.into_iter().map(Ref).collect() };
    let is_plan = matches!(work, Work::Plan);
    let mut output = Output::new(gathered.count)?;
    let imported = locked::transaction(&mut conn, locked::PATIENCE, |conn| {
        let plan = import(conn, settings, &catalog, gathered, &options, &work, &mut output)?;
        Ok(if is_plan { Verdict::Undo(plan) } else { Verdict::Keep(plan) })
    });
    let plan = output.check(imported)?;
    if !is_plan {
        pending::seal_all(&mut conn).map_err(|e| e.cause())?;
    }
    output.progress.finish_and_clear();
    output.print(is_plan)?;
    write_out(&summary(&plan, is_plan, options.restore))
}

/// The totals of an import. Restored records are counted only where restoring was requested.
fn summary(plan: &Plan, is_plan: bool, with_restored: bool) -> String {
    let ImportCounts { create, update, unchanged, delete, restore, .. } = plan.counts;
    let restored = |verb: &str| if with_restored { format!(", {verb} {restore}") } else { String::new() };
    if is_plan {
        let restored = restored("restore");
        let totals =
            format!("Would create {create}, change {update}{restored}, delete {delete} and leave {unchanged}.\n");
        let apply = format!("On this state alone: seed apply --planned-on {}\n", plan.state_sha256);
        totals + if create + update + delete + restore > 0 { &apply } else { "" }
    } else {
        let restored = restored("restored");
        format!("Created {create}, changed {update}{restored}, deleted {delete}, left {unchanged}.\n")
    }
}

/// Imports the built-in data into a database without any audit event; returns the number of records. If several processes
/// start on one database, one of them imports.
pub fn fill_empty(conn: &mut Conn, settings: &Settings, catalog: &Arc<Catalog>) -> Result<Option<usize>, String> {
    locked::begin(conn, locked::PATIENCE).map_err(|e| e.to_string())?;
    let filled = fill_if_empty(conn, settings, catalog);
    let ended = if filled.is_ok() { backend::commit(conn) } else { backend::roll_back(conn) };
    let count = filled.and_then(|count| ended.map(|()| count).map_err(|e| e.to_string()))?;
    pending::seal_all(conn).map_err(|e| e.cause())?;
    Ok(count)
}

fn fill_if_empty(conn: &mut Conn, settings: &Settings, catalog: &Arc<Catalog>) -> Result<Option<usize>, String> {
    backend::lock_kind(conn, "seed").map_err(|e| e.to_string())?;
    // Events of keys and of refused requests do not count.
    let of_records = audit_events::table.filter(audit_events::entity.ne_all([audit::API_KEY, audit::REQUEST]));
    let events: i64 = of_records.count().get_result(conn).map_err(|e| e.to_string())?;
    if events > 0 || pending::are_any(conn).map_err(|e| e.to_string())? {
        return Ok(None);
    }
    let mut sources = built_in().map_err(|e| format!("cannot write a temporary file: {e}"))?;
    let gathered = files::gather(&mut sources, ReadOptions::default(), &catalog.contract).map_err(|e| explain(&e))?;
    let count = gathered.count;
    let options = Options { mode: Mode::Create, restore: false, prune: Vec::new() };
    let mut output = Output::new(0)?;
    let work = Work::Apply { planned_on: None };
    let imported = import(conn, settings, catalog, gathered, &options, &work, &mut output);
    output.check(imported).map(|_| Some(count))
}

fn built_in() -> std::io::Result<Vec<Source>> {
    let is_bundle = |path: &Path| path.extension().is_some_and(|extension| extension == "yaml");
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

fn import(
    conn: &mut Conn,
    settings: &Settings,
    catalog: &Arc<Catalog>,
    mut gathered: Gathered,
    options: &Options,
    work: &Work,
    output: &mut Output,
) -> Result<Plan, Refusal> {
    let request_id = format!("seed-{}", secrets::random_hex::<6>());
    let actor = Actor::operator();
    let import = Import { actor: &actor, request_id: &request_id, catalog, today: settings.today(), options };
    match work {
        Work::Plan => Ok(import.plan(conn, &mut gathered, output)?),
        Work::Apply { planned_on } => {
            import.apply(conn, &mut gathered, planned_on.as_deref(), output).map(|(plan, _)| plan)
        }
    }
}

/// The message for faulty files: a line for each fault, and their number.
fn fault_lines(faults: &mut [ImportFault]) -> String {
    faults.sort_by(|a, b| (&a.sheet, a.row, &a.pointer).cmp(&(&b.sheet, b.row, &b.pointer)));
    let lines: Vec<String> = faults.iter().map(|fault| fault.line("", Language::En)).collect();
    let errors = faults.iter().filter(|fault| fault.severity == Severity::Error).count();
    let count = if errors == 1 { "1 fault".to_owned() } else { format!("{errors} faults") };
    format!("{}\n{count}; nothing was written", lines.join("\n"))
}

/// The result for each record, the faults, and the progress bar.
struct Output {
    lines: Spool<ImportLine>,
    faults: Vec<ImportFault>,
    progress: ProgressBar,
}

impl Output {
    fn new(records: usize) -> Result<Output, String> {
        let style =
            ProgressStyle::with_template("{bar:40} {pos}/{len} records, {eta} left").map_err(|e| e.to_string())?;
        // It is drawn only on a terminal.
        let progress = ProgressBar::new(records as u64).with_style(style);
        Ok(Output { lines: Spool::new().map_err(|e| explain(&e))?, faults: Vec::new(), progress })
    }

    /// Returns the plan if the files have no errors, and prints their warnings.
    fn check(&mut self, done: Result<Plan, Refusal>) -> Result<Plan, String> {
        let has_errors = self.faults.iter().any(|fault| fault.severity == Severity::Error);
        match done {
            Ok(plan) if !has_errors => {
                for fault in &self.faults {
                    eprintln!("{}", fault.line("", Language::En));
                }
                Ok(plan)
            }
            Ok(_) | Err(Refusal::Faulty(_)) => Err(fault_lines(&mut self.faults)),
            Err(Refusal::Stale(_)) => {
                Err("the data were changed since the plan; nothing was written; run seed plan again".to_owned())
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

impl Report for Output {
    fn line(&mut self, line: ImportLine) -> Result<()> {
        self.lines.push(&line).map(drop)
    }

    fn fault(&mut self, fault: ImportFault) -> Result<()> {
        self.faults.push(fault);
        Ok(())
    }

    fn progress(&mut self, done: usize) -> Result<()> {
        self.progress.set_position(done as u64);
        Ok(())
    }
}
