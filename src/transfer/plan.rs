//! The result of an import, planned or applied: one line per record, and a digest of the data that it was made on.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::fault::{ImportFault, Severity};
use crate::error::Result;
use crate::model::hex;
use crate::record::bulk;
use crate::{msg, text_enum};

text_enum! {
    /// What the import does with a record.
    Outcome as "ImportOutcome" {
        /// 新增: the record is created.
        Create => "create",
        /// 更新: fields of the record are changed.
        Update => "update",
        /// 不变: the record already equals the file.
        Unchanged => "unchanged",
        /// 删除: the file does not have the record, and `prune` covers it.
        Delete => "delete",
        /// 恢复: the record was deleted and is restored with the values of the file.
        Restore => "restore",
        /// 拒绝: the record has faults, or refers to a record that has.
        Refused => "refused",
    }
}

/// What the import does with one record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ImportLine {
    /// Path of the resource.
    #[schema(max_length = 50, example = "milestones")]
    pub resource: String,
    /// Code of the record; null for a deleted record without one.
    #[schema(max_length = 100, example = "enping-hospital-opening")]
    pub code: Option<String>,
    /// What the import does with the record.
    pub outcome: Outcome,
    /// Version of the record that the plan was made on; null if there was no record, or if it is refused.
    #[schema(minimum = 1, example = 3)]
    pub version: Option<i64>,
    /// Fields that change, of a record that is updated, or restored with other values than it had when it was deleted.
    pub changes: Vec<ImportChange>,
}

/// A change of one field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ImportChange {
    /// Name of the field.
    #[schema(max_length = 100, example = "due_on")]
    pub field: String,
    /// Value before the import: a text as it is, anything else as JSON; null if the field was empty.
    #[schema(example = "2022-06-30")]
    pub before: Option<String>,
    /// Value after the import, in the same form.
    #[schema(example = "2022-09-30")]
    pub after: Option<String>,
}

impl From<bulk::Change> for ImportChange {
    fn from(change: bulk::Change) -> ImportChange {
        let shown = |value: Value| match value {
            Value::Null => None,
            Value::String(text) => Some(text),
            other => Some(other.to_string()),
        };
        ImportChange { field: change.field, before: shown(change.before), after: shown(change.after) }
    }
}

/// The number of records by outcome, and the number of faults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportCounts {
    /// Number of records that are created.
    #[schema(minimum = 0, example = 10_000)]
    pub create: i64,
    /// Number of records that are changed.
    #[schema(minimum = 0, example = 3)]
    pub update: i64,
    /// Number of records that stay unchanged.
    #[schema(minimum = 0, example = 12)]
    pub unchanged: i64,
    /// Number of records that are deleted.
    #[schema(minimum = 0, example = 0)]
    pub delete: i64,
    /// Number of deleted records that are restored.
    #[schema(minimum = 0, example = 0)]
    pub restore: i64,
    /// Number of records that have faults, or refer to a record that has.
    #[schema(minimum = 0, example = 0)]
    pub refused: i64,
    /// Number of faults that prevent the file from being applied.
    #[schema(minimum = 0, example = 0)]
    pub errors: i64,
    /// Number of faults that do not prevent it.
    #[schema(minimum = 0, example = 1)]
    pub warnings: i64,
}

/// The most faults that are reported; further ones are only counted.
pub const FAULTS_MAX: i64 = 20_000;

/// Receives the results of the engine one by one, so that nothing has to hold all of them in memory.
pub trait Report {
    fn line(&mut self, line: ImportLine) -> Result<()>;
    fn fault(&mut self, fault: ImportFault) -> Result<()>;
    /// Called after each batch with the number of records done so far; an error stops the import.
    fn progress(&mut self, done: usize) -> Result<()>;
}

/// Counts and digests results before it passes them on to a report.
pub struct Tally<'a> {
    report: &'a mut dyn Report,
    pub counts: ImportCounts,
    state: Sha256,
}

impl<'a> Tally<'a> {
    pub fn new(report: &'a mut dyn Report) -> Tally<'a> {
        Tally { report, counts: ImportCounts::default(), state: Sha256::new() }
    }

    pub fn line(&mut self, line: ImportLine) -> Result<()> {
        let count = match line.outcome {
            Outcome::Create => &mut self.counts.create,
            Outcome::Update => &mut self.counts.update,
            Outcome::Unchanged => &mut self.counts.unchanged,
            Outcome::Delete => &mut self.counts.delete,
            Outcome::Restore => &mut self.counts.restore,
            Outcome::Refused => &mut self.counts.refused,
        };
        *count += 1;
        let ImportLine { resource, code, outcome, version, changes } = &line;
        let (code, version) = (code.as_deref().unwrap_or_default(), version.unwrap_or_default());
        self.state.update(format!("{resource}\n{code}\n{outcome}\n{version}\n"));
        for ImportChange { field, before, after } in changes {
            self.state.update(format!("{field}\n{before:?}\n{after:?}\n"));
        }
        self.report.line(line)
    }

    /// Adds data to the digest that no line shows.
    pub fn digest(&mut self, value: &Value) {
        self.state.update(value.to_string());
    }

    /// Counts every fault, and reports the first [`FAULTS_MAX`].
    pub fn fault(&mut self, fault: ImportFault) -> Result<()> {
        match fault.severity {
            Severity::Error => self.counts.errors += 1,
            Severity::Warning => self.counts.warnings += 1,
        }
        match self.counts.errors + self.counts.warnings {
            count if count <= FAULTS_MAX => self.report.fault(fault),
            count if count == FAULTS_MAX + 1 => {
                let message = msg!(
                    "问题超过 {FAULTS_MAX} 个，其余未列出。",
                    "has more than {FAULTS_MAX} faults; the others are not listed"
                );
                self.report.fault(ImportFault::of_file("more_faults", &message))
            }
            _ => Ok(()),
        }
    }

    pub fn progress(&mut self, done: usize) -> Result<()> {
        self.report.progress(done)
    }

    /// The finished plan.
    pub fn end(self) -> Plan {
        Plan { counts: self.counts, state_sha256: hex(&self.state.finalize()) }
    }
}

/// The totals of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub counts: ImportCounts,
    /// SHA-256 in hexadecimal digits over the outcome, version and changes of each record and the codes that names resolved to.
    /// Two plans of one file with the same digest were made on the same data.
    pub state_sha256: String,
}
