//! Progress reports (进展报告): a period's value and words on a commitment, usually monthly.
//!
//! A report is a draft, is submitted, and is then approved or returned with a note; a returned one is mended and submitted
//! again. While it is submitted its content stays as it is. Only approved reports count. An approved report locks its
//! period: it never changes, and no other report of the commitment overlaps it, except one that supersedes it, which
//! takes its place once it is approved itself.

pub mod api;
pub mod order;
pub mod periods;
pub mod sheet;
pub mod store;

use crate::{kind, text_enum};

/// The resource.
pub struct ProgressReports;

kind!(
    "progress_report", "progress-reports", 12, progress_reports, store::references,
    "Reports on commitments, period by period. 进展报告。",
    refers to {
        "pairing" by progress_reports::pairing_id,
        "commitment" by progress_reports::commitment_id,
        "progress_report" by progress_reports::supersedes_id,
    },
    after &["supersedes"]
);

text_enum! {
    /// How a progress report stands.
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
    /// What may follow this status.
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
