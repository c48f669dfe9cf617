//! Enumerations of resolutions (议定事项).

use crate::text_enum;

text_enum! {
    /// What was last decided about a resolution.
    Status as "ResolutionStatus" {
        /// 办理中.
        Open => "open",
        /// 已办结.
        Done => "done",
        /// 不再办理.
        Dropped => "dropped",
    }
}

impl Status {
    /// What may follow this status.
    pub fn next(self) -> &'static [Status] {
        match self {
            Status::Open => &[Status::Done, Status::Dropped],
            Status::Done | Status::Dropped => &[Status::Open],
        }
    }
}

text_enum! {
    /// What a resolution is on a date; where it became a commitment or a milestone, what that one is.
    State as "ResolutionState" {
        /// 办理中.
        Open => "open",
        /// 逾期: past its due date and not done.
        Overdue => "overdue",
        /// 已办结.
        Done => "done",
        /// 不再办理.
        Dropped => "dropped",
    }
}
