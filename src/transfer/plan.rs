//! What bringing a file in would do, or did: one line a record, and a digest of the state that it was decided on.

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
    /// What becomes of a record.
    Outcome as "ImportOutcome" {
        /// 新增: it is created.
        Create => "create",
        /// 更新: fields of it are changed.
        Update => "update",
        /// 不变: it is as the file has it.
        Unchanged => "unchanged",
        /// 删除: the file no longer has it, and pruning was asked for.
        Delete => "delete",
        /// 恢复: it was deleted, and is there again with what the file has.
        Restore => "restore",
        /// 拒绝: it has faults, or refers to a record that has.
        Refused => "refused",
    }
}

/// What becomes of one record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ImportLine {
    /// The resource's path.
    #[schema(max_length = 50, example = "milestones")]
    pub resource: String,
    /// The record's code; null for one that has none and is deleted.
    #[schema(max_length = 100, example = "enping-hospital-opening")]
    pub code: Option<String>,
    /// What becomes of it.
    pub outcome: Outcome,
    /// The version that was seen; null where there was no record, or where it was refused.
    #[schema(minimum = 1, example = 3)]
    pub version: Option<i64>,
    /// The fields that change, of a record that is updated, or restored with other values than it was deleted with.
    pub changes: Vec<ImportChange>,
}

/// One field that another value is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ImportChange {
    /// The field's name.
    #[schema(max_length = 100, example = "due_on")]
    pub field: String,
    /// What stands there: a text as it is, anything else as JSON; null where there is nothing.
    #[schema(example = "2022-06-30")]
    pub before: Option<String>,
    /// What will stand there, likewise.
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

/// How many records of a file meet which outcome, and how many faults it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportCounts {
    /// Records that are created.
    #[schema(minimum = 0, example = 10_000)]
    pub create: i64,
    /// Records that are changed.
    #[schema(minimum = 0, example = 3)]
    pub update: i64,
    /// Records that stay as they are.
    #[schema(minimum = 0, example = 12)]
    pub unchanged: i64,
    /// Records that are deleted.
    #[schema(minimum = 0, example = 0)]
    pub delete: i64,
    /// Records that were deleted and are restored.
    #[schema(minimum = 0, example = 0)]
    pub restore: i64,
    /// Records that have faults, or refer to one that has.
    #[schema(minimum = 0, example = 0)]
    pub refused: i64,
    /// Faults that keep the file from being applied.
    #[schema(minimum = 0, example = 0)]
    pub errors: i64,
    /// Faults that do not.
    #[schema(minimum = 0, example = 1)]
    pub warnings: i64,
}

/// More faults than these are counted, and not told.
pub const FAULTS_MAX: i64 = 20_000;

/// Takes what the engine finds, line by line, so that nobody needs to hold all of it.
pub trait Report {
    fn line(&mut self, line: ImportLine) -> Result<()>;
    fn fault(&mut self, fault: ImportFault) -> Result<()>;
    /// So many records are done; an error ends the work.
    fn progress(&mut self, done: usize) -> Result<()>;
}

/// Counts and digests what passes on its way to a report.
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

    /// Takes a part of the state that a line does not show.
    pub fn saw(&mut self, value: &Value) {
        self.state.update(value.to_string());
    }

    /// Counts every fault, and tells the first [`FAULTS_MAX`].
    pub fn fault(&mut self, fault: ImportFault) -> Result<()> {
        match fault.severity {
            Severity::Error => self.counts.errors += 1,
            Severity::Warning => self.counts.warnings += 1,
        }
        match self.counts.errors + self.counts.warnings {
            told if told <= FAULTS_MAX => self.report.fault(fault),
            told if told == FAULTS_MAX + 1 => {
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

    /// The plan as a whole.
    pub fn end(self) -> Plan {
        Plan { counts: self.counts, state_sha256: hex(&self.state.finalize()) }
    }
}

/// What a file comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub counts: ImportCounts,
    /// SHA-256, in hexadecimal digits, over each record's outcome, the version that was seen, what changes and what names
    /// led to: two plans for one file that agree in it were made on the same state.
    pub state_sha256: String,
}
