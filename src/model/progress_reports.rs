//! Enumerations of progress reports (进展报告).

use crate::text_enum;

text_enum! {
    /// Status of a progress report.
    Status as "ProgressReportStatus" {
        /// 草稿.
        Draft => "draft",
        /// 已上报: waits for a decision.
        Submitted => "submitted",
        /// 已审定: counts, and never changes.
        Approved => "approved",
        /// 已退回: has a note that says why.
        Returned => "returned",
    }
}

impl Status {
    /// Returns the statuses that may follow this one.
    pub fn next(self) -> &'static [Status] {
        match self {
            Status::Draft | Status::Returned => &[Status::Submitted],
            Status::Submitted => &[Status::Approved, Status::Returned],
            Status::Approved => &[],
        }
    }

    /// What a report may begin as: an import brings in what was approved, or returned, elsewhere.
    pub fn first() -> &'static [Status] {
        &[Status::Draft, Status::Submitted, Status::Approved, Status::Returned]
    }
}
