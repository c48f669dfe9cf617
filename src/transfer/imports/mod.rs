//! Imports over HTTP: a client uploads a file, inspects the plan, and then applies or cancels it.
//!
//! | status | meaning | next |
//! |---|---|---|
//! | planning | the file is being read and checked | planned, refused, cancelled, interrupted, failed |
//! | planned | the file can be applied | applying, planning, cancelled |
//! | refused | the file has faults | planning, cancelled |
//! | applying | the records are being written | applied, stale, refused, cancelled, interrupted, failed |
//! | applied | all records are written | |
//! | stale | the data has changed since the plan; nothing is written | planning, cancelled |
//! | interrupted | the process that worked on the import has stopped; nothing is written | planning, cancelled |
//! | failed | the import could not be processed; nothing is written | planning, cancelled |
//! | cancelled | nothing is written | |
//!
//! Planning and applying are [background jobs](jobs). The end of a job is written in the transaction of the records, so that an
//! import has the status `applied` exactly if its records exist. An import is visible to its sender and to administrators.

pub mod api;
pub mod jobs;
mod outcome;
pub mod plans;
mod redaction;
pub mod runs;
pub mod store;
pub mod types;
mod upload;
pub mod workbooks;

use crate::access::policy::{Access, PersonalData, Reach, Tag};
use crate::db::Class;
use crate::text_enum;

/// Who may use the operations of this module.
pub const TAG: Tag = Tag {
    name: "imports",
    about: "Files of records, planned and then applied. 导入。",
    read: Access::Editors(Reach::OwnRecords),
    write: Access::Editors(Reach::OwnRecords),
    exceptions: &[
        ("createImport", Access::Editors(Reach::AllRecords)),
        ("listImports", Access::Editors(Reach::AllRecords)),
    ],
    reads: Class::ShortRead,
    personal_data: PersonalData::None,
};

text_enum! {
    /// Status of an import.
    Status as "ImportStatus" {
        /// 正在预检: the file is being read and checked.
        Planning => "planning",
        /// 待应用: the file can be applied.
        Planned => "planned",
        /// 有错误: the file has faults and cannot be applied.
        Refused => "refused",
        /// 正在写入: the records are being written.
        Applying => "applying",
        /// 已写入: all records are written.
        Applied => "applied",
        /// 已过时: the data has changed since the plan and nothing is written. Plan the import again.
        Stale => "stale",
        /// 已取消: the import was cancelled and nothing is written.
        Cancelled => "cancelled",
        /// 已中断: the service stopped during the work and nothing is written. Plan the import again.
        Interrupted => "interrupted",
        /// 失败: the import could not be processed and nothing is written.
        Failed => "failed",
    }
}

impl Status {
    /// Whether a job is working on the import.
    pub fn is_running(self) -> bool {
        matches!(self, Status::Planning | Status::Applying)
    }

    /// Whether the status is final.
    pub fn is_over(self) -> bool {
        matches!(self, Status::Applied | Status::Cancelled)
    }
}
