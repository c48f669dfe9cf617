//! What clients see of imports.

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

/// A file that was sent to be brought in.
#[derive(Debug, Serialize, ToSchema)]
// A word of Java's own, where clients are generated.
#[schema(as = ImportRun)]
pub struct Import {
    /// The import's number.
    #[schema(minimum = 1, example = 1)]
    pub id: i64,
    /// When the file was sent.
    pub created_at: Instant,
    /// When anything of the import was last written.
    pub updated_at: Instant,
    /// Who sent it.
    #[schema(max_length = 200, example = "新会区对口办")]
    pub sent_by: String,
    /// What the file is called.
    #[schema(max_length = 200, example = "2026年里程碑.xlsx")]
    pub file_name: Option<String>,
    /// The file's format.
    pub format: Format,
    /// The resource whose records the file has, where it was named.
    #[schema(max_length = 50, example = "milestones")]
    pub resource: Option<String>,
    /// The file's size in bytes.
    #[schema(minimum = 0, example = 48_213)]
    pub byte_size: i64,
    /// The file's SHA-256 in hexadecimal digits.
    #[schema(max_length = 64)]
    pub sha256: String,
    /// What it may do to records that are there already.
    pub mode: Mode,
    /// Whether a code of a deleted record restores the record.
    pub restore: bool,
    /// The pairings within which records that the file does not have are deleted.
    pub prune: Vec<Reference>,
    /// Whether columns that are not understood are left out.
    pub ignore_unknown_columns: bool,
    /// How it stands.
    pub status: Status,
    /// How many records the file has; null until it is read.
    #[schema(minimum = 0, example = 10_000)]
    pub records: Option<i64>,
    /// How many of them the work that is under way has gone through.
    #[schema(minimum = 0, example = 10_000)]
    pub done: i64,
    /// What becomes of them; null until it is planned.
    pub counts: Option<ImportCounts>,
    /// A digest of the state that the plan saw; null until it is planned. It is applied on that state or not at all.
    #[schema(max_length = 64)]
    pub state_sha256: Option<String>,
    /// When it was planned last.
    pub planned_at: Option<Instant>,
    /// When it was applied.
    pub applied_at: Option<Instant>,
    /// Why it was interrupted or failed.
    pub failure: Option<Text>,
    /// Of a stale plan: records of which something else would become now; the first hundred.
    pub stale: Vec<ImportStaleLine>,
}

/// A record of which a plan no longer holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ImportStaleLine {
    /// The resource's path.
    #[schema(max_length = 50, example = "milestones")]
    pub resource: String,
    /// The record's code.
    #[schema(max_length = 100, example = "enping-hospital-opening")]
    pub code: Option<String>,
    /// What was planned; null where nothing was.
    pub planned: Option<Outcome>,
    /// The version that the plan saw.
    #[schema(minimum = 1, example = 3)]
    pub planned_version: Option<i64>,
    /// What would become of it now; null where nothing would.
    pub now: Option<Outcome>,
    /// The version that is there now.
    #[schema(minimum = 1, example = 4)]
    pub now_version: Option<i64>,
    /// The fields that would change now.
    #[serde(default)]
    pub changes: Vec<ImportChange>,
}

/// How a file is to be brought in.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct NewImport {
    /// What the file is called; its ending tells the format where `Content-Type` does not.
    #[param(max_length = 200, example = "milestones.xlsx")]
    pub file_name: Option<String>,
    /// The resource whose records a CSV or NDJSON file has, or a workbook with one filled sheet; the headers of a table may
    /// say it, too.
    #[param(max_length = 50, example = "milestones")]
    pub resource: Option<String>,
    /// What it may do to records that are there already.
    #[param(inline)]
    pub mode: Option<Mode>,
    /// Whether the file may restore deleted records: a code of one then restores the record with what the file has, as its
    /// next version. Without it, such a code is a fault. False unless given.
    pub restore: Option<bool>,
    /// Pairings within which records that the file does not have are deleted, of those resources of which it has any;
    /// several repeat the parameter. None: nothing is deleted.
    #[serde(default)]
    pub prune: Vec<Ref>,
    /// Whether columns that are not understood are left out, each with a warning. Otherwise each is an error.
    pub ignore_unknown_columns: Option<bool>,
}

/// What a list of imports can be narrowed by.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ImportFilter {
    /// With one of these statuses; several repeat the parameter.
    #[serde(default)]
    pub status: Vec<Status>,
}

/// What the lines of an import can be narrowed by.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ImportLineFilter {
    /// Of which this becomes; several repeat the parameter.
    #[serde(default)]
    pub outcome: Vec<Outcome>,
}

/// What the faults of an import can be narrowed by.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ImportFaultFilter {
    /// Of this weight; several repeat the parameter.
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
