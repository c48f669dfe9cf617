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

use crate::kind;
pub use crate::model::progress_reports::Status;

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
