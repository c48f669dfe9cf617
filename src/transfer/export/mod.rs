//! Export of lists as files, and of bundles that can be imported again.
//!
//! | module | content |
//! |---|---|
//! | [`rows`] | lists as NDJSON, CSV and workbooks |
//! | [`bundle`] | all records, or those of a programme with the records that they refer to, in the shape of imports |
//! | [`closure`] | the records of a programme's bundle |
//! | [`text`] | bundles as YAML and JSON, streamed record by record |
//! | [`api`] | the operation for bundles |

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
