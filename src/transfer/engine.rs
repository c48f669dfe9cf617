//! Writes the records of a file into the database within one transaction. Every format uses it, from the command line and
//! over HTTP alike.
//!
//! Records are written in batches, kind by kind, each after the records that it refers to. A record with a fault is reported
//! and skipped while the others continue, so that one run reports all faults; the caller rolls back if there are any. A plan
//! is the same run, always rolled back, so that a plan cannot promise what applying would refuse.

use std::collections::HashSet;
use std::sync::mpsc::{Receiver, sync_channel};

use super::columns::{self, Table};
use super::fault::{ImportFault, Severity};
use super::gather::{CodeHash, Gathered, hash_of, named_by};
use super::messages;
use super::names::{Names, has_number};
use super::plan::{ImportLine, Outcome, Plan, Report, Tally};
use super::row::Row;
use crate::db::backend;
use crate::error::{Error, Fault, Faults, Problem, Result};
use crate::model::text::without_nul;
use crate::model::types::{Code, Ref};
use crate::msg;
use crate::record::bulk::{Done, Mode, Policy};
use crate::record::{Tx, deleted};
use crate::resources::{self, Form, pairings};

/// Records of one batch.
const BATCH: usize = 1_000;

/// What an import may do besides creating records.
#[derive(Clone, Debug)]
pub struct Options {
    pub mode: Mode,
    /// Whether the code of a deleted record restores that record.
    pub restore: bool,
    /// Pairings within which records missing from the file are deleted, of the kinds that the file has.
    pub prune: Vec<Ref>,
}

impl Options {
    fn policy(&self) -> Policy {
        Policy { mode: self.mode, restore: self.restore }
    }
}

/// Imports all records of a file and returns the plan: what became of each.
pub fn import_records(
    tx: &mut Tx<'_>,
    options: &Options,
    gathered: &mut Gathered,
    report: &mut dyn Report,
) -> Result<Plan> {
    tx.expect_many();
    let mut tally = Tally::new(report);
    for fault in gathered.faults.read()? {
        tally.fault(fault?)?;
    }
    if gathered.count == 0 && tally.counts.errors == 0 {
        let message = msg!("文件中没有记录，不会写入任何内容。", "contains no records; nothing would be written");
        let fault = ImportFault { severity: Severity::Warning, ..ImportFault::of_file("no_records", &message) };
        tally.fault(fault)?;
    }
    let mut engine = Engine { tx, options, names: Names::default(), tally, failed: HashSet::new(), done: 0 };
    for form in resources::forms() {
        engine.import_kind(gathered, &form)?;
    }
    if !options.prune.is_empty() {
        engine.prune(gathered)?;
    }
    Ok(engine.tally.end())
}

/// A record, and whether it is valid by the published schema.
struct Validated {
    is_valid: bool,
    row: Row,
}

struct Engine<'a, 't, 'r> {
    tx: &'a mut Tx<'t>,
    options: &'a Options,
    names: Names,
    tally: Tally<'r>,
    /// Codes of records that have faults. A reference to one of them is refused without a fault of its own, since the cause is
    /// reported already.
    failed: HashSet<CodeHash>,
    done: usize,
}

impl Engine<'_, '_, '_> {
    fn import_kind(&mut self, gathered: &mut Gathered, form: &Form) -> Result<()> {
        if !gathered.has(form.kind.path) {
            return Ok(());
        }
        let tables = columns::tables(&self.tx.catalog.contract, form)?;
        let in_order = gathered.in_order(form.kind.path)?;
        let catalog = self.tx.catalog.clone();
        let contract = &catalog.contract;
        let (component, of_form) = (form.new, &tables);
        std::thread::scope(|scope| {
            let (sender, validated) = sync_channel(2 * BATCH);
            // Reading and validating run ahead of writing, on a thread of their own: most records are valid and need no more.
            scope.spawn(move || {
                for row in in_order {
                    let row = row.and_then(|row| {
                        let is_valid =
                            contract.is_good(component, &row.document)? && !has_number(of_form, &row.document);
                        Ok(Validated { is_valid, row })
                    });
                    // The receiver has stopped because of an error, which it returns.
                    if sender.send(row).is_err() {
                        return;
                    }
                }
            });
            self.write_batches(gathered, form, &tables, validated)
        })
    }

    fn write_batches(
        &mut self,
        gathered: &Gathered,
        form: &Form,
        tables: &[Table],
        validated: Receiver<Result<Validated>>,
    ) -> Result<()> {
        let mut rows: Vec<Validated> = Vec::with_capacity(BATCH);
        let mut codes = HashSet::new();
        let (mut written, mut plans_until) = (0, 0);
        for row in validated {
            let row = row?;
            // A record must exist before another refers to it, so that such a pair is never in one batch.
            let depends = named_by(form.kind, &row.row.document).any(|named| codes.contains(&hash_of(named)));
            if rows.len() == BATCH || depends {
                // Whenever the table may have doubled, since plans made for a small table are slow on a large one.
                if written >= plans_until {
                    backend::forget_plans(self.tx.conn)?;
                    plans_until = BATCH.max(2 * written);
                }
                written += rows.len();
                self.write_batch(gathered, form, tables, std::mem::take(&mut rows))?;
                codes.clear();
            }
            codes.insert(hash_of(&row.row.code));
            rows.push(row);
        }
        self.write_batch(gathered, form, tables, rows)
    }

    fn write_batch(
        &mut self,
        gathered: &Gathered,
        form: &Form,
        tables: &[Table],
        validated: Vec<Validated>,
    ) -> Result<()> {
        let mut faults: Vec<Vec<Fault>> = Vec::with_capacity(validated.len());
        let mut rows = Vec::with_capacity(validated.len());
        let mut was_resolved = Vec::with_capacity(validated.len());
        for Validated { is_valid, mut row } in validated {
            was_resolved.push(!is_valid);
            if is_valid {
                rows.push(row);
                faults.push(Vec::new());
                continue;
            }
            // Names in the place of codes are looked up and replaced; other faults are reported as they are.
            let unknown = self.names.resolve(self.tx.conn, gathered, tables, &mut row.document)?;
            let mut found = self.tx.catalog.contract.faults(form.new, &row.document)?;
            // A name that was not found also violates the pattern of codes; one fault is enough.
            found.retain(|fault| unknown.iter().all(|other| other.pointer != fault.pointer));
            found.extend(unknown);
            faults.push(found);
            rows.push(row);
        }
        self.drop_required_of_existing(form, &rows, &mut faults)?;
        for (row, faults) in rows.iter_mut().zip(&mut faults).filter(|(_, faults)| !faults.is_empty()) {
            // A record with faults is not written, so that its references are checked here.
            let mut missing = self.names.unknown_references(self.tx.conn, gathered, tables, &mut row.document)?;
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
        for (((row, outcome), faults), was_resolved) in rows.into_iter().zip(outcomes).zip(faults).zip(was_resolved) {
            if was_resolved {
                // On other data a name may lead to another record, so that the digest covers what it led to.
                self.tally.digest(&row.document);
            }
            self.report_row(gathered, tables, row, outcome, &faults)?;
        }
        self.tx.settle()?;
        self.tally.progress(self.done)
    }

    /// Removes the faults of missing required fields from records that exist or are restored: these have the fields already,
    /// so that a file may give them in part. A deleted record that is not to be restored gets that fault instead.
    fn drop_required_of_existing(&mut self, form: &Form, rows: &[Row], faults: &mut [Vec<Fault>]) -> Result<()> {
        // PostgreSQL rejects a parameter that contains NUL; no code does.
        let is_code = |row: &Row| Ref(row.code.clone()).is_shaped();
        let faulty: Vec<_> =
            rows.iter().zip(faults).filter(|(row, faults)| !faults.is_empty() && is_code(row)).collect();
        if faulty.is_empty() {
            return Ok(());
        }
        let codes: Vec<&str> = faulty.iter().map(|(row, _)| row.code.as_str()).collect();
        let there: HashSet<String> =
            form.kind.find_codes(self.tx.conn, &codes)?.into_iter().map(|(code, _)| code).collect();
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

    /// Reports the faults and the outcome of one record.
    fn report_row(
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
            // A field is missing because its cell could not be read, which is reported already.
            let is_unread = fault.code == "required" && gathered.is_unread(&row.path, &row.code, &fault.pointer);
            if !is_echo && !is_unread {
                messages::reword(tables, &mut fault);
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

    /// Deletes the records of the given pairings that the file does not have. Kinds go in reverse order, so that a record is
    /// deleted after those that refer to it.
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
                // A record without a code is matched by its surrogate code.
                left.extend(held.into_iter().filter(|held| !gathered.has_code(form.kind.path, &held.code)));
            }
            self.delete_all(form, left)?;
        }
        Ok(())
    }

    /// Deletes records of one kind. Those that are still referred to are tried again after the others, until a round deletes none.
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
                    self.report_undeleted(form, held, problem)?;
                }
                return Ok(());
            }
            left = refused.into_iter().map(|(held, _)| held).collect();
            self.tx.settle()?;
        }
        Ok(())
    }

    fn report_undeleted(&mut self, form: &Form, held: crate::record::bulk::Held, problem: Problem) -> Result<()> {
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

/// The faults of a problem; a problem without faults becomes one.
fn faults_of(problem: Problem) -> Vec<Fault> {
    if problem.faults.is_empty() {
        let message = problem.detail.unwrap_or(problem.title);
        return vec![Fault { pointer: String::new(), code: problem.code, message }];
    }
    problem.faults
}
