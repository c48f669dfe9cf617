//! Enumerations of milestones (里程碑).

use crate::text_enum;

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
