//! Imports over HTTP: a file is sent, planned, looked at, and then applied or left.
//!
//! | status | what it means | what may follow |
//! |---|---|---|
//! | planning | the file is being read and tried | planned, refused, cancelled, interrupted, failed |
//! | planned | it can be applied | applying, planning, cancelled |
//! | refused | it has faults | planning, cancelled |
//! | applying | it is being written | applied, stale, refused, cancelled, interrupted, failed |
//! | applied | it is written, all of it | |
//! | stale | the data was changed since the plan; nothing of it is written | planning, cancelled |
//! | interrupted | whoever worked on it is gone; nothing of it is written | planning, cancelled |
//! | failed | it cannot be read at all; nothing of it is written | planning, cancelled |
//! | cancelled | nothing of it is written, and nothing will be | |
//!
//! The work is a [job](jobs). Its end is written in the transaction of the records themselves, so that an import is
//! applied exactly where its records are there. An import is seen by whoever sent it, and by administrators.

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
    /// How an import stands.
    Status as "ImportStatus" {
        /// 正在预检: the file is being read and tried.
        Planning => "planning",
        /// 待应用: it can be applied.
        Planned => "planned",
        /// 有错误: it has faults; nothing can be written.
        Refused => "refused",
        /// 正在写入: it is being written.
        Applying => "applying",
        /// 已写入: it is written, all of it.
        Applied => "applied",
        /// 已过时: the data was changed since the plan; nothing of it is written. Plan it again.
        Stale => "stale",
        /// 已取消: nothing of it is written, and nothing will be.
        Cancelled => "cancelled",
        /// 已中断: the service stopped meanwhile; nothing of it is written. Plan it again.
        Interrupted => "interrupted",
        /// 失败: it could not be done; nothing of it is written.
        Failed => "failed",
    }
}

impl Status {
    /// Whether a job works on it.
    pub fn is_running(self) -> bool {
        matches!(self, Status::Planning | Status::Applying)
    }

    /// Whether it has come to an end that nothing follows.
    pub fn is_over(self) -> bool {
        matches!(self, Status::Applied | Status::Cancelled)
    }
}
