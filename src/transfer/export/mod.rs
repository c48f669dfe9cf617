//! Taking data out: lists as files, and bundles that can be brought in again.
//!
//! | module | what it is |
//! |---|---|
//! | [`rows`] | the items of a list as lines of NDJSON and CSV, and as the sheets of a workbook |
//! | [`bundle`] | all records of a database, or a programme's with those that they name, in the shape that imports read |
//! | [`closure`] | what belongs to a programme |
//! | [`text`] | bundles as YAML and JSON, written record by record |
//! | [`api`] | what clients see of bundles |

pub mod api;
pub mod bundle;
mod closure;
pub mod rows;
mod text;

use crate::access::policy::{Access, PersonalData, Tag};
use crate::db::Class;

/// Who may use the operations of this module.
pub const TAG: Tag = Tag {
    name: "exports",
    about: "Data in files that can be imported again. 数据导出。",
    read: Access::Readers,
    write: Access::Denied,
    exceptions: &[],
    reads: Class::LongRead,
    personal_data: PersonalData::In(&["getBundle"]),
};
