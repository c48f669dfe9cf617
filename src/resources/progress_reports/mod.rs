//! Progress reports (进展报告): a period's value and words on a commitment, usually monthly.
//!
//! A report is a draft, is submitted, and is then approved or returned with a note; a returned one is mended and submitted
//! again. While it is submitted its content stays as it is. Only approved reports count. An approved report locks its
//! period: it never changes, and no other report of the commitment overlaps it, except one that supersedes it, which
//! takes its place once it is approved itself.

pub mod api;
pub mod order;
pub mod periods;
pub mod store;

pub use crate::model::progress_reports::Status;

use crate::db::reference::{Belongs, Kind, Naming};

/// The resource.
pub struct ProgressReports;

/// The kind of these records.
pub static KIND: Kind = Kind {
    name: "progress_report",
    path: "progress-reports",
    number: 12,
    table: "progress_reports",
    owner: "progress_report_id",
    naming: Naming::Function(store::references),
    belongs: Belongs::ToPairing,
    outgoing: &[api::OUTGOING],
    about: "Reports on commitments, period by period. 进展报告。",
    computed_from: &["progress_report"],
    ..super::defaults()
};
