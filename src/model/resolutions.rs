//! Enumerations of resolutions (议定事项).

use crate::text_enum;

text_enum! {
    /// Status of a resolution: the last decision about it.
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
    /// Returns the statuses that may follow this one.
    pub fn next(self) -> &'static [Status] {
        match self {
            Status::Open => &[Status::Done, Status::Dropped],
            Status::Done | Status::Dropped => &[Status::Open],
        }
    }
}

text_enum! {
    /// State of a resolution on a date; that of the commitment or milestone that it became, if any.
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
