//! Request and response types of imports.

use serde::{Deserialize, Serialize};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::Status;
use crate::db::reference::Reference;
use crate::http::list::ListPage;
use crate::model::text::Text;
use crate::model::types::{Instant, Ref};
use crate::record::bulk::Mode;
use crate::transfer::fault::{ImportFault, Severity};
use crate::transfer::format::Format;
use crate::transfer::plan::{ImportChange, ImportCounts, ImportLine, Outcome};

/// An uploaded file with its plan.
#[derive(Debug, Serialize, ToSchema)]
// `import` is a keyword of Java, in which clients are generated.
#[schema(as = ImportRun)]
pub struct Import {
    /// Numeric identifier, assigned on creation, never reused.
    #[schema(minimum = 1, example = 1)]
    pub id: i64,
    /// When the file was uploaded.
    pub created_at: Instant,
    /// When the import was last changed.
    pub updated_at: Instant,
    /// Name of the key or user that uploaded the file.
    #[schema(max_length = 200, example = "新会区对口办")]
    pub sent_by: String,
    /// Name of the file; null if none was given.
    #[schema(max_length = 200, example = "2026年里程碑.xlsx")]
    pub file_name: Option<String>,
    /// Format of the file.
    pub format: Format,
    /// Resource of the records in the file, as given with the upload; null if none was given.
    #[schema(max_length = 50, example = "milestones")]
    pub resource: Option<String>,
    /// Size of the file in bytes.
    #[schema(minimum = 0, example = 48_213)]
    pub byte_size: i64,
    /// SHA-256 of the file in hexadecimal digits.
    #[schema(max_length = 64)]
    pub sha256: String,
    /// What the import may do to existing records.
    pub mode: Mode,
    /// Whether the code of a deleted record restores that record.
    pub restore: bool,
    /// Pairings within which records missing from the file are deleted.
    pub prune: Vec<Reference>,
    /// Whether unknown columns are ignored.
    pub ignore_unknown_columns: bool,
    /// Status of the import.
    pub status: Status,
    /// Number of records in the file; null until the file is read.
    #[schema(minimum = 0, example = 10_000)]
    pub records: Option<i64>,
    /// Number of records that the current or last run has processed.
    #[schema(minimum = 0, example = 10_000)]
    pub done: i64,
    /// Number of records by outcome; null until the file is planned.
    pub counts: Option<ImportCounts>,
    /// Digest of the data that the plan was made on; null until the file is planned. An import is applied to that data only.
    #[schema(max_length = 64)]
    pub state_sha256: Option<String>,
    /// When the file was last planned; null until then.
    pub planned_at: Option<Instant>,
    /// When the file was applied; null until then.
    pub applied_at: Option<Instant>,
    /// Why the import was interrupted, was cancelled during a run, or failed; null otherwise.
    pub failure: Option<Text>,
    /// Records whose outcome differs from the plan, if the plan is stale; at most 100.
    pub stale: Vec<ImportStaleLine>,
}

/// A record whose outcome differs from a stale plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ImportStaleLine {
    /// Path of the resource.
    #[schema(max_length = 50, example = "milestones")]
    pub resource: String,
    /// Code of the record; null if it has none.
    #[schema(max_length = 100, example = "enping-hospital-opening")]
    pub code: Option<String>,
    /// Planned outcome; null if the plan does not have the record.
    pub planned: Option<Outcome>,
    /// Version of the record that the plan was made on.
    #[schema(minimum = 1, example = 3)]
    pub planned_version: Option<i64>,
    /// Outcome on the data of today; null if there is none.
    pub now: Option<Outcome>,
    /// Version of the record today.
    #[schema(minimum = 1, example = 4)]
    pub now_version: Option<i64>,
    /// Fields that would change today.
    #[serde(default)]
    pub changes: Vec<ImportChange>,
}

/// Query parameters of an upload.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct NewImport {
    /// Name of the file. Its extension determines the format if `Content-Type` does not.
    #[param(max_length = 200, example = "milestones.xlsx")]
    pub file_name: Option<String>,
    /// Resource of the records in a CSV or NDJSON file, or in a workbook with one filled sheet. Required for NDJSON; a table can
    /// also be identified by its headers.
    #[param(max_length = 50, example = "milestones")]
    pub resource: Option<String>,
    /// What the import may do to existing records. Default: `upsert`.
    #[param(inline)]
    pub mode: Option<Mode>,
    /// Whether the code of a deleted record restores that record with the values of the file, as its next version. Otherwise such
    /// a code is a fault. Default: false.
    pub restore: Option<bool>,
    /// Pairings within which records missing from the file are deleted, of the resources that the file has. Repeat the parameter
    /// for several pairings. Default: nothing is deleted.
    #[serde(default)]
    pub prune: Vec<Ref>,
    /// Whether unknown columns are ignored, each with a warning, instead of being errors. Default: false.
    pub ignore_unknown_columns: Option<bool>,
}

/// Filter parameters of a list of imports.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ImportFilter {
    /// Imports with this status. Repeat the parameter for several.
    #[serde(default)]
    pub status: Vec<Status>,
}

/// Filter parameters of the lines of an import.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ImportLineFilter {
    /// Lines with this outcome. Repeat the parameter for several.
    #[serde(default)]
    pub outcome: Vec<Outcome>,
}

/// Filter parameters of the faults of an import.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ImportFaultFilter {
    /// Faults with this severity. Repeat the parameter for several.
    #[serde(default)]
    pub severity: Vec<Severity>,
}

/// A page of imports. The component has this name, not one after the component of [`Import`].
pub struct ImportList;

impl PartialSchema for ImportList {
    fn schema() -> RefOr<Schema> {
        ListPage::<Import>::schema()
    }
}

impl ToSchema for ImportList {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        ListPage::<Import>::schemas(schemas);
    }
}

/// A page of a list.
pub type ImportLineList = ListPage<ImportLine>;
/// A page of a list.
pub type ImportFaultList = ListPage<ImportFault>;
