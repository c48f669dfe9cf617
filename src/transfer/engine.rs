//! Brings the records of a file into the database, as one transaction's work: the only way in for every format, from the
//! command line and over HTTP alike.
//!
//! Records go in the order of their kinds and of what they name, some hundred at a time. One that has a fault is told and
//! left out, the others go on, so that all faults are told at once; whoever runs this rolls back when there are any. A
//! plan is the same work, always rolled back: it cannot promise what applying would refuse.

use std::collections::HashSet;
use std::sync::mpsc::{Receiver, sync_channel};

use super::columns::{self, Table};
use super::fault::{ImportFault, Severity};
use super::gather::{CodeHash, Gathered, hash_of, named_by};
use super::names::{Names, has_number};
use super::plan::{ImportLine, Outcome, Plan, Report, Tally};
use super::row::Row;
use super::words;
use crate::db::backend;
use crate::error::{Error, Fault, Faults, Problem, Result};
use crate::model::text::without_nul;
use crate::model::types::{Code, Ref};
use crate::msg;
use crate::record::Tx;
use crate::record::bulk::{Done, Mode, Policy};
use crate::record::deleted;
use crate::resources::{self, Form, pairings};

/// Records that are written together.
const TOGETHER: usize = 1_000;

/// What may be done besides creating.
#[derive(Clone, Debug)]
pub struct Options {
    pub mode: Mode,
    /// Whether a code of a deleted record restores it.
    pub restore: bool,
    /// Within these pairings, records that the file does not have are deleted, of the kinds that it has.
    pub prune: Vec<Ref>,
}

impl Options {
    fn policy(&self) -> Policy {
        Policy { mode: self.mode, restore: self.restore }
    }
}

/// Brings everything in that was gathered, and says what became of it.
pub fn bring_in(tx: &mut Tx<'_>, options: &Options, gathered: &mut Gathered, report: &mut dyn Report) -> Result<Plan> {
    tx.expect_many();
    let mut tally = Tally::new(report);
    for fault in gathered.faults.read()? {
        tally.fault(fault?)?;
    }
    if gathered.count == 0 && tally.counts.errors == 0 {
        let message = msg!("文件中没有记录，不会写入任何内容。", "has no records: nothing would be written");
        let fault = ImportFault { severity: Severity::Warning, ..ImportFault::of_file("no_records", &message) };
        tally.fault(fault)?;
    }
    let mut work = Work { tx, options, names: Names::default(), tally, failed: HashSet::new(), done: 0 };
    for form in resources::forms() {
        work.kind(gathered, &form)?;
    }
    if !options.prune.is_empty() {
        work.prune(gathered)?;
    }
    Ok(work.tally.end())
}

/// A record, and whether the published schema finds nothing wrong with it.
struct Judged {
    is_good: bool,
    row: Row,
}

struct Work<'a, 't, 'r> {
    tx: &'a mut Tx<'t>,
    options: &'a Options,
    names: Names,
    tally: Tally<'r>,
    /// Codes of records that have faults: what names them is refused without a word of its own.
    failed: HashSet<CodeHash>,
    done: usize,
}

impl Work<'_, '_, '_> {
    fn kind(&mut self, gathered: &mut Gathered, form: &Form) -> Result<()> {
        if !gathered.has(form.kind.path) {
            return Ok(());
        }
        let tables = columns::tables(&self.tx.catalog.contract, form)?;
        let in_order = gathered.in_order(form.kind.path)?;
        let catalog = self.tx.catalog.clone();
        let contract = &catalog.contract;
        let (component, of_form) = (form.new, &tables);
        std::thread::scope(|scope| {
            let (sender, judged) = sync_channel(2 * TOGETHER);
            // Ahead of the writing: most records are good, and need no more than to be read and found so.
            scope.spawn(move || {
                for row in in_order {
                    let row = row.and_then(|row| {
                        let is_good =
                            contract.is_good(component, &row.document)? && !has_number(of_form, &row.document);
                        Ok(Judged { is_good, row })
                    });
                    // Who takes them has stopped, and says why himself.
                    if sender.send(row).is_err() {
                        return;
                    }
                }
            });
            self.all(gathered, form, &tables, judged)
        })
    }

    fn all(
        &mut self,
        gathered: &Gathered,
        form: &Form,
        tables: &[Table],
        judged: Receiver<Result<Judged>>,
    ) -> Result<()> {
        let mut rows: Vec<Judged> = Vec::with_capacity(TOGETHER);
        let mut codes = HashSet::new();
        let (mut written, mut plans_until) = (0, 0);
        for row in judged {
            let row = row?;
            // What is named must be there before what names it is written.
            let waits = named_by(&row.row.document, form.kind.after).any(|named| codes.contains(&hash_of(named)));
            if rows.len() == TOGETHER || waits {
                // As often as the table may have doubled.
                if written >= plans_until {
                    backend::forget_plans(self.tx.conn)?;
                    plans_until = TOGETHER.max(2 * written);
                }
                written += rows.len();
                self.together(gathered, form, tables, std::mem::take(&mut rows))?;
                codes.clear();
            }
            codes.insert(hash_of(&row.row.code));
            rows.push(row);
        }
        self.together(gathered, form, tables, rows)
    }

    fn together(&mut self, gathered: &Gathered, form: &Form, tables: &[Table], judged: Vec<Judged>) -> Result<()> {
        let mut faults: Vec<Vec<Fault>> = Vec::with_capacity(judged.len());
        let mut rows = Vec::with_capacity(judged.len());
        let mut is_settled = Vec::with_capacity(judged.len());
        for Judged { is_good, mut row } in judged {
            is_settled.push(!is_good);
            if is_good {
                rows.push(row);
                faults.push(Vec::new());
                continue;
            }
            // Names where codes are wanted are the one fault that can be mended here.
            let unknown = self.names.settle(self.tx.conn, gathered, tables, &mut row.document)?;
            let mut judged = self.tx.catalog.contract.faults(form.new, &row.document)?;
            // A name that is nobody's is no code either; one word about it is enough.
            judged.retain(|fault| unknown.iter().all(|other| other.pointer != fault.pointer));
            judged.extend(unknown);
            faults.push(judged);
            rows.push(row);
        }
        self.forgive_absences(form, &rows, &mut faults)?;
        for (row, faults) in rows.iter_mut().zip(&mut faults).filter(|(_, faults)| !faults.is_empty()) {
            // The record is not tried: what trying it would say of its references is said here.
            let mut missing = self.names.missing(self.tx.conn, gathered, tables, &mut row.document)?;
            missing.retain(|fault| faults.iter().all(|other| other.pointer != fault.pointer));
            faults.extend(missing);
        }
        let good: Vec<usize> = (0..rows.len()).filter(|index| faults[*index].is_empty()).collect();
        let records: Vec<_> = good.iter().map(|index| (rows[*index].code.as_str(), &rows[*index].document)).collect();
        let put = resources::by_path(form.kind.path)?.put_all(self.tx, self.options.policy(), &records)?;
        let mut outcomes: Vec<Option<Done>> = rows.iter().map(|_| None).collect();
        for (index, done) in good.into_iter().zip(put) {
            match done {
                Ok(done) => outcomes[index] = Some(done),
                Err(error) => faults[index] = faults_of(error.problem()),
            }
        }
        for (((row, outcome), faults), is_settled) in rows.into_iter().zip(outcomes).zip(faults).zip(is_settled) {
            if is_settled {
                // Names lead to other records when the data are others: what they led to is part of the plan.
                self.tally.saw(&row.document);
            }
            self.told(gathered, tables, row, outcome, &faults)?;
        }
        self.tx.settle()?;
        self.tally.progress(self.done)
    }

    /// A record that is there, or that is restored, may be given in part: what it must have, it has or had. One that was
    /// deleted, and is not restored, has that fault instead.
    fn forgive_absences(&mut self, form: &Form, rows: &[Row], faults: &mut [Vec<Fault>]) -> Result<()> {
        // PostgreSQL refuses a parameter with NUL, which no code has.
        let is_code = |row: &Row| Ref(row.code.clone()).is_shaped();
        let faulty: Vec<_> =
            rows.iter().zip(faults).filter(|(row, faults)| !faults.is_empty() && is_code(row)).collect();
        if faulty.is_empty() {
            return Ok(());
        }
        let codes: Vec<&str> = faulty.iter().map(|(row, _)| row.code.as_str()).collect();
        let there: HashSet<String> =
            (form.kind.find_codes)(self.tx.conn, &codes)?.into_iter().map(|(code, _)| code).collect();
        let deleted = deleted::by_code(self.tx.conn, form.kind, &codes)?;
        for (row, faults) in faulty {
            let is_deleted = deleted.contains_key(&row.code);
            if there.contains(&row.code) || is_deleted {
                faults.retain(|fault| fault.code != "required");
            }
            if is_deleted && !self.options.restore {
                let refused = deleted::refuse_reuse(self.tx.conn, form.kind, &Code(row.code.clone()), None);
                faults.extend(refused.err().map(|error| error.problem().faults).unwrap_or_default());
            }
        }
        Ok(())
    }

    fn told(
        &mut self,
        gathered: &Gathered,
        tables: &[Table],
        row: Row,
        outcome: Option<Done>,
        faults: &[Fault],
    ) -> Result<()> {
        self.done += 1;
        for fault in faults {
            let mut fault = row.fault(&gathered.layouts, fault);
            let is_echo = fault.code == "unknown_reference"
                && fault.value.as_ref().is_some_and(|named| self.failed.contains(&hash_of(named)));
            // A cell that could not be read is missing for that reason, which was reported.
            let is_unread = fault.code == "required" && gathered.is_unread(&row.path, &row.code, &fault.pointer);
            if !is_echo && !is_unread {
                words::reword(tables, &mut fault);
                self.names.suggest(self.tx.conn, tables, &mut fault)?;
                self.tally.fault(fault)?;
            }
        }
        let (outcome, version, changes) = match outcome {
            Some(Done::Created) => (Outcome::Create, None, Vec::new()),
            Some(Done::Updated(changes, version)) => (Outcome::Update, Some(version), changes),
            Some(Done::Restored(changes, version)) => (Outcome::Restore, Some(version), changes),
            Some(Done::Unchanged(version)) => (Outcome::Unchanged, Some(version), Vec::new()),
            None => {
                self.failed.insert(hash_of(&row.code));
                (Outcome::Refused, None, Vec::new())
            }
        };
        let changes = changes.into_iter().map(Into::into).collect();
        self.tally.line(ImportLine {
            resource: row.path,
            code: Some(without_nul(&row.code)),
            outcome,
            version,
            changes,
        })
    }

    /// Deletes what the named pairings have and the file has not; what others name goes after these.
    fn prune(&mut self, gathered: &Gathered) -> Result<()> {
        let mut faults = Faults::default();
        let ids = pairings::KIND.resolve_all(self.tx.conn, &mut faults, "/prune", &self.options.prune)?;
        faults.refuse()?;
        for form in resources::forms().iter().rev().filter(|form| gathered.has(form.kind.path)) {
            if form.kind.name == pairings::KIND.name {
                continue;
            }
            let mut left = Vec::new();
            for pairing in &ids {
                let held = resources::by_path(form.kind.path)?.of_pairing(self.tx, *pairing)?;
                // Whoever has no code goes by the one that stands in for it.
                left.extend(held.into_iter().filter(|held| !gathered.has_code(form.kind.path, &held.code)));
            }
            self.delete_all(form, left)?;
        }
        Ok(())
    }

    /// Deletes records of one kind, in as many rounds as they name each other.
    fn delete_all(&mut self, form: &Form, mut left: Vec<crate::record::bulk::Held>) -> Result<()> {
        let resource = resources::by_path(form.kind.path)?;
        while !left.is_empty() {
            let before = left.len();
            let mut refused = Vec::new();
            for held in left {
                let deleted = self.tx.savepoint(|tx| resource.delete(tx, held.id));
                let (outcome, version) = match deleted {
                    Ok(()) => (Outcome::Delete, Some(held.version)),
                    Err(Error::Problem(problem)) => {
                        refused.push((held, *problem));
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                let (resource, code) = (form.kind.path.to_owned(), Some(held.code));
                self.tally.line(ImportLine { resource, code, outcome, version, changes: Vec::new() })?;
            }
            if refused.len() == before {
                for (held, problem) in refused {
                    self.not_deleted(form, held, problem)?;
                }
                return Ok(());
            }
            left = refused.into_iter().map(|(held, _)| held).collect();
            self.tx.settle()?;
        }
        Ok(())
    }

    fn not_deleted(&mut self, form: &Form, held: crate::record::bulk::Held, problem: Problem) -> Result<()> {
        let resource = form.kind.path.to_owned();
        let code = held.code;
        let row = Row { path: resource.clone(), code: code.clone(), ..Row::default() };
        for fault in faults_of(problem) {
            let fault = row.fault(&[], &fault);
            self.tally.fault(ImportFault { row: None, ..fault })?;
        }
        let (outcome, changes) = (Outcome::Refused, Vec::new());
        self.tally.line(ImportLine { resource, code: Some(code), outcome, version: None, changes })
    }
}

/// The faults that a refusal stands for.
fn faults_of(problem: Problem) -> Vec<Fault> {
    if problem.faults.is_empty() {
        let message = problem.detail.unwrap_or(problem.title);
        return vec![Fault { pointer: String::new(), code: problem.code, message }];
    }
    problem.faults
}
