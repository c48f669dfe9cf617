//! Milestones (里程碑): dated, checkable points of an agreement or of a project.
//!
//! A milestone belongs to an agreement or to a project, never to both. One of a project counts for the project's
//! agreement, too, where it has one: its row carries that agreement, and a project that changes its agreement takes its
//! milestones along.
//!
//! The baseline stays: `baseline_due_on` is the first due date, and every move of `due_on` needs a reason and leaves a
//! [revision](moves). `met` and `partially_met` have the day on which that was; `not_met` has a reason, and is refused
//! before the due date. Both sides can confirm that a milestone is met; a milestone that is no longer met is no longer
//! confirmed.

pub mod api;
mod draft;
mod filter;
pub mod moves;
pub mod sheet;
pub mod store;

use crate::{kind, named, text_enum};

/// The resource.
pub struct Milestones;

kind!(
    "milestone", "milestones", 8, milestones, named!(milestones by title_zh, title_en), "Dated, checkable points. 里程碑。",
    refers to {
        "pairing" by milestones::pairing_id,
        "agreement" by milestones::agreement_id,
        "project" by milestones::project_id,
        "organization" by milestone_responsible::organization_id,
        "milestone" by milestone_dependencies::depends_on_id,
    },
    after &["depends_on"]
);

text_enum! {
    /// How a milestone stands.
    Status as "MilestoneStatus" {
        /// 未开始: planned.
        Scheduled => "scheduled",
        /// 进行中: under way.
        InProgress => "in_progress",
        /// 已完成; has the day on which it was met.
        Met => "met",
        /// 部分完成; has the day on which that was established.
        PartiallyMet => "partially_met",
        /// 未完成: its day has passed; has a reason.
        NotMet => "not_met",
        /// 已取消: given up; left out of progress.
        Cancelled => "cancelled",
    }
}

impl Status {
    /// What may follow this status.
    pub fn next(self) -> &'static [Status] {
        use Status::{Cancelled, InProgress, Met, NotMet, PartiallyMet, Scheduled};
        match self {
            Scheduled => &[InProgress, Met, PartiallyMet, NotMet, Cancelled],
            InProgress => &[Scheduled, Met, PartiallyMet, NotMet, Cancelled],
            PartiallyMet => &[InProgress, Met, NotMet, Cancelled],
            NotMet => &[InProgress, Met, PartiallyMet, Cancelled],
            Met => &[InProgress],
            Cancelled => &[Scheduled],
        }
    }

    /// Whether the work is not done, so that its date can pass.
    pub fn is_open(self) -> bool {
        matches!(self, Status::Scheduled | Status::InProgress | Status::NotMet)
    }

    /// Whether the status has a day on which it was reached.
    pub fn has_met_on(self) -> bool {
        matches!(self, Status::Met | Status::PartiallyMet)
    }
}
