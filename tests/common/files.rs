//! Files imported without HTTP, as the command line does it.

use std::io::Write;

use pairing_tracker::access::Actor;
use pairing_tracker::db::{self, Verdict};
use pairing_tracker::error::Result;
use pairing_tracker::record::bulk::Mode;
use pairing_tracker::transfer::engine::Options;
use pairing_tracker::transfer::fault::ImportFault;
use pairing_tracker::transfer::files::{self, Source};
use pairing_tracker::transfer::format::Format;
use pairing_tracker::transfer::plan::{ImportLine, Outcome, Report};
use pairing_tracker::transfer::read::ReadOptions;
use pairing_tracker::transfer::{Import, Refusal};

use super::{CATALOG, CONTRACT, Database};

/// The report on an import.
#[derive(Debug, Default)]
pub struct Told {
    pub lines: Vec<ImportLine>,
    pub faults: Vec<ImportFault>,
}

impl Report for Told {
    fn line(&mut self, line: ImportLine) -> Result<()> {
        self.lines.push(line);
        Ok(())
    }

    fn fault(&mut self, fault: ImportFault) -> Result<()> {
        self.faults.push(fault);
        Ok(())
    }

    fn progress(&mut self, _done: usize) -> Result<()> {
        Ok(())
    }
}

/// A file of this name and text.
pub fn source(name: &str, text: &str) -> Source {
    source_of(name, text.as_bytes())
}

/// A file of this name and content.
pub fn source_of(name: &str, content: &[u8]) -> Source {
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(content).expect("it can be written");
    let format = Format::of("", Some(name), content).expect("the name tells the format");
    Source { name: name.to_owned(), file, format }
}

/// Plans or applies files as the operator, and returns the report. Nothing is written where there is an error.
pub fn import_files(
    database: &Database,
    sources: &mut [Source],
    resource: Option<&str>,
    ignore_unknown_columns: bool,
    apply: bool,
) -> Told {
    let reading = ReadOptions { resource, ignore_unknown_columns };
    let mut gathered = files::gather(sources, reading, &CONTRACT).expect("it can be read");
    let (actor, today) = (Actor::operator(), "2026-01-01".parse().expect("a day"));
    let options = Options { mode: Mode::Upsert, restore: false, prune: Vec::new() };
    let import = Import { actor: &actor, request_id: "files", catalog: &CATALOG, today, options: &options };
    let (mut conn, mut report) = (database.connect(), Told::default());
    let done = db::in_transaction(&mut conn, |conn| {
        if apply {
            import.apply(conn, &mut gathered, None, &mut report).map(|(plan, _)| Verdict::Keep(plan))
        } else {
            Ok(Verdict::Undo(import.plan(conn, &mut gathered, &mut report)?))
        }
    });
    if let Err(refusal @ (Refusal::Stale(_) | Refusal::Failed(_))) = done {
        panic!("{refusal:?}");
    }
    report
}

/// Plans or applies bundles as the operator, as of 1 January 2026: returns the outcome of each record, or every fault.
pub fn import_bundles(
    database: &Database,
    sources: &mut [Source],
    apply: bool,
) -> Result<Vec<ImportLine>, Vec<ImportFault>> {
    let mut gathered = files::gather(sources, ReadOptions::default(), &CONTRACT).expect("it can be read");
    let (actor, today) = (Actor::operator(), "2026-01-01".parse().expect("a day"));
    let options = Options { mode: Mode::Upsert, restore: false, prune: Vec::new() };
    let import = Import { actor: &actor, request_id: "bundle", catalog: &CATALOG, today, options: &options };
    let (mut conn, mut report) = (database.connect(), Told::default());
    let done = db::in_transaction(&mut conn, |conn| {
        if apply {
            import.apply(conn, &mut gathered, None, &mut report).map(|(plan, _)| Verdict::Keep(plan))
        } else {
            Ok(Verdict::Undo(import.plan(conn, &mut gathered, &mut report)?))
        }
    });
    match done {
        Ok(_) if report.faults.is_empty() => Ok(report.lines),
        Ok(_) | Err(Refusal::Faulty(_)) => Err(report.faults),
        Err(refusal) => panic!("{refusal:?}"),
    }
}

/// How many records have an outcome.
pub fn outcomes(lines: &[ImportLine], outcome: Outcome) -> usize {
    lines.iter().filter(|line| line.outcome == outcome).count()
}
